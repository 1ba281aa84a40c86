//! The checks that need no gateway: what is read into canon and written again in the same dialect is what it was, however
//! a stream is cut.

use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Event, Receipt, Reply};
use contract::words::Dialect;
use serde_json::Value;
use wire::{EncodeOptions, Gather, Quirks};

use crate::corpus::Exchange;
use crate::plain::{difference, plain};
use crate::said;

/// What a check found: nothing wrong, or what.
pub(crate) type Verdict = Result<(), String>;

/// A target that takes every field, so that nothing is left out for its sake.
fn anything() -> Quirks {
    Quirks { accepts: &["top_k", "reasoning_content", "cache_control"], ..Quirks::default() }
}

/// (a) A request read into canon and written in the same dialect is what it was. None: nothing was asked in it.
pub(crate) fn request(dialect: Dialect, exchange: &Exchange) -> Option<Verdict> {
    let request = exchange.request.as_ref().filter(|request| request.method == "POST")?;
    let original: Value = serde_json::from_slice(&request.body).ok()?;
    // What the provider refused may be nonsense.
    if !original.is_object() || exchange.status >= 400 {
        return None;
    }
    Some(request_comes_back(dialect, exchange, original))
}

fn request_comes_back(dialect: Dialect, exchange: &Exchange, original: Value) -> Verdict {
    let body = original.to_string();
    let mut asked = wire::read_request(dialect, body.as_bytes()).map_err(|fault| format!("{fault}"))?;
    if let Some(model) = original["model"].as_str() {
        model.clone_into(asked.model_mut());
    }
    if let contract::canon::Asked::Chat(request) = &mut asked {
        request.stream = exchange.is_stream();
    }
    let mut receipt = Receipt::default();
    let written = wire::write_request(dialect, &asked, &anything(), &mut receipt)
        .map_err(|fault| format!("{fault}"))?;
    if !receipt.is_empty() {
        return Err(format!("dropped: {receipt}"));
    }
    let written: Value = serde_json::from_slice(&written).map_err(|error| error.to_string())?;
    let (mut ours, mut theirs) = (plain(dialect, written), plain(dialect, original));
    // Dialects that name these in the path do not write them.
    for named in ["model", "stream"] {
        if ours.get(named).is_none() || theirs.get(named).is_none() {
            for value in [&mut ours, &mut theirs] {
                value.as_object_mut().and_then(|map| map.shift_remove(named));
            }
        }
    }
    difference(&ours, &theirs).map_or(Ok(()), Err)
}

/// (a, b) What only passes through: the request's outside is read, and an answer in JSON is taken for one.
pub(crate) fn passing(dialect: Dialect, exchange: &Exchange) -> Verdict {
    if let Some(request) = exchange.request.as_ref().filter(|request| request.body.starts_with(b"{")) {
        let body = bytes::Bytes::copy_from_slice(&request.body);
        let envelope = wire::Envelope::read(dialect, &contract::ports::PathFacts::default(), body);
        let envelope = envelope.map_err(|fault| format!("{fault}"))?;
        let sent: Vec<u8> =
            envelope.edited(&envelope.model, false).iter().flat_map(|piece| piece.to_vec()).collect();
        if sent != request.body {
            return Err("the request was changed".to_owned());
        }
    }
    wire::reply_facts(dialect, &exchange.body).map(drop).map_err(|error| error.to_string())
}

/// (b) An answer read into canon and written in the same dialect is what it was.
pub(crate) fn reply(dialect: Dialect, body: &[u8]) -> Verdict {
    let answered = wire::read_reply(dialect, body).map_err(|error| error.to_string())?;
    let mut receipt = Receipt::default();
    let written = wire::write_reply(dialect, &answered, &EncodeOptions::default(), &mut receipt)
        .ok_or("the dialect has no such answers")?;
    if !receipt.is_empty() {
        return Err(format!("dropped: {receipt}"));
    }
    let ours: Value = serde_json::from_slice(&written).map_err(|error| error.to_string())?;
    let theirs: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let again = wire::read_reply(dialect, &written).map_err(|error| format!("our own answer: {error}"))?;
    if again.usage() != answered.usage() {
        return Err(format!("usage: {:?} instead of {:?}", again.usage(), answered.usage()));
    }
    difference(&plain(dialect, without_usage(ours)), &plain(dialect, without_usage(theirs)))
        .map_or(Ok(()), Err)
}

/// Counts are compared in canon: what is said of them differs from server to server.
fn without_usage(mut value: Value) -> Value {
    for name in ["usage", "usageMetadata", "prompt_eval_count", "eval_count"] {
        value.as_object_mut().and_then(|map| map.shift_remove(name));
    }
    value
}

/// (b) for streams: written again in the same dialect, a stream says what it said.
pub(crate) fn stream(dialect: Dialect, body: &[u8]) -> Verdict {
    let events = decode(dialect, [Bytes::copy_from_slice(body)])?;
    let options = EncodeOptions { usage: true, ..EncodeOptions::default() };
    let mut encoder = wire::encoder(dialect, options).ok_or("the dialect has no streams")?;
    let mut out = BytesMut::new();
    for event in &events {
        encoder.write(event, &mut out);
    }
    let again =
        decode(dialect, [out.clone().freeze()]).map_err(|error| format!("our own stream: {error}"))?;
    same_reply(&gather(again), &gather(events)).map_err(|error| format!("our own stream: {error}"))?;
    let (ours, theirs) = (said::read(dialect, true, &out), said::read(dialect, true, body));
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Err("nothing is said".to_owned()) };
    if (&ours.text, &ours.calls) != (&theirs.text, &theirs.calls) {
        return Err(format!(
            "says {:?} {:?} instead of {:?} {:?}",
            ours.text, ours.calls, theirs.text, theirs.calls
        ));
    }
    Ok(())
}

/// (c) However a stream is cut, it is read as the same; and as the whole answer that the provider sent with it, where it
/// did.
pub(crate) fn cuts(dialect: Dialect, body: &[u8]) -> Verdict {
    let whole = decode(dialect, [Bytes::copy_from_slice(body)]);
    for seed in 1..=8 {
        let cut = decode(dialect, pieces(body, seed));
        if cut != whole {
            return Err(format!("cut with seed {seed} it is read otherwise"));
        }
    }
    let events = whole?;
    let (said, reply) = (said::read(dialect, true, body), gather(events));
    let Some(said) = said else { return Err("nothing is said".to_owned()) };
    let ours = crate::said_of(&reply);
    if ours.text != said.text || ours.calls != said.calls {
        return Err(format!(
            "read as {:?} {:?} instead of {:?} {:?}",
            ours.text, ours.calls, said.text, said.calls
        ));
    }
    twin(dialect, body, &reply)
}

/// The last event of a responses stream holds the whole response.
fn twin(dialect: Dialect, body: &[u8], reply: &Reply) -> Verdict {
    if dialect != Dialect::OpenaiResponses {
        return Ok(());
    }
    let frames = said::frames(dialect, body);
    let ended = ["response.completed", "response.incomplete"];
    let last = frames.iter().rev().find(|frame| ended.iter().any(|kind| frame["type"] == *kind));
    let Some(whole) = last.map(|frame| frame["response"].to_string()) else { return Ok(()) };
    match wire::read_reply(dialect, whole.as_bytes()).map_err(|error| error.to_string())? {
        Answered::Chat(twin) if !twin.choices.iter().all(|choice| choice.parts.is_empty()) => {
            same_reply(reply, &twin).map_err(|error| format!("the whole answer differs: {error}"))
        }
        _ => Ok(()),
    }
}

/// What matters of two replies is the same.
fn same_reply(ours: &Reply, theirs: &Reply) -> Verdict {
    if ours.usage != theirs.usage {
        return Err(format!("usage {:?} instead of {:?}", ours.usage, theirs.usage));
    }
    if ours.choices.len() != theirs.choices.len() {
        return Err(format!("{} choices instead of {}", ours.choices.len(), theirs.choices.len()));
    }
    for (ours, theirs) in ours.choices.iter().zip(&theirs.choices) {
        if ours.finish != theirs.finish {
            return Err(format!("ends with {:?} instead of {:?}", ours.finish, theirs.finish));
        }
        let kinds = |choice: &contract::canon::Choice| {
            choice
                .parts
                .iter()
                .map(|part| format!("{:?} {:?} {:?}", part.kind, part.native, part.citations))
                .collect::<Vec<_>>()
        };
        let (ours, theirs) = (kinds(ours), kinds(theirs));
        if let Some((a, b)) = ours.iter().zip(&theirs).find(|(a, b)| a != b) {
            return Err(format!("{} instead of {}", clip(a), clip(b)));
        }
        if ours.len() != theirs.len() {
            return Err(format!("{} parts instead of {}", ours.len(), theirs.len()));
        }
    }
    Ok(())
}

fn clip(text: &str) -> String {
    text.chars().take(200).collect()
}

fn gather(events: Vec<Event>) -> Reply {
    let mut gather = Gather::default();
    events.into_iter().for_each(|event| gather.push(event));
    gather.finish()
}

/// The events of a stream.
fn decode(dialect: Dialect, chunks: impl IntoIterator<Item = Bytes>) -> Result<Vec<Event>, String> {
    let mut decoder = wire::decoder(dialect).ok_or("the dialect has no streams")?;
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(&chunk, &mut events).map_err(|error| error.to_string())?;
    }
    decoder.finish(&mut events).map_err(|error| error.to_string())?;
    Ok(events)
}

/// Pieces of pseudo-random sizes, the same in every run (xorshift).
fn pieces(body: &[u8], seed: u64) -> Vec<Bytes> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut rest = Bytes::copy_from_slice(body);
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let most = [7, 90, 700, 4000][pieces.len() % 4];
        let size = usize::try_from(state % most).unwrap_or_default() + 1;
        pieces.push(rest.split_to(size.min(rest.len())));
    }
    pieces
}
