//! Headers on their way through: what goes on to the provider, what stays here, what is kept.

use serde_json::{Value, json};

use super::{PIECES, TOKENS};
use crate::kinds::Kind;
use crate::setup::Bench;
use crate::speech::Speech;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_clients_headers_stay_here_but_for_those_of_its_dialect() {
    let bench = Bench::start().await;
    for (speech, kind, beta) in [
        (Speech::Openai, Kind::Openai, "openai-beta"),
        (Speech::Anthropic, Kind::Claude, "anthropic-beta"),
        (Speech::Openai, Kind::Google, ""),
    ] {
        bench.upstream.then(kind.says(false, &PIECES, TOKENS));
        let client = speech.client(&bench);
        let client = client.with("openai-beta", "beta").with("anthropic-beta", "beta");
        let client = client.with("cookie", "a=b").with("openai-organization", "org").with("x-own", "1");
        let client = client.with("x-forwarded-for", "192.0.2.1").with("traceparent", TRACE);
        let answer = client.post(speech.path(), &speech.ask(&kind.model(), "Say hello", false)).await;
        assert_eq!(answer.status, 200);
        let call = bench.upstream.seen().pop().unwrap();
        for name in ["cookie", "openai-organization", "x-own", "x-forwarded-for", "x-pathgate-user"] {
            assert!(!call.headers.contains_key(name), "{name} went to {kind:?}");
        }
        for name in ["openai-beta", "anthropic-beta"] {
            assert_eq!(call.headers.contains_key(name), name == beta, "{name} to {kind:?}");
        }
        // The same trace, another parent: this attempt.
        let trace = call.header("traceparent");
        assert!(trace.starts_with(&TRACE[..36]) && trace.ends_with("-01") && trace != TRACE, "{trace}");
        let kept = bench.kept(&answer).await;
        assert_eq!(kept.request["trace_id"], TRACE[3..35]);
    }
}

#[tokio::test]
async fn users_and_tags_are_kept() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        let mut request = speech.ask("demo/echo", "Say hello", false);
        match speech {
            Speech::Openai => request["user"] = json!("of the body"),
            Speech::Anthropic => request["metadata"] = json!({ "user_id": "of the body" }),
        }
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        let kept = bench.kept(&answer).await.request;
        assert_eq!((&kept["user"], &kept["tags"]), (&json!("of the body"), &json!([])));

        let client = speech.client(&bench).with("x-pathgate-user", "of the header");
        let client = client.with("x-pathgate-tags", "team=blue, urgent");
        let kept = bench.kept(&client.post(speech.path(), &request).await).await.request;
        assert_eq!(kept["user"], "of the header");
        assert_eq!(
            kept["tags"],
            json!([{ "name": "team", "value": "blue" }, { "name": "urgent", "value": "" }])
        );

        let many = vec!["a=b"; 17].join(",");
        let answer = speech.client(&bench).with("x-pathgate-tags", &many).post(speech.path(), &request).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json().await["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn the_limit_of_the_key_is_told_with_every_answer() {
    let setup = crate::setup::Setup::new();
    let setup = setup.key("{ name: limited, key: a-key-with-a-limit, limits: { requests: 2/hour } }");
    let bench = setup.start().await;
    let client = bench.gateway.client().bearer("a-key-with-a-limit");
    let request = Speech::Openai.ask("demo/echo", "Say hello", false);
    for left in ["1", "0"] {
        let answer = client.post(Speech::Openai.path(), &request).await;
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "2");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), left);
        assert!(!answer.header("x-ratelimit-reset-requests").is_empty());
    }
    for (speech, kind) in [(Speech::Openai, "rate_limit_error"), (Speech::Anthropic, "rate_limit_error")] {
        let answer = client.post(speech.path(), &speech.ask("demo/echo", "Say hello", false)).await;
        assert_eq!(answer.status, 429);
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
        let body: Value = answer.json().await;
        assert_eq!(body["error"]["type"], kind, "{body}");
    }
}
