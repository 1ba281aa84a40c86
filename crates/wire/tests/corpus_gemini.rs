//! Recorded exchanges with Gemini, at AI Studio and at Vertex AI, read and written again. The recordings are not part of the
//! project: where `../shared/fixtures` is missing these tests say so and pass.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the functions that tests share are tests too"
)]

use std::collections::BTreeMap;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Answered, Choice, Event, Extra, Finish, MediaSource, Native, Part, PartKind, PartStart, Provenance,
    Receipt, Reply, ServerCall,
};
use contract::words::{Dialect, Usage};
use serde_json::{Map, Value, json};
use wire::{EncodeOptions, Quirks};

const DIALECT: Dialect = Dialect::GeminiGenerate;

/// One recorded exchange.
struct Exchange {
    name: String,
    recorded: Value,
}

impl Exchange {
    fn ok(&self) -> bool {
        self.recorded["response"]["status"] == 200
    }

    fn request(&self) -> Option<&Value> {
        self.recorded["request"].get("body").filter(|body| body.is_object())
    }

    /// The body of the response as the provider sends it.
    fn response(&self) -> Bytes {
        let body = &self.recorded["response"]["body"];
        match (self.recorded["response"]["body_encoding"].as_str().unwrap(), body) {
            ("events", Value::Array(events)) => {
                events.iter().map(|event| format!("data: {event}\r\n\r\n")).collect::<String>().into()
            }
            ("text", Value::String(text)) => text.clone().into(),
            ("json", body) => body.to_string().into(),
            (encoding, _) => panic!("{}: body is {encoding}", self.name),
        }
    }

    /// The answers in the response: one, or one for each frame.
    fn answers(&self) -> Vec<Value> {
        let body = self.response();
        match serde_json::from_slice(&body) {
            Ok(Value::Array(list)) => list,
            Ok(one) => vec![one],
            Err(_) => {
                let text = std::str::from_utf8(&body).unwrap();
                let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
                lines.map(|data| serde_json::from_str(data).unwrap()).collect()
            }
        }
    }
}

/// The exchanges of an operation that speak this API, whoever serves it.
fn exchanges(operation: &str, api: &str) -> Vec<Exchange> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let mut list = Vec::new();
    for provider in ["gemini", "vertex"] {
        let folder = root.join("dev").join(provider).join(operation);
        let Ok(entries) = folder.read_dir() else {
            println!("SKIPPED: no recordings at {}", folder.display());
            continue;
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if recorded["api"] == api {
                list.push(Exchange { name: path.display().to_string(), recorded });
            }
        }
    }
    list
}

fn chats() -> impl Iterator<Item = Exchange> {
    exchanges("chat", "gemini.generate_content").into_iter()
}

fn streams() -> impl Iterator<Item = Exchange> {
    exchanges("chat.stream", "gemini.generate_content").into_iter().filter(Exchange::ok)
}

/// `systemInstruction` for `system_instruction`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |spelled, word| {
        let (head, rest) = word.split_at(word.len().min(1));
        spelled + &head.to_ascii_uppercase() + rest
    })
}

/// Takes away what protobuf's JSON mapping does not tell apart: both spellings of a name, absence from null, false, zero and
/// empty; and what says nothing: the case of a schema's types, the role of a system prompt, how tools are laid out over
/// entries. Arguments, results and schemas' properties keep their names.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut out = Map::new();
            for (key, value) in object {
                let key = camel(&key);
                let value = match key.as_str() {
                    "args" | "response" | "labels" => value,
                    "type" => json!(value.as_str().map(str::to_ascii_lowercase)),
                    _ => plain(value),
                };
                if !is_default(&value) {
                    out.insert(key, value);
                }
            }
            Value::Object(out)
        }
        Value::Array(list) => list.into_iter().map(plain).collect(),
        Value::Number(number) => json!(number.as_f64()),
        other => other,
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

fn plain_request(request: Value) -> Value {
    let empty_tool = json!({"": true});
    let mut tools = Vec::new();
    for tool in request.get("tools").and_then(Value::as_array).into_iter().flatten() {
        for (key, value) in tool.as_object().unwrap() {
            match (camel(key).as_str(), value) {
                (_, Value::Null) => {}
                ("functionDeclarations", Value::Array(list)) => tools.extend(list.iter().cloned().map(plain)),
                (name, value) => tools.push(json!({ name: if is_default(value) { empty_tool.clone() } else { plain(value.clone()) } })),
            }
        }
    }
    let mut request = plain(request);
    // Functions first.
    tools.sort_by_key(|tool: &Value| tool.get("name").is_none());
    request["tools"] = tools.into();
    let body = request.as_object_mut().unwrap();
    // The path names the model.
    body.shift_remove("model");
    if let Some(system) = body.get_mut("systemInstruction") {
        system.as_object_mut().unwrap().shift_remove("role");
    }
    if let Some(level) = body
        .get_mut("generationConfig")
        .and_then(|config| config.get_mut("thinkingConfig")?.get_mut("thinkingLevel"))
    {
        *level = json!(level.as_str().unwrap().to_ascii_lowercase());
    }
    request
}

#[test]
fn requests_survive_canon() {
    let mut count = 0;
    for exchange in chats().chain(exchanges("chat.stream", "gemini.generate_content")) {
        let (Some(request), name) = (exchange.request(), &exchange.name) else { continue };
        let asked = wire::read_request(DIALECT, request.to_string().as_bytes());
        let asked = asked.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut receipt = Receipt::default();
        let written = wire::write_request(DIALECT, &asked, &Quirks::default(), &mut receipt);
        let written = written.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(plain_request(written), plain_request(request.clone()), "{name}");
        count += 1;
    }
    println!("{count} requests");
}

#[test]
fn requests_reach_other_dialects() {
    for exchange in chats().filter(Exchange::ok).chain(streams()) {
        let (Some(request), name) = (exchange.request(), &exchange.name) else { continue };
        let asked = wire::read_request(DIALECT, request.to_string().as_bytes()).unwrap();
        for target in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            let mut receipt = Receipt::default();
            match wire::write_request(target, &asked, &Quirks::default(), &mut receipt) {
                Ok(_) => {}
                Err(fault) => assert_eq!(
                    fault.code(),
                    contract::Code::UnsupportedCapability,
                    "{target} {name}: {fault}"
                ),
            }
        }
    }
}

/// The sums of a recorded `usageMetadata`.
fn check_usage(name: &str, counts: &Value, usage: &Usage) {
    let count = |field: &str| counts.get(field).and_then(Value::as_u64).unwrap_or(0);
    let output = count("candidatesTokenCount") + count("thoughtsTokenCount");
    assert_eq!(usage.input_total(), count("promptTokenCount") + count("toolUsePromptTokenCount"), "{name}");
    assert_eq!(usage.output_total(), output, "{name}");
    assert_eq!(usage.cached, count("cachedContentTokenCount"), "{name}");
    assert_eq!(usage.reasoning, count("thoughtsTokenCount"), "{name}");
}

fn write(reply: &Answered, receipt: &mut Receipt) -> Bytes {
    wire::write_reply(DIALECT, reply, &EncodeOptions::default(), receipt).unwrap()
}

#[test]
fn replies_survive_canon() {
    let mut count = 0;
    for exchange in chats() {
        let (name, body) = (&exchange.name, exchange.response());
        let recorded = &exchange.answers()[0];
        if !exchange.ok() {
            let status = exchange.recorded["response"]["status"].as_u64().unwrap();
            let status = http::StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
            let error = wire::read_error(DIALECT, status, &body);
            assert_eq!(error.kind.as_deref(), recorded["error"]["status"].as_str(), "{name}");
            assert_eq!(error.message, recorded["error"]["message"].as_str().unwrap(), "{name}");
            assert_eq!(error.retry_after.is_some(), recorded.to_string().contains("retryDelay"), "{name}");
            continue;
        }
        let reply = wire::read_reply(DIALECT, &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_usage(name, &recorded["usageMetadata"], &reply.usage().unwrap());
        let mut receipt = Receipt::default();
        let written: Value = serde_json::from_slice(&write(&reply, &mut receipt)).unwrap();
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        assert_eq!(plain(written), plain(recorded.clone()), "{name}");
        for target in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            wire::write_reply(target, &reply, &EncodeOptions::default(), &mut Receipt::default()).unwrap();
        }
        count += 1;
    }
    println!("{count} replies");
}

fn decode(chunks: impl IntoIterator<Item = Bytes>) -> Result<Vec<Event>, wire::WireError> {
    let mut decoder = wire::decoder(DIALECT).unwrap();
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(&chunk, &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

/// Cuts at offsets that look random and are the same in every run.
fn cut(body: &Bytes, seed: u64) -> Vec<Bytes> {
    let (mut rest, mut state, mut chunks) = (body.clone(), seed, Vec::new());
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let len = usize::try_from(state >> 33).unwrap() % 97 + 1;
        chunks.push(rest.split_to(len.min(rest.len())));
    }
    chunks
}

/// Puts the events of a stream together.
fn accumulated(events: &[Event]) -> Reply {
    let mut reply = Reply::default();
    let mut choices: BTreeMap<u32, Choice> = BTreeMap::new();
    for event in events {
        match event.clone() {
            Event::Start { id, model, created, extra } => {
                reply = Reply { id, model, created, extra, ..Reply::default() };
            }
            Event::PartStart { choice, index, part, native } => {
                let parts = &mut choices.entry(choice).or_default().parts;
                assert_eq!(parts.len(), index as usize);
                parts.push(Part { native, ..Part::new(begun(part), Provenance::Model) });
            }
            Event::Delta { choice, index, text } => {
                match &mut choices.get_mut(&choice).unwrap().parts[index as usize].kind {
                    PartKind::Text(all)
                    | PartKind::Reasoning(all)
                    | PartKind::ToolCall { arguments: all, .. } => all.push_str(&text),
                    PartKind::Media { source: MediaSource::Base64 { data, .. }, .. } => data.push_str(&text),
                    PartKind::ServerCall(call) => call.input.push_str(&text),
                    other => panic!("{other:?} does not grow"),
                }
            }
            Event::NativeDelta { choice, index, native } => {
                let part = &mut choices.get_mut(&choice).unwrap().parts[index as usize];
                let mut whole =
                    part.native.take().unwrap_or(Native { owner: native.owner, value: json!({}) });
                merge(whole.value.as_object_mut().unwrap(), native.value.as_object().unwrap());
                part.native = Some(whole);
            }
            Event::Citation { choice, index, citation } => {
                choices.get_mut(&choice).unwrap().parts[index as usize].citations.push(citation);
            }
            Event::Logprobs { choice, tokens } => choices.get_mut(&choice).unwrap().logprobs.extend(tokens),
            Event::Extra { choice: None, extra } => add(&mut reply.extra, extra),
            Event::Extra { choice: Some(choice), extra } => {
                add(&mut choices.entry(choice).or_default().extra, extra);
            }
            Event::Finish { choice, reason, .. } => choices.entry(choice).or_default().finish = reason,
            Event::Usage(usage) => reply.usage = Some(usage),
            Event::PartStop { .. } | Event::End => {}
            Event::Error { message, .. } => panic!("{message}"),
        }
    }
    reply.choices = choices.into_values().collect();
    reply
}

fn begun(part: PartStart) -> PartKind {
    match part {
        PartStart::Text => PartKind::Text(String::new()),
        PartStart::Reasoning => PartKind::Reasoning(String::new()),
        PartStart::Refusal => PartKind::Refusal(String::new()),
        PartStart::ToolCall { id, name, custom } => {
            PartKind::ToolCall { id, name, custom, arguments: String::new() }
        }
        PartStart::Media { kind, mime } => {
            PartKind::Media { kind, source: MediaSource::Base64 { mime, data: String::new() } }
        }
        PartStart::ServerCall { id, tool, name } => {
            PartKind::ServerCall(ServerCall { id, tool, name, input: String::new() })
        }
        PartStart::ServerResult(result) => PartKind::ServerResult(result),
        PartStart::Native => PartKind::Native,
    }
}

fn add(all: &mut Extra, more: Extra) {
    all.owner = more.owner;
    all.fields.extend(more.fields);
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::String(before)), Value::String(more)) => before.push_str(more),
            (Some(Value::Object(before)), Value::Object(more)) => merge(before, more),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// What a stream must come to, put together from its frames without the crate: texts, calls, reasons.
fn expected(answers: &[Value]) -> (String, String, Vec<String>, Vec<Value>) {
    let (mut text, mut thoughts, mut calls, mut reasons) =
        (String::new(), String::new(), Vec::new(), Vec::new());
    for candidate in answers.iter().filter_map(|answer| answer["candidates"].as_array()).flatten() {
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            let target = if part["thought"] == true { &mut thoughts } else { &mut text };
            target.push_str(part["text"].as_str().unwrap_or_default());
            calls.extend(part["functionCall"]["name"].as_str().map(str::to_owned));
        }
        reasons.extend(candidate.get("finishReason").cloned());
    }
    (text, thoughts, calls, reasons)
}

fn said(reply: &Reply) -> (String, String, Vec<String>) {
    let (mut text, mut thoughts, mut calls) = (String::new(), String::new(), Vec::new());
    for part in reply.choices.iter().flat_map(|choice| &choice.parts) {
        match &part.kind {
            PartKind::Text(more) => text.push_str(more),
            PartKind::Reasoning(more) => thoughts.push_str(more),
            PartKind::ToolCall { name, .. } => calls.push(name.clone()),
            _ => {}
        }
    }
    (text, thoughts, calls)
}

#[test]
fn streams_survive_cuts_and_canon() {
    let mut count = 0;
    for exchange in streams() {
        let (name, body) = (&exchange.name, exchange.response());
        let events = decode([body.clone()]).unwrap_or_else(|error| panic!("{name}: {error}"));
        for seed in 1..=5 {
            assert_eq!(decode(cut(&body, seed)).unwrap(), events, "{name}: cut differently");
        }
        let reply = accumulated(&events);
        let answers = exchange.answers();
        let (text, thoughts, calls, reasons) = expected(&answers);
        assert_eq!(said(&reply), (text, thoughts, calls), "{name}");
        assert_eq!(reply.choices.len(), reasons.len(), "{name}");
        let counts = answers.iter().rev().find_map(|answer| answer.get("usageMetadata")).unwrap();
        check_usage(name, counts, &reply.usage.unwrap());

        let mut encoder = wire::encoder(DIALECT, EncodeOptions::default()).unwrap();
        let mut out = BytesMut::new();
        events.iter().for_each(|event| encoder.write(event, &mut out));
        let again = accumulated(&decode([out.freeze()]).unwrap());
        assert_eq!(again, reply, "{name}: written differently");

        let whole = write(&Answered::Chat(Box::new(reply.clone())), &mut Receipt::default());
        let Answered::Chat(again) = wire::read_reply(DIALECT, &whole).unwrap() else { panic!() };
        assert_eq!(
            without_sources(*again),
            without_sources(reply),
            "{name}: not what the same answer whole is"
        );
        count += 1;
    }
    println!("{count} streams");
}

/// Which text a source belongs to is told of the frames' parts on a stream.
fn without_sources(mut reply: Reply) -> Reply {
    for part in reply.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
        part.citations.clear();
    }
    reply
}

#[test]
fn streams_become_streams_of_other_dialects() {
    for exchange in streams() {
        let name = &exchange.name;
        let events = decode([exchange.response()]).unwrap();
        for target in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            let mut encoder = wire::encoder(target, EncodeOptions::default()).unwrap();
            let mut out = BytesMut::new();
            events.iter().for_each(|event| encoder.write(event, &mut out));
            let mut decoder = wire::decoder(target).unwrap();
            let mut again = Vec::new();
            decoder.push(&out.freeze(), &mut again).unwrap_or_else(|error| panic!("{name}: {error}"));
            decoder.finish(&mut again).unwrap_or_else(|error| panic!("{name}: {error}"));
            // And back: what a client of Gemini gets from there.
            let mut encoder = wire::encoder(DIALECT, EncodeOptions::default()).unwrap();
            let mut out = BytesMut::new();
            again.iter().for_each(|event| encoder.write(event, &mut out));
            let last = accumulated(&decode([out.freeze()]).unwrap());
            let (text, _, calls) = said(&accumulated(&events));
            assert_eq!((said(&last).0, said(&last).2), (text, calls), "{target} {name}");
            assert!(last.choices.iter().all(|choice| choice.finish != Finish::Other(String::new())));
        }
    }
}

#[test]
fn sources_are_where_the_recording_says() {
    let mut found = 0;
    for exchange in chats().filter(Exchange::ok) {
        let recorded = &exchange.answers()[0]["candidates"][0]["groundingMetadata"];
        let Answered::Chat(reply) = wire::read_reply(DIALECT, &exchange.response()).unwrap() else {
            panic!()
        };
        let quotes: Vec<&str> = recorded["groundingSupports"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|support| support["segment"]["text"].as_str())
            .collect();
        for part in reply.choices.iter().flat_map(|choice| &choice.parts) {
            let PartKind::Text(text) = &part.kind else { continue };
            for range in part.citations.iter().filter_map(|citation| citation.range.clone()) {
                let length = usize::try_from(range.end - range.start).unwrap();
                let quote: String =
                    text.chars().skip(usize::try_from(range.start).unwrap()).take(length).collect();
                assert!(
                    quotes.contains(&quote.as_str()),
                    "{}: {quote:?} is not in {quotes:?}",
                    exchange.name
                );
                found += 1;
            }
        }
    }
    println!("{found} places");
}

#[test]
fn vectors_survive_canon() {
    for exchange in exchanges("embeddings", "gemini.embed") {
        let name = &exchange.name;
        let request = exchange.request().unwrap();
        let asked = wire::read_request(Dialect::GeminiEmbed, request.to_string().as_bytes())
            .unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut receipt = Receipt::default();
        let written =
            wire::write_request(Dialect::GeminiEmbed, &asked, &Quirks::default(), &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(plain(written), plain(request.clone()), "{name}");
        let reply = wire::read_reply(Dialect::GeminiEmbed, &exchange.response()).unwrap();
        let options = EncodeOptions::default();
        let written = wire::write_reply(Dialect::GeminiEmbed, &reply, &options, &mut receipt).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        let recorded = &exchange.answers()[0];
        assert_eq!(written["usageMetadata"], recorded["usageMetadata"], "{name}");
        let numbers = |value: &Value| -> Vec<f64> {
            let list = value["embeddings"].as_array().unwrap();
            list.iter()
                .flat_map(|entry| entry["values"].as_array().unwrap())
                .map(|number| number.as_f64().unwrap())
                .collect()
        };
        let (ours, theirs) = (numbers(&written), numbers(recorded));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        assert!(ours.iter().zip(&theirs).all(|(one, other)| (one - other).abs() < 1e-6), "{name}");
    }
}
