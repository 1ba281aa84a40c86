//! `echo`: a conversation answered with its own last words.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::ports::ProviderReply;
use contract::words::{Id, IdKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, quirks, streamed, whole, words};

#[derive(Deserialize)]
struct Asked {
    messages: Vec<Message>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<Tool>>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Tool {
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: String,
}

impl Message {
    fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// What is said, and why it ends.
enum Said {
    Text(String, &'static str),
    Call(String),
}

pub(super) fn answer(body: &[u8]) -> Result<ProviderReply, Refusal> {
    let asked: Asked =
        serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("Not a chat request: {error}")))?;
    let said = say(&asked);
    let input: usize = asked.messages.iter().map(|message| words(&message.text())).sum();
    let output = match &said {
        Said::Text(text, _) => words(text),
        Said::Call(_) => 1,
    };
    let usage =
        json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let id = Id::new(IdKind::Attempt);
    Ok(if asked.stream.unwrap_or(false) {
        let wanted = asked.stream_options.and_then(|options| options.include_usage).unwrap_or(false);
        streamed(chunks(&Stamp::new(id), &said, wanted.then_some(usage)))
    } else {
        whole(&complete(&Stamp::new(id), &said, &usage))
    })
}

fn say(asked: &Asked) -> Said {
    let last = asked.messages.iter().rev().find(|message| matches!(message.role.as_str(), "user" | "tool"));
    let text = last.map(Message::text).unwrap_or_default();
    if last.is_some_and(|message| message.role == "user")
        && let Some(name) = text.strip_prefix("call ").and_then(|rest| rest.split_whitespace().next())
    {
        let tools = asked.tools.iter().flatten().filter_map(|tool| tool.function.as_ref());
        if tools.into_iter().any(|tool| tool.name == name) {
            return Said::Call(name.to_owned());
        }
    }
    if text.trim().is_empty() {
        return Said::Text("The last user message holds no text to repeat.".to_owned(), "stop");
    }
    match asked.max_completion_tokens.or(asked.max_tokens) {
        Some(most) if most < words(&text) => Said::Text(first_words(&text, most).to_owned(), "length"),
        _ => Said::Text(text, "stop"),
    }
}

fn first_words(text: &str, count: usize) -> &str {
    let mut rest = text.trim_start();
    let start = text.len() - rest.len();
    let mut end = start;
    for _ in 0..count {
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        end = text.len() - rest.len() + length;
        rest = text[end..].trim_start();
    }
    &text[..end]
}

/// What identifies an answer: the id is unique and holds the time of the call.
struct Stamp {
    id: String,
    created: u64,
    call: String,
}

impl Stamp {
    fn new(id: Id) -> Self {
        let text = id.to_string();
        let body = text.trim_start_matches("att_");
        // The first 48 bits of a UUIDv7 are milliseconds since 1970 (RFC 9562 §5.7).
        let millis = id.bytes().iter().take(6).fold(0_u64, |millis, byte| millis << 8 | u64::from(*byte));
        Self { id: format!("chatcmpl-{body}"), created: millis / 1000, call: format!("call_{body}") }
    }

    fn envelope(&self, object: &str, choices: &Value) -> Value {
        json!({ "id": self.id, "object": object, "created": self.created, "model": quirks::ECHO, "choices": choices })
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish });
        self.envelope("chat.completion.chunk", &json!([choice]))
    }
}

fn complete(stamp: &Stamp, said: &Said, usage: &Value) -> Value {
    let (message, finish) = match said {
        Said::Text(text, finish) => {
            (json!({ "role": "assistant", "content": text, "refusal": null }), *finish)
        }
        Said::Call(name) => {
            let call = json!({ "id": stamp.call, "type": "function", "function": { "name": name, "arguments": "{}" } });
            (
                json!({ "role": "assistant", "content": null, "tool_calls": [call], "refusal": null }),
                "tool_calls",
            )
        }
    };
    let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish });
    let mut answer = stamp.envelope("chat.completion", &json!([choice]));
    answer["usage"] = usage.clone();
    answer
}

fn chunks(stamp: &Stamp, said: &Said, usage: Option<Value>) -> VecDeque<Bytes> {
    let mut chunks = Vec::new();
    match said {
        Said::Text(text, finish) => {
            chunks.push(stamp.chunk(&json!({ "role": "assistant", "content": "" }), None));
            let words = text.split_inclusive(char::is_whitespace);
            chunks.extend(words.map(|word| stamp.chunk(&json!({ "content": word }), None)));
            chunks.push(stamp.chunk(&json!({}), Some(finish)));
        }
        Said::Call(name) => {
            let function = json!({ "name": name, "arguments": "" });
            let call = json!({ "index": 0, "id": stamp.call, "type": "function", "function": function });
            chunks.push(
                stamp.chunk(&json!({ "role": "assistant", "content": null, "tool_calls": [call] }), None),
            );
            let arguments = json!({ "index": 0, "function": { "arguments": "{}" } });
            chunks.push(stamp.chunk(&json!({ "tool_calls": [arguments] }), None));
            chunks.push(stamp.chunk(&json!({}), Some("tool_calls")));
        }
    }
    if let Some(usage) = usage {
        let mut last = stamp.envelope("chat.completion.chunk", &json!([]));
        last["usage"] = usage;
        chunks.push(last);
    }
    let frames = chunks.iter().map(|chunk| Bytes::from(format!("data: {chunk}\n\n")));
    frames.chain([Bytes::from_static(b"data: [DONE]\n\n")]).collect()
}
