//! What a model said, in canon → items: for answers, and for requests that send them back.
//!
//! Parts that belong to one item are joined again: those whose sidecar says so, and texts of other dialects that follow
//! each other. Who is told of what is lost is `turns.rs` and `reply.rs`.

use contract::canon::{MediaKind, MediaSource, Part, PartKind, TokenLogprob};
use contract::ports::made_id;
use serde_json::{Map, Value, json};

use super::content::{self, Unwritable};
use super::namespaces::{Grouped, NAMESPACE, regroup};
use super::{logprobs, object, server, sidecar};
use crate::outgoing::merge;

/// Makes ids of items from the id of their response, the same for the same answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids(String);

/// OpenAI takes ids of at most 64 bytes back.
const LONGEST_STEM: usize = 48;

impl Ids {
    /// For a response of this id.
    pub(super) fn of(response: &str) -> Self {
        let stem = response.strip_prefix("resp_").unwrap_or(response);
        Self(stem.get(..stem.floor_char_boundary(LONGEST_STEM)).unwrap_or_default().to_owned())
    }

    /// The id of an item of this type at this place of the output.
    pub(super) fn make(&self, kind: &str, at: usize) -> Value {
        let prefix = match kind {
            "message" => "msg",
            "reasoning" => "rs",
            "function_call" => "fc",
            "custom_tool_call" => "ctc",
            "web_search_call" => "ws",
            "file_search_call" => "fs",
            "code_interpreter_call" => "ci",
            "image_generation_call" => "ig",
            "mcp_call" => "mcp",
            _ => "item",
        };
        Value::String(made_id(prefix, &self.0, at))
    }
}

/// Items being written.
pub(super) struct Items<'a> {
    /// In an answer each item has an id and a status; in a request they are the client's, if it sent any.
    ids: Option<&'a Ids>,
    logprobs: &'a [TokenLogprob],
    /// Tools that the client has in groups.
    groups: &'a [Grouped],
    /// The target takes the thoughts of any model.
    thoughts: bool,
    open: Option<Open>,
    out: Vec<Value>,
}

/// An item that further parts may join.
struct Open {
    message: bool,
    own: Option<Map<String, Value>>,
    summary: Vec<Value>,
    content: Vec<Value>,
}

impl<'a> Items<'a> {
    /// For a request; `thoughts` says whether the target takes those of any model.
    pub(super) const fn request(thoughts: bool) -> Self {
        Self { ids: None, logprobs: &[], groups: &[], thoughts, open: None, out: Vec::new() }
    }

    /// For an answer.
    pub(super) const fn reply(ids: &'a Ids, logprobs: &'a [TokenLogprob], groups: &'a [Grouped]) -> Self {
        Self { ids: Some(ids), logprobs, groups, thoughts: true, open: None, out: Vec::new() }
    }

    /// The items.
    pub(super) fn finish(mut self) -> Vec<Value> {
        self.close();
        self.out
    }

    /// Writes one part; `after` are those that follow it.
    ///
    /// # Errors
    /// The part has no place here.
    pub(super) fn write(&mut self, part: &Part, after: &[Part]) -> Result<(), Unwritable> {
        match &part.kind {
            PartKind::Text(_) | PartKind::Refusal(_) => self.say(part),
            PartKind::Reasoning(text) => return self.think(part, text),
            PartKind::ToolCall { id, name, arguments, custom } => {
                let (kind, field) = call_names(*custom);
                let empty = !custom && arguments.is_empty() && sidecar::item(part).is_none();
                let arguments = if empty { "{}" } else { arguments };
                let own = sidecar::item(part).filter(|own| own.contains_key(NAMESPACE));
                let name = own.and_then(|own| own.get("name")).cloned().unwrap_or_else(|| json!(name));
                let mut call = object([
                    ("type", Some(json!(kind))),
                    ("call_id", Some(json!(id))),
                    ("name", Some(name)),
                    (field, Some(json!(arguments))),
                ]);
                regroup(&mut call, self.groups);
                self.push(part, call);
            }
            PartKind::Media { kind: MediaKind::Image, source: MediaSource::Base64 { data, .. } }
                if self.ids.is_some() || sidecar::item(part).is_some() =>
            {
                let made = [("type", Some(json!("image_generation_call"))), ("result", Some(json!(data)))];
                self.push(part, object(made));
            }
            PartKind::ServerCall(_) | PartKind::ServerResult(_) => return self.server(part, after),
            PartKind::Native if sidecar::item(part).is_some() => self.push(part, Map::new()),
            PartKind::Native if sidecar::left(part).is_some() => self.say(part),
            PartKind::Native => {
                return Err(Unwritable::Foreign("a block that only its own provider understands"));
            }
            PartKind::Media { .. } => return Err(Unwritable::Foreign("media of the model's in this place")),
            PartKind::ToolResult(_) => return Err(Unwritable::Unsupported("a tool result in this place")),
        }
        Ok(())
    }

    fn say(&mut self, part: &Part) {
        let Some(mut said) = content::write_output(part) else { return };
        // A text of an answer has its likelihoods, if only an empty list; so has one that is sent back as it was.
        let answers = self.ids.is_some() || sidecar::item(part).is_some_and(|item| item.contains_key("id"));
        if let (PartKind::Text(text), true, Some(said)) = (&part.kind, answers, said.as_object_mut()) {
            let tokens = logprobs::take(&mut self.logprobs, text.len());
            said.entry("logprobs").or_insert_with(|| logprobs::write(tokens));
        }
        self.join(part, true).content.push(said);
    }

    fn think(&mut self, part: &Part, text: &str) -> Result<(), Unwritable> {
        let own = sidecar::item(part).is_some();
        if !own && !self.thoughts {
            return Err(Unwritable::Foreign("thoughts of another provider"));
        }
        // Servers with open thoughts take them as they are; in an answer clients look for the summary.
        let raw = if own { sidecar::is_raw(part) } else { self.ids.is_none() };
        let (kind, left) = (if raw { "reasoning_text" } else { "summary_text" }, sidecar::left(part));
        let item = self.join(part, false);
        if text.is_empty() && left.is_none() {
            return Ok(());
        }
        let mut said = object([("type", Some(json!(kind))), ("text", Some(json!(text)))]);
        merge(&mut said, left.unwrap_or(&Map::new()));
        if raw { &mut item.content } else { &mut item.summary }.push(Value::Object(said));
        Ok(())
    }

    /// The item that a part belongs to: the open one if it may join it, else a new one.
    fn join(&mut self, part: &Part, message: bool) -> &mut Open {
        let foreign_thought = !message && sidecar::item(part).is_none();
        let joins = sidecar::joins(part) && !foreign_thought;
        if !self.open.as_ref().is_some_and(|open| joins && open.message == message) {
            self.close();
        }
        let open = self.open.get_or_insert_with(|| Open {
            message,
            own: None,
            summary: Vec::new(),
            content: Vec::new(),
        });
        if let Some(fields) = sidecar::item(part) {
            open.own.get_or_insert_default().extend(fields.clone());
        }
        open
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Open { message, own, summary, content } = open;
        let own = own.unwrap_or_default();
        let item = if message {
            let content = match plain_text(&content).filter(|_| self.ids.is_none() && own.is_empty()) {
                Some(text) => json!(text),
                None => Value::Array(content),
            };
            object([
                ("type", Some(json!("message"))),
                ("role", Some(json!("assistant"))),
                ("content", Some(content)),
            ])
        } else {
            object([
                ("type", Some(json!("reasoning"))),
                ("summary", Some(Value::Array(summary))),
                ("content", (!content.is_empty()).then_some(Value::Array(content))),
            ])
        };
        self.add(item, Some(&own));
    }

    fn push(&mut self, part: &Part, item: Map<String, Value>) {
        self.close();
        self.add(item, sidecar::item(part));
    }

    fn add(&mut self, mut item: Map<String, Value>, own: Option<&Map<String, Value>>) {
        merge(&mut item, own.unwrap_or(&Map::new()));
        if let Some(ids) = self.ids {
            complete(&mut item, ids, self.out.len());
        }
        self.out.push(Value::Object(item));
    }

    /// A tool that the provider ran: its own item, or one for the tool of another provider.
    fn server(&mut self, part: &Part, after: &[Part]) -> Result<(), Unwritable> {
        match &part.kind {
            PartKind::ServerCall(_) if sidecar::item(part).is_some() => {
                self.push(part, Map::new());
                Ok(())
            }
            // It stands in the item of its call.
            PartKind::ServerResult(_) if sidecar::item(part).is_some() => Ok(()),
            PartKind::ServerCall(call) if self.ids.is_some() => {
                let result = after.iter().find_map(|part| match &part.kind {
                    PartKind::ServerResult(result) if result.call == call.id => Some(result),
                    _ => None,
                });
                self.close();
                let item = server::write(call, result, "");
                let mut item = item.ok_or(Unwritable::Foreign("a tool this API does not have"))?;
                item.shift_remove("id");
                self.add(item, None);
                Ok(())
            }
            PartKind::ServerResult(_) if self.ids.is_some() => Ok(()),
            _ => Err(Unwritable::Foreign("a tool that another provider ran")),
        }
    }
}

/// The type of a call's item and the field of its arguments.
pub(super) const fn call_names(custom: bool) -> (&'static str, &'static str) {
    if custom { ("custom_tool_call", "input") } else { ("function_call", "arguments") }
}

/// Gives an item of an answer the id and the status that it must have.
pub(super) fn complete(item: &mut Map<String, Value>, ids: &Ids, at: usize) {
    let kind = server::kind(item).to_owned();
    item.entry("id").or_insert_with(|| ids.make(&kind, at));
    if matches!(
        kind.as_str(),
        "message" | "function_call" | "custom_tool_call" | "image_generation_call" | "web_search_call"
    ) {
        item.entry("status").or_insert_with(|| json!("completed"));
    }
}

/// The text of a content that is one text and nothing else.
fn plain_text(content: &[Value]) -> Option<&str> {
    let [Value::Object(only)] = content else { return None };
    let bare = only.len() == 3 && only.get("annotations") == Some(&json!([]));
    only.get("text").filter(|_| bare)?.as_str()
}
