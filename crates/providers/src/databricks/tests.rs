//! What is special about Databricks workspaces.

use contract::words::{Dialect, Operation};
use http::Method;
use serde_json::json;

use crate::conformance::{Script, body_of, built, chat};

#[test]
fn a_service_principal_gets_a_token_from_the_workspace() {
    let provider = built(json!({ "kind": "databricks", "base_url": "https://dbc-1.cloud.databricks.com",
        "client_id": "id", "client_secret": "se:cret" }));
    let script = Script::answering(r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#);
    chat(&*provider, &script, &[]);
    let asked = script.sent();
    assert_eq!(
        (asked.method.clone(), asked.uri.to_string()),
        (Method::POST, "https://dbc-1.cloud.databricks.com/oidc/v1/token".to_owned())
    );
    assert_eq!(asked.headers["authorization"], "Basic aWQ6c2U6Y3JldA==");
    assert!(asked.headers["authorization"].is_sensitive());
    assert_eq!(body_of(asked), "grant_type=client_credentials&scope=all-apis");
    let sent = script.sent();
    assert_eq!(sent.uri, "https://dbc-1.cloud.databricks.com/serving-endpoints/chat/completions");
    assert_eq!(sent.headers["authorization"], "Bearer t-1");
}

#[test]
fn the_list_names_endpoints_by_task() {
    let provider = built(
        json!({ "kind": "databricks", "api_key": "k", "base_url": "https://dbc-1.test/serving-endpoints/" }),
    );
    let list = json!({ "endpoints": [
        { "name": "mine", "task": "llm/v1/chat" },
        { "name": "vectors", "task": "llm/v1/embeddings" },
        { "name": "an-agent", "task": "agent/v1/responses" },
        { "name": "databricks-bge-large" },
    ] });
    let cards = Script::answering(&list.to_string()).discover(&*provider).unwrap();
    let names: Vec<_> = cards.iter().map(|card| (card.name.as_str(), card.operations[0])).collect();
    let expected = [
        ("mine", Operation::Chat),
        ("vectors", Operation::Embeddings),
        ("databricks-bge-large", Operation::Embeddings),
    ];
    assert_eq!(names, expected);
}

#[test]
fn some_speak_their_makers_dialect() {
    let provider = built(json!({ "kind": "databricks", "api_key": "k", "base_url": "https://dbc-1.test" }));
    let dialect = |client, model| provider.dialect(client, model).unwrap();
    let (messages, responses) = (Dialect::AnthropicMessages, Dialect::OpenaiResponses);
    assert_eq!(dialect(messages, "databricks-claude-sonnet-4-5"), messages);
    assert_eq!(dialect(responses, "databricks-gpt-5-mini"), responses);
    assert_eq!(dialect(messages, "databricks-llama"), Dialect::OpenaiChat);
}
