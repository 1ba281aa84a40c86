//! Turns of which nothing came, though their provider calls them answers: somebody else is asked, and they are paid for.

use serde_json::{Value, json};
use testkit::shapes::anthropic;
use testkit::upstream::Reply;

use super::{TOKENS, called, outcomes};
use crate::setup::{Setup, request_id};
use crate::speech::Speech;

const ROUTES: &str = "models:
  chain:
    route:
      targets: [ { to: google/gemini-2.5-flash } ]
      fallback: [ claude/claude-haiku-4-5 ]
      retry: { per_deployment: 1, base: 1ms }
";

fn failed() -> Value {
    json!({ "candidates": [{ "content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0,
        "finishMessage": "Malformed function call: f(" }],
        "usageMetadata": { "promptTokenCount": 1000, "totalTokenCount": 1000 } })
}

#[tokio::test]
async fn a_turn_that_came_to_nothing_is_asked_for_elsewhere() {
    let bench = Setup::new().section(ROUTES).start().await;
    for speech in Speech::ALL {
        for stream in [false, true] {
            let what = format!("{speech:?} {stream}");
            let before = bench.upstream.seen().len();
            let frame = format!("data: {}\r\n\r\n", failed());
            bench.upstream.then(if stream { Reply::sse([frame]) } else { Reply::json(200, &failed()) });
            bench.upstream.then(match stream {
                true => Reply::sse(anthropic::text_stream(&["Hel", "lo"], TOKENS)),
                false => Reply::json(200, &anthropic::text("Hello", TOKENS)),
            });
            let request = speech.ask("chain", "Say hello", stream);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(answer.header("x-pathgate-model"), "claude/claude-haiku-4-5", "{what}");
            let id = request_id(&answer);
            drop(answer.bytes().await);
            assert_eq!(called(&bench)[before..], ["google", "claude"], "{what}");
            let kept = bench.kept_of(&id).await;
            assert_eq!(outcomes(&kept), [("failed", "upstream_error"), ("answered", "")], "{what}");
            let spent = &kept.attempts[0];
            assert_eq!(
                (&spent["cost_kind"], &spent["usage_source"]),
                (&json!("exact"), &json!("reported")),
                "{what}"
            );
            assert!(spent["cost_nano_usd"].as_u64() > Some(0), "{what}: {spent}");
        }
    }
}

#[tokio::test]
async fn what_went_wrong_is_told_where_nobody_else_can_be_asked() {
    let bench = Setup::new().start().await;
    for speech in Speech::ALL {
        bench.upstream.always(Reply::json(200, &failed()));
        let request = speech.ask("google/gemini-2.5-flash", "Say hello", false);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        assert!(answer.status.as_u16() >= 500, "{speech:?}");
        let error = answer.json().await;
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("MALFORMED_FUNCTION_CALL") && message.contains("f("), "{message}");
    }
}

#[tokio::test]
async fn a_client_of_the_same_dialect_gets_it_as_it_is() {
    let bench = Setup::new().start().await;
    bench.upstream.then(Reply::json(200, &failed()));
    let path = "/v1beta/models/google/gemini-2.5-flash:generateContent";
    let answer = bench.openai().post(path, &json!({ "contents": [{ "parts": [{ "text": "hi" }] }] })).await;
    assert_eq!((answer.status.as_u16(), answer.json().await), (200, failed()));
}
