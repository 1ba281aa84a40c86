//! Canon's messages → `systemInstruction` and `contents`.
//!
//! Roles are `user` and `model`; neighbours of one role are joined, as results of parallel calls must be. Results name the
//! function, which canon's ids lead to.

use std::borrow::Cow;
use std::collections::HashMap;

use contract::canon::{MediaKind, MediaSource, Message, Part, PartKind, Receipt, Role, ToolResult};
use contract::{Code, Fault};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::DIALECT;
use super::models::Traits;
use crate::arguments::{self, Arguments};
use crate::outgoing::own_fields;

/// What Google documents for calls whose signature does not exist because another model made them.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// The conversation in Gemini's form.
pub(super) struct Contents<'a> {
    /// The system prompt.
    pub(super) system: Vec<Out<'a>>,
    /// Turns.
    pub(super) turns: Vec<Turn<'a>>,
    traits: Traits,
    names: HashMap<&'a str, &'a str>,
}

/// One entry of `contents`.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    parts: Vec<Out<'a>>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// A part to be written.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_response: Option<Response<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'static str>,
    #[serde(flatten)]
    native: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    mime_type: &'static str,
    file_uri: Cow<'a, str>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    name: &'a str,
    args: Arguments<'a>,
}

#[derive(Serialize)]
struct Response<'a> {
    id: &'a str,
    name: &'a str,
    response: Answer<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<Out<'a>>,
}

/// What a function returned: an object as it stands; texts under the names the API reference gives them.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Object(&'a RawValue),
    Output { output: Cow<'a, str> },
    Error { error: Cow<'a, str> },
}

impl<'a> Contents<'a> {
    /// Arranges the conversation.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if nothing is left to say or a result answers no call;
    /// [`Code::UnsupportedCapability`] for a file that another provider keeps.
    pub(super) fn of(messages: &'a [Message], traits: Traits, receipt: &mut Receipt) -> Result<Self, Fault> {
        let mut this = Self { system: Vec::new(), turns: Vec::new(), traits, names: HashMap::new() };
        for (at, message) in messages.iter().enumerate() {
            this.add(at, message, receipt)?;
        }
        if this.turns.is_empty() && !this.system.is_empty() {
            receipt.dropped("messages[0].role", "a system prompt alone is sent as the user's");
            let parts = std::mem::take(&mut this.system);
            this.turns.push(Turn { role: "user", parts, extra: None });
        }
        if this.turns.is_empty() {
            let message = "The conversation needs at least one message that says something.";
            return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
        }
        if traits.signed_calls {
            this.turns.iter_mut().for_each(sign);
        }
        Ok(this)
    }

    fn add(&mut self, at: usize, message: &'a Message, receipt: &mut Receipt) -> Result<(), Fault> {
        if message.name.is_some() {
            receipt.dropped(format!("messages[{at}].name"), "participants have no names here");
        }
        let mut parts = Vec::with_capacity(message.parts.len());
        for (index, part) in message.parts.iter().enumerate() {
            let place = || format!("messages[{at}].content[{index}]");
            self.write(part, &mut parts).map_err(|fault| fault.at(place()))?;
            if is_lost(part) {
                receipt.dropped(place(), "only its own provider understands it");
            }
        }
        let role = match message.role {
            Role::System | Role::Developer => {
                if !self.turns.is_empty() && !parts.is_empty() {
                    receipt.dropped(
                        format!("messages[{at}].role"),
                        "moved to the system prompt, which comes first",
                    );
                }
                self.system.append(&mut parts);
                return Ok(());
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "model",
        };
        if parts.is_empty() {
            return Ok(());
        }
        let extra = own_fields(DIALECT, &message.extra, &format!("messages[{at}]."), receipt);
        match self.turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => {
                turn.parts.append(&mut parts);
                turn.extra = turn.extra.or(extra);
            }
            None => self.turns.push(Turn { role, parts, extra }),
        }
        Ok(())
    }

    fn write(&mut self, part: &'a Part, to: &mut Vec<Out<'a>>) -> Result<(), Fault> {
        let native = part.native_for(DIALECT).and_then(Value::as_object);
        let base = Out { native, ..Out::default() };
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => {
                if !text.is_empty() || native.is_some() {
                    to.push(Out { text: Some(text), ..base });
                }
            }
            PartKind::Reasoning(text) if native.is_some() => {
                to.push(Out { text: Some(text), thought: true, ..base });
            }
            PartKind::Native | PartKind::ServerCall(_) | PartKind::ServerResult(_) if native.is_some() => {
                to.push(base)
            }
            PartKind::Reasoning(_)
            | PartKind::Native
            | PartKind::ServerCall(_)
            | PartKind::ServerResult(_) => {}
            PartKind::Media { kind, source } => to.push(media(*kind, source, base)?),
            PartKind::ToolCall { id, name, arguments, .. } => {
                self.names.insert(id, name);
                let call = Call { id, name, args: Arguments::of(arguments) };
                to.push(Out { function_call: Some(call), ..base });
            }
            PartKind::ToolResult(result) => self.write_result(result, base, to)?,
        }
        Ok(())
    }

    fn write_result(
        &mut self,
        result: &'a ToolResult,
        base: Out<'a>,
        to: &mut Vec<Out<'a>>,
    ) -> Result<(), Fault> {
        let known = self.names.get(result.call.as_str()).copied();
        let Some(name) = known.or(result.name.as_deref()) else {
            let message =
                format!("The tool result for call '{}' answers no call of the conversation.", result.call);
            return Err(Fault::saying(Code::InvalidRequest, message));
        };
        let mut beside = Vec::new();
        for part in result.parts.iter().filter(|part| !matches!(part.kind, PartKind::Text(_))) {
            self.write(part, &mut beside)?;
        }
        let mut response = Response { id: &result.call, name, response: answer(result), parts: Vec::new() };
        if self.traits.signed_calls {
            response.parts = std::mem::take(&mut beside);
        }
        to.push(Out { function_response: Some(response), ..base });
        // Earlier generations see the media of a result only as parts of the same turn.
        to.append(&mut beside);
        Ok(())
    }
}

/// Does the part mean nothing here?
fn is_lost(part: &Part) -> bool {
    let foreign = |part: &Part| {
        matches!(part.kind, PartKind::Reasoning(_) | PartKind::Native) && part.native_for(DIALECT).is_none()
    };
    match &part.kind {
        PartKind::ToolResult(result) => result.parts.iter().any(foreign),
        _ => foreign(part),
    }
}

/// The first call of a turn must carry a signature.
fn sign(turn: &mut Turn<'_>) {
    let signed =
        |part: &&mut Out<'_>| part.native.is_some_and(|native| native.contains_key("thoughtSignature"));
    let mut calls = turn.parts.iter_mut().filter(|part| part.function_call.is_some());
    if let Some(first) = calls.next()
        && !signed(&first)
        && !calls.any(|call| signed(&call))
    {
        first.thought_signature = Some(NO_SIGNATURE);
    }
}

fn answer(result: &ToolResult) -> Answer<'_> {
    let mut texts = result.parts.iter().filter_map(|part| match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let first = texts.next().unwrap_or_default();
    let text = texts.fold(Cow::Borrowed(first), |joined, next| Cow::Owned(format!("{joined}\n{next}")));
    match (&text, result.failed) {
        (_, true) => Answer::Error { error: text },
        (Cow::Borrowed(borrowed), false) => match arguments::object(borrowed) {
            Some(object) => Answer::Object(object),
            None => Answer::Output { output: text },
        },
        (Cow::Owned(_), false) => Answer::Output { output: text },
    }
}

fn media<'a>(kind: MediaKind, source: &'a MediaSource, base: Out<'a>) -> Result<Out<'a>, Fault> {
    let file_uri = match source {
        MediaSource::Base64 { mime, data } => {
            return Ok(Out { inline_data: Some(Blob { mime_type: mime, data }), ..base });
        }
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
    let mime_type = mime_of(&file_uri, kind);
    Ok(Out { file_data: Some(File { mime_type, file_uri }), ..base })
}

/// The type an address suggests by its ending, or the usual one of its kind.
fn mime_of(url: &str, kind: MediaKind) -> &'static str {
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
