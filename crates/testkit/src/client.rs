//! A client for tests: one connection per call, each frame as it arrives, and bytes no library would send.
//!
//! Not an SDK: it knows neither dialects nor retries. Dropping an [`Answer`] closes its connection, as a client that hangs up.

use std::fmt;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// The most bytes of a body that a test reads into memory.
const BODY_CAP: usize = 64 << 20;

/// A client of one server, with headers that every call carries.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    headers: HeaderMap,
}

/// The stream broke off before it was complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn(String);

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Client {
    /// A client of the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: HeaderMap::new() }
    }

    /// With this header on every call.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("a header value"));
        self
    }

    /// With `authorization: Bearer …` on every call.
    #[must_use]
    pub fn bearer(self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body.to_string().into()).await
    }

    /// Any method, any body.
    pub async fn send(&self, method: Method, path: &str, body: Bytes) -> Answer {
        let sent = self.try_send(method, path, body);
        crate::soon("a response head", sent).await.expect("the server answers")
    }

    /// As [`Client::send`], where no answer may come.
    ///
    /// # Errors
    /// The connection was refused, closed or reset before a response head was read.
    pub async fn try_send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Torn> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| Torn(error.to_string()))?;
        stream.set_nodelay(true).ok();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Torn(error.to_string()))?;
        let driver = AbortOnDropHandle::new(TaskTracker::new().spawn(async move {
            connection.await.ok();
        }));
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(Full::new(body)).expect("a valid request");
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        let response = sender.send_request(request).await.map_err(|error| Torn(error.to_string()))?;
        let (head, body) = response.into_parts();
        let buffer = BytesMut::new();
        Ok(Answer { status: head.status, headers: head.headers, body, buffer, _driver: driver })
    }
}

/// A response whose body is still arriving. Dropping it closes the connection.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    body: Incoming,
    buffer: BytesMut,
    _driver: AbortOnDropHandle<()>,
}

impl Answer {
    /// A header as text; empty when it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The next bytes as they arrived; none at the end.
    ///
    /// # Errors
    /// The body broke off.
    pub async fn try_frame(&mut self) -> Result<Option<Bytes>, Torn> {
        loop {
            match crate::soon("a body frame", self.body.frame()).await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => return Err(Torn(error.to_string())),
            }
        }
    }

    /// The next server-sent event as it was written, without the blank line that ends it; none at the end.
    ///
    /// # Errors
    /// The body broke off, with or without half an event before.
    pub async fn try_event(&mut self) -> Result<Option<String>, Torn> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event = self.buffer.split_to(end + 2);
                return Ok(Some(String::from_utf8_lossy(&event[..end]).into_owned()));
            }
            match self.try_frame().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Torn("the body ended within an event".to_owned())),
            }
        }
    }

    /// As [`Answer::try_event`].
    ///
    /// # Panics
    /// When the body broke off.
    pub async fn event(&mut self) -> Option<String> {
        self.try_event().await.expect("the stream goes on")
    }

    /// Every remaining event.
    ///
    /// # Errors
    /// The body broke off; what came before it is lost.
    pub async fn try_events(mut self) -> Result<Vec<String>, Torn> {
        let mut events = Vec::new();
        while let Some(event) = self.try_event().await? {
            events.push(event);
        }
        Ok(events)
    }

    /// The rest of the body.
    ///
    /// # Errors
    /// The body broke off.
    pub async fn try_bytes(mut self) -> Result<Bytes, Torn> {
        let mut all = std::mem::take(&mut self.buffer);
        while let Some(bytes) = self.try_frame().await? {
            all.extend_from_slice(&bytes);
            if all.len() > BODY_CAP {
                return Err(Torn(format!("the body is larger than {BODY_CAP} bytes")));
            }
        }
        Ok(all.freeze())
    }

    /// The rest of the body.
    ///
    /// # Panics
    /// When the body broke off.
    pub async fn bytes(self) -> Bytes {
        self.try_bytes().await.expect("a complete body")
    }

    /// The body as text.
    ///
    /// # Panics
    /// When the body broke off.
    pub async fn text(self) -> String {
        String::from_utf8_lossy(&self.bytes().await).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When the body broke off or is not JSON.
    pub async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
    }
}

/// A bare TCP connection: sends anything, reads what comes.
#[derive(Debug)]
pub struct Raw(TcpStream);

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts");
        stream.set_nodelay(true).ok();
        Self(stream)
    }

    /// Sends these bytes; false when the server has closed the connection.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Says that nothing more will be sent, and keeps reading.
    pub async fn finish(&mut self) {
        self.0.shutdown().await.ok();
    }

    /// Reads until these bytes have come, and gives everything read so far; less when the server closed the connection.
    pub async fn read_until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        let read = async {
            while !all.windows(end.len()).any(|window| window == end) {
                if !matches!(self.0.read_buf(&mut all).await, Ok(1..)) {
                    break;
                }
            }
        };
        crate::soon("bytes on a raw connection", read).await;
        all
    }

    /// Reads until the server closes the connection.
    pub async fn read_all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        // A reset ends the reading as a close does; what came before it counts.
        crate::soon("the end of a raw connection", self.0.read_to_end(&mut all)).await.ok();
        all
    }
}
