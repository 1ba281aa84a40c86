//! Streams with everything: read, cut at every byte, put together, and written again.

use super::*;
use crate::Gather;

fn gathered(events: &[Event]) -> Reply {
    let mut gather = Gather::default();
    events.iter().cloned().for_each(|event| gather.push(event));
    assert!(gather.complete());
    gather.finish()
}

/// The stream's answer; it is the same however the stream is cut, and after it was written again.
fn heard(frames: &[Value]) -> Reply {
    let text = stream(frames, true);
    let events = decode(&[text.as_bytes()]).unwrap();
    for at in 0..text.len() {
        let (head, tail) = text.as_bytes().split_at(at);
        assert_eq!(decode(&[head, tail]).unwrap(), events, "cut at {at}");
    }
    let told = gathered(&events);
    let written = encode(&events, EncodeOptions { usage: true, ..EncodeOptions::default() });
    assert_eq!(gathered(&decode(&[written.as_bytes()]).unwrap()), told, "{written}");
    told
}

/// The answer that came whole.
fn whole(message: &Value, choice: &Value, beside: &Value) -> Reply {
    let mut body =
        json!({"id": "i", "model": "m", "created": 5, "choices": [{"index": 0, "message": message}]});
    body["choices"][0].as_object_mut().unwrap().extend(choice.as_object().unwrap().clone());
    body.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    read_reply(body.to_string().as_bytes()).unwrap()
}

fn more(delta: Value) -> Value {
    chunk(delta, Value::Null)
}

fn stop() -> Value {
    chunk(json!({}), json!("stop"))
}

#[test]
fn thoughts_with_signatures_are_put_together() {
    let text = |text: &str| json!({"reasoning": text, "reasoning_details": [{"type": "reasoning.text", "text": text, "format": "x", "index": 0}]});
    let detail = |detail: Value| json!({"content": "", "reasoning_details": [detail]});
    let told = heard(&[
        more(text("h")),
        more(text("m")),
        more(detail(json!({"type": "reasoning.text", "signature": "s1", "format": "x", "index": 0}))),
        more(detail(json!({"type": "reasoning.text", "signature": "s2", "format": "x", "index": 0}))),
        more(detail(json!({"type": "reasoning.encrypted", "data": "e", "id": "r", "index": 1}))),
        more(json!({"content": "a"})),
        stop(),
    ]);
    let details = json!([
        {"type": "reasoning.text", "text": "hm", "signature": "s1s2", "format": "x", "index": 0},
        {"type": "reasoning.encrypted", "data": "e", "id": "r", "index": 1}]);
    let message = json!({"content": "a", "reasoning": "hm", "reasoning_details": details});
    assert_eq!(told, whole(&message, &json!({"finish_reason": "stop"}), &json!({})));
}

#[test]
fn blocks_and_twins_are_put_together() {
    let block =
        |text: &str| json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]});
    let told = heard(&[
        more(block("h")),
        more(block("m")),
        more(json!({"content": [{"type": "thinking", "thinking": [], "closed": true}]})),
        more(json!({"content": "a"})),
        more(json!({"content": [{"type": "tool_reference", "url": "u", "title": "t"}]})),
        more(json!({"content": [{"type": "text", "text": "b", "mark": 1}]})),
        stop(),
    ]);
    let content = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": true},
        {"type": "text", "text": "a"}, {"type": "tool_reference", "url": "u", "title": "t"},
        {"type": "text", "text": "b", "mark": 1}]);
    assert_eq!(told, whole(&json!({"content": content}), &json!({"finish_reason": "stop"}), &json!({})));

    let twin = |text: &str| more(json!({"reasoning": text, "reasoning_content": text}));
    let told = heard(&[twin("h"), twin("m"), more(json!({"content": "a"})), stop()]);
    let message = json!({"content": "a", "reasoning": "hm", "reasoning_content": "hm"});
    assert_eq!(told, whole(&message, &json!({"finish_reason": "stop"}), &json!({})));
}

#[test]
fn citations_and_likelihoods_are_put_together() {
    let cite = |url: &str, end: u64| json!({"type": "url_citation", "url_citation": {"url": url, "title": "t", "start_index": 0, "end_index": end}});
    let token = |text: &str| json!({"token": text, "logprob": -0.5, "bytes": null, "top_logprobs": []});
    let likely = |text: &str| {
        let mut frame = more(json!({"content": text}));
        frame["choices"][0]["logprobs"] = json!({"content": [token(text)], "refusal": null});
        frame
    };
    let file = json!({"type": "file", "file": {"hash": "h"}});
    let mut first = more(json!({"annotations": [cite("u", 1)]}));
    first["citations"] = json!(["x"]);
    let mut second = likely("a");
    second["citations"] = json!(["x", "y"]);
    let told =
        heard(&[first, second, likely("b"), more(json!({"annotations": [cite("v", 2), file]})), stop()]);
    let message = json!({"content": "ab", "annotations": [cite("u", 1), cite("v", 2), file]});
    let choice = json!({"finish_reason": "stop", "logprobs": {"content": [token("a"), token("b")]}});
    assert_eq!(told, whole(&message, &choice, &json!({"citations": ["x", "y"]})));
}

#[test]
fn sounds_pictures_and_calls_are_put_together() {
    let sound = |fields: Value| more(json!({"audio": fields}));
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}, "index": 0});
    let call = |fields: Value| more(json!({"tool_calls": [fields]}));
    let told = heard(&[
        sound(json!({"id": "audio_1", "transcript": "h"})),
        sound(json!({"transcript": "i"})),
        sound(json!({"data": "QUI="})),
        sound(json!({"data": "Q0RF"})),
        sound(json!({"expires_at": 9})),
        more(json!({"images": [image]})),
        call(json!({"index": 0, "id": "c", "type": "custom", "custom": {"name": "g", "input": ""}})),
        call(json!({"index": 0, "custom": {"input": "x y"}})),
        call(
            json!({"index": 1, "id": "d", "type": "function", "function": {"name": "f", "arguments": "{"}, "extra_content": {"s": "t"}}),
        ),
        call(json!({"index": 1, "function": {"arguments": "}"}, "extra_content": {"s": "t"}})),
        chunk(json!({}), json!("tool_calls")),
    ]);
    let calls = json!([
        {"id": "c", "type": "custom", "custom": {"name": "g", "input": "x y"}},
        {"id": "d", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"s": "t"}}]);
    let audio = json!({"id": "audio_1", "data": "QUJDREU=", "expires_at": 9, "transcript": "hi"});
    let message = json!({"audio": audio, "images": [image], "tool_calls": calls});
    assert_eq!(told, whole(&message, &json!({"finish_reason": "tool_calls"}), &json!({})));
}

#[test]
fn what_canon_has_no_word_for_is_told_once() {
    let mut filtered = more(json!({"content": "a", "channel": "final", "hint": "x"}));
    filtered["choices"][0]["content_filter_results"] = json!({"hate": {"filtered": false}});
    filtered["obfuscation"] = json!("abc");
    let mut second = filtered.clone();
    second["obfuscation"] = json!("d");
    second["x_groq"] = json!({"id": "g"});
    let frames = [
        json!({"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}),
        filtered,
        second,
        more(json!({"executed_tools": [{"index": 0, "type": "search"}]})),
        more(json!({"executed_tools": [{"index": 0, "output": "o"}]})),
        chunk(json!({}), json!("model_length")),
        json!({"id": "i", "model": "m", "choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3, "cost": 0.5}}),
    ];
    let told = heard(&frames);
    let message = json!({"content": "aa", "channel": "final", "hint": "xx",
        "executed_tools": [{"index": 0, "type": "search", "output": "o"}]});
    let choice =
        json!({"finish_reason": "model_length", "content_filter_results": {"hate": {"filtered": false}}});
    let beside = json!({"prompt_filter_results": [{"prompt_index": 0}], "x_groq": {"id": "g"},
        "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3, "cost": 0.5}});
    assert_eq!(told, whole(&message, &choice, &beside));
    let events = decode(&[stream(&frames, true).as_bytes()]).unwrap();
    let extras = events.iter().filter(|event| matches!(event, Event::Extra { .. })).count();
    assert_eq!(extras, 4);
}

#[test]
fn what_is_not_known_has_a_bound() {
    let (mut decoder, mut events) = (Decoder::new(), Vec::new());
    let frame = stream(&[more(json!({"hint": "x".repeat(1 << 20)}))], false);
    let frame = Bytes::from(frame);
    let failed = (0..16).find(|_| decoder.push(&frame, &mut events).is_err());
    assert_eq!(failed, Some(7));
}

#[test]
fn parts_of_other_dialects_are_written_where_clients_look_for_them() {
    let media = |kind, mime: &str| PartStart::Media { kind, mime: mime.into() };
    let citation =
        contract::canon::Citation { url: Some("u".into()), ..contract::canon::Citation::default() };
    let events = [
        Event::Start { id: "i".into(), model: "m".into(), created: Some(5), extra: Extra::default() },
        start(0, 0, PartStart::Text),
        delta(0, "ab"),
        Event::Citation { choice: 0, index: 0, citation },
        Event::PartStop { choice: 0, index: 0 },
        start(0, 1, media(MediaKind::Image, "image/png")),
        delta(1, "QUJD"),
        Event::PartStop { choice: 0, index: 1 },
        start(0, 2, media(MediaKind::Audio, "audio/pcm")),
        delta(2, "QUJD"),
        Event::PartStop { choice: 0, index: 2 },
        start(0, 3, PartStart::Native),
        delta(3, "?"),
        Event::PartStop { choice: 0, index: 3 },
        Event::Finish { choice: 0, reason: Finish::ContextWindow, stop_sequence: None },
        Event::End,
    ];
    let text = encode(&events, EncodeOptions::default());
    for said in [
        r#""annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"u","start_index":0,"end_index":2}}]"#,
        r#""images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUJD"}}]"#,
        r#""audio":{"data":"QUJD"}"#,
        r#""finish_reason":"length""#,
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}
