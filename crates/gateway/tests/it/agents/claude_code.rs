//! Claude Code: what it sends by itself, and what it needs to go on.

use http::Method;
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::upstream::Exchange;

use super::accounts::{self, TOOLLESS, models};
use super::upstream::{AFTER, BEFORE, COUNTED, RESULT, SEAL, THOUGHT, Tongue, arrived, calls, told};
use super::{Checked, ensure};
use crate::setup::{Bench, KEY};

const PATH: &str = "/v1/messages?beta=true";

const BETAS: &str = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,\
    prompt-caching-scope-2026-01-05,effort-2025-11-24,extended-cache-ttl-2025-04-11,\
    fine-grained-tool-streaming-2025-05-14";

const SESSION: &str = "0b6f1c1e-0000-4000-8000-000000000001";

/// How the key is sent: `ANTHROPIC_AUTH_TOKEN` as a bearer, `ANTHROPIC_API_KEY` in a header of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    Token,
    Key,
}

fn client(bench: &Bench, login: Login) -> Client {
    let client = match login {
        Login::Token => bench.gateway.client().bearer(KEY),
        Login::Key => bench.gateway.client().with("x-api-key", KEY),
    };
    client
        .with("accept", "application/json")
        .with("anthropic-version", "2023-06-01")
        .with("anthropic-beta", BETAS)
        .with("anthropic-dangerous-direct-browser-access", "true")
        .with("user-agent", "claude-cli/2.1.252 (external, cli)")
        .with("x-app", "cli")
        .with("x-claude-code-session-id", SESSION)
        .with("x-stainless-lang", "js")
        .with("x-stainless-helper-method", "stream")
        .with("x-stainless-retry-count", "0")
        .with("x-stainless-timeout", "600")
}

/// Kept for an hour in the provider's cache.
fn kept() -> Value {
    json!({ "type": "ephemeral", "ttl": "1h" })
}

fn tools() -> Value {
    let draft = "https://json-schema.org/draft/2020-12/schema";
    json!([
        { "name": "Read", "description": "Reads a file.", "eager_input_streaming": true,
          "input_schema": { "$schema": draft, "type": "object", "additionalProperties": false,
            "properties": {
                "file_path": { "description": "Absolute path", "type": "string", "minLength": 1 },
                "limit": { "type": "integer", "exclusiveMinimum": 0, "maximum": 9_007_199_254_740_991_u64 },
                "note": { "anyOf": [{ "type": "string", "format": "uri" }, { "type": "null" }] },
                "deep": { "type": "object", "propertyNames": { "type": "string" }, "additionalProperties": {} }
            },
            "required": ["file_path"] } },
        { "name": "Bash", "description": "Runs a command.", "eager_input_streaming": true,
          "input_schema": { "$schema": draft, "type": "object", "additionalProperties": false,
            "properties": {
                "command": { "type": "string" },
                "mode": { "type": "string", "enum": ["fast", "safe"], "default": "safe" },
                "todos": { "type": "array", "minItems": 1, "items": { "type": "object",
                    "properties": { "status": { "const": "done" } }, "required": ["status"],
                    "additionalProperties": false } }
            },
            "required": ["command"] } },
        { "name": "mcp__docs__search", "description": "Searches.",
          "input_schema": { "type": "object", "properties": {} }, "cache_control": kept() }
    ])
}

/// The first request of a turn.
fn request(model: &str, thinking: &Value) -> Value {
    json!({
        "model": model,
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "<system-reminder>\nToday is a day.\n</system-reminder>\n" },
            { "type": "text", "text": "How long is the file?", "cache_control": kept() }
        ] }],
        "system": [
            { "type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.252; cc_entrypoint=cli;" },
            { "type": "text", "text": "You are an agent.", "cache_control": { "type": "ephemeral", "ttl": "1h", "scope": "global" } },
            { "type": "text", "text": "Be brief.", "cache_control": kept() }
        ],
        "tools": tools(),
        "metadata": { "user_id": json!({ "device_id": "0".repeat(64), "account_uuid": "", "session_id": SESSION }).to_string() },
        "max_tokens": 32000,
        "thinking": thinking,
        "context_management": { "edits": [{ "type": "clear_thinking_20251015", "keep": "all" }] },
        "output_config": { "effort": "high" },
        "stream": true
    })
}

/// The next one: what the model said, exactly as it came, and what its calls returned.
fn with_results(mut request: Value, said: &[Value]) -> Value {
    let calls: Vec<&Value> = said.iter().filter(|block| block["type"] == "tool_use").collect();
    let mut results: Vec<Value> = calls
        .iter()
        .map(|call| json!({ "type": "tool_result", "tool_use_id": call["id"], "content": RESULT, "is_error": false }))
        .collect();
    if let Some(last) = results.last_mut() {
        last["content"] = json!([{ "type": "text", "text": RESULT }]);
        last["cache_control"] = kept();
    }
    if let Some(messages) = request["messages"].as_array_mut() {
        messages.push(json!({ "role": "assistant", "content": said }));
        messages.push(json!({ "role": "user", "content": results }));
    }
    request
}

/// What a stream says: its blocks as the client puts them together, why it ended, what it cost.
#[derive(Debug, Default)]
struct Heard {
    blocks: Vec<Value>,
    stop: Value,
    usage: Value,
}

/// Puts a stream together as Anthropic's SDK does, which takes no event out of its order.
fn hear(events: &[String]) -> Checked<Heard> {
    let mut heard = Heard::default();
    let (mut open, mut ended) = (None::<(usize, String)>, false);
    for event in events {
        let (name, data) = event
            .strip_prefix("event: ")
            .and_then(|rest| rest.split_once("\ndata: "))
            .ok_or_else(|| format!("not an event: {event}"))?;
        let data: Value = serde_json::from_str(data).map_err(|error| format!("{error}: {data}"))?;
        ensure!(data["type"] == name && !ended, "out of order: {event}");
        let index = usize::try_from(data["index"].as_u64().unwrap_or_default()).unwrap_or_default();
        match name {
            "message_start" => {
                let message = &data["message"];
                ensure!(message["role"] == "assistant" && message["content"] == json!([]), "{message}");
                ensure!(message["id"].is_string() && message["model"].is_string(), "{message}");
                heard.usage = message["usage"].clone();
            }
            "content_block_start" => {
                ensure!(open.is_none() && index == heard.blocks.len(), "a block within another: {event}");
                heard.blocks.push(data["content_block"].clone());
                open = Some((index, String::new()));
            }
            "content_block_delta" => {
                let (at, partial) = open.as_mut().ok_or_else(|| format!("no block is open: {event}"))?;
                ensure!(*at == index, "another block is open: {event}");
                let delta = &data["delta"];
                match delta["type"].as_str() {
                    Some("input_json_delta") => partial.push_str(text(&delta["partial_json"])),
                    Some("text_delta") => extend(&mut heard.blocks[index]["text"], &delta["text"])?,
                    Some("thinking_delta") => {
                        extend(&mut heard.blocks[index]["thinking"], &delta["thinking"])?;
                    }
                    Some("signature_delta") => heard.blocks[index]["signature"] = delta["signature"].clone(),
                    _ => return Err(format!("an unknown delta: {event}")),
                }
            }
            "content_block_stop" => {
                let (at, partial) = open.take().ok_or_else(|| format!("no block is open: {event}"))?;
                ensure!(at == index, "another block is open: {event}");
                if heard.blocks[index]["type"] == "tool_use" && !partial.is_empty() {
                    heard.blocks[index]["input"] =
                        serde_json::from_str(&partial).map_err(|error| format!("{error}: {partial}"))?;
                }
            }
            "message_delta" => {
                heard.stop = data["delta"]["stop_reason"].clone();
                for (name, count) in data["usage"].as_object().into_iter().flatten() {
                    heard.usage[name] = count.clone();
                }
            }
            "message_stop" => ended = true,
            "ping" => {}
            _ => return Err(format!("an unknown event: {event}")),
        }
    }
    ensure!(ended && open.is_none(), "the stream has no end: {events:?}");
    Ok(heard)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn extend(to: &mut Value, with: &Value) -> Checked<()> {
    let (Value::String(to), Value::String(with)) = (to, with) else {
        return Err(format!("a delta of another kind: {with}"));
    };
    to.push_str(with);
    Ok(())
}

/// Sends a request; what a provider cannot take is named, but nothing is refused.
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
    let count = |name: &str| usage[name].as_u64().unwrap_or_default();
    let (input, cached, output) = tongue.counts();
    // A provider that counts nothing: the client is told the estimate, by which Claude Code compacts.
    if (input, output) == (0, 0) {
        ensure!(count("input_tokens") > 0 && count("output_tokens") > 0, "usage: {usage}");
        return Ok(());
    }
    let is = (count("input_tokens"), count("cache_read_input_tokens"), count("output_tokens"));
    ensure!(is == (input - cached, cached, output), "usage: {usage}");
    Ok(())
}

/// What only Claude has is left out for others, and named; to Claude everything goes on.
fn check_receipt(tongue: Tongue, dropped: &str) -> Checked<()> {
    if matches!(tongue, Tongue::Messages | Tongue::Invoke) {
        ensure!(dropped.is_empty(), "lost: {dropped}");
        return Ok(());
    }
    let tools = tongue != Tongue::Predictions;
    for (field, lost) in [("context_management", true), ("tools[0].eager_input_streaming", tools)] {
        ensure!(!lost || dropped.contains(field), "{field} is not named: {dropped}");
    }
    let known = ["context_management", "metadata.user_id", "thinking", "reasoning.effort", "tools"];
    let known =
        |field: &str| field.ends_with(".cache_control") || known.iter().any(|known| field.starts_with(known));
    ensure!(dropped.split(", ").all(known), "lost: {dropped}");
    Ok(())
}

/// Betas go to Claude; a cloud is not told of those it would refuse.
fn check_betas(account: &str, tongue: Tongue, arrived: &Exchange) -> Checked<()> {
    let told = match tongue {
        Tongue::Invoke => arrived.json()["anthropic_beta"].to_string(),
        _ => arrived.header("anthropic-beta").to_owned(),
    };
    let (all, own) = (told == BETAS, told.contains("claude-code"));
    let right = match (account, tongue) {
        ("bedrock" | "vertex", Tongue::Invoke | Tongue::Messages) => {
            told.contains("interleaved-thinking") && !own
        }
        ("anthropic" | "snowflake" | "databricks", Tongue::Messages) => all,
        ("bedrock" | "vertex" | "gemini" | "cohere", _) => told.is_empty(),
        _ => true,
    };
    ensure!(right, "betas: {told}");
    Ok(())
}

/// A whole turn: a question, two calls, their results, an answer.
async fn turn(bench: &Bench, (account, model): (&str, &str), login: Login, thinking: &Value) -> Checked<()> {
    let client = client(bench, login);
    let first = request(model, thinking);
    let (heard, dropped) = ask(&client, &first).await?;
    let tongue = Tongue::of(&arrived(bench)?.path);
    check_usage(&heard.usage, tongue)?;
    let said: String = heard.blocks.iter().map(|block| text(&block["text"])).collect();
    ensure!(said == BEFORE, "said {said:?}");
    check_receipt(tongue, &dropped)?;
    check_betas(account, tongue, &arrived(bench)?)?;
    if TOOLLESS.contains(&account) {
        ensure!(account == "http" || dropped.contains("tools"), "the lost tools are not named: {dropped}");
        ensure!(heard.stop == "end_turn", "{heard:?}");
        return Ok(());
    }
    ensure!(heard.stop == "tool_use", "stopped for {}", heard.stop);
    let thought: String = heard.blocks.iter().map(|block| text(&block["thinking"])).collect();
    ensure!(thought == THOUGHT, "thought {thought:?}");
    let wanted = calls("", false);
    let made: Vec<&Value> = heard.blocks.iter().filter(|block| block["type"] == "tool_use").collect();
    ensure!(made.len() == wanted.len(), "calls {made:?}");
    for (made, wanted) in made.iter().zip(&wanted) {
        let arguments: Value = serde_json::from_str(&wanted.arguments).unwrap();
        ensure!(made["name"] == wanted.name && made["input"] == arguments, "called {made}");
        ensure!(made["id"] == wanted.id || tongue == Tongue::Gemini, "called {made}");
    }

    let (heard, _) = ask(&client, &with_results(first, &heard.blocks)).await?;
    check_usage(&heard.usage, tongue)?;
    ensure!(heard.stop == "end_turn", "stopped for {}", heard.stop);
    let said: String = heard.blocks.iter().map(|block| text(&block["text"])).collect();
    ensure!(said == AFTER, "said {said:?}");
    let body = arrived(bench)?.json();
    let told = told(tongue, &body);
    ensure!(told.len() == wanted.len(), "told of {told:?} in {body}");
    for (told, wanted) in told.iter().zip(&wanted) {
        let arguments: Value = serde_json::from_str(&wanted.arguments).unwrap();
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
    let adaptive = json!({ "type": "adaptive" });
    let budget = json!({ "type": "enabled", "budget_tokens": 31_999 });
    let mut wrong = Vec::new();
    for (account, model) in models() {
        for (login, thinking) in [(Login::Token, &adaptive), (Login::Key, &budget)] {
            if let Err(what) = turn(&bench, (account, &model), login, thinking).await {
                wrong.push(format!("{model} ({}): {what}", thinking["type"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What it asks beside the conversation: whether the key is good, a title, a search of the web.
fn side_requests(model: &str) -> Vec<(&'static str, Value)> {
    let user = |text: &str| json!([{ "role": "user", "content": text }]);
    let title = json!({ "type": "object", "properties": { "title": { "type": "string" } }, "required": ["title"],
        "additionalProperties": false });
    let system = json!([{ "type": "text", "text": "You are an agent." }]);
    vec![
        (
            "quota",
            json!({ "model": model, "max_tokens": 1, "messages": user("quota"), "metadata": { "user_id": "u" },
                "stream": true }),
        ),
        (
            "title",
            json!({ "model": model, "max_tokens": 32000, "messages": user("Fix it"), "system": system, "tools": [],
                "metadata": { "user_id": "u" }, "thinking": { "type": "disabled" }, "temperature": 1, "stream": true,
                "output_config": { "format": { "type": "json_schema", "schema": title } } }),
        ),
        (
            "search",
            json!({ "model": model, "max_tokens": 32000, "messages": user("Search: rust"), "system": system,
                "tools": [{ "type": "web_search_20250305", "name": "web_search", "max_uses": 8 }],
                "tool_choice": { "type": "tool", "name": "web_search" }, "stream": true }),
        ),
    ]
}

#[tokio::test]
async fn what_it_asks_beside_the_conversation_is_answered_too() {
    let bench = accounts::start().await;
    let client = client(&bench, Login::Token);
    let mut wrong = Vec::new();
    for (_, model) in models() {
        for (what, request) in side_requests(&model) {
            if let Err(error) = ask(&client, &request).await {
                wrong.push(format!("{what} of {model}: {error}"));
                continue;
            }
            let body = arrived(&bench).unwrap().json();
            let offered =
                body.get("tools").or_else(|| body.get("toolConfig")).is_some_and(|it| !it.is_null());
            let forced =
                ["tool_choice", "toolConfig", "tool_choice_option"].iter().any(|name| !body[name].is_null());
            if forced && !offered {
                wrong.push(format!("{what} of {model}: a choice among no tools: {body}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn what_it_counts_is_counted_by_the_providers_that_can() {
    let bench = accounts::start().await;
    let client = client(&bench, Login::Token);
    for model in [
        "anthropic/claude-sonnet-4-5",
        "gemini/gemini-2.5-pro",
        "vertex/gemini-2.5-pro",
        "vertex/claude-sonnet-4-5@20250929",
        "vllm/some-model",
        "llama-cpp/some-model",
    ] {
        let mut request = request(model, &json!({ "type": "adaptive" }));
        request
            .as_object_mut()
            .unwrap()
            .retain(|name, _| !["max_tokens", "stream", "metadata"].contains(&&**name));
        let answer = client.post("/v1/messages/count_tokens?beta=true", &request).await;
        let (status, body) = (answer.status, answer.json().await);
        assert_eq!((status.as_u16(), &body["input_tokens"]), (200, &json!(COUNTED)), "{model}: {body}");
    }
}

/// A picture that a tool returned, as reading one gives it.
fn with_picture(model: &str) -> Value {
    let pixel =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let source = json!({ "type": "base64", "media_type": "image/png", "data": pixel });
    let said =
        json!([{ "type": "tool_use", "id": "toolu_9", "name": "Read", "input": { "file_path": "a.png" } }]);
    let mut request = with_results(request(model, &json!({ "type": "adaptive" })), said.as_array().unwrap());
    let result = request["messages"].as_array_mut().and_then(|all| all.last_mut()).unwrap();
    result["content"][0]["content"] =
        json!([{ "type": "text", "text": RESULT }, { "type": "image", "source": source }]);
    request
}

#[tokio::test]
async fn pictures_that_its_tools_return_arrive() {
    let bench = accounts::start().await;
    let client = client(&bench, Login::Token);
    let mut wrong = Vec::new();
    for (account, model) in models().filter(|(account, _)| !TOOLLESS.contains(account)) {
        match ask(&client, &with_picture(&model)).await {
            Err(error) => wrong.push(format!("{model}: {error}")),
            Ok((_, dropped)) => {
                let body = arrived(&bench).unwrap().json().to_string();
                if !body.contains("iVBORw0KGgo") && !dropped.contains("messages[2]") {
                    wrong.push(format!("{account}, {model}: the picture is lost in silence: {body}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn its_probes_are_answered() {
    let bench = accounts::start().await;
    let client = client(&bench, Login::Token);
    let probe = client.send(Method::HEAD, "/", bytes::Bytes::new()).await;
    assert!(!probe.status.is_redirection() && !probe.status.is_server_error(), "{}", probe.status);
    let list = client.get("/v1/models?limit=1000").await;
    assert_eq!(list.status, 200);
    let list = list.json().await;
    let entries = list["data"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["id"] == "anthropic/claude-sonnet-4-5"), "{list}");
    assert!(
        entries.iter().all(|entry| entry["type"] == "model" && entry["display_name"].is_string()),
        "{list}"
    );
}
