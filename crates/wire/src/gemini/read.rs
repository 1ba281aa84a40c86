//! A client's `generateContent` request → canon.
//!
//! A turn that mixes results of functions with other parts becomes several messages of canon, in order; writing joins them
//! again. The model and whether to stream stand in the path, which others read. The way back is `request.rs`.

use contract::Fault;
use contract::canon::{Message, Part, PartKind, Provenance, Request, Role};
use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::{Map, Value};

use super::contents::SYSTEM;
use super::ids::Ids;
use super::names::{self, camel_keys};
use super::part::{Parts, Raw, one_or_many};
use super::{DIALECT, config, tools};
use crate::fields::{Fields, missing, wrong};
use crate::split::{self, Split};

/// Reads a request.
///
/// # Errors
/// [`contract::Code::InvalidEncoding`] or [`contract::Code::InvalidJson`] if it is no JSON, [`contract::Code::InvalidRequest`] with the field if it is no
/// `generateContent` request.
pub(super) fn read_chat(body: &[u8]) -> Result<Request, Fault> {
    let (contents, rest) = split::body::<Turns>(body, "contents")?;
    let mut fields = Fields::of(Value::Object(camel_keys(rest.left())), "")?;
    let mut messages = read_system(&mut fields)?;
    read_contents(contents.ok_or_else(|| missing("contents"))?, &mut messages)?;
    let mut request = Request {
        model: fields.text("model")?.map(bare_name).unwrap_or_default(),
        messages,
        tools: tools::read(&mut fields)?,
        service_tier: names::word(&mut fields, "serviceTier")?,
        store: fields.flag("store")?,
        metadata: fields.object("labels")?.map(Fields::left),
        stream_usage: true,
        ..Request::default()
    };
    tools::read_config(&mut fields, &mut request)?;
    config::read(&mut fields, &mut request)?;
    request.extra = fields.extra(DIALECT);
    Ok(request)
}

/// The name of a model without its collection.
fn bare_name(name: String) -> String {
    match name.strip_prefix("models/") {
        Some(bare) => bare.to_owned(),
        None => name,
    }
}

/// `contents`.
struct Turns(Vec<Turn>);

impl<'de> Deserialize<'de> for Turns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        one_or_many(from, "a list of contents").map(Self)
    }
}

/// An entry of `contents` as it stands in JSON.
struct Turn {
    parts: Vec<Raw>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Turn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (parts, fields) = Split::<Parts>::at("parts").deserialize(from)?;
        Ok(Self { parts: parts.unwrap_or_default().0, fields })
    }
}

/// The system prompt. Its role says nothing; a plain text is taken as SDKs take it.
fn read_system(fields: &mut Fields) -> Result<Vec<Message>, Fault> {
    const PLACE: &str = SYSTEM;
    let parts = match fields.value(PLACE) {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => vec![Part::text(text, Provenance::System)],
        Some(Value::Object(content)) => {
            let turn = Turn::deserialize(Value::Object(content))
                .map_err(|error| wrong(PLACE, &format!("a content ({error})")))?;
            let mut ids = Ids::of_request();
            turn.parts.into_iter().map(|raw| raw.part(&mut ids, Provenance::System)).collect()
        }
        Some(_) => return Err(wrong(PLACE, "a content")),
    };
    let message = Message { at: Some(PLACE.into()), ..Message::new(Role::System, parts) };
    Ok(if message.parts.is_empty() { Vec::new() } else { vec![message] })
}

fn read_contents(turns: Turns, messages: &mut Vec<Message>) -> Result<(), Fault> {
    let mut ids = Ids::of_request();
    for (at, turn) in turns.0.into_iter().enumerate() {
        let place = format!("contents[{at}]");
        let mut fields = names::fields(Value::Object(turn.fields), place.clone())?;
        let (role, provenance) = match fields.text("role")?.as_deref() {
            Some("user" | "") | None => (Role::User, Provenance::User),
            Some("model") => (Role::Assistant, Provenance::Model),
            // What results were sent as before they were the user's.
            Some("function" | "tool") => (Role::User, Provenance::Tool),
            Some(_) => return Err(wrong(&fields.path("role"), "'user' or 'model'")),
        };
        let mut message = Message {
            extra: fields.extra(DIALECT),
            at: Some(place.as_str().into()),
            ..Message::new(role, Vec::with_capacity(turn.parts.len()))
        };
        for raw in turn.parts {
            let part = raw.part(&mut ids, provenance);
            let wanted = if matches!(part.kind, PartKind::ToolResult(_)) { Role::Tool } else { role };
            if message.role != wanted && !message.parts.is_empty() {
                let next = Message { at: message.at.clone(), ..Message::new(wanted, Vec::new()) };
                messages.push(std::mem::replace(&mut message, next));
            }
            message.role = wanted;
            message.parts.push(part);
        }
        messages.push(message);
    }
    Ok(())
}
