//! Items that a model makes → canon parts: for requests, which send them back, for answers and for streams.
//!
//! A message, a thought or a call becomes parts with the item's own fields beside them; a tool that the provider ran becomes
//! a call and its result (`server.rs`); an item without a word in canon stays whole. The way back is `written.rs`.

use contract::Fault;
use contract::canon::{MediaKind, MediaSource, Part, PartKind, Provenance};
use serde_json::{Map, Value};

use super::namespaces::NAMESPACE;
use super::{content, namespaces, server, sidecar};
use crate::fields::{Fields, missing};

/// What an item is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the model says.
    Message,
    /// What it thinks.
    Reasoning,
    /// It calls a function; a custom tool's input is no JSON.
    Call { custom: bool },
    /// The provider ran a tool that canon has a word for.
    Server,
    /// Anything else.
    Other,
}

impl Kind {
    /// By the item's type. An item without one is a message.
    pub(super) fn of(kind: Option<&str>) -> Self {
        match kind {
            None | Some("message") => Self::Message,
            Some("reasoning") => Self::Reasoning,
            Some("function_call") => Self::Call { custom: false },
            Some("custom_tool_call") => Self::Call { custom: true },
            Some(kind) if server::tool(kind).is_some() => Self::Server,
            Some(_) => Self::Other,
        }
    }

    /// The field that a call's arguments stand in.
    pub(super) const fn arguments(custom: bool) -> &'static str {
        if custom { "input" } else { "arguments" }
    }
}

/// Reads an item of the model's.
pub(super) fn read(mut fields: Fields) -> Result<Vec<Part>, Fault> {
    match Kind::of(fields.peek("type")) {
        Kind::Message => message(fields),
        Kind::Reasoning => {
            let _known = fields.value("type");
            let mut parts = thoughts(&mut fields, "summary", false)?;
            parts.extend(thoughts(&mut fields, "content", true)?);
            if parts.is_empty() {
                parts.push(Part::new(PartKind::Reasoning(String::new()), Provenance::Model));
            }
            Ok(sidecar::bind(parts, fields.left()))
        }
        Kind::Call { custom } => call(fields, custom),
        Kind::Server => Ok(server::read(&fields.left())),
        Kind::Other => Ok(vec![image(fields)]),
    }
}

fn message(mut fields: Fields) -> Result<Vec<Part>, Fault> {
    // A compacted conversation repeats what the client said.
    if fields.peek("role").is_some_and(|role| role != "assistant") {
        return Ok(vec![whole(fields.left())]);
    }
    let path = fields.path("content");
    let parts = content::read(fields.value("content"), &path, Provenance::Model)?;
    if parts.is_empty() {
        return Ok(vec![whole(fields.left())]);
    }
    for constant in ["type", "role"] {
        let _known = fields.value(constant);
    }
    Ok(sidecar::bind(parts, fields.left()))
}

/// One part for each text of a `summary`, or of a `content`, which holds the thoughts themselves.
fn thoughts(fields: &mut Fields, name: &str, raw: bool) -> Result<Vec<Part>, Fault> {
    let path = fields.path(name);
    let mut parts = Vec::new();
    for (at, text) in fields.list(name)?.unwrap_or_default().into_iter().enumerate() {
        let mut text = Fields::of(text, format!("{path}[{at}]"))?;
        let said = text.need_text("text")?;
        let _known = text.value("type");
        let part = Part::new(PartKind::Reasoning(said), Provenance::Model);
        let part = sidecar::set(part, "part", Value::Object(text.left()));
        parts.push(if raw { sidecar::set(part, "raw", Value::Bool(true)) } else { part });
    }
    Ok(parts)
}

fn call(mut fields: Fields, custom: bool) -> Result<Vec<Part>, Fault> {
    let _known = fields.value("type");
    let id = fields.text("call_id")?.filter(|id| !id.is_empty());
    let id = id.or_else(|| fields.peek("id").map(str::to_owned)).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| missing(&fields.path("call_id")))?;
    let name = fields.need_text("name")?;
    let namespace = fields.value(NAMESPACE);
    let flat = namespaces::called(&name, namespace.as_ref());
    if let Some(namespace) = namespace {
        fields.put_back(NAMESPACE, namespace);
        fields.put_back("name", Value::String(name));
    }
    let name = flat;
    let arguments = arguments(fields.value(Kind::arguments(custom)));
    let part = Part::new(PartKind::ToolCall { id, name, arguments, custom }, Provenance::Model);
    Ok(sidecar::bind(vec![part], fields.left()))
}

/// Arguments are a text; some servers write the object itself, some nothing.
pub(super) fn arguments(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

/// A picture that was made is a medium; every other item stays whole.
fn image(mut fields: Fields) -> Part {
    if fields.peek("type") != Some("image_generation_call") || fields.peek("result").is_none_or(str::is_empty)
    {
        return whole(fields.left());
    }
    let mime = format!("image/{}", fields.peek("output_format").unwrap_or("png"));
    let data = match fields.value("result") {
        Some(Value::String(data)) => data,
        _ => String::new(),
    };
    let source = MediaSource::Base64 { mime, data };
    let part = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::Model);
    sidecar::set(part, "item", Value::Object(fields.left()))
}

/// An item canon has no word for.
pub(super) fn whole(item: Map<String, Value>) -> Part {
    sidecar::set(Part::new(PartKind::Native, Provenance::Model), "item", Value::Object(item))
}
