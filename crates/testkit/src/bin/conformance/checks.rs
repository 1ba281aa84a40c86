//! The checks that need no gateway: what is read into canon and written again in the same dialect is what it was, however
//! a stream is cut.

use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Event, Part, PartKind, Receipt, Reply, VectorFormat};
use contract::words::{Dialect, Usage};
use serde_json::Value;
use wire::{EncodeOptions, Gather, Quirks, Thinking};

use crate::corpus::Exchange;
use crate::plain::{difference, plain};
use crate::said;

/// What a check found: nothing wrong, or what.
pub(crate) type Verdict = Result<(), String>;

/// A target that takes every field and is told to think as this request does it.
fn anything(request: &Value) -> Quirks {
    let thinking: &[Thinking] = if request["reasoning"].is_object() {
        &[Thinking::Object]
    } else if request["thinking"]["budget_tokens"].is_number() {
        &[Thinking::Budget, Thinking::Effort]
    } else if request["thinking"].is_object() {
        &[Thinking::Switch, Thinking::Effort]
    } else if request["chat_template_kwargs"].is_object() {
        &[Thinking::Template]
    } else if request["enable_thinking"].is_boolean() {
        &[Thinking::Enable]
    } else {
        &[]
    };
    let accepts = &["top_k", "reasoning_content", "cache_control", "web_search_options"];
    Quirks { accepts, thinking, ..Quirks::NONE }
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
    let mut asked_for = original.clone();
    // Azure's older paths name the model.
    if asked_for["model"].is_null() && !dialect.path().contains("{model}") {
        asked_for["model"] = "m".into();
    }
    let body = asked_for.to_string();
    let mut asked = wire::read_request(dialect, body.as_bytes()).map_err(|fault| format!("{fault}"))?;
    if let Some(model) = original["model"].as_str().or_else(|| model_of_path(dialect, exchange)) {
        model.clone_into(asked.model_mut());
    }
    if let contract::canon::Asked::Chat(request) = &mut asked {
        request.stream = exchange.is_stream();
    }
    let mut receipt = Receipt::default();
    let written = wire::write_request(dialect, &asked, &anything(&original), &mut receipt)
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

/// The model of a path such as `/model/{model}/converse`.
fn model_of_path(dialect: Dialect, exchange: &Exchange) -> Option<&str> {
    let (before, after) = dialect.path().rsplit_once("{model}")?;
    let before = before.rsplit('/').nth(1)?;
    let (_, rest) = exchange.request.as_ref()?.path.split_once(&format!("/{before}/"))?;
    let end = rest.find(after.get(..1)?)?;
    rest.get(..end)
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
    let theirs: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut options = EncodeOptions::default();
    if let Answered::Embed(reply) = &answered {
        options.vectors = reply.format;
    }
    if theirs["data"][0]["embedding"].is_string() {
        options.vectors = VectorFormat::Base64;
    }
    let written = wire::write_reply(dialect, &answered, &options, &mut receipt)
        .ok_or("the dialect has no such answers")?;
    if !receipt.is_empty() {
        return Err(format!("dropped: {receipt}"));
    }
    let ours: Value = serde_json::from_slice(&written).map_err(|error| error.to_string())?;
    let again = wire::read_reply(dialect, &written).map_err(|error| format!("our own answer: {error}"))?;
    // Where nothing was counted, zeros may stand: OpenAI's clients insist on figures.
    if counts(again.usage()).unwrap_or_default() != counts(answered.usage()).unwrap_or_default() {
        return Err(format!("usage: {:?} instead of {:?}", again.usage(), answered.usage()));
    }
    difference(&plain(dialect, without_usage(ours)), &plain(dialect, without_usage(theirs)))
        .map_or(Ok(()), Err)
}

/// (b) An answer of an account with an accent, which is written anew, says what it said.
pub(crate) fn rewritten(dialect: Dialect, ours: &[u8], theirs: &[u8]) -> Verdict {
    let read = |body: &[u8]| serde_json::from_slice::<Value>(body).map_err(|error| error.to_string());
    let (ours, theirs) = (without_usage(read(ours)?), without_usage(read(theirs)?));
    difference(&plain(dialect, ours), &plain(dialect, theirs)).map_or(Ok(()), Err)
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
    let last = frames.iter().find(|frame| ended.iter().any(|kind| frame["type"] == *kind));
    let Some(whole) = last.map(|frame| frame["response"].to_string()) else { return Ok(()) };
    match wire::read_reply(dialect, whole.as_bytes()).map_err(|error| error.to_string())? {
        Answered::Chat(twin) if !twin.choices.iter().all(|choice| choice.parts.is_empty()) => {
            // Ids and encrypted thoughts are made anew for the last event; what is said is not.
            let (ours, theirs) = (without_sidecars(reply), without_sidecars(&twin));
            same_reply(&ours, &theirs).map_err(|error| format!("the whole answer differs: {error}"))
        }
        _ => Ok(()),
    }
}

/// Without what the provider said that it cost, or did not say, which no dialect has a common word for.
fn counts(usage: Option<Usage>) -> Option<Usage> {
    usage.map(|usage| Usage { charged: None, partial: false, ..usage })
}

/// What matters of two replies is the same. A stream tells its parts as they come, a whole answer by field: their order is
/// that of their kinds.
fn same_reply(ours: &Reply, theirs: &Reply) -> Verdict {
    let (ours, theirs) = (&by_kind(ours.clone()), &by_kind(theirs.clone()));
    if counts(ours.usage) != counts(theirs.usage) {
        return Err(format!("usage {:?} instead of {:?}", ours.usage, theirs.usage));
    }
    if ours.choices.len() != theirs.choices.len() {
        return Err(format!("{} choices instead of {}", ours.choices.len(), theirs.choices.len()));
    }
    for (ours, theirs) in ours.choices.iter().zip(&theirs.choices) {
        if ours.finish != theirs.finish {
            return Err(format!("ends with {:?} instead of {:?}", ours.finish, theirs.finish));
        }
        let same =
            |a: &Part, b: &Part| a.kind == b.kind && a.native == b.native && a.citations == b.citations;
        if let Some((a, b)) = ours.parts.iter().zip(&theirs.parts).find(|(a, b)| !same(a, b)) {
            return Err(format!("{} instead of {}", clip(&format!("{a:?}")), clip(&format!("{b:?}"))));
        }
        if ours.parts.len() != theirs.parts.len() {
            return Err(format!("{} parts instead of {}", ours.parts.len(), theirs.parts.len()));
        }
    }
    Ok(())
}

fn without_sidecars(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    reply.choices.iter_mut().flat_map(|choice| &mut choice.parts).for_each(|part| part.native = None);
    reply
}

fn by_kind(mut reply: Reply) -> Reply {
    for choice in &mut reply.choices {
        choice.parts.sort_by_key(|part| match &part.kind {
            PartKind::Reasoning(_) => 0,
            PartKind::Text(_) => 1,
            PartKind::Refusal(_) => 2,
            PartKind::ToolCall { .. } => 4,
            _ => 3,
        });
        choice.parts.dedup_by(|part, before| {
            if part.native != before.native || !part.citations.is_empty() {
                return false;
            }
            match (&mut before.kind, &part.kind) {
                (PartKind::Reasoning(before), PartKind::Reasoning(more))
                | (PartKind::Text(before), PartKind::Text(more)) => before.push_str(more),
                _ => return false,
            }
            true
        });
    }
    reply
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
pub(crate) fn decode(
    dialect: Dialect,
    chunks: impl IntoIterator<Item = Bytes>,
) -> Result<Vec<Event>, String> {
    let mut decoder = wire::decoder(dialect).ok_or("the dialect has no streams")?;
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(&chunk, &mut events).map_err(|error| error.to_string())?;
    }
    decoder.finish(&mut events).map_err(|error| error.to_string())?;
    Ok(events)
}

/// Pieces of pseudo-random sizes, the same in every run (xorshift).
pub(crate) fn pieces(body: &[u8], seed: u64) -> Vec<Bytes> {
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
