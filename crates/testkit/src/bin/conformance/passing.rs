//! What is read of requests and answers that pass is what reading the whole of them would say.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::Event;
use contract::ports::PathFacts;
use contract::words::{Dialect, Usage};
use serde_json::Value;
use wire::{Envelope, Watch};

use crate::checks::{Verdict, decode, pieces};
use crate::corpus::Exchange;
use crate::plain::difference;

/// A model whose name must be escaped.
const OTHER: &str = "other/\"m\"";

/// The envelope of a request finds its model, and edits that alone. None: it has no model in its body.
pub(crate) fn request(dialect: Dialect, exchange: &Exchange) -> Option<Verdict> {
    let request = exchange.request.as_ref().filter(|_| exchange.status < 400)?;
    let value: Value = serde_json::from_slice(&request.body).ok()?;
    let named = !dialect.path().contains("{model}") && value["model"].is_string();
    named.then(|| enveloped(dialect, &request.body, value))
}

fn enveloped(dialect: Dialect, body: &[u8], mut value: Value) -> Verdict {
    let body = Bytes::copy_from_slice(body);
    let envelope = Envelope::read(dialect, &PathFacts::default(), body.clone());
    let envelope = envelope.map_err(|fault| fault.to_string())?;
    if value["model"] != *envelope.model || envelope.stream != (value["stream"] == true) {
        return Err(format!("model '{}', stream {}", envelope.model, envelope.stream));
    }
    if envelope.edited(&envelope.model, false) != [body] {
        return Err("it is changed though nothing is".to_owned());
    }
    let edited: Vec<u8> = envelope.edited(OTHER, false).iter().flatten().copied().collect();
    let edited = serde_json::from_slice(&edited).map_err(|error| error.to_string())?;
    value["model"] = OTHER.into();
    difference(&edited, &value).map_or(Ok(()), Err)
}

/// What is read of a whole answer in passing is what canon holds of it.
pub(crate) fn reply(dialect: Dialect, body: &[u8]) -> Verdict {
    let whole = wire::read_reply(dialect, body).map_err(|error| error.to_string())?;
    let facts = wire::reply_facts(dialect, body).map_err(|error| error.to_string())?;
    if facts.usage == whole.usage() {
        return Ok(());
    }
    Err(format!("usage {:?} instead of {:?}", facts.usage, whole.usage()))
}

/// So is what is read of a stream, however it is cut; and its bytes pass. None: it is no stream that an upstream is asked for.
pub(crate) fn stream(dialect: Dialect, body: &[u8]) -> Option<Verdict> {
    // Gemini without `alt=sse`.
    if body.starts_with(b"[") {
        return None;
    }
    wire::watch(dialect, false)?;
    Some(watched(dialect, body))
}

fn watched(dialect: Dialect, body: &[u8]) -> Verdict {
    let whole = || [Bytes::copy_from_slice(body)];
    let (plain, out) = watch(dialect, false, whole())?;
    if !out.starts_with(body) {
        return Err("its bytes are changed".to_owned());
    }
    let events = decode(dialect, whole());
    if let Ok(events) = &events {
        let usage: Option<Usage> = events.iter().rev().find_map(|event| match event {
            Event::Usage(usage) => Some(*usage),
            _ => None,
        });
        if plain.seen().usage != usage {
            return Err(format!("usage {:?} instead of {usage:?}", plain.seen().usage));
        }
        let said = events.iter().any(|event| matches!(event, Event::Delta { .. }));
        if said && !plain.seen().content_started {
            return Err("its content is not seen".to_owned());
        }
    }
    let ended = events.is_ok_and(|events| events.last() == Some(&Event::End));
    if plain.seen().complete() != ended {
        return Err(format!("complete: {} instead of {ended}", plain.seen().complete()));
    }
    let (_, stripped) = watch(dialect, true, whole())?;
    for seed in 1..=4 {
        let (cut, bytes) = watch(dialect, false, pieces(body, seed))?;
        if (cut.seen().usage, &bytes) != (plain.seen().usage, &out)
            || watch(dialect, true, pieces(body, seed))?.1 != stripped
        {
            return Err(format!("cut with seed {seed} it is seen otherwise"));
        }
    }
    Ok(())
}

fn watch(
    dialect: Dialect,
    strip: bool,
    chunks: impl IntoIterator<Item = Bytes>,
) -> Result<(Box<dyn Watch>, Vec<u8>), String> {
    let mut watch = wire::watch(dialect, strip).ok_or("the dialect has no streams")?;
    let mut out = VecDeque::new();
    chunks.into_iter().for_each(|chunk| watch.feed(chunk, &mut out));
    watch.finish(&mut out);
    Ok((watch, out.iter().flatten().copied().collect()))
}
