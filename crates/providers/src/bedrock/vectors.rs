//! Embeddings through `InvokeModel`. Titan takes one text a call: a request for several is sent as several.

use bytes::Bytes;
use contract::Body;
use contract::ports::{Outbound, ProviderReply, Upstream, UpstreamFailure};
use contract::words::Dialect;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::value::RawValue;

use super::Bedrock;
use super::claude::joined;
use crate::listing::collect;

/// How many of a request's calls are under way at once.
const AT_ONCE: usize = 8;

/// The dialect of a model's vectors.
pub(super) fn dialect(model: &str) -> Option<Dialect> {
    if model.contains("titan-embed") {
        return Some(Dialect::BedrockTitanEmbed);
    }
    model.contains("cohere.embed").then_some(Dialect::CohereEmbed)
}

impl Bedrock {
    /// Sends a request for vectors; a list of requests becomes a list of answers, or the first that is none.
    pub(super) async fn embed(
        &self,
        mut request: Outbound,
        upstream: &dyn Upstream,
    ) -> Result<ProviderReply, UpstreamFailure> {
        let body = joined(std::mem::take(&mut request.body));
        let broken = |error: serde_json::Error| UpstreamFailure::Build(error.to_string());
        if !body.starts_with(b"[") {
            // Cohere's clients name the model, which stands in the path here.
            let body = wire::bedrock::without_model(&body);
            let body = body.map_err(|error| UpstreamFailure::Build(error.to_string()))?;
            request.body = Body::Full(body);
            return self.send(request, upstream).await;
        }
        let list: Vec<&RawValue> = serde_json::from_slice(&body).map_err(broken)?;
        let one = |raw: &RawValue| Outbound {
            method: request.method.clone(),
            uri: request.uri.clone(),
            headers: request.headers.clone(),
            body: Body::Full(Bytes::copy_from_slice(raw.get().as_bytes())),
            timeouts: request.timeouts,
            untrusted: request.untrusted,
            provider: request.provider.clone(),
        };
        let requests: Vec<Outbound> = list.into_iter().map(one).collect();
        let calls = stream::iter(requests.into_iter().map(|request| self.send(request, upstream)));
        let mut answers = calls.buffered(AT_ONCE);
        let mut out = Vec::from(*b"[");
        while let Some(reply) = answers.next().await {
            let reply = reply?;
            if !reply.status.is_success() {
                return Ok(reply);
            }
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(&collect(reply.body).await?);
        }
        out.push(b']');
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, out.len().into());
        Ok(ProviderReply { status: StatusCode::OK, headers, body: out.into() })
    }
}
