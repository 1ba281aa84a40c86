//! Codex: what it sends by itself, and what it needs to go on.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::client::Client;
use testkit::shapes::turn::Made;

use super::accounts::{self, TOOLLESS, models};
use super::upstream::{AFTER, BEFORE, GROUPED, PATCH, RESULT, SEAL, THOUGHT, Tongue, arrived, calls, told};
use super::{Checked, ensure};
use crate::setup::{Bench, KEY};

const PATH: &str = "/v1/responses";
const SESSION: &str = "01990000-0000-7000-8000-000000000001";

fn client(bench: &Bench) -> Client {
    let turn = json!({ "session_id": SESSION, "turn_id": "t", "sandbox": "none" }).to_string();
    bench
        .gateway
        .client()
        .bearer(KEY)
        .with("accept", "text/event-stream")
        .with("user-agent", "codex_cli_rs/0.146.0 (Linux 6.8; x86_64) xterm")
        .with("originator", "codex_cli_rs")
        .with("openai-beta", "responses=experimental")
        .with("session_id", SESSION)
        .with("session-id", SESSION)
        .with("thread-id", SESSION)
        .with("x-client-request-id", SESSION)
        .with("x-codex-window-id", "01990000:0")
        .with("x-codex-turn-metadata", &turn)
        .with("x-codex-beta-features", "unified_exec")
}

fn tools() -> Value {
    let shell = json!({ "type": "object", "additionalProperties": false, "required": ["file_path"], "properties": {
        "file_path": { "type": "string", "description": "Where" },
        "limit": { "type": "number" },
        "note": { "type": "string" },
        "deep": { "type": "object", "properties": {}, "additionalProperties": true }
    } });
    json!([
        { "type": "function", "name": "shell", "description": "Runs a command.", "strict": false, "parameters": shell },
        { "type": "custom", "name": "apply_patch", "description": "Edits files.", "format": { "type": "grammar",
            "syntax": "lark", "definition": "start: \"*** Begin Patch\" /(.|\\n)+/" } },
        { "type": "function", "name": "view_image", "description": "Shows.", "strict": false,
          "parameters": { "type": "object", "properties": { "path": { "type": "string" } }, "required": ["path"] } },
        { "type": "web_search", "external_web_access": false },
        { "type": "local_shell" },
        { "type": "namespace", "name": "mcp__docs__", "description": "Tools of a server.", "tools": [
            { "type": "function", "name": "search", "description": "Searches.", "strict": false, "defer_loading": false,
              "parameters": { "type": "object", "properties": { "query": { "type": "string" } } } },
            { "type": "function", "name": "read", "description": "Reads.", "strict": false,
              "parameters": { "type": "object", "properties": {} } }
        ] }
    ])
}

fn input_text(role: &str, text: &str) -> Value {
    json!({ "type": "message", "role": role, "content": [{ "type": "input_text", "text": text }] })
}

fn request(model: &str) -> Value {
    json!({
        "model": model,
        "instructions": "You are an agent.",
        "input": [
            input_text("developer", "<permissions>read only</permissions>"),
            input_text("user", "<environment_context>\n  <cwd>/tmp</cwd>\n</environment_context>"),
            input_text("user", "How long is the file?")
        ],
        "tools": tools(),
        "tool_choice": "auto",
        "parallel_tool_calls": true,
        "reasoning": { "effort": "medium", "summary": "auto" },
        "store": false,
        "stream": true,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": SESSION,
        "text": { "verbosity": "low" },
        "client_metadata": { "x-codex-installation-id": SESSION }
    })
}

/// The next request: what was said as Codex keeps it, which is without ids, and what its calls returned.
fn with_results(mut request: Value, said: &[Value]) -> Value {
    let input = request["input"].as_array_mut().unwrap();
    for item in said {
        let mut item = item.clone();
        if let Some(fields) = item.as_object_mut() {
            fields.retain(|name, _| name != "id" && name != "status");
        }
        input.push(item);
    }
    for item in said {
        let kind = match item["type"].as_str() {
            Some("function_call") => "function_call_output",
            Some("custom_tool_call") => "custom_tool_call_output",
            _ => continue,
        };
        input.push(json!({ "type": kind, "call_id": item["call_id"], "output": RESULT }));
    }
    request
}

/// What a stream says: the items that are done, and the usage of the response.
#[derive(Debug, Default)]
struct Heard {
    items: Vec<Value>,
    usage: Value,
}

/// Reads a stream as Codex does, and holds it to the order that OpenAI's SDKs need beside. Items of calls may be open at the
/// same time, which they tell apart by the index.
fn hear(events: &[String]) -> Checked<Heard> {
    let mut open: Vec<Option<Open>> = Vec::new();
    let (mut items, mut usage) = (BTreeMap::new(), None);
    for (at, event) in events.iter().enumerate() {
        let (name, data) = event
            .strip_prefix("event: ")
            .and_then(|rest| rest.split_once("\ndata: "))
            .ok_or_else(|| format!("not an event: {event}"))?;
        let data: Value = serde_json::from_str(data).map_err(|error| format!("{error}: {data}"))?;
        let ordered = data["type"] == name && data["sequence_number"] == at && usage.is_none();
        ensure!(ordered, "out of order: {event}");
        let index = usize::try_from(data["output_index"].as_u64().unwrap_or_default()).unwrap_or_default();
        match name {
            "response.created" | "response.in_progress" => {
                ensure!(at < 2 && data["response"]["id"].is_string(), "{event}");
            }
            "response.output_item.added" => {
                ensure!(index == open.len(), "out of order: {event}");
                open.push(Some(Open { item: data["item"].clone(), text: String::new() }));
            }
            "response.output_item.done" => {
                let open = open.get_mut(index).and_then(Option::take);
                open.ok_or_else(|| format!("it is not open: {event}"))?.check_done(&data["item"])?;
                items.insert(index, data["item"].clone());
            }
            "response.completed" => {
                let (response, output) = (&data["response"], items.values().cloned().collect());
                ensure!(response["status"] == "completed" && response["error"].is_null(), "{response}");
                ensure!(response["output"] == Value::Array(output), "{response}");
                usage = Some(response["usage"].clone());
            }
            _ => {
                let open = open.get_mut(index).and_then(Option::as_mut);
                let open = open.ok_or_else(|| format!("it is not open: {event}"))?;
                ensure!(data["item_id"] == open.item["id"], "{event} belongs to no open item");
                if name.ends_with(".delta") {
                    open.text.push_str(data["delta"].as_str().unwrap_or_default());
                }
            }
        }
    }
    ensure!(open.iter().all(Option::is_none), "an item has no end: {events:?}");
    let usage = usage.ok_or_else(|| format!("the stream has no end: {events:?}"))?;
    Ok(Heard { items: items.into_values().collect(), usage })
}

/// An item that has been added and is not done.
struct Open {
    item: Value,
    text: String,
}

impl Open {
    /// Is the item what its deltas said, with the fields that Codex cannot read it without?
    fn check_done(&self, done: &Value) -> Checked<()> {
        ensure!(
            done["id"] == self.item["id"] && done["type"] == self.item["type"],
            "{done} was {}",
            self.item
        );
        let texts = |list: &Value| -> String {
            list.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str()).collect()
        };
        let text = match done["type"].as_str() {
            Some("message") => {
                ensure!(done["role"] == "assistant" && done["content"].is_array(), "{done}");
                texts(&done["content"])
            }
            Some("reasoning") => {
                ensure!(done["summary"].is_array(), "{done}");
                texts(&done["summary"]) + &texts(&done["content"])
            }
            Some("function_call") => done["arguments"].as_str().unwrap_or_default().to_owned(),
            Some("custom_tool_call") => done["input"].as_str().unwrap_or_default().to_owned(),
            _ => return Err(format!("an item of another kind: {done}")),
        };
        ensure!(text == self.text, "{done} but the deltas said {:?}", self.text);
        Ok(())
    }
}

async fn ask(client: &Client, request: &Value) -> Checked<(Heard, String)> {
    let answer = client.post(PATH, request).await;
    let (status, dropped) = (answer.status, answer.header("x-pathgate-dropped").to_owned());
    if status != 200 {
        return Err(format!("{status}: {}", answer.text().await));
    }
    ensure!(answer.header("content-type").starts_with("text/event-stream"), "{:?}", answer.headers);
    let events = answer.try_events().await.map_err(|torn| torn.to_string())?;
    Ok((hear(&events)?, dropped))
}

fn check_usage(usage: &Value, tongue: Tongue) -> Checked<()> {
    // A provider that counts nothing: the client is told the estimate.
    if tongue.counts() == (0, 0, 0) {
        let told = |name: &str| usage[name].as_u64() > Some(0);
        ensure!(told("input_tokens") && told("output_tokens"), "usage: {usage}");
        return Ok(());
    }
    let is = (
        usage["input_tokens"].as_u64(),
        usage["input_tokens_details"]["cached_tokens"].as_u64(),
        usage["output_tokens"].as_u64(),
    );
    let (input, cached, output) = tongue.counts();
    ensure!(is == (Some(input), Some(cached), Some(output)), "usage: {usage}");
    ensure!(usage["output_tokens_details"]["reasoning_tokens"].is_u64(), "usage: {usage}");
    ensure!(usage["total_tokens"] == input + output, "usage: {usage}");
    Ok(())
}

/// The texts of the items of a kind.
fn texts(items: &[Value], kind: &str, field: &str) -> String {
    let of = items.iter().filter(|item| item["type"] == kind);
    of.flat_map(|item| item[field].as_array().into_iter().flatten())
        .filter_map(|part| part["text"].as_str())
        .collect()
}

fn check_call(item: &Value, wanted: &Made, tongue: Tongue) -> Checked<()> {
    let (kind, field) =
        if wanted.custom { ("custom_tool_call", "input") } else { ("function_call", "arguments") };
    let word = |field: &str| item[field].as_str().unwrap_or_default();
    ensure!(
        word("type") == kind && word("namespace").to_owned() + word("name") == wanted.name,
        "called {item}"
    );
    ensure!(wanted.name != GROUPED || word("name") == "search", "called {item}");
    ensure!(item["call_id"] == wanted.id || tongue == Tongue::Gemini, "called {item}");
    let text = item[field].as_str().unwrap_or_default();
    // Gemini sends no text of arguments, but values.
    let same = match (tongue, wanted.custom) {
        (Tongue::Gemini, false) => {
            serde_json::from_str::<Value>(text).ok() == serde_json::from_str(&wanted.arguments).ok()
        }
        _ => text == wanted.arguments,
    };
    ensure!(same, "called {item}");
    Ok(())
}

/// What only OpenAI has is left out for others, and named.
fn check_receipt(tongue: Tongue, dropped: &str) -> Checked<()> {
    if tongue == Tongue::Responses {
        ensure!(dropped.is_empty(), "lost: {dropped}");
        return Ok(());
    }
    for field in ["client_metadata", "tools[1].format", "include", "tools[5].description"] {
        ensure!(dropped.contains(field), "{field} is not named: {dropped}");
    }
    let known = [
        "client_metadata",
        "include",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "text.verbosity",
        "tool_choice",
        "tools",
    ];
    let known = |field: &str| known.iter().any(|known| field.starts_with(known));
    ensure!(dropped.split(", ").all(known), "lost: {dropped}");
    Ok(())
}

async fn turn(bench: &Bench, account: &str, model: &str) -> Checked<()> {
    let client = client(bench);
    let first = request(model);
    let (heard, dropped) = ask(&client, &first).await?;
    let tongue = Tongue::of(&arrived(bench)?.path);
    check_receipt(tongue, &dropped)?;
    check_usage(&heard.usage, tongue)?;
    let said = texts(&heard.items, "message", "content");
    ensure!(said == BEFORE, "said {said:?}");
    if TOOLLESS.contains(&account) {
        ensure!(account == "http" || dropped.contains("tools"), "the lost tools are not named: {dropped}");
        return Ok(());
    }
    let thought = texts(&heard.items, "reasoning", "summary") + &texts(&heard.items, "reasoning", "content");
    ensure!(thought == THOUGHT, "thought {thought:?}");
    let mut wanted = calls("apply_patch", tongue == Tongue::Responses);
    for call in wanted.iter_mut().filter(|call| call.name == "apply_patch") {
        *call = Made { custom: true, arguments: PATCH.to_owned(), ..call.clone() };
    }
    let made: Vec<&Value> = heard.items.iter().filter(|item| !item["call_id"].is_null()).collect();
    ensure!(made.len() == wanted.len(), "calls {made:?}");
    for (made, wanted) in made.iter().zip(&wanted) {
        check_call(made, wanted, tongue)?;
    }

    let (heard, _) = ask(&client, &with_results(first, &heard.items)).await?;
    check_usage(&heard.usage, tongue)?;
    let said = texts(&heard.items, "message", "content");
    ensure!(said == AFTER, "said {said:?}");
    let body = arrived(bench)?.json();
    let told = told(tongue, &body);
    ensure!(told.len() == wanted.len(), "told of {told:?} in {body}");
    for (told, wanted) in told.iter().zip(&wanted) {
        let arguments = match (wanted.custom, tongue) {
            (true, Tongue::Responses) => json!(PATCH),
            (true, _) => json!({ "input": PATCH }),
            (false, _) => serde_json::from_str(&wanted.arguments).unwrap(),
        };
        ensure!(told.name == wanted.name && told.arguments == arguments, "told of {told:?}");
        ensure!(told.is_called(&wanted.id, model), "told of {told:?}");
        ensure!(told.result.contains(RESULT), "told of {told:?}");
    }
    ensure!(!tongue.seals() || body.to_string().contains(SEAL), "the thought lost its seal: {body}");
    Ok(())
}

#[tokio::test]
async fn it_works_with_every_kind() {
    let bench = accounts::start().await;
    let mut wrong = Vec::new();
    for (account, model) in models() {
        if let Err(what) = turn(&bench, account, &model).await {
            wrong.push(format!("{model}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
