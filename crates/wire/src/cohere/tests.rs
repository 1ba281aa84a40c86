//! Tests of the chat dialect: requests and answers both ways, streams cut everywhere, what is lost and what is odd.

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Choice, Citation, Effort, Event, Message, OutputFormat, Part, PartKind, PartStart, Provenance, Reasoning,
    Receipt, Reply, Request, Role, Tool, ToolChoice,
};
use contract::words::Usage;
use contract::{Code, Fault};
use serde_json::{Value, json};

use super::{Dialog, content};
use crate::hub::Chat;
use crate::{EncodeOptions, Quirks};

fn read(body: &Value) -> Request {
    Dialog.read_request(body.to_string().as_bytes()).unwrap()
}

fn write(request: &Request) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = Dialog.write_request(request, &Quirks::default(), &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

fn refused(request: &Request) -> Fault {
    Dialog.write_request(request, &Quirks::default(), &mut Receipt::default()).unwrap_err()
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text, Provenance::User)])
}

fn asking(messages: Vec<Message>) -> Request {
    Request { model: "m".to_owned(), messages, ..Request::default() }
}

fn whole_request() -> Value {
    json!({
        "model": "command-x",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]},
            {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": 1.0}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": [
                {"type": "document", "document": {"id": "d1", "data": {"seen": "a cat", "n": 1}}},
                {"type": "document", "document": {"data": "{\"not\": \"an object\"}"}},
                {"type": "text", "text": "done"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "A cat."},
                {"type": "text", "text": "It is a cat."}],
             "citations": [{"start": 6, "end": 11, "text": "a cat", "type": "TEXT_CONTENT", "content_index": 1,
                "sources": [{"type": "tool", "id": "c1:0", "tool_output": {"content": "a cat"}},
                    {"type": "document", "id": "d1", "document": {"id": "d1", "title": "T", "text": "cats"}}]}]},
            {"role": "user", "content": "Sure?"}
        ],
        "documents": ["plain", {"id": "doc1", "data": {"title": "Cats", "text": "They purr."}}],
        "tools": [{"type": "function", "function": {"name": "look", "description": "Looks.",
            "parameters": {"type": "object", "properties": {"at": {"type": "number"}}, "required": ["at"]}}}],
        "strict_tools": true, "tool_choice": "REQUIRED",
        "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
        "thinking": {"type": "enabled", "token_budget": 500},
        "citation_options": {"mode": "ACCURATE"}, "safety_mode": "STRICT", "priority": 3,
        "max_tokens": 100, "temperature": 0.5, "p": 0.8, "k": 40, "frequency_penalty": 0.25,
        "presence_penalty": 0.5, "seed": 7, "stop_sequences": ["END"], "logprobs": true, "stream": true
    })
}

#[test]
fn a_request_comes_back() {
    let body = whole_request();
    assert_eq!(write(&read(&body)), (body, String::new()));
}

#[test]
fn a_request_is_read_in_canon_s_words() {
    let request = read(&whole_request());
    assert_eq!(request.messages.len(), 7);
    assert_eq!(request.messages[1].at.as_deref(), Some("documents"));
    assert_eq!(request.messages[2].at.as_deref(), Some("messages[1]"));
    assert_eq!(request.messages[1].parts[0].provenance, Provenance::Retrieved);
    let said = |at: usize, part: usize| &request.messages[at].parts[part].kind;
    assert_eq!(*said(1, 1), PartKind::Text(r#"{"title":"Cats","text":"They purr."}"#.to_owned()));
    assert_eq!(*said(3, 0), PartKind::Reasoning("I will look.".to_owned()));
    let PartKind::ToolResult(result) = said(4, 0) else { panic!("no result") };
    assert_eq!((result.call.as_str(), result.parts.len()), ("c1", 3));
    let cited = &request.messages[5].parts[1].citations;
    assert_eq!((cited.len(), cited[0].range.clone()), (2, Some(6..11)));
    assert_eq!((cited[0].quote.as_deref(), cited[1].title.as_deref()), (Some("a cat"), Some("T")));
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert!(matches!(&request.tools[0], Tool::Function { strict: Some(true), .. }));
    assert!(matches!(&request.format, OutputFormat::JsonSchema { .. }));
    assert_eq!(request.reasoning.unwrap().budget, Some(500));
    assert_eq!((request.sampling.top_p, request.sampling.top_k), (Some(0.8), Some(40)));
    let names: Vec<&String> = request.extra.fields.keys().collect();
    assert_eq!(names, ["citation_options", "safety_mode", "priority"]);
}

#[test]
fn small_requests_come_back_in_their_own_form() {
    for body in [
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "thinking": {"type": "disabled"}}),
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}],
            "response_format": {"type": "json_object"}}),
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "strict_tools": true}),
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "tool_choice": "NONE",
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}),
        json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "video_url", "x": 1}]}]}),
    ] {
        assert_eq!(write(&read(&body)), (body, String::new()));
    }
}

#[test]
fn a_guard_s_change_to_a_document_is_kept() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}],
        "documents": [{"id": "d", "data": {"text": "secret"}}, "secret"]});
    let mut request = read(&body);
    for part in &mut request.messages[0].parts {
        if let PartKind::Text(text) = &mut part.kind {
            *text = text.replace("secret", "***");
        }
    }
    assert_eq!(write(&request).0["documents"], json!([{"id": "d", "data": {"text": "***"}}, "***"]));
}

#[test]
fn requests_that_make_no_sense_name_the_field() {
    for (body, param) in [
        (json!({"messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (json!({"model": "m", "messages": [1]}), "messages[0]"),
        (json!({"model": "m", "messages": [{"role": "x"}]}), "messages[0].role"),
        (json!({"model": "m", "messages": [{"role": "tool", "content": "a"}]}), "messages[0].tool_call_id"),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}),
            "messages[0].content[0].text",
        ),
        (json!({"model": "m", "messages": [], "k": "x"}), "k"),
        (json!({"model": "m", "messages": [], "stop_sequences": [1]}), "stop_sequences"),
        (
            json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}),
            "messages[0].tool_calls[0].function.name",
        ),
        (json!({"model": "m", "messages": [], "thinking": 1}), "thinking"),
    ] {
        let fault = Dialog.read_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)), "{body}");
    }
    let mute = asking(Vec::new());
    assert_eq!(refused(&mute).param(), Some("messages"));
}

#[test]
fn what_cohere_cannot_be_told_is_named() {
    let mut request = asking(vec![Message { name: Some("ada".to_owned()), ..user("a") }]);
    request.sampling.top_p = Some(1.0);
    request.sampling.top_k = Some(900);
    request.sampling.frequency_penalty = Some(-1.0);
    request.sampling.n = Some(2);
    request.sampling.stop = (0..6).map(|at| at.to_string()).collect();
    request.parallel_tools = Some(false);
    request.user = Some("u".to_owned());
    request.service_tier = Some("flex".to_owned());
    request.tool_choice = Some(ToolChoice::Required);
    let (body, dropped) = write(&request);
    assert_eq!(
        body,
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "p": 0.99, "k": 500,
            "frequency_penalty": 0.0, "stop_sequences": ["0", "1", "2", "3", "4"]})
    );
    assert_eq!(
        dropped,
        "messages[0].name, n, parallel_tool_calls, user, service_tier, tool_choice, frequency_penalty, top_k, stop"
    );
}

fn function(name: &str, strict: Option<bool>) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: None,
        parameters: None,
        strict,
        cache: None,
        extra: contract::canon::Extra::default(),
    }
}

#[test]
fn one_certain_tool_is_the_only_one_shown() {
    for (choice, shown, word) in [
        (ToolChoice::Named("b".to_owned()), vec!["b"], json!("REQUIRED")),
        (ToolChoice::Allowed { names: vec!["a".to_owned()], required: false }, vec!["a"], Value::Null),
        (ToolChoice::Auto, vec!["a", "b"], Value::Null),
    ] {
        let mut request = asking(vec![user("x")]);
        request.tools = vec![function("a", None), function("b", Some(true))];
        request.tool_choice = Some(choice);
        let (body, _) = write(&request);
        let names: Vec<&str> = body["tools"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["function"]["name"].as_str())
            .collect();
        assert_eq!((names, &body["tool_choice"]), (shown, &word));
    }
    let mut request = asking(vec![user("x")]);
    request.tools = vec![function("a", None), function("b", Some(true))];
    assert_eq!(write(&request).1, "tools[1].strict");
}

#[test]
fn levels_of_thinking_are_budgets() {
    for (effort, budget, expected) in [
        (Some(Effort::Low), None, json!({"type": "enabled", "token_budget": 2048})),
        (Some(Effort::Max), None, json!({"type": "enabled"})),
        (Some(Effort::None), None, json!({"type": "disabled"})),
        (None, Some(0), json!({"type": "disabled"})),
        (Some(Effort::High), Some(9), json!({"type": "enabled", "token_budget": 9})),
        (None, None, json!({"type": "enabled"})),
    ] {
        let mut request = asking(vec![user("x")]);
        request.reasoning = Some(Reasoning { effort, budget, ..Reasoning::default() });
        assert_eq!(write(&request).0["thinking"], expected);
    }
}

#[test]
fn media_that_no_model_takes_are_refused_and_texts_are_read() {
    use contract::canon::{MediaKind, MediaSource, ToolResult};
    let media = |kind, mime: &str| {
        let source = MediaSource::Base64 { mime: mime.to_owned(), data: "aGk=".to_owned() };
        Part::new(PartKind::Media { kind, source }, Provenance::User)
    };
    for part in [media(MediaKind::Audio, "audio/wav"), media(MediaKind::Document, "application/pdf")] {
        let fault = refused(&asking(vec![Message::new(Role::User, vec![part])]));
        assert_eq!(
            (fault.code(), fault.param()),
            (Code::UnsupportedCapability, Some("messages[0].content[0]"))
        );
    }
    let text = Message::new(Role::User, vec![media(MediaKind::Document, "text/plain")]);
    assert_eq!(write(&asking(vec![text])).0["messages"][0]["content"], json!("hi"));
    let parts = vec![media(MediaKind::Image, "image/png")];
    let result = ToolResult { call: "c".to_owned(), name: None, parts, failed: true };
    let shown = Message::new(Role::Tool, vec![Part::new(PartKind::ToolResult(result), Provenance::Tool)]);
    let (body, dropped) = write(&asking(vec![shown, user("x")]));
    assert_eq!(body["messages"][0]["role"], json!("tool"));
    assert_eq!(body["messages"][1]["content"][0]["type"], json!("image_url"));
    assert_eq!((&body["messages"][2]["content"], dropped.as_str()), (&json!("x"), "messages[0].is_error"));
}

fn whole_reply() -> Value {
    json!({"id": "r1", "finish_reason": "TOOL_CALL", "message": {"role": "assistant",
        "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Bären sind da."}],
        "tool_plan": "I will call.",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.0}"}}],
        "citations": [{"start": 0, "end": 5, "text": "Bären", "type": "TEXT_CONTENT", "content_index": 1,
            "sources": [{"type": "document", "id": "d", "document": {"id": "d", "text": "Bären"}}]}]},
        "usage": {"billed_units": {"input_tokens": 12, "output_tokens": 30},
            "tokens": {"input_tokens": 500, "output_tokens": 40, "reasoning_tokens": 9}, "cached_tokens": 448},
        "logprobs": [{"text": "Bären", "token_ids": [5, 6], "logprobs": [-0.5, -0.25]}]})
}

fn answer(reply: &Reply) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = Dialog.write_reply(
        reply,
        &EncodeOptions { id: "our".to_owned(), ..EncodeOptions::default() },
        &mut receipt,
    );
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

#[test]
fn an_answer_comes_back() {
    let body = whole_reply();
    let reply = Dialog.read_reply(body.to_string().as_bytes()).unwrap();
    assert_eq!(answer(&reply), (body, String::new()));
    let usage = Usage { input: 12, output: 30, reasoning: 9, ..Usage::default() };
    assert_eq!(reply.usage, Some(usage));
    let choice = &reply.choices[0];
    assert_eq!(choice.parts.len(), 4);
    assert_eq!(choice.parts[2].citations[0].range, Some(0..5));
    assert_eq!(choice.logprobs[0].token.logprob, -0.75);
}

#[test]
fn an_answer_of_others_is_written_in_cohere_s_words() {
    let citation = Citation {
        range: Some(1..3),
        url: Some("https://a.test".to_owned()),
        title: Some("A".to_owned()),
        ..Citation::default()
    };
    let mut text = Part::text("xéyz", Provenance::Model);
    text.citations = vec![citation];
    let usage = Usage { input: 3, cached: 4, output: 5, ..Usage::default() };
    let choice = Choice { parts: vec![text], finish: contract::canon::Finish::Length, ..Choice::default() };
    let reply = Reply { choices: vec![choice], usage: Some(usage), ..Reply::default() };
    let expected = json!({"id": "our", "finish_reason": "MAX_TOKENS", "message": {"role": "assistant",
        "content": [{"type": "text", "text": "xéyz"}],
        "citations": [{"start": 1, "end": 3, "text": "éy", "sources": [{"type": "document", "id": "https://a.test",
            "document": {"id": "https://a.test", "title": "A", "url": "https://a.test"}}],
            "type": "TEXT_CONTENT", "content_index": 0}]},
        "usage": {"billed_units": {"input_tokens": 7, "output_tokens": 5},
            "tokens": {"input_tokens": 7, "output_tokens": 5}, "cached_tokens": 4}});
    assert_eq!(answer(&reply), (expected, String::new()));
}

#[test]
fn finish_reasons_survive() {
    for reason in ["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "ERROR", "TIMEOUT", "ERROR_TOXIC"]
    {
        assert_eq!(super::finish_reason(&super::finish(reason)), reason);
    }
}

#[test]
fn odd_answers_do_no_harm() {
    for broken in ["", "[]", "{}", r#"{"message":1}"#, r#"{"message":{"content":[{"type":"text"}]}}"#] {
        assert!(Dialog.read_reply(broken.as_bytes()).is_err(), "{broken}");
    }
    let reply =
        Dialog.read_reply(br#"{"message":{"content":"a","citations":[{"start":"x"}]},"usage":7}"#).unwrap();
    assert_eq!((reply.usage, reply.choices[0].parts.len()), (None, 1));
    assert_eq!(reply.choices[0].parts[0].citations[0].range, None);
}

const STREAM: &[(&str, &str)] = &[
    (
        "message-start",
        r#"{"id":"r1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
    ),
    ("debug", r#"{"type":"debug","prompt":"<BOS>"}"#),
    (
        "content-start",
        r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"thinking","thinking":""}}}}"#,
    ),
    (
        "content-delta",
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"Hm."}}},"logprobs":{"text":"Hm.","token_ids":[3,4],"logprobs":[-0.5,-1.5]}}"#,
    ),
    ("content-end", r#"{"type":"content-end","index":0}"#),
    (
        "content-start",
        r#"{"type":"content-start","index":1,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
    ),
    (
        "content-delta",
        r#"{"type":"content-delta","index":1,"delta":{"message":{"content":{"text":"Bären"}}},"logprobs":{"text":"Bären","token_ids":[5],"logprobs":[-0.5]}}"#,
    ),
    (
        "citation-start",
        r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":5,"text":"Bären","sources":[{"type":"document","id":"d","document":{"id":"d"}}],"content_index":1}}}}"#,
    ),
    ("citation-end", r#"{"type":"citation-end","index":0}"#),
    ("content-end", r#"{"type":"content-end","index":1}"#),
    ("tool-plan-delta", r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}"#),
    (
        "tool-call-start",
        r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c1","type":"function","function":{"name":"f","arguments":""}}}}}"#,
    ),
    (
        "tool-call-delta",
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\": 1"}}}}}"#,
    ),
    (
        "tool-call-delta",
        r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":".0}"}}}}}"#,
    ),
    ("tool-call-end", r#"{"type":"tool-call-end","index":0}"#),
    (
        "tool-call-start",
        r#"{"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"c2","type":"function","function":{"name":"g","arguments":""}}}}}"#,
    ),
    ("tool-call-end", r#"{"type":"tool-call-end","index":1}"#),
    (
        "message-end",
        r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":1,"output_tokens":2},"tokens":{"input_tokens":9,"output_tokens":3}}}}"#,
    ),
];

fn stream() -> String {
    let frames: String =
        STREAM.iter().map(|(event, data)| format!("event: {event}\ndata: {data}\n\n")).collect();
    frames + "data: [DONE]\n\n"
}

fn decode(bytes: &[u8], cut: usize) -> Vec<Event> {
    let mut decoder = Dialog.decoder();
    let mut events = Vec::new();
    for chunk in [&bytes[..cut], &bytes[cut..]] {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events).unwrap();
    }
    decoder.finish(&mut events).unwrap();
    events
}

#[test]
fn citations_of_no_part_come_back_beside_those_of_parts() {
    let cited = json!([{"start": 0, "end": 1, "text": "a", "sources": []}, {"start": 0, "end": 2, "type": "PLAN", "sources": []}]);
    let said = json!({"role": "assistant", "content": [{"type": "text", "text": "ab"}], "citations": cited});
    let body = json!({"id": "i", "finish_reason": "COMPLETE", "message": said});
    let reply = Dialog.read_reply(body.to_string().as_bytes()).unwrap();
    let written = Dialog.write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap()["message"]["citations"], cited);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}, said]});
    let request = Dialog.read_request(body.to_string().as_bytes()).unwrap();
    let written = Dialog.write_request(&request, &Quirks::NONE, &mut Receipt::default()).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["messages"][1]["citations"], cited);
}

#[test]
fn a_block_may_begin_without_saying_what_it_is() {
    let end = r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE"}}"#;
    for (content, kind) in [
        (r#"{"type":"text"}"#, PartStart::Text),
        (r#"{"thinking":"Hm."}"#, PartStart::Reasoning),
        (r#"{"type":"thinking","text":null}"#, PartStart::Reasoning),
        ("null", PartStart::Text),
    ] {
        let start =
            format!(r#"{{"type":"content-start","index":0,"delta":{{"message":{{"content":{content}}}}}}}"#);
        let events = decode(format!("data: {start}\n\ndata: {end}\n\n").as_bytes(), 0);
        let begun = |event: &Event| matches!(event, Event::PartStart { part, .. } if *part == kind);
        assert!(events.iter().any(begun), "{content}");
    }
}

fn encode(events: &[Event]) -> String {
    let mut encoder = Dialog.encoder(EncodeOptions { id: "our".to_owned(), ..EncodeOptions::default() });
    let mut out = BytesMut::new();
    for event in events {
        encoder.write(event, &mut out);
    }
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn a_stream_comes_back_however_it_is_cut() {
    let bytes = stream().into_bytes();
    let events = decode(&bytes, 0);
    for cut in 0..=bytes.len() {
        assert_eq!(decode(&bytes, cut), events, "{cut}");
    }
    assert_eq!(encode(&events), stream());
    let likely = |event: &&Event| matches!(event, Event::Logprobs { .. });
    assert_eq!(events.iter().filter(likely).count(), 1, "of the text, not of the thoughts");
    let starts = |part: &Event| matches!(part, Event::PartStart { .. });
    let stops = |part: &Event| matches!(part, Event::PartStop { .. });
    assert_eq!(events.iter().filter(|event| starts(event)).count(), 5);
    assert_eq!(events.iter().filter(|event| stops(event)).count(), 5);
    assert_eq!(events.last(), Some(&Event::End));
    let usage = Usage { input: 1, output: 2, ..Usage::default() };
    assert!(events.contains(&Event::Usage(usage)));
}

#[test]
fn a_stream_that_breaks_off_is_an_error() {
    let bytes = stream();
    let half = &bytes[..bytes.find("event: message-end").unwrap()];
    let mut decoder = Dialog.decoder();
    let mut events = Vec::new();
    decoder.push(&Bytes::copy_from_slice(half.as_bytes()), &mut events).unwrap();
    assert!(decoder.finish(&mut events).is_err());
    let mut decoder = Dialog.decoder();
    assert!(decoder.push(&Bytes::from_static(b"data: {\n\n"), &mut events).is_err());
}

#[test]
fn failures_end_the_stream_truthfully() {
    let said = r#"data: {"type":"message-end","delta":{"error":"too hot","finish_reason":"ERROR"}}"#;
    for (frame, message) in [(said, "too hot"), (r#"data: {"message":"no"}"#, "no")] {
        let events = decode(format!("{frame}\n\n").as_bytes(), 3);
        assert_eq!(events.last(), Some(&Event::Error { kind: None, message: message.to_owned() }));
    }
    let error = Event::Error { kind: Some("x".to_owned()), message: "too hot".to_owned() };
    let out = encode(&[error, Event::End]);
    assert!(out.ends_with(
        "event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"error\":\"too hot\",\"finish_reason\":\"ERROR\"}}\n\n"
    ), "{out}");
    let consumed = Event::Usage(Usage { input: 3, output: 2, ..Usage::default() });
    let out = encode(&[consumed, Event::Error { kind: None, message: "too hot".to_owned() }]);
    assert!(out.contains(r#""finish_reason":"ERROR","usage":{"billed_units":{"input_tokens":3,"#), "{out}");
    let mut encoder = Dialog.encoder(EncodeOptions::default());
    let mut out = BytesMut::new();
    encoder.fail(&Fault::new(Code::UpstreamInterrupted), &mut out);
    let length = out.len();
    encoder.write(&Event::End, &mut out);
    assert!(length > 0 && out.len() == length);
}

#[test]
fn calls_made_at_once_are_put_in_order() {
    let call = |index, id: &str| Event::PartStart {
        choice: 0,
        index,
        part: PartStart::ToolCall { id: id.to_owned(), name: "f".to_owned(), custom: false },
        native: None,
    };
    let delta = |index, text: &str| Event::Delta { choice: 0, index, text: text.to_owned() };
    let stop = |index| Event::PartStop { choice: 0, index };
    let out = encode(&[
        call(0, "a"),
        call(1, "b"),
        delta(1, "{}"),
        delta(0, "[]"),
        stop(1),
        stop(0),
        Event::Finish { choice: 0, reason: contract::canon::Finish::ToolCalls, stop_sequence: None },
        Event::Usage(Usage { input: 1, ..Usage::default() }),
        Event::End,
    ]);
    let kinds: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let one = ["tool-call-start", "tool-call-delta", "tool-call-end"];
    assert_eq!(kinds, [&["message-start"][..], &one, &one, &["message-end"]].concat());
    assert!(out.find("[]").unwrap() < out.find("{}\"").unwrap(), "{out}");
    let kept = encode(&[call(0, "a"), call(1, "b"), delta(1, &"x".repeat(5 << 20))]);
    assert!(kept.contains("\"finish_reason\":\"ERROR\"") && kept.len() < 2_000);
}

#[test]
fn data_urls_with_parameters_stay_whole() {
    let url = "data:image/png;name=a.png;base64,AA==".to_owned();
    assert_eq!(content::url(&content::source(url.clone())), url);
}

#[test]
fn tools_that_take_any_text_are_functions_here() {
    use contract::words::Dialect;
    let asked = json!({"model": "m", "tool_choice": {"type": "custom", "custom": {"name": "patch"}},
        "tools": [{"type": "custom", "custom": {"name": "patch", "description": "d"}}],
        "messages": [{"role": "user", "content": "Hi"},
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "patch", "input": "a"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "done"}]});
    let asked = crate::read_request(Dialect::OpenaiChat, asked.to_string().as_bytes()).unwrap();
    let mut receipt = Receipt::default();
    let written =
        crate::write_request(Dialect::CohereChat, &asked, &Quirks::default(), &mut receipt).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    let function = &written["tools"][0]["function"];
    assert_eq!(
        (&function["name"], &function["parameters"]["required"]),
        (&json!("patch"), &json!(["input"]))
    );
    assert_eq!(written["tool_choice"], "REQUIRED");
    assert_eq!(written["messages"][1]["tool_calls"][0]["function"]["arguments"], r#"{"input":"a"}"#);
    assert!(receipt.is_empty(), "{receipt}");
    let reply = json!({"id": "r", "finish_reason": "TOOL_CALL", "message": {"role": "assistant", "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "patch", "arguments": "{\"input\":\"b\"}"}}]}});
    let options = EncodeOptions { custom: crate::emulate::custom_tools(&asked), ..EncodeOptions::default() };
    let answered =
        crate::read_reply_for(Dialect::CohereChat, reply.to_string().as_bytes(), &options).unwrap();
    let shown = crate::write_reply(Dialect::OpenaiChat, &answered, &options, &mut receipt).unwrap();
    let shown: Value = serde_json::from_slice(&shown).unwrap();
    let call = &shown["choices"][0]["message"]["tool_calls"][0];
    assert_eq!((&call["type"], &call["custom"]["input"]), (&json!("custom"), &json!("b")));
}
