//! A Messages request → canon.
//!
//! A user message that mixes tool results with other blocks becomes several messages of canon, in order; writing joins
//! them again. Fields without a word in canon go into `extra`, owned by this dialect. The way back is `request.rs`.

use std::collections::HashMap;

use contract::Fault;
use contract::canon::{Message, OutputFormat, Part, PartKind, Provenance, Request, Role, Sampling, Tool};
use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::{Map, Value};

use super::block::{Block, Blocks};
use super::{DIALECT, thinking, tools};
use crate::fields::{Fields, missing, wrong};
use crate::split::{self, Split};

/// Reads a request.
///
/// # Errors
/// [`contract::Code::InvalidEncoding`] or [`contract::Code::InvalidJson`] if it is no JSON, [`contract::Code::InvalidRequest`] with the field if it is no
/// Messages request.
pub(crate) fn read_chat(body: &[u8]) -> Result<Request, Fault> {
    let (messages, fields) = split::body(body, "messages")?;
    read_fields(fields, messages, true)
}

/// Reads a request for a count, which says nothing of the answer.
///
/// # Errors
/// As [`read_chat`].
pub(crate) fn read_count(body: &[u8]) -> Result<Request, Fault> {
    let (messages, fields) = split::body(body, "messages")?;
    read_fields(fields, messages, false)
}

fn read_fields(mut fields: Fields, messages: Option<Vec<Turn>>, limited: bool) -> Result<Request, Fault> {
    let (model, max_output) = (fields.need_text("model")?, fields.count("max_tokens")?);
    if limited && max_output.is_none() {
        return Err(missing("max_tokens"));
    }
    let mut request = Request {
        model,
        max_output,
        messages: conversation(fields.value("system"), messages.ok_or_else(|| missing("messages"))?)?,
        tools: read_tools(&mut fields)?,
        sampling: Sampling {
            temperature: fields.float("temperature")?,
            top_p: fields.float("top_p")?,
            top_k: fields.count("top_k")?,
            stop: read_stop(&mut fields)?,
            ..Sampling::default()
        },
        stream: fields.flag("stream")?.unwrap_or(false),
        stream_usage: true,
        service_tier: fields.text("service_tier")?,
        ..Request::default()
    };
    read_choice(&mut fields, &mut request)?;
    read_user(&mut fields, &mut request)?;
    read_output(&mut fields, &mut request)?;
    request.extra = fields.extra(DIALECT);
    Ok(request)
}

/// An entry of `messages` as it stands in JSON.
struct Turn {
    content: Option<Blocks>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Turn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (content, fields) = Split::at("content").deserialize(from)?;
        Ok(Self { content, fields })
    }
}

fn conversation(system: Option<Value>, turns: Vec<Turn>) -> Result<Vec<Message>, Fault> {
    let mut messages = Vec::with_capacity(turns.len() + 1);
    if let Some(system) = system {
        let at = Some("system".into());
        messages.push(Message { at, ..Message::new(Role::System, read_system(system)?) });
    }
    let mut names = HashMap::new();
    for (at, turn) in turns.into_iter().enumerate() {
        read_turn(at, turn, &mut names, &mut messages)?;
    }
    Ok(messages)
}

fn read_system(system: Value) -> Result<Vec<Part>, Fault> {
    match system {
        Value::String(text) => Ok(vec![Part::text(text, Provenance::System)]),
        Value::Array(blocks) => blocks
            .into_iter()
            .map(|block| {
                let block = Block::from_value(block)
                    .ok_or_else(|| wrong("system", "a string or a list of blocks"))?;
                block
                    .into_part(Provenance::System)
                    .map_err(|error| wrong("system", &format!("valid ({error})")))
            })
            .collect(),
        _ => Err(wrong("system", "a string or a list of blocks")),
    }
}

fn read_turn(
    at: usize,
    turn: Turn,
    names: &mut HashMap<String, String>,
    messages: &mut Vec<Message>,
) -> Result<(), Fault> {
    let mut fields = Fields::of(Value::Object(turn.fields), format!("messages[{at}]"))?;
    let (role, provenance) = match fields.text("role")?.as_deref() {
        Some("user") => (Role::User, Provenance::User),
        Some("assistant") => (Role::Assistant, Provenance::Model),
        Some("system") => (Role::System, Provenance::System),
        _ => return Err(wrong(&fields.path("role"), "'user' or 'assistant'")),
    };
    let Some(Blocks(blocks)) = turn.content else {
        return Err(missing(&fields.path("content")));
    };
    // Canon counts the system prompt and results as messages of their own.
    let placed = |messages: &[Message], role| Message {
        at: (messages.len() != at).then(|| format!("messages[{at}]").into()),
        ..Message::new(role, Vec::new())
    };
    let mut message = Message { extra: fields.extra(DIALECT), ..placed(messages, role) };
    for (index, block) in blocks.into_iter().enumerate() {
        let mut part = block.into_part(provenance).map_err(|error| {
            wrong(&format!("messages[{at}].content[{index}]"), &format!("valid ({error})"))
        })?;
        let wanted = part_role(role, &mut part, names);
        if message.role != wanted && !message.parts.is_empty() {
            messages.push(message);
            message = placed(messages, wanted);
        }
        message.role = wanted;
        message.parts.push(part);
    }
    messages.push(message);
    Ok(())
}

/// The role of the message a part belongs to. Learns the names of calls and fills them into results.
fn part_role(role: Role, part: &mut Part, names: &mut HashMap<String, String>) -> Role {
    match &mut part.kind {
        PartKind::ToolCall { id, name, .. } => {
            names.insert(id.clone(), name.clone());
            role
        }
        PartKind::ToolResult(result) => {
            result.name = names.get(&result.call).cloned();
            Role::Tool
        }
        _ => role,
    }
}

fn read_stop(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let list = fields.list("stop_sequences")?.unwrap_or_default();
    Vec::deserialize(Value::Array(list)).map_err(|_| wrong("stop_sequences", "a list of strings"))
}

fn read_tools(fields: &mut Fields) -> Result<Vec<Tool>, Fault> {
    let list = fields.list("tools")?.unwrap_or_default();
    list.into_iter().enumerate().map(|(at, tool)| tools::read(tool, at)).collect()
}

fn read_choice(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    if let Some(mut choice) = fields.object("tool_choice")? {
        let (picked, parallel) = tools::read_choice(&mut choice)?;
        request.tool_choice = Some(picked);
        request.parallel_tools = parallel;
        put_back(fields, "tool_choice", choice.left());
    }
    Ok(())
}

fn read_user(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    if let Some(mut metadata) = fields.object("metadata")? {
        request.user = metadata.text("user_id")?;
        put_back(fields, "metadata", metadata.left());
    }
    Ok(())
}

/// `thinking`, `output_config`, and `output_format`, the older place of the schema.
fn read_output(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let mut effort = None;
    if let Some(mut config) = fields.object("output_config")? {
        effort = config.peek("effort").and_then(thinking::effort_named);
        if effort.is_some() {
            let _known = config.value("effort");
        }
        read_format(&mut config, "format", request);
        put_back(fields, "output_config", config.left());
    }
    read_format(fields, "output_format", request);
    let mut thinking = fields.object("thinking")?;
    request.reasoning = thinking::read(thinking.as_mut(), effort)?;
    put_back(fields, "thinking", thinking.map(Fields::left).unwrap_or_default());
    Ok(())
}

/// A schema; Anthropic gives it no name, OpenAI insists on one.
fn read_format(fields: &mut Fields, key: &str, request: &mut Request) {
    match fields.value(key) {
        Some(Value::Object(mut format))
            if format.get("type") == Some(&"json_schema".into()) && format.contains_key("schema") =>
        {
            let schema = format.shift_remove("schema").unwrap_or_default();
            let name = "response".to_owned();
            request.format = OutputFormat::JsonSchema { name, description: None, schema, strict: None };
            format.shift_remove("type");
            put_back(fields, key, format);
        }
        Some(other) => fields.put_back(key, other),
        None => {}
    }
}

/// What canon had no word for in an object goes on as extra.
fn put_back(fields: &mut Fields, key: &str, left: Map<String, Value>) {
    if !left.is_empty() {
        fields.put_back(key, Value::Object(left));
    }
}
