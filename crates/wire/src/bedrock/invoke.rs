//! Anthropic's dialect as Bedrock's `InvokeModel` carries it (docs: "Anthropic Claude Messages API").
//!
//! The model stands in the path and the kind of answer in the operation, betas and version in the body. A stream is an
//! event stream of `chunk` events, each with one of Anthropic's events in base64. Here that is put on and taken off, so
//! that everything else sees `anthropic.messages`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{error_kind, read_error};
use super::{DIALECT, invalid};
use crate::WireError;
use crate::frames::eventstream::{EventStreamError, Message, MessageKind, Reader};
use crate::json::{self, Outer};

/// The version of the dialect that every request names.
const VERSION: &str = "bedrock-2023-05-31";

/// A Messages request as `InvokeModel` takes it: without `model` and `stream`, with the version and the client's betas.
/// Everything else stays byte for byte.
///
/// # Errors
/// The body is no JSON object.
pub fn claude_body<'a>(body: &[u8], betas: impl Iterator<Item = &'a str>) -> Result<Bytes, WireError> {
    let mut out = Vec::with_capacity(body.len() + 64);
    out.push(b'{');
    let (mut versioned, mut own_betas) = (false, None);
    let outer = json::members(body, |member| match member.name.as_deref() {
        Some(b"model" | b"stream") => {}
        Some(b"anthropic_beta") => own_betas = Some(member.value),
        Some(name) => {
            versioned |= name == b"anthropic_version";
            put(&mut out, name, member.value);
        }
        None => {}
    });
    if outer != Some(Outer::Object) {
        return Err(invalid("the request is not a JSON object"));
    }
    if !versioned {
        put(&mut out, b"anthropic_version", format!("\"{VERSION}\"").as_bytes());
    }
    let mut wanted: Vec<String> = match own_betas {
        Some(own) => serde_json::from_slice(own).map_err(invalid)?,
        None => Vec::new(),
    };
    for beta in betas.flat_map(|list| list.split(',')).map(str::trim).filter(|beta| !beta.is_empty()) {
        if !wanted.iter().any(|known| known == beta) {
            wanted.push(beta.to_owned());
        }
    }
    if !wanted.is_empty() {
        put(&mut out, b"anthropic_beta", json!(wanted).to_string().as_bytes());
    }
    out.push(b'}');
    Ok(out.into())
}

/// A request without its `model`, which stands in the path. Everything else stays byte for byte.
///
/// # Errors
/// The body is no JSON object.
pub fn without_model(body: &[u8]) -> Result<Bytes, WireError> {
    let mut out = Vec::with_capacity(body.len());
    out.push(b'{');
    let outer = json::members(body, |member| match member.name.as_deref() {
        Some(b"model") | None => {}
        Some(name) => put(&mut out, name, member.value),
    });
    if outer != Some(Outer::Object) {
        return Err(invalid("the request is not a JSON object"));
    }
    out.push(b'}');
    Ok(out.into())
}

fn put(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if out.len() > 1 {
        out.push(b',');
    }
    // The name was resolved; written anew it may be escaped otherwise, which means the same.
    let name = String::from_utf8_lossy(name);
    let _written = serde_json::to_writer(&mut *out, name.as_ref());
    out.push(b':');
    out.extend_from_slice(value);
}

/// An error of Bedrock in the words of Anthropic's clients (docs: Anthropic, "Errors"). `header` is `x-amzn-errortype`.
#[must_use]
pub fn claude_error(status: StatusCode, header: Option<&str>, body: &Bytes) -> Bytes {
    let error = read_error(status, body);
    let kind = header.and_then(error_kind).or(error.kind).unwrap_or_default();
    anthropic_error(&kind, &error.message).to_string().into()
}

fn anthropic_error(kind: &str, message: &str) -> Value {
    let known = |name: &str| kind.eq_ignore_ascii_case(name);
    let kind = if known("ThrottlingException") || known("ServiceQuotaExceededException") {
        "rate_limit_error"
    } else if known("ServiceUnavailableException") || known("ModelNotReadyException") {
        "overloaded_error"
    } else if known("AccessDeniedException") {
        "permission_error"
    } else if known("UnrecognizedClientException") || known("ExpiredTokenException") {
        "authentication_error"
    } else if known("ResourceNotFoundException") {
        "not_found_error"
    } else if known("ModelTimeoutException") {
        "timeout_error"
    } else if known("ValidationException") {
        "invalid_request_error"
    } else {
        "api_error"
    };
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

/// Takes the event stream off Anthropic's events: bytes of `InvokeModelWithResponseStream` in, server-sent events out.
#[derive(Debug, Default)]
pub struct InvokeStream {
    reader: Reader,
    failed: bool,
}

/// The payload of a `chunk`.
#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    bytes: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<std::borrow::Cow<'a, str>>,
}

struct Stop(WireError);

impl From<EventStreamError> for Stop {
    fn from(error: EventStreamError) -> Self {
        Self(invalid(error))
    }
}

impl InvokeStream {
    /// Takes the next bytes and appends the events they complete.
    ///
    /// # Errors
    /// This is no such stream.
    pub fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), WireError> {
        let failed = &mut self.failed;
        let fed = self.reader.feed(bytes, |message| unwrap(message, failed, out).map_err(Stop));
        fed.map_err(|Stop(error)| error)
    }

    /// Has the stream stopped between two messages?
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.reader.is_between()
    }
}

fn unwrap(message: Message<'_>, failed: &mut bool, out: &mut BytesMut) -> Result<(), WireError> {
    if *failed {
        return Ok(());
    }
    let error = match message.kind {
        MessageKind::Event("chunk") => {
            let chunk: Chunk<'_> = serde_json::from_slice(message.payload).map_err(invalid)?;
            let data = BASE64_STANDARD.decode(chunk.bytes.as_bytes()).map_err(invalid)?;
            let kind = serde_json::from_slice::<Typed<'_>>(&data).map_err(invalid)?.kind;
            if data.contains(&b'\n') {
                return Err(WireError { dialect: DIALECT, reason: "a chunk has several lines".to_owned() });
            }
            frame(kind.as_deref().unwrap_or("message"), &data, out);
            return Ok(());
        }
        MessageKind::Event(_) => return Ok(()),
        MessageKind::Exception(kind) => {
            let payload: Value = serde_json::from_slice(message.payload).unwrap_or_default();
            let text = payload.get("message").and_then(Value::as_str).unwrap_or_default();
            anthropic_error(kind, text)
        }
        MessageKind::Error { code, message } => anthropic_error(code, message),
    };
    *failed = true;
    frame("error", error.to_string().as_bytes(), out);
    Ok(())
}

fn frame(kind: &str, data: &[u8], out: &mut BytesMut) {
    for piece in [b"event: ", kind.as_bytes(), b"\ndata: ", data, b"\n\n"] {
        out.put_slice(piece);
    }
}
