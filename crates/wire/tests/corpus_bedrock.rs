//! Recorded exchanges with Bedrock, read and written again. The recordings are not part of the project: where
//! `../shared/fixtures` is missing these tests say so and pass.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the functions that tests share are tests too"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Asked, Event, Receipt};
use contract::words::{Dialect, Usage};
use serde_json::{Value, json};
use wire::bedrock::{InvokeStream, claude_body, claude_error};
use wire::eventstream::{MessageKind, Reader};
use wire::{EncodeOptions, Quirks, WireError};

const CONVERSE: Dialect = Dialect::BedrockConverse;

/// One recorded exchange.
struct Exchange {
    name: String,
    recorded: Value,
}

impl Exchange {
    fn status(&self) -> http::StatusCode {
        let status = self.recorded["response"]["status"].as_u64().unwrap();
        http::StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap()
    }

    fn request(&self) -> Option<&Value> {
        self.recorded["request"].get("body").filter(|body| body.is_object())
    }

    fn model(&self) -> String {
        let path = self.recorded["request"]["path"].as_str().unwrap_or_default();
        let model = path.trim_start_matches("/model/").split('/').next().unwrap_or_default();
        model.replace("%3A", ":")
    }

    fn json(&self) -> &Value {
        &self.recorded["response"]["body"]
    }

    /// The body of the response as the provider sends it.
    fn response(&self) -> Bytes {
        match (self.recorded["response"]["body_encoding"].as_str().unwrap(), self.json()) {
            ("base64", Value::String(text)) => BASE64_STANDARD.decode(text).unwrap().into(),
            ("events", Value::Array(events)) => {
                let mut out = BytesMut::new();
                for (name, payload) in events.iter().flat_map(|event| event.as_object().unwrap()) {
                    let payload = payload.to_string();
                    wire::eventstream::write(MessageKind::Event(name), payload.as_bytes(), &mut out);
                }
                out.freeze()
            }
            ("json", body) => body.to_string().into(),
            (encoding, _) => panic!("{}: body is {encoding}", self.name),
        }
    }
}

/// The exchanges in a folder that speak this API.
fn exchanges(path: &str, api: &str) -> Vec<Exchange> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev/bedrock").join(path);
    if !folder.is_dir() {
        println!("SKIPPED: no recordings at {}", folder.display());
        return Vec::new();
    }
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut list = Vec::new();
    for path in paths {
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        if recorded["api"] == api {
            list.push(Exchange { name: path.file_stem().unwrap().display().to_string(), recorded });
        }
    }
    println!("{} exchanges of {api} in {path}", list.len());
    list
}

fn decode(dialect: Dialect, chunks: impl IntoIterator<Item = Bytes>) -> Result<Vec<Event>, WireError> {
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

/// The frames of an event stream: name and payload without its padding.
fn frames(body: &Bytes) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let read = Reader::default().feed(body, |message| {
        let MessageKind::Event(name) = message.kind else { panic!("{:?}", message.kind) };
        let mut payload: Value = serde_json::from_slice(message.payload).unwrap();
        payload.as_object_mut().unwrap().shift_remove("p");
        found.push((name.to_owned(), payload));
        Ok::<_, wire::eventstream::EventStreamError>(())
    });
    read.unwrap();
    found
}

fn count(usage: &Value, field: &str) -> u64 {
    usage.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// The counts of a recorded `usage`, computed apart from the crate.
fn usage(usage: &Value) -> Usage {
    Usage {
        input: count(usage, "inputTokens"),
        cached: count(usage, "cacheReadInputTokens"),
        cache_write: count(usage, "cacheWriteInputTokens"),
        output: count(usage, "outputTokens"),
        ..Usage::default()
    }
}

/// Takes away what says nothing: empty lists and objects, `1` for `1.0`, spaces in the text of a schema, and where one
/// role's blocks are cut into messages.
fn plain(mut value: Value) -> Value {
    if let Some(Value::String(text)) =
        value.pointer_mut("/outputConfig/textFormat/structure/jsonSchema/schema")
    {
        *text = serde_json::from_str::<Value>(text).unwrap().to_string();
    }
    for field in ["temperature", "topP"] {
        let number = value.pointer(&format!("/inferenceConfig/{field}")).and_then(Value::as_f64);
        if let Some(number) = number {
            value["inferenceConfig"][field] = json!(number);
        }
    }
    if let Some(config) = value.get_mut("inferenceConfig").and_then(Value::as_object_mut) {
        config.retain(|_, value| *value != json!([]));
    }
    if let Some(body) = value.as_object_mut() {
        body.retain(|_, value| *value != json!([]) && *value != json!({}));
    }
    let mut joined: Vec<Value> = Vec::new();
    for mut message in std::mem::take(value["messages"].as_array_mut().unwrap()) {
        match joined.last_mut() {
            Some(last) if last["role"] == message["role"] => {
                let content = message["content"].as_array_mut().unwrap();
                last["content"].as_array_mut().unwrap().append(content);
            }
            _ => joined.push(message),
        }
    }
    value["messages"] = json!(joined);
    value
}

#[test]
fn converse_requests_survive_canon() {
    for folder in ["chat", "chat.stream"] {
        for exchange in exchanges(folder, "bedrock.converse") {
            let Some(request) = exchange.request() else { continue };
            let name = &exchange.name;
            let canon = wire::read_request(CONVERSE, request.to_string().as_bytes());
            let mut canon = canon.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            *canon.model_mut() = exchange.model();
            let mut receipt = Receipt::default();
            let written = wire::write_request(CONVERSE, &canon, &Quirks::default(), &mut receipt);
            let written = written.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert!(receipt.is_empty(), "{name}: dropped {receipt}");
            let written: Value = serde_json::from_slice(&written).unwrap();
            assert_eq!(plain(written), plain(request.clone()), "{name}");
        }
    }
}

#[test]
fn converse_replies_survive_canon() {
    for exchange in exchanges("chat", "bedrock.converse") {
        let (name, body) = (&exchange.name, exchange.response());
        if !exchange.status().is_success() {
            let error = wire::read_error(CONVERSE, exchange.status(), &body);
            assert_eq!(error.message, exchange.json()["message"].as_str().unwrap(), "{name}");
            continue;
        }
        let reply = wire::read_reply(CONVERSE, &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(reply.usage(), Some(usage(&exchange.json()["usage"])), "{name}");
        let mut receipt = Receipt::default();
        let written = wire::write_reply(CONVERSE, &reply, &EncodeOptions::default(), &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(&written, exchange.json(), "{name}");
    }
}

#[test]
fn converse_streams_survive_cuts_and_canon() {
    for exchange in exchanges("chat.stream", "bedrock.converse") {
        let (name, body) = (&exchange.name, exchange.response());
        let events = decode(CONVERSE, [body.clone()]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(matches!(events.first(), Some(Event::Start { .. })), "{name}: does not start");
        assert!(matches!(events.last(), Some(Event::End)), "{name}: does not end");
        for seed in 1..=5 {
            assert_eq!(decode(CONVERSE, cut(&body, seed)).unwrap(), events, "{name}: cut differently");
        }
        let recorded = frames(&body);
        let (last, metadata) = recorded.last().unwrap();
        assert_eq!(last, "metadata", "{name}");
        let told = events.iter().rev().find_map(|event| match event {
            Event::Usage(usage) => Some(*usage),
            _ => None,
        });
        assert_eq!(told, Some(usage(&metadata["usage"])), "{name}");

        let mut encoder = wire::encoder(CONVERSE, EncodeOptions::default()).unwrap();
        let mut out = BytesMut::new();
        events.iter().for_each(|event| encoder.write(event, &mut out));
        let without_empty = |frames: Vec<(String, Value)>| -> Vec<(String, Value)> {
            let nothing = [
                json!({"text": ""}),
                json!({"reasoningContent": {"text": ""}}),
                json!({"toolUse": {"input": ""}}),
            ];
            let says_nothing = |payload: &Value| nothing.contains(&payload["delta"]);
            frames.into_iter().filter(|(_, payload)| !says_nothing(payload)).collect()
        };
        assert_eq!(
            without_empty(frames(&out.freeze())),
            without_empty(recorded),
            "{name}: written differently"
        );
    }
}

#[test]
fn invoked_claude_requests_survive_canon_and_the_envelope() {
    for folder in ["chat", "chat.stream"] {
        for exchange in exchanges(folder, "bedrock.invoke") {
            let Some(request) = exchange.request().filter(|body| body.get("anthropic_version").is_some())
            else {
                continue;
            };
            let name = &exchange.name;
            let mut asked = request.clone();
            asked["model"] = json!(exchange.model());
            asked["stream"] = json!(true);
            asked.as_object_mut().unwrap().shift_remove("anthropic_version");
            let body = claude_body(asked.to_string().as_bytes(), std::iter::empty()).unwrap();
            let written: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(&written, request, "{name}");
            let canon = wire::read_request(Dialect::AnthropicMessages, asked.to_string().as_bytes()).unwrap();
            assert!(matches!(canon, Asked::Chat(_)), "{name}");
        }
    }
}

#[test]
fn invoked_claude_answers_are_anthropics() {
    for exchange in exchanges("chat", "bedrock.invoke") {
        let (name, body) = (&exchange.name, exchange.response());
        if !exchange.status().is_success() {
            let error = claude_error(exchange.status(), None, &body);
            let error = wire::read_error(Dialect::AnthropicMessages, exchange.status(), &error);
            assert_eq!(error.message, exchange.json()["message"].as_str().unwrap(), "{name}");
        } else if exchange.json()["type"] == "message" {
            let reply = wire::read_reply(Dialect::AnthropicMessages, &body).unwrap();
            let Answered::Chat(reply) = reply else { panic!("{name}: no message") };
            assert!(!reply.choices[0].parts.is_empty(), "{name}");
        }
    }
}

#[test]
fn invoked_claude_streams_are_anthropics() {
    for exchange in exchanges("chat.stream", "bedrock.invoke") {
        if exchange.request().unwrap().get("anthropic_version").is_none() {
            continue;
        }
        let (name, body) = (&exchange.name, exchange.response());
        let unwrap = |chunks: Vec<Bytes>| {
            let (mut stream, mut out) = (InvokeStream::default(), BytesMut::new());
            chunks.iter().for_each(|chunk| stream.push(chunk, &mut out).unwrap());
            assert!(stream.is_between(), "{name}");
            out.freeze()
        };
        let sse = unwrap(vec![body.clone()]);
        for seed in 1..=5 {
            assert_eq!(unwrap(cut(&body, seed)), sse, "{name}: cut differently");
        }
        let events = decode(Dialect::AnthropicMessages, [sse]).unwrap();
        assert!(matches!(events.last(), Some(Event::End)), "{name}");
    }
}
