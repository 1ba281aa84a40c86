//! A chat request → canon. Fields without a word in canon go into `extra`, owned by this dialect.
//!
//! `documents` become a message of the user's, behind the system prompt: so every dialect can carry them. The way back is
//! `request.rs`.

use contract::Fault;
use contract::canon::{
    Effort, Message, OutputFormat, Part, PartKind, Provenance, Reasoning, Request, Role, Sampling, ToolResult,
};
use serde_json::{Value, json};

use super::citation::{self, PLAN};
use super::{DIALECT, content, tools};
use crate::fields::{self, Fields, missing, wrong};

/// Reads a request.
pub(super) fn read_chat(body: &[u8]) -> Result<Request, Fault> {
    let mut fields = fields::body(body)?;
    let model = fields.need_text("model")?;
    let list = fields.list("messages")?.ok_or_else(|| missing("messages"))?;
    let mut messages = Vec::with_capacity(list.len() + 1);
    for (at, message) in list.into_iter().enumerate() {
        messages.push(read_message(message, at)?);
    }
    if let Some(documents) = fields.list("documents")?.filter(|documents| !documents.is_empty()) {
        add_documents(&mut messages, documents);
    }
    let mut request = Request {
        model,
        messages,
        max_output: fields.count("max_tokens")?,
        sampling: Sampling {
            temperature: fields.float("temperature")?,
            top_p: fields.float("p")?,
            top_k: fields.count("k")?,
            frequency_penalty: fields.float("frequency_penalty")?,
            presence_penalty: fields.float("presence_penalty")?,
            seed: fields.integer("seed")?,
            stop: read_stop(&mut fields)?,
            logprobs: fields.flag("logprobs")?,
            ..Sampling::default()
        },
        stream: fields.flag("stream")?.unwrap_or(false),
        stream_usage: true,
        ..Request::default()
    };
    read_tools(&mut fields, &mut request)?;
    request.reasoning = read_thinking(&mut fields)?;
    request.format = read_format(&mut fields)?;
    request.extra = fields.extra(DIALECT);
    Ok(request)
}

fn read_stop(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let list = fields.value("stop_sequences").unwrap_or_else(|| json!([]));
    serde_json::from_value(list).map_err(|_| wrong("stop_sequences", "an array of strings"))
}

/// Documents stand behind the system prompt, each as a text with its place among them in the sidecar.
fn add_documents(messages: &mut Vec<Message>, documents: Vec<Value>) {
    let part = |document| content::document_part(document, Provenance::Retrieved, serde_json::Map::new());
    let mut message = Message::new(Role::User, documents.into_iter().map(part).collect());
    message.at = Some("documents".into());
    let at = messages.iter().position(|message| message.role != Role::System).unwrap_or(messages.len());
    for (number, shifted) in messages.iter_mut().enumerate().skip(at) {
        shifted.at = Some(format!("messages[{number}]").into());
    }
    messages.insert(at, message);
}

fn read_message(value: Value, at: usize) -> Result<Message, Fault> {
    let path = format!("messages[{at}]");
    let mut fields = Fields::of(value, path.as_str())?;
    let role = fields.need_text("role")?;
    let inner = fields.value("content");
    let path = format!("{path}.content");
    let (role, parts) = match role.as_str() {
        "user" => (Role::User, content::read(inner, &path, Provenance::User)?),
        "system" => (Role::System, content::read(inner, &path, Provenance::System)?),
        "developer" => (Role::Developer, content::read(inner, &path, Provenance::System)?),
        "assistant" => (Role::Assistant, read_answer(&mut fields, inner, at)?),
        "tool" => {
            let call = fields.need_text("tool_call_id")?;
            let parts = content::read(inner, &path, Provenance::Tool)?;
            let result = ToolResult { call, name: None, parts, failed: false };
            (Role::Tool, vec![Part::new(PartKind::ToolResult(result), Provenance::Tool)])
        }
        _ => return Err(wrong(&fields.path("role"), "user, assistant, system or tool")),
    };
    let mut message = Message::new(role, parts);
    message.extra = fields.extra(DIALECT);
    message.extra.fields.retain(|_, value| *value != json!([]));
    if message.extra.fields.is_empty() {
        message.extra.owner = None;
    }
    Ok(message)
}

/// What the model said: its plan, the content, its calls, and the citations beside them.
fn read_answer(fields: &mut Fields, content: Option<Value>, at: usize) -> Result<Vec<Part>, Fault> {
    let plan = fields.text(PLAN)?;
    let calls = fields.list("tool_calls")?.unwrap_or_default();
    let citations = fields.list("citations")?.unwrap_or_default();
    let path = format!("messages[{at}]");
    let (parts, left) = answer(Answer { plan, content, calls, citations }, &path)?;
    if !left.is_empty() {
        fields.put_back("citations", Value::Array(left));
    }
    Ok(parts)
}

/// The pieces of an assistant's message.
pub(super) struct Answer {
    pub(super) plan: Option<String>,
    pub(super) content: Option<Value>,
    pub(super) calls: Vec<Value>,
    pub(super) citations: Vec<Value>,
}

/// The parts of an assistant's message at `path`, and the citations that belong to none of them.
pub(super) fn answer(said: Answer, path: &str) -> Result<(Vec<Part>, Vec<Value>), Fault> {
    let mut parts = Vec::new();
    if let Some(plan) = said.plan.filter(|plan| !plan.is_empty()) {
        let part = Part::new(PartKind::Reasoning(plan), Provenance::Model);
        parts.push(part.with_native(DIALECT, json!({"field": PLAN})));
    }
    let first = parts.len();
    parts.extend(content::read(said.content, &format!("{path}.content"), Provenance::Model)?);
    let blocks: Vec<usize> = (first..parts.len()).collect();
    for (number, call) in said.calls.into_iter().enumerate() {
        let made_up = format!("call_{number}");
        parts.push(tools::read_call(call, &format!("{path}.tool_calls[{number}]"), made_up)?);
    }
    let left = citation::attach(said.citations, &mut parts, &blocks);
    Ok((parts, left))
}

fn read_tools(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let list = fields.list("tools")?.unwrap_or_default();
    // Without a tool it would be forgotten.
    let strict = if list.is_empty() { None } else { fields.flag("strict_tools")? };
    for (at, tool) in list.into_iter().enumerate() {
        request.tools.push(tools::read_tool(tool, &format!("tools[{at}]"), strict)?);
    }
    if let Some(choice) = fields.value("tool_choice") {
        match tools::read_choice(choice) {
            Ok(choice) => request.tool_choice = Some(choice),
            Err(value) => fields.put_back("tool_choice", value),
        }
    }
    Ok(())
}

/// `{"type": "enabled", "token_budget": n}`, or disabled; what else it says stays.
fn read_thinking(fields: &mut Fields) -> Result<Option<Reasoning>, Fault> {
    let Some(mut thinking) = fields.object("thinking")? else { return Ok(None) };
    let budget = thinking.count("token_budget")?;
    let reasoning = match thinking.text("type")?.as_deref() {
        Some("disabled") => Reasoning { effort: Some(Effort::None), budget, ..Reasoning::default() },
        _ => Reasoning { budget, ..Reasoning::default() },
    };
    let left = thinking.left();
    if !left.is_empty() {
        fields.put_back("thinking", Value::Object(left));
    }
    Ok(Some(reasoning))
}

/// `{"type": "json_object", "json_schema": {…}}`; the schema was once called `schema`.
fn read_format(fields: &mut Fields) -> Result<OutputFormat, Fault> {
    let Some(mut format) = fields.object("response_format")? else { return Ok(OutputFormat::Text) };
    let kind = format.text("type")?;
    let schema = format.value("json_schema").or_else(|| format.value("schema"));
    let read = match (kind.as_deref(), schema) {
        (Some("json_object"), Some(schema)) => {
            OutputFormat::JsonSchema { name: "answer".to_owned(), description: None, schema, strict: None }
        }
        (Some("json_object"), None) => OutputFormat::JsonObject,
        _ => OutputFormat::Text,
    };
    let left = format.left();
    if !left.is_empty() {
        fields.put_back("response_format", Value::Object(left));
    }
    Ok(read)
}
