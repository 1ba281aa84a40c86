//! Requests that cannot be served: told apart by stable codes, in the dialect of the client, before anybody is called.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::shapes::Tokens;

use crate::kinds::Kind;
use crate::setup::{Bench, request_id, until};
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

#[tokio::test]
async fn a_key_that_is_refused_ends_its_connection_with_the_body_unread() {
    let bench = Bench::start().await;
    let ask = Speech::Openai.ask("demo/echo", "Hello", false);
    let answer = bench.gateway.client().bearer("pgk_nobody").post("/v1/chat/completions", &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (401, "close"));
    let answer = bench.openai().post("/v1/chat/completions", &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (200, ""));
}

#[tokio::test]
async fn a_refusal_names_who_cannot_and_who_can() {
    let setup = crate::setup::Setup::new();
    let bench = setup
        .provider("ears: { kind: openai, base_url: \"{upstream}/ears/v1\", api_key: k, models: [gpt-4o-audio-preview-2025-06-03] }")
        .key("{ name: narrow, key: a-key-for-claude-only, models: [\"claude/*\"] }")
        .start()
        .await;
    let sound = json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } });
    let ask =
        json!({ "model": "claude/claude-haiku-4-5", "messages": [{ "role": "user", "content": [sound] }] });
    let answer = bench.openai().post("/v1/chat/completions", &ask).await;
    let error = answer.json().await["error"].clone();
    let message = error["message"].as_str().unwrap();
    for part in [
        "audio",
        "'claude'",
        "'claude-haiku-4-5'",
        "messages[0].content[0]",
        "ears/gpt-4o-audio-preview-2025-06-03",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("unsupported_capability"), &json!("messages[0].content[0]"))
    );
    // Nobody learns of models that they may not use.
    let narrow = bench.gateway.client().bearer("a-key-for-claude-only");
    let message = narrow.post("/v1/chat/completions", &ask).await.text().await;
    assert!(message.contains("audio") && !message.contains("ears/"), "{message}");
}

#[tokio::test]
async fn models_that_another_dialect_reaches_are_not_named_instead() {
    let setup = crate::setup::Setup::new();
    let bench = setup
        .provider("ours: { kind: kserve, base_url: \"{upstream}/ours\", models: [risk] }")
        .provider("other: { kind: http, url: \"{upstream}/other\", models: [score], predict: { request: { rows: \"{{body:/rows}}\" }, result: /p } }")
        .start()
        .await;
    // What a model does is known once its account has said so, soon after the start.
    let text = until("a model that predicts", async || {
        let answer = bench.openai().post("/v2/models/house/x/infer", &json!({})).await;
        Some(answer.text().await).filter(|text| text.contains("These do"))
    })
    .await;
    assert!(text.contains("These do: ours/risk."), "{text}");
}

#[tokio::test]
async fn what_another_provider_keeps_is_not_left_out_of_a_request() {
    let bench = Bench::start().await;
    for (field, value) in [("conversation", json!("conv_1")), ("prompt", json!({ "id": "pmpt_1" }))] {
        let mut ask = json!({ "model": "claude/claude-haiku-4-5", "input": "And then?", "store": false });
        ask[field] = value;
        let answer = bench.openai().post("/v1/responses", &ask).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-pathgate-error")),
            (400, "unsupported_capability")
        );
        assert_eq!(answer.json().await["error"]["param"], field);
    }
    let mask = json!({ "image_url": "data:image/png;base64,AAAA" });
    let ask = json!({ "model": "google/gemini-2.5-flash-image", "prompt": "A hat", "images": [mask], "mask": mask });
    let answer = bench.openai().post("/v1/images/edits", &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "unsupported_capability"));
    assert_eq!(answer.json().await["error"]["param"], "mask");
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn strict_is_on_off_or_refused() {
    let bench = Bench::start().await;
    let mut ask = Speech::Openai.ask("demo/echo", "Hello", false);
    ask["logit_bias"] = json!({ "1": 1 });
    ask["model"] = json!(Kind::Claude.model());
    for (value, status, code) in [
        ("yes", 400, "not_translatable"),
        ("On", 400, "not_translatable"),
        ("maybe", 400, "invalid_request"),
        ("no", 200, ""),
    ] {
        bench.upstream.always(Kind::Claude.says(false, &["Hi"], Tokens::new(1, 1)));
        let answer = bench.openai().with("x-pathgate-strict", value).post("/v1/chat/completions", &ask).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (status, code), "{value}");
    }
}
