//! Requests, replies and streams of this dialect, small ones written for the purpose.

use bytes::{Bytes, BytesMut};
use contract::canon::{Event, Finish, Part, PartKind, PartStart, Provenance, Receipt, Reply, Request, Role};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde_json::{Value, json};

use super::encode::Encoder;
use super::read::read_chat;
use super::reply::{read_reply, write_reply};
use super::request::write_chat;
use super::stream::Decoder;
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder};

mod blocks;

/// What an OpenAI client's request becomes, with the receipt.
fn from_openai(request: &Value) -> Result<(Value, String), Fault> {
    let canon =
        crate::hub::chat(Dialect::OpenaiChat).unwrap().read_request(request.to_string().as_bytes())?;
    write(&canon)
}

fn write(canon: &Request) -> Result<(Value, String), Fault> {
    let mut receipt = Receipt::default();
    let bytes = write_chat(canon, &Quirks::default(), &mut receipt)?;
    Ok((serde_json::from_slice(&bytes).unwrap(), receipt.to_string()))
}

fn again(request: &Value) -> Value {
    let canon = read_chat(request.to_string().as_bytes()).unwrap();
    let (written, receipt) = write(&canon).unwrap();
    assert_eq!(receipt, "");
    written
}

#[test]
fn every_block_comes_back() {
    let request = json!({
        "model": "claude-opus-4-5", "max_tokens": 20000, "stream": true,
        "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "Look."},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}},
                {"type": "document", "title": "T", "citations": {"enabled": true},
                    "source": {"type": "text", "media_type": "text/plain", "data": "Words."}},
                {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
                {"type": "search_result", "source": "s", "title": "t", "content": []},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                {"type": "redacted_thinking", "data": "opaque"},
                {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": 2.5}, "caller": {"type": "direct"}},
                {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": "no"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": [
                    {"type": "text", "text": "a"}, {"type": "image", "source": {"type": "url", "url": "https://e/x"}}]},
                {"type": "text", "text": "Go on."},
            ]},
        ],
        "tools": [
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
            {"name": "g", "input_schema": {"type": "object"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "thinking": {"type": "enabled", "budget_tokens": 4000, "display": "summarized"},
        "output_config": {"effort": "low", "task_budget": {"total": 9},
            "format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": false}}},
        "stop_sequences": ["END"], "service_tier": "standard_only",
        "metadata": {"user_id": "u", "trace": "t"}, "container": "c1",
    });
    assert_eq!(again(&request), request);
}

#[test]
fn thinking_modes_come_back() {
    for (model, fields) in [
        ("claude-sonnet-4-6", json!({"thinking": {"type": "adaptive"}})),
        (
            "claude-opus-4-8",
            json!({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}}),
        ),
        ("claude-opus-4-5", json!({"output_config": {"effort": "medium"}})),
        ("claude-sonnet-5", json!({"thinking": {"type": "disabled"}})),
        ("claude-sonnet-5", json!({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}})),
        ("claude-sonnet-9", json!({"thinking": {"type": "dreaming", "depth": 3}})),
        ("claude-sonnet-9", json!({"output_config": {"effort": "utmost"}})),
    ] {
        let mut request =
            json!({"model": model, "max_tokens": 9000, "messages": [{"role": "user", "content": "Hi"}]});
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(again(&request), request);
    }
}

#[test]
fn tool_results_get_a_message_and_a_name_of_their_own() {
    let canon = read_chat(
        br#"{"model":"m","max_tokens":1,"messages":[
        {"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"n":12345678901234567890123}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"7"},{"type":"text","text":"So?"}]}]}"#,
    )
    .unwrap();
    let roles: Vec<Role> = canon.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::Tool, Role::User]);
    let PartKind::ToolCall { arguments, .. } = &canon.messages[0].parts[0].kind else { panic!("a call") };
    assert_eq!(arguments, r#"{"n":12345678901234567890123}"#);
    let PartKind::ToolResult(result) = &canon.messages[1].parts[0].kind else { panic!("a result") };
    assert_eq!(result.name.as_deref(), Some("f"));
}

#[test]
fn bad_requests_name_the_field() {
    for (body, code, param) in [
        ("{", Code::InvalidJson, None),
        (r#"{"model":"m","messages":[]}"#, Code::InvalidRequest, Some("max_tokens")),
        (r#"{"model":"m","max_tokens":1}"#, Code::InvalidRequest, Some("messages")),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"x","content":""}]}"#,
            Code::InvalidRequest,
            Some("messages[0].role"),
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content[0]"),
        ),
        (r#"{"model":"m","max_tokens":1,"messages":"x"}"#, Code::InvalidRequest, Some("messages")),
        (r#"{"model":"m","max_tokens":1,"messages":[{},7]}"#, Code::InvalidRequest, Some("messages[1]")),
        (
            r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":7}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content"),
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[],"tools":[{}]}"#,
            Code::InvalidRequest,
            Some("tools[0].name"),
        ),
        (
            r#"{"model":"m","max_tokens":1,"messages":[],"tool_choice":{"type":"?"}}"#,
            Code::InvalidRequest,
            Some("tool_choice.type"),
        ),
    ] {
        let fault = read_chat(body.as_bytes()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (code, param), "{body}");
    }
    assert_eq!(read_chat(b"{\"model\":\"\xff\"}").unwrap_err().code(), Code::InvalidEncoding);
}

#[test]
fn an_openai_conversation_is_put_in_order() {
    let (written, receipt) = from_openai(&json!({
        "model": "claude-haiku-4-5", "user": "u1", "stop": ["END", " "], "temperature": 1.5, "seed": 7, "n": 2,
        "parallel_tool_calls": false, "response_format": {"type": "json_object"},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Two."},
            {"role": "user", "content": "  "},
            {"role": "user", "content": "Really."},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call.1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1.0}"}},
                {"id": "call_2", "type": "function", "function": {"name": "f", "arguments": "not json"}}]},
            {"role": "tool", "tool_call_id": "call_2", "content": "b"},
            {"role": "tool", "tool_call_id": "call.1", "content": "a"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }))
    .unwrap();
    let expected = json!({
        "model": "claude-haiku-4-5", "max_tokens": 32000, "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Two."}, {"type": "text", "text": "Really."}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "call_2e1", "name": "f", "input": {"x": 1.0}},
                {"type": "tool_use", "id": "call_2", "name": "f", "input": {"arguments": "not json"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "call_2", "content": "b"},
                {"type": "tool_result", "tool_use_id": "call_2e1", "content": "a"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "temperature": 1.0, "stop_sequences": ["END"], "metadata": {"user_id": "u1"},
    });
    assert_eq!(written, expected);
    assert_eq!(receipt, "messages[2].content[0], response_format, temperature, stop, n, seed");
}

#[test]
fn orphans_and_empty_conversations_are_refused() {
    let call = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]});
    let user = json!({"role": "user", "content": "Hi"});
    for (messages, word) in [
        (json!([{"role": "user", "content": ""}]), "at least one message"),
        (json!([user, call, user]), "no result"),
        (json!([user, {"role": "tool", "tool_call_id": "c1", "content": "x"}]), "no call"),
    ] {
        let fault = from_openai(&json!({"model": "claude-haiku-4-5", "messages": messages})).unwrap_err();
        assert_eq!(fault.code(), Code::InvalidRequest);
        assert!(fault.message().contains(word), "{}", fault.message());
    }
    let sound = json!([{"role": "user", "content": [
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}]}]);
    let fault = from_openai(&json!({"model": "claude-haiku-4-5", "messages": sound})).unwrap_err();
    assert_eq!(fault.code(), Code::UnsupportedCapability);
}

#[test]
fn a_system_prompt_alone_is_the_users() {
    let request = json!({"model": "claude-haiku-4-5", "messages": [{"role": "system", "content": "Hi"}]});
    let (written, receipt) = from_openai(&request).unwrap();
    assert_eq!(written["messages"], json!([{"role": "user", "content": "Hi"}]));
    assert_eq!((written.get("system"), receipt.as_str()), (None, "messages[0].role"));
}

#[test]
fn effort_becomes_what_the_model_takes() {
    let ask = |model: &str, more: Value| {
        let mut request = json!({"model": model, "reasoning_effort": "high", "messages": [{"role": "user", "content": "Hi"}]});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (written, receipt) = from_openai(&request).unwrap();
        (written["thinking"].clone(), written["output_config"]["effort"].clone(), receipt)
    };
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    let none = Value::Null;
    let nothing = json!({});
    assert_eq!(ask("claude-haiku-4-5", nothing.clone()), (budget(16_000), none.clone(), String::new()));
    let cap = json!({"max_completion_tokens": 6000});
    assert_eq!(ask("claude-haiku-4-5", cap), (budget(4_500), none.clone(), String::new()));
    let tight = json!({"max_completion_tokens": 1300});
    assert_eq!(ask("claude-haiku-4-5", tight), (none.clone(), none.clone(), "reasoning_effort".to_owned()));
    assert_eq!(
        ask("claude-opus-4-8", nothing.clone()),
        (json!({"type": "adaptive"}), json!("high"), String::new())
    );
    let off = json!({"reasoning_effort": "none"});
    assert_eq!(ask("claude-opus-4-8", off), (json!({"type": "disabled"}), none.clone(), String::new()));
    assert_eq!(
        ask("claude-3-haiku-20240307", nothing),
        (none.clone(), none.clone(), "reasoning_effort".to_owned())
    );
    let forced =
        json!({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"});
    assert_eq!(ask("claude-haiku-4-5", forced), (none.clone(), none, "reasoning_effort".to_owned()));
    let (written, receipt) = from_openai(&json!({"model": "claude-opus-4-7", "temperature": 0.2, "top_p": 1,
        "messages": [{"role": "user", "content": "Hi"}]}))
    .unwrap();
    assert_eq!(
        (written.get("temperature"), written.get("top_p"), receipt.as_str()),
        (None, None, "temperature")
    );
}

#[test]
fn a_resumed_tool_loop_does_not_think_by_budget() {
    let (written, receipt) =
        from_openai(&json!({"model": "claude-haiku-4-5", "reasoning_effort": "low", "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "x"}]}))
        .unwrap();
    assert_eq!((written.get("thinking"), receipt.as_str()), (None, "reasoning_effort"));
}

#[test]
fn a_text_file_becomes_a_document_of_text() {
    let (written, _) =
        from_openai(&json!({"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": [
        {"type": "file", "file": {"file_data": "data:text/plain;base64,SGVsbG8="}}]}]}))
        .unwrap();
    let source = json!({"type": "text", "media_type": "text/plain", "data": "Hello"});
    assert_eq!(written["messages"][0]["content"][0]["source"], source);
}

#[test]
fn a_reply_of_another_dialect_becomes_a_message() {
    let mut thought = Part::new(PartKind::Reasoning("Hm.".to_owned()), Provenance::Model);
    thought = thought.with_native(Dialect::GeminiGenerate, json!({"thoughtSignature": "x"}));
    let call = PartKind::ToolCall {
        id: "c1".to_owned(),
        name: "f".to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        custom: false,
    };
    let mut reply = Reply { id: "chatcmpl-1".to_owned(), ..Reply::default() };
    reply.usage = Some(Usage { input: 3, cached: 4, output: 5, ..Usage::default() });
    let parts = vec![
        thought,
        Part::text("", Provenance::Model),
        Part::new(call, Provenance::Model),
        Part::new(PartKind::Native, Provenance::Model),
    ];
    reply.choices.push(contract::canon::Choice { parts, finish: Finish::ToolCalls, ..Default::default() });
    let options = EncodeOptions { model: "fast".to_owned(), ..EncodeOptions::default() };
    let mut receipt = Receipt::default();
    let bytes = write_reply(&reply, &options, &mut receipt);
    let written: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(written["id"], "msg_chatcmpl-1");
    assert_eq!((&written["model"], &written["stop_reason"]), (&json!("fast"), &json!("tool_use")));
    assert_eq!(
        written["content"],
        json!([{"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}])
    );
    assert_eq!(
        (&written["usage"]["input_tokens"], &written["usage"]["cache_read_input_tokens"]),
        (&json!(3), &json!(4))
    );
    assert_eq!(receipt.to_string(), "choices[0].content[3]");
}

#[test]
fn an_unsigned_thought_does_not_go_back() {
    let canon = read_chat(
        json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": ""}, {"type": "text", "text": "Yo"}]},
            {"role": "user", "content": "And?"}]})
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    let (written, receipt) = write(&canon).unwrap();
    assert_eq!(written["messages"][1]["content"], "Yo");
    assert_eq!(receipt, "messages[1].content[0]");
}

#[test]
fn an_error_in_place_of_a_message_is_no_reply() {
    let error =
        read_reply(br#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#).unwrap_err();
    assert!(error.reason.contains("overloaded_error"), "{error}");
}

const STREAM: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"Grüß\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"sig\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s1\",\"name\":\"web_search\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\": \\\"\\u00e9\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":42}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn decode(chunks: &[&[u8]]) -> Result<Vec<Event>, crate::WireError> {
    let (mut decoder, mut events) = (Decoder::new(), Vec::new());
    for chunk in chunks {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

#[test]
fn a_stream_reads_the_same_however_it_is_cut() {
    let bytes = STREAM.as_bytes();
    let whole = decode(&[bytes]).unwrap();
    assert_eq!(whole.len(), 15, "{whole:#?}");
    assert!(matches!(&whole[3], Event::Delta { text, .. } if text == "Grüß"));
    assert!(matches!(&whole[4], Event::NativeDelta { native, .. } if native.value["signature"] == "sig"));
    assert!(matches!(&whole[7], Event::Delta { text, .. } if text == "{}"));
    let usage = Usage { input: 9, output: 42, ..Usage::default() };
    assert_eq!(whole[12], Event::Usage(usage));
    assert_eq!(whole[13], Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None });
    for at in 0..=bytes.len() {
        assert_eq!(decode(&[&bytes[..at], &bytes[at..]]).unwrap(), whole, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(decode(&single).unwrap(), whole);
}

#[test]
fn a_stream_torn_anywhere_is_no_whole_answer() {
    let bytes = STREAM.as_bytes();
    // Up to the last brace of message_stop; what follows is its blank line.
    for at in 0..bytes.len() - 2 {
        assert!(decode(&[&bytes[..at]]).is_err(), "torn at {at}");
    }
}

#[test]
fn an_error_in_the_stream_ends_it() {
    let events = decode(&[b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n"]).unwrap();
    assert_eq!(
        events,
        [Event::Error { kind: Some("overloaded_error".to_owned()), message: "busy".to_owned() }]
    );
    assert!(decode(&[b"data: {\"type\":\n\n"]).is_err());
    assert!(decode(&[b"data: {\"type\":\"something_new\",\"x\":1}\n\n"]).is_err(), "it has no end");
}

fn encode(events: &[Event], options: EncodeOptions) -> String {
    let (mut encoder, mut out) = (Encoder::new(options), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn a_stream_comes_back_as_it_was_but_for_pings_and_explicit_counts() {
    let written = encode(&decode(&[STREAM.as_bytes()]).unwrap(), EncodeOptions::default());
    let frames = |stream: &str| -> Vec<Value> {
        let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str::<Value>(data).unwrap())
            .filter(|data| data["type"] != "ping")
            .collect()
    };
    let (mut written, mut original) = (frames(&written), frames(STREAM));
    let usage = &written[0]["message"]["usage"];
    assert_eq!((&usage["input_tokens"], &usage["service_tier"]), (&json!(9), &json!("standard")));
    assert_eq!(written[11]["usage"]["output_tokens"], 42);
    for stream in [&mut written, &mut original] {
        stream[0]["message"]["usage"].take();
        stream[11]["usage"].take();
    }
    assert_eq!(written, original);
}

fn start(index: u32, id: &str) -> Event {
    let part = PartStart::ToolCall { id: id.to_owned(), name: "f".to_owned(), custom: false };
    Event::PartStart { choice: 0, index, part, native: None }
}

fn delta(index: u32, text: &str) -> Event {
    Event::Delta { choice: 0, index, text: text.to_owned() }
}

fn stop(index: u32) -> Event {
    Event::PartStop { choice: 0, index }
}

#[test]
fn interleaved_calls_are_written_one_after_the_other() {
    let events = [
        Event::Start { id: "x".to_owned(), model: "m".to_owned(), created: None, extra: Default::default() },
        start(0, "a"),
        start(1, "b"),
        start(2, "c"),
        delta(1, "{\"b\""),
        delta(0, "{\"a\""),
        delta(2, "{}"),
        delta(0, ":1}"),
        delta(1, ":2}"),
        stop(2),
        stop(0),
        stop(1),
        Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None },
        Event::End,
    ];
    let options = EncodeOptions { id: "y".to_owned(), model: "shown".to_owned(), ..EncodeOptions::default() };
    let written = encode(&events, options);
    let kinds: Vec<&str> = written.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let block = ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"];
    let mut expected = vec!["message_start"];
    expected.extend(block);
    expected.extend(["content_block_start", "content_block_delta", "content_block_stop"].repeat(2));
    expected.extend(["message_delta", "message_stop"]);
    assert_eq!(kinds, expected);
    let again = decode(&[written.as_bytes()]).unwrap();
    let Some(Event::Start { id, model, .. }) = again.first() else { panic!("a start") };
    assert_eq!((id.as_str(), model.as_str()), ("msg_x", "shown"));
    let arguments = |wanted: u32| -> String {
        let texts = again.iter().filter_map(|event| match event {
            Event::Delta { index, text, .. } if *index == wanted => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    };
    assert_eq!([arguments(0), arguments(1), arguments(2)], ["{\"a\":1}", "{\"b\":2}", "{}"]);
}

#[test]
fn ids_are_fitted_in_streams_as_in_whole_answers() {
    let id = "functions.f:0";
    let out = encode(&[start(0, id), delta(0, "{}"), stop(0), Event::End], EncodeOptions::default());
    let call = PartKind::ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        custom: false,
    };
    let choice = contract::canon::Choice {
        parts: vec![Part::new(call, Provenance::Model)],
        ..contract::canon::Choice::default()
    };
    let reply = Reply { choices: vec![choice], ..Reply::default() };
    let body = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    let whole: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(whole["content"][0]["id"], "functions_2ef_3a0");
    assert!(out.contains(r#""id":"functions_2ef_3a0""#), "{out}");
}

#[test]
fn waiting_calls_are_bounded() {
    let big = "x".repeat(3 << 20);
    let written = encode(
        &[start(0, "a"), start(1, "b"), delta(1, &big), delta(1, &big), stop(0), Event::End],
        EncodeOptions::default(),
    );
    assert!(written.ends_with("\"message\":\"The tool calls are too large to be put in order.\"}}\n\n"));
    assert!(written.len() < 4096);
}

#[test]
fn what_is_kept_for_an_hour_is_told_at_the_end_if_it_was_not_known_before() {
    let told = |usage| encode(&[Event::Usage(usage), Event::End], EncodeOptions::default());
    let split = "\"cache_creation\":{\"ephemeral_5m_input_tokens\":1,\"ephemeral_1h_input_tokens\":2}";
    assert!(told(Usage { cache_write: 1, cache_write_long: 2, ..Usage::default() }).contains(split));
    assert!(
        !told(Usage { cache_write: 1, ..Usage::default() })
            .rsplit("message_delta")
            .next()
            .unwrap()
            .contains("ephemeral")
    );
}

#[test]
fn an_answer_without_parts_and_a_failure_are_whole_streams() {
    let written = encode(&[Event::End], EncodeOptions { id: "1".to_owned(), ..EncodeOptions::default() });
    let kinds: Vec<&str> = written.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds, ["message_start", "message_delta", "message_stop"]);
    let (mut encoder, mut out) = (Encoder::new(EncodeOptions::default()), BytesMut::new());
    encoder.fail(&Fault::new(Code::UpstreamInterrupted), &mut out);
    encoder.write(&Event::End, &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(
        text.starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""),
        "{text}"
    );
    assert_eq!(text.matches("event:").count(), 1);
}

#[test]
fn blocks_of_other_dialects_leave_no_gap() {
    let native = contract::canon::Native { owner: Dialect::GeminiGenerate, value: json!({"inlineData": {}}) };
    let events = [
        Event::PartStart { choice: 0, index: 0, part: PartStart::Native, native: Some(native) },
        stop(0),
        start(1, "a"),
        stop(1),
        Event::End,
    ];
    let written = encode(&events, EncodeOptions::default());
    assert!(
        written.contains(
            "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\""
        ),
        "{written}"
    );
}
