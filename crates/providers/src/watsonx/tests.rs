//! What is special about watsonx.ai.

use contract::settings::Faults;
use contract::words::Operation;
use serde_json::{Value, json};

use crate::conformance::{Script, body_of, built, call, calling, stopped};

const TOKEN: &str =
    r#"{"access_token":"t-1","refresh_token":"not_supported","expires_in":3600,"expiration":1}"#;

fn config() -> Value {
    json!({ "kind": "watsonx", "api_key": "k-1", "base_url": "https://eu-de.test", "project_id": "p\"1" })
}

#[test]
fn the_key_buys_a_token_and_stays_at_home() {
    let (provider, script) = (built(config()), Script::answering(TOKEN));
    call(&*provider, &script, Operation::Chat, true, "ibm/granite").unwrap();
    let asked = script.sent();
    assert_eq!(asked.uri, "https://iam.cloud.ibm.com/identity/token");
    assert_eq!(body_of(asked), "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=k-1");
    let sent = script.sent();
    assert_eq!(sent.uri, "https://eu-de.test/ml/v1/text/chat_stream?version=2025-10-01");
    assert_eq!(sent.headers["authorization"], "Bearer t-1");
    assert!(!format!("{:?}", sent.headers).contains("k-1"));
    let body: Value = serde_json::from_str(&body_of(sent)).unwrap();
    assert_eq!(body, json!({ "model_id": "ibm/granite", "project_id": "p\"1" }));
}

#[test]
fn fields_get_the_names_they_have_here() {
    let (provider, script) = (built(config()), Script::answering(TOKEN));
    for (tool_choice, name) in
        [(json!("auto"), "tool_choice_option"), (json!({ "type": "function" }), "tool_choice")]
    {
        let body = json!({ "model": "m", "stream": true, "stream_options": { "include_usage": true },
            "max_completion_tokens": 5, "tool_choice": tool_choice, "time_limit": 9 });
        calling(&*provider, &script, "m", &body);
        if name == "tool_choice_option" {
            script.sent();
        }
        let mut expected = json!({ "model_id": "m", "project_id": "p\"1", "max_tokens": 5, "time_limit": 9 });
        expected[name] = tool_choice;
        assert_eq!(serde_json::from_str::<Value>(&body_of(script.sent())).unwrap(), expected);
    }
}

#[test]
fn deployments_know_their_model() {
    let config = json!({ "kind": "watsonx", "access_token": "t-0", "base_url": "https://eu-de.test", "space_id": "s" });
    let (provider, script) = (built(config), Script::answering("{}"));
    call(&*provider, &script, Operation::Chat, false, "deployment/d-1").unwrap();
    let sent = script.sent();
    assert_eq!(sent.uri, "https://eu-de.test/ml/v1/deployments/d-1/text/chat?version=2025-10-01");
    assert_eq!(sent.headers["authorization"], "Bearer t-0");
    assert_eq!(body_of(sent), "{}");
}

#[test]
fn one_credential_is_needed() {
    for config in [
        json!({ "kind": "watsonx", "base_url": "https://a.test" }),
        json!({ "kind": "watsonx", "base_url": "https://a.test", "api_key": "k", "access_token": "t" }),
        json!({ "kind": "watsonx", "base_url": "https://a.test", "api_key": "k", "token_url": "iam" }),
        json!({ "kind": "watsonx", "base_url": "https://a.test", "api_key": "k", "project_id": "p", "space_id": "s" }),
        json!({ "kind": "watsonx", "api_key": "k" }),
    ] {
        let mut faults = Faults::default();
        assert!(
            crate::build("wx", &serde_json::from_value(config).unwrap(), &stopped(), &mut faults).is_none()
        );
        assert!(!faults.is_empty());
    }
}
