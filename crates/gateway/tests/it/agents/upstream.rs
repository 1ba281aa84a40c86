//! All providers at once: each answers in the dialect of the path that it was asked at. The first turn thinks, says a word and
//! calls two tools; the turn that brings their results ends with a text.

use http::Method;
use serde_json::{Value, json};
use testkit::shapes::Tokens;
use testkit::shapes::turn::{self, Made, Turn};
use testkit::upstream::{Exchange, Reply};

use super::Checked;
use crate::setup::Bench;

/// What both tools return, once in each result.
pub(super) const RESULT: &str = "four thousand lines";
/// What a model says before it calls, and when it has the results.
pub(super) const BEFORE: &str = "Let me look — at 1 file.";
pub(super) const AFTER: &str = "It has four thousand lines.";
pub(super) const THOUGHT: &str = "The file must be read first.";
/// What makes the thought valid for its provider.
pub(super) const SEAL: &str = "c2VhbGVkIHRob3VnaHQgb2YgYSBtb2RlbA==";
pub(super) const TOKENS: Tokens = Tokens { input: 40, cached: 10, output: 9, reasoning: 3 };

/// Arguments that a careless hand would spoil: an exponent, a number that no double holds, escapes, an empty object.
pub(super) const ARGUMENTS: &str =
    r#"{"file_path":"/tmp/a \"b\"\\c.txt","limit":2000,"note":"é\n","deep":{"none":{},"list":[1,[]]}}"#;
/// What is put into a tool that takes any text.
pub(super) const PATCH: &str = "*** Begin Patch\n*** Update File: a.txt\n-\"old\"\n+{new}\n*** End Patch";

/// A tool in a group, as those know it that have no groups.
pub(super) const GROUPED: &str = "mcp__docs__search";

/// The dialects of the providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    Chat,
    Responses,
    Messages,
    Invoke,
    Gemini,
    Converse,
    Cohere,
    Predictions,
    Template,
}

impl Tongue {
    pub(super) fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let ends = |end: &str| path.ends_with(end);
        match path {
            _ if ends("/chat/completions") || ends("/text/chat_stream") => Self::Chat,
            _ if ends("/responses") => Self::Responses,
            _ if ends("/messages") => Self::Messages,
            _ if path.contains("/publishers/anthropic/") => Self::Messages,
            _ if path.contains("/publishers/mistralai/") => Self::Chat,
            _ if ends(":streamGenerateContent") => Self::Gemini,
            _ if ends("/converse-stream") => Self::Converse,
            _ if ends("/invoke-with-response-stream") => Self::Invoke,
            _ if ends("/v2/chat") => Self::Cohere,
            _ if ends("/predictions") || path.contains("/output/") => Self::Predictions,
            _ if ends("/run") => Self::Template,
            _ => panic!("no provider is asked at {path}"),
        }
    }

    /// All input, what of it came from the cache, and output, as the provider counts them.
    pub(super) const fn counts(self) -> (u64, u64, u64) {
        match self {
            // It bills cached tokens like others.
            Self::Cohere => (TOKENS.input, 0, TOKENS.output),
            Self::Predictions | Self::Template => (0, 0, 0),
            _ => (TOKENS.input, TOKENS.cached, TOKENS.output),
        }
    }

    /// Must the provider get its thought back as it was?
    pub(super) const fn seals(self) -> bool {
        matches!(self, Self::Responses | Self::Messages | Self::Invoke | Self::Gemini | Self::Converse)
    }
}

/// The calls of the first turn, in the tools that were offered.
pub(super) fn calls(offered: &str, custom: bool) -> Vec<Made> {
    let made = |id: &str, name: &str, arguments: &str| Made {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        custom: false,
    };
    if !offered.contains("apply_patch") {
        return vec![
            made("toolu_01Aa", "Read", ARGUMENTS),
            made("toolu_01Bb", "Bash", "{\"command\":\"wc -l\"}"),
        ];
    }
    let patch = if custom { PATCH.to_owned() } else { json!({ "input": PATCH }).to_string() };
    let patch = Made { custom, ..made("call_Bb2", "apply_patch", &patch) };
    let mut calls = vec![made("call_Aa1", "shell", ARGUMENTS), patch];
    // A provider that knows groups of tools has nothing to be translated.
    if !custom {
        calls.push(made("call_Cc3", GROUPED, "{\"query\":\"x\"}"));
    }
    calls
}

/// What a provider counts in any conversation.
pub(super) const COUNTED: u64 = 1234;

/// The answer to anything that is asked.
pub(super) fn answer(asked: &Exchange, url: &str) -> Reply {
    if asked.path.contains("/count_tokens") || asked.path.contains("/count-tokens") {
        return Reply::json(200, &json!({ "input_tokens": COUNTED }));
    }
    if asked.path.ends_with(":countTokens") {
        return Reply::json(200, &json!({ "totalTokens": COUNTED }));
    }
    let tongue = Tongue::of(&asked.path);
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    let ended = body.contains(RESULT) || asked.path.ends_with("/output/second");
    if tongue == Tongue::Predictions {
        let account = asked.path.split('/').nth(1).unwrap_or_default();
        let which = if ended { "second" } else { "first" };
        return match asked.method.as_str() {
            "POST" => turn::prediction(&format!("{url}/{account}/output/{which}")),
            _ => turn::replicate(&said(if ended { AFTER } else { BEFORE }, Vec::new())),
        };
    }
    if tongue == Tongue::Template {
        return Reply::json(200, &json!({ "said": if ended { AFTER } else { BEFORE } }));
    }
    let custom = tongue == Tongue::Responses;
    let offers = serde_json::from_str::<Value>(&body).is_ok_and(|body| {
        body.get("tools").or_else(|| body.get("toolConfig")).is_some_and(|tools| !tools.is_null())
    });
    let turn = match (ended, offers) {
        (true, _) => said(AFTER, Vec::new()),
        (false, false) => said(BEFORE, Vec::new()),
        (false, true) => Turn { thought: Some(THOUGHT.to_owned()), ..said(BEFORE, calls(&body, custom)) },
    };
    match tongue {
        Tongue::Chat => turn::openai(&turn),
        Tongue::Responses => turn::responses(&turn),
        Tongue::Messages => turn::anthropic(&turn),
        Tongue::Invoke => turn::invoke(&turn),
        Tongue::Gemini => turn::gemini(&turn),
        Tongue::Converse => turn::converse(&turn),
        Tongue::Cohere => turn::cohere(&turn),
        Tongue::Predictions | Tongue::Template => unreachable!("answered before"),
    }
}

fn said(text: &str, calls: Vec<Made>) -> Turn {
    Turn { thought: None, seal: SEAL.to_owned(), text: text.to_owned(), calls, tokens: TOKENS }
}

/// The last request that a provider was sent.
pub(super) fn arrived(bench: &Bench) -> Checked<Exchange> {
    let last = bench.upstream.seen().into_iter().rev().find(|asked| asked.method == Method::POST);
    last.ok_or_else(|| "nothing arrived".to_owned())
}

/// A call and what it returned, as a provider is told of them.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    /// None where the dialect has no ids.
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) arguments: Value,
    pub(super) result: String,
}

impl Told {
    /// Is it told under this id, or under one of the only form that models of Mistral's take?
    pub(super) fn is_called(&self, id: &str, model: &str) -> bool {
        let fits = |told: &str| told.len() == 9 && told.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.id.as_deref().is_none_or(|told| told == id || (model.contains("mistral") && fits(told)))
    }
}

/// The calls and results in a request that arrived.
pub(super) fn told(tongue: Tongue, body: &Value) -> Vec<Told> {
    let (calls, results) = match tongue {
        Tongue::Chat | Tongue::Cohere => chat_turns(&body["messages"]),
        Tongue::Responses => items(&body["input"]),
        Tongue::Messages | Tongue::Invoke => blocks(&body["messages"], claude_block),
        Tongue::Converse => blocks(&body["messages"], converse_block),
        Tongue::Gemini => blocks(&body["contents"], gemini_part),
        Tongue::Predictions | Tongue::Template => Default::default(),
    };
    let result = |at: usize, id: &Option<String>| match id {
        Some(id) => results.iter().find(|(call, _)| call.as_ref() == Some(id)),
        None => results.get(at),
    };
    calls
        .into_iter()
        .enumerate()
        .map(|(at, (id, name, arguments))| {
            let result = result(at, &id).map(|(_, result)| result.clone()).unwrap_or_default();
            Told { id, name, arguments, result }
        })
        .collect()
}

type Call = (Option<String>, String, Value);
type Results = Vec<(Option<String>, String)>;

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Arguments within a string.
fn parsed(text: &Value) -> Value {
    text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| text.clone())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn chat_turns(messages: &Value) -> (Vec<Call>, Results) {
    let calls = list(messages).flat_map(|message| list(&message["tool_calls"])).map(|call| {
        let function = &call["function"];
        (word(&call["id"]), word(&function["name"]).unwrap_or_default(), parsed(&function["arguments"]))
    });
    let results = list(messages)
        .filter(|message| message["role"] == "tool")
        .map(|message| (word(&message["tool_call_id"]), message["content"].to_string()));
    (calls.collect(), results.collect())
}

fn items(input: &Value) -> (Vec<Call>, Results) {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for item in list(input) {
        let (id, name) = (word(&item["call_id"]), word(&item["name"]).unwrap_or_default());
        match item["type"].as_str() {
            Some("function_call") => calls.push((id, name, parsed(&item["arguments"]))),
            Some("custom_tool_call") => calls.push((id, name, item["input"].clone())),
            Some("function_call_output" | "custom_tool_call_output") => {
                results.push((id, item["output"].to_string()));
            }
            _ => {}
        }
    }
    (calls, results)
}

enum Block {
    Call(Call),
    Result(Option<String>, String),
    Else,
}

fn blocks(messages: &Value, read: fn(&Value) -> Block) -> (Vec<Call>, Results) {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    let fields = ["content", "parts"];
    let turns = list(messages).flat_map(|message| fields.map(|field| &message[field]));
    for block in turns.flat_map(list) {
        match read(block) {
            Block::Call(call) => calls.push(call),
            Block::Result(id, text) => results.push((id, text)),
            Block::Else => {}
        }
    }
    (calls, results)
}

fn claude_block(block: &Value) -> Block {
    match block["type"].as_str() {
        Some("tool_use") => {
            let name = word(&block["name"]).unwrap_or_default();
            Block::Call((word(&block["id"]), name, block["input"].clone()))
        }
        Some("tool_result") => Block::Result(word(&block["tool_use_id"]), block["content"].to_string()),
        _ => Block::Else,
    }
}

fn converse_block(block: &Value) -> Block {
    let (call, result) = (&block["toolUse"], &block["toolResult"]);
    if call.is_object() {
        let name = word(&call["name"]).unwrap_or_default();
        return Block::Call((word(&call["toolUseId"]), name, call["input"].clone()));
    }
    match result.is_object() {
        true => Block::Result(word(&result["toolUseId"]), result["content"].to_string()),
        false => Block::Else,
    }
}

fn gemini_part(part: &Value) -> Block {
    let (call, result) = (&part["functionCall"], &part["functionResponse"]);
    if call.is_object() {
        return Block::Call((None, word(&call["name"]).unwrap_or_default(), call["args"].clone()));
    }
    match result.is_object() {
        true => Block::Result(None, result["response"].to_string()),
        false => Block::Else,
    }
}
