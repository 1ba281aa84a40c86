//! A provider that answers inside the gateway: the first request works on a machine with no account anywhere, and tests
//! have an upstream that is always there.
//!
//! `echo` repeats the last user text, or calls a tool when it is told `call <name>`; a tool's result is repeated too.
//! `embed` makes vectors in which texts that share words are close. Usage is counted in words (runs of non-space).
//! It goes through the same path as every other kind: its replies are bytes in OpenAI's dialect.

mod chat;
mod config;
mod embeddings;
mod quirks;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use contract::body::BodyError;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, Capabilities, ModelCard, Provider, ProviderReply, SharedProvider, Upstream,
    UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use contract::{Body, Fault};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::Frame;
use serde_json::{Value, json};

use crate::listing::card;
use crate::request::translate;

pub use config::Config;

pub(crate) const KIND: &str = quirks::KIND;

struct Demo {
    name: Arc<str>,
}

pub(crate) fn build(name: &str, faults: &mut Faults) -> Option<SharedProvider> {
    crate::request::check_name(name, faults).then(|| Arc::new(Demo { name: name.into() }) as SharedProvider)
}

impl Provider for Demo {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, _model: &str) -> Option<Dialect> {
        match client.operation() {
            Operation::Chat => Some(Dialect::OpenaiChat),
            Operation::Embeddings => Some(Dialect::OpenaiEmbeddings),
            _ => None,
        }
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        translate(request, target, &quirks::QUIRKS)
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        _: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let body = joined(call.body);
        let answer = match (call.dialect, call.model) {
            (Dialect::OpenaiChat, quirks::ECHO) => chat::answer(&body),
            (Dialect::OpenaiEmbeddings, quirks::EMBED) => embeddings::answer(&body),
            (_, model) => Err(Refusal::unknown(model)),
        };
        Box::pin(ready(Ok(answer.unwrap_or_else(|refusal| refusal.reply()))))
    }

    fn discover<'a>(&'a self, _: &'a dyn Upstream) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        let capabilities = Capabilities { tools: Some(true), ..Capabilities::default() };
        let echo = ModelCard { capabilities, ..card(quirks::ECHO, Operation::Chat) };
        Box::pin(ready(Ok(vec![echo, card(quirks::EMBED, Operation::Embeddings)])))
    }
}

/// An error as OpenAI's dialect reports it.
struct Refusal {
    status: StatusCode,
    code: Option<&'static str>,
    message: String,
}

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: None, message: message.into() }
    }

    fn unknown(model: &str) -> Self {
        let message = format!(
            "The demo has no model '{model}' for this; it has 'echo' (chat) and 'embed' (embeddings)."
        );
        Self { status: StatusCode::NOT_FOUND, code: Some("model_not_found"), message }
    }

    fn reply(self) -> ProviderReply {
        let error = json!({
            "message": self.message, "type": "invalid_request_error", "param": null, "code": self.code,
        });
        ProviderReply { status: self.status, ..whole(&json!({ "error": error })) }
    }
}

fn joined(mut pieces: VecDeque<Bytes>) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop_front().unwrap_or_default();
    }
    let mut all = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| all.extend_from_slice(piece));
    all.freeze()
}

fn whole(value: &Value) -> ProviderReply {
    reply("application/json", Body::from(value.to_string()))
}

fn streamed(chunks: VecDeque<Bytes>) -> ProviderReply {
    reply("text/event-stream", Body::stream(Frames(chunks)))
}

fn reply(mime: &'static str, body: Body) -> ProviderReply {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    ProviderReply { status: StatusCode::OK, headers, body }
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// One chunk at a time, as they would come from a network.
struct Frames(VecDeque<Bytes>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
    }
}
