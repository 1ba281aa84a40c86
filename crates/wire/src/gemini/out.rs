//! Parts of canon as Gemini writes them, for requests, answers and streams. The way in is `part.rs`.

use std::borrow::Cow;

use contract::canon::{
    MediaKind, MediaSource, Part, PartKind, ServerCall, ServerResult, ServerTool, ToolResult,
};
use contract::{Code, Fault};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::DIALECT;
use crate::arguments::{self, Arguments};

/// A part to be written.
#[derive(Default)]
pub(super) struct Out<'a> {
    pub(super) body: Body<'a>,
    pub(super) native: Option<&'a Map<String, Value>>,
    pub(super) signature: Option<&'static str>,
    /// The name of a document, for Google's own tools.
    pub(super) title: Option<&'a str>,
}

/// What a part says beyond its sidecar.
#[derive(Default)]
pub(super) enum Body<'a> {
    /// Nothing: the sidecar holds it whole.
    #[default]
    Native,
    /// Prose.
    Text(&'a str),
    /// A thought.
    Thought(&'a str),
    /// Bytes.
    Blob { mime: &'a str, data: &'a str },
    /// A file somewhere else.
    File { mime: &'static str, uri: Cow<'a, str> },
    /// A function call; without an id where that was made up here.
    Call { id: Option<&'a str>, name: &'a str, args: Args<'a> },
    /// What a function returned.
    Response { id: Option<&'a str>, name: &'a str, response: Answer<'a>, parts: Vec<Out<'a>> },
    /// Code that the provider ran.
    Code(String),
    /// What it printed.
    CodeResult { output: &'a str, failed: bool },
}

/// The arguments of a call.
pub(super) enum Args<'a> {
    /// Those of a function.
    Function(Arguments<'a>),
    /// The text of a custom tool, under the name its declaration gives it.
    Custom(&'a str),
}

impl<'a> Args<'a> {
    pub(super) fn of(text: &'a str, custom: bool) -> Self {
        if custom { Self::Custom(text) } else { Self::Function(Arguments::of(text)) }
    }
}

/// The argument a custom tool's text stands in.
pub(super) const CUSTOM: &str = "input";

impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Function(arguments) => arguments.serialize(to),
            Self::Custom(text) => to.collect_map([(CUSTOM, text)]),
        }
    }
}

/// What a function returned: an object as it stands; texts under the names the API reference gives them.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub(super) enum Answer<'a> {
    Object(&'a RawValue),
    Output { output: Cow<'a, str> },
    Error { error: Cow<'a, str> },
}

impl<'a> Answer<'a> {
    /// Does it say nothing?
    fn is_empty(&self) -> bool {
        matches!(self, Self::Output { output } if output.is_empty())
    }

    pub(super) fn of(result: &'a ToolResult) -> Self {
        let mut texts = result.parts.iter().filter_map(|part| match &part.kind {
            PartKind::Text(text) => Some(text.as_str()),
            _ => None,
        });
        let first = texts.next().unwrap_or_default();
        let mut text = Cow::Borrowed(first);
        for next in texts {
            let joined = text.to_mut();
            joined.push('\n');
            joined.push_str(next);
        }
        match (text, result.failed) {
            (text, true) => Self::Error { error: text },
            (Cow::Borrowed(text), false) => match arguments::object(text) {
                Some(object) => Self::Object(object),
                None => Self::Output { output: Cow::Borrowed(text) },
            },
            (text, false) => Self::Output { output: text },
        }
    }
}

impl<'a> Out<'a> {
    /// A part that is nothing but this.
    pub(super) fn of(body: Body<'a>) -> Self {
        Self { body, ..Self::default() }
    }

    fn left(&self, name: &str) -> Left<'a> {
        Left(self.native.and_then(|native| native.get(name)).and_then(Value::as_object), "")
    }

    /// Is it a function call?
    pub(super) fn is_call(&self) -> bool {
        matches!(self.body, Body::Call { .. })
    }

    /// Does its sidecar hold a signature?
    pub(super) fn is_signed(&self) -> bool {
        self.native.is_some_and(|native| native.contains_key("thoughtSignature"))
    }
}

/// Fields of a sidecar but the one that is written already; nulls there are marks of ours.
#[derive(Clone, Copy)]
struct Left<'a>(Option<&'a Map<String, Value>>, &'static str);

impl Serialize for Left<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.fields())
    }
}

impl<'a> Left<'a> {
    fn fields(self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let fields = self.0.into_iter().flatten();
        fields.filter(move |(key, value)| !value.is_null() && *key != self.1)
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct BlobOut<'a> {
    mime_type: &'a str,
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(flatten)]
    left: Left<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct FileOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    file_uri: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(flatten)]
    left: Left<'a>,
}

#[derive(serde::Serialize)]
struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    args: &'a Args<'a>,
    #[serde(flatten)]
    left: Left<'a>,
}

#[derive(serde::Serialize)]
struct ResponseOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a Answer<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    parts: &'a [Out<'a>],
    #[serde(flatten)]
    left: Left<'a>,
}

impl Serialize for Out<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        let mut written = "";
        match &self.body {
            Body::Native => {}
            Body::Text(text) => map.serialize_entry("text", text)?,
            Body::Thought(text) => {
                map.serialize_entry("text", text)?;
                map.serialize_entry("thought", &true)?;
            }
            Body::Blob { mime, data } => {
                written = "inlineData";
                map.serialize_entry(
                    written,
                    &BlobOut { mime_type: mime, data, display_name: self.title, left: self.left(written) },
                )?;
            }
            Body::File { mime, uri } => {
                written = "fileData";
                let left = self.left(written);
                let told = left.0.is_some_and(|left| left.contains_key("mimeType"));
                let mime_type = (!told).then_some(*mime);
                map.serialize_entry(
                    written,
                    &FileOut { mime_type, file_uri: uri, display_name: self.title, left },
                )?;
            }
            Body::Call { id, name, args } => {
                written = "functionCall";
                map.serialize_entry(written, &CallOut { id: *id, name, args, left: self.left(written) })?;
            }
            Body::Response { id, name, response, parts } => {
                written = "functionResponse";
                let left = self.left(written);
                // Its own client may say nothing, which is marked.
                let unsaid = left.0.is_some_and(|left| left.contains_key("response")) && response.is_empty();
                let response = (!unsaid).then_some(response);
                let out = ResponseOut { id: *id, name, response, parts, left };
                map.serialize_entry(written, &out)?;
            }
            Body::Code(code) => {
                map.serialize_entry("executableCode", &json!({"language": "PYTHON", "code": code}))?;
            }
            Body::CodeResult { output, failed } => {
                let outcome = if *failed { "OUTCOME_FAILED" } else { "OUTCOME_OK" };
                map.serialize_entry("codeExecutionResult", &json!({"outcome": outcome, "output": output}))?;
            }
        }
        if let Some(signature) = self.signature {
            map.serialize_entry("thoughtSignature", signature)?;
        }
        for (key, value) in Left(self.native, written).fields() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// A medium.
///
/// # Errors
/// [`Code::UnsupportedCapability`] for a file that another provider keeps.
pub(super) fn media(kind: MediaKind, source: &MediaSource) -> Result<Body<'_>, Fault> {
    let uri = match source {
        MediaSource::Base64 { mime, data } => return Ok(Body::Blob { mime, data }),
        // Gemini fetches files of its own Files API, YouTube films and, on newer models, public addresses; others it
        // refuses with a clear error (docs: "File input methods").
        MediaSource::Url(url) => Cow::Borrowed(url.as_str()),
        MediaSource::File(id) if id.starts_with("files/") => {
            Cow::Owned(format!("https://generativelanguage.googleapis.com/v1beta/{id}"))
        }
        MediaSource::File(id) if id.contains("://") => Cow::Borrowed(id.as_str()),
        MediaSource::File(_) => {
            let message = "The file was uploaded to another provider; send its bytes instead.";
            return Err(Fault::saying(Code::UnsupportedCapability, message));
        }
    };
    Ok(Body::File { mime: mime_of(&uri, kind), uri })
}

/// What another provider's sandbox ran, as far as Gemini has a form for it.
pub(super) fn code_of(call: &ServerCall) -> Option<String> {
    if call.tool != ServerTool::Code {
        return None;
    }
    let input = serde_json::from_str::<Map<String, Value>>(&call.input).ok()?;
    ["code", "command", "input"].iter().find_map(|name| input.get(*name)?.as_str()).map(str::to_owned)
}

/// What it printed.
pub(super) fn code_result(result: &ServerResult) -> Option<Body<'_>> {
    (result.tool == ServerTool::Code)
        .then(|| Body::CodeResult { output: &result.output, failed: result.failed })
}

/// The sidecar of a part, if this dialect owns it.
pub(super) fn sidecar(part: &Part) -> Option<&Map<String, Value>> {
    part.native_for(DIALECT).and_then(Value::as_object)
}

/// Was an id made up when the call or result was read?
pub(super) fn is_made_up(native: Option<&Map<String, Value>>, within: &str) -> bool {
    native.and_then(|native| native.get(within)?.get("id")).is_some_and(Value::is_null)
}

/// The type an address suggests by its ending, or the usual one of its kind.
pub(super) fn mime_of(url: &str, kind: MediaKind) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path.rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    match (kind, ending.as_str()) {
        (MediaKind::Image, "png") => "image/png",
        (MediaKind::Image, "webp") => "image/webp",
        (MediaKind::Image, "gif") => "image/gif",
        (MediaKind::Image, "heic") => "image/heic",
        (MediaKind::Image, "heif") => "image/heif",
        (MediaKind::Image, _) => "image/jpeg",
        (MediaKind::Audio, "wav") => "audio/wav",
        (MediaKind::Audio, "ogg") => "audio/ogg",
        (MediaKind::Audio, "flac") => "audio/flac",
        (MediaKind::Audio, "aac" | "m4a") => "audio/aac",
        (MediaKind::Audio, _) => "audio/mpeg",
        (MediaKind::Video, "webm") => "video/webm",
        (MediaKind::Video, "mov") => "video/quicktime",
        (MediaKind::Video, _) => "video/mp4",
        (MediaKind::Document, "txt" | "md") => "text/plain",
        (MediaKind::Document, "html" | "htm") => "text/html",
        (MediaKind::Document, "csv") => "text/csv",
        (MediaKind::Document, _) => "application/pdf",
    }
}
