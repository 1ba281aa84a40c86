//! A client's request → canon.
//!
//! Items of the model's that follow each other become one message of the assistant, as other dialects want them; each
//! result of a tool is a message of its own. `Message::at` names the first item a message comes from.

use std::collections::HashMap;

use contract::Fault;
use contract::canon::{Message, Part, PartKind, Provenance, Request, Role, Sampling, ToolResult};
use serde_json::{Map, Value};

use super::{DIALECT, content, items, settings, sidecar, tools};
use crate::fields::{self, Fields, missing, wrong};

/// Where the operator's instructions stand.
pub(super) const INSTRUCTIONS: &str = "instructions";
/// Where the conversation stands.
pub(super) const INPUT: &str = "input";

/// The field of a result's sidecar that says that its one text came in a list.
pub(super) const LISTED: &str = "(list)";

/// Reads a request body.
pub(super) fn read_chat(body: &[u8]) -> Result<Request, Fault> {
    let mut fields = fields::body(body)?;
    let model = fields.text("model")?.unwrap_or_default();
    let mut request = Request { model, stream_usage: true, ..Request::default() };
    request.messages = conversation(&mut fields)?;
    for (at, tool) in fields.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tools::read_tool(tool, format!("tools[{at}]"))?);
    }
    read_choice(&mut fields, &mut request)?;
    request.parallel_tools = fields.flag("parallel_tool_calls")?;
    request.sampling = sampling(&mut fields)?;
    settings::read_include(&mut fields, &mut request)?;
    settings::read_text(&mut fields, &mut request)?;
    request.reasoning = settings::read_reasoning(&mut fields)?;
    request.max_output = fields.count("max_output_tokens")?;
    request.stream = fields.flag("stream")?.unwrap_or_default();
    request.store = fields.flag("store")?;
    request.metadata = fields.object("metadata")?.map(Fields::left);
    request.user = fields.text("user")?;
    request.safety_id = fields.text("safety_identifier")?;
    request.cache_key = fields.text("prompt_cache_key")?;
    request.cache_retention = fields.text("prompt_cache_retention")?;
    request.service_tier = fields.text("service_tier")?;
    request.extra = fields.extra(DIALECT);
    Ok(request)
}

/// Penalties and the like are no part of OpenAI's own API; servers that follow it take them.
fn sampling(fields: &mut Fields) -> Result<Sampling, Fault> {
    Ok(Sampling {
        temperature: fields.float("temperature")?,
        top_p: fields.float("top_p")?,
        top_k: fields.count("top_k")?,
        frequency_penalty: fields.float("frequency_penalty")?,
        presence_penalty: fields.float("presence_penalty")?,
        seed: fields.integer("seed")?,
        top_logprobs: fields.count("top_logprobs")?,
        ..Sampling::default()
    })
}

fn read_choice(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(value) = fields.value("tool_choice") else { return Ok(()) };
    if !(value.is_string() || value.is_object()) {
        return Err(wrong("tool_choice", "a string or an object"));
    }
    match tools::read_choice(value) {
        Ok(choice) => request.tool_choice = Some(choice),
        Err(value) => fields.put_back("tool_choice", value),
    }
    Ok(())
}

fn conversation(fields: &mut Fields) -> Result<Vec<Message>, Fault> {
    let mut turns = Turns::default();
    if let Some(text) = fields.text(INSTRUCTIONS)? {
        turns.push(Role::System, vec![Part::text(text, Provenance::System)], INSTRUCTIONS.to_owned());
    }
    match fields.value(INPUT) {
        // A stored prompt, or a conversation that the provider keeps, may be all there is.
        None if !["prompt", "previous_response_id", "conversation"].iter().any(|name| fields.has(name)) => {
            return Err(missing(INPUT));
        }
        None => {}
        Some(Value::String(text)) => {
            turns.push(Role::User, vec![Part::text(text, Provenance::User)], INPUT.to_owned());
        }
        Some(Value::Array(list)) => {
            for (at, item) in list.into_iter().enumerate() {
                turns.read(item, format!("{INPUT}[{at}]"))?;
            }
        }
        Some(_) => return Err(wrong(INPUT, "a string or an array of items")),
    }
    Ok(turns.out)
}

/// Reads the items in order and remembers the calls made, so that results know their function.
#[derive(Default)]
struct Turns {
    out: Vec<Message>,
    names: HashMap<String, String>,
}

impl Turns {
    fn push(&mut self, role: Role, parts: Vec<Part>, at: String) {
        let message = Message { at: Some(at.into_boxed_str()), ..Message::new(role, parts) };
        self.out.push(message);
    }

    fn read(&mut self, item: Value, path: String) -> Result<(), Fault> {
        let fields = Fields::of(item, path.clone())?;
        match fields.peek("type").map(str::to_owned).as_deref() {
            None | Some("message") => self.message(fields, path),
            // An output that names its function in place of a call is known to this API alone.
            Some("function_call_output") if fields.has("name") && !fields.has("call_id") => {
                self.push(Role::User, vec![items::whole(fields.left())], path);
                Ok(())
            }
            Some("function_call_output" | "custom_tool_call_output") => self.result(fields, path),
            Some(kind) if !is_models(kind) => {
                self.push(Role::User, vec![items::whole(fields.left())], path);
                Ok(())
            }
            Some(_) => self.said(fields, path),
        }
    }

    fn message(&mut self, mut fields: Fields, path: String) -> Result<(), Fault> {
        // A reference may leave out its type.
        if !fields.has("role") && !fields.has("content") && fields.has("id") {
            self.push(Role::User, vec![items::whole(fields.left())], path);
            return Ok(());
        }
        let (role, from) = match fields.peek("role") {
            Some("assistant") => return self.said(fields, path),
            Some("user") => (Role::User, Provenance::User),
            Some("system") => (Role::System, Provenance::System),
            Some("developer") => (Role::Developer, Provenance::System),
            None if !fields.has("role") => return Err(missing(&fields.path("role"))),
            _ => return Err(wrong(&fields.path("role"), "one of user, assistant, system, developer")),
        };
        let parts = content::read(fields.value("content"), &fields.path("content"), from)?;
        for known in ["type", "role"] {
            let _known = fields.value(known);
        }
        self.push(role, parts, path);
        if let Some(message) = self.out.last_mut() {
            message.extra = fields.extra(DIALECT);
        }
        Ok(())
    }

    /// An item of the model's goes on with the message before if that is its own too.
    fn said(&mut self, fields: Fields, path: String) -> Result<(), Fault> {
        let parts = items::read(fields)?;
        for part in &parts {
            if let PartKind::ToolCall { id, name, .. } = &part.kind {
                self.names.insert(id.clone(), name.clone());
            }
        }
        match self.out.last_mut().filter(|message| message.role == Role::Assistant) {
            Some(message) => message.parts.extend(parts),
            None => self.push(Role::Assistant, parts, path),
        }
        Ok(())
    }

    fn result(&mut self, mut fields: Fields, path: String) -> Result<(), Fault> {
        let call = fields.need_text("call_id")?;
        let output = fields.value("output");
        let listed = matches!(&output, Some(Value::Array(list)) if list.len() == 1);
        let parts = content::read(output, &fields.path("output"), Provenance::Tool)?;
        let name = self.names.get(&call).cloned();
        let custom = fields.peek("type") == Some("custom_tool_call_output");
        let kind = fields.value("type").filter(|_| custom);
        let mut item = Map::from_iter(kind.map(|kind| ("type".to_owned(), kind)));
        item.extend(fields.left());
        item.extend(listed.then(|| (LISTED.to_owned(), Value::Bool(true))));
        let result = PartKind::ToolResult(ToolResult { call, name, parts, failed: false });
        let part = sidecar::set(Part::new(result, Provenance::Tool), "item", Value::Object(item));
        self.push(Role::Tool, vec![part], path);
        Ok(())
    }
}

/// Is an item of this type what the model made, rather than what the client or the API put into the conversation?
fn is_models(kind: &str) -> bool {
    let others = ["item_reference", "additional_tools", "mcp_approval_response", "compaction_trigger"];
    !(kind.ends_with("_output") || others.contains(&kind))
}
