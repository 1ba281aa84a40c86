//! Requests, replies and streams of this dialect, small ones written for the purpose.

use bytes::Bytes;
use contract::canon::{
    Event, Finish, MediaKind, MediaSource, Message, Part, PartKind, PartStart, Provenance, Receipt, Request,
    Role, ServerCall, ServerTool, ToolResult,
};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde_json::{Value, json};

mod client;
mod kept;
mod streams;

use super::reply::read_reply;
use super::request::write_chat;
use super::stream::Decoder;
use crate::{Quirks, StreamDecoder};

/// What a client's request becomes, with the receipt.
fn from(dialect: Dialect, request: &Value) -> Result<(Value, String), Fault> {
    let canon = crate::hub::chat(dialect).unwrap().read_request(request.to_string().as_bytes())?;
    let mut receipt = Receipt::default();
    let bytes = write_chat(&canon, &Quirks::default(), &mut receipt)?;
    Ok((serde_json::from_slice(&bytes).unwrap(), receipt.to_string()))
}

fn from_openai(request: &Value) -> Result<(Value, String), Fault> {
    from(Dialect::OpenaiChat, request)
}

#[test]
fn an_openai_conversation_is_carried() {
    let (written, receipt) = from_openai(&json!({
        "model": "gemini-2.5-flash", "stream": true, "temperature": 1.5, "top_p": 0.9, "seed": 7, "n": 2, "max_tokens": 100,
        "stop": ["a", "b", "c", "d", "e", "f"], "presence_penalty": 0.5, "reasoning_effort": "medium", "user": "u",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "Look."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.webp?x=1"}}]},
            {"role": "assistant", "content": "I call.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "{\"sum\": 3}"},
            {"role": "tool", "tool_call_id": "c2", "content": "fine"},
            {"role": "user", "content": "So?"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    }))
    .unwrap();
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [
                {"text": "Look."},
                {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/a.webp?x=1"}}]},
            {"role": "model", "parts": [
                {"text": "I call."},
                {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1}}},
                {"functionCall": {"id": "c2", "name": "g", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"sum": 3}}},
                {"functionResponse": {"id": "c2", "name": "g", "response": {"output": "fine"}}},
                {"text": "So?"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"], "mode": "ANY"}},
        "generationConfig": {
            "temperature": 1.5, "topP": 0.9, "candidateCount": 2, "stopSequences": ["a", "b", "c", "d", "e"], "seed": 7,
            "presencePenalty": 0.5, "maxOutputTokens": 100, "responseMimeType": "application/json",
            "responseJsonSchema": {"type": "object"}, "thinkingConfig": {"thinkingBudget": 8192}},
    });
    assert_eq!(written, expected);
    assert_eq!(receipt, "stop[5], user");
}

#[test]
fn an_anthropic_conversation_is_carried() {
    let (written, receipt) = from(
        Dialect::AnthropicMessages,
        &json!({
            "model": "gemini-3-flash-preview", "max_tokens": 500, "thinking": {"type": "enabled", "budget_tokens": 9000},
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {"type": "tool_use", "id": "t1", "name": "shot", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                    {"type": "text", "text": "dark"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}]}]}],
            "tools": [{"name": "shot", "input_schema": {"type": "object"}, "strict": true}],
        }),
    )
    .unwrap();
    assert_eq!(
        written["contents"],
        json!([
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "t1", "name": "shot", "args": {}},
                "thoughtSignature": "skip_thought_signature_validator"}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "t1", "name": "shot", "response": {"error": "dark"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]}}]}
        ])
    );
    assert_eq!(written["toolConfig"]["functionCallingConfig"]["mode"], "VALIDATED");
    let thinking = json!({"thinkingLevel": "medium", "includeThoughts": true});
    assert_eq!(written["generationConfig"], json!({"maxOutputTokens": 500, "thinkingConfig": thinking}));
    assert_eq!(receipt, "messages[1].content[0]");
}

#[test]
fn signatures_go_back_with_their_parts() {
    let reply = read_reply(
        br#"{"responseId":"r1","candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[
        {"text":"Hm.","thought":true},
        {"functionCall":{"name":"f","args":{"n":12345678901234567890123}},"thoughtSignature":"sig"},
        {"functionCall":{"id":"own","name":"g"}},
        {"executableCode":{"language":"PYTHON","code":"1"}},
        {"inlineData":{"mimeType":"image/png","data":"QUJD"}}]}}]}"#,
    )
    .unwrap();
    let choice = &reply.choices[0];
    assert_eq!(choice.finish, Finish::ToolCalls);
    let call = |id: &str, name: &str, arguments: &str| PartKind::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        custom: false,
    };
    let source = MediaSource::Base64 { mime: "image/png".to_owned(), data: "QUJD".to_owned() };
    let kinds: Vec<&PartKind> = choice.parts.iter().map(|part| &part.kind).collect();
    assert_eq!(
        kinds,
        [
            &PartKind::Reasoning("Hm.".to_owned()),
            &call("call_r1_1", "f", r#"{"n":12345678901234567890123}"#),
            &call("own", "g", "{}"),
            &PartKind::ServerCall(ServerCall {
                id: "run_r1_2".to_owned(),
                tool: ServerTool::Code,
                name: None,
                input: r#"{"code":"1","language":"PYTHON"}"#.to_owned()
            }),
            &PartKind::Media { kind: MediaKind::Image, source },
        ]
    );
    let mut request = Request { model: "gemini-3-pro-preview".to_owned(), ..Request::default() };
    request.messages.push(Message::new(Role::Assistant, choice.parts.clone()));
    let (written, receipt) = rewritten(&request);
    let parts = &written["contents"][0]["parts"];
    // Nobody needs an id that was made up.
    assert_eq!(parts[0]["functionCall"].get("id"), None);
    assert_eq!((&parts[0]["thoughtSignature"], parts[1].get("thoughtSignature")), (&json!("sig"), None));
    assert_eq!(parts[2], json!({"executableCode": {"language": "PYTHON", "code": "1"}}));
    assert_eq!(receipt, "messages[0].content[0]");
    // But a client whose results have nothing else to go by.
    let result = |call: &str| {
        let parts = vec![Part::text("x", Provenance::Tool)];
        let result = ToolResult { call: call.to_owned(), name: None, parts, failed: false };
        Part::new(PartKind::ToolResult(result), Provenance::Tool)
    };
    request.messages.push(Message::new(Role::Tool, vec![result("own"), result("call_r1_1")]));
    let (written, _) = rewritten(&request);
    assert_eq!(written["contents"][0]["parts"][0]["functionCall"]["id"], "call_r1_1");
    assert_eq!(written["contents"][1]["parts"][1]["functionResponse"]["id"], "call_r1_1");
}

fn rewritten(request: &Request) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = write_chat(request, &Quirks::default(), &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

#[test]
fn effort_becomes_what_the_model_takes() {
    for (model, effort, config, dropped) in [
        ("gemini-2.5-flash", "none", json!({"thinkingBudget": 0}), ""),
        ("gemini-2.5-pro", "none", json!({"thinkingBudget": 128}), "reasoning_effort"),
        ("gemini-2.5-flash", "high", json!({"thinkingBudget": 24576}), ""),
        ("gemini-2.5-pro", "xhigh", json!({"thinkingBudget": 32768}), ""),
        ("gemini-3-pro-preview", "medium", json!({"thinkingLevel": "high"}), ""),
        ("gemini-3-flash-preview", "none", json!({"thinkingLevel": "minimal"}), "reasoning_effort"),
        ("gemini-3.1-pro-preview", "minimal", json!({"thinkingLevel": "low"}), ""),
        ("gemini-2.0-flash", "low", Value::Null, "reasoning_effort"),
    ] {
        let (written, receipt) = from_openai(&json!({"model": model, "reasoning_effort": effort,
            "messages": [{"role": "user", "content": "Hi"}]}))
        .unwrap();
        let given = &written["generationConfig"]["thinkingConfig"];
        assert_eq!((given, receipt.as_str()), (&config, dropped), "{model} {effort}");
    }
}

#[test]
fn orphans_and_foreign_files_are_refused() {
    let user = json!({"role": "user", "content": "Hi"});
    for (messages, code) in [
        (json!([user, {"role": "tool", "tool_call_id": "c", "content": "x"}]), Code::InvalidRequest),
        (json!([{"role": "user", "content": ""}]), Code::InvalidRequest),
        (
            json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]),
            Code::UnsupportedCapability,
        ),
    ] {
        let fault = from_openai(&json!({"model": "gemini-2.5-pro", "messages": messages})).unwrap_err();
        assert_eq!(fault.code(), code, "{messages}");
    }
}

#[test]
fn a_system_prompt_alone_is_the_users() {
    let (written, receipt) =
        from_openai(&json!({"model": "gemini-2.5-pro", "messages": [{"role": "system", "content": "Hi"}]}))
            .unwrap();
    assert_eq!(written, json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}));
    assert_eq!(receipt, "messages[0].role");
}

#[test]
fn a_blocked_prompt_is_a_filtered_answer_and_nothing_is_none() {
    let reply =
        read_reply(br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#)
            .unwrap();
    assert_eq!(reply.choices[0].finish, Finish::ContentFilter);
    assert_eq!(reply.usage.unwrap().input, 4);
    assert!(read_reply(br#"{"usageMetadata":{"promptTokenCount":4}}"#).is_err());
    assert!(read_reply(br#"{"error":{"code":500,"message":"x"}}"#).is_err());
}

const STREAM: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Ich grü\",\"thought\":true}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":5,\"totalTokenCount\":5},\"modelVersion\":\"gemini-x\",\"responseId\":\"r1\"}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"ße\",\"thought\":true},{\"text\":\"Hallo\"}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"sig\"}]}}]}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\": 1}},\"thoughtSignature\":\"s2\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":7,\"thoughtsTokenCount\":3,\"totalTokenCount\":15}}\r\n\r\n",
);

fn decode(chunks: &[&[u8]]) -> Result<Vec<Event>, crate::WireError> {
    let (mut decoder, mut events) = (Decoder::new(), Vec::new());
    for chunk in chunks {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

fn spelled(events: &[Event]) -> Vec<String> {
    let one = |event: &Event| match event {
        Event::Start { id, model, .. } => format!("start {id} {model}"),
        Event::PartStart { index, part, native, .. } => {
            let signed = |native: &contract::canon::Native| native.value.get("thoughtSignature").is_some();
            let signed = if native.as_ref().is_some_and(signed) { " signed" } else { "" };
            match part {
                PartStart::ToolCall { id, name, .. } => format!("{index} call {id} {name}{signed}"),
                other => format!("{index} {other:?}{signed}"),
            }
        }
        Event::Delta { index, text, .. } => format!("{index} {text}"),
        Event::NativeDelta { index, native, .. } => format!("{index} {}", native.value),
        Event::PartStop { index, .. } => format!("{index} stop"),
        other => format!("{other:?}"),
    };
    events.iter().filter(|event| !matches!(event, Event::Usage(_))).map(one).collect()
}

#[test]
fn a_stream_reads_the_same_however_it_is_cut() {
    let bytes = STREAM.as_bytes();
    let whole = decode(&[bytes]).unwrap();
    assert_eq!(
        spelled(&whole),
        [
            "start r1 gemini-x",
            "0 Reasoning",
            "0 Ich grü",
            "0 ße",
            "0 stop",
            "1 Text",
            "1 Hallo",
            r#"1 {"thoughtSignature":"sig"}"#,
            "1 stop",
            "2 call call_r1_1 f signed",
            r#"2 {"a": 1}"#,
            "2 stop",
            "Finish { choice: 0, reason: ToolCalls, stop_sequence: None }",
            "End",
        ]
    );
    let usage = Usage { input: 5, output: 10, reasoning: 3, ..Usage::default() };
    assert!(whole.contains(&Event::Usage(usage)));
    for at in 0..=bytes.len() {
        assert_eq!(decode(&[&bytes[..at], &bytes[at..]]).unwrap(), whole, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(decode(&single).unwrap(), whole);
}

#[test]
fn a_stream_torn_anywhere_is_no_whole_answer() {
    let bytes = STREAM.as_bytes();
    // Up to the last brace; what follows is the blank line.
    for at in 0..bytes.len() - 4 {
        assert!(decode(&[&bytes[..at]]).is_err(), "torn at {at}");
    }
}

#[test]
fn arguments_in_pieces_are_put_together() {
    let events = decode(&[concat!(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}]}}],\"responseId\":\"r\"}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a\",\"stringValue\":\"x\",\"willContinue\":true}],\"willContinue\":true}}]}}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a\",\"stringValue\":\"y\"}],\"willContinue\":true}},{\"functionCall\":{}}]},\"finishReason\":\"STOP\"}]}\n\n",
    ).as_bytes()]).unwrap();
    assert_eq!(spelled(&events)[1..4], ["0 call call_r_1 f", r#"0 {"a":"xy"}"#, "0 stop"]);
}

#[test]
fn errors_and_blocked_prompts_end_a_stream() {
    let events =
        decode(&[b"data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n"])
            .unwrap();
    assert_eq!(events, [Event::Error { kind: Some("UNAVAILABLE".to_owned()), message: "busy".to_owned() }]);
    let events =
        decode(&[b"data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"responseId\":\"r\"}\n\n"])
            .unwrap();
    assert_eq!(
        spelled(&events)[1..],
        ["Finish { choice: 0, reason: ContentFilter, stop_sequence: None }", "End"]
    );
    assert!(decode(&[b"data: [1]\n\n"]).is_err());
}
