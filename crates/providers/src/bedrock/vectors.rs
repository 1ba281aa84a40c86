//! Embeddings through `InvokeModel`. Titan takes one text a call: a request for several is sent as several.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use contract::Body;
use contract::ports::{Outbound, Phase, ProviderReply, Upstream, UpstreamFailure};
use contract::words::Dialect;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
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
        let over = AtomicBool::new(false);
        // Behind a failure none is begun; those under way are billed, so that their answers are waited for.
        let calls = stream::iter(requests)
            .take_while(|_| ready(!over.load(Ordering::Relaxed)))
            .map(|request| self.send(request, upstream));
        let mut answers = calls.buffered(AT_ONCE);
        let (mut out, mut failed) = (Vec::from(*b"["), None);
        while let Some(reply) = answers.next().await {
            match answer(reply).await {
                Ok(answer) => {
                    if out.len() > 1 {
                        out.push(b',');
                    }
                    out.extend_from_slice(&answer);
                }
                Err(failure) => {
                    over.store(true, Ordering::Relaxed);
                    failed.get_or_insert(failure);
                }
            }
        }
        out.push(b']');
        if let Some(failed) = failed {
            return failed.with(consumed(&out));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, out.len().into());
        Ok(ProviderReply { status: StatusCode::OK, headers, body: out.into() })
    }
}

/// Why one of several calls has no vector.
enum Failed {
    Refused(Box<ProviderReply>),
    Silent(UpstreamFailure),
}

impl Failed {
    /// The failure of them all, which says what the others consumed.
    fn with(self, tokens: u64) -> Result<ProviderReply, UpstreamFailure> {
        let mut reply = match self {
            Self::Refused(reply) => *reply,
            Self::Silent(failure) if tokens == 0 || is_late(&failure) => return Err(failure),
            Self::Silent(failure) => {
                let body = json!({ "message": failure.to_string() }).to_string();
                let mut headers = HeaderMap::new();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                ProviderReply { status: StatusCode::BAD_GATEWAY, headers, body: body.into() }
            }
        };
        if tokens > 0 {
            wire::bedrock::tell(&mut reply.headers, tokens);
        }
        Ok(reply)
    }
}

/// Is this a failure in which all of the input counts as consumed?
const fn is_late(failure: &UpstreamFailure) -> bool {
    matches!(failure, UpstreamFailure::Timeout { phase, .. } if !matches!(phase, Phase::Connect))
}

/// The answer to one text.
async fn answer(reply: Result<ProviderReply, UpstreamFailure>) -> Result<Vec<u8>, Failed> {
    let reply = reply.map_err(Failed::Silent)?;
    if !reply.status.is_success() {
        return Err(Failed::Refused(Box::new(reply)));
    }
    collect(reply.body).await.map_err(Failed::Silent)
}

/// The tokens of these answers.
fn consumed(answers: &[u8]) -> u64 {
    let facts = wire::reply_facts(Dialect::BedrockTitanEmbed, answers).ok();
    facts.and_then(|facts| facts.usage).map_or(0, |usage| usage.input)
}
