//! Reading requests strictly: what is unknown or malformed is refused with a text that names it and the form wanted.

use std::error::Error;
use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path};
use contract::body::BodyError;
use contract::words::{Id, IdKind, Timestamp};
use contract::{Code, Fault};
use http::request::Parts;
use http::{HeaderMap, Request, header};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// The largest body that is read.
const MAX_BODY: usize = 1 << 20;

/// A body of JSON, at most 1 MiB, with no fields but those of `T`.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Refusal> {
        if !is_plain_json(request.headers()) {
            return Err(Fault::new(Code::UnsupportedMediaType).into());
        }
        let bytes =
            axum::body::to_bytes(request.into_body(), MAX_BODY).await.map_err(|error| unread(&error))?;
        let text =
            std::str::from_utf8(&bytes).map_err(|error| Fault::new(Code::InvalidEncoding).because(error))?;
        Ok(Self(parse(text)?))
    }
}

fn is_plain_json(headers: &HeaderMap) -> bool {
    let plain = headers.get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    let mime = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mime = mime.split(';').next().unwrap_or_default().trim();
    plain && mime.eq_ignore_ascii_case("application/json")
}

/// Why a body could not be read: the cap here, a limit of the edge, or a client that went away.
fn unread(error: &axum::Error) -> Fault {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Fault::saying(Code::BodyTooLarge, "The request body is larger than 1 MiB.");
        }
        if let Some(error) = error.downcast_ref::<BodyError>() {
            let code = match error {
                BodyError::TooLarge(_) => Code::BodyTooLarge,
                BodyError::Idle | BodyError::Deadline => Code::BodyTimeout,
                BodyError::Lost | BodyError::Malformed => Code::ClientGone,
            };
            return Fault::new(code).because(error);
        }
        cause = error.source();
    }
    Fault::new(Code::ClientGone).because(error)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return Fault::saying(Code::InvalidJson, format!("The request body is not valid JSON: {error}."));
        }
        let fault = Fault::saying(Code::InvalidRequest, format!("The request body is wrong: {error}."));
        if path == "." { fault } else { fault.at(path) }
    })?;
    reader.end().map_err(|error| {
        Fault::saying(Code::InvalidJson, format!("The request body is not valid JSON: {error}."))
    })?;
    Ok(value)
}

/// The query of a request, read by [`FromParams`]; what nobody took is refused.
pub(crate) struct Query<T>(pub(crate) T);

/// Something that is read from query parameters.
pub(crate) trait FromParams: Sized {
    /// Takes its parameters out.
    fn read(params: &mut Params) -> Result<Self, Fault>;
}

impl<A: FromParams, B: FromParams> FromParams for (A, B) {
    fn read(params: &mut Params) -> Result<Self, Fault> {
        Ok((A::read(params)?, B::read(params)?))
    }
}

impl<S: Send + Sync, T: FromParams> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let pairs =
            axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map_err(|error| {
                Fault::saying(Code::InvalidRequest, "The query cannot be read.").because(error)
            })?;
        let mut params = Params { pairs: pairs.0, known: Vec::new() };
        let query = T::read(&mut params)?;
        params.finish()?;
        Ok(Self(query))
    }
}

/// Query parameters that are still to be read.
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Params {
    /// Takes a parameter; `form` completes the sentence "'limit' must be …".
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        self.known.push(name);
        let Some(at) = self.pairs.iter().position(|(key, _)| key == name) else {
            return Ok(None);
        };
        let (_, text) = self.pairs.remove(at);
        if self.pairs.iter().any(|(key, _)| key == name) {
            return Err(refuse(name, format!("'{name}' is given more than once.")));
        }
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(refuse(name, format!("'{name}' must be {form}."))),
        }
    }

    /// Takes a text that is not empty.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Fault> {
        self.take(name, "a text that is not empty", |text| (!text.is_empty()).then(|| text.to_owned()))
    }

    /// Takes a time.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        let form = "a time in RFC 3339, such as 2026-01-31T12:00:00Z ('+' in an offset is written %2B)";
        self.take(name, form, |text| text.parse().ok())
    }

    /// Takes an id.
    pub(crate) fn id(&mut self, name: &'static str, kind: IdKind) -> Result<Option<Id>, Fault> {
        let form = format!("an id: '{}_' and 32 hex digits", kind.prefix());
        self.take(name, &form, |text| id_of(kind, text))
    }

    fn finish(self) -> Result<(), Fault> {
        let Some((name, _)) = self.pairs.into_iter().next() else {
            return Ok(());
        };
        let known = match self.known.as_slice() {
            [] => "this path takes none".to_owned(),
            known => format!("this path takes {}", known.join(", ")),
        };
        let shown: String = name.chars().take(64).collect();
        Err(refuse(&shown, format!("'{shown}' is not a parameter here: {known}.")))
    }
}

fn refuse(name: &str, text: String) -> Fault {
    Fault::saying(Code::InvalidRequest, text).at(name)
}

fn id_of(kind: IdKind, text: &str) -> Option<Id> {
    Id::from_str(text).ok().filter(|id| id.kind() == kind)
}

/// The id in the path of one key.
pub(crate) struct KeyId(pub(crate) Id);

/// The id in the path of one request.
pub(crate) struct RequestId(pub(crate) Id);

impl<S: Send + Sync> FromRequestParts<S> for KeyId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        id_in_path(parts, state, IdKind::Key).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        id_in_path(parts, state, IdKind::Request).await.map(Self)
    }
}

async fn id_in_path<S: Send + Sync>(parts: &mut Parts, state: &S, kind: IdKind) -> Result<Id, Refusal> {
    let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text);
    let id = text.ok().and_then(|text| id_of(kind, &text));
    let form = format!("Nothing has this id. It is written '{}_' and 32 hex digits.", kind.prefix());
    id.ok_or_else(|| Fault::saying(Code::NotFound, form).at("id").into())
}

/// The version that `if-match` asks for (RFC 9110 §13.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// No condition, or `*`.
    Any,
    /// This version.
    Version(i64),
    /// A tag that was never one of ours, or a weak one: nothing matches it.
    Nothing,
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self::Any);
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let tag = text.strip_prefix("W/").unwrap_or(text);
        let inner = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match inner {
            Some(inner) if !inner.contains('"') => {
                let version = inner.parse().ok().filter(|_| tag == text);
                Ok(version.map_or(Self::Nothing, Self::Version))
            }
            _ => {
                let form = "'if-match' must be one etag in quotes, as a GET returned it, or '*'.";
                Err(Fault::saying(Code::InvalidRequest, form).at("if-match").into())
            }
        }
    }
}

/// The tag of a version.
pub(crate) fn etag(version: i64) -> String {
    format!("\"{version}\"")
}
