//! What is special about Bedrock.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use contract::Body;
use contract::body::BodyError;
use contract::canon::{Asked, EmbedInput, EmbedRequest};
use contract::ports::{
    BoxFuture, Call, Outbound, PoolState, Provider, ProviderReply, Timeouts, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as _;
use serde_json::{Value, json};
use wire::eventstream::{MessageKind, write};

use crate::conformance::{Script, built, now, stopped};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn keyed() -> Value {
    json!({ "kind": "bedrock", "region": "eu-west-1", "api_key": "k-1" })
}

fn signed() -> Value {
    json!({ "kind": "bedrock", "region": "us-east-1", "access_key_id": "AKID", "secret_access_key": "hush",
        "session_token": "tok" })
}

fn call(
    provider: &dyn Provider,
    upstream: &dyn Upstream,
    (dialect, model, stream): (Dialect, &str, bool),
    body: &'static str,
    headers: &HeaderMap,
) -> Result<ProviderReply, UpstreamFailure> {
    let body = VecDeque::from([Bytes::from_static(body.as_bytes())]);
    let timeouts = Timeouts::default();
    now(provider.call(Call { dialect, model, stream, body, headers, traceparent: None, timeouts }, upstream))
}

fn text(body: Body) -> Result<String, BodyError> {
    let (mut body, mut out) = (body, Vec::new());
    while let Poll::Ready(Some(frame)) =
        Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()))
    {
        out.extend_from_slice(&frame?.into_data().unwrap());
    }
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn claude_takes_blocks_of_its_family_and_no_other_model_does() {
    let provider = built(keyed());
    for dialect in [Dialect::BedrockConverse, Dialect::AnthropicMessages] {
        assert_eq!(provider.family(dialect, CLAUDE), Some(crate::anthropic::FAMILY));
        assert_eq!(provider.family(dialect, "amazon.nova-pro-v1:0"), None);
    }
}

#[test]
fn converse_is_called_where_the_region_is_with_the_model_escaped() {
    let (provider, script) = (built(keyed()), Script::answering("{}"));
    for (stream, model, url) in [
        (
            false,
            CLAUDE,
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        ),
        (
            true,
            "arn:aws:bedrock:eu-west-1:1:inference-profile/x",
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/converse-stream",
        ),
    ] {
        let what = (Dialect::BedrockConverse, model, stream);
        call(&*provider, &script, what, "{\"messages\":[]}", &HeaderMap::new()).unwrap();
        let sent = script.sent();
        assert_eq!(sent.uri, url);
        assert_eq!(sent.headers["authorization"], "Bearer k-1");
        assert!(sent.headers["authorization"].is_sensitive());
        let accept = if stream { "application/vnd.amazon.eventstream" } else { "application/json" };
        assert_eq!(sent.headers["accept"], accept);
        assert_eq!(text(sent.body).unwrap(), "{\"messages\":[]}");
    }
    let china = built(json!({ "kind": "bedrock", "region": "cn-north-1", "api_key": "k" }));
    call(&*china, &script, (Dialect::BedrockConverse, "m", false), "{}", &HeaderMap::new()).unwrap();
    assert_eq!(script.sent().uri.host(), Some("bedrock-runtime.cn-north-1.amazonaws.com.cn"));
    let own = built(
        json!({ "kind": "bedrock", "region": "x-1", "api_key": "k", "base_url": "http://vpce.test:8000" }),
    );
    call(&*own, &script, (Dialect::BedrockConverse, "m", false), "{}", &HeaderMap::new()).unwrap();
    assert_eq!(script.sent().uri, "http://vpce.test:8000/model/m/converse");
    let nowhere = call(&*provider, &script, (Dialect::BedrockConverse, "..", false), "{}", &HeaderMap::new());
    assert!(matches!(nowhere, Err(UpstreamFailure::Build(_))));
}

#[test]
fn requests_are_signed_for_their_day_and_region() {
    let (provider, script) = (built(signed()), Script::answering("{}"));
    call(&*provider, &script, (Dialect::BedrockConverse, CLAUDE, false), "{}", &HeaderMap::new()).unwrap();
    let sent = script.sent();
    let signature = sent.headers["authorization"].to_str().unwrap();
    let start = "AWS4-HMAC-SHA256 Credential=AKID/20231114/us-east-1/bedrock/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(signature.starts_with(start), "{signature}");
    assert_eq!(sent.headers["x-amz-date"], "20231114T221320Z");
    assert_eq!(sent.headers["x-amz-security-token"], "tok");
    assert!(sent.headers["x-amz-security-token"].is_sensitive());
    // Another body, another signature.
    call(&*provider, &script, (Dialect::BedrockConverse, CLAUDE, false), "{ }", &HeaderMap::new()).unwrap();
    assert_ne!(script.sent().headers["authorization"].to_str().unwrap(), signature);
}

#[test]
fn settings_that_cannot_work_are_told() {
    for (config, field) in [
        (json!({ "kind": "bedrock", "api_key": "k" }), "region"),
        (json!({ "kind": "bedrock", "region": "us.evil.test/", "api_key": "k" }), "region"),
        (json!({ "kind": "bedrock", "region": "us-east-1" }), "access_key_id"),
        (json!({ "kind": "bedrock", "region": "us-east-1", "access_key_id": "a" }), "secret_access_key"),
        (json!({ "kind": "bedrock", "region": "us-east-1", "secret_access_key": "a" }), "access_key_id"),
        (
            json!({ "kind": "bedrock", "region": "us-east-1", "access_key_id": "a", "secret_access_key": "b c" }),
            "secret_access_key",
        ),
        (
            json!({ "kind": "bedrock", "region": "us-east-1", "access_key_id": "a", "secret_access_key": "b",
                "api_key": "k" }),
            "api_key",
        ),
    ] {
        let mut faults = Faults::default();
        let config = serde_json::from_value(config).unwrap();
        assert!(crate::build("acme", &config, &stopped(), &mut faults).is_none());
        assert!(faults.to_string().contains(&format!("providers.acme.{field}")), "{faults}");
    }
}

#[test]
fn claudes_clients_reach_claude_in_their_own_dialect() {
    let provider = built(keyed());
    assert_eq!(provider.dialect(Dialect::AnthropicMessages, CLAUDE), Some(Dialect::AnthropicMessages));
    assert_eq!(
        provider.dialect(Dialect::AnthropicMessages, "amazon.nova-lite-v1:0"),
        Some(Dialect::BedrockConverse)
    );
    assert_eq!(provider.dialect(Dialect::OpenaiChat, CLAUDE), Some(Dialect::BedrockConverse));
    let script = Script::answering("{\"type\":\"message\"}");
    let mut headers = HeaderMap::new();
    headers.insert(
        "anthropic-beta",
        HeaderValue::from_static("effort-2025-11-24,claude-code-20250219,context-1m-2025-08-07"),
    );
    headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    let body = "{\"model\":\"x\",\"max_tokens\":5,\"stream\":false}";
    let reply =
        call(&*provider, &script, (Dialect::AnthropicMessages, CLAUDE, false), body, &headers).unwrap();
    let sent = script.sent();
    assert!(sent.uri.path().ends_with("-v1%3A0/invoke"), "{}", sent.uri);
    assert!(!sent.headers.contains_key("anthropic-beta") && !sent.headers.contains_key("anthropic-version"));
    assert_eq!(
        text(sent.body).unwrap(),
        "{\"max_tokens\":5,\"anthropic_version\":\"bedrock-2023-05-31\",\
         \"anthropic_beta\":[\"effort-2025-11-24\",\"context-1m-2025-08-07\"]}"
    );
    assert_eq!(text(reply.body).unwrap(), "{\"type\":\"message\"}");
}

/// An upstream that answers each request with the next of these.
struct Answers(std::sync::Mutex<VecDeque<(u16, &'static str, Vec<Bytes>)>>, Script);

impl Upstream for Answers {
    fn send(&self, request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        let (status, kind, body) = self.0.lock().unwrap().pop_front().expect("one more request");
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        headers.insert("x-amzn-errortype", HeaderValue::from_static("ThrottlingException:http://x/"));
        let (status, body) = (StatusCode::from_u16(status).unwrap(), Body::Chain(body.into()));
        drop(now(self.1.send(request)));
        Box::pin(std::future::ready(Ok(ProviderReply { status, headers, body })))
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

fn answers(list: Vec<(u16, &'static str, Vec<Bytes>)>) -> Answers {
    Answers(std::sync::Mutex::new(list.into()), Script::answering("{}"))
}

#[test]
fn claudes_streams_and_errors_come_out_of_their_envelope() {
    use base64::Engine as _;
    let provider = built(keyed());
    let mut bytes = BytesMut::new();
    let data = base64::prelude::BASE64_STANDARD.encode("{\"type\":\"message_stop\"}");
    write(MessageKind::Event("chunk"), json!({"bytes": data}).to_string().as_bytes(), &mut bytes);
    let bytes = bytes.freeze();
    let kind = "application/vnd.amazon.eventstream";
    let what = (Dialect::AnthropicMessages, CLAUDE, true);
    let chunks = |bytes: &Bytes| bytes.chunks(10).map(Bytes::copy_from_slice).collect::<Vec<_>>();
    let torn = bytes.slice(..bytes.len() - 1);
    let upstream = answers(vec![
        (200, kind, chunks(&bytes)),
        (200, kind, chunks(&torn)),
        (200, kind, vec![Bytes::from_static(b"HTTP/1.1 what is this")]),
    ]);
    let reply = call(&*provider, &upstream, what, "{}", &HeaderMap::new()).unwrap();
    assert_eq!(reply.headers["content-type"], "text/event-stream");
    assert_eq!(text(reply.body).unwrap(), "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    assert!(upstream.1.sent().uri.path().ends_with("/invoke-with-response-stream"));
    for expected in [BodyError::Lost, BodyError::Malformed] {
        let reply = call(&*provider, &upstream, what, "{}", &HeaderMap::new()).unwrap();
        assert_eq!(text(reply.body), Err(expected));
    }

    let upstream =
        answers(vec![(429, "application/json", vec![Bytes::from_static(b"{\"message\":\"slow\"}")])]);
    let reply = call(&*provider, &upstream, what, "{}", &HeaderMap::new()).unwrap();
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        text(reply.body).unwrap(),
        "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}"
    );
}

#[test]
fn several_texts_are_several_calls_to_titan() {
    let provider = built(keyed());
    let model = "amazon.titan-embed-text-v2:0";
    let dialect = provider.dialect(Dialect::OpenaiEmbeddings, model).unwrap();
    let inputs = ["a", "b"].map(|text| EmbedInput::Text(text.to_owned())).to_vec();
    let request = EmbedRequest { model: model.to_owned(), inputs, ..EmbedRequest::default() };
    let (bytes, _) = provider.translate(&Asked::Embed(Box::new(request)), dialect).unwrap();
    let body: &'static str = String::from_utf8(bytes.to_vec()).unwrap().leak();
    let json = "application/json";
    let answer = |text: &'static str| (200, json, vec![Bytes::from_static(text.as_bytes())]);
    let upstream = answers(vec![
        answer("{\"embedding\":[1],\"inputTextTokenCount\":2}"),
        answer("{\"embedding\":[2],\"inputTextTokenCount\":3}"),
    ]);
    let reply = call(&*provider, &upstream, (dialect, model, false), body, &HeaderMap::new()).unwrap();
    for text_sent in ["{\"inputText\":\"a\"}", "{\"inputText\":\"b\"}"] {
        let sent = upstream.1.sent();
        assert!(sent.uri.path().ends_with("/model/amazon.titan-embed-text-v2%3A0/invoke"));
        assert_eq!(text(sent.body).unwrap(), text_sent);
    }
    let read = wire::read_reply(dialect, text(reply.body).unwrap().as_bytes()).unwrap();
    assert_eq!(read.usage().unwrap().input, 5);
    let refused = answers(vec![answer("{}"), (400, json, vec![Bytes::from_static(b"{\"message\":\"no\"}")])]);
    let reply = call(&*provider, &refused, (dialect, model, false), body, &HeaderMap::new()).unwrap();
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(wire::bedrock::told(&reply.headers), None);
    // What the others consumed is said, whatever the order.
    let counted = "{\"embedding\":[1],\"inputTextTokenCount\":4}";
    let no = || (400, json, vec![Bytes::from_static(b"{\"message\":\"no\"}")]);
    for list in [vec![answer(counted), no()], vec![no(), answer(counted)]] {
        let upstream = answers(list);
        let reply = call(&*provider, &upstream, (dialect, model, false), body, &HeaderMap::new()).unwrap();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(wire::bedrock::told(&reply.headers).unwrap().input, 4);
        assert_eq!(text(reply.body).unwrap(), "{\"message\":\"no\"}");
    }
    let torn = answers(vec![answer(counted), (200, json, vec![Bytes::from_static(b"{")])]);
    let reply = call(&*provider, &torn, (dialect, model, false), body, &HeaderMap::new()).unwrap();
    assert_eq!(reply.status, StatusCode::OK, "that is for the reader");
    assert_eq!(provider.dialect(Dialect::OpenaiEmbeddings, "cohere.embed-v4:0"), Some(Dialect::CohereEmbed));
    assert_eq!(provider.dialect(Dialect::OpenaiEmbeddings, CLAUDE), None);
}

#[test]
fn models_and_profiles_are_listed() {
    let models = json!({ "modelSummaries": [
        { "modelId": "amazon.nova-lite-v1:0", "inputModalities": ["TEXT", "IMAGE"], "outputModalities": ["TEXT"],
          "inferenceTypesSupported": ["ON_DEMAND"], "modelLifecycle": { "status": "LEGACY", "endOfLifeTime": "2027-01-02T00:00:00Z" } },
        { "modelId": "anthropic.claude-sonnet-5", "inputModalities": ["TEXT"], "outputModalities": ["TEXT"],
          "inferenceTypesSupported": ["INFERENCE_PROFILE"] },
        { "modelId": "amazon.titan-embed-text-v2:0", "outputModalities": ["EMBEDDING"], "inferenceTypesSupported": ["ON_DEMAND"] },
        { "modelId": "amazon.nova-canvas-v1:0", "outputModalities": ["IMAGE"], "inferenceTypesSupported": ["ON_DEMAND"] },
    ] });
    let profiles = json!({ "inferenceProfileSummaries": [{ "inferenceProfileId": "us.anthropic.claude-sonnet-5",
        "models": [{ "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5" }] }] });
    let body = |value: &Value| (200, "application/json", vec![Bytes::from(value.to_string())]);
    let upstream = answers(vec![body(&models), body(&profiles)]);
    let cards = now(built(signed()).discover(&upstream)).unwrap();
    let sent = upstream.1.sent();
    assert_eq!(sent.uri, "https://bedrock.us-east-1.amazonaws.com/foundation-models");
    assert!(sent.headers["authorization"].to_str().unwrap().contains("/bedrock/aws4_request"));
    assert_eq!(upstream.1.sent().uri.path(), "/inference-profiles");
    let found: Vec<(&str, Operation)> =
        cards.iter().map(|card| (card.name.as_str(), card.operations[0])).collect();
    assert_eq!(
        found,
        [
            ("amazon.nova-lite-v1:0", Operation::Chat),
            ("amazon.titan-embed-text-v2:0", Operation::Embeddings),
            ("us.anthropic.claude-sonnet-5", Operation::Chat),
        ]
    );
    assert_eq!(
        (cards[0].capabilities.images, cards[0].deprecated.as_deref()),
        (Some(true), Some("2027-01-02"))
    );
    // Who may not see the profiles still sees the models.
    let upstream = answers(vec![body(&models), (403, "application/json", vec![])]);
    assert_eq!(now(built(keyed()).discover(&upstream)).unwrap().len(), 2);
    let listed = built(json!({ "kind": "bedrock", "region": "us-east-1", "api_key": "k", "models": ["m"] }));
    assert_eq!(now(listed.discover(&answers(vec![]))).unwrap()[0].name, "m");
}

#[test]
fn documents_are_ordered_by_the_agents_runtime() {
    let body = r#"{"queries":[],"rerankingConfiguration":{"bedrockRerankingConfiguration":{"modelConfiguration":{"modelArn":"m"}}}}"#;
    let (provider, script) = (built(signed()), Script::answering("{}"));
    for (model, arn) in [
        ("amazon.rerank-v1:0", "arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0"),
        (
            "arn:aws:bedrock:us-west-2::foundation-model/rerank",
            "arn:aws:bedrock:us-west-2::foundation-model/rerank",
        ),
    ] {
        assert_eq!(provider.dialect(Dialect::CohereRerank, model), Some(Dialect::BedrockRerank));
        call(&*provider, &script, (Dialect::BedrockRerank, model, false), body, &HeaderMap::new()).unwrap();
        let sent = script.sent();
        assert_eq!(sent.uri, "https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank");
        assert!(sent.headers["authorization"].to_str().unwrap().contains("/us-east-1/bedrock/aws4_request"));
        let sent: Value = serde_json::from_str(&text(sent.body).unwrap()).unwrap();
        let place = "/rerankingConfiguration/bedrockRerankingConfiguration/modelConfiguration/modelArn";
        assert_eq!(sent.pointer(place), Some(&json!(arn)));
    }
    assert_eq!(provider.dialect(Dialect::CohereRerank, CLAUDE), None);
}

#[test]
fn with_a_key_models_that_order_documents_are_invoked() {
    let (provider, script) = (built(keyed()), Script::answering("{}"));
    for (model, expected) in [
        ("cohere.rerank-v3-5:0", r#"{"api_version":2,"query":"q"}"#),
        ("amazon.rerank-v1:0", r#"{"query":"q"}"#),
    ] {
        let dialect = provider.dialect(Dialect::CohereRerank, model).unwrap();
        let body = r#"{"model":"m","query":"q"}"#;
        call(&*provider, &script, (dialect, model, false), body, &HeaderMap::new()).unwrap();
        let sent = script.sent();
        assert!(sent.uri.path().ends_with("/invoke"), "{}", sent.uri);
        assert_eq!(text(sent.body).unwrap(), expected);
    }
}

#[test]
fn tokens_of_claude_are_counted_in_two_dialects() {
    let (provider, script) = (built(keyed()), Script::answering(r#"{"inputTokens":7}"#));
    assert_eq!(provider.dialect(Dialect::GeminiCount, CLAUDE), Some(Dialect::BedrockCount));
    assert_eq!(provider.dialect(Dialect::AnthropicCount, "amazon.nova-pro-v1:0"), None);
    let url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens";
    let own = (Dialect::BedrockCount, CLAUDE, false);
    let reply = call(&*provider, &script, own, r#"{"input":{}}"#, &HeaderMap::new()).unwrap();
    let sent = script.sent();
    assert_eq!(sent.uri, url);
    assert_eq!(text(sent.body).unwrap(), r#"{"input":{}}"#);
    assert_eq!(text(reply.body).unwrap(), r#"{"inputTokens":7}"#);
    let theirs = (provider.dialect(Dialect::AnthropicCount, CLAUDE).unwrap(), CLAUDE, false);
    let mut headers = HeaderMap::new();
    headers.insert("anthropic-beta", HeaderValue::from_static("b-1"));
    let reply = call(&*provider, &script, theirs, r#"{"model":"m","messages":[]}"#, &headers).unwrap();
    let sent = script.sent();
    assert_eq!(sent.uri, url);
    assert!(!sent.headers.contains_key("anthropic-beta"));
    let sent: Value = serde_json::from_str(&text(sent.body).unwrap()).unwrap();
    assert!(sent["input"]["invokeModel"]["body"].is_string(), "{sent}");
    assert_eq!(text(reply.body).unwrap(), r#"{"input_tokens":7}"#);
    let refusing = Script::refusing(400, r#"{"message":"no"}"#);
    let reply = call(&*provider, &refusing, theirs, r#"{"messages":[]}"#, &HeaderMap::new()).unwrap();
    assert!(text(reply.body).unwrap().contains(r#""type":"error""#));
}
