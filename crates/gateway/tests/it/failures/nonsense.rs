//! Answers that are none: not JSON, not what was asked for, not complete, not even HTTP.

use serde_json::json;
use testkit::upstream::{Break, Reply};

use super::TOKENS;
use crate::kinds::Kind;
use crate::setup::{Bench, Setup, request_id};
use crate::speech::Speech;

/// What comes in place of an answer, the code it is for the client, and whether it was asked for once more.
fn nonsense(kind: Kind) -> Vec<(&'static str, Reply, &'static str, bool)> {
    let whole = kind.says(false, &["Hello"], TOKENS);
    let len = whole.body_len();
    vec![
        ("half JSON", Reply::text(200, "application/json", "{\"choices\":[{"), "upstream_invalid", false),
        ("no JSON", Reply::text(200, "application/json", "Hello"), "upstream_invalid", false),
        ("nothing", Reply::text(200, "application/json", ""), "upstream_invalid", false),
        ("no content", Reply::text(204, "application/json", ""), "upstream_invalid", false),
        ("a page", Reply::text(200, "text/html", "<html>Sign in</html>"), "upstream_invalid", false),
        (
            "a page of an error",
            Reply::text(502, "text/html", "<html>Bad gateway</html>"),
            "upstream_error",
            true,
        ),
        (
            "elsewhere",
            Reply::text(302, "text/html", "").header("location", "http://192.0.2.1/"),
            "upstream_error",
            true,
        ),
        ("too short", whole.clone().declared_len(len + 1), "upstream_interrupted", false),
        ("torn", whole.broken_at(len / 2, Break::Close), "upstream_interrupted", false),
        ("reset", Reply::silent(Break::Reset), "upstream_interrupted", true),
        ("closed", Reply::silent(Break::Close), "upstream_interrupted", true),
        ("not HTTP", Reply::raw("SSH-2.0-OpenSSH\r\n"), "upstream_interrupted", true),
        ("a head without end", Reply::raw("HTTP/1.1 200 OK\r\ncontent-"), "upstream_interrupted", true),
    ]
}

/// One kind for each way through the gateway.
const WAYS: [(Speech, Kind); 5] = [
    (Speech::Openai, Kind::House),
    (Speech::Openai, Kind::Claude),
    (Speech::Openai, Kind::Google),
    (Speech::Anthropic, Kind::Claude),
    (Speech::Anthropic, Kind::House),
];

async fn check(stream: bool) {
    let routes = Kind::SCRIPTED.map(|kind| {
        let account = kind.account();
        format!(
            "  {account}: {{ route: {{ targets: [ {{ to: {} }} ], retry: {{ base: 1ms }} }} }}\n",
            kind.model()
        )
    });
    let bench = Setup::new().section(&format!("models:\n{}", routes.concat())).start().await;
    let mut told = Vec::new();
    for (speech, kind) in WAYS {
        for (name, reply, code, again) in nonsense(kind) {
            let what = format!("{name}: {speech:?} → {kind:?}");
            let attempts = if again { 2 } else { 1 };
            for _ in 0..attempts {
                bench.upstream.then(reply.clone());
            }
            let request = speech.ask(kind.account(), "Say hello", stream);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (502, code), "{what}");
            assert_eq!(answer.header("x-pathgate-attempts"), attempts.to_string(), "{what}");
            assert_eq!(answer.header("content-type"), "application/json", "{what}");
            told.push((request_id(&answer), attempts, what.clone()));
            let body = answer.json().await;
            let error = if speech == Speech::Openai { "server_error" } else { "api_error" };
            assert_eq!(body["error"]["type"], error, "{what}: {body}");
            for inside in ["html", "192.0.2.1", "SSH", "expected value"] {
                assert!(!body.to_string().contains(inside), "{what}: {body}");
            }
        }
    }
    for (id, attempts, what) in told {
        let kept = bench.kept_of(&id).await;
        assert_eq!(kept.attempts.len(), attempts, "{what}");
        assert_eq!(kept.request["outcome"], "failed", "{what}");
        assert!(kept.request["detail"].is_string(), "{what}: the operator is told more");
    }
}

#[tokio::test]
async fn for_a_whole_answer() {
    check(false).await;
}

#[tokio::test]
async fn for_a_stream() {
    check(true).await;
}

#[tokio::test]
async fn json_of_another_shape() {
    let bench = Bench::start().await;
    let bodies: [&[u8]; 8] = [
        b"[]",
        b"7",
        b"null",
        b"{}",
        b"{\"choices\":{}}",
        b"{\"content\":7}",
        b"{\"error\":{\"message\":\"late\"}}",
        b"{\"id\":\"not UTF-8: \xff\"}",
    ];
    for body in bodies {
        let what = String::from_utf8_lossy(body);
        for (speech, kind) in [
            (Speech::Openai, Kind::Claude),
            (Speech::Openai, Kind::Google),
            (Speech::Anthropic, Kind::House),
            (Speech::Anthropic, Kind::Google),
        ] {
            bench.upstream.then(Reply::text(200, "application/json", body));
            let request = speech.ask(&kind.model(), "Say hello", false);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(
                answer.header("x-pathgate-error"),
                "upstream_invalid",
                "{what}: {speech:?} → {kind:?}"
            );
            assert_eq!(answer.status, 502);
        }
        // The same dialect: what is JSON passes.
        bench.upstream.then(Reply::text(200, "application/json", body));
        let answer =
            bench.openai().post("/v1/chat/completions", &Speech::Openai.ask("house/x", "Hello", false)).await;
        assert_eq!((answer.status.as_u16(), &answer.bytes().await[..]), (200, body), "{what}");
    }
    // What cannot be understood may have been paid for all the same.
    let lines = bench.list("ledger?provider=claude", 8).await;
    assert!(lines.iter().all(|line| line["usage_source"] == "estimated"), "{}", json!(lines));
}

/// An account whose first provider tells an error where its answer should be, and another one behind it.
const FALLBACK: &str = "models:\n  one: { route: { targets: [{ to: house/some }], fallback: [openai/some], retry: { per_deployment: 1 } } }\n  \
     two: { route: { targets: [{ to: claude/claude-haiku-4-5 }], retry: { per_deployment: 1 } } }\n  \
     three: { route: { targets: [{ to: google/gemini-2.5-flash }], retry: { per_deployment: 1 } } }";

#[tokio::test]
async fn an_error_that_is_called_an_answer_is_one_all_the_same() {
    let bench = Setup::new().section(FALLBACK).start().await;
    let busy = json!({ "error": { "message": "Too busy.", "type": "overloaded", "code": 503 } });
    bench.upstream.then(Reply::json(200, &busy)).then(Kind::House.says(false, &["Hello"], TOKENS));
    let answer =
        bench.openai().post("/v1/chat/completions", &Speech::Openai.ask("one", "Hello", false)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"));
    let kept = bench.kept(&answer).await;
    assert_eq!(
        (&kept.attempts[0]["outcome"], &kept.attempts[0]["error"]),
        (&json!("failed"), &json!("upstream_overloaded"))
    );
    assert_eq!(
        (&kept.attempts[0]["usage_source"], &kept.attempts[0]["cost_kind"]),
        (&json!("none"), &json!("nothing"))
    );

    let error = json!({ "type": "error", "error": { "type": "rate_limit_error", "message": "Too many." } });
    bench.upstream.then(Reply::json(200, &error));
    let answer = bench.anthropic().post("/v1/messages", &Speech::Anthropic.ask("two", "Hello", false)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (429, "upstream_rate_limited"));
    let kept = bench.kept(&answer).await;
    assert_eq!(kept.attempts[0]["cost_kind"], "nothing");
    assert_eq!(answer.json().await["error"], error["error"]);

    let error = json!({ "error": { "code": 400, "message": "No.", "status": "INVALID_ARGUMENT" } });
    bench.upstream.then(Reply::json(200, &error));
    let ask = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }] });
    let answer = bench.gateway.client().with("x-goog-api-key", crate::setup::KEY);
    let answer = answer.post("/v1beta/models/three:generateContent", &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "upstream_rejected"));
    assert_eq!(bench.kept(&answer).await.attempts[0]["cost_kind"], "nothing");
}
