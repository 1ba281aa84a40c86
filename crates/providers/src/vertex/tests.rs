//! What is special about Vertex AI.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use serde_json::{Value, json};

use super::models::{Model, of};
use crate::conformance::{Script, asking, body_of, built, call, calling, stopped};
use crate::jwt::tests::pem;

fn plain(location: &str) -> Value {
    json!({ "kind": "vertex", "project": "p-1", "location": location, "access_token": "t-0" })
}

#[test]
fn the_publisher_is_told_from_the_name() {
    for (model, expected) in [
        ("gemini-2.5-pro", Model::Google("gemini-2.5-pro")),
        ("google/gemini-2.5-pro", Model::Google("gemini-2.5-pro")),
        ("text-embedding-005", Model::Google("text-embedding-005")),
        ("claude-sonnet-4-5@20250929", Model::Anthropic("claude-sonnet-4-5@20250929")),
        ("anthropic/claude-opus-4-5", Model::Anthropic("claude-opus-4-5")),
        ("mistral-medium-3", Model::Mistral("mistral-medium-3")),
        ("meta/llama-4-maverick", Model::Open("meta/llama-4-maverick")),
    ] {
        assert_eq!(of(model), expected);
    }
}

#[test]
fn each_publisher_has_its_place() {
    let home = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west1";
    let (provider, script) = (built(plain("europe-west1")), Script::answering("{}"));
    for (operation, stream, model, path) in [
        (Operation::Chat, false, "gemini-x", "publishers/google/models/gemini-x:generateContent"),
        (
            Operation::Chat,
            true,
            "gemini-x",
            "publishers/google/models/gemini-x:streamGenerateContent?alt=sse",
        ),
        (Operation::Chat, false, "12345", "endpoints/12345:generateContent"),
        (Operation::Chat, false, "claude-x@1", "publishers/anthropic/models/claude-x@1:rawPredict"),
        (Operation::Chat, true, "claude-x", "publishers/anthropic/models/claude-x:streamRawPredict"),
        (Operation::Chat, true, "mistral-x", "publishers/mistralai/models/mistral-x:streamRawPredict"),
        (Operation::Chat, false, "meta/llama-x", "endpoints/openapi/chat/completions"),
        (
            Operation::Embeddings,
            false,
            "text-embedding-005",
            "publishers/google/models/text-embedding-005:predict",
        ),
        (
            Operation::Embeddings,
            false,
            "gemini-embedding-001",
            "publishers/google/models/gemini-embedding-001:predict",
        ),
        (
            Operation::Embeddings,
            false,
            "gemini-embedding-2",
            "publishers/google/models/gemini-embedding-2:embedContent",
        ),
        (Operation::CountTokens, false, "gemini-x", "publishers/google/models/gemini-x:countTokens"),
        (Operation::Images, false, "imagen-4", "publishers/google/models/imagen-4:predict"),
        (Operation::Images, false, "google/imagen-4", "publishers/google/models/imagen-4:predict"),
        (
            Operation::Images,
            false,
            "gemini-x-image",
            "publishers/google/models/gemini-x-image:generateContent",
        ),
        (Operation::CountTokens, false, "claude-x", "publishers/anthropic/models/count-tokens:rawPredict"),
    ] {
        call(&*provider, &script, operation, stream, model).unwrap();
        assert_eq!(script.sent().uri.to_string(), format!("{home}/{path}"));
    }
    assert!(call(&*provider, &script, Operation::Chat, false, "google/..").is_err());
    assert_eq!(provider.dialect(Dialect::OpenaiChat, "claude-x"), Some(Dialect::AnthropicMessages));
    assert_eq!(provider.dialect(Dialect::OpenaiEmbeddings, "claude-x"), None);
    assert_eq!(provider.dialect(Dialect::OpenaiImages, "claude-x"), None);
}

#[test]
fn locations_have_hosts() {
    for (location, host) in [
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us-east5", "us-east5-aiplatform.googleapis.com"),
    ] {
        let (provider, script) = (built(plain(location)), Script::answering("{}"));
        call(&*provider, &script, Operation::Chat, false, "gemini-x").unwrap();
        assert_eq!(script.sent().uri.host(), Some(host));
    }
}

#[test]
fn claude_gets_its_version_and_not_its_model() {
    let (provider, script) = (built(plain("global")), Script::answering("{}"));
    calling(
        &*provider,
        &script,
        "claude-x",
        &json!({ "model": "claude-x", "max_tokens": 1, "stream": true }),
    );
    let sent = script.sent();
    assert_eq!(sent.headers["authorization"], "Bearer t-0");
    assert!(!sent.headers.contains_key("anthropic-version"));
    let body: Value = serde_json::from_str(&body_of(sent)).unwrap();
    assert_eq!(body, json!({ "anthropic_version": "vertex-2023-10-16", "max_tokens": 1, "stream": true }));
    calling(&*provider, &script, "gemini-x", &json!({ "contents": [] }));
    assert_eq!(body_of(script.sent()), r#"{"contents":[]}"#);
}

#[test]
fn counts_have_the_form_of_their_publisher() {
    let (provider, script) = (built(plain("global")), Script::answering("{}"));
    let contents = json!([{ "role": "user", "parts": [{ "text": "Hi" }] }]);
    let flat = json!({ "contents": contents, "tools": [{ "googleSearch": {} }] });
    let whole = json!({ "generateContentRequest": { "model": "models/gemini-x", "contents": contents,
        "tools": [{ "googleSearch": {} }] } });
    let messages = json!([{ "role": "user", "content": "Hi" }]);
    let claude = json!({ "model": "anthropic/claude-x@1", "messages": messages });
    let versioned =
        json!({ "anthropic_version": "vertex-2023-10-16", "model": "claude-x@1", "messages": messages });
    for (dialect, model, body, expected) in [
        (Dialect::GeminiCount, "gemini-x", &flat, &flat),
        (Dialect::GeminiCount, "gemini-x", &whole, &flat),
        (Dialect::AnthropicCount, "anthropic/claude-x@1", &claude, &versioned),
    ] {
        asking(&*provider, &script, (dialect, model), body);
        assert_eq!(&serde_json::from_str::<Value>(&body_of(script.sent())).unwrap(), expected);
    }
}

#[test]
fn a_service_account_signs_for_a_token() {
    let account = json!({ "type": "service_account", "project_id": "p-2", "private_key_id": "k-1",
        "private_key": pem(), "client_email": "bot@p-2.test", "token_uri": "https://oauth2.test/token" });
    let provider = built(json!({ "kind": "vertex", "credentials": account.to_string() }));
    let script = Script::answering(r#"{"access_token":"t-1","expires_in":3599,"token_type":"Bearer"}"#);
    call(&*provider, &script, Operation::Chat, false, "gemini-x").unwrap();
    let asked = script.sent();
    assert_eq!(asked.uri, "https://oauth2.test/token");
    let body = body_of(asked);
    let assertion = body
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .unwrap();
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let expected = json!({ "iss": "bot@p-2.test", "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.test/token", "iat": 1_700_000_000, "exp": 1_700_003_600 });
    assert_eq!(claims, expected);
    let sent = script.sent();
    assert_eq!(sent.headers["authorization"], "Bearer t-1");
    assert!(sent.uri.path().starts_with("/v1/projects/p-2/locations/global/"));
}

#[test]
fn a_person_may_have_logged_in() {
    let person =
        json!({ "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r/1" });
    let provider = built(json!({ "kind": "vertex", "project": "p", "credentials": person.to_string() }));
    let script = Script::answering(r#"{"access_token":"t-1","expires_in":3599}"#);
    call(&*provider, &script, Operation::Chat, false, "gemini-x").unwrap();
    let asked = script.sent();
    assert_eq!(asked.uri, "https://oauth2.googleapis.com/token");
    let expected = "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r%2F1";
    assert_eq!(body_of(asked), expected);
}

#[test]
fn what_is_wrong_is_said_without_the_secret() {
    for (config, path) in [
        (json!({ "kind": "vertex", "project": "p" }), "providers.v"),
        (
            json!({ "kind": "vertex", "project": "p", "access_token": "t", "api_key": "k" }),
            "providers.v.api_key",
        ),
        (json!({ "kind": "vertex", "access_token": "t" }), "providers.v.project"),
        (json!({ "kind": "vertex", "project": "a/b", "access_token": "t" }), "providers.v.project"),
        (
            json!({ "kind": "vertex", "project": "p", "access_token": "t", "location": "a.b" }),
            "providers.v.location",
        ),
        (
            json!({ "kind": "vertex", "project": "p", "credentials": "{\"hush\": 1" }),
            "providers.v.credentials",
        ),
        (
            json!({ "kind": "vertex", "project": "p",
                "credentials": json!({ "type": "service_account", "client_email": "a", "private_key": "hush" }).to_string() }),
            "providers.v.credentials",
        ),
        (
            json!({ "kind": "vertex", "project": "p", "credentials": r#"{"type":"external_account","hush":1}"# }),
            "providers.v.credentials",
        ),
    ] {
        let mut faults = Faults::default();
        assert!(
            crate::build("v", &serde_json::from_value(config).unwrap(), &stopped(), &mut faults).is_none()
        );
        assert_eq!(faults.problems()[0].path, path);
        assert!(!faults.to_string().contains("hush"), "{faults}");
    }
}

#[test]
fn mistral_is_told_of_calls_in_its_own_way() {
    let provider = built(plain("us-central1"));
    for (model, own) in [("mistral-medium-3", true), ("meta/llama-3.3-70b-instruct-maas", false)] {
        let body = json!({ "model": model, "max_tokens": 5, "messages": [
            { "role": "user", "content": "go" },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_1", "name": "f", "input": {} }] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "toolu_1", "content": "1" },
                { "type": "text", "text": "so" }] }] });
        let asked = wire::read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
        let (bytes, _) = provider.translate(&asked, Dialect::OpenaiChat).unwrap();
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        let id = written["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
        assert_eq!((id == "toolu_1", id.len() == 9), (!own, own), "{id}");
        assert_eq!(written["messages"][3]["role"], if own { "assistant" } else { "user" });
    }
}
