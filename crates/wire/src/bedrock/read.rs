//! A Converse request → canon.
//!
//! The model stands in the path, not in the body: the caller fills it in. A user message that mixes tool results with
//! other blocks becomes several messages of canon, in order; writing joins them again. The way back is `request.rs`.

use std::collections::HashMap;

use contract::Fault;
use contract::canon::{Message, OutputFormat, Part, PartKind, Provenance, Request, Role};
use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::{Map, Value};

use super::block::Block;
use super::{DIALECT, reasoning, tools};
use crate::fields::{Fields, missing, wrong};
use crate::split::{self, Split};

/// What goes into the places of a prompt that AWS keeps; the model names the prompt (docs: "Prompt management").
pub(super) const PROMPT: &str = "promptVariables";

/// Reads a request.
///
/// # Errors
/// [`contract::Code::InvalidEncoding`] or [`contract::Code::InvalidJson`] if it is no JSON, [`contract::Code::InvalidRequest`] with the field if it is no
/// Converse request.
pub(crate) fn read_chat(body: &[u8]) -> Result<Request, Fault> {
    let (messages, mut fields) = split::body(body, "messages")?;
    // A prompt that AWS keeps may be all there is.
    let messages =
        messages.or_else(|| fields.has(PROMPT).then(Vec::new)).ok_or_else(|| missing("messages"))?;
    let mut request = Request {
        messages: conversation(fields.list("system")?, messages)?,
        stream_usage: true,
        ..Request::default()
    };
    read_inference(&mut fields, &mut request)?;
    tools::read(&mut fields, &mut request)?;
    let effort = read_output(&mut fields, &mut request)?;
    read_additional(&mut fields, effort, &mut request)?;
    if let Some(metadata) = fields.object("requestMetadata")? {
        request.metadata = Some(metadata.left());
    }
    if let Some(mut tier) = fields.object("serviceTier")? {
        request.service_tier = tier.text("type")?;
        put_back(&mut fields, "serviceTier", tier.left());
    }
    request.extra = fields.extra(DIALECT);
    Ok(request)
}

/// An entry of `messages` as it stands in JSON.
struct Turn {
    content: Option<Vec<Block>>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Turn {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (content, fields) = Split::at("content").deserialize(from)?;
        Ok(Self { content, fields })
    }
}

fn conversation(system: Option<Vec<Value>>, turns: Vec<Turn>) -> Result<Vec<Message>, Fault> {
    let mut messages = Vec::with_capacity(turns.len() + 1);
    let mut parts = Vec::new();
    for (at, block) in system.unwrap_or_default().into_iter().enumerate() {
        let read = Block::from_value(block).and_then(|block| block.read(Provenance::System, &mut parts));
        read.map_err(|error| wrong(&format!("system[{at}]"), &format!("valid ({error})")))?;
    }
    if !parts.is_empty() {
        let message = Message::new(Role::System, parts);
        messages.push(Message { at: Some("system".into()), ..message });
    }
    let mut names = HashMap::new();
    for (at, turn) in turns.into_iter().enumerate() {
        read_turn(at, turn, &mut names, &mut messages)?;
    }
    Ok(messages)
}

fn read_turn(
    at: usize,
    turn: Turn,
    names: &mut HashMap<String, String>,
    messages: &mut Vec<Message>,
) -> Result<(), Fault> {
    let path = format!("messages[{at}]");
    let mut fields = Fields::of(Value::Object(turn.fields), path.as_str())?;
    let (role, provenance) = match fields.peek("role") {
        Some("user") => (Role::User, Provenance::User),
        Some("assistant") => (Role::Assistant, Provenance::Model),
        Some("system") => (Role::System, Provenance::System),
        _ => return Err(wrong(&fields.path("role"), "'user' or 'assistant'")),
    };
    // A system message in the middle says so, to be told from the system prompt.
    if role != Role::System {
        let _known = fields.value("role");
    }
    let blocks = turn.content.ok_or_else(|| missing(&fields.path("content")))?;
    let mut parts: Vec<Part> = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.into_iter().enumerate() {
        let read = block.read(provenance, &mut parts);
        read.map_err(|error| wrong(&format!("{path}.content[{index}]"), &format!("valid ({error})")))?;
    }
    let extra = fields.extra(DIALECT);
    let mut message = Message { extra, ..Message::new(role, Vec::new()) };
    for mut part in parts {
        let wanted = part_role(role, &mut part, names);
        if message.role != wanted && !message.parts.is_empty() {
            let done = std::mem::replace(&mut message, Message::new(wanted, Vec::new()));
            push(done, &path, messages);
        }
        message.role = wanted;
        message.parts.push(part);
    }
    push(message, &path, messages);
    Ok(())
}

fn push(mut message: Message, path: &str, messages: &mut Vec<Message>) {
    if path != format!("messages[{}]", messages.len()) {
        message.at = Some(path.into());
    }
    messages.push(message);
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

fn read_inference(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(mut config) = fields.object("inferenceConfig")? else { return Ok(()) };
    request.max_output = config.count("maxTokens")?;
    request.sampling.temperature = config.float("temperature")?;
    request.sampling.top_p = config.float("topP")?;
    let stop = config.list("stopSequences")?.unwrap_or_default();
    request.sampling.stop = Vec::deserialize(Value::Array(stop))
        .map_err(|_| wrong("inferenceConfig.stopSequences", "a list of strings"))?;
    put_back(fields, "inferenceConfig", config.left());
    Ok(())
}

/// `outputConfig`: a schema, whose text is JSON itself, and an effort.
fn read_output(fields: &mut Fields, request: &mut Request) -> Result<Option<contract::canon::Effort>, Fault> {
    let Some(mut config) = fields.object("outputConfig")? else { return Ok(None) };
    let effort = reasoning::take_effort(&mut config, "effort");
    if let Some(format) = config.value("textFormat") {
        match read_schema(&format)? {
            Some(schema) => request.format = schema,
            None => config.put_back("textFormat", format),
        }
    }
    put_back(fields, "outputConfig", config.left());
    Ok(effort)
}

/// None: a form that is not known here.
fn read_schema(format: &Value) -> Result<Option<OutputFormat>, Fault> {
    let path = "outputConfig.textFormat.structure.jsonSchema";
    let plain = format.get("type").is_some_and(|kind| kind == "json_schema");
    let Some(structure) = format.pointer("/structure/jsonSchema").filter(|_| plain) else { return Ok(None) };
    let mut definition = Fields::of(structure.clone(), path)?;
    let text = definition.need_text("schema")?;
    let schema = serde_json::from_str(&text)
        .map_err(|error| wrong(&format!("{path}.schema"), &format!("JSON in a string ({error})")))?;
    Ok(Some(OutputFormat::JsonSchema {
        name: definition.text("name")?.unwrap_or_else(|| super::request::UNNAMED.to_owned()),
        description: definition.text("description")?,
        schema,
        strict: None,
    }))
}

/// What canon has a word for among the fields of the model's own.
fn read_additional(
    fields: &mut Fields,
    effort: Option<contract::canon::Effort>,
    request: &mut Request,
) -> Result<(), Fault> {
    // Any JSON is allowed here.
    let mut own = match fields.value("additionalModelRequestFields") {
        Some(own @ Value::Object(_)) => Fields::of(own, "additionalModelRequestFields")?,
        Some(other) => {
            fields.put_back("additionalModelRequestFields", other);
            Fields::of(Value::Object(Map::new()), "")?
        }
        None => Fields::of(Value::Object(Map::new()), "")?,
    };
    request.reasoning = reasoning::read(&mut own, effort)?;
    request.sampling.top_k = own.count("top_k")?;
    if let Some(mut config) = own.object("inferenceConfig")? {
        request.sampling.top_k = config.count("topK")?.or(request.sampling.top_k);
        put_back(&mut own, "inferenceConfig", config.left());
    }
    put_back(fields, "additionalModelRequestFields", own.left());
    Ok(())
}

/// What canon had no word for in an object goes on as extra.
pub(super) fn put_back(fields: &mut Fields, key: &str, left: Map<String, Value>) {
    if !left.is_empty() {
        fields.put_back(key, Value::Object(left));
    }
}
