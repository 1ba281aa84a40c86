//! Recorded exchanges of the Responses API, read and written again. The recordings are not part of the project: where
//! `../shared/fixtures` is missing these tests say so and pass.
//!
//! Where a comparison is "modulo defaults", the functions `plain_request` and `plain_reply` are the list of them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the functions that tests share are tests too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Answered, Choice, Event, MediaSource, Native, Part, PartKind, PartStart, Provenance, Receipt, Reply,
    ServerCall,
};
use contract::words::{Dialect, Usage};
use serde_json::{Value, json};
use wire::{EncodeOptions, Quirks};

const DIALECT: Dialect = Dialect::OpenaiResponses;

/// One recorded exchange.
struct Exchange {
    name: String,
    stream: bool,
    request: Option<Value>,
    status: u64,
    body: Bytes,
}

fn exchanges(api: &str) -> Vec<Exchange> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev");
    let mut found = Vec::new();
    collect(&root, api, &mut found);
    if found.is_empty() {
        println!("SKIPPED: no recordings at {}", root.display());
    }
    found
}

fn collect(folder: &Path, api: &str, found: &mut Vec<Exchange>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, api, found);
        } else if path.extension().is_some_and(|end| end == "json") && path.file_stem().unwrap() != "index" {
            let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            if recorded["api"] == api {
                found.push(exchange(&path, &recorded));
            }
        }
    }
}

fn exchange(path: &Path, recorded: &Value) -> Exchange {
    let response = &recorded["response"];
    let body = match (response["body_encoding"].as_str().unwrap(), &response["body"]) {
        ("events", Value::Array(events)) => events.iter().map(sse_frame).collect::<String>(),
        ("text", Value::String(text)) => text.clone(),
        (_, body) => body.to_string(),
    };
    let operation = recorded["operation"].as_str().unwrap();
    Exchange {
        name: format!("{}/{operation}/{}", recorded["provider"], path.file_stem().unwrap().display()),
        stream: operation.ends_with(".stream"),
        request: recorded["request"].get("body").filter(|body| body.is_object()).cloned(),
        status: response["status"].as_u64().unwrap(),
        body: body.into(),
    }
}

fn sse_frame(event: &Value) -> String {
    match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    }
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// Numbers by value, nulls and empty arrays gone: neither says anything.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        Value::Object(map) => {
            let plain = map.into_iter().map(|(key, value)| (key, plain(value)));
            Value::Object(plain.filter(|(_, value)| !value.is_null() && *value != json!([])).collect())
        }
        other => other,
    }
}

/// A request as canon gives it back: messages with their type, one text as a string, defaults left out.
fn plain_request(body: Value) -> Value {
    let mut body = plain(body);
    let fields = body.as_object_mut().unwrap();
    if fields.get("stream") == Some(&json!(false)) {
        fields.remove("stream");
    }
    if fields.get("text") == Some(&json!({"format": {"type": "text"}})) {
        fields.remove("text");
    }
    if let Some(Value::Array(include)) = fields.get_mut("include") {
        include.sort_by_key(Value::to_string);
    }
    for item in fields.get_mut("input").and_then(Value::as_array_mut).into_iter().flatten() {
        let fields = item.as_object_mut().unwrap();
        if fields.contains_key("role") && fields.contains_key("content") {
            fields.entry("type").or_insert(json!("message"));
        }
        for name in ["content", "output"] {
            if let Some(content) = fields.get_mut(name) {
                *content = plain_content(content.take());
            }
        }
        if fields["type"] == "reasoning" {
            fields.remove("logprobs");
        }
    }
    body
}

fn plain_content(content: Value) -> Value {
    let Value::Array(mut parts) = content else { return content };
    for part in &mut parts {
        if part["type"] == "input_image" {
            part.as_object_mut().unwrap().entry("detail").or_insert(json!("auto"));
        }
    }
    match parts.as_slice() {
        [only] if only.as_object().unwrap().len() == 2 && only.get("text").is_some() => only["text"].clone(),
        _ => Value::Array(parts),
    }
}

/// A reply as canon gives it back: with the fields that the SDKs insist on. Usage is compared apart, in canon's form.
fn plain_reply(body: Value) -> Value {
    let mut body = plain(body);
    let fields = body.as_object_mut().unwrap();
    for (name, default) in [
        ("parallel_tool_calls", json!(true)),
        ("tool_choice", json!("auto")),
        ("metadata", json!({})),
        ("text", json!({"format": {"type": "text"}})),
        ("truncation", json!("disabled")),
        ("status", json!("completed")),
        ("object", json!("response")),
        ("model", json!("")),
    ] {
        fields.entry(name).or_insert(default);
    }
    fields["created_at"] = json!(fields["created_at"].as_f64().unwrap().trunc());
    let usage = fields.remove("usage");
    if let Some(Value::Object(mut usage)) = usage {
        usage.retain(|name, _| !name.contains("_tokens"));
        fields.insert("usage".to_owned(), Value::Object(usage));
    }
    for item in fields.get_mut("output").and_then(Value::as_array_mut).into_iter().flatten() {
        let item = item.as_object_mut().unwrap();
        let kind = item["type"].as_str().unwrap();
        if matches!(kind, "message" | "function_call" | "custom_tool_call") {
            item.entry("status").or_insert(json!("completed"));
        }
    }
    body
}

fn count(usage: &Value, field: &str) -> u64 {
    usage.get(field).and_then(Value::as_u64).unwrap_or(0)
}

/// The sums of a recorded `usage`, computed apart from the crate.
fn check_usage(name: &str, recorded: &Value, usage: Option<Usage>) {
    if recorded.is_null() {
        assert_eq!(usage, None, "{name}");
        return;
    }
    let usage = usage.unwrap_or_else(|| panic!("{name}: no usage"));
    let hidden = count(recorded, "total_tokens")
        .saturating_sub(count(recorded, "input_tokens") + count(recorded, "output_tokens"));
    assert_eq!(usage.input_total(), count(recorded, "input_tokens"), "{name}");
    assert_eq!(usage.output_total(), count(recorded, "output_tokens") + hidden, "{name}");
    assert_eq!(usage.cached, count(&recorded["input_tokens_details"], "cached_tokens"), "{name}");
    assert_eq!(
        usage.reasoning,
        count(&recorded["output_tokens_details"], "reasoning_tokens").max(hidden),
        "{name}"
    );
}

fn chat(body: &[u8]) -> Reply {
    match wire::read_reply(DIALECT, body).unwrap() {
        Answered::Chat(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_survive_canon() {
    for exchange in exchanges("openai.responses") {
        let Some(request) = exchange.request.filter(|_| exchange.status == 200) else { continue };
        let name = &exchange.name;
        let canon = wire::read_request(DIALECT, request.to_string().as_bytes());
        let canon = canon.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let mut receipt = Receipt::default();
        let written = wire::write_request(DIALECT, &canon, &Quirks::default(), &mut receipt);
        let written = written.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        assert_eq!(plain_request(parsed(&written)), plain_request(request), "{name}");
    }
}

#[test]
fn requests_of_other_dialects_can_be_sent() {
    for (api, dialect) in
        [("openai.chat_completions", Dialect::OpenaiChat), ("anthropic.messages", Dialect::AnthropicMessages)]
    {
        for exchange in exchanges(api) {
            let Some(request) = exchange.request.filter(|_| exchange.status == 200) else { continue };
            let name = &exchange.name;
            let Ok(canon) = wire::read_request(dialect, request.to_string().as_bytes()) else { continue };
            let mut receipt = Receipt::default();
            let written = match wire::write_request(DIALECT, &canon, &Quirks::default(), &mut receipt) {
                Ok(written) => written,
                // Sound and film.
                Err(fault) if fault.code() == contract::Code::UnsupportedCapability => continue,
                Err(fault) => panic!("{name}: {fault}"),
            };
            let again = wire::read_request(DIALECT, &written);
            again.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(
                parsed(&written)["store"],
                request.get("store").cloned().unwrap_or(json!(false)),
                "{name}"
            );
        }
    }
}

#[test]
fn replies_survive_canon() {
    for exchange in exchanges("openai.responses").into_iter().filter(|exchange| !exchange.stream) {
        let name = &exchange.name;
        if exchange.status != 200 {
            let status = http::StatusCode::from_u16(u16::try_from(exchange.status).unwrap()).unwrap();
            let error = wire::read_error(DIALECT, status, &exchange.body);
            assert!(!error.message.is_empty(), "{name}");
            continue;
        }
        let recorded = parsed(&exchange.body);
        let reply =
            wire::read_reply(DIALECT, &exchange.body).unwrap_or_else(|error| panic!("{name}: {error}"));
        check_usage(name, &recorded["usage"], reply.usage());
        let mut receipt = Receipt::default();
        let written = wire::write_reply(DIALECT, &reply, &EncodeOptions::default(), &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{name}: dropped {receipt}");
        assert_eq!(plain_reply(parsed(&written)), plain_reply(recorded), "{name}");
    }
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

/// Strings are appended, arrays extended, objects merged, anything else replaced.
fn extend(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::String(into), Value::String(more)) => into.push_str(more),
        (Value::Array(into), Value::Array(more)) => into.extend(more.iter().cloned()),
        (Value::Object(into), Value::Object(more)) => {
            for (name, more) in more {
                match into.get_mut(name) {
                    Some(there) => extend(there, more),
                    None => {
                        into.insert(name.clone(), more.clone());
                    }
                }
            }
        }
        (into, more) => *into = more.clone(),
    }
}

/// What the events of a stream amount to. Parts begin, go on and end in order; only calls overlap.
fn accumulated(name: &str, events: &[Event]) -> Reply {
    let mut reply = Reply { choices: vec![Choice::default()], ..Reply::default() };
    let (mut parts, mut open) = (BTreeMap::<u32, Part>::new(), Vec::new());
    assert!(matches!(events.first(), Some(Event::Start { .. })), "{name}: does not start");
    assert!(matches!(events.last(), Some(Event::End)), "{name}: does not end");
    for event in events {
        match event {
            Event::Start { id, model, created, extra } => {
                reply.id.clone_from(id);
                reply.model.clone_from(model);
                (reply.created, reply.extra) = (*created, extra.clone());
            }
            Event::PartStart { choice: 0, index, part, native } => {
                assert_eq!(*index as usize, parts.len(), "{name}: {event:?}");
                let calls =
                    |part: &Part| matches!(part.kind, PartKind::ToolCall { .. } | PartKind::ServerCall(_));
                assert!(open.iter().all(|open| calls(&parts[open])), "{name}: {event:?} within another part");
                open.push(*index);
                parts.insert(*index, begun(part, native.clone()));
            }
            Event::Delta { choice: 0, index, text } => {
                assert!(open.contains(index), "{name}: {event:?} outside of its part");
                append(parts.get_mut(index).unwrap(), text);
            }
            Event::NativeDelta { choice: 0, index, native } => {
                assert!(open.contains(index), "{name}: {event:?} outside of its part");
                extend(&mut parts.get_mut(index).unwrap().native.as_mut().unwrap().value, &native.value);
            }
            Event::Citation { choice: 0, index, citation } => {
                parts.get_mut(index).unwrap().citations.push(citation.clone());
            }
            Event::Logprobs { choice: 0, tokens } => {
                reply.choices[0].logprobs.extend(tokens.iter().cloned());
            }
            Event::PartStop { choice: 0, index } => {
                let at = open.iter().position(|open| open == index);
                open.remove(at.unwrap_or_else(|| panic!("{name}: {event:?} without a start")));
            }
            Event::Extra { choice: None, extra } => {
                reply.extra.owner = extra.owner;
                for (field, value) in &extra.fields {
                    match (reply.extra.fields.get_mut(field), value) {
                        (Some(Value::Object(there)), Value::Object(more)) => there.extend(more.clone()),
                        _ => drop(reply.extra.fields.insert(field.clone(), value.clone())),
                    }
                }
            }
            Event::Finish { choice: 0, reason, .. } => {
                assert!(open.is_empty(), "{name}: finished with a part open");
                reply.choices[0].finish = reason.clone();
            }
            Event::Usage(usage) => reply.usage = Some(*usage),
            Event::End => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    reply.choices[0].parts = parts.into_values().collect();
    reply
}

fn begun(part: &PartStart, native: Option<Native>) -> Part {
    let empty = String::new;
    let kind = match part.clone() {
        PartStart::Text => PartKind::Text(empty()),
        PartStart::Reasoning => PartKind::Reasoning(empty()),
        PartStart::Refusal => PartKind::Refusal(empty()),
        PartStart::ToolCall { id, name, custom } => {
            PartKind::ToolCall { id, name, custom, arguments: empty() }
        }
        PartStart::Media { kind, mime } => {
            PartKind::Media { kind, source: MediaSource::Base64 { mime, data: empty() } }
        }
        PartStart::ServerCall { id, tool, name } => {
            PartKind::ServerCall(ServerCall { id, tool, name, input: empty() })
        }
        PartStart::ServerResult(result) => {
            return Part { native, ..Part::new(PartKind::ServerResult(result), Provenance::Tool) };
        }
        PartStart::Native => PartKind::Native,
    };
    Part { native, ..Part::new(kind, Provenance::Model) }
}

fn append(part: &mut Part, more: &str) {
    let text = match &mut part.kind {
        PartKind::Text(text) | PartKind::Reasoning(text) | PartKind::Refusal(text) => text,
        PartKind::ToolCall { arguments, .. } => arguments,
        PartKind::ServerCall(call) => &mut call.input,
        PartKind::Media { source: MediaSource::Base64 { data, .. }, .. } => data,
        other => panic!("{other:?} has no text"),
    };
    text.push_str(more);
}

/// The first stream of a recording: one holds several, one behind the other.
fn first_stream(body: &Bytes) -> Bytes {
    let text = std::str::from_utf8(body).unwrap();
    let second = text.match_indices("event: response.created").nth(1);
    body.slice(..second.map_or(body.len(), |(at, _)| at))
}

fn data_lines(body: &Bytes) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    lines.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The response in the last frame. Thoughts are encrypted anew in every frame: those of the item's own last frame count.
fn last_response(body: &Bytes) -> Value {
    let lines = data_lines(body);
    let last = lines.iter().rev().find(|data| data.get("response").is_some());
    let mut response = last.unwrap()["response"].clone();
    for done in lines.iter().filter(|data| data["type"] == "response.output_item.done") {
        let at = usize::try_from(done["output_index"].as_u64().unwrap()).unwrap();
        let item = response["output"].as_array_mut().and_then(|output| output.get_mut(at));
        if let (Some(item), Some(sealed)) = (item, done["item"].get("encrypted_content")) {
            item["encrypted_content"] = sealed.clone();
        }
    }
    response
}

#[test]
fn streams_survive_cuts_and_amount_to_their_response() {
    for exchange in exchanges("openai.responses").into_iter().filter(|exchange| exchange.stream) {
        let (name, body) = (&exchange.name, first_stream(&exchange.body));
        let events = decode([body.clone()]).unwrap_or_else(|error| panic!("{name}: {error}"));
        for seed in 1..=5 {
            assert_eq!(decode(cut(&body, seed)).unwrap(), events, "{name}: cut differently");
        }
        if matches!(events.last(), Some(Event::Error { .. })) {
            continue;
        }
        let reply = accumulated(name, &events);
        let recorded = last_response(&body);
        check_usage(name, &recorded["usage"], reply.usage);
        if recorded["output"] == json!([]) {
            println!("{name}: the last frame has no output to compare with");
            continue;
        }
        let whole = chat(recorded.to_string().as_bytes());
        assert_eq!(reply.choices[0].finish, whole.choices[0].finish, "{name}");
        if name.contains("openrouter") {
            // Its last frame has other ids, in another order.
            let kinds = |reply: &Reply| -> BTreeSet<String> {
                reply.choices[0].parts.iter().map(|part| format!("{:?}", part.kind)).collect()
            };
            assert_eq!(kinds(&reply), kinds(&whole), "{name}");
            continue;
        }
        assert_eq!(reply.choices[0].parts, whole.choices[0].parts, "{name}");
        assert_eq!(reply, whole, "{name}");
    }
}

/// Builds a response from events as OpenAI's SDKs do, and checks what they count on.
fn built(name: &str, stream: &Bytes) -> Value {
    let mut output: Vec<Value> = Vec::new();
    for (number, event) in data_lines(stream).into_iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(number), "{name}");
        let kind = event["type"].as_str().unwrap().strip_prefix("response.").unwrap_or("error").to_owned();
        let at = |field: &str| usize::try_from(event[field].as_u64().unwrap()).unwrap();
        if let Some(id) = event.get("item_id") {
            assert_eq!(*id, output[at("output_index")]["id"], "{name}");
        }
        let more = event["delta"].as_str().unwrap_or_default();
        match kind.as_str() {
            "created" | "in_progress" => assert_eq!(event["response"]["output"], json!([]), "{name}"),
            "output_item.added" => {
                assert_eq!(at("output_index"), output.len(), "{name}");
                output.push(event["item"].clone());
            }
            "content_part.added" => {
                let item = output[at("output_index")].as_object_mut().unwrap();
                let content = item.entry("content").or_insert(json!([])).as_array_mut().unwrap();
                assert_eq!(at("content_index"), content.len(), "{name}");
                content.push(event["part"].clone());
            }
            "reasoning_summary_part.added" => {
                let summary = output[at("output_index")]["summary"].as_array_mut().unwrap();
                assert_eq!(at("summary_index"), summary.len(), "{name}");
                summary.push(event["part"].clone());
            }
            "output_text.delta" | "reasoning_text.delta" => {
                extend(&mut output[at("output_index")]["content"][at("content_index")]["text"], &json!(more));
            }
            "refusal.delta" => {
                extend(
                    &mut output[at("output_index")]["content"][at("content_index")]["refusal"],
                    &json!(more),
                );
            }
            "reasoning_summary_text.delta" => {
                extend(&mut output[at("output_index")]["summary"][at("summary_index")]["text"], &json!(more));
            }
            "output_text.annotation.added" => {
                let text = &mut output[at("output_index")]["content"][at("content_index")];
                text["annotations"].as_array_mut().unwrap().push(event["annotation"].clone());
            }
            "function_call_arguments.delta" => {
                extend(&mut output[at("output_index")]["arguments"], &json!(more));
            }
            "custom_tool_call_input.delta" => extend(&mut output[at("output_index")]["input"], &json!(more)),
            "content_part.done" => {
                let part = &mut output[at("output_index")]["content"][at("content_index")];
                part["logprobs"] = event["part"]["logprobs"].clone();
                assert_eq!(plain(part.clone()), plain(event["part"].clone()), "{name}");
            }
            "output_item.done" => {
                let item = &mut output[at("output_index")];
                let done = event["item"].as_object().unwrap();
                for text in ["content", "summary", "arguments", "input"] {
                    let streamed = item.get(text).cloned().map(plain).filter(|_| item["type"] != "mcp_call");
                    if let Some(streamed) = streamed.filter(|text| *text != json!([])) {
                        assert_eq!(streamed, plain(done[text].clone()), "{name}");
                    }
                }
                *item = event["item"].clone();
            }
            "completed" | "incomplete" => {
                let whole = event["response"]["output"].as_array().unwrap();
                for (built, whole) in output.iter_mut().zip(whole) {
                    if whole["status"] == "incomplete" {
                        built["status"] = json!("incomplete");
                    }
                }
                assert_eq!(output, *whole, "{name}");
                return event["response"].clone();
            }
            _ => {}
        }
    }
    panic!("{name}: not complete");
}

fn encode(events: &[Event]) -> Bytes {
    let options = EncodeOptions { id: "req_1".to_owned(), ..EncodeOptions::default() };
    let mut encoder = wire::encoder(DIALECT, options).unwrap();
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.write(event, &mut out));
    out.freeze()
}

#[test]
fn streams_are_written_as_they_were_read() {
    for exchange in exchanges("openai.responses").into_iter().filter(|exchange| exchange.stream) {
        let (name, body) = (&exchange.name, first_stream(&exchange.body));
        let events = decode([body.clone()]).unwrap();
        if matches!(events.last(), Some(Event::Error { .. })) {
            continue;
        }
        let written = encode(&events);
        let response = built(name, &written);
        let recorded = last_response(&body);
        if recorded["output"] != json!([]) && !name.contains("openrouter") {
            assert_eq!(plain_reply(response), plain_reply(recorded), "{name}");
        }
        let mut again = accumulated(name, &decode([written]).unwrap());
        let before = accumulated(name, &events);
        // Fields that the SDKs insist on have been added.
        again.extra.clone_from(&before.extra);
        assert_eq!(again, before, "{name}");
    }
}

#[test]
fn streams_of_other_dialects_can_be_built() {
    for (api, dialect) in
        [("openai.chat_completions", Dialect::OpenaiChat), ("anthropic.messages", Dialect::AnthropicMessages)]
    {
        for exchange in exchanges(api).into_iter().filter(|exchange| exchange.stream) {
            let mut decoder = wire::decoder(dialect).unwrap();
            let mut events = Vec::new();
            let read = decoder.push(&exchange.body, &mut events).and_then(|()| decoder.finish(&mut events));
            if read.is_err() || !matches!(events.last(), Some(Event::End)) {
                continue;
            }
            let response = built(&exchange.name, &encode(&events));
            let said = |events: &[Event]| -> usize {
                let deltas = events.iter().filter_map(|event| match event {
                    Event::Delta { text, choice: 0, .. } => Some(text.len()),
                    _ => None,
                });
                deltas.sum()
            };
            let again = accumulated(&exchange.name, &decode([encode(&events)]).unwrap());
            assert_eq!(response["id"].as_str().unwrap().get(..5), Some("resp_"), "{}", exchange.name);
            assert!(said(&events) == 0 || !again.choices[0].parts.is_empty(), "{}", exchange.name);
        }
    }
}

#[test]
fn replies_of_other_dialects_can_be_read() {
    for (api, dialect) in
        [("openai.chat_completions", Dialect::OpenaiChat), ("anthropic.messages", Dialect::AnthropicMessages)]
    {
        for exchange in exchanges(api).into_iter().filter(|it| !it.stream && it.status == 200) {
            let Ok(Answered::Chat(reply)) = wire::read_reply(dialect, &exchange.body) else { continue };
            let mut receipt = Receipt::default();
            let answered = Answered::Chat(reply.clone());
            let written =
                wire::write_reply(DIALECT, &answered, &EncodeOptions::default(), &mut receipt).unwrap();
            let again = chat(&written);
            let texts = |reply: &Reply| -> Vec<String> {
                let parts = reply.choices.iter().take(1).flat_map(|choice| &choice.parts);
                let texts = parts.filter_map(|part| match &part.kind {
                    PartKind::Text(text) | PartKind::Reasoning(text) => Some(text.clone()),
                    PartKind::ToolCall { arguments, name, .. } => Some(format!("{name}{arguments}")),
                    _ => None,
                });
                texts.filter(|text| !text.is_empty()).collect()
            };
            assert_eq!(texts(&again), texts(&reply), "{}", exchange.name);
            assert_eq!(again.usage, reply.usage.map(one_lifetime), "{}", exchange.name);
        }
    }
}

/// OpenAI tells the two lifetimes of a cache apart as little as sound from text.
fn one_lifetime(usage: Usage) -> Usage {
    Usage {
        cache_write: usage.cache_write + usage.cache_write_long,
        cache_write_long: 0,
        input: usage.input + usage.audio_input,
        audio_input: 0,
        output: usage.output + usage.audio_output,
        audio_output: 0,
        ..usage
    }
}
