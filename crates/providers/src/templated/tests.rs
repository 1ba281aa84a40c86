//! Templates filled from requests, and answers read back.

use contract::Body;
use contract::canon::{
    EmbedInput, EmbedRequest, MediaKind, MediaSource, Message, Part, PartKind, Prediction, Provenance,
    Request, Role, Tool,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::conformance::{Script, built, call};

const URL: &str = "http://score.test/v1/{model}/run?v=2";

fn config(operations: &Value) -> Value {
    let mut config = json!({ "kind": "http", "url": URL });
    config.as_object_mut().unwrap().extend(operations.as_object().unwrap().clone());
    config
}

fn chat(request: &Value) -> Value {
    config(
        &json!({ "chat": { "request": request, "text": "/out/0/text", "usage": { "input": "/in", "output": "/n" } } }),
    )
}

fn say(role: Role, text: &str) -> Message {
    Message::new(role, vec![Part::text(text, Provenance::User)])
}

fn conversation() -> Request {
    let messages = vec![
        say(Role::System, "be brief"),
        say(Role::User, "first"),
        say(Role::Assistant, "yes"),
        say(Role::User, "last \"}}"),
    ];
    let mut request = Request { model: "m".into(), messages, max_output: Some(9), ..Request::default() };
    request.sampling.temperature = Some(0.5);
    request.user = Some("u".into());
    request
}

fn written(config: Value, asked: &Asked, target: Dialect) -> Result<(Value, String), Fault> {
    let (bytes, receipt) = built(config).translate(asked, target)?;
    Ok((serde_json::from_slice(&bytes).unwrap(), receipt.to_string()))
}

fn said(config: Value, request: Request) -> Result<(Value, String), Fault> {
    written(config, &Asked::Chat(Box::new(request)), Dialect::OpenaiChat)
}

fn read(
    provider: &dyn Provider,
    script: &Script,
    operation: Operation,
    stream: bool,
) -> (StatusCode, String) {
    let reply = call(provider, script, operation, stream, "m").unwrap();
    let Body::Full(bytes) = reply.body else { panic!("{:?}", reply.body) };
    (reply.status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn conversations_fill_a_template_and_losses_are_told() {
    let template = json!({ "q": "{{prompt}}", "s": "{{system}}", "t": "{{temperature}}", "n": "{{max_tokens}}",
        "m": "x-{{model}}", "p": "{{body:/top_p}}" });
    let (body, lost) = said(chat(&template), conversation()).unwrap();
    assert_eq!(body, json!({ "q": "last \"}}", "s": "be brief", "t": 0.5, "n": 9, "m": "x-m" }));
    assert_eq!(lost, "messages[1], messages[2], user");

    let (body, lost) =
        said(chat(&json!({ "all": "{{messages}}", "u": "{{body:/user}}" })), conversation()).unwrap();
    assert_eq!((&body["all"][3]["content"], &body["u"]), (&json!("last \"}}"), &json!("u")));
    assert_eq!(lost, "max_completion_tokens, temperature");

    let (body, lost) = said(chat(&json!("{{body}}")), conversation()).unwrap();
    assert_eq!((&body["max_tokens"], lost.as_str()), (&json!(9), ""));
}

#[test]
fn what_a_conversation_makes_no_sense_without_is_refused() {
    let tool = Tool::Function {
        name: "f".into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
        extra: contract::canon::Extra::default(),
    };
    let mut tools = conversation();
    tools.tools.push(tool);
    let mut picture = conversation();
    let source = MediaSource::Url("http://a.test/b.png".into());
    let kind = PartKind::Media { kind: MediaKind::Image, source };
    picture.messages[3].parts.push(Part { kind, ..Part::text("", Provenance::User) });
    let silent = Request { messages: vec![say(Role::System, "x")], ..conversation() };
    for (request, code, param) in [
        (tools, Code::UnsupportedCapability, "tools"),
        (picture, Code::UnsupportedCapability, "messages[3].content[1]"),
        (silent, Code::InvalidRequest, "messages"),
    ] {
        let fault = said(chat(&json!("{{prompt}}")), request).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (code, Some(param)));
    }
}

#[test]
fn texts_and_anything_fill_a_template() {
    let inputs = ["a", "b"].map(|text| EmbedInput::Text(text.to_owned())).to_vec();
    let request = EmbedRequest { model: "m".into(), inputs, dimensions: Some(4), ..EmbedRequest::default() };
    let asked = Asked::Embed(Box::new(request.clone()));
    let vectors = |request: Value| config(&json!({ "embeddings": { "request": request, "vectors": "/v" } }));
    let (body, lost) = written(
        vectors(json!({ "texts": "{{inputs}}", "m": "{{model}}" })),
        &asked,
        Dialect::OpenaiEmbeddings,
    )
    .unwrap();
    assert_eq!((body, lost.as_str()), (json!({ "texts": ["a", "b"], "m": "m" }), "dimensions"));
    let fault = written(vectors(json!("{{input}}")), &asked, Dialect::OpenaiEmbeddings).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input")));
    let tokens = EmbedRequest { inputs: vec![EmbedInput::Tokens(vec![1])], ..request };
    let asked = Asked::Embed(Box::new(tokens));
    assert!(written(vectors(json!("{{inputs}}")), &asked, Dialect::OpenaiEmbeddings).is_err());

    let Value::Object(body) = json!({ "rows": [[1]], "unit": "m" }) else { panic!() };
    let asked = Asked::Predict(Box::new(Prediction { model: "m".into(), body }));
    let predict = |request: Value| config(&json!({ "predict": { "request": request } }));
    let (body, lost) =
        written(predict(json!({ "instances": "{{body:/rows}}" })), &asked, Dialect::PathgatePredict).unwrap();
    assert_eq!((body, lost.as_str()), (json!({ "instances": [[1]] }), "unit"));
}

#[test]
fn answers_are_found_by_pointers() {
    let answer = json!({ "out": [{ "text": "hi" }], "in": 3, "n": 5 }).to_string();
    let provider = built(chat(&json!("{{prompt}}")));
    let script = Script::answering(&answer);
    let (_, whole) = read(&*provider, &script, Operation::Chat, false);
    assert_eq!(script.sent().uri, "http://score.test/v1/m/run?v=2");
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], "hi");
    assert_eq!(whole["usage"], json!({ "prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8 }));

    let (_, stream) = read(&*provider, &script, Operation::Chat, true);
    let frames: Vec<&str> = stream.split("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect();
    let [first, usage, "[DONE]"] = frames.as_slice() else { panic!("{stream}") };
    let first: Value = serde_json::from_str(first).unwrap();
    assert_eq!((&first["choices"][0]["delta"]["content"], first.get("usage")), (&json!("hi"), None));
    assert!(usage.contains("\"total_tokens\":8"));

    for (vectors, answer) in [
        (json!({ "request": 1, "vectors": "/v" }), json!({ "v": [[1, 2], [3, 4]] })),
        (json!({ "request": 1, "vectors": "", "vector": "/e" }), json!([{ "e": [1, 2] }, { "e": [3, 4] }])),
    ] {
        let provider = built(config(&json!({ "embeddings": vectors })));
        let (_, reply) =
            read(&*provider, &Script::answering(&answer.to_string()), Operation::Embeddings, false);
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(
            (&reply["data"][1]["embedding"], reply["data"].as_array().map(Vec::len)),
            (&json!([3, 4]), Some(2))
        );
    }
    let one = built(config(&json!({ "embeddings": { "request": 1, "vectors": "/v" } })));
    let (_, reply) = read(&*one, &Script::answering("{\"v\":[1,2]}"), Operation::Embeddings, false);
    assert!(reply.contains("\"embedding\":[1,2]"), "{reply}");

    let score = built(config(&json!({ "predict": { "request": "{{body}}", "result": "/score" } })));
    let (_, reply) = read(&*score, &Script::answering("{\"score\":null}"), Operation::Predict, false);
    assert_eq!(serde_json::from_str::<Value>(&reply).unwrap(), json!({ "result": null, "model": "m" }));
    // As exactly as the model says it.
    let exact = "{\"score\":[0.10000000000000000555,12345678901234567890123]}";
    let (_, reply) = read(&*score, &Script::answering(exact), Operation::Predict, false);
    assert_eq!(reply, "{\"result\":[0.10000000000000000555,12345678901234567890123],\"model\":\"m\"}");
}

#[test]
fn answers_that_were_not_described_are_not_guessed_at() {
    let chat = built(chat(&json!("{{prompt}}")));
    let vectors = built(config(&json!({ "embeddings": { "request": 1, "vectors": "/v" } })));
    for (provider, operation, answer) in [
        (&chat, Operation::Chat, "{}"),
        (&chat, Operation::Chat, "{\"out\":[{\"text\":7}]}"),
        (&chat, Operation::Chat, "<html>"),
        (&vectors, Operation::Embeddings, "{\"v\":{}}"),
        (&vectors, Operation::Embeddings, "{\"v\":[[1],[\"2\"]]}"),
        (&vectors, Operation::Embeddings, "{\"v\":[[1],2]}"),
    ] {
        let failed = call(&**provider, &Script::answering(answer), operation, false, "m");
        assert!(matches!(failed, Err(UpstreamFailure::Unreadable(_))), "{answer}");
    }
}

#[test]
fn errors_keep_their_message() {
    let error = json!({ "failure": { "why": "too long" }, "detail": "d" });
    for (place, message) in [(Some("/failure/why"), "too long"), (Some("/gone"), "d"), (None, "d")] {
        let mut config = chat(&json!("{{prompt}}"));
        config["error"] = json!(place);
        let script = Script::refusing(400, &error.to_string());
        let (status, body) = read(&*built(config), &script, Operation::Chat, true);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status.as_u16(), &body["error"]["message"]), (400, &json!(message)));
    }
}

#[test]
fn it_does_what_is_configured_and_lists_what_it_is_told() {
    let mut config = chat(&json!("{{prompt}}"));
    config["models"] = json!(["a"]);
    config["method"] = json!("PUT");
    let provider = built(config);
    assert_eq!(provider.dialect(Dialect::AnthropicMessages, "m"), Some(Dialect::OpenaiChat));
    for other in
        [Dialect::OpenaiEmbeddings, Dialect::PathgatePredict, Dialect::KserveInfer, Dialect::OpenaiCount]
    {
        assert_eq!(provider.dialect(other, "m"), None, "{other}");
    }
    let script = Script::answering("{\"out\":[{\"text\":\"\"}]}");
    assert_eq!(script.discover(&*provider).unwrap()[0].operations, [Operation::Chat]);
    assert!(script.nothing_sent());
    read(&*provider, &script, Operation::Chat, false);
    assert_eq!(script.sent().method, Method::PUT);
}

#[test]
fn settings_are_checked_all_at_once() {
    let mut faults = Faults::default();
    let config = json!({ "kind": "http", "url": "http://{model}.test/{x}", "error": "x",
        "headers": { "host": "a" },
        "chat": { "request": { "q": "{{inputs}}" }, "text": "text", "usage": { "output": "~" } },
        "predict": { "request": "{{body" } });
    assert!(
        crate::build(
            "acme",
            &serde_json::from_value(config).unwrap(),
            &crate::conformance::stopped(),
            &mut faults
        )
        .is_none()
    );
    let paths: Vec<&str> = faults.problems().iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "chat.request.q",
        "chat.text",
        "chat.usage.output",
        "predict.request",
        "error",
        "url",
        "headers.host",
    ];
    assert_eq!(paths, expected.map(|path| format!("providers.acme.{path}")));
    for (url, told) in [
        ("score.test/x", "is not a URL"),
        ("http://a.test/#x", "fragment"),
        ("ftp://a.test", "http"),
        ("http://u:p@a.test/", "credentials"),
        ("http://a.test/{name}", "only {model}"),
    ] {
        let mut faults = Faults::default();
        let config = json!({ "kind": "http", "url": url, "predict": { "request": "{{body}}" } });
        crate::build(
            "acme",
            &serde_json::from_value(config).unwrap(),
            &crate::conformance::stopped(),
            &mut faults,
        );
        assert!(
            faults.problems()[0].path == "providers.acme.url" && faults.to_string().contains(told),
            "{faults}"
        );
    }
    let mut faults = Faults::default();
    let nothing = serde_json::from_value(json!({ "kind": "http", "url": "http://a.test" })).unwrap();
    crate::build("acme", &nothing, &crate::conformance::stopped(), &mut faults);
    assert!(faults.to_string().contains("does nothing"), "{faults}");
}
