//! How well token counts agree with what providers reported: the figures of `docs/tokens.md` and of the families.
//!
//! `FIXTURES=<folder> cargo test -p wire --test calibration -- --ignored --nocapture` reads recorded exchanges (each a JSON
//! file with `api`, `model`, `request` and `response`) and prints, for each family and what its requests have in them, how
//! far our counts are off. It checks nothing: what it prints is written down by hand.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measuring tool")]

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use bytes::Bytes;
use contract::canon::{Answered, Asked, OutputFormat, Part, PartKind, Request, Tool};
use contract::ports::{Count, InputSize, TokenCounter as _};
use contract::words::{Dialect, Operation};
use serde_json::Value;
use wire::tokens::{Counter, family, input_size};

/// A recorded request whose provider said how many tokens it was.
struct Seen {
    model: String,
    request: Box<Request>,
    size: InputSize,
    counted: Count,
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
    let mut rows: BTreeMap<(&str, &str), Vec<Seen>> = BTreeMap::new();
    for file in &files {
        let value: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        if let Some(seen) = seen(&value) {
            rows.entry((family(&seen.model), kind(&seen.request))).or_default().push(seen);
        }
    }
    println!("| family | what | requests | p50 | p90 | within |\n|---|---|---:|---:|---:|---:|");
    for ((family, kind), seen) in &rows {
        println!("| {family} | {kind} | {} |", figures(seen));
    }
    let plain: Vec<&Seen> =
        rows.iter().filter(|(row, _)| row.1 != OPAQUE).flat_map(|(_, seen)| seen).collect();
    let held = plain.iter().filter(|seen| Counter.most(&seen.model, seen.size) >= seen.reported).count();
    println!("\n{held} of {} were within their hold", plain.len());
}

/// Requests that refer to what they do not bring along, or have in them what only the provider understands.
const OPAQUE: &str = "opaque";

/// What is in a request that counts differently.
fn kind(request: &Request) -> &'static str {
    let parts = || request.messages.iter().flat_map(|message| &message.parts);
    let results = parts().filter_map(|part| match &part.kind {
        PartKind::ToolResult(result) => Some(&result.parts),
        _ => None,
    });
    let within: Vec<&Part> = parts().chain(results.flatten()).collect();
    let any = |test: fn(&PartKind) -> bool| within.iter().any(|part| test(&part.kind));
    let refers = ["previous_response_id", "conversation", "cachedContent", "mcp_servers"];
    if refers.iter().any(|name| request.extra.fields.get(*name).is_some_and(|value| !value.is_null()))
        || request.tools.iter().any(|tool| matches!(tool, Tool::Server { .. }))
        || any(|kind| {
            matches!(
                kind,
                PartKind::Native
                    | PartKind::Reasoning(_)
                    | PartKind::ServerCall(_)
                    | PartKind::ServerResult(_)
            )
        })
    {
        OPAQUE
    } else if any(|kind| matches!(kind, PartKind::Media { .. })) {
        "media"
    } else if matches!(request.format, OutputFormat::JsonSchema { .. }) {
        "schema"
    } else if !request.tools.is_empty() || any(|kind| matches!(kind, PartKind::ToolCall { .. })) {
        "tools"
    } else {
        "text"
    }
}

/// How many requests there are, how far counts are off, and how many are off by no more than they say.
fn figures(seen: &[Seen]) -> String {
    let off = |seen: &Seen| seen.counted.tokens.abs_diff(seen.reported);
    let mut errors: Vec<u64> = seen.iter().map(|seen| 100 * off(seen) / seen.reported).collect();
    errors.sort_unstable();
    let at = |tenths: usize| errors[(errors.len() - 1) * tenths / 10];
    let within =
        seen.iter().filter(|seen| off(seen) <= seen.counted.with_error() - seen.counted.tokens + 1).count();
    format!("{} | {} % | {} % | {} %", seen.len(), at(5), at(9), 100 * within / seen.len())
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
    let (size, counted) = (input_size(&body, 0), Counter.request(&request));
    Some(Seen { model, request, size, counted, reported })
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
    Some(watch.seen().usage?.input_total())
}
