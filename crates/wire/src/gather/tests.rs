//! Events of every kind, and more of them than there is room for.

use contract::canon::{Alternative, Citation, MediaKind, ServerResult, ServerTool, TokenLogprob};
use contract::words::{Dialect, Usage};
use serde_json::json;

use super::*;

const OWNER: Dialect = Dialect::OpenaiChat;

fn start(index: u32, part: PartStart, native: Option<Value>) -> Event {
    let native = native.map(|value| Native { owner: OWNER, value });
    Event::PartStart { choice: 0, index, part, native }
}

fn delta(choice: u32, index: u32, text: &str) -> Event {
    Event::Delta { choice, index, text: text.into() }
}

fn extra(choice: Option<u32>, fields: &Value) -> Event {
    let fields = fields.as_object().unwrap().clone();
    Event::Extra { choice, extra: Extra { owner: Some(OWNER), fields } }
}

fn gather(events: impl IntoIterator<Item = Event>) -> Reply {
    let mut gather = Gather::default();
    events.into_iter().for_each(|event| gather.push(event));
    gather.finish()
}

fn text(part: &Part) -> &str {
    match &part.kind {
        PartKind::Text(text) | PartKind::Reasoning(text) | PartKind::Refusal(text) => text,
        PartKind::ToolCall { arguments, .. } => arguments,
        PartKind::ServerCall(call) => &call.input,
        PartKind::Media { source: MediaSource::Base64 { data, .. }, .. } => data,
        _ => "",
    }
}

#[test]
fn parts_grow_by_their_kind_even_when_calls_interleave() {
    let call = |id: &str| PartStart::ToolCall { id: id.into(), name: "f".into(), custom: false };
    let result = ServerResult { call: "s".into(), tool: ServerTool::Code, output: "1".into(), failed: false };
    let reply = gather([
        Event::Start { id: "i".into(), model: "m".into(), created: Some(5), extra: Extra::default() },
        start(0, PartStart::Reasoning, None),
        delta(0, 0, "h"),
        delta(0, 0, "m"),
        start(1, call("a"), None),
        start(2, call("b"), None),
        delta(0, 1, "{"),
        delta(0, 2, "[]"),
        delta(0, 1, "}"),
        start(3, PartStart::ServerCall { id: "s".into(), tool: ServerTool::Code, name: None }, None),
        delta(0, 3, "x"),
        start(4, PartStart::ServerResult(result.clone()), None),
        delta(0, 9, "of no part"),
        Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None },
        Event::Usage(Usage { input: 1, ..Usage::default() }),
        Event::Usage(Usage { input: 2, ..Usage::default() }),
    ]);
    let parts = &reply.choices[0].parts;
    assert_eq!(parts.iter().map(text).collect::<Vec<_>>(), ["hm", "{}", "[]", "x", ""]);
    assert_eq!(parts[4].kind, PartKind::ServerResult(result));
    assert_eq!((reply.id.as_str(), reply.created, reply.usage.unwrap().input), ("i", Some(5), 2));
    assert_eq!(reply.choices[0].finish, Finish::ToolCalls);
}

#[test]
fn sidecars_are_added_to_and_extras_replaced() {
    let native = |value| Event::NativeDelta { choice: 0, index: 0, native: Native { owner: OWNER, value } };
    let reply = gather([
        start(0, PartStart::Text, Some(json!({"s": "a", "n": 1}))),
        native(json!({"s": "b", "l": [1], "o": {"x": "y"}})),
        native(json!({"n": 2, "l": [2], "o": {"x": "z"}})),
        extra(None, &json!({"a": "1", "o": {"x": 1}})),
        extra(None, &json!({"a": "2", "o": {"y": 2}})),
        extra(Some(0), &json!({"l": [1]})),
        extra(Some(0), &json!({"l": [2]})),
    ]);
    let part = &reply.choices[0].parts[0];
    assert_eq!(part.native_for(OWNER), Some(&json!({"s": "ab", "n": 2, "l": [1, 2], "o": {"x": "yz"}})));
    assert_eq!(Value::Object(reply.extra.fields), json!({"a": "2", "o": {"x": 1, "y": 2}}));
    assert_eq!(Value::Object(reply.choices[0].extra.fields.clone()), json!({"l": [2]}));
}

#[test]
fn citations_and_likelihoods_find_their_place_and_choices_their_order() {
    let citation = Citation { url: Some("u".into()), ..Citation::default() };
    let token = TokenLogprob {
        token: Alternative { text: "a".into(), logprob: -1.0, bytes: None },
        ..TokenLogprob::default()
    };
    let reply = gather([
        Event::PartStart { choice: 1, index: 0, part: PartStart::Refusal, native: None },
        delta(1, 0, "no"),
        start(0, PartStart::Text, None),
        Event::Citation { choice: 0, index: 0, citation: citation.clone() },
        Event::Logprobs { choice: 0, tokens: vec![token.clone()] },
        Event::Logprobs { choice: 0, tokens: vec![token.clone()] },
    ]);
    assert_eq!(reply.choices[0].parts[0].citations, [citation]);
    assert_eq!(reply.choices[0].logprobs, [token.clone(), token]);
    assert_eq!(text(&reply.choices[1].parts[0]), "no");
}

#[test]
fn pieces_of_base64_become_one() {
    let pieces = [&b"a"[..], b"bc", b"defg", b"hijklm"].map(|piece| BASE64_STANDARD.encode(piece));
    let media = PartStart::Media { kind: MediaKind::Audio, mime: "audio/pcm".into() };
    let deltas = pieces.iter().map(|piece| delta(0, 0, piece));
    let reply = gather([start(0, media, None)].into_iter().chain(deltas));
    assert_eq!(text(&reply.choices[0].parts[0]), BASE64_STANDARD.encode(b"abcdefghijklm"));
}

#[test]
fn memory_has_a_bound() {
    let mut gather = Gather::with_cap(1000);
    gather.push(start(0, PartStart::Text, None));
    for _ in 0..10_000 {
        gather.push(delta(0, 0, "0123456789"));
    }
    for index in 1..10_000 {
        gather.push(start(index, PartStart::Native, Some(json!({"a": "b"}))));
        gather.push(Event::Finish { choice: index, reason: Finish::Stop, stop_sequence: None });
    }
    gather.push(Event::Finish { choice: 0, reason: Finish::Length, stop_sequence: None });
    gather.push(Event::End);
    assert!(!gather.complete());
    let reply = gather.finish();
    assert_eq!((reply.choices.len(), reply.choices[0].parts.len()), (1, 1));
    assert_eq!(text(&reply.choices[0].parts[0]).len(), 930);
    assert_eq!(reply.choices[0].finish, Finish::Length);
}

#[test]
fn an_answer_is_complete_when_it_ended() {
    let mut gather = Gather::default();
    gather.push(start(0, PartStart::Text, None));
    assert!(!gather.complete());
    gather.push(Event::End);
    assert!(gather.complete());
}
