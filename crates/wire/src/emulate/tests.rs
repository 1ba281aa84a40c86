//! Custom tools and allowed tools for those that have none, and back.

use bytes::BytesMut;
use contract::Fault;
use contract::canon::{Choice, Event, Message, PartStart, Provenance, Role, ServerTool};

use super::*;
use crate::StreamEncoder;

fn custom(format: Option<Value>) -> Tool {
    let (name, description) = ("patch".to_owned(), Some("d".to_owned()));
    Tool::Custom { name, description, format, extra: Extra::default() }
}

fn function(name: &str) -> Tool {
    let (description, parameters, strict, cache) = (None, None, None, None);
    Tool::Function { name: name.into(), description, parameters, strict, cache, extra: Extra::default() }
}

fn call(name: &str, arguments: &str, custom: bool) -> Part {
    let (id, name, arguments) = ("c".to_owned(), name.to_owned(), arguments.to_owned());
    Part::new(PartKind::ToolCall { id, name, arguments, custom }, Provenance::Model)
}

#[test]
fn a_custom_tool_becomes_a_function_and_its_calls_are_wrapped() {
    let request = Request {
        tools: vec![custom(Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: A"})))],
        messages: vec![Message::new(Role::Assistant, vec![call("patch", "a \"b\"\n", true)])],
        ..Request::default()
    };
    let mut receipt = Receipt::default();
    let lowered = lower(&request, Has::default(), &Quirks::NONE, &mut receipt);
    let Tool::Function { name, parameters, .. } = &lowered.tools[0] else { panic!("no function") };
    let input = &parameters.as_ref().unwrap()["properties"]["input"];
    assert_eq!((name.as_str(), &input["type"]), ("patch", &json!("string")));
    assert!(input["description"].as_str().unwrap().ends_with("start: A"));
    assert_eq!(lowered.messages[0].parts[0], call("patch", r#"{"input":"a \"b\"\n"}"#, false));
    assert_eq!(receipt.to_string(), "tools[0].format");

    let mut receipt = Receipt::default();
    let plain = Request { tools: vec![custom(None), function("f")], ..Request::default() };
    lower(&plain, Has::default(), &Quirks::NONE, &mut receipt);
    assert!(receipt.is_empty());
    assert_eq!(custom_tools(&Asked::Chat(Box::new(plain))), ["patch"]);
}

#[test]
fn what_is_noted_of_tools_has_the_clients_numbers() {
    let choice = ToolChoice::Allowed { names: vec!["patch".into()], required: false };
    let tools = vec![function("f"), custom(Some(json!({"type": "grammar"})))];
    let request = Request { tools, tool_choice: Some(choice), ..Request::default() };
    let mut receipt = Receipt::default();
    lowered(&request, (Has::default(), &Quirks::NONE), &mut receipt, |request, receipt| {
        assert_eq!(request.tools.len(), 1);
        receipt.dropped("tools[0].x", "");
        receipt.dropped("tools", "");
    });
    assert_eq!(receipt.to_string(), "tools[1].format, tools[1].x, tools");
}

#[test]
fn who_has_them_is_sent_them_unless_it_lacks_them() {
    let choice = ToolChoice::Allowed { names: vec!["f".into()], required: true };
    let tools = vec![custom(None), function("f"), function("g")];
    let request = Request { tools, tool_choice: Some(choice), ..Request::default() };
    let has = Has { custom_tools: true, allowed_tools: true, groups: true, ..Has::default() };
    let mut receipt = Receipt::default();
    assert!(matches!(lower(&request, has, &Quirks::NONE, &mut receipt), Cow::Borrowed(_)));
    let quirks = Quirks { lacks: &[Lack::AllowedTools], ..Quirks::NONE };
    let lowered = lower(&request, has, &quirks, &mut receipt);
    assert_eq!(lowered.tools, [function("f")]);
    assert_eq!(lowered.tool_choice, Some(ToolChoice::Required));
    let quirks = Quirks { lacks: &[Lack::CustomTools], ..Quirks::NONE };
    let lowered = lower(&request, has, &quirks, &mut receipt);
    assert!(matches!(lowered.tools[0], Tool::Function { .. }));
    assert_eq!(lowered.tool_choice, request.tool_choice);
    assert!(receipt.is_empty());

    let none = ToolChoice::Allowed { names: Vec::new(), required: false };
    let request = Request { tools: vec![function("g")], tool_choice: Some(none), ..Request::default() };
    let lowered = lower(&request, Has::default(), &Quirks::NONE, &mut receipt);
    assert_eq!((lowered.tools.len(), &lowered.tool_choice), (0, &None));
}

#[test]
fn tools_of_the_provider_stay_beside_the_functions_that_may_be_called() {
    let owner = contract::words::Dialect::OpenaiResponses;
    let server = |tool, value| Tool::Server { owner, tool, value };
    let search = server(ServerTool::WebSearch, json!({"type": "web_search"}));
    let inner = |name: &str| json!({"type": "function", "name": name, "parameters": {}});
    let group = json!({"type": "namespace", "name": "n", "tools": [inner("a"), inner("b"), inner("c")]});
    let other = json!({"type": "namespace", "name": "o", "tools": [inner("a")]});
    let tools = vec![
        function("f"),
        search.clone(),
        server(ServerTool::Other, group),
        server(ServerTool::Other, other),
        function("g"),
    ];
    let choice =
        ToolChoice::Allowed { names: vec!["g".into(), "n__b".into(), "n__c".into()], required: true };
    let request = Request { tools, tool_choice: Some(choice), ..Request::default() };
    let mut receipt = Receipt::default();
    let lowered = lower(&request, Has::default(), &Quirks::NONE, &mut receipt);
    let names: Vec<_> = lowered
        .tools
        .iter()
        .filter_map(|tool| match tool {
            Tool::Function { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!((names.as_slice(), lowered.tools.len()), (&["n__b", "g", "n__c"][..], 4));
    assert_eq!((&lowered.tools[0], &lowered.tool_choice), (&search, &Some(ToolChoice::Required)));
    assert!(receipt.is_empty());
}

#[test]
fn gemini_is_told_the_names_of_the_functions_that_may_be_called() {
    for (names, required, calling) in [
        (vec!["f".to_owned()], true, json!({"mode": "ANY", "allowedFunctionNames": ["f"]})),
        (vec!["f".to_owned()], false, json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]})),
        (Vec::new(), false, json!({"mode": "NONE"})),
    ] {
        let request = Request {
            tools: vec![function("f"), function("g")],
            tool_choice: Some(ToolChoice::Allowed { names, required }),
            messages: vec![Message::new(Role::User, vec![Part::text("a", Provenance::User)])],
            ..Request::default()
        };
        let mut receipt = Receipt::default();
        let target = contract::words::Dialect::GeminiGenerate;
        let asked = Asked::Chat(Box::new(request));
        let body = crate::write_request(target, &asked, &Quirks::NONE, &mut receipt).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["tools"][0]["functionDeclarations"].as_array().unwrap().len(), 2);
        assert_eq!(body["toolConfig"]["functionCallingConfig"], calling);
        assert!(receipt.is_empty());
    }
}

const ODD: [(&str, &str); 10] = [
    (r#"{"input":"plain"}"#, "plain"),
    (
        " { \"input\" :\t\"a\\\"b\\\\c\\/\\n\\t\\r\\b\\f\\u00e9\\ud83d\\ude00!\" } ",
        "a\"b\\c/\n\t\r\u{8}\u{c}é😀!",
    ),
    (r#"{"input":"\ud83dx\ude00"}"#, "\u{fffd}x\u{fffd}"),
    (r#"{"input":"\ud83d"}"#, "\u{fffd}"),
    (r#"{"input":"\uzz99"}"#, "\u{fffd}z99"),
    (r#"{"input":""}"#, ""),
    ("", ""),
    ("{}", ""),
    (r#"{"other":1}"#, r#"{"other":1}"#),
    ("bare text", "bare text"),
];

#[test]
fn replies_come_back_with_the_bare_text() {
    for (arguments, text) in ODD {
        let choice = Choice { parts: vec![call("patch", arguments, false)], ..Choice::default() };
        let mut reply = Reply { choices: vec![choice], ..Reply::default() };
        raise(&mut reply, &["patch".to_owned()]);
        assert_eq!(reply.choices[0].parts[0], call("patch", text, true), "{arguments}");
        raise(&mut reply, &["patch".to_owned()]);
        assert_eq!(reply.choices[0].parts[0], call("patch", text, true), "twice");
    }
    let choice = Choice { parts: vec![call("f", "{}", false)], ..Choice::default() };
    let mut reply = Reply { choices: vec![choice], ..Reply::default() };
    raise(&mut reply, &["patch".to_owned()]);
    assert_eq!(reply.choices[0].parts[0], call("f", "{}", false));
}

/// An encoder that writes down what it is told.
struct Told;

impl StreamEncoder for Told {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Delta { index, text, .. } => out.extend_from_slice(format!("{index}{text}|").as_bytes()),
            Event::PartStart { part: PartStart::ToolCall { custom, .. }, .. } => {
                out.extend_from_slice(format!("{custom}|").as_bytes());
            }
            _ => {}
        }
    }

    fn fail(&mut self, _: &Fault, _: &mut BytesMut) {}
}

#[test]
fn streams_come_back_with_the_bare_text_however_they_are_cut() {
    for (arguments, text) in ODD {
        let letters: Vec<String> = arguments.chars().map(String::from).collect();
        for pieces in [vec![arguments.to_owned()], letters] {
            let mut raising = Raising::before(Box::new(Told), vec!["patch".to_owned()]);
            let mut out = BytesMut::new();
            let part = PartStart::ToolCall { id: "c".into(), name: "patch".into(), custom: false };
            raising.write(&Event::PartStart { choice: 0, index: 1, part, native: None }, &mut out);
            for text in pieces {
                raising.write(&Event::Delta { choice: 0, index: 1, text }, &mut out);
            }
            raising.write(&Event::PartStop { choice: 0, index: 1 }, &mut out);
            let told = String::from_utf8(out.to_vec()).unwrap();
            let said: String = told.split('|').skip(1).filter_map(|piece| piece.strip_prefix('1')).collect();
            assert!(told.starts_with("true|"));
            assert_eq!(said, text, "{arguments}");
        }
    }
}

#[test]
fn other_calls_go_by_and_memory_has_a_bound() {
    let mut raising = Raising::before(Box::new(Told), vec!["patch".to_owned()]);
    let mut out = BytesMut::new();
    for (index, name) in [(0, "patch"), (1, "f")] {
        let part = PartStart::ToolCall { id: "c".into(), name: name.into(), custom: false };
        raising.write(&Event::PartStart { choice: 0, index, part, native: None }, &mut out);
    }
    raising.write(&Event::Delta { choice: 0, index: 1, text: "{}".into() }, &mut out);
    assert_eq!(out, "true|false|1{}|");
    for _ in 0..2 * 4096 {
        raising.write(&Event::Delta { choice: 0, index: 0, text: " ".into() }, &mut out);
    }
    assert!(out.len() > 4096);
}

#[test]
fn clients_without_custom_tools_read_an_object() {
    let said = "a \"b\"\n";
    let choice = Choice { parts: vec![call("patch", said, true)], ..Choice::default() };
    let reply = Reply { choices: vec![choice], ..Reply::default() };
    let wrapped = r#"{"input":"a \"b\"\n"}"#;
    let written = wrap_calls(&reply, Has::default());
    assert_eq!(written.choices[0].parts[0], call("patch", wrapped, false));
    let has = Has { custom_tools: true, ..Has::default() };
    assert!(matches!(wrap_calls(&reply, has), Cow::Borrowed(_)));

    let mut wrapping = Wrapping::before(Box::new(Told));
    let mut out = BytesMut::new();
    let part = PartStart::ToolCall { id: "c".into(), name: "patch".into(), custom: true };
    wrapping.write(&Event::PartStart { choice: 0, index: 1, part, native: None }, &mut out);
    for letter in said.chars() {
        wrapping.write(&Event::Delta { choice: 0, index: 1, text: letter.to_string() }, &mut out);
    }
    wrapping.write(&Event::PartStop { choice: 0, index: 1 }, &mut out);
    let told = String::from_utf8(out.to_vec()).unwrap();
    let text: String = told.split('|').skip(1).filter_map(|piece| piece.strip_prefix('1')).collect();
    assert!(told.starts_with("false|"), "{told}");
    assert_eq!(text, wrapped);
}
