//! Recorded exchanges in Anthropic's dialect, from Anthropic itself, Vertex AI and Bedrock: read into canon and written
//! again, whole and streamed. The recordings are not part of the project: where `../shared/fixtures` is missing these
//! tests say so and pass.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "the functions that tests share are tests too"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Event, Receipt, Reply};
use contract::words::Dialect;
use serde_json::{Map, Value, json};
use wire::{EncodeOptions, Gather, Quirks};

const DIALECT: Dialect = Dialect::AnthropicMessages;

/// One recorded exchange.
struct Exchange {
    name: String,
    recorded: Value,
}

impl Exchange {
    fn ok(&self) -> bool {
        self.recorded["response"]["status"] == 200
    }

    /// The request with its model, which other clouds have in the path.
    fn request(&self) -> Option<Value> {
        let mut body =
            self.recorded["request"].get("body").filter(|body| body["messages"].is_array())?.clone();
        if body.get("model").is_none() {
            let path = self.recorded["request"]["path"].as_str()?;
            let answered = self.body()["model"].as_str();
            let name = path.split('/').find(|word| word.contains("claude")).or(answered)?;
            body["model"] = name.split("%3A").next()?.split(':').next()?.into();
        }
        Some(body)
    }

    fn body(&self) -> &Value {
        &self.recorded["response"]["body"]
    }

    /// The frames of a streamed answer; empty when it was not streamed.
    fn frames(&self) -> Vec<Value> {
        match (self.recorded["response"]["body_encoding"].as_str().unwrap(), self.body()) {
            ("events", Value::Array(events)) => events.clone(),
            ("text", Value::String(text)) => data_lines(text),
            ("base64", Value::String(text)) => chunks(&BASE64_STANDARD.decode(text).unwrap()),
            _ => Vec::new(),
        }
    }
}

fn data_lines(text: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
    lines.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The payloads of AWS's event stream: a prelude of two lengths and a checksum, headers, a payload, a checksum.
fn chunks(mut bytes: &[u8]) -> Vec<Value> {
    let number = |bytes: &[u8]| usize::try_from(u32::from_be_bytes(bytes.try_into().unwrap())).unwrap();
    let mut frames = Vec::new();
    while bytes.len() > 16 {
        let (whole, headers) = (number(&bytes[..4]), number(&bytes[4..8]));
        let payload: Value = serde_json::from_slice(&bytes[12 + headers..whole - 4]).unwrap();
        let inner = BASE64_STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
        frames.push(serde_json::from_slice(&inner).unwrap());
        bytes = &bytes[whole..];
    }
    frames
}

/// Every exchange that speaks this dialect, of all providers.
fn exchanges() -> Vec<Exchange> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev");
    let root = std::env::var_os("FIXTURES").map_or(root, PathBuf::from);
    if !root.is_dir() {
        println!("SKIPPED: no recordings at {}", root.display());
        return Vec::new();
    }
    let mut paths = Vec::new();
    for provider in root.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for operation in provider.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            paths.extend(operation.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    paths.sort();
    let mut list = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
        let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let api = recorded["api"].as_str().unwrap_or_default();
        let (request, response) = (&recorded["request"]["path"], &recorded["response"]["body"]);
        let is_claude = |name: &Value| name.as_str().is_some_and(|name| name.contains("claude"));
        let claude = || is_claude(request) || is_claude(&response["model"]);
        // What OpenAI keeps in threads is recorded under the same name.
        let own =
            matches!(api, "anthropic.messages" | "vertex.anthropic") && response.get("object").is_none();
        if own || api == "bedrock.invoke" && claude() {
            list.push(Exchange { name: path.strip_prefix(&root).unwrap().display().to_string(), recorded });
        }
    }
    assert!(list.len() > 20, "hardly any exchange at {}", root.display());
    list
}

/// Takes away what says nothing: nulls, empty lists, defaults, the shorthand for one text block, the older place of an
/// answer's schema, and where one role's blocks are cut into messages.
fn plain(mut value: Value) -> Value {
    if let Some(format) = value.as_object_mut().and_then(|body| body.shift_remove("output_format")) {
        value["output_config"]["format"] = format;
    }
    if let Some(choice) = value.get_mut("tool_choice").and_then(Value::as_object_mut) {
        choice.retain(|key, value| key != "disable_parallel_tool_use" || *value == json!(true));
    }
    for tool in value.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
        tool.as_object_mut().unwrap().retain(|key, value| key != "type" || value != "custom");
    }
    if let Some(messages) = value.get_mut("messages").and_then(Value::as_array_mut) {
        *messages = joined(std::mem::take(messages));
    }
    if let Some(system) = value.get_mut("system") {
        *system = blocks(system.take());
    }
    if let Some(content) = value.get_mut("content") {
        *content = blocks(content.take());
    }
    for number in ["temperature", "top_p"] {
        if let Some(heat) = value.get(number).and_then(Value::as_f64) {
            value[number] = json!(heat);
        }
    }
    if let Some(body) = value.as_object_mut() {
        body.retain(|key, value| !(key == "stream" && *value == json!(false)));
    }
    without_nothing(&mut value);
    value
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
        let ours = block["type"] == "tool_result";
        block.retain(|key, value| !(ours && key == "is_error" && *value == json!(false)));
        if let Some(inner) = block.get_mut("content").filter(|_| ours) {
            *inner = blocks(inner.take());
        }
    }
    content
}

fn without_nothing(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null() && *value != json!([]));
            object.values_mut().for_each(without_nothing);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nothing),
        _ => {}
    }
}

/// Counts that are 0 may be left out, and older recordings do not split cache writes.
fn with_counts(mut message: Value) -> Value {
    let count = |usage: &Value, field: &str| usage.get(field).and_then(Value::as_u64).unwrap_or(0);
    let written = count(&message["usage"], "cache_creation_input_tokens");
    let long = count(&message["usage"]["cache_creation"], "ephemeral_1h_input_tokens");
    let usage = message["usage"].as_object_mut().unwrap();
    for field in ["cache_creation_input_tokens", "cache_read_input_tokens"] {
        let entry = usage.entry(field).or_insert(json!(0));
        if entry.is_null() {
            *entry = json!(0);
        }
    }
    let split = json!({"ephemeral_5m_input_tokens": written - long, "ephemeral_1h_input_tokens": long});
    usage.insert("cache_creation".to_owned(), split);
    if usage.get("output_tokens_details") == Some(&json!({"thinking_tokens": 0})) {
        usage.shift_remove("output_tokens_details");
    }
    message
}

fn write(reply: Reply) -> (Value, Receipt) {
    let mut receipt = Receipt::default();
    let answered = Answered::Chat(Box::new(reply));
    let written = wire::write_reply(DIALECT, &answered, &EncodeOptions::default(), &mut receipt).unwrap();
    (serde_json::from_slice(&written).unwrap(), receipt)
}

fn sse(frames: &[Value]) -> Bytes {
    let frame = |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    frames.iter().map(frame).collect::<String>().into()
}

fn decode(body: &Bytes, step: usize) -> Vec<Event> {
    let mut decoder = wire::decoder(DIALECT).unwrap();
    let mut events = Vec::new();
    for chunk in body.chunks(step) {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events).unwrap();
    }
    decoder.finish(&mut events).unwrap();
    events
}

fn gather(events: &[Event]) -> Reply {
    let mut gather = Gather::default();
    events.iter().cloned().for_each(|event| gather.push(event));
    assert!(gather.complete());
    gather.finish()
}

/// What the official SDKs make of a stream, done here apart from the crate.
fn accumulate(frames: &[Value]) -> Value {
    let mut message = Value::Null;
    let mut inputs: Vec<String> = Vec::new();
    for frame in frames {
        let at = || usize::try_from(frame["index"].as_u64().unwrap()).unwrap();
        match frame["type"].as_str().unwrap() {
            "message_start" => message = frame["message"].clone(),
            "content_block_start" => {
                message["content"].as_array_mut().unwrap().push(frame["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                let (block, delta) = (&mut message["content"][at()], &frame["delta"]);
                match delta["type"].as_str().unwrap() {
                    "input_json_delta" => inputs[at()].push_str(delta["partial_json"].as_str().unwrap()),
                    "citations_delta" if block["citations"].is_array() => {
                        block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
                    }
                    "citations_delta" => block["citations"] = json!([delta["citation"]]),
                    kind => {
                        let field = kind.strip_suffix("_delta").unwrap();
                        let text = block[field].as_str().unwrap_or_default().to_owned();
                        block[field] = (text + delta[field].as_str().unwrap()).into();
                    }
                }
            }
            "content_block_stop" if !inputs[at()].is_empty() => {
                message["content"][at()]["input"] = serde_json::from_str(&inputs[at()]).unwrap();
            }
            "message_delta" => {
                let usage = said(&frame["usage"]);
                message["usage"].as_object_mut().unwrap().extend(usage);
                message.as_object_mut().unwrap().extend(said(&frame["delta"]));
                let mut rest = said(frame);
                rest.retain(|key, _| !matches!(key.as_str(), "type" | "delta" | "usage"));
                message.as_object_mut().unwrap().extend(rest);
            }
            "message_stop" => {
                let mut rest = said(frame);
                rest.shift_remove("type");
                message.as_object_mut().unwrap().extend(rest);
            }
            _ => {}
        }
    }
    message
}

fn said(value: &Value) -> Map<String, Value> {
    let mut fields = value.as_object().unwrap().clone();
    fields.retain(|_, value| !value.is_null());
    fields
}

#[test]
fn requests_survive_canon() {
    let mut done = 0;
    for exchange in exchanges().iter().filter(|exchange| exchange.ok()) {
        let Some(request) = exchange.request() else { continue };
        let name = &exchange.name;
        let canon = wire::read_request(DIALECT, request.to_string().as_bytes());
        let canon = canon.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut receipt = Receipt::default();
        let written = wire::write_request(DIALECT, &canon, &Quirks::default(), &mut receipt);
        let written = written.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(plain(written), plain(request), "{name}");
        done += 1;
    }
    println!("{done} requests");
}

#[test]
fn replies_survive_canon() {
    let mut done = 0;
    // Bedrock also has the older API of completions.
    let is_message = |exchange: &&Exchange| exchange.ok() && exchange.body().get("content").is_some();
    for exchange in exchanges().iter().filter(is_message) {
        let (name, body) = (&exchange.name, exchange.body().clone());
        let reply = wire::read_reply(DIALECT, body.to_string().as_bytes());
        let Answered::Chat(reply) = reply.unwrap_or_else(|error| panic!("{name}: {error}")) else {
            panic!("{name}: no message")
        };
        let (written, receipt) = write(*reply);
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        assert_eq!(plain(with_counts(written)), plain(with_counts(body)), "{name}");
        done += 1;
    }
    println!("{done} replies");
}

#[test]
fn streams_make_the_answer_that_the_sdks_make() {
    let mut done = 0;
    for exchange in exchanges().iter().filter(|exchange| exchange.ok()) {
        let (name, frames) = (&exchange.name, exchange.frames());
        if frames.first().is_none_or(|frame| frame["type"] != "message_start") {
            continue;
        }
        let events = decode(&sse(&frames), usize::MAX);
        for step in [1, 7, 64] {
            assert_eq!(decode(&sse(&frames), step), events, "{name}: cut differently");
        }
        let original = accumulate(&frames);
        let (whole, receipt) = write(gather(&events));
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        assert_eq!(plain(with_counts(whole)), plain(with_counts(original.clone())), "{name}: gathered");

        // The answer without streaming says the same.
        let read = wire::read_reply(DIALECT, original.to_string().as_bytes()).unwrap();
        let Answered::Chat(read) = read else { panic!("{name}: no message") };
        assert_eq!(by_value(gather(&events)), by_value(*read), "{name}: read whole");

        let mut encoder = wire::encoder(DIALECT, EncodeOptions::default()).unwrap();
        let mut out = BytesMut::new();
        events.iter().for_each(|event| encoder.write(event, &mut out));
        let again = data_lines(std::str::from_utf8(&out).unwrap());
        let written = accumulate(&again);
        assert_eq!(plain(with_counts(written)), plain(with_counts(original)), "{name}: written again");
        done += 1;
    }
    println!("{done} streams");
}

/// The answer with inputs of calls compared as JSON: a stream spaces them differently.
fn by_value(mut reply: Reply) -> Reply {
    use contract::canon::PartKind;
    for part in reply.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
        let input = match &mut part.kind {
            PartKind::ToolCall { arguments, .. } => arguments,
            PartKind::ServerCall(call) => &mut call.input,
            _ => continue,
        };
        *input = serde_json::from_str::<Value>(input).unwrap().to_string();
    }
    reply
}

#[test]
fn counts_survive_canon() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev");
    let root = std::env::var_os("FIXTURES").map_or(root, PathBuf::from).join("anthropic/count_tokens");
    let Ok(folder) = root.read_dir() else {
        println!("SKIPPED: no recordings at {}", root.display());
        return;
    };
    for path in folder.map(|entry| entry.unwrap().path()) {
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        if recorded["response"]["status"] != 200 {
            continue;
        }
        let (name, request) = (path.display(), &recorded["request"]["body"]);
        let asked = wire::read_request(Dialect::AnthropicCount, request.to_string().as_bytes());
        let asked = asked.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut receipt = Receipt::default();
        let written = wire::write_request(Dialect::AnthropicCount, &asked, &Quirks::default(), &mut receipt);
        let written: Value = serde_json::from_slice(&written.unwrap()).unwrap();
        assert_eq!((plain(written), receipt.to_string()), (plain(request.clone()), String::new()), "{name}");
        let body = &recorded["response"]["body"];
        let answered = wire::read_reply(Dialect::AnthropicCount, body.to_string().as_bytes()).unwrap();
        let Answered::Count(answered) = answered else { panic!("{name}") };
        assert_eq!(Some(answered.tokens), body["input_tokens"].as_u64(), "{name}");
    }
}
