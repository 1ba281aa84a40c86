//! A provider kind that speaks HTTP: one call from a profile and an account.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use contract::Fault;
use contract::body::Body;
use contract::canon::Receipt;
use contract::ports::{
    BoxFuture, Call, Canon, ModelCard, Outbound, Provider, ProviderReply, Timeouts, Upstream, UpstreamFailure,
};
use contract::words::{Dialect, Operation};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body::Body as _;

use crate::profile::{Path, Profile, Surface};

/// Most bytes of a list of models that are read.
const LIST_CAP: usize = 4 << 20;

/// One configured account of an HTTP provider.
pub(crate) struct Remote {
    pub(crate) name: Arc<str>,
    pub(crate) profile: &'static Profile,
    /// Without a slash at its end.
    pub(crate) base: String,
    /// The URL of each surface whose path is fixed, in the order of the profile.
    pub(crate) urls: Vec<Option<Uri>>,
    /// The headers of every call, credential included.
    pub(crate) headers: HeaderMap,
    pub(crate) timeouts: Timeouts,
    /// Models to list when the provider cannot be asked.
    pub(crate) listed: Vec<String>,
}

impl Remote {
    fn surface(&self, operation: Operation) -> Option<(usize, &'static Surface)> {
        self.profile.surfaces.iter().enumerate().find(|(_, surface)| surface.operation == operation)
    }

    fn url(&self, call: &Call<'_>) -> Result<Uri, UpstreamFailure> {
        let nowhere = || UpstreamFailure::Build("the provider does not do this".to_owned());
        let (index, surface) = self.surface(call.operation).ok_or_else(nowhere)?;
        match (&self.urls[index], &surface.path) {
            (Some(url), _) => Ok(url.clone()),
            (None, Path::Fixed(path)) => parse(&format!("{}{path}", self.base)),
            (None, Path::Model { before, whole, stream }) => {
                let after = if call.stream { stream } else { whole };
                parse(&format!("{}{before}{}{after}", self.base, escaped(call.model)))
            }
        }
    }

    fn headers(&self, call: &Call<'_>) -> HeaderMap {
        let mut headers = self.headers.clone();
        for name in self.profile.forwards {
            let name = HeaderName::from_static(name);
            if let Some(value) = call.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        if let Some(Ok(value)) = call.traceparent.map(HeaderValue::from_str) {
            headers.insert(HeaderName::from_static("traceparent"), value);
        }
        headers
    }

    async fn list(&self, upstream: &dyn Upstream) -> Result<Vec<ModelCard>, UpstreamFailure> {
        let request = Outbound {
            method: Method::GET,
            uri: parse(&format!("{}{}", self.base, self.profile.list.path))?,
            headers: self.headers.clone(),
            body: Body::Empty,
            timeouts: self.timeouts,
            untrusted: false,
            provider: Some(Arc::clone(&self.name)),
        };
        let reply = upstream.send(request).await?;
        if !reply.status.is_success() {
            return Err(UpstreamFailure::Status(reply.status));
        }
        let body = read(reply.body).await?;
        let nonsense = || UpstreamFailure::Build("the list of models makes no sense".to_owned());
        (self.profile.list.read)(&body).ok_or_else(nonsense)
    }
}

impl Provider for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        self.profile.kind
    }

    fn dialect(&self, operation: Operation) -> Option<Dialect> {
        self.surface(operation).map(|(_, surface)| surface.dialect)
    }

    fn translate(&self, request: Canon<'_>) -> Result<(Bytes, Receipt), Fault> {
        let operation = match request {
            Canon::Chat(_) => Operation::Chat,
            Canon::Embed(_) => Operation::Embeddings,
        };
        let dialect = self.dialect(operation).ok_or(contract::Code::UnsupportedCapability)?;
        let mut receipt = Receipt::default();
        let body = match request {
            Canon::Chat(request) => wire::write_chat(dialect, request, &self.profile.quirks, &mut receipt)?,
            Canon::Embed(request) => wire::write_embed(dialect, request, &self.profile.quirks, &mut receipt)?,
        };
        Ok((body, receipt))
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let request = self.url(&call).map(|uri| Outbound {
            method: Method::POST,
            uri,
            headers: self.headers(&call),
            body: whole(call.body),
            timeouts: call.timeouts,
            untrusted: false,
            provider: Some(Arc::clone(&self.name)),
        });
        match request {
            Ok(request) => upstream.send(request),
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }
    }

    fn discover<'a>(
        &'a self,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        Box::pin(async move {
            if self.listed.is_empty() {
                return self.list(upstream).await;
            }
            Ok(self.listed.iter().map(ModelCard::unknown).collect())
        })
    }
}

fn whole(mut pieces: VecDeque<Bytes>) -> Body {
    match pieces.len() {
        0 => Body::Empty,
        1 => pieces.pop_front().map_or(Body::Empty, Body::Full),
        _ => Body::Chain(pieces),
    }
}

fn parse(url: &str) -> Result<Uri, UpstreamFailure> {
    url.parse().map_err(|_| UpstreamFailure::Build("the model's name does not fit into a URL".to_owned()))
}

/// A model's name as one path segment or several (RFC 3986 §3.3): what is neither unreserved nor `/`, `:` or `@` is
/// percent-encoded, so that a name cannot reach another path or add a query.
fn escaped(model: &str) -> String {
    let mut text = String::with_capacity(model.len());
    for segment in model.split('/') {
        if !text.is_empty() {
            text.push('/');
        }
        if segment == "." || segment == ".." {
            text.push_str("%2E");
            continue;
        }
        for byte in segment.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'@' => {
                    text.push(char::from(byte));
                }
                other => text.push_str(&format!("%{other:02X}")),
            }
        }
    }
    text
}

async fn read(mut body: Body) -> Result<Bytes, UpstreamFailure> {
    let lost = |reason: String| UpstreamFailure::Lost { phase: contract::ports::Phase::Body, reason };
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| lost(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > LIST_CAP {
                return Err(lost(format!("the list of models is larger than {LIST_CAP} bytes")));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_the_path() {
        for (name, path) in [
            ("gemini-2.5-pro", "gemini-2.5-pro"),
            ("tuned/x:1", "tuned/x:1"),
            ("a?key=b", "a%3Fkey%3Db"),
            ("../../admin", "%2E/%2E/admin"),
            ("a#b c", "a%23b%20c"),
        ] {
            assert_eq!(escaped(name), path);
        }
    }
}
