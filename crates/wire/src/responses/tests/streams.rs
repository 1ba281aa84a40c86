//! Streams in both directions.

use bytes::BytesMut;
use contract::Code;
use contract::canon::{Citation, Event, Extra, MediaKind, PartStart, ServerResult, ServerTool};
use contract::words::Usage;
use serde_json::json;

use super::*;

fn stream(events: &[Value]) -> Bytes {
    let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(frame).collect::<String>().into()
}

fn decode(bytes: &Bytes, size: usize) -> Result<Vec<Event>, WireError> {
    let (mut decoder, mut events) = (Dialog.decoder(), Vec::new());
    for chunk in bytes.chunks(size) {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

fn encode(events: &[Event]) -> Vec<Value> {
    let mut encoder = Dialog.encoder(EncodeOptions { id: "req_1".to_owned(), ..EncodeOptions::default() });
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.write(event, &mut out));
    frames(&out)
}

fn frames(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    let frames = text.split_terminator("\n\n").map(|frame| {
        let (event, data) = frame.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(event.strip_prefix("event: "), data["type"].as_str());
        data
    });
    frames.collect()
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap().trim_start_matches("response.")).collect()
}

/// The items of the sample.
fn output() -> Value {
    json!([
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hé"},
            {"type": "summary_text", "text": "so"}], "encrypted_content": "sealed"},
        {"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": "a\n\"b\"", "container_id": "k",
            "outputs": [{"type": "logs", "logs": "1"}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "phase": "final_answer",
            "content": [{"type": "output_text", "text": "Hello", "logprobs": [], "annotations": [
                {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 5}]}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "mcp_list_tools", "id": "l_1", "server_label": "s", "tools": []}])
}

fn sample() -> Vec<Value> {
    let at = |item: usize, id: &str, kind: &str, more: Value| {
        let mut event = json!({"type": format!("response.{kind}"), "output_index": item, "item_id": id});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let output = output();
    let added = |item: usize| {
        let mut value = output[item].clone();
        let fields = value.as_object_mut().unwrap();
        for late in ["encrypted_content", "code", "outputs"] {
            fields.shift_remove(late);
        }
        for (name, empty) in [("summary", json!([])), ("content", json!([])), ("arguments", json!(""))] {
            if let Some(value) = fields.get_mut(name) {
                *value = empty;
            }
        }
        if let Some(status) = fields.get_mut("status") {
            *status = json!("in_progress");
        }
        json!({"type": "response.output_item.added", "output_index": item, "item": value})
    };
    let done = |item: usize| json!({"type": "response.output_item.done", "output_index": item, "item": output[item]});
    let response = |status: &str, tier: &str, output: Value| {
        json!({"id": "resp_1", "object": "response", "model": "m", "created_at": 5, "status": status,
            "tools": [], "temperature": 1.0, "service_tier": tier, "output": output,
            "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}})
    };
    let sum = |kind: &str, index: usize, text: &str| {
        at(
            0,
            "x",
            kind,
            json!({"summary_index": index, "delta": text, "part": {"type": "summary_text", "text": ""}}),
        )
    };
    vec![
        json!({"type": "response.created", "response": response("in_progress", "auto", json!([]))}),
        json!({"type": "response.in_progress", "response": response("in_progress", "auto", json!([]))}),
        json!({"type": "keepalive", "sequence_number": 2}),
        added(0),
        sum("reasoning_summary_part.added", 0, ""),
        sum("reasoning_summary_text.delta", 0, "h"),
        sum("reasoning_summary_text.delta", 0, "é"),
        sum("reasoning_summary_part.added", 1, ""),
        sum("reasoning_summary_text.delta", 1, "so"),
        done(0),
        added(1),
        at(1, "ci_1", "code_interpreter_call.in_progress", json!({})),
        at(1, "ci_1", "code_interpreter_call_code.delta", json!({"delta": "a\n"})),
        at(1, "ci_1", "code_interpreter_call_code.delta", json!({"delta": "\"b"})),
        done(1),
        added(2),
        at(
            2,
            "y",
            "content_part.added",
            json!({"content_index": 0, "part": {"type": "output_text", "text": ""}}),
        ),
        at(2, "z", "output_text.delta", json!({"content_index": 0, "delta": "Hel", "obfuscation": "xx"})),
        at(
            2,
            "z",
            "output_text.annotation.added",
            json!({"content_index": 0, "annotation_index": 0,
            "annotation": output[2]["content"][0]["annotations"][0]}),
        ),
        at(2, "z", "output_text.done", json!({"content_index": 0, "text": "Hello"})),
        done(2),
        added(3),
        at(3, "w", "function_call_arguments.delta", json!({"delta": "{"})),
        at(3, "w", "function_call_arguments.done", json!({"arguments": "{}"})),
        done(3),
        added(4),
        done(4),
        json!({"type": "response.completed", "response": response("completed", "default", output.clone())}),
    ]
}

/// The texts of all deltas.
fn texts(events: &[Event]) -> Vec<String> {
    let mut texts = Vec::new();
    for event in events {
        match event {
            Event::PartStart { .. } => texts.push(String::new()),
            Event::Delta { index, text, .. } => texts[*index as usize].push_str(text),
            _ => {}
        }
    }
    texts
}

#[test]
fn events_are_the_same_however_they_are_cut() {
    let bytes = stream(&sample());
    let whole = decode(&bytes, bytes.len()).unwrap();
    for size in 1..64 {
        assert_eq!(decode(&bytes, size).unwrap(), whole, "{size}");
    }
    let expected = ["hé", "so", "{\"code\":\"a\\n\\\"b\\\"\"}", "", "Hello", "{}", ""];
    assert_eq!(texts(&whole), expected);
    let tier = whole.iter().find_map(|event| match event {
        Event::Extra { choice: None, extra } => crate::service_tier(extra),
        _ => None,
    });
    assert_eq!(tier, Some("default"));
    let end = &whole[whole.len() - 3..];
    assert_eq!(end[0], Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None });
    assert_eq!(end[1], Event::Usage(Usage { input: 3, output: 4, tools: 1, ..Usage::default() }));
}

#[test]
fn what_events_leave_out_is_taken_from_the_whole() {
    let all = sample();
    let whole = decode(&stream(&all), usize::MAX).unwrap();
    let only = |keep: &dyn Fn(&str) -> bool| -> Bytes {
        let kept: Vec<Value> =
            all.iter().filter(|event| keep(event["type"].as_str().unwrap())).cloned().collect();
        stream(&kept)
    };
    let items = only(&|kind| kind.ends_with("item.done") || kind.ends_with("completed"));
    let last = only(&|kind| kind.ends_with("response.completed"));
    let deltas = only(&|kind| !kind.ends_with("item.done"));
    assert_eq!(texts(&decode(&items, 9).unwrap()), texts(&whole));
    assert_eq!(texts(&decode(&last, 9).unwrap()), texts(&whole));
    // Its code and its native item are told by the item alone.
    let without: Vec<String> = texts(&decode(&deltas, 9).unwrap());
    assert_eq!(without, ["hé", "so", "{\"code\":\"a\\n\\\"b", "Hello", "{}"]);
    let broken = only(&|kind| !kind.ends_with("response.completed"));
    assert!(decode(&broken, 9).is_err());
}

#[test]
fn a_stream_is_written_as_it_was_read() {
    let events = decode(&stream(&sample()), 50).unwrap();
    let frames = encode(&events);
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame["sequence_number"], json!(number));
    }
    let expected = [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "code_interpreter_call.in_progress",
        "code_interpreter_call_code.delta",
        "code_interpreter_call_code.done",
        "code_interpreter_call.interpreting",
        "code_interpreter_call.completed",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "completed",
    ];
    assert_eq!(kinds(&frames), expected);
    let last = &frames.last().unwrap()["response"];
    assert_eq!(last["output"], sample().last().unwrap()["response"]["output"]);
    assert_eq!((&last["service_tier"], &last["usage"]["total_tokens"]), (&json!("default"), &json!(7)));
}

#[test]
fn items_that_overlap_are_told_one_after_the_other() {
    let added = |at: usize, kind: &str| {
        json!({"type": "response.output_item.added", "output_index": at,
            "item": {"type": kind, "id": format!("i{at}")}})
    };
    let thought =
        |text: &str| json!({"type": "response.reasoning_text.delta", "output_index": 0, "delta": text});
    let events = decode(
        &stream(&[
            added(0, "reasoning"),
            thought("a"),
            added(1, "message"),
            json!({"type": "response.output_text.delta", "output_index": 1, "delta": "x"}),
            thought("b"),
            json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "message", "id": "i1",
                "content": [{"type": "output_text", "text": "x"}]}}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "id": "i0",
                "encrypted_content": "e", "content": [{"type": "reasoning_text", "text": "ab"}]}}),
            json!({"type": "response.completed", "response": {"output": []}}),
        ]),
        7,
    )
    .unwrap();
    assert_eq!(texts(&events), ["a", "x", "b"]);
    let mut open = 0;
    for event in &events {
        match event {
            Event::PartStart { .. } => open += 1,
            Event::PartStop { .. } => open -= 1,
            _ => {}
        }
        assert!(open <= 1);
    }
    let sealed = events.iter().any(|event| match event {
        Event::NativeDelta { native, .. } => native.value["item"]["encrypted_content"] == "e",
        _ => false,
    });
    assert!(sealed);
}

#[test]
fn failures_are_read() {
    for event in [
        json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow"}),
        json!({"type": "error", "error": {"type": "x", "code": "rate_limit_exceeded", "message": "slow"}}),
        json!({"type": "response.failed", "response": {"id": "r", "status": "failed", "output": [],
            "error": {"code": "rate_limit_exceeded", "message": "slow"}}}),
    ] {
        let events = decode(&stream(&[event]), 5).unwrap();
        let error = Event::Error { kind: Some("rate_limit_exceeded".to_owned()), message: "slow".to_owned() };
        assert_eq!(events.last(), Some(&error));
    }
    for bad in ["data: {\n\n", "data: [1]\n\n", "data: {\"type\":\"response.output_item.done\"}\n\n"] {
        assert!(decode(&Bytes::from_static(bad.as_bytes()), 5).is_err(), "{bad}");
    }
}

fn start() -> Event {
    Event::Start { id: "abc".to_owned(), model: "m".to_owned(), created: Some(5), extra: Extra::default() }
}

fn part(index: u32, part: PartStart) -> Event {
    Event::PartStart { choice: 0, index, part, native: None }
}

fn delta(index: u32, text: &str) -> Event {
    Event::Delta { choice: 0, index, text: text.to_owned() }
}

const fn stop(index: u32) -> Event {
    Event::PartStop { choice: 0, index }
}

fn call(id: &str) -> PartStart {
    PartStart::ToolCall { id: id.to_owned(), name: "f".to_owned(), custom: false }
}

#[test]
fn streams_of_others_are_put_in_order() {
    let citation = Citation { url: Some("u".to_owned()), ..Citation::default() };
    let found = ServerResult {
        call: "s".to_owned(),
        tool: ServerTool::WebSearch,
        output: "http://a".to_owned(),
        failed: false,
    };
    let search = PartStart::ServerCall { id: "s".to_owned(), tool: ServerTool::WebSearch, name: None };
    let image = PartStart::Media { kind: MediaKind::Image, mime: "image/png".to_owned() };
    let frames = encode(&[
        start(),
        part(0, PartStart::Reasoning),
        delta(0, "hm"),
        stop(0),
        part(1, search),
        delta(1, "{\"query\":\"q\"}"),
        stop(1),
        part(2, PartStart::ServerResult(found)),
        stop(2),
        part(3, PartStart::Text),
        delta(3, "a"),
        Event::Citation { choice: 0, index: 3, citation },
        stop(3),
        part(4, PartStart::Text),
        delta(4, "b"),
        stop(4),
        part(5, call("c1")),
        part(6, call("c2")),
        delta(6, "{}"),
        stop(5),
        stop(6),
        part(7, image),
        delta(7, "AAAA"),
        stop(7),
        Event::Usage(Usage { input: 1, output: 2, ..Usage::default() }),
        Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None },
        Event::End,
    ]);
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    let output = last["response"]["output"].as_array().unwrap();
    let items: Vec<_> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
    let expected = [
        "reasoning",
        "web_search_call",
        "message",
        "function_call",
        "function_call",
        "image_generation_call",
    ];
    assert_eq!(items, expected);
    assert_eq!(output[1]["action"]["query"], "q");
    assert_eq!(output[1]["action"]["sources"][0]["url"], "http://a");
    assert_eq!(output[2]["content"].as_array().unwrap().len(), 2);
    assert_eq!(output[2]["content"][0]["annotations"][0]["url"], "u");
    assert_eq!((&output[3]["arguments"], &output[3]["id"]), (&json!("{}"), &json!("fc_abc_pg3")));
    assert_eq!(output[5]["result"], "AAAA");
    assert_eq!(last["response"]["usage"]["total_tokens"], 3);
}

#[test]
fn an_answer_that_was_cut_off_is_incomplete() {
    let frames = encode(&[
        start(),
        part(0, PartStart::Text),
        delta(0, "half"),
        Event::Finish { choice: 0, reason: Finish::Length, stop_sequence: None },
        Event::End,
    ]);
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "half");
}

#[test]
fn failures_end_a_stream_truthfully() {
    let mut encoder = Dialog.encoder(EncodeOptions::default());
    let mut out = BytesMut::new();
    for event in [start(), part(0, PartStart::Text), delta(0, "a")] {
        encoder.write(&event, &mut out);
    }
    encoder.fail(&contract::Fault::new(Code::UpstreamRateLimited), &mut out);
    encoder.write(&Event::End, &mut out);
    let frames = frames(&out);
    let kinds = kinds(&frames);
    assert_eq!(&kinds[kinds.len() - 2..], ["error", "failed"]);
    let failed = &frames.last().unwrap()["response"];
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("rate_limit_exceeded"))
    );
    let error = &frames[frames.len() - 2];
    assert!(error.get("error").is_none() && error["message"].is_string() && error.get("param").is_some());

    let frames = encode(&[Event::Error { kind: None, message: "broke".to_owned() }]);
    assert_eq!(self::kinds(&frames), ["created", "in_progress", "error", "failed"]);
}

#[test]
fn counts_and_the_tier_are_seen_in_passing() {
    let bytes = stream(&sample());
    let mut watch = crate::watch(DIALECT, false).unwrap();
    let mut out = std::collections::VecDeque::new();
    for chunk in bytes.chunks(11) {
        watch.feed(Bytes::copy_from_slice(chunk), &mut out);
    }
    watch.finish(&mut out);
    assert_eq!(out.into_iter().flatten().collect::<Vec<u8>>(), bytes);
    assert_eq!(watch.seen().usage, Some(Usage { input: 3, output: 4, tools: 1, ..Usage::default() }));
    assert_eq!(
        (watch.seen().service_tier.as_deref(), watch.seen().complete(), watch.seen().ended),
        (Some("default"), true, true)
    );
    let whole = sample().last().unwrap()["response"].to_string();
    let facts = crate::reply_facts(DIALECT, whole.as_bytes()).unwrap();
    assert_eq!((facts.usage, facts.service_tier.as_deref()), (watch.seen().usage, Some("default")));
    let silent = br#"{"model":"m","output":[{"content":[{"text":"abc"}]},{"arguments":"{}"}]}"#;
    let facts = crate::reply_facts(DIALECT, silent).unwrap();
    assert_eq!((facts.model.as_deref(), facts.output_bytes), (Some("m"), 5));
}

#[test]
fn an_answer_without_bound_fails() {
    let mut encoder = Dialog.encoder(EncodeOptions::default());
    let mut out = BytesMut::new();
    encoder.write(&part(0, PartStart::Text), &mut out);
    let text = "x".repeat(1 << 20);
    for _ in 0..40 {
        out.clear();
        encoder.write(&delta(0, &text), &mut out);
    }
    assert!(out.is_empty());
}

#[test]
fn a_stream_may_end_with_done() {
    let response = json!({"id": "r", "model": "m", "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"}, "output": [],
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}});
    let bytes = stream(&[
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"}),
        json!({"type": "response.done", "response": response}),
    ]);
    let events = decode(&bytes, 7).unwrap();
    assert!(matches!(events.last(), Some(Event::End)));
    let length = |event: &Event| matches!(event, Event::Finish { reason: Finish::Length, .. });
    assert!(events.iter().any(length), "{events:?}");
}

#[test]
fn a_stream_that_fails_tells_what_it_consumed() {
    let usage = Usage { input: 3, output: 2, ..Usage::default() };
    let error = Event::Error { kind: None, message: "broke".to_owned() };
    let frames = encode(&[Event::Usage(usage), error]);
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last.pointer("/response/usage/total_tokens"), Some(&json!(5)));
}
