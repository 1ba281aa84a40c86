//! Fakes for everything behind the edge: they say back what they were asked.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use contract::body::BodyError;
use contract::ports::{
    Answer, Arrived, BoxFuture, Clock, Exposition, FaultRenderer, HttpService, Keyring, Llm, ModelsAsk,
    Readiness, RecordError, Settled, StoredAsk, Telemetry,
};
use contract::words::{Dialect, Id, Principal, Scope, Secret};
use contract::{Body, Code, Fault};
use http::{HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::{Notify, mpsc};

use crate::Services;

/// How model calls are answered.
#[derive(Clone)]
enum Mode {
    /// With what was asked, at once.
    Echo,
    /// The same, when told to.
    Hold(Arc<Notify>),
    /// With the frames that come out of this channel.
    Stream(Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>),
}

/// All fakes and what they saw.
#[derive(Clone)]
pub(super) struct Behind(Arc<Seen>);

struct Seen {
    mode: Mutex<Mode>,
    ready: Mutex<Result<(), &'static str>>,
    refused: Mutex<Vec<Code>>,
    connections: AtomicI64,
    arrived: Notify,
}

impl Behind {
    pub(super) fn new() -> Self {
        Self(Arc::new(Seen {
            mode: Mutex::new(Mode::Echo),
            ready: Mutex::new(Ok(())),
            refused: Mutex::default(),
            connections: AtomicI64::new(0),
            arrived: Notify::new(),
        }))
    }

    pub(super) fn services(&self, clock: Arc<dyn Clock>) -> Services {
        Services {
            llm: Arc::clone(&self.0) as _,
            admin: Arc::clone(&self.0) as _,
            renderer: Arc::clone(&self.0) as _,
            readiness: Arc::clone(&self.0) as _,
            exposition: Arc::clone(&self.0) as _,
            keyring: Arc::clone(&self.0) as _,
            telemetry: Arc::clone(&self.0) as _,
            closing: tokio_util::sync::CancellationToken::new(),
            clock,
        }
    }

    /// Holds answers back until the returned notice.
    pub(super) fn hold(&self) -> Arc<Notify> {
        let release = Arc::new(Notify::new());
        *self.0.mode.lock().unwrap() = Mode::Hold(Arc::clone(&release));
        release
    }

    /// Answers with the frames sent here.
    pub(super) fn stream(&self) -> mpsc::Sender<Bytes> {
        let (frames, source) = mpsc::channel(1);
        *self.0.mode.lock().unwrap() = Mode::Stream(Arc::new(Mutex::new(Some(source))));
        frames
    }

    /// Waits for a model call.
    pub(super) async fn arrival(&self) {
        testkit::soon("a model call behind the edge", self.0.arrived.notified()).await;
    }

    pub(super) fn set_ready(&self, ready: Result<(), &'static str>) {
        *self.0.ready.lock().unwrap() = ready;
    }

    pub(super) fn refused(&self) -> Vec<Code> {
        self.0.refused.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> i64 {
        self.0.connections.load(Ordering::Relaxed)
    }
}

fn reply(value: &serde_json::Value) -> Response<Body> {
    Response::new(Body::from(value.to_string()))
}

impl Llm for Seen {
    fn serve(self: Arc<Self>, arrived: Arrived) -> BoxFuture<'static, Response<Body>> {
        let mode = self.mode.lock().unwrap().clone();
        Box::pin(async move {
            if let Mode::Stream(source) = &mode {
                self.arrived.notify_one();
                let source = source.lock().unwrap().take().unwrap();
                return Response::new(Body::stream(Frames(source)));
            }
            let Arrived { headers, key, dialect, client, body, .. } = arrived;
            if let Mode::Hold(release) = &mode {
                self.arrived.notify_one();
                release.notified().await;
            }
            let names: Vec<_> = headers.keys().map(|name| name.as_str().to_owned()).collect();
            reply(&match read(body).await {
                Ok(body) => json!({
                    "dialect": dialect.as_str(),
                    "key": key.as_ref().map(Secret::expose),
                    "client": client,
                    "headers": names,
                    "body": body,
                }),
                Err(error) => json!({ "body_error": format!("{error:?}") }),
            })
        })
    }

    fn models(self: Arc<Self>, ask: ModelsAsk) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move {
            let mut seen = json!({
                "models": ask.dialect.as_str(),
                "model": ask.model,
                "key": ask.key.as_ref().map(Secret::expose),
            });
            if !matches!(ask.body, Body::Empty) {
                seen["body"] = json!(read(ask.body).await.ok());
            }
            reply(&seen)
        })
    }

    fn stored(self: Arc<Self>, ask: StoredAsk) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move {
            reply(&json!({
                "response": ask.response,
                "action": format!("{:?}", ask.action),
                "query": ask.query,
                "key": ask.key.as_ref().map(Secret::expose),
            }))
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge caps what it hands over, which is what is tested")]
async fn read(body: Body) -> Result<String, BodyError> {
    Ok(String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned())
}

struct Frames(mpsc::Receiver<Bytes>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl HttpService for Seen {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            reply(&json!({
                "admin": head.uri.to_string(),
                "method": head.method.as_str(),
                "authorization": text("authorization"),
                "x-api-key": text("x-api-key"),
                "client": head.extensions.get::<std::net::IpAddr>(),
                "id": head.extensions.get::<Id>(),
                "body": read(body).await.unwrap(),
            }))
        })
    }
}

impl FaultRenderer for Seen {
    fn render(&self, dialect: Dialect, fault: &Fault, request: Id) -> Response<Body> {
        let mut response = reply(&json!({
            "dialect": dialect.as_str(), "code": fault.code().as_str(), "request": request,
        }));
        *response.status_mut() = fault.status();
        if let Some(wait) = fault.wait() {
            response.headers_mut().insert("retry-after", HeaderValue::from(wait.as_secs()));
        }
        response
    }
}

impl Readiness for Seen {
    fn ready(&self) -> Result<(), &'static str> {
        *self.ready.lock().unwrap()
    }
}

impl Exposition for Seen {
    fn text(&self) -> String {
        "# EOF\n".to_owned()
    }
}

impl Keyring for Seen {
    fn identify<'a>(&'a self, presented: Option<&'a str>) -> Answer<'a, Result<Arc<Principal>, Fault>> {
        let scope = match presented {
            Some("pgk_reader") => Scope::AdminRead,
            Some("pgk_caller") => Scope::Inference,
            Some(_) => return Answer::now(Err(Code::InvalidKey.into())),
            None => return Answer::now(Err(Code::MissingKey.into())),
        };
        Answer::now(Ok(Arc::new(Principal {
            key: None,
            name: "test".into(),
            org: "default".into(),
            team: None,
            app: None,
            scopes: vec![scope],
            models: Vec::new(),
            requests: None,
            expires: None,
        })))
    }
}

impl Telemetry for Seen {
    fn arrived(&self) {}

    fn first_content(&self, _: std::time::Duration) {}

    fn settled(&self, _: &Settled) {}

    fn connection(&self, opened: bool) {
        self.connections.fetch_add(if opened { 1 } else { -1 }, Ordering::Relaxed);
    }

    fn edge_refused(&self, code: Code) {
        self.refused.lock().unwrap().push(code);
    }

    fn record_failed(&self, _: &RecordError) {}
}
