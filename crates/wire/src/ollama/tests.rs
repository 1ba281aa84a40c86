//! Requests and answers of Ollama's both ways, streams under every cut, and what cannot be carried.

use bytes::BytesMut;
use contract::Code;
use contract::canon::{
    Answered, Asked, Choice, Effort, Event, MediaKind, MediaSource, OutputFormat, Part, PartKind, PartStart,
    Provenance, Reasoning, ToolChoice,
};
use contract::words::Usage;
use serde_json::{Value, json};

use super::*;
use crate::hub;

const CHAT: Dialect = Dialect::OllamaChat;
const GENERATE: Dialect = Dialect::OllamaGenerate;

fn read(dialect: Dialect, body: &str) -> Request {
    match hub::read_request(dialect, body.as_bytes()).unwrap() {
        Asked::Chat(request) => *request,
        other => panic!("{other:?}"),
    }
}

fn write(dialect: Dialect, request: &Request) -> (Value, String) {
    let (bytes, dropped) = try_write(dialect, request).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), dropped)
}

fn try_write(dialect: Dialect, request: &Request) -> Result<(Bytes, String), Fault> {
    let mut receipt = Receipt::default();
    let asked = Asked::Chat(Box::new(request.clone()));
    let bytes = hub::write_request(dialect, &asked, &Quirks::default(), &mut receipt)?;
    Ok((bytes, receipt.to_string()))
}

fn comes_back(dialect: Dialect, body: &Value) {
    let (written, dropped) = write(dialect, &read(dialect, &body.to_string()));
    assert_eq!(&written, body);
    assert_eq!(dropped, "");
}

#[test]
fn chat_requests_come_back() {
    comes_back(
        CHAT,
        &json!({
            "model": "qwen3:4b",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is it?", "images": ["iVBORw0", "/9j/4AA"], "odd": 1},
                {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [
                    {"function": {"name": "look", "arguments": {"n": 1, "a": [true]}}, "type": "function"},
                    {"id": "c7", "function": {"name": "see", "arguments": {}, "index": 1}}]},
                {"role": "tool", "content": "a cat", "tool_name": "look"},
                {"role": "tool", "content": "a dog", "tool_call_id": "c7"},
                {"role": "tool", "content": "a cow"},
            ],
            "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.",
                "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}, "odd": 2}}],
            "format": {"type": "object", "properties": {}},
            "think": true,
            "options": {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7, "num_predict": 64,
                "frequency_penalty": 0.1, "presence_penalty": 0.2, "stop": ["END"], "num_ctx": 8192,
                "repeat_penalty": 1.1},
            "keep_alive": "5m", "truncate": false, "logprobs": true, "top_logprobs": 2, "stream": false,
        }),
    );
    comes_back(CHAT, &json!({"model": "m", "messages": [], "options": {}, "stream": true}));
    comes_back(CHAT, &json!({"model": "m", "messages": [], "options": {"num_predict": -1}, "stream": true}));
    for think in
        [json!(true), json!(false), json!("low"), json!("medium"), json!("high"), json!("max"), json!("odd")]
    {
        let user = json!([{"role": "user", "content": "a"}]);
        for model in ["gpt-oss:20b", "qwen3:8b"] {
            comes_back(CHAT, &json!({"model": model, "messages": user, "think": think, "stream": true}));
        }
    }
}

#[test]
fn generate_requests_come_back() {
    comes_back(
        GENERATE,
        &json!({"model": "m", "prompt": "def f(", "system": "Code.", "images": ["iVBORw0"], "suffix": "return",
            "template": "{{ .Prompt }}", "raw": true, "context": [1, 2], "format": "json", "think": false,
            "keep_alive": 0, "options": {"num_predict": 9}, "stream": true}),
    );
    comes_back(GENERATE, &json!({"model": "m", "stream": true}));
    comes_back(GENERATE, &json!({"model": "m", "prompt": "a", "system": "", "format": "", "stream": true}));
    comes_back(GENERATE, &json!({"model": "m", "prompt": "", "stream": false}));
}

#[test]
fn canon_has_words_for_what_is_asked() {
    let request = read(
        CHAT,
        r#"{"model":"m","messages":[{"role":"User","content":"a","images":["/9j/x"]}],"format":"json",
        "options":{"num_predict":5.0,"stop":"x"},"think":"high"}"#,
    );
    assert!(request.stream && request.stream_usage, "a stream is the default");
    assert_eq!((request.max_output, &request.sampling.stop[..]), (Some(5), &["x".to_owned()][..]));
    assert_eq!(request.format, OutputFormat::JsonObject);
    assert_eq!(request.reasoning.unwrap().effort, Some(Effort::High));
    let parts = &request.messages[0].parts;
    let jpeg = MediaSource::Base64 { mime: "image/jpeg".to_owned(), data: "/9j/x".to_owned() };
    assert_eq!(parts[0].kind, PartKind::Media { kind: MediaKind::Image, source: jpeg });
    assert_eq!(parts[1].kind, PartKind::Text("a".to_owned()));
}

#[test]
fn results_find_their_calls_without_ids() {
    let body = json!({"model": "m", "messages": [
        {"role": "assistant", "tool_calls": [
            {"function": {"name": "a", "arguments": {}}}, {"function": {"name": "b", "arguments": {}}},
            {"function": {"name": "a", "arguments": {}}}]},
        {"role": "tool", "tool_name": "b", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "tool", "tool_name": "a", "content": "3"},
        {"role": "tool", "content": "4"}]});
    let request = read(CHAT, &body.to_string());
    let results: Vec<_> = request.messages[1..]
        .iter()
        .map(|message| match &message.parts[0].kind {
            PartKind::ToolResult(result) => (result.call.as_str(), result.name.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [("call_2", Some("b")), ("call_1", Some("a")), ("call_3", Some("a")), ("call_4", None)];
    assert_eq!(results, expected);
}

#[test]
fn many_calls_and_results_take_no_longer_than_they_must() {
    let call = json!({"function": {"name": "a", "arguments": {}}});
    let mut messages = vec![json!({"role": "assistant", "tool_calls": vec![call; 20_000]})];
    messages.extend(vec![json!({"role": "tool", "tool_name": "b", "content": ""}); 20_000]);
    let request = read(CHAT, &json!({"model": "m", "messages": messages}).to_string());
    assert_eq!(request.messages.len(), 20_001);
}

#[test]
fn arguments_go_through_byte_for_byte() {
    let raw = r#"{"n": 12345678901234567890123,"x":1.0 }"#;
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"assistant","tool_calls":[{{"function":{{"name":"f","arguments":{raw}}}}}]}}]}}"#
    );
    let (bytes, _) = try_write(CHAT, &read(CHAT, &body)).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains(raw), "{bytes:?}");
    let body = format!(
        r#"{{"model":"m","message":{{"content":"","tool_calls":[{{"function":{{"name":"f","arguments":{raw}}}}}]}},"done":true}}"#
    );
    let Answered::Chat(reply) = hub::read_reply(CHAT, body.as_bytes()).unwrap() else { panic!() };
    let PartKind::ToolCall { id, arguments, .. } = &reply.choices[0].parts[0].kind else { panic!() };
    assert_eq!((id.as_str(), arguments.as_str()), ("call__0", raw));
    let bytes =
        hub::write_reply(CHAT, &Answered::Chat(reply), &EncodeOptions::default(), &mut Receipt::default());
    assert!(String::from_utf8_lossy(&bytes.unwrap()).contains(raw));
}

#[test]
fn requests_of_others_are_put_in_ollamas_words() {
    let body = json!({"model": "qwen3", "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "fine"}],
        "tools": [{"type": "function", "function": {"name": "f", "strict": true}},
            {"type": "function", "function": {"name": "g"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}}, "max_completion_tokens": 9, "n": 2,
        "reasoning_effort": "low", "logit_bias": {"1": 2}, "user": "u", "temperature": 1,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}});
    let (written, dropped) = write(CHAT, &read(Dialect::OpenaiChat, &body.to_string()));
    assert_eq!(
        written,
        json!({"model": "qwen3", "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look", "images": ["AAAA"]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}]},
            {"role": "tool", "content": "fine", "tool_name": "f", "tool_call_id": "c1"}],
            "tools": [{"type": "function", "function": {"name": "f",
                "parameters": {"type": "object", "properties": {}}}}],
            "format": {"type": "object"}, "think": true, "options": {"temperature": 1.0, "num_predict": 9},
            "stream": false})
    );
    let expected =
        "messages[1].content[2], tool_choice, tools[0].strict, reasoning_effort, n, user, logit_bias";
    assert_eq!(dropped, expected);
}

#[test]
fn levels_of_thinking_depend_on_the_model() {
    for (model, effort, budget, think, dropped) in [
        ("gpt-oss:20b", Some(Effort::Max), None, json!("high"), "reasoning_effort"),
        ("gpt-oss:20b", Some(Effort::Minimal), None, json!("low"), ""),
        ("qwen3", Some(Effort::Medium), None, json!(true), ""),
        ("qwen3", Some(Effort::None), None, json!(false), ""),
        ("qwen3", None, Some(0), json!(false), ""),
        ("qwen3", None, Some(2000), json!(true), "thinking.budget_tokens"),
    ] {
        let mut request = read(CHAT, r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#);
        model.clone_into(&mut request.model);
        request.reasoning = Some(Reasoning { effort, budget, ..Reasoning::default() });
        let (written, named) = write(CHAT, &request);
        assert_eq!((&written["think"], named.as_str()), (&think, dropped), "{model} {effort:?} {budget:?}");
    }
}

#[test]
fn no_tools_are_offered_when_none_may_be_called() {
    let body =
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"tools":[{"function":{"name":"f"}}]}"#;
    let mut request = read(CHAT, body);
    request.tool_choice = Some(ToolChoice::None);
    let (written, dropped) = write(CHAT, &request);
    assert_eq!((written.get("tools"), dropped.as_str()), (None, ""));
}

#[test]
fn a_prompt_is_no_conversation() {
    let turns =
        r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;
    let fault = try_write(GENERATE, &read(CHAT, turns)).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("messages[1]")));
    let (written, _) = write(CHAT, &read(GENERATE, r#"{"model":"m","prompt":"p","system":"s"}"#));
    assert_eq!(
        written["messages"],
        json!([{"role": "system", "content": "s"}, {"role": "user", "content": "p"}])
    );
}

#[test]
fn requests_that_make_no_sense_name_the_field() {
    for (body, param) in [
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":"m","messages":{}}"#, "messages"),
        (r#"{"model":"m","messages":[{"role":"user","content":[]}]}"#, "messages[0].content"),
        (r#"{"model":"m","messages":[{"role":"robot"}]}"#, "messages[0].role"),
        (r#"{"model":"m","messages":[{"role":"user","images":[1]}]}"#, "messages[0].images[0]"),
        (
            r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{}]}]}"#,
            "messages[0].tool_calls[0].function",
        ),
        (r#"{"model":"m","options":{"temperature":"x"}}"#, "options.temperature"),
        (r#"{"model":"m","options":{"top_k":"x"}}"#, "options.top_k"),
        (r#"{"model":"m","options":[]}"#, "options"),
        (r#"{"model":"m","format":1}"#, "format"),
        (r#"{"model":"m","think":1}"#, "think"),
        (r#"{"model":"m","stream":1}"#, "stream"),
        (r#"{"model":"m","tools":[{"function":{}}]}"#, "tools[0].function.name"),
    ] {
        assert_eq!(hub::read_request(CHAT, body.as_bytes()).unwrap_err().param(), Some(param), "{body}");
    }
}

fn reply_of(dialect: Dialect, body: &Value) -> Reply {
    match hub::read_reply(dialect, body.to_string().as_bytes()).unwrap() {
        Answered::Chat(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

fn rewritten(dialect: Dialect, reply: Reply, options: &EncodeOptions) -> Value {
    let answered = Answered::Chat(Box::new(reply));
    let bytes = hub::write_reply(dialect, &answered, options, &mut Receipt::default()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn whole() -> Value {
    json!({"model": "m", "created_at": "2026-01-02T03:04:05.678Z",
        "message": {"role": "assistant", "content": "Hello", "thinking": "hm",
            "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}, "index": 0}}], "odd": true},
        "done": true, "done_reason": "stop",
        "logprobs": [{"token": "Hello", "logprob": -0.5, "bytes": [72],
            "top_logprobs": [{"token": "Hi", "logprob": -1.5}]}],
        "prompt_eval_count": 7, "eval_count": 3, "total_duration": 99, "load_duration": 1})
}

#[test]
fn replies_come_back() {
    let options = EncodeOptions::default();
    let reply = reply_of(CHAT, &whole());
    assert_eq!(reply.created, Some(1_767_323_045));
    assert_eq!(reply.usage, Some(Usage { input: 7, output: 3, ..Usage::default() }));
    assert_eq!(reply.choices[0].finish, Finish::ToolCalls);
    assert_eq!(rewritten(CHAT, reply, &options), whole());
    let body = json!({"model": "m", "created_at": "2026-01-02T03:04:05Z", "response": "x", "thinking": "hm",
        "done": true, "done_reason": "length", "context": [1, 2], "eval_count": 1, "prompt_eval_count": 0});
    assert_eq!(rewritten(GENERATE, reply_of(GENERATE, &body), &options), body);
    let loaded = json!({"model": "m", "created_at": "2026-01-02T03:04:05Z", "response": "", "done": true,
        "done_reason": "load"});
    assert_eq!(rewritten(GENERATE, reply_of(GENERATE, &loaded), &options), loaded);
}

#[test]
fn replies_of_others_are_written_in_ollamas_words() {
    let body = json!({"id": "x", "model": "gpt", "created": 1_767_323_045, "choices": [{"index": 0,
        "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "Hi", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}});
    let reply = reply_of(Dialect::OpenaiChat, &body);
    assert_eq!(
        rewritten(CHAT, reply.clone(), &EncodeOptions::default()),
        json!({"model": "gpt", "created_at": "2026-01-02T03:04:05.000000Z",
            "message": {"role": "assistant", "content": "Hi", "tool_calls": [
                {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}]},
            "done": true, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2})
    );
    let written = rewritten(GENERATE, reply, &EncodeOptions::default());
    assert_eq!((&written["response"], written.get("message")), (&json!("Hi"), None));
}

#[test]
fn answers_that_are_none_are_told() {
    for body in [r#"{"error":"no such model"}"#, "[]", "{", r#"{"message":"x"}"#] {
        assert!(hub::read_reply(CHAT, body.as_bytes()).is_err(), "{body}");
    }
    let error =
        crate::read_error(CHAT, http::StatusCode::NOT_FOUND, &Bytes::from_static(b"{\"error\":\"m\"}"));
    assert_eq!((error.message.as_str(), error.dialect), ("m", CHAT));
}

const STREAM: &str = concat!(
    r#"{"model":"m","created_at":"2026-01-02T03:04:05.678Z","message":{"role":"assistant","content":"","thinking":"h"},"done":false}"#,
    "\n",
    r#"{"model":"m","created_at":"2026-01-02T03:04:06Z","message":{"role":"assistant","content":"","thinking":"m"},"done":false}"#,
    "\n\n",
    r#"{"model":"m","created_at":"2026-01-02T03:04:06Z","message":{"role":"assistant","content":"Hél"},"done":false}"#,
    "\r\n",
    r#"{"model":"m","created_at":"2026-01-02T03:04:06Z","message":{"role":"assistant","content":"lo"},"done":false,"logprobs":[{"token":"lo","logprob":-1.0}]}"#,
    "\n",
    r#"{"model":"m","created_at":"2026-01-02T03:04:06Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},{"id":"c9","function":{"index":1,"name":"g","arguments":{}}}]},"done":false}"#,
    "\n",
    r#"{"model":"m","created_at":"2026-01-02T03:04:07Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":9,"prompt_eval_count":7,"eval_count":3}"#,
    "\n",
);

fn decode(dialect: Dialect, chunks: &[&[u8]]) -> Result<Vec<Event>, WireError> {
    let (mut decoder, mut events) = (hub::decoder(dialect).unwrap(), Vec::new());
    for chunk in chunks {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

fn encode(dialect: Dialect, events: &[Event]) -> Vec<Value> {
    let options =
        EncodeOptions { created: 1_767_323_045, asked: "asked".to_owned(), ..EncodeOptions::default() };
    let mut encoder = hub::encoder(dialect, options).unwrap();
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A short spelling of events.
fn spelled(events: &[Event]) -> Vec<String> {
    let spell = |event: &Event| match event {
        Event::Start { model, created, .. } => format!("start {model} {}", created.unwrap_or_default()),
        Event::PartStart { index, part, .. } => match part {
            contract::canon::PartStart::ToolCall { id, name, .. } => format!("{index} call {id} {name}"),
            part => format!("{index} {part:?}"),
        },
        Event::Delta { index, text, .. } => format!("{index} +{text}"),
        Event::PartStop { index, .. } => format!("{index} stop"),
        Event::Logprobs { tokens, .. } => format!("{} logprobs", tokens.len()),
        Event::Extra { extra, .. } => format!("extra {}", Value::Object(extra.fields.clone())),
        Event::Finish { reason, .. } => format!("finish {reason:?}"),
        Event::Usage(usage) => format!("usage {} {}", usage.input, usage.output),
        other => format!("{other:?}"),
    };
    events.iter().map(spell).collect()
}

#[test]
fn streams_are_read_the_same_under_every_cut() {
    let bytes = STREAM.as_bytes();
    let events = decode(CHAT, &[bytes]).unwrap();
    assert_eq!(
        spelled(&events),
        [
            "start m 1767323045",
            "0 Reasoning",
            "0 +h",
            "0 +m",
            "0 stop",
            "1 Text",
            "1 +Hél",
            "1 +lo",
            "1 logprobs",
            "1 stop",
            "2 call call_20260102T030405678Z_0 f",
            r#"2 +{"a":1}"#,
            "2 stop",
            "3 call c9 g",
            "3 +{}",
            "3 stop",
            r#"extra {"total_duration":9}"#,
            "finish ToolCalls",
            "usage 7 3",
            "End",
        ]
    );
    for at in 0..=bytes.len() {
        assert_eq!(decode(CHAT, &[&bytes[..at], &bytes[at..]]).unwrap(), events, "cut at {at}");
    }
    assert_eq!(decode(CHAT, &bytes.chunks(1).collect::<Vec<_>>()).unwrap(), events);
    let short = STREAM.strip_suffix('\n').unwrap();
    assert_eq!(decode(CHAT, &[short.as_bytes()]).unwrap(), events);
    for end in [0, 9, short.len() - 1] {
        assert!(decode(CHAT, &[&short.as_bytes()[..end]]).is_err(), "broken off at {end}");
    }
}

#[test]
fn streams_come_back() {
    let events = decode(CHAT, &[STREAM.as_bytes()]).unwrap();
    let lines = encode(CHAT, &events);
    let text: String = lines.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    assert_eq!(text, "Héllo");
    let last = lines.last().unwrap();
    assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("stop")));
    assert_eq!((&last["prompt_eval_count"], &last["total_duration"]), (&json!(7), &json!(9)));
    assert!(lines.iter().rev().skip(1).all(|line| line["done"] == false && line["model"] == "m"));
    let again = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let again = decode(CHAT, &[again.as_bytes()]).unwrap();
    let steady = |events: &[Event]| -> Vec<String> {
        spelled(events).into_iter().filter(|text| !text.starts_with("extra")).collect()
    };
    assert_eq!(steady(&again), steady(&events));
}

#[test]
fn generated_streams_have_their_own_field() {
    let stream = concat!(
        r#"{"model":"m","created_at":"2026-01-02T03:04:05Z","response":"He","done":false}"#,
        "\n",
        r#"{"model":"m","created_at":"2026-01-02T03:04:05Z","response":"llo","done":false}"#,
        "\n",
        r#"{"model":"m","created_at":"2026-01-02T03:04:05Z","response":"","done":true,"done_reason":"length","context":[1],"eval_count":2}"#,
        "\n",
    );
    let events = decode(GENERATE, &[stream.as_bytes()]).unwrap();
    let lines: String = encode(GENERATE, &events).iter().map(|line| format!("{line}\n")).collect();
    let sorted =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let mut expected = sorted(stream);
    expected[2]["prompt_eval_count"] = json!(0);
    assert_eq!(sorted(&lines), expected);
}

#[test]
fn failures_end_a_stream_with_a_line_of_their_own() {
    let stream = concat!(
        r#"{"model":"m","message":{"content":"a"},"done":false}"#,
        "\n",
        r#"{"error":"out of memory"}"#,
        "\n",
        "rubbish",
    );
    let events = decode(CHAT, &[stream.as_bytes()]).unwrap();
    let error = Event::Error { kind: None, message: "out of memory".to_owned() };
    assert_eq!(events.last(), Some(&error));
    let lines = encode(CHAT, &events);
    assert_eq!(lines.last(), Some(&json!({"error": "out of memory"})));
    let mut encoder = hub::encoder(CHAT, EncodeOptions::default()).unwrap();
    let mut out = BytesMut::new();
    encoder.fail(&Code::UpstreamInterrupted.into(), &mut out);
    encoder.write(&Event::End, &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with(r#"{"error":""#), "{text}");
}

#[test]
fn calls_in_pieces_go_out_whole_and_endless_ones_do_not() {
    let call = contract::canon::PartStart::ToolCall { id: "c".into(), name: "f".into(), custom: false };
    let start = Event::PartStart { choice: 0, index: 0, part: call, native: None };
    let delta = |text: &str| Event::Delta { choice: 0, index: 0, text: text.to_owned() };
    let stop = Event::PartStop { choice: 0, index: 0 };
    let finish = Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None };
    let lines = encode(CHAT, &[start.clone(), delta("{\"a\":"), delta("1}"), stop, finish, Event::End]);
    assert_eq!(
        lines[0]["message"]["tool_calls"],
        json!([{"id": "c", "function": {"name": "f", "arguments": {"a": 1}, "index": 0}}])
    );
    assert_eq!((&lines[0]["model"], &lines[1]["done_reason"]), (&json!("asked"), &json!("stop")));
    let piece = "x".repeat(1 << 20);
    let mut endless = vec![start];
    endless.extend((0..20).map(|_| delta(&piece)));
    endless.push(Event::End);
    let lines = encode(CHAT, &endless);
    assert_eq!(lines.len(), 1);
    assert!(lines[0]["error"].is_string());
}

#[test]
fn vectors_go_both_ways() {
    let batch = Dialect::OllamaEmbed;
    let written = |from: Dialect, to: Dialect, body: &Value| {
        let asked = hub::read_request(from, body.to_string().as_bytes())?;
        let mut receipt = Receipt::default();
        let bytes = hub::write_request(to, &asked, &Quirks::default(), &mut receipt)?;
        Ok::<_, Fault>((serde_json::from_slice::<Value>(&bytes).unwrap(), receipt.to_string()))
    };
    for body in [
        json!({"model": "m", "input": "a", "truncate": false, "dimensions": 8, "keep_alive": "1m"}),
        json!({"model": "m", "input": ["a", "b"], "options": {"num_ctx": 9}}),
    ] {
        assert_eq!(written(batch, batch, &body).unwrap(), (body, String::new()));
    }
    let one = Dialect::OllamaEmbedOne;
    let body = json!({"model": "m", "prompt": "a", "keep_alive": 1});
    assert_eq!(written(one, one, &body).unwrap(), (body.clone(), String::new()));
    let expected = (json!({"model": "m", "input": "a"}), "keep_alive".to_owned());
    assert_eq!(written(one, Dialect::OpenaiEmbeddings, &body).unwrap(), expected);
    let two = json!({"model": "m", "input": ["a", "b"]});
    assert_eq!(written(batch, one, &two).unwrap_err().param(), Some("input"));
    let tokens = json!({"model": "m", "input": [1, 2]});
    let fault = written(Dialect::OpenaiEmbeddings, batch, &tokens).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input[0]")));

    let reply =
        json!({"model": "m", "embeddings": [[0.5, -1.0]], "prompt_eval_count": 2, "total_duration": 9});
    let answered = hub::read_reply(batch, reply.to_string().as_bytes()).unwrap();
    assert_eq!(answered.usage(), Some(Usage { input: 2, ..Usage::default() }));
    let write = |dialect| {
        let bytes = hub::write_reply(dialect, &answered, &EncodeOptions::default(), &mut Receipt::default());
        serde_json::from_slice::<Value>(&bytes.unwrap()).unwrap()
    };
    assert_eq!(write(batch), reply);
    assert_eq!(write(one), json!({"embedding": [0.5, -1.0]}));
    let answered = hub::read_reply(one, br#"{"embedding":[1]}"#).unwrap();
    assert_eq!(
        (answered.usage(), matches!(answered, Answered::Embed(it) if it.vectors == [vec![1.0]])),
        (None, true)
    );
}

#[test]
fn what_only_its_own_dialect_understands_goes_nowhere_else() {
    let prompts = json!({"model": "m", "prompt": ["a", "b"]});
    let request = read(Dialect::OpenaiCompletions, &prompts.to_string());
    let fault = try_write(CHAT, &request).unwrap_err();
    let asked = Asked::Chat(Box::new(request.clone()));
    let fault = crate::place_fault(Dialect::OpenaiCompletions, &asked, fault);
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("prompt")));
    let part: &Part = &request.messages[0].parts[0];
    assert_eq!(part.kind, PartKind::Native);
}

#[test]
fn a_picture_has_its_place_with_generate_alone() {
    let source = MediaSource::Base64 { mime: "image/png".to_owned(), data: "AAAA".to_owned() };
    let part = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::Model);
    let choices = vec![Choice { parts: vec![part], ..Choice::default() }];
    let reply = Answered::Chat(Box::new(Reply { choices, ..Reply::default() }));
    let events = [
        Event::PartStart {
            choice: 0,
            index: 0,
            part: PartStart::Media { kind: MediaKind::Image, mime: "image/png".to_owned() },
            native: None,
        },
        Event::Delta { choice: 0, index: 0, text: "AAAA".to_owned() },
        Event::PartStop { choice: 0, index: 0 },
        Event::End,
    ];
    for (dialect, has, dropped) in [(GENERATE, true, ""), (CHAT, false, "choices[0].content[0]")] {
        let mut receipt = Receipt::default();
        let whole = hub::write_reply(dialect, &reply, &EncodeOptions::default(), &mut receipt).unwrap();
        let mut streamed = BytesMut::new();
        let mut encoder = hub::encoder(dialect, EncodeOptions::default()).unwrap();
        events.iter().for_each(|event| encoder.write(event, &mut streamed));
        for written in [&whole[..], &streamed[..]] {
            let text = std::str::from_utf8(written).unwrap();
            assert_eq!(text.contains("\"image\":\"AAAA\""), has, "{text}");
        }
        assert_eq!(receipt.to_string(), dropped);
    }
}
