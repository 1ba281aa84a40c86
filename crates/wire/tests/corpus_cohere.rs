//! Recorded exchanges of Cohere, and of those whose rerank follows it: what we read and write again is what they said,
//! however it is cut.
//!
//! The recordings are not part of this project; without them the tests say so and pass. The functions `plain` and
//! `plain_request` are the list of defaults that do not count.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Asked, Event, Receipt, VectorFormat};
use contract::words::Dialect;
use http::StatusCode;
use serde_json::{Value, json};
use wire::{EncodeOptions, Quirks};

struct Exchange {
    name: String,
    dialect: Dialect,
    stream: bool,
    request: Option<Value>,
    status: u16,
    body: Vec<u8>,
    encoded: bool,
}

fn exchanges() -> Vec<Exchange> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev");
    let mut found = Vec::new();
    collect(&root, &mut found);
    if found.is_empty() {
        println!("SKIPPED: no recordings at {}", root.display());
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<Exchange>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "json") && !path.ends_with("index.json") {
            let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            found.extend(exchange(&path, &value));
        }
    }
}

fn exchange(path: &Path, value: &Value) -> Option<Exchange> {
    let dialect = match (value["api"].as_str()?, value["provider"].as_str()?) {
        ("cohere.v2_chat", _) => Dialect::CohereChat,
        ("cohere.embed", _) | ("embeddings", "cohere") => Dialect::CohereEmbed,
        ("rerank", _) => Dialect::CohereRerank,
        ("openai.embeddings", _) => Dialect::OpenaiEmbeddings,
        _ => return None,
    };
    let response = &value["response"];
    let encoded = response["body_encoding"] == "events";
    let body = match &response["body"] {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(events) if encoded => framed(events).into_bytes(),
        body => body.to_string().into_bytes(),
    };
    Some(Exchange {
        name: path.display().to_string(),
        dialect,
        stream: value["operation"].as_str()?.ends_with(".stream"),
        request: value["request"].as_object().map(|request| request["body"].clone()),
        status: u16::try_from(response["status"].as_u64()?).unwrap(),
        body,
        encoded,
    })
}

fn framed(events: &[Value]) -> String {
    let frame =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default());
    events.iter().map(frame).collect()
}

/// Numbers by value; nulls, empty lists and empty objects say nothing.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Object(map) => {
            let said = |value: &Value| !value.is_null() && *value != json!([]);
            let fields = map.into_iter().map(|(key, value)| (key, plain(value)));
            Value::Object(fields.filter(|(_, value)| said(value)).collect())
        }
        other => other,
    }
}

/// A text alone is written as a string; what is not streamed need not say so; types of vectors and of inputs have defaults.
fn plain_request(dialect: Dialect, body: Value) -> Value {
    let mut body = plain(body);
    for message in body["messages"].as_array_mut().into_iter().flatten() {
        if let Some([Value::Object(block)]) = message["content"].as_array().map(Vec::as_slice)
            && block.len() == 2
            && block["type"] == "text"
        {
            message["content"] = block["text"].clone();
        }
        message.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    let map = body.as_object_mut().unwrap();
    map.retain(|_, value| !value.is_null() && *value != json!(false));
    if dialect == Dialect::CohereEmbed {
        map.entry("embedding_types").or_insert(json!(["float"]));
    }
    if dialect == Dialect::OpenaiEmbeddings {
        if map.get("encoding_format") == Some(&json!("float")) {
            map.remove("encoding_format");
        }
        if let Some([one @ Value::String(_)]) = map["input"].as_array().map(Vec::as_slice) {
            map["input"] = one.clone();
        }
    }
    if let Some(most) = map.remove("top_k") {
        map.insert("top_n".to_owned(), most);
    }
    body
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

#[test]
fn requests_come_back() {
    let mut seen = 0;
    for Exchange { name, dialect, request, status, .. } in exchanges() {
        let Some(body) = request.filter(|body| body["model"].is_string()) else { continue };
        let asked = match wire::read_request(dialect, body.to_string().as_bytes()) {
            Ok(asked) => asked,
            // A client's mistake, which the provider refused as well.
            Err(_) if status >= 400 => continue,
            Err(fault) => panic!("{name}: {fault:?}"),
        };
        let mut receipt = Receipt::default();
        let written = wire::write_request(dialect, &asked, &Quirks::default(), &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{name}: {receipt}");
        assert_eq!(plain_request(dialect, parsed(&written)), plain_request(dialect, body), "{name}");
        seen += 1;
    }
    println!("{seen} requests");
}

#[test]
fn answers_come_back() {
    let mut seen = 0;
    for Exchange { name, dialect, status, body, stream, .. } in exchanges() {
        if stream || status != 200 {
            continue;
        }
        let answered = wire::read_reply(dialect, &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let original = parsed(&body);
        let billed = ["/usage/billed_units", "/meta/billed_units", "/usage"]
            .iter()
            .find_map(|path| original.pointer(path));
        let usage = answered.usage().unwrap_or_default();
        if let Some(billed) = billed {
            let count = |names: &[&str]| names.iter().find_map(|name| billed[*name].as_u64()).unwrap_or(0);
            let input = count(&["input_tokens", "prompt_tokens", "total_tokens"]);
            assert_eq!(usage.input_total() - usage.image_input, input, "{name}");
            assert_eq!(usage.output_total(), count(&["output_tokens", "completion_tokens"]), "{name}");
            assert_eq!(usage.searches, count(&["search_units"]), "{name}");
        }
        let mut receipt = Receipt::default();
        let options = EncodeOptions { vectors: vectors(&original), ..EncodeOptions::default() };
        let written = wire::write_reply(dialect, &answered, &options, &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{name}: {receipt}");
        let again = wire::read_reply(dialect, &written).unwrap();
        assert_eq!(again, answered, "{name}");
        if matches!(dialect, Dialect::CohereChat | Dialect::CohereEmbed) {
            assert_eq!(plain(parsed(&written)), plain(original), "{name}");
        }
        seen += 1;
    }
    println!("{seen} answers");
}

fn vectors(answer: &Value) -> VectorFormat {
    let coded = answer.pointer("/data/0/embedding").is_some_and(Value::is_string);
    if coded { VectorFormat::Base64 } else { VectorFormat::Float }
}

fn decode(dialect: Dialect, chunks: &[&[u8]]) -> Vec<Event> {
    let mut decoder = wire::decoder(dialect).unwrap();
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events).unwrap();
    }
    decoder.finish(&mut events).unwrap();
    events
}

#[test]
fn streams_come_back_however_they_are_cut() {
    let mut seen = 0;
    for Exchange { name, dialect, stream, body, encoded, .. } in exchanges() {
        if !stream {
            continue;
        }
        let events = decode(dialect, &[&body]);
        for size in [1, 2, 3, 7, 61, 1000] {
            let chunks: Vec<&[u8]> = body.chunks(size).collect();
            assert_eq!(decode(dialect, &chunks), events, "{name}");
        }
        let mut encoder = wire::encoder(dialect, EncodeOptions::default()).unwrap();
        let mut out = BytesMut::new();
        events.iter().for_each(|event| encoder.write(event, &mut out));
        let done = if encoded { "data: [DONE]\n\n" } else { "" };
        let original = String::from_utf8(body).unwrap() + done;
        assert_eq!(frames(std::str::from_utf8(&out).unwrap()), frames(&original), "{name}");
        seen += 1;
    }
    println!("{seen} streams");
}

/// The frames of a stream; deltas without text say nothing.
fn frames(stream: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for frame in stream.split("\n\n") {
        let event = frame.lines().find_map(|line| line.strip_prefix("event: ")).unwrap_or_default();
        let Some(data) = frame.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
        let data = serde_json::from_str(data).unwrap_or_else(|_| json!(data));
        let said =
            data.pointer("/delta/message/content/text") != Some(&json!("")) || event != "content-delta";
        if said {
            found.push((event.to_owned(), data));
        }
    }
    found
}

#[test]
fn errors_keep_their_words() {
    let mut seen = 0;
    for Exchange { name, dialect, status, body, .. } in exchanges() {
        if status < 400 {
            continue;
        }
        let value = parsed(&body);
        let said = ["/message", "/error/message", "/detail"].iter().find_map(|path| value.pointer(path));
        let error =
            wire::read_error(dialect, StatusCode::from_u16(status).unwrap(), &Bytes::from(body.clone()));
        assert_eq!(Some(error.message.as_str()), said.and_then(Value::as_str), "{name}");
        assert_eq!(error.dialect, dialect);
        seen += 1;
    }
    println!("{seen} errors");
}

/// Through every dialect of the same operation an answer keeps its words, its calls and its counts.
#[test]
fn chats_reach_other_dialects() {
    let mut seen = 0;
    for Exchange { name, dialect, request, status, body, stream, .. } in exchanges() {
        if dialect != Dialect::CohereChat {
            continue;
        }
        for other in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            if let Some(request) = &request {
                let asked = wire::read_request(dialect, request.to_string().as_bytes()).unwrap();
                let written = wire::write_request(other, &asked, &Quirks::default(), &mut Receipt::default());
                let Asked::Chat(back) = wire::read_request(other, &written.unwrap()).unwrap() else {
                    panic!()
                };
                assert!(!back.messages.is_empty(), "{name}");
            }
            if stream || status != 200 {
                continue;
            }
            let answered = wire::read_reply(dialect, &body).unwrap();
            let options = EncodeOptions { asked: "m".to_owned(), ..EncodeOptions::default() };
            let mut receipt = Receipt::default();
            let written = wire::write_reply(other, &answered, &options, &mut receipt).unwrap();
            let again = wire::read_reply(other, &written).unwrap();
            let total = |answered: &Answered| answered.usage().map(|usage| usage.total());
            assert_eq!(total(&again), total(&answered), "{name}");
            seen += 1;
        }
    }
    println!("{seen} answers");
}
