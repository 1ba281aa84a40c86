//! The input tokens of a conversation: its texts, what frames them, its tools and its media.

use std::cell::Cell;

use contract::canon::{Effort, Message, OutputFormat, Part, PartKind, Request, Role, Tool};
use contract::ports::Count;
use serde_json::Value;

use super::family::Family;
use super::functions::{parameters, unstopped};
use super::media;
use super::sum::Sum;

/// By how many percent tools are off: formulas know flat schemas, and providers change the prompts that explain them.
const TOOLS_ERROR: u64 = 60;
/// By how many percent a schema for the answer is off.
const SCHEMA_ERROR: u64 = 50;
/// What a provider may leave out of its prompt or not: thoughts of earlier turns, what its own tools did.
const UNSURE: u64 = 100;
/// A tool of the provider's own, and a block that only it understands: nobody documents what they come to.
const OPAQUE: u64 = 100;
/// What a request refers to and does not bring along.
const ELSEWHERE: u64 = 1_000;
/// The fields that refer: to kept conversations and prompts, cached prefixes, servers of tools.
const REFERRING: &[&str] =
    &["previous_response_id", "conversation", "prompt", "cachedContent", "cached_content", "mcp_servers"];

/// Most bytes of a request that are read: no model takes more. What is beyond is told from its length.
const MOST_READ: usize = 16 << 20;
/// Bytes for each token of what is not read.
const UNREAD_BYTES: u64 = 4;
/// By how many percent that is off.
const UNREAD_ERROR: u64 = 50;

pub(super) fn count(request: &Request) -> Count {
    let family = Family::of(&request.model);
    let (left, unread) = (Cell::new(MOST_READ), Cell::new(0));
    let mut counting = Counting { request, family, sum: Sum::default(), left, unread };
    counting.frame(counting.family.frame.all);
    for message in &request.messages {
        counting.message(message);
    }
    counting.thinking();
    counting.tools();
    counting.format();
    counting.elsewhere();
    counting.sum.doubt(counting.unread.get(), UNREAD_ERROR);
    counting.sum.count()
}

struct Counting<'a> {
    request: &'a Request,
    family: Family,
    sum: Sum,
    /// Bytes that may still be read.
    left: Cell<usize>,
    /// Tokens of what was not read.
    unread: Cell<u64>,
}

impl Counting<'_> {
    /// The tokens of a text: read as long as that is allowed, told from its length beyond.
    fn tokens(&self, text: &str) -> u64 {
        let Some(left) = self.left.get().checked_sub(text.len()) else {
            let tokens = text.len() as u64 / UNREAD_BYTES;
            self.unread.set(self.unread.get().saturating_add(tokens));
            return tokens;
        };
        self.left.set(left);
        self.family.scaled(self.family.vocabulary.count(text))
    }

    fn text(&mut self, text: &str) {
        self.sum.add(self.tokens(text), self.family.error);
    }

    fn unsure(&mut self, text: &str) {
        self.sum.add(self.tokens(text), UNSURE);
    }

    fn frame(&mut self, tokens: u64) {
        self.sum.add(tokens, self.family.frame.error);
    }

    fn message(&mut self, message: &Message) {
        let frame = self.family.frame;
        self.frame(frame.message + if message.role == Role::Assistant { frame.reply } else { 0 });
        if let Some(name) = &message.name {
            self.text(name);
            self.frame(1);
        }
        self.parts(&message.parts);
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            self.part(part);
        }
    }

    fn part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => self.text(text),
            PartKind::Reasoning(text) => self.unsure(text),
            PartKind::Media { kind, source } => {
                media::add(
                    &self.family,
                    &self.request.model,
                    (*kind, source, is_coarse(part)),
                    &mut self.sum,
                );
            }
            PartKind::ToolCall { name, arguments, .. } => {
                self.sum.add(self.family.frame.call, TOOLS_ERROR);
                self.text(name);
                self.text(arguments);
            }
            PartKind::ToolResult(result) => {
                self.sum.add(self.family.frame.call, TOOLS_ERROR);
                self.parts(&result.parts);
            }
            PartKind::ServerCall(call) => self.unsure(&call.input),
            PartKind::ServerResult(result) => self.unsure(&result.output),
            PartKind::Native => self.sum.add(OPAQUE, UNSURE),
        }
    }

    fn thinking(&mut self) {
        let asked = self.request.reasoning.as_ref();
        if asked.is_some_and(|it| it.budget != Some(0) && it.effort != Some(Effort::None)) {
            self.frame(self.family.frame.thinking);
        }
    }

    fn elsewhere(&mut self) {
        let fields = &self.request.extra.fields;
        let refers = |name: &&&str| fields.get(**name).is_some_and(|value| !value.is_null());
        self.sum.add(REFERRING.iter().filter(refers).count() as u64 * ELSEWHERE, UNSURE);
    }

    fn tools(&mut self) {
        if self.request.tools.is_empty() {
            return;
        }
        self.sum.add(self.family.frame.tools, TOOLS_ERROR);
        for tool in &self.request.tools {
            match tool {
                Tool::Function { name, description, parameters: schema, .. } => {
                    self.function(name, description.as_deref(), schema.as_ref());
                }
                Tool::Custom { name, description, format, .. } => {
                    self.function(name, description.as_deref(), format.as_ref());
                }
                Tool::Server { .. } => self.sum.add(OPAQUE, UNSURE),
            }
        }
    }

    fn function(&mut self, name: &str, description: Option<&str>, schema: Option<&Value>) {
        let line = format!("{name}:{}", unstopped(description.unwrap_or_default()));
        let schema = match schema {
            None => 0,
            Some(schema) if self.family.error == 0 => parameters(schema, &|text| self.tokens(text)),
            Some(schema) => self.tokens(&schema.to_string()),
        };
        self.sum.add(self.family.frame.tool + self.tokens(&line) + schema, TOOLS_ERROR);
    }

    /// A schema that the answer has to follow, where it is part of the prompt.
    fn format(&mut self) {
        if let (Some(around), OutputFormat::JsonSchema { name, schema, .. }) =
            (self.family.frame.schema, &self.request.format)
        {
            let tokens = around + self.tokens(name) + self.tokens(&schema.to_string());
            self.sum.add(tokens, SCHEMA_ERROR);
        }
    }
}

/// Does the client want few details of a picture (`detail: low`)? Chat completions say so within `image_url`.
fn is_coarse(part: &Part) -> bool {
    let detail = |native: &Value| native["detail"] == "low" || native["image_url"]["detail"] == "low";
    part.native.as_ref().is_some_and(|native| detail(&native.value))
}
