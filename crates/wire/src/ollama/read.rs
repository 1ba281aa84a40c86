//! A client's request → canon.

use std::collections::{HashMap, VecDeque};

use contract::Fault;
use contract::canon::{
    Extra, MediaKind, MediaSource, Message, Part, PartKind, Provenance, Request, Role, ServerTool, Tool,
    ToolResult,
};
use contract::words::Dialect;
use serde_json::{Map, Value};

use super::calls::{self, Look, UNSAID};
use super::{Form, settings};
use crate::fields::{self, Fields, wrong};

/// Reads the body of `api/chat`. Without messages it only asks for the model to be loaded.
pub(super) fn read_chat(body: &[u8]) -> Result<Request, Fault> {
    let mut fields = fields::body(body)?;
    let mut request = Request { model: fields.need_text("model")?, ..Request::default() };
    let look = Look::at(body);
    let mut turns = Turns::default();
    for (at, message) in fields.list("messages")?.unwrap_or_default().into_iter().enumerate() {
        request.messages.push(turns.read(message, at, &look)?);
    }
    for (at, tool) in fields.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(read_tool(tool, &format!("tools[{at}]"))?);
    }
    settings::read(&mut fields, &mut request)?;
    request.extra = fields.extra(Form::Chat.dialect());
    Ok(request)
}

/// Reads the body of `api/generate`: a prompt with its instructions and pictures.
pub(super) fn read_generate(body: &[u8]) -> Result<Request, Fault> {
    let mut fields = fields::body(body)?;
    let mut request = Request { model: fields.need_text("model")?, ..Request::default() };
    let system = fields.text("system")?;
    if system.as_deref() == Some("") {
        fields.put_back("system", Value::String(String::new()));
    } else if let Some(system) = system {
        let part = Part::text(system, Provenance::System);
        request
            .messages
            .push(Message { at: Some("system".into()), ..Message::new(Role::System, vec![part]) });
    }
    let mut parts = images(&mut fields, Provenance::User)?;
    parts.extend(fields.text("prompt")?.map(|prompt| Part::text(prompt, Provenance::User)));
    if !parts.is_empty() {
        request.messages.push(Message { at: Some("prompt".into()), ..Message::new(Role::User, parts) });
    }
    settings::read(&mut fields, &mut request)?;
    request.extra = fields.extra(Form::Generate.dialect());
    Ok(request)
}

/// Reads one entry of `tools`.
fn read_tool(value: Value, path: &str) -> Result<Tool, Fault> {
    let owner = Form::Chat.dialect();
    let mut fields = Fields::of(value, path)?;
    if fields.peek("type").is_some_and(|kind| kind != "function") {
        let value = Value::Object(fields.left());
        return Ok(Tool::Server { owner, tool: ServerTool::Other, value });
    }
    let _function = fields.value("type");
    let mut function = fields.need_object("function")?;
    let name = function.need_text("name")?;
    let description = function.text("description")?;
    let parameters = function.value("parameters");
    let left = function.left();
    if !left.is_empty() {
        fields.put_back("function", Value::Object(left));
    }
    let extra = fields.extra(owner);
    Ok(Tool::Function { name, description, parameters, strict: None, cache: None, extra })
}

/// Reads the messages in order and remembers the calls made, so that results find theirs.
#[derive(Default)]
struct Turns {
    open: Open,
    made_up: usize,
}

/// The calls that no result has answered yet. Each search goes over a call once in all.
#[derive(Default)]
struct Open {
    /// Id and function, in order; none once it is answered.
    calls: Vec<Option<(String, String)>>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, VecDeque<usize>>,
    /// All before this one are answered.
    first: usize,
}

impl Open {
    fn add(&mut self, id: &str, name: &str) {
        let at = self.calls.len();
        self.calls.push(Some((id.to_owned(), name.to_owned())));
        self.by_id.insert(id.to_owned(), at);
        self.by_name.entry(name.to_owned()).or_default().push_back(at);
    }

    /// Takes the call that a result answers: the one it names; else the first of its function; else the first.
    fn answered(&mut self, id: Option<&str>, name: Option<&str>) -> Option<(String, String)> {
        if let Some(id) = id {
            let at = *self.by_id.get(id)?;
            return self.calls.get_mut(at)?.take();
        }
        if let Some(name) = name {
            let places = self.by_name.get_mut(name)?;
            while let Some(at) = places.pop_front() {
                if let Some(call) = self.calls.get_mut(at).and_then(Option::take) {
                    return Some(call);
                }
            }
            return None;
        }
        while let Some(call) = self.calls.get_mut(self.first) {
            self.first += 1;
            if let Some(call) = call.take() {
                return Some(call);
            }
        }
        None
    }
}

impl Turns {
    fn read(&mut self, value: Value, at: usize, look: &Look<'_>) -> Result<Message, Fault> {
        let mut fields = Fields::of(value, format!("messages[{at}]"))?;
        let role = fields.need_text("role")?.to_ascii_lowercase();
        let (role, from) = match role.as_str() {
            "system" => (Role::System, Provenance::System),
            "developer" => (Role::Developer, Provenance::System),
            "user" => (Role::User, Provenance::User),
            "assistant" => (Role::Assistant, Provenance::Model),
            "tool" => return self.result(fields),
            _ => return Err(wrong(&fields.path("role"), "one of system, user, assistant, tool")),
        };
        let mut parts = Vec::new();
        if let Some(thoughts) = fields.text("thinking")?.filter(|text| !text.is_empty()) {
            parts.push(Part::new(PartKind::Reasoning(thoughts), Provenance::Model));
        }
        parts.extend(content(&mut fields, from)?);
        let path = fields.path("tool_calls");
        for (nth, call) in fields.list("tool_calls")?.unwrap_or_default().into_iter().enumerate() {
            let made_up = self.make_up();
            let seen = look.request(at, nth);
            let path = format!("{path}[{nth}]");
            let part = calls::read((call, &path), seen, Form::Chat.dialect(), made_up)?;
            if let PartKind::ToolCall { id, name, .. } = &part.kind {
                self.open.add(id, name);
            }
            parts.push(part);
        }
        let mut message = Message::new(role, parts);
        message.extra = fields.extra(Form::Chat.dialect());
        Ok(message)
    }

    fn make_up(&mut self) -> String {
        self.made_up += 1;
        format!("call_{}", self.made_up)
    }

    /// A `tool` message answers one of the calls before it.
    fn result(&mut self, mut fields: Fields) -> Result<Message, Fault> {
        let parts = content(&mut fields, Provenance::Tool)?;
        let said = fields.text("tool_call_id")?.filter(|id| !id.is_empty());
        let tool = fields.text("tool_name")?.filter(|name| !name.is_empty());
        let answered = self.open.answered(said.as_deref(), tool.as_deref());
        let mut native = Map::new();
        for (field, missing) in [("tool_call_id", said.is_none()), ("tool_name", tool.is_none())] {
            if missing {
                native.insert(field.to_owned(), UNSAID);
            }
        }
        let (id, name) = answered.map_or((None, None), |(id, name)| (Some(id), Some(name)));
        let call = said.or(id).unwrap_or_else(|| self.make_up());
        let result = PartKind::ToolResult(ToolResult { call, name: tool.or(name), parts, failed: false });
        let mut part = Part::new(result, Provenance::Tool);
        if !native.is_empty() {
            part = part.with_native(Form::Chat.dialect(), Value::Object(native));
        }
        let mut message = Message::new(Role::Tool, vec![part]);
        message.extra = fields.extra(Form::Chat.dialect());
        Ok(message)
    }
}

/// Pictures stand before the text, as models are shown them.
fn content(fields: &mut Fields, from: Provenance) -> Result<Vec<Part>, Fault> {
    let mut parts = images(fields, from)?;
    let text = fields.text("content")?.filter(|text| !text.is_empty());
    parts.extend(text.map(|text| Part::text(text, from)));
    Ok(parts)
}

fn images(fields: &mut Fields, from: Provenance) -> Result<Vec<Part>, Fault> {
    let path = fields.path("images");
    let list = fields.list("images")?.unwrap_or_default();
    let read = |(at, image)| match image {
        Value::String(data) => Ok(Part::new(image_of(data), from)),
        _ => Err(wrong(&format!("{path}[{at}]"), "base64")),
    };
    list.into_iter().enumerate().map(read).collect()
}

/// A picture whose kind is told by how its base64 begins.
pub(super) fn image_of(data: String) -> PartKind {
    let mime = match data.as_bytes() {
        [b'/', b'9', b'j', b'/', ..] => "image/jpeg",
        [b'R', b'0', b'l', b'G', ..] => "image/gif",
        [b'U', b'k', b'l', b'G', ..] => "image/webp",
        [b'Q', b'k', ..] => "image/bmp",
        _ => "image/png",
    };
    PartKind::Media { kind: MediaKind::Image, source: MediaSource::Base64 { mime: mime.to_owned(), data } }
}

/// What was not taken of an object, as extra of a dialect.
pub(super) fn extra(owner: Dialect, fields: Map<String, Value>) -> Extra {
    Extra { owner: (!fields.is_empty()).then_some(owner), fields }
}
