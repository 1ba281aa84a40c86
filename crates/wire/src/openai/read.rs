//! A client's chat completion request → canon.

use std::collections::{BTreeMap, HashMap, VecDeque};

use contract::canon::{
    Message, Modality, OutputFormat, Part, PartKind, Provenance, Request, Role, Sampling, ToolResult,
    Verbosity, Voice,
};
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::content::object;
use super::{DIALECT, accents, content, format, legacy, think, thoughts, tools};
use crate::fields::{self, Fields, missing, wrong};
use crate::outgoing::ECHO;

/// Reads a request body.
pub(crate) fn read_chat(body: &[u8]) -> Result<Request, Fault> {
    let mut fields = fields::body(body)?;
    let mut request = Request { model: fields.need_text("model")?, ..Request::default() };
    let messages = fields.list("messages")?.ok_or_else(|| missing("messages"))?;
    let mut turns = Turns::default();
    for (at, message) in messages.into_iter().enumerate() {
        request.messages.push(turns.read(message, &format!("messages[{at}]"))?);
    }
    let functions = legacy::is_asked(&fields);
    read_tools(&mut fields, &mut request)?;
    request.sampling = sampling(&mut fields)?;
    request.max_output = match fields.count("max_completion_tokens")? {
        None => fields.count("max_tokens")?,
        most => {
            let _older_name = fields.value("max_tokens");
            most
        }
    };
    request.format = shape(&mut fields)?;
    request.reasoning = think::read(&mut fields)?;
    request.stream = fields.flag("stream")?.unwrap_or_default();
    if let Some(mut options) = fields.object("stream_options")? {
        request.stream_usage = options.flag("include_usage")?.unwrap_or_default();
        let left = options.left();
        if !left.is_empty() {
            fields.put_back("stream_options", Value::Object(left));
        }
    }
    settings(&mut fields, &mut request)?;
    if functions {
        legacy::remember(&mut fields);
    }
    request.extra = fields.extra(DIALECT);
    Ok(request)
}

fn read_tools(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    for (at, tool) in fields.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tools::read_tool(tool, &format!("tools[{at}]"))?);
    }
    for (at, function) in fields.list("functions")?.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tools::read_function(function, &format!("functions[{at}]"))?);
    }
    request.tools.extend(fields.value(tools::SEARCH).as_ref().map(tools::read_search));
    for name in ["function_call", "tool_choice"] {
        let Some(value) = fields.value(name) else { continue };
        if !(value.is_string() || value.is_object()) {
            return Err(wrong(name, "a string or an object"));
        }
        match tools::read_choice(value) {
            Ok((choice, left)) => {
                request.tool_choice = Some(choice);
                if !left.is_empty() {
                    fields.put_back("tool_choice", Value::Object(left));
                }
            }
            Err(value) => fields.put_back(name, value),
        }
    }
    request.parallel_tools = fields.flag("parallel_tool_calls")?;
    Ok(())
}

fn sampling(fields: &mut Fields) -> Result<Sampling, Fault> {
    let stop = match fields.value("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(value) => {
            serde_json::from_value(value).map_err(|_| wrong("stop", "a string or an array of strings"))?
        }
    };
    let (logprobs, top_logprobs) = logprobs(fields)?;
    let seed = seed(fields)?;
    Ok(Sampling {
        temperature: fields.float("temperature")?,
        top_p: fields.float("top_p")?,
        top_k: fields.count("top_k")?,
        frequency_penalty: fields.float("frequency_penalty")?,
        presence_penalty: fields.float("presence_penalty")?,
        seed,
        stop,
        n: fields.count("n")?,
        logprobs,
        top_logprobs,
    })
}

/// Mistral's name for the seed.
pub(super) const MISTRALS_SEED: &str = "random_seed";

/// `seed`, or Mistral's name for it, which is kept (docs.mistral.ai, "Chat Completion", `random_seed`).
fn seed(fields: &mut Fields) -> Result<Option<i64>, Fault> {
    let seed = fields.integer("seed")?;
    if seed.is_some() {
        return Ok(seed);
    }
    let seed = fields.integer(MISTRALS_SEED)?;
    if seed.is_some() {
        let mut form = match fields.value(ECHO) {
            Some(Value::Object(form)) => form,
            _ => Map::new(),
        };
        form.insert(MISTRALS_SEED.to_owned(), Value::Bool(true));
        fields.put_back(ECHO, Value::Object(form));
    }
    Ok(seed)
}

/// `logprobs` and `top_logprobs`. Together and Fireworks take the number of alternatives as `logprobs`
/// (docs.together.ai, docs.fireworks.ai, "Create Chat Completion"); how it was said is kept.
fn logprobs(fields: &mut Fields) -> Result<(Option<bool>, Option<u64>), Fault> {
    let Some(number) = fields.take_count("logprobs") else {
        return Ok((fields.flag("logprobs")?, fields.count("top_logprobs")?));
    };
    let top = fields.count("top_logprobs")?;
    let form = object([("logprobs", Some(json!(number))), ("top_logprobs", top.map(|top| json!(top)))]);
    fields.put_back(ECHO, Value::Object(form));
    Ok((Some(true), top.or(Some(number))))
}

fn shape(fields: &mut Fields) -> Result<OutputFormat, Fault> {
    let Some(value) = fields.value("response_format") else { return Ok(OutputFormat::Text) };
    let (format, left) = format::read(value)?;
    if let Some(left) = left {
        fields.put_back("response_format", left);
    }
    Ok(format)
}

/// Settings that other dialects have too.
fn settings(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    request.modalities = modalities(fields);
    request.voice = voice(fields);
    request.verbosity = match fields.peek("verbosity") {
        Some("low") => Some(Verbosity::Low),
        Some("medium") => Some(Verbosity::Medium),
        Some("high") => Some(Verbosity::High),
        _ => None,
    };
    if request.verbosity.is_some() {
        let _read = fields.value("verbosity");
    }
    request.cache_key = fields.text("prompt_cache_key")?;
    request.cache_retention = fields.text("prompt_cache_retention")?;
    request.safety_id = fields.text("safety_identifier")?;
    request.store = fields.flag("store")?;
    request.user = fields.text("user")?;
    request.metadata = fields.object("metadata")?.map(Fields::left);
    request.service_tier = fields.text("service_tier")?;
    Ok(())
}

/// What the answer may consist of. A list with a word that canon lacks stays where it was.
fn modalities(fields: &mut Fields) -> Vec<Modality> {
    let word = |value: &Value| match value.as_str() {
        Some("text") => Some(Modality::Text),
        Some("audio") => Some(Modality::Audio),
        Some("image") => Some(Modality::Image),
        _ => None,
    };
    let Some(value) = fields.value("modalities") else { return Vec::new() };
    let read: Option<Vec<Modality>> = value.as_array().and_then(|list| list.iter().map(word).collect());
    read.unwrap_or_else(|| {
        fields.put_back("modalities", value);
        Vec::new()
    })
}

/// `audio: {voice, format}`. A voice of the client's own, which is an object, stays where it was.
fn voice(fields: &mut Fields) -> Option<Voice> {
    if !fields.is_object("audio") {
        return None;
    }
    let mut audio = fields.object("audio").ok().flatten()?;
    let voice = Voice { name: audio.take_text("voice"), format: audio.take_text("format") };
    let left = audio.left();
    if !left.is_empty() {
        fields.put_back("audio", Value::Object(left));
    }
    (voice != Voice::default()).then_some(voice)
}

/// Calls whose results are still to come, in the order in which they were made. Ids may repeat.
#[derive(Default)]
struct Open {
    made: usize,
    order: BTreeMap<usize, String>,
    places: HashMap<String, VecDeque<usize>>,
}

impl Open {
    fn add(&mut self, id: &str) {
        self.made += 1;
        self.order.insert(self.made, id.to_owned());
        self.places.entry(id.to_owned()).or_default().push_back(self.made);
    }

    /// Takes out the first call of this id, or the first of all.
    fn close(&mut self, id: Option<&str>) -> Option<String> {
        let id = id.or_else(|| self.order.first_key_value().map(|(_, id)| id.as_str()))?;
        let at = self.places.get_mut(id)?.pop_front()?;
        self.order.remove(&at)
    }
}

/// Reads the messages in order and remembers the calls made, so that results know their function.
#[derive(Default)]
struct Turns {
    names: HashMap<String, String>,
    made_up: usize,
    open: Open,
    last_legacy: Option<String>,
}

impl Turns {
    fn read(&mut self, value: Value, path: &str) -> Result<Message, Fault> {
        let mut fields = Fields::of(value, path)?;
        let role = fields.need_text("role")?;
        let (role, from) = match role.as_str() {
            "system" => (Role::System, Provenance::System),
            "developer" => (Role::Developer, Provenance::System),
            "user" => (Role::User, Provenance::User),
            "assistant" => (Role::Assistant, Provenance::Model),
            "tool" | "function" => return self.result(fields, role == "function"),
            _ => {
                let expected = "one of system, developer, user, assistant, tool, function";
                return Err(wrong(&fields.path("role"), expected));
            }
        };
        let mut parts = Vec::new();
        if role == Role::Assistant {
            parts.extend(thoughts::read(&mut fields));
        }
        let content = fields.value("content");
        let blocks = matches!(content, Some(Value::Array(_)));
        parts.extend(content::read(content, &fields.path("content"), from)?.into_iter().map(|part| {
            let block = blocks && part.native.is_none() && matches!(part.kind, PartKind::Refusal(_));
            if block { part.with_native(DIALECT, json!({accents::FORM: "block"})) } else { part }
        }));
        if role == Role::Assistant {
            self.answer(&mut fields, &mut parts)?;
        }
        let mut message = Message::new(role, parts);
        message.name = fields.text("name")?;
        message.extra = fields.extra(DIALECT);
        Ok(message)
    }

    /// What only assistants say: refusals and calls.
    fn answer(&mut self, fields: &mut Fields, parts: &mut Vec<Part>) -> Result<(), Fault> {
        if let Some(refusal) = fields.text("refusal")? {
            parts.push(Part::new(PartKind::Refusal(refusal), Provenance::Model));
        }
        let path = fields.path("tool_calls");
        for (at, call) in fields.list("tool_calls")?.unwrap_or_default().into_iter().enumerate() {
            let made_up = self.make_up();
            let part = tools::read_call(call, &format!("{path}[{at}]"), made_up)?;
            self.remember(&part);
            parts.push(part);
        }
        if let Some(mut call) = fields.object("function_call")? {
            let id = self.make_up();
            let name = call.need_text("name")?;
            let arguments = tools::read_arguments(call.value("arguments"));
            self.last_legacy = Some(id.clone());
            let part =
                Part::new(PartKind::ToolCall { id, name, arguments, custom: false }, Provenance::Model);
            self.remember(&part);
            parts.push(part);
        }
        Ok(())
    }

    fn make_up(&mut self) -> String {
        self.made_up += 1;
        format!("call_{}", self.made_up)
    }

    fn remember(&mut self, part: &Part) {
        if let PartKind::ToolCall { id, name, .. } = &part.kind {
            self.names.insert(id.clone(), name.clone());
            self.open.add(id);
        }
    }

    /// The call that a result answers. Servers that give calls no ids expect none: results then come in the order of the calls.
    fn answered(&mut self, said: Option<String>) -> Option<String> {
        let open = self.open.close(said.as_deref());
        said.or(open)
    }

    /// A `tool` message, or a legacy `function` message, which answers the last call.
    fn result(&mut self, mut fields: Fields, legacy: bool) -> Result<Message, Fault> {
        let content = fields.value("content");
        let parts = content::read(content, &fields.path("content"), Provenance::Tool)?;
        let (call, name, said) = if legacy {
            let name = fields.need_text("name")?;
            (self.last_legacy.take().unwrap_or_else(|| self.make_up()), Some(name), None)
        } else {
            let said = fields.text("tool_call_id")?;
            let call = self.answered(said).ok_or_else(|| missing(&fields.path("tool_call_id")))?;
            let said = fields.text("name")?;
            let name = self.names.get(&call).cloned().or_else(|| said.clone());
            (call, name, said)
        };
        let result = PartKind::ToolResult(ToolResult { call, name, parts, failed: false });
        let mut result = Part::new(result, Provenance::Tool);
        if let Some(said) = said {
            // Some servers take the function's name here (docs.mistral.ai, `ToolMessage`).
            result = result.with_native(DIALECT, json!({"name": said}));
        }
        let mut message = Message::new(Role::Tool, vec![result]);
        message.extra = fields.extra(DIALECT);
        Ok(message)
    }
}

/// The fault for a request that cannot be sent on: something canon allows makes no sense here.
pub(super) fn refuse(path: String, message: &'static str) -> Fault {
    Fault::saying(Code::InvalidRequest, message).at(path)
}
