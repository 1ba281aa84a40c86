//! Parts of canon → content blocks, for requests and replies. Fields are lent by canon, the sidecar is merged in.
//!
//! Which block may stand where, and who is told of what is lost, is `turns.rs` and `reply.rs`.

use std::borrow::Cow;
use std::fmt::Display;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use contract::canon::{MediaKind, MediaSource, Part, PartKind, Receipt};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::cache::{Breakpoints, Control};
use super::{DIALECT, cite, document};
use crate::arguments::Arguments;
use crate::aside;

/// A block to be written.
#[derive(Default, Serialize)]
pub(super) struct Out<'a> {
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Arguments<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_use_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "is_none_or_empty")]
    pub(super) content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_error: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) citations: Vec<Cow<'a, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<Control>,
    #[serde(flatten)]
    pub(super) native: Option<Cow<'a, Map<String, Value>>>,
}

/// `content` to be written: one plain text is written as a string.
pub(super) struct Content<'a>(pub(super) Vec<Out<'a>>);

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [Out { kind: "text", text: Some(text), native: None, cache_control: None, citations, .. }]
                if citations.is_empty() =>
            {
                to.serialize_str(text)
            }
            blocks => blocks.serialize(to),
        }
    }
}

#[expect(clippy::ref_option, reason = "the form serde calls")]
fn is_none_or_empty(content: &Option<Content<'_>>) -> bool {
    content.as_ref().is_none_or(|content| content.0.is_empty())
}

/// Where a medium is.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Text { media_type: &'static str, data: String },
    Url { url: &'a str },
    File { file_id: &'a str },
}

/// Why a part has no block here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// It holds nothing.
    Blank,
    /// It means something to its own dialect only; the text says what is lost.
    Foreign(&'static str),
    /// The model would answer without having seen it; the text names it.
    Unsupported(&'static str),
}

impl<'a> Out<'a> {
    /// The block of a part that stands alone: anything but a tool result.
    ///
    /// # Errors
    /// The part cannot be written, and why.
    pub(super) fn of(part: &'a Part) -> Result<Self, Unwritable> {
        let native = part.native_for(DIALECT).and_then(Value::as_object);
        let base = Self { native: native.map(Cow::Borrowed), ..Self::default() };
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) if text.is_empty() && native.is_none() => {
                Err(Unwritable::Blank)
            }
            PartKind::Text(text) => {
                let own = native.and_then(|native| document::with_text(native, text));
                let others = || document::of(aside::Source::of(part).filter(|_| native.is_none())?, text);
                Ok(match own.or_else(others) {
                    Some(document) => Self { native: Some(Cow::Owned(document)), ..Self::default() },
                    None => Self { kind: "text", text: Some(text), ..base },
                })
            }
            PartKind::Refusal(text) => Ok(Self { kind: "text", text: Some(text), ..base }),
            PartKind::Media { kind, source } => {
                let others = aside::Source::of(part).filter(|_| native.is_none()).map(document::fields);
                Self::media(*kind, source, Self { native: others.map(Cow::Owned).or(base.native), ..base })
            }
            PartKind::ToolCall { id, name, arguments, .. } => Ok(Self {
                kind: "tool_use",
                id: Some(call_id(id)),
                name: Some(name),
                input: Some(Arguments::of(arguments)),
                ..base
            }),
            PartKind::Reasoning(text) if is_signed(native) => {
                Ok(Self { kind: "thinking", thinking: Some(text), ..base })
            }
            PartKind::Reasoning(_) => {
                Err(Unwritable::Foreign("thoughts that another provider signed, or nobody"))
            }
            PartKind::ServerCall(call) if native.is_some() => {
                Ok(Self { input: Some(Arguments::of(&call.input)), ..base })
            }
            PartKind::Native | PartKind::ServerResult(_) if native.is_some() => Ok(base),
            PartKind::ServerCall(_) | PartKind::ServerResult(_) => {
                Err(Unwritable::Foreign("a tool that another provider ran"))
            }
            PartKind::Native => Err(Unwritable::Foreign("a block that only its own provider understands")),
            PartKind::ToolResult(_) => Err(Unwritable::Unsupported("a tool result in this place")),
        }
    }

    /// The block with its cache breakpoint and with the citations that Anthropic takes back; `at` names the part.
    pub(super) fn sent(
        mut self,
        part: &'a Part,
        at: &dyn Display,
        cache: &mut Breakpoints,
        receipt: &mut Receipt,
    ) -> Self {
        if self.kind == "text" {
            let (citations, others) = cite::returned(part);
            self.citations = citations.into_iter().map(Cow::Borrowed).collect();
            if others {
                receipt.dropped(format!("{at}.citations"), "Anthropic takes back its own citations only");
            }
        }
        if self.kind == "thinking" && part.cache.is_some() {
            receipt.dropped(format!("{at}.cache"), "thoughts cannot be the end of what is cached");
        } else {
            self.cache_control = cache.take(part.cache, self.native.as_deref(), at, receipt);
        }
        self
    }

    fn media(kind: MediaKind, source: &'a MediaSource, base: Self) -> Result<Self, Unwritable> {
        let kind = match kind {
            MediaKind::Image => "image",
            MediaKind::Document => "document",
            MediaKind::Audio => return Err(Unwritable::Unsupported("audio")),
            MediaKind::Video => return Err(Unwritable::Unsupported("video")),
        };
        let source = match source {
            MediaSource::Base64 { mime, data } => match plain_text(kind, mime, data) {
                Some(data) => Source::Text { media_type: "text/plain", data },
                None => Source::Base64 { media_type: mime, data },
            },
            MediaSource::Url(url) if url.starts_with("http") => Source::Url { url },
            MediaSource::Url(_) => return Err(Unwritable::Unsupported("an address that is not on the web")),
            // Anthropic's begin with `file_`.
            MediaSource::File(file_id) if file_id.starts_with("file-") || file_id.contains('/') => {
                return Err(Unwritable::Unsupported("a file that another provider keeps"));
            }
            MediaSource::File(file_id) => Source::File { file_id },
        };
        Ok(Self { kind, source: Some(source), ..base })
    }
}

/// The text of a text file: as base64 Anthropic takes only PDF documents.
fn plain_text(kind: &str, mime: &str, data: &str) -> Option<String> {
    let is_text = mime.starts_with("text/")
        || matches!(mime, "application/json" | "application/xml" | "application/yaml" | "application/x-yaml");
    if kind != "document" || !is_text {
        return None;
    }
    String::from_utf8(BASE64_STANDARD.decode(data).ok()?).ok()
}

fn is_signed(native: Option<&Map<String, Value>>) -> bool {
    let signature = native.and_then(|native| native.get("signature")).and_then(Value::as_str);
    signature.is_some_and(|signature| !signature.is_empty())
}

/// The id of a call in the alphabet Anthropic takes (`[a-zA-Z0-9_-]`); other bytes are spelled in hex, the same way in
/// the call and in its result.
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if id.bytes().all(|byte| fits(&byte)) {
        return Cow::Borrowed(id);
    }
    let mut spelled = String::with_capacity(id.len() + 8);
    for byte in id.bytes() {
        if fits(&byte) {
            spelled.push(char::from(byte));
        } else {
            spelled.push_str(&format!("_{byte:02x}"));
        }
    }
    Cow::Owned(spelled)
}
