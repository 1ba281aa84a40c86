//! (e) An error keeps its status, its type, its message and its hint when to try again, in every client's dialect.

use std::time::Duration;

use bytes::Bytes;
use contract::fault::{Code, Fault};
use contract::ports::FaultRenderer as _;
use contract::words::{Dialect, Id, IdKind, Timestamp};
use http::StatusCode;
use serde_json::Value;

use crate::checks::Verdict;
use crate::corpus::Exchange;

/// Reads a recorded error and writes it for a client.
pub(crate) fn keeps(recorded: Dialect, client: Dialect, exchange: &Exchange) -> Verdict {
    let status = StatusCode::from_u16(exchange.status).map_err(|error| error.to_string())?;
    let error = wire::read_error(recorded, status, &Bytes::from(exchange.body.clone()));
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    if let Some(message) = message(&body)
        && error.message != message
    {
        return Err(format!("message {:?} instead of {message:?}", error.message));
    }
    if let Some(kind) = kind(recorded, &body)
        && error.kind.as_deref() != Some(kind)
        && error.code.as_deref() != Some(kind)
    {
        return Err(format!("type {:?} instead of {kind:?}", error.kind));
    }
    let wait =
        exchange.header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let mut fault = Fault::saying(Code::UpstreamRejected, error.message.clone()).from_upstream(error);
    if let Some(wait) = wait {
        fault = fault.retry_after(wait);
    }
    let id = Id::at(IdKind::Request, Timestamp(0));
    let response = wire::Renderer.render(client, &fault, id);
    if response.status() != status {
        return Err(format!("status {} instead of {status}", response.status()));
    }
    if wait.is_some() && !response.headers().contains_key("retry-after") {
        return Err("no retry-after".to_owned());
    }
    let contract::Body::Full(written) = response.body() else { return Err("no body".to_owned()) };
    let written: Value = serde_json::from_slice(written).map_err(|error| error.to_string())?;
    let expected = message(&body);
    match (message(&written), expected) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            Err(format!("message {ours:?} instead of {theirs:?}"))
        }
        (None, _) => Err(format!("no message in {written}")),
        _ => Ok(()),
    }
}

/// The message, wherever services put it.
fn message(body: &Value) -> Option<&str> {
    let places = [
        "/error/message",
        "/message",
        "/0/error/message",
        "/error",
        "/detail",
        "/Message",
        "/errors/0/message",
    ];
    places.into_iter().find_map(|place| body.pointer(place)?.as_str()).filter(|message| !message.is_empty())
}

/// The type, where the dialect has a place for it.
fn kind(dialect: Dialect, body: &Value) -> Option<&str> {
    let place = match dialect {
        Dialect::GeminiGenerate | Dialect::GeminiEmbed | Dialect::GeminiEmbedOne | Dialect::GeminiCount => {
            "/error/status"
        }
        _ => "/error/type",
    };
    body.pointer(place)?.as_str().filter(|kind| !kind.is_empty())
}
