//! Recorded exchanges with Ollama, and legacy completions of several providers, read and written again. The recordings are
//! not part of the project: where `../shared/fixtures` is missing these tests say so and pass.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the functions that tests share are tests too"
)]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Event, PartKind, Receipt};
use contract::words::{Dialect, Usage};
use serde_json::{Value, json};
use wire::{EncodeOptions, Quirks};

/// One recorded exchange.
struct Exchange {
    name: String,
    dialect: Dialect,
    stream: bool,
    recorded: Value,
}

impl Exchange {
    fn status(&self) -> u16 {
        u16::try_from(self.recorded["response"]["status"].as_u64().unwrap()).unwrap()
    }

    /// The body of the response as the provider sends it.
    fn response(&self) -> Bytes {
        let body = &self.recorded["response"]["body"];
        match (self.recorded["response"]["body_encoding"].as_str().unwrap(), body) {
            ("events", Value::Array(events)) => {
                events.iter().map(|event| format!("{event}\n")).collect::<String>().into()
            }
            ("text", Value::String(text)) => text.clone().into(),
            ("json", body) => body.to_string().into(),
            (encoding, _) => panic!("{}: body is {encoding}", self.name),
        }
    }
}

fn dialect(api: &str) -> Option<Dialect> {
    Some(match api {
        "ollama.chat" => Dialect::OllamaChat,
        "ollama.generate" => Dialect::OllamaGenerate,
        "openai.completions" => Dialect::OpenaiCompletions,
        _ => return None,
    })
}

fn exchanges() -> Vec<Exchange> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev");
    let mut found = Vec::new();
    for provider in folders(&root) {
        for operation in folders(&provider) {
            for path in folders(&operation) {
                let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                let Some(dialect) = recorded["api"].as_str().and_then(dialect) else { continue };
                let stream = operation.to_string_lossy().ends_with(".stream");
                let name = format!("{}/{}", operation.display(), path.file_stem().unwrap().display());
                found.push(Exchange { name, dialect, stream, recorded });
            }
        }
    }
    if found.is_empty() {
        println!("SKIPPED: no recordings at {}", root.display());
    }
    found
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn decode(dialect: Dialect, chunks: impl IntoIterator<Item = Bytes>) -> Result<Vec<Event>, wire::WireError> {
    let mut decoder = wire::decoder(dialect).unwrap();
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

/// Takes away what says nothing: nulls and what is the default anyway; numbers are compared as such, and the one text of a
/// list of stop texts stands for it.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let says = |(name, value): &(String, Value)| {
                let empty = value.is_null() || matches!(value, Value::Array(list) if list.is_empty());
                let default = match name.as_str() {
                    "content" => *value == json!(""),
                    "stream" => *value == json!(false),
                    "cached_tokens" | "audio_tokens" | "reasoning_tokens" => *value == json!(0.0),
                    "prompt_tokens_details" | "completion_tokens_details" => *value == json!({}),
                    _ => false,
                };
                !empty && !default
            };
            let fields = map.into_iter().map(|(name, value)| (name, plain(value)));
            Value::Object(fields.filter(says).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(plain).collect()),
        Value::Number(number) => json!(number.as_f64().unwrap()),
        other => other,
    }
}

fn plain_request(mut value: Value) -> Value {
    if let Some(Value::String(stop)) = value.get("stop").cloned() {
        value["stop"] = json!([stop]);
    }
    if let Some(options) = value.as_object_mut().and_then(|body| body.shift_remove("stream_options")) {
        assert!(options == json!({"include_usage": true}), "a stream always asks for usage");
    }
    plain(value)
}

#[test]
fn requests_survive_canon() {
    let mut seen = 0;
    for Exchange { name, dialect, recorded, .. } in &exchanges() {
        let request = &recorded["request"]["body"];
        if !request.is_object() || recorded["response"]["status"] == 400 {
            continue;
        }
        let canon = wire::read_request(*dialect, request.to_string().as_bytes());
        let canon = canon.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut receipt = Receipt::default();
        let written = wire::write_request(*dialect, &canon, &Quirks::default(), &mut receipt);
        let written = written.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(plain_request(written), plain_request(request.clone()), "{name}");
        seen += 1;
    }
    println!("{seen} requests");
}

#[test]
fn replies_survive_canon() {
    let mut seen = 0;
    for exchange in exchanges().iter().filter(|exchange| !exchange.stream) {
        let (name, dialect, body) = (&exchange.name, exchange.dialect, exchange.response());
        let recorded = &exchange.recorded["response"]["body"];
        seen += 1;
        if exchange.status() != 200 {
            let status = http::StatusCode::from_u16(exchange.status()).unwrap();
            let error = wire::read_error(dialect, status, &body);
            let told = recorded["error"].as_str().or(recorded["error"]["message"].as_str());
            assert_eq!(Some(error.message.as_str()), told, "{name}");
            continue;
        }
        let reply = wire::read_reply(dialect, &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_usage(name, recorded, reply.usage());
        assert_eq!(wire::reply_facts(dialect, &body).unwrap().usage, reply.usage(), "{name}");
        let mut receipt = Receipt::default();
        let options = EncodeOptions::default();
        let written = wire::write_reply(dialect, &reply, &options, &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(plain(written), plain(recorded.clone()), "{name}");
        for other in [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::OllamaChat] {
            let bytes = wire::write_reply(other, &reply, &options, &mut Receipt::default()).unwrap();
            let Ok(Answered::Chat(again)) = wire::read_reply(other, &bytes) else {
                panic!("{name}: {other}")
            };
            let Answered::Chat(reply) = &reply else { panic!("{name}: no message") };
            assert_eq!(said(&again.choices[0].parts), said(&reply.choices[0].parts), "{name}: {other}");
        }
    }
    println!("{seen} replies");
}

/// The prose of an answer, and its calls.
fn said(parts: &[contract::canon::Part]) -> (String, Vec<(String, Value)>) {
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in parts {
        match &part.kind {
            PartKind::Text(more) => text.push_str(more),
            PartKind::ToolCall { name, arguments, .. } => {
                calls.push((name.clone(), serde_json::from_str(arguments).unwrap()));
            }
            _ => {}
        }
    }
    (text, calls)
}

fn check_usage(name: &str, recorded: &Value, usage: Option<Usage>) {
    let count = |field: &str| recorded[field].as_u64().or(recorded["usage"][field].as_u64());
    let input = count("prompt_eval_count").or(count("prompt_tokens"));
    let output = count("eval_count").or(count("completion_tokens"));
    assert_eq!(usage.map(|usage| usage.input_total()), input, "{name}");
    assert_eq!(usage.map(|usage| usage.output_total()), output, "{name}");
}

#[test]
fn streams_survive_cuts_and_canon() {
    let mut seen = 0;
    for exchange in exchanges().iter().filter(|exchange| exchange.stream) {
        let (name, dialect, body) = (&exchange.name, exchange.dialect, exchange.response());
        let events = decode(dialect, [body.clone()]).unwrap_or_else(|error| panic!("{name}: {error}"));
        for seed in 1..=5 {
            assert_eq!(decode(dialect, cut(&body, seed)).unwrap(), events, "{name}: cut differently");
        }
        if let Some(last) = last_object(&body) {
            check_usage(name, &last, last_usage(&events));
        }
        let options = EncodeOptions { usage: true, ..EncodeOptions::default() };
        for other in [dialect, Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            let mut encoder = wire::encoder(other, options.clone()).unwrap();
            let mut out = BytesMut::new();
            events.iter().for_each(|event| encoder.write(event, &mut out));
            let again = decode(other, [out.freeze()]).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(texts(&again), texts(&events), "{name}: {other}");
            let usage = |events: &[Event]| last_usage(events).unwrap_or_default();
            assert_eq!(usage(&again), usage(&events), "{name}: {other}");
        }
        passes(name, dialect, &body, &events);
        seen += 1;
    }
    println!("{seen} streams");
}

/// Passing through, nothing is changed and the same figures are seen.
fn passes(name: &str, dialect: Dialect, body: &Bytes, events: &[Event]) {
    let (mut watch, mut out) = (wire::watch(dialect, false).unwrap(), VecDeque::new());
    for chunk in cut(body, 7) {
        watch.feed(chunk, &mut out);
    }
    watch.finish(&mut out);
    assert!(watch.complete(), "{name}");
    assert_eq!(watch.usage(), last_usage(events), "{name}");
    assert_eq!(out.iter().flatten().copied().collect::<Vec<u8>>(), body[..], "{name}");
}

fn last_usage(events: &[Event]) -> Option<Usage> {
    events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    })
}

fn texts(events: &[Event]) -> String {
    let deltas = events.iter().filter_map(|event| match event {
        Event::Delta { text, .. } => Some(text.as_str()),
        _ => None,
    });
    deltas.collect()
}

/// The last object of a stream, of those that report what was consumed.
fn last_object(body: &Bytes) -> Option<Value> {
    let text = std::str::from_utf8(body).unwrap();
    let lines = text.lines().rev().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let mut objects = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    objects.find(|value| !value["eval_count"].is_null() || value["usage"].is_object())
}
