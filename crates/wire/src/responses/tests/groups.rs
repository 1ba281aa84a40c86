//! Tools in groups: apart for others, together again for the client.

use contract::canon::{Asked, Event, PartKind, PartStart, Receipt, Tool};
use contract::words::Dialect;
use serde_json::{Value, json};

use crate::emulate::custom_tools;
use crate::responses::namespaces::grouped_tools;
use crate::{EncodeOptions, Quirks};

fn body() -> Value {
    let tool = |kind: &str, name: &str| json!({"type": kind, "name": name});
    json!({
        "model": "m",
        "input": [
            {"type": "message", "role": "user", "content": "a"},
            {"type": "function_call", "call_id": "c1", "namespace": "mcp__docs__", "name": "search", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "r"}
        ],
        "tools": [
            {"type": "namespace", "name": "mcp__docs__", "description": "d", "tools": [tool("function", "search"), tool("custom", "patch")]},
            tool("function", "f"),
            {"type": "namespace", "name": "web", "tools": [tool("function", "run")]}
        ]
    })
}

fn asked() -> Asked {
    crate::read_request(Dialect::OpenaiResponses, body().to_string().as_bytes()).unwrap()
}

fn written(target: Dialect) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = crate::write_request(target, &asked(), &Quirks::NONE, &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

#[test]
fn others_are_offered_them_under_one_name() {
    let (body, lost) = written(Dialect::OpenaiChat);
    let names: Vec<&Value> =
        body["tools"].as_array().unwrap().iter().map(|tool| &tool["function"]["name"]).collect();
    assert_eq!(names, [&json!("mcp__docs__search"), &json!("f"), &json!("web__run"), &Value::Null]);
    assert_eq!(body["tools"][3]["custom"]["name"], "mcp__docs__patch");
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["name"], "mcp__docs__search");
    assert_eq!(lost, "tools[0].description");
    let (body, _) = written(Dialect::GeminiGenerate);
    let result = &body["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!(result["name"], "mcp__docs__search");
}

#[test]
fn who_knows_groups_gets_the_clients_own() {
    let (written, lost) = written(Dialect::OpenaiResponses);
    let mut body = body();
    body["input"][0]["content"] = json!("a");
    assert_eq!((&written["tools"], &written["input"], lost.as_str()), (&body["tools"], &body["input"], ""));
}

#[test]
fn calls_come_back_with_their_group() {
    let asked = asked();
    assert_eq!(custom_tools(&asked), ["mcp__docs__patch"]);
    let options = EncodeOptions { grouped: grouped_tools(&asked), ..EncodeOptions::default() };
    let start = PartStart::ToolCall { id: "c".into(), name: "web__run".into(), custom: false };
    let events = [
        Event::PartStart { choice: 0, index: 0, part: start, native: None },
        Event::Delta { choice: 0, index: 0, text: "{}".into() },
        Event::PartStop { choice: 0, index: 0 },
        Event::End,
    ];
    let mut encoder = crate::encoder(Dialect::OpenaiResponses, options).unwrap();
    let mut out = bytes::BytesMut::new();
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.contains(r#""name":"run""#) && text.contains(r#""namespace":"web""#), "{text}");
    assert!(!text.contains("web__run"), "{text}");
}

#[test]
fn long_names_stay_apart() {
    let group = |name: &str| {
        json!({"model": "m", "input": "a", "tools": [{"type": "namespace", "name": "g".repeat(60), "tools": [
            {"type": "function", "name": name}]}]})
    };
    let name = |tool: &str| {
        let asked =
            crate::read_request(Dialect::OpenaiResponses, group(tool).to_string().as_bytes()).unwrap();
        grouped_tools(&asked).remove(0).flat
    };
    assert_ne!(name("first"), name("second"));
    assert!(name("first").len() <= 64);
}

#[test]
fn what_is_no_group_is_left_alone() {
    for tools in [
        json!([{"type": "namespace"}]),
        json!([{"type": "namespace", "name": "n", "tools": [{"type": "x"}]}]),
    ] {
        let body = json!({"model": "m", "input": "a", "tools": tools});
        let asked = crate::read_request(Dialect::OpenaiResponses, body.to_string().as_bytes()).unwrap();
        assert!(grouped_tools(&asked).is_empty());
        let Asked::Chat(request) = &asked else { panic!() };
        assert!(matches!(request.tools[0], Tool::Server { .. }));
    }
    let call = json!({"model": "m", "input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]});
    let asked = crate::read_request(Dialect::OpenaiResponses, call.to_string().as_bytes()).unwrap();
    let Asked::Chat(request) = asked else { panic!() };
    assert!(matches!(&request.messages[0].parts[0].kind, PartKind::ToolCall { name, .. } if name == "f"));
}
