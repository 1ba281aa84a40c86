//! Requests that a model cannot take: the answer names the accounts asked, what is needed and who has it, and the log keeps why.

use serde_json::{Value, json};

use crate::setup::{Bench, Setup};

const CHAT: &str = "/v1/chat/completions";

/// Accounts with models of several abilities.
async fn start() -> Bench {
    Setup::new()
        .provider("film: { kind: gemini, base_url: \"{upstream}/film\", api_key: k, models: [gemini-2.5-pro] }")
        .provider("eyes: { kind: openai, base_url: \"{upstream}/eyes/v1\", api_key: k, models: [gpt-4o, text-embedding-3-small, gpt-image-1] }")
        .provider("rep: { kind: replicate, base_url: \"{upstream}/rep\", api_key: k }")
        .provider("co: { kind: cohere, base_url: \"{upstream}/co\", api_key: k }")
        .section("models:\n  fast: { route: { targets: [ { to: claude/claude-haiku-4-5 } ], fallback: [ co/command-a-03-2025 ] } }\n")
        .key("{ name: narrow, key: a-key-for-fast-only, models: [fast] }")
        .start()
        .await
}

async fn told(bench: &Bench, path: &str, ask: &Value) -> String {
    let answer = bench.openai().post(path, ask).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-pathgate-error")),
        (400, "unsupported_capability"),
        "{ask}"
    );
    let kept = bench.kept(&answer).await;
    assert!(kept.attempts.is_empty(), "{ask}");
    assert_ne!(kept.request["detail"], Value::Null, "{ask}");
    answer.json().await["error"]["message"].as_str().unwrap().to_owned()
}

fn says(message: &str, parts: &[&str], never: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part}: {message}");
    }
    for part in never {
        assert!(!message.contains(part), "{part}: {message}");
    }
}

fn see(model: &str, part: &Value) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": [{ "type": "text", "text": "see" }, part] }] })
}

#[tokio::test]
async fn accounts_behind_an_alias_are_named_to_those_who_may_use_it() {
    let bench = start().await;
    let ask = json!({ "model": "fast", "prompt": "A hat" });
    let message = told(&bench, "/v1/images/generations", &ask).await;
    let accounts =
        ["provider 'claude' (model 'claude-haiku-4-5')", "provider 'co' (model 'command-a-03-2025')"];
    says(
        &message,
        &["'fast' does not do images", accounts[0], accounts[1], "These do: eyes/gpt-image-1"],
        &[],
    );
    let message = told(&bench, "/v1/embeddings", &json!({ "model": "fast", "input": "x" })).await;
    says(&message, &["embeddings", accounts[0], "These do: co/embed-"], &["eyes/gpt-4o"]);
    // Models that a key may not use are not named to it, nor what is behind them.
    let narrow = bench.gateway.client().bearer("a-key-for-fast-only");
    let message = narrow.post("/v1/images/generations", &ask).await.text().await;
    says(&message, &[accounts[0], "No model here"], &["eyes"]);
    let ask = json!({ "model": "eyes/gpt-4o", "prompt": "A hat" });
    let message = narrow.post("/v1/images/generations", &ask).await.text().await;
    says(&message, &["does not do images"], &["provider 'eyes'", "gpt-image-1"]);
}

#[tokio::test]
async fn what_is_needed_is_known_by_the_request_and_not_by_words() {
    let bench = start().await;
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } });
    let video = json!({ "type": "video_url", "video_url": { "url": "data:video/mp4;base64,AAAA" } });
    // The words of this refusal speak of tools too.
    let message = told(&bench, CHAT, &see("rep/meta/llama", &image)).await;
    says(&message, &["Models with images: "], &["Models with tools", "rep/"]);
    for model in ["claude/claude-haiku-4-5", "co/command-a-03-2025", "rep/meta/llama"] {
        let message = told(&bench, CHAT, &see(model, &video)).await;
        says(&message, &["Models with video: ", "film/gemini-2.5-pro"], &["eyes/gpt-4o"]);
    }
    let message = told(&bench, CHAT, &see("fast", &video)).await;
    says(&message, &["provider 'co'", "also stands for claude/claude-haiku-4-5", "film/gemini-2.5-pro"], &[]);
    let ask = json!({ "model": "google/gemini-embedding-001", "input": [1, 2, 3] });
    let message = told(&bench, "/v1/embeddings", &ask).await;
    says(
        &message,
        &["Models with tokens as input: ", "eyes/text-embedding-3-small"],
        &["google/gemini-embedding-001,"],
    );
    let ask = json!({ "model": "google/gemini-2.5-flash-image", "prompt": "A hat", "stream": true });
    let message = told(&bench, "/v1/images/generations", &ask).await;
    says(&message, &["eyes/gpt-image-1"], &["Models with images", ": google/"]);
}

#[tokio::test]
async fn a_strict_refusal_leaves_its_receipt_in_the_log() {
    let bench = Bench::start().await;
    let ask = json!({ "model": "claude/claude-haiku-4-5", "logit_bias": { "1": 1 }, "seed": 3,
        "messages": [{ "role": "user", "content": "Hello" }] });
    let answer = bench.openai().with("x-pathgate-strict", "true").post(CHAT, &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "not_translatable"));
    // Nothing was dropped: nothing was sent.
    assert_eq!(answer.header("x-pathgate-dropped"), "");
    let kept = bench.kept(&answer).await;
    let lost = kept.request["dropped"].as_array().unwrap();
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(
        kept.request["detail"].as_str().unwrap().contains("claude/claude-haiku-4-5"),
        "{:?}",
        kept.request
    );
    let error = answer.json().await["error"].clone();
    assert_eq!(error["param"], lost[0]["field"]);
    for lost in lost {
        let both = format!("{} ({})", lost["field"].as_str().unwrap(), lost["reason"].as_str().unwrap());
        assert!(error["message"].as_str().unwrap().contains(&both), "{both}: {error}");
    }
}

#[tokio::test]
async fn a_deployment_that_lost_nothing_leaves_no_receipt_of_one_before_it() {
    let setup = Setup::new().section(
        "models:\n  both: { route: { targets: [ { to: claude/claude-haiku-4-5 } ], fallback: [ demo/echo ] } }\n",
    );
    let bench = setup.start().await;
    let ask = json!({ "model": "both", "seed": 3, "messages": [{ "role": "user", "content": "Hello" }] });
    let answer = bench.openai().with("x-pathgate-strict", "true").post(CHAT, &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-model")), (200, "demo/echo"));
    assert_eq!(bench.kept(&answer).await.request["dropped"], json!([]));
}
