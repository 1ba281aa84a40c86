//! What a recorded answer says, read a second time and in another way than the gateway reads it: plainly, from the JSON, by
//! the providers' documents. What the gateway makes of an answer is held against this.

use contract::words::Dialect;
use serde_json::{Map, Value};

mod other;

/// The text, the calls and the figures of an answer's first choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    /// What it says when it declines, where the dialect tells this apart.
    pub(crate) refusal: String,
    /// Names with their arguments, parsed; custom tools have their plain input.
    pub(crate) calls: Vec<(String, Value)>,
    pub(crate) figures: Option<Figures>,
    /// Does it end with an error of the provider's?
    pub(crate) fails: bool,
}

/// Token counts as every provider can be brought to say them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// All input tokens, cached ones included.
    pub(crate) input: u64,
    /// All output tokens, thoughts included.
    pub(crate) output: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
    pub(crate) reasoning: u64,
}

/// Reads an answer; none where there is nothing to be read of it.
pub(crate) fn read(dialect: Dialect, stream: bool, body: &[u8]) -> Option<Said> {
    let frames = if stream { frames(dialect, body) } else { vec![serde_json::from_slice(body).ok()?] };
    let mut said = Said::default();
    let mut calls = Calls::default();
    for frame in &frames {
        if dialect == Dialect::OpenaiResponses && stream && said.figures.is_some() {
            // One recording holds several answers, one behind the other.
            break;
        }
        let failed = frame["type"] == "error" || frame["type"] == "response.failed";
        said.fails |= stream && (failed || frame["error"].is_object());
        match dialect {
            Dialect::OpenaiChat => chat(frame, &mut said, &mut calls),
            Dialect::OpenaiCompletions => completions(frame, &mut said),
            Dialect::OpenaiResponses => responses(frame, stream, &mut said),
            Dialect::AnthropicMessages => anthropic(frame, &mut said, &mut calls),
            Dialect::GeminiGenerate => gemini(frame, &mut said),
            Dialect::OllamaChat | Dialect::OllamaGenerate => ollama(frame, &mut said),
            Dialect::CohereChat => cohere(frame, &mut said, &mut calls),
            Dialect::BedrockConverse => converse(frame, &mut said, &mut calls),
            _ => {
                said.text = other::text_of(dialect, frame);
                said.figures = other::figures(frame).or(said.figures);
            }
        }
    }
    let named = calls.0.into_iter().filter(|call| !call.name.is_empty());
    said.calls.extend(named.map(|call| (call.name, parsed(&call.arguments))));
    Some(said)
}

/// The frames of a stream as JSON values.
pub(crate) fn frames(dialect: Dialect, body: &[u8]) -> Vec<Value> {
    match dialect {
        Dialect::BedrockConverse => event_stream(body),
        Dialect::OllamaChat | Dialect::OllamaGenerate => {
            body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
        }
        Dialect::GeminiGenerate if body.trim_ascii_start().starts_with(b"[") => {
            serde_json::from_slice(body).unwrap_or_default()
        }
        _ => {
            let text = String::from_utf8_lossy(body).replace("\r\n", "\n").replace('\r', "\n");
            let data = |block: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix("data:"));
                lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
            };
            text.split("\n\n").filter_map(|block| serde_json::from_str(&data(block)).ok()).collect()
        }
    }
}

/// The messages of Converse's streams, each as `{event type: payload}`.
fn event_stream(body: &[u8]) -> Vec<Value> {
    let kinds = [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    let named = |(names, payload): (String, Value)| {
        let kind = kinds.into_iter().find(|kind| names.contains(kind))?;
        Some(Value::Object(Map::from_iter([(kind.to_owned(), payload)])))
    };
    messages(body).into_iter().filter_map(named).collect()
}

/// The payloads of Invoke's streams.
pub(crate) fn chunks(body: &[u8]) -> Vec<Value> {
    messages(body).into_iter().map(|(_, payload)| payload).collect()
}

/// The messages of an event stream: their headers as text, and their payloads.
fn messages(mut body: &[u8]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    while let Some(head) = body.first_chunk::<8>() {
        let number =
            |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (total, headers) = (number(0), number(4));
        let Some(message) = body.get(..total).filter(|_| total >= 16 + headers) else { break };
        let payload = serde_json::from_slice::<Value>(&message[12 + headers..total - 4]).unwrap_or_default();
        let names = String::from_utf8_lossy(&message[12..12 + headers]).into_owned();
        found.push((names, payload));
        body = &body[total..];
    }
    found
}

/// Calls in the making.
#[derive(Default)]
struct Calls(Vec<Call>);

struct Call {
    place: Value,
    id: String,
    name: String,
    arguments: String,
}

impl Calls {
    /// More of the call at a place; another id or a name at a place that has one begins another call.
    fn add(&mut self, place: &Value, id: &str, name: &str, arguments: &str) {
        let same =
            |call: &&mut Call| call.place == *place && (id.is_empty() || call.id.is_empty() || call.id == id);
        if let Some(call) = self.0.iter_mut().rev().find(same)
            && (name.is_empty() || call.name.is_empty() || (call.name == name && arguments.is_empty()))
        {
            call.arguments.push_str(arguments);
            if call.name.is_empty() {
                name.clone_into(&mut call.name);
            }
            return;
        }
        self.0.push(Call {
            place: place.clone(),
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        });
    }
}

fn parsed(arguments: &str) -> Value {
    if matches!(arguments.trim(), "" | "null") {
        return Value::Object(Map::new());
    }
    serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.to_owned()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of tokens, some written as floats"
)]
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_f64().map(|number| number.max(0.0) as u64)).unwrap_or_default()
}

/// Text of a string or of a list of text blocks.
fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks
            .iter()
            .filter(|block| block["type"] != "thinking")
            .map(|block| text(&block["text"]))
            .collect(),
        _ => String::new(),
    }
}

fn chat(frame: &Value, said: &mut Said, calls: &mut Calls) {
    let first = |choice: &&Value| number(&choice["index"]) == 0;
    for choice in frame["choices"].as_array().into_iter().flatten().filter(first) {
        let message = if choice["delta"].is_object() && frame["object"] != "chat.completion" {
            &choice["delta"]
        } else {
            &choice["message"]
        };
        said.refusal += text(&message["refusal"]);
        said.text += &content(&message["content"]);
        for (at, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
            let place = if call["index"].is_null() && choice["message"].is_object() {
                Value::from(at)
            } else {
                call["index"].clone()
            };
            let function = if call["function"].is_object() { &call["function"] } else { &call["custom"] };
            let arguments = match &function["arguments"] {
                Value::String(text) => text.clone(),
                Value::Null => text(&function["input"]).to_owned(),
                other => other.to_string(),
            };
            calls.add(&place, text(&call["id"]), text(&function["name"]), &arguments);
        }
        if let Some(call) = message["function_call"].as_object() {
            let part = |name: &str| call.get(name).map(text).unwrap_or_default();
            calls.add(&Value::from("function_call"), "", part("name"), part("arguments"));
        }
    }
    let usage = if frame["usage"].is_object() { &frame["usage"] } else { &frame["x_groq"]["usage"] };
    if usage.is_object() {
        said.figures = Some(openai_figures(usage));
    }
}

fn completions(frame: &Value, said: &mut Said) {
    let first = |choice: &&Value| number(&choice["index"]) == 0;
    for choice in frame["choices"].as_array().into_iter().flatten().filter(first) {
        said.text += text(&choice["text"]);
    }
    // A frame of Writer's is its text.
    said.text += text(&frame["value"]);
    if frame["usage"].is_object() {
        said.figures = Some(openai_figures(&frame["usage"]));
    }
}

/// Some servers count thoughts beside the completion: then the total tells.
fn openai_figures(usage: &Value) -> Figures {
    let (prompt, completion) = (number(&usage["prompt_tokens"]), number(&usage["completion_tokens"]));
    let hidden = number(&usage["total_tokens"]).saturating_sub(prompt + completion);
    let first =
        |places: &[&str]| places.iter().map(|place| usage.pointer(place).map(number)).find_map(|found| found);
    let cached = first(&[
        "/prompt_tokens_details/cached_tokens",
        "/prompt_cache_hit_tokens",
        "/cached_tokens",
        "/num_cached_tokens",
    ]);
    let written = first(&["/prompt_tokens_details/cache_write_tokens", "/cache_creation_input_tokens"]);
    let reasoning = first(&["/completion_tokens_details/reasoning_tokens", "/reasoning_tokens"]);
    Figures {
        input: prompt,
        output: completion + hidden,
        cached: cached.unwrap_or_default().min(prompt),
        cache_write: written.unwrap_or_default(),
        // One service counts more thoughts than it bills output.
        reasoning: reasoning.unwrap_or_default().max(hidden).min(completion + hidden),
    }
}

fn responses(frame: &Value, stream: bool, said: &mut Said) {
    let done = ["response.completed", "response.incomplete", "response.failed", "response.done"];
    let response = if !stream {
        frame
    } else if done.contains(&text(&frame["type"])) {
        &frame["response"]
    } else {
        return note_item(frame, said);
    };
    let items = response["output"].as_array().into_iter().flatten();
    if !stream || (said.text.is_empty() && said.calls.is_empty() && said.refusal.is_empty()) {
        items.for_each(|item| output_item(item, said));
    }
    let usage = &response["usage"];
    if usage.is_object() {
        said.figures = Some(Figures {
            input: number(&usage["input_tokens"]),
            output: number(&usage["output_tokens"]),
            cached: number(&usage["input_tokens_details"]["cached_tokens"]),
            cache_write: number(&usage["input_tokens_details"]["cache_write_tokens"]),
            reasoning: number(&usage["output_tokens_details"]["reasoning_tokens"]),
        });
    }
}

/// Some servers leave the output out of the last event.
fn note_item(frame: &Value, said: &mut Said) {
    if frame["type"] == "response.output_item.done" {
        output_item(&frame["item"], said);
    }
}

fn output_item(item: &Value, said: &mut Said) {
    match text(&item["type"]) {
        "message" => {
            let parts = item["content"].as_array().into_iter().flatten();
            said.refusal.extend(parts.clone().map(|part| text(&part["refusal"])));
            let texts = parts.filter(|part| part["type"] != "refusal").map(|part| text(&part["text"]));
            said.text.extend(texts);
        }
        "function_call" => {
            said.calls.push((text(&item["name"]).to_owned(), parsed(text(&item["arguments"]))));
        }
        "custom_tool_call" => {
            said.calls.push((text(&item["name"]).to_owned(), parsed(text(&item["input"]))));
        }
        _ => {}
    }
}

fn anthropic(frame: &Value, said: &mut Said, calls: &mut Calls) {
    let place = &frame["index"];
    match text(&frame["type"]) {
        "message" => {
            for (at, block) in frame["content"].as_array().into_iter().flatten().enumerate() {
                anthropic_block(&Value::from(at), block, said, calls);
            }
            anthropic_usage(&frame["usage"], said);
        }
        "message_start" => anthropic_usage(&frame["message"]["usage"], said),
        "content_block_start" => anthropic_block(place, &frame["content_block"], said, calls),
        "content_block_delta" => match text(&frame["delta"]["type"]) {
            "text_delta" => said.text += text(&frame["delta"]["text"]),
            "input_json_delta" if calls.0.iter().any(|call| call.place == *place) => {
                calls.add(place, "", "", text(&frame["delta"]["partial_json"]));
            }
            _ => {}
        },
        "message_delta" => anthropic_usage(&frame["usage"], said),
        _ => {}
    }
}

fn anthropic_block(place: &Value, block: &Value, said: &mut Said, calls: &mut Calls) {
    match text(&block["type"]) {
        "text" => said.text += text(&block["text"]),
        "tool_use" => {
            let input = &block["input"];
            let empty = input.as_object().is_none_or(Map::is_empty);
            let arguments = if empty { String::new() } else { input.to_string() };
            calls.add(place, text(&block["id"]), text(&block["name"]), &arguments);
        }
        _ => {}
    }
}

/// Later reports replace the figures they name.
fn anthropic_usage(usage: &Value, said: &mut Said) {
    if !usage.is_object() {
        return;
    }
    let mut figures = said.figures.unwrap_or_default();
    let named = |name: &str| Some(number(&usage[name])).filter(|_| usage[name].is_number());
    let plain = figures.input - figures.cached - figures.cache_write;
    figures.cached = named("cache_read_input_tokens").unwrap_or(figures.cached);
    figures.cache_write = named("cache_creation_input_tokens").unwrap_or(figures.cache_write);
    figures.input = named("input_tokens").unwrap_or(plain) + figures.cached + figures.cache_write;
    figures.output = named("output_tokens").unwrap_or(figures.output);
    if let Some(thinking) = usage.pointer("/output_tokens_details/thinking_tokens") {
        figures.reasoning = number(thinking);
    }
    said.figures = Some(figures);
}

fn gemini(frame: &Value, said: &mut Said) {
    let first = |candidate: &&Value| number(&candidate["index"]) == 0;
    let candidates = frame["candidates"].as_array().into_iter().flatten().filter(first);
    for part in
        candidates.flat_map(|candidate| candidate["content"]["parts"].as_array().into_iter().flatten())
    {
        if part["thought"] != true {
            said.text += text(&part["text"]);
        }
        if let Some(call) = part["functionCall"].as_object() {
            let arguments = call.get("args").filter(|args| !args.is_null()).cloned();
            let name = call.get("name").map(text).unwrap_or_default().to_owned();
            if !name.is_empty() {
                said.calls.push((name, arguments.unwrap_or_else(|| Value::Object(Map::new()))));
            }
            call.get("partialArgs").into_iter().for_each(|pieces| more_arguments(pieces, said));
        }
    }
    let usage = &frame["usageMetadata"];
    if usage.is_object() {
        let (candidates, thoughts) =
            (number(&usage["candidatesTokenCount"]), number(&usage["thoughtsTokenCount"]));
        said.figures = Some(Figures {
            input: number(&usage["promptTokenCount"]) + number(&usage["toolUsePromptTokenCount"]),
            output: candidates + thoughts,
            cached: number(&usage["cachedContentTokenCount"]),
            cache_write: 0,
            reasoning: thoughts,
        });
    }
}

/// Arguments that come in pieces, by the path of each, whose names hold no dots (ai.google.dev/api, `PartialArg`).
fn more_arguments(pieces: &Value, said: &mut Said) {
    let Some((_, arguments @ Value::Object(_))) = said.calls.last_mut() else { return };
    for piece in pieces.as_array().into_iter().flatten() {
        let path = text(&piece["jsonPath"]).replace("['", ".").replace("']", "").replace('[', ".");
        let mut at = &mut *arguments;
        for step in path.replace(']', "").split('.').skip(1) {
            at = match step.parse::<usize>() {
                Ok(index) => {
                    let mut list = at.as_array().cloned().unwrap_or_default();
                    list.resize(list.len().max(index + 1), Value::Null);
                    *at = Value::Array(list);
                    &mut at[index]
                }
                Err(_) => &mut at[step],
            };
        }
        *at = match &piece["stringValue"] {
            Value::String(more) => Value::String(text(at).to_owned() + more),
            _ if piece["numberValue"].is_number() => piece["numberValue"].clone(),
            _ => piece["boolValue"].clone(),
        };
    }
}

fn ollama(frame: &Value, said: &mut Said) {
    said.text += text(&frame["message"]["content"]);
    said.text += text(&frame["response"]);
    for call in frame["message"]["tool_calls"].as_array().into_iter().flatten() {
        let function = &call["function"];
        said.calls.push((text(&function["name"]).to_owned(), function["arguments"].clone()));
    }
    if frame["eval_count"].is_number() || frame["prompt_eval_count"].is_number() {
        let (input, output) = (number(&frame["prompt_eval_count"]), number(&frame["eval_count"]));
        said.figures = Some(Figures { input, output, ..Figures::default() });
    }
}

fn cohere(frame: &Value, said: &mut Said, calls: &mut Calls) {
    let delta = &frame["delta"]["message"];
    match text(&frame["type"]) {
        "content-start" | "content-delta" => said.text += text(&delta["content"]["text"]),
        "tool-call-start" | "tool-call-delta" => {
            let call = &delta["tool_calls"];
            let function = &call["function"];
            calls.add(
                &frame["index"],
                text(&call["id"]),
                text(&function["name"]),
                text(&function["arguments"]),
            );
        }
        "message-end" => cohere_usage(&frame["delta"]["usage"], said),
        "" => {
            said.text += &content(&frame["message"]["content"]);
            for (at, call) in frame["message"]["tool_calls"].as_array().into_iter().flatten().enumerate() {
                let function = &call["function"];
                calls.add(
                    &Value::from(at),
                    text(&call["id"]),
                    text(&function["name"]),
                    text(&function["arguments"]),
                );
            }
            cohere_usage(&frame["usage"], said);
        }
        _ => {}
    }
}

/// What is billed, where it is told.
fn cohere_usage(usage: &Value, said: &mut Said) {
    let counts = [&usage["billed_units"], &usage["tokens"]];
    if let Some(counts) = counts.into_iter().find(|counts| counts["input_tokens"].is_number()) {
        let (input, output) = (number(&counts["input_tokens"]), number(&counts["output_tokens"]));
        let reasoning = number(&usage["tokens"]["reasoning_tokens"]).min(output);
        said.figures = Some(Figures { input, output, reasoning, ..Figures::default() });
    }
}

fn converse(frame: &Value, said: &mut Said, calls: &mut Calls) {
    for (at, block) in frame["output"]["message"]["content"].as_array().into_iter().flatten().enumerate() {
        said.text += text(&block["text"]);
        let cited = block["citationsContent"]["content"].as_array();
        said.text.extend(cited.into_iter().flatten().map(|cited| text(&cited["text"])));
        if let Some(call) = block["toolUse"].as_object().filter(|call| client_calls(call)) {
            let part = |name: &str| call.get(name).map(text).unwrap_or_default();
            let input = call.get("input").cloned().unwrap_or_default();
            calls.add(&Value::from(at), part("toolUseId"), part("name"), &input.to_string());
        }
    }
    let start = &frame["contentBlockStart"];
    if let Some(call) = start["start"]["toolUse"].as_object().filter(|call| client_calls(call)) {
        let part = |name: &str| call.get(name).map(text).unwrap_or_default();
        calls.add(&start["contentBlockIndex"], part("toolUseId"), part("name"), "");
    }
    let delta = &frame["contentBlockDelta"];
    said.text += text(&delta["delta"]["text"]);
    let known = calls.0.iter().any(|call| call.place == delta["contentBlockIndex"]);
    if let Some(input) = delta["delta"]["toolUse"]["input"].as_str().filter(|_| known) {
        calls.add(&delta["contentBlockIndex"], "", "", input);
    }
    let usage = if frame["usage"].is_object() { &frame["usage"] } else { &frame["metadata"]["usage"] };
    if usage.is_object() {
        let cached = number(&usage["cacheReadInputTokens"]);
        let cache_write = number(&usage["cacheWriteInputTokens"]);
        said.figures = Some(Figures {
            input: number(&usage["inputTokens"]) + cached + cache_write,
            output: number(&usage["outputTokens"]),
            cached,
            cache_write,
            reasoning: 0,
        });
    }
}

/// Is the call for the client, not one that Bedrock answers by itself?
fn client_calls(call: &Map<String, Value>) -> bool {
    call.get("type").map(text) != Some("server_tool_use")
}
