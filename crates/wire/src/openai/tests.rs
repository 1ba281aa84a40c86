//! Requests, answers and streams in both directions, small and of our own making.

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Effort, Event, Extra, Finish, MediaKind, MediaSource, Message, Native, Part, PartKind, PartStart,
    Provenance, Receipt, Reply, Request, Role, ToolChoice, ToolResult,
};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde_json::{Value, json};

use super::encode::Encoder;
use super::read::read_chat;
use super::reply::read_reply;
use super::request::write_chat;
use super::stream::Decoder;
use super::written::write_reply;
use super::*;
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder};

fn read(body: &Value) -> Request {
    read_chat(body.to_string().as_bytes()).unwrap()
}

fn write(request: &Request, quirks: &Quirks) -> (Value, Receipt) {
    let mut receipt = Receipt::default();
    let bytes = write_chat(request, quirks, &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt)
}

#[test]
fn results_without_an_id_answer_the_calls_in_order() {
    let call = |name: &str| json!({"function": {"name": name, "arguments": "{}"}});
    let body = json!({"model": "m", "messages": [
        {"role": "assistant", "content": "", "tool_calls": [call("f"), call("g")]},
        {"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]});
    let request = read_chat(body.to_string().as_bytes()).unwrap();
    let named = |message: &Message| match &message.parts[0].kind {
        PartKind::ToolResult(result) => (result.call.clone(), result.name.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(named(&request.messages[1]), ("call_1".to_owned(), Some("f".to_owned())));
    assert_eq!(named(&request.messages[2]), ("call_2".to_owned(), Some("g".to_owned())));
}

#[test]
fn a_request_with_everything_comes_back_as_it_was() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "developer", "content": "rules"},
            {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "name": "bob", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,QUJD"}},
                {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}},
                {"type": "hologram", "hologram": {"a": 1}}]},
            {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.0}"}, "extra_content": {"s": 1}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
            {"role": "assistant", "content": "said", "refusal": "no"}],
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}, "cache_control": {"type": "ephemeral"}},
            {"type": "web_search", "depth": 2}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}},
        "max_completion_tokens": 9, "reasoning_effort": "low", "temperature": 0.5, "top_p": 0.25, "frequency_penalty": 0.5,
        "presence_penalty": -0.5, "seed": 7, "stop": ["a", "b"], "n": 2, "logprobs": true, "top_logprobs": 3, "user": "u",
        "metadata": {"k": "v"}, "service_tier": "flex", "stream": true,
        "stream_options": {"include_usage": true, "include_obfuscation": false}, "logit_bias": {"1": 2}
    });
    let quirks = Quirks { accepts: &["cache_control"], ..Quirks::NONE };
    let (written, receipt) = write(&read(&body), &quirks);
    assert_eq!(written, body);
    assert!(receipt.is_empty());
}

#[test]
fn canon_has_the_right_words() {
    let request = read(
        &json!({"model": "m", "max_tokens": 5, "stop": "x", "reasoning_effort": "high", "top_k": 4,
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;charset=x;base64,QUJD"}]},
            {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "r"}]}]}),
    );
    assert_eq!((request.max_output, request.sampling.top_k), (Some(5), Some(4)));
    assert_eq!(request.sampling.stop, ["x"]);
    assert_eq!(request.reasoning.unwrap().effort, Some(Effort::High));
    let source = MediaSource::Base64 { mime: "image/png".into(), data: "QUJD".into() };
    assert_eq!(request.messages[0].parts[0].kind, PartKind::Media { kind: MediaKind::Image, source });
    let PartKind::ToolResult(result) = &request.messages[2].parts[0].kind else { panic!() };
    assert_eq!((result.call.as_str(), result.name.as_deref()), ("c1", Some("f")));
}

#[test]
fn legacy_functions_become_tools() {
    let request = read(
        &json!({"model": "m", "functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"},
        "messages": [
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "r"}]}),
    );
    assert_eq!(request.tool_choice, Some(ToolChoice::Named("f".into())));
    let (written, _) = write(&request, &Quirks::default());
    let id = &written["messages"][0]["tool_calls"][0]["id"];
    assert!(!id.as_str().unwrap().is_empty());
    assert_eq!(&written["messages"][1]["tool_call_id"], id);
    assert_eq!(written["tools"][0]["function"]["name"], json!("f"));
}

#[test]
fn faults_name_where_they_are() {
    let message =
        |message: Value| json!({"model": "m", "messages": [{"role": "user", "content": "a"}, message]});
    for (body, param) in [
        (json!({"messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": {}}), "messages"),
        (message(json!({"content": "x"})), "messages[1].role"),
        (message(json!({"role": "robot"})), "messages[1].role"),
        (message(json!({"role": "user", "content": 7})), "messages[1].content"),
        (message(json!({"role": "user", "content": [{"text": "x"}]})), "messages[1].content[0].type"),
        (
            message(json!({"role": "user", "content": [{"type": "image_url"}]})),
            "messages[1].content[0].image_url",
        ),
        (message(json!({"role": "tool", "content": "x"})), "messages[1].tool_call_id"),
        (
            message(json!({"role": "assistant", "tool_calls": [{"function": {}}]})),
            "messages[1].tool_calls[0].function.name",
        ),
        (json!({"model": "m", "messages": [], "temperature": "hot"}), "temperature"),
        (json!({"model": "m", "messages": [], "tools": [{"type": "function"}]}), "tools[0].function"),
        (json!({"model": "m", "messages": [], "stop": 1}), "stop"),
    ] {
        let fault = read_chat(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)), "{body}");
    }
}

fn foreign() -> Request {
    let native = |part: Part| part.with_native(Dialect::AnthropicMessages, json!({"signature": "s"}));
    let result = |call: &str, parts| {
        let result = ToolResult { call: call.into(), name: None, parts, failed: false };
        Part::new(PartKind::ToolResult(result), Provenance::Tool)
    };
    let image = MediaSource::Base64 { mime: "image/png".into(), data: "QUJD".into() };
    let image = Part::new(PartKind::Media { kind: MediaKind::Image, source: image }, Provenance::Tool);
    let mut request = Request { model: "m".into(), ..Request::default() };
    request.sampling.top_k = Some(3);
    request.messages = vec![
        Message::new(
            Role::Assistant,
            vec![native(Part::new(PartKind::Reasoning("hm".into()), Provenance::Model))],
        ),
        Message::new(
            Role::User,
            vec![
                result("a", vec![image]),
                result("b", vec![Part::text("r", Provenance::Tool)]),
                Part::text("and now?", Provenance::User),
            ],
        ),
    ];
    request.extra = Extra {
        owner: Some(Dialect::AnthropicMessages),
        fields: json!({"container": "c"}).as_object().unwrap().clone(),
    };
    request
}

#[test]
fn what_another_dialect_said_is_carried_or_named() {
    let (written, receipt) = write(&foreign(), &Quirks::default());
    let roles: Vec<_> =
        written["messages"].as_array().unwrap().iter().map(|message| message["role"].clone()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user", "user"]);
    assert_eq!(written["messages"][3]["content"][0]["type"], json!("image_url"));
    assert_eq!(written["messages"][4]["content"], json!("and now?"));
    assert_eq!(receipt.to_string(), "messages[0].reasoning, top_k, container");
}

#[test]
fn quirks_rename_refuse_and_accept() {
    let quirks = Quirks {
        renames: &[("max_completion_tokens", "max_tokens")],
        refuses: &["stream_options"],
        accepts: &["top_k", "reasoning_content"],
        developer_as_system: true,
        ..Quirks::NONE
    };
    let mut request = foreign();
    request.max_output = Some(5);
    request.stream = true;
    request.messages.insert(0, Message::new(Role::Developer, vec![Part::text("x", Provenance::System)]));
    let (written, receipt) = write(&request, &quirks);
    assert_eq!((&written["max_tokens"], &written["top_k"]), (&json!(5), &json!(3)));
    assert_eq!(written["messages"][0]["role"], json!("system"));
    assert_eq!(written["messages"][1]["reasoning_content"], json!("hm"));
    assert!(written.get("stream_options").is_none());
    assert_eq!(receipt.to_string(), "container");
}

fn round_reply(body: &Value) -> (Reply, Value) {
    let reply = read_reply(body.to_string().as_bytes()).unwrap();
    let bytes = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    (reply, serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn answers_come_back_as_they_were() {
    let body = json!({"id": "i", "object": "chat.completion", "created": 5, "model": "m", "system_fingerprint": "fp",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a", "refusal": null, "annotations": [{"x": 1}]},
             "logprobs": {"content": []}, "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": null, "reasoning": "hm", "refusal": null, "tool_calls":
                [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{ }"}}]},
             "logprobs": null, "finish_reason": "tool_calls"},
            {"index": 2, "message": {"role": "assistant", "content": null, "refusal": "no"}, "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 0}}});
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    assert_eq!(reply.usage, Some(Usage { input: 3, cached: 2, output: 3, reasoning: 1, ..Usage::default() }));
    assert_eq!(reply.choices[2].finish, Finish::Refusal);
}

#[test]
fn answers_that_are_none_are_refused() {
    for body in ["", "[]", "{}", r#"{"error":{"message":"m"}}"#, r#"{"choices":[{}]}"#] {
        assert!(read_reply(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn an_anthropic_answer_keeps_its_thoughts() {
    let reply = Reply {
        choices: vec![contract::canon::Choice {
            parts: vec![
                Part::new(PartKind::Reasoning("hm".into()), Provenance::Model)
                    .with_native(Dialect::AnthropicMessages, json!({"signature": "s"})),
                Part::text("a", Provenance::Model),
            ],
            finish: Finish::StopSequence,
            ..contract::canon::Choice::default()
        }],
        ..Reply::default()
    };
    let options = EncodeOptions {
        model: "shown".into(),
        created: 9,
        id: "id".into(),
        usage: false,
        ..EncodeOptions::default()
    };
    let mut receipt = Receipt::default();
    let written: Value = serde_json::from_slice(&write_reply(&reply, &options, &mut receipt)).unwrap();
    assert_eq!(written["choices"][0]["message"]["reasoning_content"], json!("hm"));
    assert_eq!(written["choices"][0]["finish_reason"], json!("stop"));
    assert_eq!(
        (&written["model"], &written["id"], &written["created"]),
        (&json!("shown"), &json!("id"), &json!(9))
    );
    assert!(receipt.is_empty());
}

fn decode(chunks: &[&[u8]]) -> Result<Vec<Event>, WireError> {
    let (mut decoder, mut events) = (Decoder::new(), Vec::new());
    for chunk in chunks {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

/// Joins neighbouring deltas of a part: where texts are cut is not the point.
fn stream(frames: &[Value], done: bool) -> String {
    let mut out: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    if done {
        out.push_str("data: [DONE]\n\n");
    }
    out
}

#[expect(clippy::needless_pass_by_value, reason = "made of literals")]
fn chunk(delta: Value, finish: Value) -> Value {
    json!({"id": "i", "object": "chat.completion.chunk", "created": 5, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn busy_stream() -> String {
    let call = |index: u32, id: &str, name: &str, arguments: &str| json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]});
    let more = |index: u32, arguments: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]});
    stream(
        &[
            chunk(json!({"role": "assistant", "content": ""}), Value::Null),
            chunk(json!({"reasoning_content": "hm"}), Value::Null),
            chunk(json!({"content": "gr\u{fc}\u{df}e 🎉"}), Value::Null),
            chunk(call(0, "a", "f", ""), Value::Null),
            chunk(call(1, "b", "g", "{"), Value::Null),
            chunk(more(0, "{}"), Value::Null),
            chunk(more(1, "}"), Value::Null),
            chunk(json!({}), json!("tool_calls")),
            json!({"id": "i", "model": "m", "choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}}),
        ],
        true,
    )
}

fn start(choice: u32, index: u32, part: PartStart) -> Event {
    Event::PartStart { choice, index, part, native: None }
}

fn thoughts(native: Value) -> Event {
    let native = Some(Native { owner: Dialect::OpenaiChat, value: native });
    Event::PartStart { choice: 0, index: 0, part: PartStart::Reasoning, native }
}

fn delta(index: u32, text: &str) -> Event {
    Event::Delta { choice: 0, index, text: text.into() }
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_events() {
    let text = busy_stream();
    let bytes = text.as_bytes();
    let whole = decode(&[bytes]).unwrap();
    let call = |id: &str, name: &str| PartStart::ToolCall { id: id.into(), name: name.into(), custom: false };
    let stop = |index| Event::PartStop { choice: 0, index };
    assert_eq!(
        whole,
        [
            Event::Start { id: "i".into(), model: "m".into(), created: Some(5), extra: Extra::default() },
            thoughts(json!({"field": "reasoning_content"})),
            delta(0, "hm"),
            stop(0),
            start(0, 1, PartStart::Text),
            delta(1, "grüße 🎉"),
            stop(1),
            start(0, 2, call("a", "f")),
            start(0, 3, call("b", "g")),
            delta(3, "{"),
            delta(2, "{}"),
            delta(3, "}"),
            Event::Usage(Usage { input: 2, output: 1, ..Usage::default() }),
            stop(2),
            stop(3),
            Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None },
            Event::End,
        ]
    );
    for at in 0..=bytes.len() {
        assert_eq!(decode(&[&bytes[..at], &bytes[at..]]).unwrap(), whole, "cut at {at}");
    }
    assert_eq!(decode(&bytes.chunks(1).collect::<Vec<_>>()).unwrap(), whole);
}

#[test]
fn a_stream_torn_anywhere_is_never_taken_for_complete() {
    let text = busy_stream();
    let finish = text.find("\"finish_reason\":\"tool_calls\"").unwrap();
    for at in 0..finish {
        assert!(decode(&[&text.as_bytes()[..at]]).is_err(), "torn at {at}");
    }
}

#[test]
fn accents_of_other_servers_are_understood() {
    let end = |stream: String| decode(&[stream.as_bytes()]).unwrap();
    // No [DONE], and no blank line at the end.
    let events = end(stream(&[chunk(json!({"content": "a"}), json!("stop"))], false).trim_end().to_owned());
    assert_eq!(events.last(), Some(&Event::End));
    // No finish reason, thoughts under the other name, both names at once.
    let events =
        end(stream(&[chunk(json!({"reasoning": "r", "reasoning_content": "r"}), Value::Null)], true));
    assert_eq!(events[2], delta(0, "r"));
    assert_eq!(events[4], Event::Finish { choice: 0, reason: Finish::Stop, stop_sequence: None });
    // Calls that all have index 0, calls without an index, the finish reason twice.
    for index in [json!(0), Value::Null] {
        let call = |id: &str| json!({"tool_calls": [{"index": index, "id": id, "function": {"name": "f", "arguments": {"a": 1}}}]});
        let events = end(stream(
            &[
                chunk(call("a"), Value::Null),
                chunk(call("b"), json!("tool_calls")),
                chunk(json!({}), json!("tool_calls")),
            ],
            true,
        ));
        let starts = events.iter().filter(|event| matches!(event, Event::PartStart { .. })).count();
        let ends = events.iter().filter(|event| matches!(event, Event::Finish { .. })).count();
        assert_eq!((starts, ends), (2, 1));
        assert_eq!(events[2], delta(0, r#"{"a":1}"#));
    }
    // Content as blocks.
    let thought = json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}, {"type": "text", "text": "x"}]});
    let events = end(stream(&[chunk(thought, json!("stop"))], true));
    assert_eq!((&events[1], &events[4]), (&thoughts(json!({"block": {}})), &start(0, 1, PartStart::Text)));
}

#[test]
fn an_error_frame_ends_the_stream() {
    for error in [
        json!({"error": {"message": "m", "type": "t"}}),
        json!({"id": "x", "error": {"message": "m", "type": "t"}}),
    ] {
        let text = stream(&[chunk(json!({"content": "a"}), Value::Null), error], false);
        let events = decode(&[text.as_bytes()]).unwrap();
        assert_eq!(events.last(), Some(&Event::Error { kind: Some("t".into()), message: "m".into() }));
    }
    assert!(decode(&[b"data: {\"choices\": 7}\n\n"]).is_err());
    assert!(decode(&[b"data: <html>\n\n"]).is_err());
}

fn encode(events: &[Event], options: EncodeOptions) -> String {
    let (mut encoder, mut out) = (Encoder::new(options), BytesMut::new());
    for event in events {
        encoder.write(event, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn what_is_encoded_decodes_to_the_same_events() {
    let events = decode(&[busy_stream().as_bytes()]).unwrap();
    let text = encode(&events, EncodeOptions { usage: true, ..EncodeOptions::default() });
    let mut again = decode(&[text.as_bytes()]).unwrap();
    // Usage goes last here, and only its place differs.
    let usage = again.iter().position(|event| matches!(event, Event::Usage(_))).unwrap();
    let usage = again.remove(usage);
    again.insert(events.iter().position(|event| matches!(event, Event::Usage(_))).unwrap(), usage);
    assert_eq!(again, events);
    let first: Value =
        serde_json::from_str(text.lines().next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(
        first,
        json!({"id": "i", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [{"index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": null}, "logprobs": null, "finish_reason": null}], "usage": null})
    );
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[test]
fn usage_goes_out_only_when_asked_for() {
    let events = decode(&[busy_stream().as_bytes()]).unwrap();
    let text = encode(&events, EncodeOptions::default());
    assert!(!text.contains("usage"));
    assert!(text.ends_with("\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"));
}

#[test]
fn a_failed_stream_ends_with_an_error_and_no_done() {
    let (mut encoder, mut out) = (Encoder::new(EncodeOptions::default()), BytesMut::new());
    encoder.fail(&Fault::new(Code::UpstreamInterrupted), &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    let error: Value = serde_json::from_str(text.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(error["error"]["code"], json!("upstream_interrupted"));
}

mod accents;
mod asking;
mod calling;
mod saying;
mod streaming;
