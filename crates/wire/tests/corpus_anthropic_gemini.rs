//! Recorded exchanges with Anthropic and Gemini, read and written again. The recordings are not part of the project: where
//! `../shared/fixtures` is missing these tests say so and pass.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the functions that tests share are tests too"
)]

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Event, PartStart, Receipt};
use contract::words::{Dialect, Usage};
use serde_json::{Map, Value, json};
use wire::{EncodeOptions, Quirks};

/// One recorded exchange.
struct Exchange {
    name: String,
    recorded: Value,
}

impl Exchange {
    fn status(&self) -> u64 {
        self.recorded["response"]["status"].as_u64().unwrap()
    }

    fn request(&self) -> Option<&Value> {
        self.recorded["request"].get("body").filter(|body| body.is_object())
    }

    /// The body of the response as the provider sends it.
    fn response(&self) -> Bytes {
        let body = &self.recorded["response"]["body"];
        match (self.recorded["response"]["body_encoding"].as_str().unwrap(), body) {
            ("events", Value::Array(events)) => events.iter().map(sse_frame).collect::<String>().into(),
            ("text", Value::String(text)) => text.clone().into(),
            ("json", body) => body.to_string().into(),
            (encoding, _) => panic!("{}: body is {encoding}", self.name),
        }
    }

    fn is_sse(&self) -> bool {
        self.recorded["response"]["body_encoding"] != "json"
    }
}

fn sse_frame(event: &Value) -> String {
    match event.get("type").and_then(Value::as_str) {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    }
}

fn folder(path: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev").join(path);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no recordings at {}", folder.display());
    None
}

/// The exchanges in a folder that speak this API.
fn exchanges(path: &str, api: &str) -> Vec<Exchange> {
    let Some(folder) = folder(path) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut list = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let name = format!("{}/{}", path.parent().unwrap().display(), path.file_stem().unwrap().display());
        if recorded["api"] == api {
            list.push(Exchange { name, recorded });
        }
    }
    assert!(!list.is_empty(), "no exchange of {api} in {}", folder.display());
    list
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

fn last_usage(events: &[Event]) -> Option<Usage> {
    events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    })
}

fn without_usage(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| !matches!(event, Event::Usage(_))).collect()
}

/// Parts begin, go on and end in order; the answer starts once and ends last.
fn check_order(name: &str, events: &[Event]) {
    assert!(matches!(events.first(), Some(Event::Start { .. })), "{name}: does not start");
    assert!(matches!(events.last(), Some(Event::End)), "{name}: does not end");
    let mut open = Vec::new();
    for event in events {
        match event {
            Event::PartStart { choice, index, .. } => {
                assert!(!open.contains(&(*choice, *index)), "{name}: {event:?} again");
                open.push((*choice, *index));
            }
            Event::Delta { choice, index, .. } | Event::NativeDelta { choice, index, .. } => {
                assert!(open.contains(&(*choice, *index)), "{name}: {event:?} outside of its part");
            }
            Event::PartStop { choice, index } => {
                let at = open.iter().position(|part| part == &(*choice, *index));
                open.remove(at.unwrap_or_else(|| panic!("{name}: {event:?} without a start")));
            }
            Event::Finish { .. } => assert!(open.is_empty(), "{name}: finished with a part open"),
            _ => {}
        }
    }
}

fn count(usage: &Value, field: &str) -> u64 {
    usage.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// The counts of a recorded `usage`, computed apart from the crate.
fn anthropic_usage(usage: &Value) -> Usage {
    let long = count(&usage["cache_creation"], "ephemeral_1h_input_tokens");
    Usage {
        input: count(usage, "input_tokens"),
        cached: count(usage, "cache_read_input_tokens"),
        cache_write: count(usage, "cache_creation_input_tokens") - long,
        cache_write_long: long,
        output: count(usage, "output_tokens"),
        reasoning: count(&usage["output_tokens_details"], "thinking_tokens"),
        ..Usage::default()
    }
}

/// The sums of a recorded `usageMetadata`.
fn check_gemini_usage(name: &str, counts: &Value, usage: &Usage) {
    let input = count(counts, "promptTokenCount") + count(counts, "toolUsePromptTokenCount");
    let output = count(counts, "candidatesTokenCount") + count(counts, "thoughtsTokenCount");
    assert_eq!(usage.input_total(), input, "{name}");
    assert_eq!(usage.output_total(), output, "{name}");
    assert_eq!(usage.cached, count(counts, "cachedContentTokenCount"), "{name}");
    assert_eq!(usage.reasoning, count(counts, "thoughtsTokenCount"), "{name}");
}

/// Takes away what says nothing: nulls, defaults, `1` for `1.0`, the shorthand for one text block, the older
/// place of an answer's schema, and where one role's blocks are cut into messages.
fn plain(mut value: Value) -> Value {
    if let Some(format) = value.as_object_mut().and_then(|body| body.shift_remove("output_format")) {
        value["output_config"]["format"] = format;
    }
    if let Some(choice) = value.get_mut("tool_choice").and_then(Value::as_object_mut) {
        choice.retain(|key, value| key != "disable_parallel_tool_use" || *value == json!(true));
    }
    for tool in list(&mut value, "tools") {
        let tool = tool.as_object_mut().unwrap();
        tool.retain(|key, value| key != "type" || value != "custom");
    }
    if let Some(messages) = value.get_mut("messages").and_then(Value::as_array_mut) {
        *messages = joined(std::mem::take(messages));
    }
    if let Some(system) = value.get_mut("system") {
        *system = blocks(system.take());
    }
    if let Some(heat) = value.get("temperature").and_then(Value::as_f64) {
        value["temperature"] = json!(heat);
    }
    if let Some(body) = value.as_object_mut() {
        body.retain(|key, value| !(key == "stream" && *value == json!(false)) && *value != json!([]));
    }
    without_nulls(&mut value);
    value
}

fn list<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

fn joined(messages: Vec<Value>) -> Vec<Value> {
    let mut joined: Vec<Value> = Vec::new();
    for mut message in messages {
        let Value::Array(content) = blocks(message["content"].take()) else { panic!("content") };
        match joined.last_mut() {
            Some(last) if last["role"] == message["role"] => {
                last["content"].as_array_mut().unwrap().extend(content);
            }
            _ => {
                message["content"] = Value::Array(content);
                joined.push(message);
            }
        }
    }
    joined
}

fn blocks(content: Value) -> Value {
    let mut content = match content {
        Value::String(text) => json!([{"type": "text", "text": text}]),
        content => content,
    };
    for block in content.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        block.retain(|key, value| !(key == "is_error" && *value == json!(false)));
        let holds_blocks = block["type"] == "tool_result";
        if let Some(inner) = block.get_mut("content").filter(|_| holds_blocks) {
            *inner = blocks(inner.take());
        }
    }
    content
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[test]
fn anthropic_requests_survive_canon() {
    for kind in ["chat", "chat.stream"] {
        for exchange in exchanges(&format!("anthropic/{kind}"), "anthropic.messages") {
            let Some(request) = exchange.request().filter(|_| exchange.status() == 200) else { continue };
            let name = &exchange.name;
            let canon = wire::read_request(Dialect::AnthropicMessages, request.to_string().as_bytes());
            let canon = canon.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            let mut receipt = Receipt::default();
            let quirks = Quirks::default();
            let written = wire::write_request(Dialect::AnthropicMessages, &canon, &quirks, &mut receipt);
            let written = written.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert!(receipt.is_empty(), "{name}: dropped {receipt}");
            let written: Value = serde_json::from_slice(&written).unwrap();
            assert_eq!(plain(written), plain(request.clone()), "{name}");
        }
    }
}

#[test]
fn anthropic_replies_survive_canon() {
    for exchange in exchanges("anthropic/chat", "anthropic.messages") {
        let name = &exchange.name;
        let body = exchange.response();
        if exchange.status() != 200 {
            let status = http::StatusCode::from_u16(u16::try_from(exchange.status()).unwrap()).unwrap();
            let error = wire::read_error(Dialect::AnthropicMessages, status, &body);
            let recorded = &exchange.recorded["response"]["body"]["error"];
            assert_eq!(error.kind.as_deref(), recorded["type"].as_str(), "{name}");
            assert_eq!(error.message, recorded["message"].as_str().unwrap(), "{name}");
            continue;
        }
        let reply = wire::read_reply(Dialect::AnthropicMessages, &body)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let recorded = exchange.recorded["response"]["body"].clone();
        assert_eq!(reply.usage(), Some(anthropic_usage(&recorded["usage"])), "{name}");
        let mut receipt = Receipt::default();
        let options = EncodeOptions::default();
        let written = wire::write_reply(Dialect::AnthropicMessages, &reply, &options, &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(plain(with_counts(written)), plain(with_counts(recorded)), "{name}");
    }
}

/// Counts that are 0 may be left out, and older recordings do not split cache writes.
fn with_counts(mut message: Value) -> Value {
    let written = count(&message["usage"], "cache_creation_input_tokens");
    let long = count(&message["usage"]["cache_creation"], "ephemeral_1h_input_tokens");
    let usage = message["usage"].as_object_mut().unwrap();
    for field in ["cache_creation_input_tokens", "cache_read_input_tokens"] {
        usage.entry(field).or_insert(json!(0));
    }
    let split = json!({"ephemeral_5m_input_tokens": written - long, "ephemeral_1h_input_tokens": long});
    usage.insert("cache_creation".to_owned(), split);
    if usage.get("output_tokens_details") == Some(&json!({"thinking_tokens": 0})) {
        usage.shift_remove("output_tokens_details");
    }
    message
}

#[test]
fn anthropic_streams_survive_cuts_and_canon() {
    for exchange in exchanges("anthropic/chat.stream", "anthropic.messages") {
        let (name, body) = (&exchange.name, exchange.response());
        let events = decode(Dialect::AnthropicMessages, [body.clone()])
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        check_order(name, &events);
        for seed in 1..=5 {
            let again = decode(Dialect::AnthropicMessages, cut(&body, seed)).unwrap();
            assert_eq!(again, events, "{name}: cut differently");
        }
        assert_eq!(last_usage(&events), Some(streamed_usage(&body)), "{name}");

        let mut encoder = wire::encoder(Dialect::AnthropicMessages, EncodeOptions::default()).unwrap();
        let mut out = BytesMut::new();
        events.iter().for_each(|event| encoder.write(event, &mut out));
        let again = decode(Dialect::AnthropicMessages, [out.freeze()]).unwrap();
        assert_eq!(without_usage(&again), without_usage(&events), "{name}: written differently");
        assert_eq!(last_usage(&again), last_usage(&events), "{name}");
    }
}

/// The last value of each count that the frames of a stream report.
fn streamed_usage(body: &Bytes) -> Usage {
    let mut usage = Map::new();
    for data in data_lines(body) {
        for report in [&data["message"]["usage"], &data["usage"]].into_iter().filter_map(Value::as_object) {
            usage.extend(report.clone().into_iter().filter(|(_, value)| !value.is_null()));
        }
    }
    anthropic_usage(&Value::Object(usage))
}

fn data_lines(body: &Bytes) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
    lines.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn gemini_replies_are_read() {
    for exchange in exchanges("gemini/chat", "gemini.generate_content") {
        let (name, body) = (&exchange.name, exchange.response());
        let recorded = &exchange.recorded["response"]["body"];
        if exchange.status() != 200 {
            let status = http::StatusCode::from_u16(u16::try_from(exchange.status()).unwrap()).unwrap();
            let error = wire::read_error(Dialect::GeminiGenerate, status, &body);
            assert_eq!(error.kind.as_deref(), recorded["error"]["status"].as_str(), "{name}");
            continue;
        }
        let reply = wire::read_reply(Dialect::GeminiGenerate, &body)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let usage = reply.usage().unwrap();
        let Answered::Chat(reply) = reply else { panic!("{name}: no message") };
        assert_eq!(reply.choices.len(), recorded["candidates"].as_array().unwrap().len(), "{name}");
        check_gemini_usage(name, &recorded["usageMetadata"], &usage);
    }
}

#[test]
fn gemini_streams_survive_cuts() {
    for exchange in exchanges("gemini/chat.stream", "gemini.generate_content") {
        let (name, body) = (&exchange.name, exchange.response());
        if !exchange.is_sse() {
            println!("SKIPPED {name}: recorded without alt=sse, which every request of ours asks for");
            continue;
        }
        let events =
            decode(Dialect::GeminiGenerate, [body.clone()]).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_order(name, &events);
        for seed in 1..=5 {
            let again = decode(Dialect::GeminiGenerate, cut(&body, seed)).unwrap();
            assert_eq!(again, events, "{name}: cut differently");
        }
        let counts = data_lines(&body).into_iter().rev().find_map(|data| data.get("usageMetadata").cloned());
        check_gemini_usage(name, &counts.unwrap(), &last_usage(&events).unwrap());
    }
}

#[test]
fn gemini_streams_become_anthropic_streams() {
    for exchange in
        exchanges("gemini/chat.stream", "gemini.generate_content").iter().filter(|exchange| exchange.is_sse())
    {
        let name = &exchange.name;
        let events = decode(Dialect::GeminiGenerate, [exchange.response()]).unwrap();
        let mut encoder = wire::encoder(Dialect::AnthropicMessages, EncodeOptions::default()).unwrap();
        let mut out = BytesMut::new();
        events.iter().for_each(|event| encoder.write(event, &mut out));
        let again = decode(Dialect::AnthropicMessages, [out.freeze()])
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        check_order(name, &again);
        let text = |events: &[Event]| -> String {
            // Neither has a form in an Anthropic answer.
            let others: Vec<u32> = events.iter().filter_map(sound_or_run).collect();
            let deltas = events.iter().filter_map(|event| match event {
                Event::Delta { text, index, .. } if !others.contains(index) => Some(text.as_str()),
                _ => None,
            });
            deltas.collect()
        };
        assert_eq!(text(&again), text(&events), "{name}");
    }
}

fn sound_or_run(event: &Event) -> Option<u32> {
    match event {
        Event::PartStart { index, part: PartStart::Media { .. } | PartStart::ServerCall { .. }, .. } => {
            Some(*index)
        }
        _ => None,
    }
}

#[test]
fn gemini_vectors_are_read() {
    for exchange in exchanges("gemini/embeddings", "gemini.embed") {
        let reply = wire::read_reply(Dialect::GeminiEmbed, &exchange.response()).unwrap();
        let Answered::Embed(reply) = reply else { panic!("no vectors") };
        let asked = exchange.request().unwrap()["requests"].as_array().unwrap().len();
        assert_eq!(reply.vectors.len(), asked, "{}", exchange.name);
        assert!(reply.vectors.iter().all(|vector| !vector.is_empty()), "{}", exchange.name);
    }
}
