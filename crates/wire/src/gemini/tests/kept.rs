//! What the service's own types allow and is seldom said: it comes back as it was, in requests, answers and streams.

use bytes::{Bytes, BytesMut};
use contract::canon::{Event, Finish, MediaKind, PartKind, Receipt, ServerTool};
use contract::words::Dialect;
use serde_json::{Value, json};

use super::super::encode::Encoder;
use super::super::read::read_chat;
use super::super::reply::{read_reply, write_reply};
use super::super::request::write_chat;
use super::super::stream::Decoder;
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder};

fn round(body: &Value) -> Value {
    let request = read_chat(body.to_string().as_bytes()).unwrap();
    let mut receipt = Receipt::default();
    let bytes = write_chat(&request, &Quirks::default(), &mut receipt).unwrap();
    assert!(receipt.is_empty(), "{receipt}");
    serde_json::from_slice(&bytes).unwrap()
}

/// A request with these fields beside a turn.
fn with(fields: &Value) -> Value {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]});
    for (key, value) in fields.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    body
}

fn same(body: &Value) {
    assert_eq!(round(body), *body);
}

#[test]
fn settings_come_back_as_they_were() {
    let tools = json!([{"functionDeclarations": [{"name": "f"}]}]);
    let calling = |config: Value| json!({"tools": tools, "toolConfig": {"functionCallingConfig": config}});
    for fields in [
        json!({"labels": {"cost_center": "a", "b-c": "d"}}),
        json!({"generationConfig": {"responseSchema": {"type": "OBJECT"}}}),
        json!({"generationConfig": {"responseJsonSchema": {"type": "object"}}}),
        json!({"generationConfig": {"topK": 0.5}}),
        json!({"generationConfig": {"audioTranscriptionConfig": {}, "routingConfig": {"autoMode": {}}}}),
        json!({"generationConfig": {"responseModalities": [1], "thinkingConfig": {"thinkingLevel": 3}}}),
        json!({"serviceTier": 2}),
        calling(json!({"mode": 2})),
        json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "xhigh"}}}),
        calling(json!({"allowedFunctionNames": ["f"], "mode": "NONE"})),
        calling(json!({"allowedFunctionNames": ["f"], "mode": "AUTO"})),
        calling(json!({"allowedFunctionNames": ["f"], "mode": "VALIDATED"})),
    ] {
        let mut back = round(&with(&fields));
        if let Some(calling) = back.pointer_mut("/toolConfig/functionCallingConfig") {
            calling.as_object_mut().unwrap().sort_keys();
        }
        assert_eq!(back, with(&fields));
    }
}

#[test]
fn turns_and_results_come_back_as_they_were() {
    let user = |part: Value| json!({"role": "user", "parts": [part]});
    let call = |call: Value| json!({"role": "model", "parts": [{"functionCall": call}]});
    let go = user(json!({"text": "Go"}));
    let result = |result: Value| user(json!({"functionResponse": result}));
    for contents in [
        json!([{"role": "user", "parts": []}, go]),
        json!([
            go,
            call(json!({"id": "c", "name": "f", "args": {}})),
            result(json!({"name": "f", "response": {"a": 1}}))
        ]),
        json!([
            go,
            call(json!({"name": "f", "args": {}})),
            result(json!({"id": "c", "name": "f", "response": {"a": 1}}))
        ]),
        json!([
            go,
            call(json!({"id": "c", "name": "f", "args": {}})),
            result(json!({"id": "c", "name": "f"}))
        ]),
        json!([
            go,
            call(json!({"id": "c", "name": "f", "args": {}})),
            result(json!({"id": "c", "name": "f", "response": {"output": ""}}))
        ]),
    ] {
        same(&json!({"contents": contents}));
    }
    same(&with_system(&json!({"text": "Be brief.", "thought": true})));
}

fn with_system(part: &Value) -> Value {
    json!({"systemInstruction": {"parts": [part]}, "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]})
}

fn answer(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}]})
}

#[test]
fn googles_own_searches_are_not_told_twice() {
    let search =
        json!({"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["a", "b"]}}});
    let page =
        json!({"toolCall": {"id": "u", "toolType": "URL_CONTEXT", "args": {"urls": ["https://e.test"]}}});
    let body = answer(&json!([search, page]));
    let reply = read_reply(body.to_string().as_bytes()).unwrap();
    let inputs: Vec<(ServerTool, &str)> = reply.choices[0]
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ServerCall(call) => Some((call.tool, call.input.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        inputs,
        [
            (ServerTool::WebSearch, r#"{"queries":["a","b"],"query":"a"}"#),
            (ServerTool::WebFetch, r#"{"urls":["https://e.test"],"url":"https://e.test"}"#)
        ]
    );
    let written = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap()["candidates"], body["candidates"]);
    // Another dialect is told all that was asked.
    let options = EncodeOptions::default();
    let answered = contract::canon::Answered::Chat(Box::new(reply));
    let other =
        crate::write_reply(Dialect::OpenaiResponses, &answered, &options, &mut Receipt::default()).unwrap();
    let other: Value = serde_json::from_slice(&other).unwrap();
    assert_eq!(other["output"][0]["action"]["queries"], json!(["a", "b"]));
    assert_eq!(other["output"][1]["action"]["url"], "https://e.test");
}

#[test]
fn pages_that_another_provider_read_are_told() {
    let fetch = |id: &str, url: &str| json!({"type": "server_tool_use", "id": id, "name": "web_fetch", "input": {"url": url}});
    let failed = json!({"type": "web_fetch_tool_result", "tool_use_id": "s2",
        "content": {"type": "web_fetch_tool_result_error", "error_code": "unavailable"}});
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [fetch("s1", "https://a.test"), fetch("s2", "https://b.test"), failed, {"type": "text", "text": "So."}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}});
    let answered = crate::read_reply(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
    let written = crate::write_reply(
        Dialect::GeminiGenerate,
        &answered,
        &EncodeOptions::default(),
        &mut Receipt::default(),
    );
    let written: Value = serde_json::from_slice(&written.unwrap()).unwrap();
    let page = |url: &str, status: &str| json!({"retrievedUrl": url, "urlRetrievalStatus": format!("URL_RETRIEVAL_STATUS_{status}")});
    assert_eq!(
        written["candidates"][0]["urlContextMetadata"]["urlMetadata"],
        json!([page("https://a.test", "SUCCESS"), page("https://b.test", "ERROR")])
    );
}

#[test]
fn pieces_go_on_from_arguments_that_came_whole() {
    let frame =
        |call: Value| format!("data: {}\r\n\r\n", answer_of(&json!([{ "functionCall": call }]), None));
    let piece = json!({"jsonPath": "$.b[0]", "stringValue": "y"});
    let stream = [
        frame(json!({"id": "c", "name": "f", "args": {"a": 1}, "willContinue": true})),
        frame(json!({"partialArgs": [piece], "willContinue": true})),
        frame(json!({})),
        format!("data: {}\r\n\r\n", answer_of(&json!([]), Some("STOP"))),
    ]
    .concat();
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    decoder.push(&Bytes::from(stream), &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    let deltas: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Delta { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(deltas, [r#"{"a":1,"b":["y"]}"#]);
    let ends = |event: &Event| matches!(event, Event::Finish { reason: Finish::ToolCalls, .. });
    assert!(events.iter().any(ends));
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.write(event, &mut out));
    assert!(String::from_utf8_lossy(&out).contains(r#"{"id":"c","name":"f","args":{"a":1,"b":["y"]}}"#));
}

fn answer_of(parts: &Value, reason: Option<&str>) -> Value {
    let mut answer = answer(parts);
    answer["candidates"][0]["finishReason"] = json!(reason);
    answer
}

#[test]
fn counts_may_be_texts() {
    let mut body = answer(&json!([{"text": "a"}]));
    body["usageMetadata"] =
        json!({"promptTokenCount": "7", "candidatesTokenCount": "2", "totalTokenCount": "9"});
    let usage = read_reply(body.to_string().as_bytes()).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.output), (7, 2));
    let count = crate::read_reply(Dialect::GeminiCount, br#"{"totalTokens":"12"}"#).unwrap();
    assert!(matches!(count, contract::canon::Answered::Count(count) if count.tokens == 12));
}

#[test]
fn only_closed_schemas_are_strict_for_others() {
    let body = |schema: Value| {
        with(&json!({
            "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}
        }))
    };
    let inner = |closed: bool| {
        json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a":
            {"type": "array", "items": {"type": "object", "additionalProperties": !closed}}}})
    };
    let optional = json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false});
    for (schema, strict) in [(inner(true), json!(true)), (inner(false), json!(null)), (optional, json!(null))]
    {
        let body = body(schema);
        same(&body);
        let asked = crate::read_request(Dialect::GeminiGenerate, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let written = crate::write_request(Dialect::OpenaiChat, &asked, &Quirks::NONE, &mut receipt).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written["tools"][0]["function"]["strict"], strict);
        assert_eq!(receipt.is_empty(), strict == json!(true), "{receipt}");
    }
}

#[test]
fn an_address_tells_what_it_leads_to() {
    for (uri, kind) in [
        ("https://www.youtube.com/watch?v=a", MediaKind::Video),
        ("https://youtu.be/a", MediaKind::Video),
        ("https://notyoutu.be/a", MediaKind::Document),
        ("https://e.test/a/b.PNG?x=1", MediaKind::Image),
        ("gs://bucket/a.mp3", MediaKind::Audio),
        ("https://e.test", MediaKind::Document),
    ] {
        let part = json!({"fileData": {"fileUri": uri}});
        let body = json!({"contents": [{"role": "user", "parts": [part]}]});
        same(&body);
        let request = read_chat(body.to_string().as_bytes()).unwrap();
        let PartKind::Media { kind: found, .. } = &request.messages[0].parts[0].kind else { panic!() };
        assert_eq!(*found, kind, "{uri}");
    }
}

#[test]
fn losses_are_named_where_they_stood_in_a_mixed_turn() {
    let result = json!({"functionResponse": {"name": "f", "response": {"a": 1}}});
    let body = json!({"contents": [
        {"role": "user", "parts": [{"text": "go"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [result, {"text": "a"}, {"text": "b", "partMetadata": {"x": 1}}]}]});
    let asked = crate::read_request(Dialect::GeminiGenerate, body.to_string().as_bytes()).unwrap();
    let mut receipt = Receipt::default();
    crate::write_request(Dialect::OpenaiResponses, &asked, &Quirks::NONE, &mut receipt).unwrap();
    let placed = crate::place(Dialect::GeminiGenerate, &asked, &receipt);
    assert_eq!(placed.to_string(), "contents[2].parts[2].partMetadata");
}

#[test]
fn drafts_are_no_pictures_of_the_answer() {
    let picture = |data: &str| json!({"mimeType": "image/png", "data": data});
    let draft = json!({"inlineData": picture("QUJD"), "thought": true});
    let body = answer(&json!([draft, {"inlineData": picture("REVG"), "thoughtSignature": "s"}]));
    let reply = read_reply(body.to_string().as_bytes()).unwrap();
    let written = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap()["candidates"], body["candidates"]);
    let answered = contract::canon::Answered::Chat(Box::new(reply));
    let mut receipt = Receipt::default();
    let other =
        crate::write_reply(Dialect::OpenaiChat, &answered, &EncodeOptions::default(), &mut receipt).unwrap();
    let other: Value = serde_json::from_slice(&other).unwrap();
    assert_eq!(other["choices"][0]["message"]["images"].as_array().map(Vec::len), Some(1));
    assert_eq!(receipt.to_string(), "choices[0].content[0]");
}

#[test]
fn a_content_without_parts_says_nothing_to_others() {
    let mut body = answer(&json!([]));
    body["candidates"][0]["content"] = json!({"role": "model"});
    let reply = read_reply(body.to_string().as_bytes()).unwrap();
    let written = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap()["candidates"], body["candidates"]);
    let answered = contract::canon::Answered::Chat(Box::new(reply));
    let mut receipt = Receipt::default();
    crate::write_reply(Dialect::OpenaiChat, &answered, &EncodeOptions::default(), &mut receipt).unwrap();
    assert!(receipt.is_empty(), "{receipt}");
}

#[test]
fn a_signature_alone_is_no_text_for_others() {
    let body = answer(&json!([{"text": "Hi"}, {"text": "", "thoughtSignature": "s"}]));
    let answered = crate::read_reply(Dialect::GeminiGenerate, body.to_string().as_bytes()).unwrap();
    let options = EncodeOptions::default();
    let other =
        crate::write_reply(Dialect::OpenaiResponses, &answered, &options, &mut Receipt::default()).unwrap();
    let other: Value = serde_json::from_slice(&other).unwrap();
    assert_eq!(other["output"][0]["content"].as_array().map(Vec::len), Some(1));
}
