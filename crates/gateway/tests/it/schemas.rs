//! Answers that are to follow a schema, at providers that take less of it than clients say.

use serde_json::{Value, json};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::Reply;

use crate::setup::{Bench, Setup};

const TOKENS: Tokens = Tokens { input: 9, cached: 0, output: 2, reasoning: 0 };

async fn start() -> Bench {
    Setup::new()
        .provider("seek: { kind: deepseek, base_url: \"{upstream}/seek\", api_key: sk-seek, models: [m] }")
        .start()
        .await
}

fn ask(format: &Value) -> Value {
    json!({ "model": "seek/m", "messages": [{ "role": "user", "content": "Hi" }], "response_format": format })
}

#[tokio::test]
async fn a_schema_is_told_where_only_json_is_enforced() {
    let bench = start().await;
    let schema = json!({ "type": "object", "properties": { "legs": { "type": "integer" } } });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "animal", "schema": schema } });
    bench.upstream.then(Reply::json(200, &openai::text("{}", TOKENS)));
    let answer = bench.openai().post("/v1/chat/completions", &ask(&format)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "response_format"));
    let sent = bench.upstream.seen().pop().unwrap().json();
    assert_eq!(sent["response_format"], json!({ "type": "json_object" }));
    assert!(sent["messages"].to_string().contains("legs"), "{sent}");

    // What it takes passes as it is.
    bench.upstream.then(Reply::json(200, &openai::text("{}", TOKENS)));
    let answer = bench.openai().post("/v1/chat/completions", &ask(&json!({ "type": "json_object" }))).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""));
    let sent = bench.upstream.seen().pop().unwrap().json();
    assert_eq!(sent["messages"], json!([{ "role": "user", "content": "Hi" }]));

    let strict = bench.openai().with("x-pathgate-strict", "true");
    let refused = strict.post("/v1/chat/completions", &ask(&format)).await;
    assert_eq!(refused.status, 400);
}
