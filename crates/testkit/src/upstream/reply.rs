//! What an upstream answers to one request, faults included, as a list of steps on the socket.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::Gate;

/// How a reply breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed in good order (FIN).
    Close,
    /// The connection is reset (RST).
    Reset,
    /// Nothing more is ever sent; the connection stays open until the client leaves.
    Hang,
}

/// One thing to do on the socket.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Send these bytes with one write.
    Write(Bytes),
    /// Wait for the test.
    Wait(Gate),
    /// End it like this.
    Break(Break),
}

#[derive(Clone, Debug)]
enum Payload {
    /// With `content-length`.
    Full(Bytes),
    /// Chunked, one write per frame.
    Frames(Vec<Bytes>),
    /// Instead of HTTP.
    Raw(Bytes),
}

/// The script of one answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    payload: Payload,
    declared_len: Option<usize>,
    head_gate: Option<Gate>,
    frame_gate: Option<Gate>,
    cut: Option<(usize, Break)>,
    silent: Option<Break>,
}

impl Reply {
    fn new(status: u16, payload: Payload) -> Self {
        Self {
            status,
            headers: Vec::new(),
            payload,
            declared_len: None,
            head_gate: None,
            frame_gate: None,
            cut: None,
            silent: None,
        }
    }

    /// A JSON document.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// Any body of any type; for malformed JSON too.
    #[must_use]
    pub fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(status, Payload::Full(body.into())).header("content-type", content_type)
    }

    /// A server-sent event stream, chunked, one write for each frame exactly as given (blank line included).
    #[must_use]
    pub fn sse<F: Into<Bytes>>(frames: impl IntoIterator<Item = F>) -> Self {
        let frames = frames.into_iter().map(Into::into).collect();
        Self::new(200, Payload::Frames(frames)).header("content-type", "text/event-stream")
    }

    /// These bytes and nothing else, HTTP or not; then the connection is closed.
    #[must_use]
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::new(0, Payload::Raw(bytes.into()))
    }

    /// No response head: the request is read, then this happens.
    #[must_use]
    pub fn silent(how: Break) -> Self {
        Self { silent: Some(how), ..Self::new(0, Payload::Raw(Bytes::new())) }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The head waits for the gate.
    #[must_use]
    pub fn head_gated(mut self, gate: &Gate) -> Self {
        self.head_gate = Some(gate.clone());
        self
    }

    /// Each frame (or the whole body) waits for one release of the gate.
    #[must_use]
    pub fn gated(mut self, gate: &Gate) -> Self {
        self.frame_gate = Some(gate.clone());
        self
    }

    /// After this many bytes of the body, counted without chunk framing, it breaks off.
    #[must_use]
    pub fn broken_at(mut self, bytes: usize, how: Break) -> Self {
        self.cut = Some((bytes, how));
        self
    }

    /// Says this `content-length` whatever the body is, and closes the connection behind the body.
    #[must_use]
    pub fn declared_len(mut self, len: usize) -> Self {
        self.declared_len = Some(len);
        self
    }

    /// Bytes of the body.
    #[must_use]
    pub fn body_len(&self) -> usize {
        match &self.payload {
            Payload::Full(body) | Payload::Raw(body) => body.len(),
            Payload::Frames(frames) => frames.iter().map(Bytes::len).sum(),
        }
    }

    fn head(&self) -> Bytes {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").ok();
        }
        match (&self.payload, self.declared_len) {
            (_, Some(len)) => write!(head, "content-length: {len}\r\n").ok(),
            (Payload::Frames(_), None) => write!(head, "transfer-encoding: chunked\r\n").ok(),
            (Payload::Full(body) | Payload::Raw(body), None) => {
                write!(head, "content-length: {}\r\n", body.len()).ok()
            }
        };
        head.push_str("\r\n");
        head.into()
    }

    /// The pieces of the body, each with its framing, up to the cut.
    fn pieces(&self) -> Vec<Bytes> {
        let (frames, chunked): (&[Bytes], bool) = match &self.payload {
            Payload::Full(body) | Payload::Raw(body) => (std::slice::from_ref(body), false),
            Payload::Frames(frames) => (frames, self.declared_len.is_none()),
        };
        let mut left = self.cut.map_or(usize::MAX, |(bytes, _)| bytes);
        let mut pieces = Vec::with_capacity(frames.len() + 1);
        for frame in frames {
            let piece = frame.slice(..frame.len().min(left));
            left -= piece.len();
            if !piece.is_empty() {
                pieces.push(if chunked { chunk(&piece) } else { piece });
            }
        }
        if chunked && self.cut.is_none() {
            pieces.push(Bytes::from_static(b"0\r\n\r\n"));
        }
        pieces
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.head_gate.iter().cloned().map(Step::Wait).collect();
        if let Some(how) = self.silent {
            steps.push(Step::Break(how));
            return steps;
        }
        let raw = matches!(self.payload, Payload::Raw(_));
        if !raw {
            steps.push(Step::Write(self.head()));
        }
        for piece in self.pieces() {
            steps.extend(self.frame_gate.iter().cloned().map(Step::Wait));
            steps.push(Step::Write(piece));
        }
        if let Some((_, how)) = self.cut {
            steps.push(Step::Break(how));
        } else if raw || self.declared_len.is_some() {
            steps.push(Step::Break(Break::Close));
        }
        steps
    }
}

/// One chunk of chunked transfer coding (RFC 9112 §7.1).
fn chunk(piece: &Bytes) -> Bytes {
    let mut out = BytesMut::from(format!("{:x}\r\n", piece.len()).as_bytes());
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
    out.freeze()
}
