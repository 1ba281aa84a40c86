//! What is special about watsonx.ai.

use contract::ports::UpstreamFailure;
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use serde_json::{Value, json};

use crate::conformance::{Script, body_of, built, call, calling, now, stopped};

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

fn instance() -> contract::ports::SharedProvider {
    built(
        json!({ "kind": "watsonx", "access_token": "t-0", "base_url": "https://eu-de.test", "project_id": "p" }),
    )
}

/// What a client asks for in a dialect, as it is sent, what got lost, and what comes back.
fn exchanged((client, target): (Dialect, Dialect), asked: &Value, answer: &Value) -> (Value, String, Value) {
    let (provider, script) = (instance(), Script::answering(&answer.to_string()));
    assert_eq!(provider.dialect(client, "ibm/slate"), Some(target));
    assert!(!provider.verbatim(target));
    let asked = wire::read_request(client, asked.to_string().as_bytes()).unwrap();
    let (body, lost) = provider.translate(&asked, target).unwrap();
    let (headers, timeouts) = (http::HeaderMap::new(), contract::ports::Timeouts::default());
    let (model, body) = ("ibm/slate", [body].into());
    let call = contract::ports::Call {
        dialect: target,
        model,
        stream: false,
        body,
        headers: &headers,
        traceparent: None,
        timeouts,
    };
    let reply = now(provider.call(call, &script)).unwrap();
    let contract::Body::Full(told) = reply.body else { panic!("a text") };
    let sent = script.sent();
    let place = if target == Dialect::CohereRerank { "rerank" } else { "embeddings" };
    assert_eq!(sent.uri.to_string(), format!("https://eu-de.test/ml/v1/text/{place}?version=2025-10-01"));
    (serde_json::from_str(&body_of(sent)).unwrap(), lost.to_string(), serde_json::from_slice(&told).unwrap())
}

#[test]
fn vectors_have_a_form_of_their_own() {
    let vectors = Dialect::OpenaiEmbeddings;
    let answer = json!({ "model_id": "ibm/slate", "created_at": "2025-10-01T00:00:00Z", "input_token_count": 7,
        "results": [{ "embedding": [0.5, -0.25] }, { "embedding": [1, 2] }] });
    for (input, inputs) in [(json!("a"), json!(["a"])), (json!(["a", "b"]), json!(["a", "b"]))] {
        let asked = json!({ "model": "m", "input": input, "encoding_format": "base64" });
        let (sent, lost, told) = exchanged((vectors, vectors), &asked, &answer);
        assert_eq!(sent, json!({ "inputs": inputs, "model_id": "ibm/slate", "project_id": "p" }));
        assert_eq!(lost, "");
        assert_eq!((&told["data"][1]["embedding"], &told["data"][1]["index"]), (&json!([1, 2]), &json!(1)));
        assert_eq!((&told["model"], &told["usage"]["prompt_tokens"]), (&json!("ibm/slate"), &json!(7)));
    }
    let asked = json!({ "model": "m", "input": "a", "dimensions": 4, "user": "u",
        "parameters": { "truncate_input_tokens": 9 } });
    let (sent, lost, _) = exchanged((vectors, vectors), &asked, &answer);
    assert_eq!(
        (&sent["parameters"]["truncate_input_tokens"], lost.as_str()),
        (&json!(9), "dimensions, user")
    );
    let tokens = wire::read_request(vectors, br#"{"model":"m","input":[[1,2]]}"#).unwrap();
    assert_eq!(instance().translate(&tokens, vectors).unwrap_err().param(), Some("input[0]"));
}

#[test]
fn relevance_has_a_form_of_its_own() {
    let rerank = Dialect::CohereRerank;
    let answer = json!({ "model_id": "ibm/slate", "input_token_count": 9,
        "results": [{ "index": 1, "score": 0.5, "input": { "text": "b" } }] });
    let asked = json!({ "model": "m", "query": "q", "documents": ["a", { "text": "b" }], "top_n": 1, "return_documents": true });
    let (sent, lost, told) = exchanged((rerank, rerank), &asked, &answer);
    let parameters = json!({ "return_options": { "top_n": 1, "inputs": true } });
    let expected = json!({ "query": "q", "inputs": [{ "text": "a" }, { "text": "b" }], "parameters": parameters,
        "model_id": "ibm/slate", "project_id": "p" });
    assert_eq!((sent, lost.as_str()), (expected, ""));
    let results = json!([{ "index": 1, "relevance_score": 0.5, "document": { "text": "b" } }]);
    assert_eq!((&told["results"], &told["meta"]["tokens"]["input_tokens"]), (&results, &json!(9)));
    let (sent, _, _) = exchanged(
        (Dialect::VoyageRerank, rerank),
        &json!({ "model": "m", "query": "q", "documents": ["a"] }),
        &answer,
    );
    assert_eq!(sent.get("parameters"), None);
}

#[test]
fn what_is_no_answer_is_not_made_one() {
    let vectors = Dialect::OpenaiEmbeddings;
    for answer in ["[", r#"{"results":[{}]}"#] {
        let (provider, script) = (instance(), Script::answering(answer));
        let reply = call(&*provider, &script, Operation::Embeddings, false, "m");
        assert!(matches!(reply, Err(UpstreamFailure::Unreadable(_))), "{answer}");
    }
    let refused = Script::refusing(400, r#"{"errors":[{"code":"c","message":"no"}]}"#);
    let reply = call(&*instance(), &refused, Operation::Embeddings, false, "m").unwrap();
    let contract::Body::Full(told) = reply.body else { panic!("a text") };
    assert!(told.starts_with(br#"{"errors""#));
    assert_eq!(instance().dialect(vectors, "deployment/d-1"), None);
}

#[test]
fn models_are_listed_for_what_they_do() {
    let list = json!({ "resources": [
        { "model_id": "a", "functions": [{ "id": "text_chat" }, { "id": "text_generation" }] },
        { "model_id": "b", "functions": [{ "id": "embedding" }, { "id": "rerank" }] },
        { "model_id": "c", "functions": [{ "id": "time_series_forecast" }] },
        { "model_id": "d" },
    ] });
    let cards = Script::answering(&list.to_string()).discover(&*instance()).unwrap();
    let does: Vec<_> = cards.iter().map(|card| (card.name.as_str(), &card.operations[..])).collect();
    let (chat, texts) = (&[Operation::Chat][..], &[Operation::Embeddings, Operation::Rerank][..]);
    assert_eq!(does, [("a", chat), ("b", texts), ("d", chat)]);
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
