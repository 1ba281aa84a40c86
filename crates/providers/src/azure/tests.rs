//! What is special about Azure.

use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use serde_json::{Value, json};

use super::places::{Api, of};
use crate::conformance::{Script, asking, body_of, built, call, chat, stopped};

#[test]
fn endpoints_are_understood_as_the_portal_shows_them() {
    let dated = |version: &str| Api::Dated(version.to_owned());
    let inference = |version: &str| Api::Inference { version: version.to_owned() };
    for (given, version, base, api) in [
        ("https://r.openai.azure.com/", None, "https://r.openai.azure.com", Api::V1),
        ("https://r.openai.azure.com/openai/v1/", None, "https://r.openai.azure.com", Api::V1),
        (
            "https://r.openai.azure.com/openai",
            Some("2024-10-21"),
            "https://r.openai.azure.com",
            dated("2024-10-21"),
        ),
        ("https://r.test/openai/v1?api-version=v1", None, "https://r.test", Api::V1),
        ("https://r.test?api-version=2024-02-01", None, "https://r.test", dated("2024-02-01")),
        (
            "https://r.services.ai.azure.com/models",
            None,
            "https://r.services.ai.azure.com",
            inference("2024-05-01-preview"),
        ),
        ("https://gateway.test/azure/v1", None, "https://gateway.test/azure/v1", Api::V1),
    ] {
        assert_eq!(of(given, version), (base.to_owned(), api), "{given}");
    }
}

fn url(config: Value, operation: Operation, model: &str) -> String {
    let (provider, script) = (built(config), Script::answering("{}"));
    call(&*provider, &script, operation, false, model).unwrap();
    script.sent().uri.to_string()
}

#[test]
fn each_api_has_its_paths() {
    let v1 = json!({ "kind": "azure", "resource": "r", "api_key": "k" });
    let dated = json!({ "kind": "azure", "resource": "r", "api_key": "k", "api_version": "2024-10-21" });
    let other =
        json!({ "kind": "azure", "base_url": "https://r.services.ai.azure.com/models", "api_key": "k" });
    for (config, operation, model, expected) in [
        (&v1, Operation::Chat, "d", "https://r.openai.azure.com/openai/v1/chat/completions"),
        (&v1, Operation::Embeddings, "d", "https://r.openai.azure.com/openai/v1/embeddings"),
        (&v1, Operation::Chat, "claude-sonnet-4-5", "https://r.openai.azure.com/anthropic/v1/messages"),
        (
            &dated,
            Operation::Chat,
            "my/d",
            "https://r.openai.azure.com/openai/deployments/my%2Fd/chat/completions?api-version=2024-10-21",
        ),
        (
            &other,
            Operation::Chat,
            "d",
            "https://r.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
    ] {
        assert_eq!(url(config.clone(), operation, model), expected);
    }
    let dialect = |config: &Value, model| built(config.clone()).dialect(Dialect::OpenaiResponses, model);
    assert_eq!(dialect(&v1, "d"), Some(Dialect::OpenaiResponses));
    assert_eq!(dialect(&dated, "d"), Some(Dialect::OpenaiChat));
    assert_eq!(dialect(&v1, "claude-sonnet-4-5"), Some(Dialect::AnthropicMessages));
    let chat = |config: &Value, model| built(config.clone()).dialect(Dialect::OpenaiChat, model);
    assert_eq!(chat(&v1, "gpt-5-codex"), Some(Dialect::OpenaiResponses));
    assert_eq!(chat(&dated, "gpt-5-codex"), Some(Dialect::OpenaiChat), "it has no responses");
    assert_eq!(dialect(&v1, "gpt-4o-audio-preview"), Some(Dialect::OpenaiChat));
    for (config, keeps) in [(&v1, true), (&dated, false), (&other, false)] {
        assert_eq!(built(config.clone()).keeps(), keeps, "{config}");
    }
}

#[test]
fn pictures_and_sound_have_paths_in_each_api() {
    let edits = Dialect::OpenaiImageEdits;
    for (version, changed) in [
        (None, true),
        (Some("2024-10-21"), false),
        (Some("2025-03-01-preview"), false),
        (Some("2025-04-01-preview"), true),
    ] {
        let mut config = json!({ "kind": "azure", "resource": "r", "api_key": "k" });
        if let Some(version) = version {
            config["api_version"] = json!(version);
        }
        let provider = built(config);
        for (dialect, path) in [
            (Dialect::OpenaiImages, "/images/generations"),
            (edits, "/images/edits"),
            (Dialect::OpenaiSpeech, "/audio/speech"),
            (Dialect::OpenaiTranscriptions, "/audio/transcriptions"),
            (Dialect::OpenaiTranslations, "/audio/translations"),
        ] {
            let spoken = provider.dialect(dialect, "d");
            if dialect == edits && !changed {
                assert_ne!(spoken, Some(edits), "{version:?}");
                continue;
            }
            assert_eq!(spoken, Some(dialect), "{version:?}");
            let script = Script::answering("{}");
            asking(&*provider, &script, (dialect, "d"), &json!({}));
            let place = match version {
                None => format!("/openai/v1{path}"),
                Some(version) => format!("/openai/deployments/d{path}?api-version={version}"),
            };
            assert_eq!(script.sent().uri.to_string(), format!("https://r.openai.azure.com{place}"));
        }
        assert_eq!(provider.dialect(Dialect::OpenaiModerations, "d"), None, "it has none");
    }
}

#[test]
fn a_service_principal_gets_a_token_of_entra() {
    let provider = built(
        json!({ "kind": "azure", "resource": "r", "tenant_id": "t", "client_id": "c", "client_secret": "s&s" }),
    );
    let script = Script::answering(r#"{"access_token":"t-1","expires_in":"3599"}"#);
    chat(&*provider, &script, &[]);
    let asked = script.sent();
    assert_eq!(asked.uri, "https://login.microsoftonline.com/t/oauth2/v2.0/token");
    let scope = "https%3A%2F%2Fcognitiveservices.azure.com%2F.default";
    let expected = format!("grant_type=client_credentials&client_id=c&client_secret=s%26s&scope={scope}");
    assert_eq!(body_of(asked), expected);
    let sent = script.sent();
    assert_eq!(sent.headers["authorization"], "Bearer t-1");
    assert!(!sent.headers.contains_key("api-key"));
    chat(&*provider, &script, &[]);
    assert_eq!(script.sent().headers["authorization"], "Bearer t-1", "the token is kept");
}

#[test]
fn a_token_may_be_given() {
    let provider = built(json!({ "kind": "azure", "resource": "r", "access_token": "t-0" }));
    let script = Script::answering("{}");
    chat(&*provider, &script, &[]);
    let sent = script.sent();
    assert_eq!(sent.headers["authorization"], "Bearer t-0");
    assert!(sent.headers["authorization"].is_sensitive());
}

#[test]
fn one_credential_is_needed_and_a_place() {
    for (config, path) in [
        (json!({ "kind": "azure", "resource": "r" }), "providers.az"),
        (json!({ "kind": "azure", "resource": "r", "api_key": "k", "access_token": "t" }), "providers.az"),
        (json!({ "kind": "azure", "resource": "r", "client_id": "k" }), "providers.az"),
        (json!({ "kind": "azure", "api_key": "k" }), "providers.az.resource"),
        (json!({ "kind": "azure", "resource": "r.test/x", "api_key": "k" }), "providers.az.resource"),
        (
            json!({ "kind": "azure", "resource": "r", "tenant_id": "t", "client_id": "c", "client_secret": "s",
                "authority": "login.test" }),
            "providers.az.authority",
        ),
    ] {
        let mut faults = Faults::default();
        assert!(
            crate::build("az", &serde_json::from_value(config).unwrap(), &stopped(), &mut faults).is_none()
        );
        assert_eq!(faults.problems()[0].path, path);
    }
}
