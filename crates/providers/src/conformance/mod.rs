//! What every kind must do, checked against a scripted upstream; and the script that the kinds' own tests use.

mod promises;
mod spared;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use contract::Body;
use contract::canon::{Asked, EmbedInput, EmbedRequest, Message, Part, Provenance, Request, Role};
use contract::ports::{
    BoxFuture, Call, Clock, ModelCard, Outbound, PoolState, Provider, ProviderReply, SharedProvider,
    Timeouts, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation, Tick, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use promises::promises;

/// An upstream that notes what it is sent and always answers the same.
pub(crate) struct Script {
    status: StatusCode,
    answer: Bytes,
    sent: Mutex<VecDeque<Outbound>>,
}

impl Script {
    pub(crate) fn answering(answer: &str) -> Self {
        let answer = Bytes::copy_from_slice(answer.as_bytes());
        Self { status: StatusCode::OK, answer, sent: Mutex::default() }
    }

    pub(crate) fn failing(status: u16) -> Self {
        Self::refusing(status, "{}")
    }

    pub(crate) fn refusing(status: u16, answer: &str) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap(), ..Self::answering(answer) }
    }

    /// The oldest request that was not looked at yet.
    pub(crate) fn sent(&self) -> Outbound {
        self.sent.lock().unwrap().pop_front().expect("nothing was sent")
    }

    pub(crate) fn nothing_sent(&self) -> bool {
        self.sent.lock().unwrap().is_empty()
    }

    pub(crate) fn discover(&self, provider: &dyn Provider) -> Result<Vec<ModelCard>, UpstreamFailure> {
        now(provider.discover(self))
    }
}

impl Upstream for Script {
    fn send(&self, request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        self.sent.lock().unwrap().push_back(request);
        let body = Body::from(self.answer.clone());
        let reply = ProviderReply { status: self.status, headers: HeaderMap::new(), body };
        Box::pin(std::future::ready(Ok(reply)))
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

/// A clock that stands still and on which nobody waits.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000)
    }

    fn tick(&self) -> Tick {
        Tick(0)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

pub(crate) fn stopped() -> Arc<dyn Clock> {
    Arc::new(Stopped)
}

/// The value of a future that has nothing to wait for.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits for something"),
    }
}

/// The body of a request, as text.
pub(crate) fn body_of(request: Outbound) -> String {
    match request.body {
        Body::Full(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Body::Chain(pieces) => {
            pieces.iter().map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) fn built(config: Value) -> SharedProvider {
    let mut faults = Faults::default();
    let config = serde_json::from_value(config).unwrap();
    crate::build("acme", &config, &stopped(), &mut faults).unwrap_or_else(|| panic!("{faults}"))
}

pub(crate) fn sending(
    provider: &dyn Provider,
    script: &Script,
    (operation, stream, model): (Operation, bool, &str),
    headers: &HeaderMap,
) -> Result<ProviderReply, UpstreamFailure> {
    let body = [Bytes::from_static(b"{\"model\":"), Bytes::from_static(b"\"m\"}")];
    let (traceparent, timeouts) = (Some("00-aa-bb-01"), Timeouts::default());
    let dialect = spoken(provider, operation, model).expect("it can do this");
    let call = Call { dialect, model, stream, body: body.into(), headers, traceparent, timeouts };
    now(provider.call(call, script))
}

/// The dialect in which an account does something.
fn spoken(provider: &dyn Provider, operation: Operation, model: &str) -> Option<Dialect> {
    let clients = Dialect::ALL.iter().filter(|dialect| dialect.operation() == operation);
    clients.into_iter().find_map(|client| provider.dialect(*client, model))
}

pub(crate) fn call(
    provider: &dyn Provider,
    script: &Script,
    operation: Operation,
    stream: bool,
    model: &str,
) -> Result<ProviderReply, UpstreamFailure> {
    sending(provider, script, (operation, stream, model), &HeaderMap::new())
}

/// A call in a dialect that an account speaks.
pub(crate) fn call_in(provider: &dyn Provider, script: &Script, dialect: Dialect) {
    let headers = HeaderMap::new();
    let (body, timeouts) = (VecDeque::from([Bytes::from_static(b"{}")]), Timeouts::default());
    let call =
        Call { dialect, model: "m", stream: true, body, headers: &headers, traceparent: None, timeouts };
    now(provider.call(call, script)).unwrap();
}

/// Sends a conversation with this body.
pub(crate) fn calling(provider: &dyn Provider, script: &Script, model: &str, body: &Value) {
    let dialect = spoken(provider, Operation::Chat, model).expect("it converses");
    asking(provider, script, (dialect, model), body);
}

/// Sends this body in a dialect.
pub(crate) fn asking(
    provider: &dyn Provider,
    script: &Script,
    (dialect, model): (Dialect, &str),
    body: &Value,
) {
    let (headers, timeouts) = (HeaderMap::new(), Timeouts::default());
    let body = VecDeque::from([Bytes::from(body.to_string())]);
    let stream = false;
    let call = Call { dialect, model, stream, body, headers: &headers, traceparent: None, timeouts };
    now(provider.call(call, script)).unwrap();
}

pub(crate) fn chat(provider: &dyn Provider, script: &Script, headers: &[(&'static str, &str)]) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    sending(provider, script, (Operation::Chat, false, "m"), &map).unwrap();
}

fn clients_own() -> HeaderMap {
    let secret = HeaderValue::from_static("pgk_of_the_client");
    [
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "cookie",
        "x-forwarded-for",
        "host",
        "content-length",
    ]
    .into_iter()
    .map(|name| (HeaderName::from_static(name), secret.clone()))
    .collect()
}

#[test]
fn calls_go_where_they_should_with_our_credential_and_nobody_elses() {
    for promise in promises() {
        let (provider, script) = (built(promise.config.clone()), Script::answering("{}"));
        for (operation, stream, url) in [
            (Operation::Chat, false, Some(promise.chat)),
            (Operation::Chat, true, Some(promise.stream)),
            (Operation::Embeddings, false, promise.embeddings),
        ] {
            assert_eq!(spoken(&*provider, operation, "m").is_some(), url.is_some(), "{}", promise.config);
            let Some(url) = url else { continue };
            sending(&*provider, &script, (operation, stream, "m"), &clients_own()).unwrap();
            let sent = script.sent();
            assert_eq!(sent.headers["accept"], if stream { promise.streams_as } else { "application/json" });
            check_sent(sent, url, promise.auth, promise.body);
        }
    }
}

/// Kinds whose folders test what this would: they send nothing, sign what they send, or do not converse.
const APART: [&str; 6] = ["demo", "bedrock", "voyage", "jina", "kserve", "http"];

#[test]
fn every_kind_promises() {
    let schema = schemars::schema_for!(crate::ProviderConfig).to_value();
    let promised: Vec<Value> = promises().into_iter().map(|promise| promise.config["kind"].clone()).collect();
    for kind in schema["oneOf"].as_array().unwrap() {
        let kind = &kind["properties"]["kind"]["const"];
        assert!(promised.contains(kind) || APART.iter().any(|it| kind == *it), "{kind}");
    }
}

/// Kinds whose answers are not their callers' dialect are held to the same, whatever becomes of the answer.
#[test]
fn calls_of_custom_models_go_where_they_should() {
    let kserve = json!({ "kind": "kserve", "api_key": "k-1", "base_url": "http://triton.test:8000",
        "embeddings": { "input": "text", "output": "vector" } });
    let http = json!({ "kind": "http", "api_key": "k-1", "url": "http://score.test/{model}/run",
        "chat": { "request": "{{prompt}}", "text": "" }, "embeddings": { "request": "{{inputs}}", "vectors": "" },
        "predict": { "request": "{{body}}" } });
    let infer = "http://triton.test:8000/v2/models/m/infer";
    let run = "http://score.test/m/run";
    for (config, operation, stream, url) in [
        (&kserve, Operation::Embeddings, false, infer),
        (&kserve, Operation::Predict, false, infer),
        (&http, Operation::Chat, false, run),
        (&http, Operation::Chat, true, run),
        (&http, Operation::Embeddings, false, run),
        (&http, Operation::Predict, false, run),
    ] {
        let (provider, script) = (built(config.clone()), Script::answering("{}"));
        drop(sending(&*provider, &script, (operation, stream, "m"), &clients_own()));
        let sent = script.sent();
        // Tensors and predictions may be anything.
        let anything = *config == kserve || operation == Operation::Predict;
        let accept = if anything { "*/*" } else { "application/json" };
        assert_eq!(sent.headers["accept"], accept);
        check_sent(sent, url, ("authorization", "Bearer k-1"), r#"{"model":"m"}"#);
    }
}

fn check_sent(sent: Outbound, url: &str, (header, value): (&str, &str), body: &str) {
    assert_eq!((sent.method, sent.uri.to_string().as_str()), (Method::POST, url));
    assert_eq!(sent.provider.as_deref(), Some("acme"));
    assert!(!sent.untrusted);
    assert_eq!(sent.headers.get_all(header).iter().collect::<Vec<_>>(), [value]);
    assert!(sent.headers[header].is_sensitive());
    assert_eq!(sent.headers["content-type"], "application/json");
    assert_eq!(sent.headers["traceparent"], "00-aa-bb-01");
    assert!(sent.headers.values().all(|value| value != "pgk_of_the_client"), "{:?}", sent.headers);
    let Body::Full(bytes) = sent.body else { panic!("in one piece: {:?}", sent.body) };
    assert_eq!(bytes, body);
}

#[test]
fn lists_of_models_are_asked_for_and_bounded() {
    for promise in promises() {
        let provider = built(promise.config.clone());
        let script = Script::answering(&promise.list.to_string());
        let cards = script.discover(&*provider).unwrap();
        let Some(models) = promise.models else {
            assert!(script.nothing_sent(), "{}", promise.config);
            continue;
        };
        assert_eq!(cards.iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), ["m"]);
        let sent = script.sent();
        assert_eq!((sent.method, sent.uri.to_string().as_str()), (Method::GET, models));
        assert_eq!(sent.headers[promise.auth.0], promise.auth.1);
        assert!(!sent.headers.contains_key("content-type"));

        let refused = Script::failing(401).discover(&*provider);
        assert!(matches!(refused, Err(UpstreamFailure::Status(StatusCode::UNAUTHORIZED))));
        for answer in ["not json".to_owned(), format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20))] {
            let broken = Script::answering(&answer).discover(&*provider);
            assert!(matches!(broken, Err(UpstreamFailure::Lost { .. })), "{models}");
        }
    }
}

#[test]
fn requests_in_canon_are_written_in_the_accounts_dialect() {
    let message = Message::new(Role::User, vec![Part::text("hello", Provenance::User)]);
    let request = Request { model: "m".to_owned(), messages: vec![message], ..Request::default() };
    let inputs = vec![EmbedInput::Text("hello".to_owned())];
    let embed = EmbedRequest { model: "m".to_owned(), inputs, ..EmbedRequest::default() };
    for promise in promises() {
        let provider = built(promise.config);
        let chat = spoken(&*provider, Operation::Chat, "m").unwrap();
        let (bytes, _) = provider.translate(&Asked::Chat(Box::new(request.clone())), chat).unwrap();
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(written.to_string().contains("hello"), "{written}");
        if let Some(vectors) = spoken(&*provider, Operation::Embeddings, "m") {
            let (bytes, _) = provider.translate(&Asked::Embed(Box::new(embed.clone())), vectors).unwrap();
            assert!(String::from_utf8_lossy(&bytes).contains("hello"));
        }
    }
}
