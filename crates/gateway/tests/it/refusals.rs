//! Requests that cannot be served: told apart by stable codes, in the dialect of the client, before anybody is called.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::shapes::Tokens;

use crate::kinds::Kind;
use crate::setup::{Bench, request_id};
use crate::speech::Speech;

/// A body, the status, the code, and the field at fault.
struct Case(Vec<u8>, u16, &'static str, Option<&'static str>);

fn case(body: &str, code: &'static str, param: Option<&'static str>) -> Case {
    Case(body.as_bytes().to_vec(), 400, code, param)
}

/// Bodies that no client dialect allows, whichever provider is behind.
fn bodies() -> Vec<Case> {
    let deep = format!("{{\"model\":\"house/x\",\"messages\":{}", "[".repeat(100_000));
    vec![
        case("", "invalid_json", None),
        case("{", "invalid_json", None),
        case("{\"model\":\"house/x\",}", "invalid_json", None),
        case("{\"model\":\"house/x\"} {}", "invalid_json", None),
        case("{'model':'house/x'}", "invalid_json", None),
        case("\u{feff}{\"model\":\"house/x\"}", "invalid_json", None),
        case(&deep, "invalid_json", None),
        Case(b"{\"model\":\"house/\xff\"}".to_vec(), 400, "invalid_encoding", None),
        case("[]", "invalid_request", None),
        case("\"house/x\"", "invalid_request", None),
        case("{}", "invalid_request", Some("model")),
        case("{\"model\":null}", "invalid_request", Some("model")),
        case("{\"model\":7}", "invalid_request", Some("model")),
        case("{\"model\":\"house/x\",\"model\":\"demo/echo\"}", "invalid_request", Some("model")),
        case("{\"model\":\"house/x\",\"stream\":\"yes\"}", "invalid_request", Some("stream")),
        case("{\"model\":\"house/x\",\"stream\":true,\"stream\":false}", "invalid_request", Some("stream")),
        Case(b"{\"model\":\"\"}".to_vec(), 404, "model_not_found", Some("model")),
        Case(b"{\"model\":\"nobody/x\"}".to_vec(), 404, "model_not_found", Some("model")),
        Case(b"{\"model\":\"house/\"}".to_vec(), 404, "model_not_found", Some("model")),
    ]
}

/// Bodies that make no sense once they are read, which a translation does.
fn conversations(speech: Speech) -> Vec<(Value, &'static str)> {
    let ask = |change: &dyn Fn(&mut Value)| {
        let mut request = speech.ask("google/gemini-2.5-flash", "Hello", false);
        change(&mut request);
        request
    };
    vec![
        (ask(&|request| drop(request.as_object_mut().unwrap().remove("messages"))), "messages"),
        (ask(&|request| request["messages"] = json!("Hello")), "messages"),
        (ask(&|request| request["messages"] = json!([7])), "messages[0]"),
        (
            ask(&|request| request["messages"] = json!([{ "role": "user", "content": 7 }])),
            "messages[0].content",
        ),
        (ask(&|request| request["temperature"] = json!("hot")), "temperature"),
        (ask(&|request| request["tools"] = json!({})), "tools"),
    ]
}

fn check_error(speech: Speech, body: &Value, code: &str, param: Option<&str>, what: &str) {
    let error = &body["error"];
    let kind = if code == "model_not_found" && speech == Speech::Anthropic {
        "not_found_error"
    } else {
        "invalid_request_error"
    };
    assert_eq!(error["type"], kind, "{what}: {body}");
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{what}: {body}");
    match speech {
        Speech::Openai => {
            assert_eq!(
                (error["code"].as_str(), error["param"].as_str()),
                (Some(code), param),
                "{what}: {body}"
            );
        }
        Speech::Anthropic => {
            assert_eq!(body["type"], "error", "{what}: {body}");
            assert!(body["request_id"].as_str().is_some_and(|id| id.starts_with("req_")), "{what}: {body}");
        }
    }
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_told_apart() {
    let bench = Bench::start().await;
    let mut told = Vec::new();
    for speech in Speech::ALL {
        for Case(body, status, code, param) in bodies() {
            let what = format!("{speech:?}: {}", String::from_utf8_lossy(&body[..body.len().min(80)]));
            let answer = speech.client(&bench).send(Method::POST, speech.path(), body.into()).await;
            let id = request_id(&answer);
            let theirs = if speech == Speech::Openai { "x-request-id" } else { "request-id" };
            assert_eq!(answer.header(theirs), id, "{what}");
            assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (status, code), "{what}");
            check_error(speech, &answer.json().await, code, param, &what);
            told.push((id, code, what));
        }
    }
    for (id, code, what) in told {
        let kept = bench.kept_of(&id).await;
        assert_eq!(
            (&kept.request["outcome"], &kept.request["error"]),
            (&json!("refused"), &json!(code)),
            "{what}"
        );
        assert!(kept.attempts.is_empty(), "{what}");
    }
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn conversations_that_make_no_sense_name_the_field() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        for (request, param) in conversations(speech) {
            let what = format!("{speech:?}: {param}");
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-pathgate-error")),
                (400, "invalid_request"),
                "{what}"
            );
            let body = answer.json().await;
            check_error(speech, &body, "invalid_request", Some(param), &what);
            assert!(body["error"]["message"].as_str().unwrap().contains(param), "{what}: {body}");
        }
    }
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn the_provider_judges_what_passes_through() {
    let bench = Bench::start().await;
    bench.upstream.always(Kind::House.refuses(400, "invalid_request_error", "messages is required"));
    let answer = bench.openai().post(Speech::Openai.path(), &json!({ "model": "house/x" })).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "upstream_rejected"));
    assert_eq!(answer.json().await["error"]["message"], "messages is required");
}

#[tokio::test]
async fn keys_are_checked_before_anything_else() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        for (client, code) in [
            (bench.gateway.client(), "missing_key"),
            (bench.gateway.client().bearer("pgk_nobody"), "invalid_key"),
            (bench.gateway.client().with("x-api-key", "sk-ant-nobody"), "invalid_key"),
        ] {
            let answer = client.send(Method::POST, speech.path(), Bytes::from_static(b"{")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-pathgate-error")),
                (401, code),
                "{speech:?}"
            );
            assert_eq!(answer.json().await["error"]["type"], "authentication_error", "{speech:?}");
        }
    }
}

#[tokio::test]
async fn models_are_forbidden_by_the_key() {
    let setup = crate::setup::Setup::new();
    let bench =
        setup.key("{ name: narrow, key: a-key-for-the-demo-only, models: [\"demo/*\"] }").start().await;
    let client = bench.gateway.client().bearer("a-key-for-the-demo-only");
    for speech in Speech::ALL {
        let served = client.post(speech.path(), &speech.ask("demo/echo", "Hello", false)).await;
        assert_eq!(served.status, 200);
        let answer = client.post(speech.path(), &speech.ask("house/x", "Hello", false)).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (403, "model_forbidden"));
        let body = answer.json().await;
        let kind = &body["error"]["type"];
        assert_eq!(kind, "permission_error", "{body}");
    }
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn ten_megabytes_pass_both_ways() {
    let bench = Bench::start().await;
    let big = "0123456789abcdé\n".repeat(10_485_760 / 17);
    let tokens = Tokens::new(3_000_000, 2_500_000);
    for kind in [Kind::House, Kind::Claude, Kind::Google] {
        for speech in Speech::ALL {
            bench.upstream.then(kind.says(false, &[&big], tokens));
            let request = speech.ask(&kind.model(), &big, false);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(answer.status, 200, "{speech:?} → {kind:?}");
            assert!(speech.read(&answer.json().await).text == big, "{speech:?} → {kind:?}");
            let call = bench.upstream.seen().pop().unwrap();
            assert!(kind.asked(&call.json()).question == big, "{speech:?} → {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_model_of_the_wrong_kind_is_said_to_be() {
    let bench = Bench::start().await;
    for (path, request, what) in [
        ("/v1/chat/completions", Speech::Openai.ask("openai/text-embedding-3-small", "Hello", false), "chat"),
        ("/v1/messages", Speech::Anthropic.ask("openai/text-embedding-3-small", "Hello", false), "chat"),
        ("/v1/embeddings", json!({ "model": "claude/claude-haiku-4-5", "input": "Hello" }), "embeddings"),
    ] {
        let answer = bench.openai().post(path, &request).await;
        let (status, code) = (answer.status.as_u16(), answer.header("x-pathgate-error").to_owned());
        let message = answer.json().await["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!((status, code.as_str()), (400, "unsupported_capability"), "{path}: {message}");
        assert!(message.contains(what), "{message}");
    }
}
