//! How well token counts agree with what providers reported: the figures of `docs/tokens.md` and of the families.
//!
//! `FIXTURES=<folder> cargo test -p wire --test calibration -- --ignored --nocapture` reads recorded exchanges (each a JSON
//! file with `api`, `model`, `request` and `response`) and prints a line for each family: how many there are, the factor
//! that fits best, and how far our counts are off. It checks nothing: what it prints is written down by hand.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a measuring tool")]

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use bytes::Bytes;
use contract::canon::{Answered, Asked, Part, PartKind, Request, Tool};
use contract::ports::TokenCounter as _;
use contract::words::{Dialect, Operation};
use serde_json::Value;
use wire::tokens::{Counter, family};

/// A recorded request whose provider said how many tokens it was.
struct Seen {
    model: String,
    request: Box<Request>,
    body: usize,
    reported: u64,
}

#[test]
#[ignore = "needs recordings: FIXTURES=<folder>"]
fn counts_agree_with_providers() {
    let Ok(folder) = std::env::var("FIXTURES") else {
        println!("SKIPPED: FIXTURES is not set");
        return;
    };
    let mut files = Vec::new();
    collect(Path::new(&folder), &mut files);
    let mut families: BTreeMap<&str, Vec<Seen>> = BTreeMap::new();
    for file in &files {
        let value: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        if let Some(seen) = seen(&value) {
            row(&value, &seen);
            families.entry(family(&seen.model)).or_default().push(seen);
        }
    }
}

fn row(value: &Value, seen: &Seen) {
    let count = Counter.request(&seen.request);
    let mut texts = 0;
    let mut media = 0;
    let mut calls = 0;
    let mut results = 0;
    let mut native = 0;
    fn walk(
        parts: &[Part],
        texts: &mut u64,
        media: &mut u64,
        calls: &mut u64,
        results: &mut u64,
        native: &mut u64,
    ) {
        for part in parts {
            match &part.kind {
                PartKind::Text(text) | PartKind::Refusal(text) => {
                    *texts += Counter.text("gpt-4o", text).tokens
                }
                PartKind::Media { .. } => *media += 1,
                PartKind::ToolCall { name, arguments, .. } => {
                    *calls += 1;
                    *texts += Counter.text("gpt-4o", name).tokens + Counter.text("gpt-4o", arguments).tokens;
                }
                PartKind::ToolResult(result) => {
                    *results += 1;
                    walk(&result.parts, texts, media, calls, results, native);
                }
                _ => *native += 1,
            }
        }
    }
    for message in &seen.request.messages {
        walk(&message.parts, &mut texts, &mut media, &mut calls, &mut results, &mut native);
    }
    let mut tools = 0;
    let mut server = 0;
    for tool in &seen.request.tools {
        match tool {
            Tool::Function { name, description, parameters, .. } => {
                tools += Counter
                    .text(
                        "gpt-4o",
                        &format!(
                            "{name}:{}{}",
                            description.as_deref().unwrap_or_default(),
                            parameters.as_ref().map(ToString::to_string).unwrap_or_default()
                        ),
                    )
                    .tokens
            }
            _ => server += 1,
        }
    }
    let schema = matches!(seen.request.format, contract::canon::OutputFormat::JsonSchema { .. });
    println!(
        "ROW {}",
        serde_json::json!({"id": value["id"], "provider": value["provider"], "api": value["api"], "op": value["operation"], "model": seen.model, "family": family(&seen.model), "reported": seen.reported, "ours": count.tokens, "err": count.error_percent,
       "texts": texts, "media": media, "calls": calls, "results": results, "native": native, "ntools": seen.request.tools.len(), "tools": tools, "server": server, "messages": seen.request.messages.len(), "schema": schema, "body": seen.body, "prev": seen.request.extra.fields.contains_key("previous_response_id")})
    );
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "json") && !path.ends_with("index.json") {
            files.push(path);
        }
    }
}

fn seen(value: &Value) -> Option<Seen> {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let dialect = dialect(text("api"), text("provider"), text("operation"))?;
    let (request, response) = (value.get("request")?, value.get("response")?);
    if response["status"].as_u64() != Some(200) {
        return None;
    }
    let body = bytes(&request["body"], request["body_encoding"].as_str()?);
    let mut request = match wire::read_request(dialect, &body).ok()? {
        Asked::Chat(request) | Asked::Count(request) => request,
        _ => return None,
    };
    let model = Some(text("model")).filter(|model| !model.is_empty()).unwrap_or(&request.model).to_owned();
    request.model.clone_from(&model);
    let answer = bytes(&response["body"], response["body_encoding"].as_str()?);
    let stream = text("operation").ends_with(".stream");
    let reported = reported(dialect, stream, answer).filter(|tokens| *tokens > 0)?;
    Some(Seen { model, request, body: body.len(), reported })
}

fn dialect(api: &str, provider: &str, operation: &str) -> Option<Dialect> {
    let chat = match api {
        "openai.chat_completions" | "mistral.chat_completions" => Dialect::OpenaiChat,
        "openai.responses" => Dialect::OpenaiResponses,
        "anthropic.messages" | "vertex.anthropic" if provider != "openai" => Dialect::AnthropicMessages,
        "gemini.generate_content" => Dialect::GeminiGenerate,
        "cohere.v2_chat" => Dialect::CohereChat,
        "bedrock.converse" => Dialect::BedrockConverse,
        "ollama.chat" => Dialect::OllamaChat,
        _ => return None,
    };
    if operation != "count_tokens" {
        return Some(chat);
    }
    Dialect::ALL.iter().copied().find(|dialect| dialect.counted() == Some(chat))
}

fn bytes(body: &Value, encoding: &str) -> Vec<u8> {
    match (encoding, body) {
        ("empty", _) | (_, Value::Null) => Vec::new(),
        ("json", body) => body.to_string().into_bytes(),
        (encoding, Value::String(text)) if encoding.starts_with("base64") => {
            base64::prelude::BASE64_STANDARD.decode(text).unwrap()
        }
        (_, Value::String(text)) => text.clone().into_bytes(),
        (_, body) => body.to_string().into_bytes(),
    }
}

fn reported(dialect: Dialect, stream: bool, answer: Vec<u8>) -> Option<u64> {
    if dialect.operation() == Operation::CountTokens {
        return match wire::read_reply(dialect, &answer).ok()? {
            Answered::Count(reply) => Some(reply.tokens),
            _ => None,
        };
    }
    if !stream {
        return Some(wire::reply_facts(dialect, &answer).ok()?.usage?.input_total());
    }
    let mut watch = wire::watch(dialect, false)?;
    watch.feed(Bytes::from(answer), &mut VecDeque::new());
    watch.finish(&mut VecDeque::new());
    Some(watch.usage()?.input_total())
}
