//! Canon messages → messages of `api/chat`: a text, pictures beside it, thoughts and calls in fields of their own.

use contract::canon::{MediaKind, MediaSource, Message, Part, PartKind, Receipt, Role, ToolResult};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Form;
use super::calls::{Call, unsaid};
use crate::outgoing::own_fields;

/// One message as it is written.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// Writes the messages. A message of which nothing can be said is left out.
pub(super) fn write<'a>(messages: &'a [Message], receipt: &mut Receipt) -> Vec<Turn<'a>> {
    let mut out = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        if message.name.is_some() {
            receipt.dropped(format!("{path}.name"), "participants have no names here");
        }
        let extra = own_fields(Form::Chat.dialect(), &message.extra, &format!("{path}."), receipt);
        let mut said = Said::default();
        for (index, part) in message.parts.iter().enumerate() {
            let place = format!("{path}.content[{index}]");
            if let PartKind::ToolResult(result) = &part.kind {
                out.push(answer((part, result), extra, &place, receipt));
            } else {
                said.add(part, Form::Chat, &place, receipt);
            }
        }
        if said.something || message.parts.is_empty() {
            out.push(said.turn(role(message.role), extra));
        }
    }
    out
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    }
}

/// The result of a call is a message of its own.
fn answer<'a>(
    (part, result): (&'a Part, &'a ToolResult),
    extra: Option<&'a Map<String, Value>>,
    place: &str,
    receipt: &mut Receipt,
) -> Turn<'a> {
    if result.failed {
        receipt.dropped(format!("{place}.is_error"), "this dialect cannot say that a tool failed");
    }
    let mut said = Said::default();
    for (index, part) in result.parts.iter().enumerate() {
        said.add(part, Form::Chat, &format!("{place}.content[{index}]"), receipt);
    }
    let says = |field: &str| !unsaid(part, Form::Chat.dialect(), field);
    Turn {
        tool_name: result.name.as_deref().filter(|_| says("tool_name")),
        tool_call_id: Some(result.call.as_str()).filter(|_| says("tool_call_id")),
        ..said.turn("tool", extra)
    }
}

/// What the parts of a message say, sorted into the fields that hold it.
#[derive(Default)]
pub(super) struct Said<'a> {
    /// Texts, a line each.
    pub(super) content: String,
    /// Base64.
    pub(super) images: Vec<&'a str>,
    thinking: Option<String>,
    calls: Vec<Call<'a>>,
    /// Was there anything that could be said?
    something: bool,
}

impl<'a> Said<'a> {
    /// Adds a part, or notes that it cannot be carried.
    pub(super) fn add(&mut self, part: &'a Part, form: Form, place: &str, receipt: &mut Receipt) {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => {
                if !self.content.is_empty() {
                    self.content.push('\n');
                }
                self.content.push_str(text);
            }
            PartKind::Reasoning(text) => self.thinking.get_or_insert_default().push_str(text),
            PartKind::Media { kind: MediaKind::Image, source: MediaSource::Base64 { data, .. } } => {
                self.images.push(data);
            }
            PartKind::ToolCall { .. } => self.calls.extend(Call::of(part, form.dialect())),
            PartKind::Media { kind: MediaKind::Image, .. } => {
                return receipt.dropped(place.to_owned(), "Ollama takes pictures within the request alone");
            }
            PartKind::Media { .. } => {
                return receipt.dropped(place.to_owned(), "Ollama takes no media but pictures");
            }
            PartKind::ToolResult(_)
            | PartKind::ServerCall(_)
            | PartKind::ServerResult(_)
            | PartKind::Native => {
                return receipt.dropped(place.to_owned(), "only its own provider understands it");
            }
        }
        self.something = true;
    }

    fn turn(self, role: &'static str, extra: Option<&'a Map<String, Value>>) -> Turn<'a> {
        Turn {
            role,
            content: self.content,
            thinking: self.thinking,
            images: self.images,
            tool_calls: self.calls,
            tool_name: None,
            tool_call_id: None,
            extra,
        }
    }
}
