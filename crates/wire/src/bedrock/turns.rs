//! Canon's messages → `system` and `messages`.
//!
//! Turns of one role are joined ("roles must alternate"), blank texts and empty messages left out, results put first.
//! System texts move to `system`, except those that a Bedrock client put between the turns.

use std::fmt;

use contract::canon::{Message, Part, PartKind, Receipt, Role, ToolResult};
use contract::{Code, Fault};
use serde::Serialize;
use serde_json::{Map, Value};

use super::DIALECT;
use super::citation::is_own;
use super::family::Family;
use super::written::{Documents, Out, Unwritable, continues};
use crate::outgoing::own_fields;

/// What the user says before a conversation that the model began: Bedrock refuses it otherwise ("A conversation must start
/// with a user message"), and blank texts too.
const GREETING: &str = "Hello.";

/// The conversation in Bedrock's order.
pub(super) struct Turns<'a> {
    /// The system prompt.
    pub(super) system: Vec<Out<'a>>,
    /// Alternating turns.
    pub(super) turns: Vec<Turn<'a>>,
    caches: bool,
    documents: Documents,
}

/// One message to be written.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Vec<Out<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Where a part stands in the client's request; spelled only when somebody must be told.
#[derive(Clone, Copy)]
struct Place {
    message: usize,
    part: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].content[{}]", self.message, self.part)
    }
}

impl<'a> Turns<'a> {
    /// Arranges the conversation.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if nothing is left to say; [`Code::UnsupportedCapability`] for media that Bedrock cannot
    /// fetch or does not know.
    pub(super) fn of(messages: &'a [Message], family: Family, receipt: &mut Receipt) -> Result<Self, Fault> {
        let documents = Documents::of(family);
        let mut this = Self { system: Vec::new(), turns: Vec::new(), caches: family.caches(), documents };
        for (at, message) in messages.iter().enumerate() {
            this.add(at, message, receipt)?;
        }
        if this.turns.is_empty() && !this.system.is_empty() {
            receipt.dropped("messages[0].role", "a system prompt alone is sent as the user's");
            let content = std::mem::take(&mut this.system);
            this.turns.push(Turn { role: "user", content, extra: Map::new() });
        }
        if this.turns.is_empty() {
            let message = "The conversation needs at least one message that says something.";
            return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
        }
        if this.turns.first().is_some_and(|turn| turn.role == "assistant") {
            receipt.dropped(
                "messages[0].role",
                "a conversation starts with the user here: a greeting is put first",
            );
            let greeting =
                Turn { role: "user", content: vec![Out::Text { text: GREETING }], extra: Map::new() };
            this.turns.insert(0, greeting);
        }
        for turn in &mut this.turns {
            results_first(&mut turn.content);
        }
        Ok(this)
    }

    fn add(&mut self, index: usize, message: &'a Message, receipt: &mut Receipt) -> Result<(), Fault> {
        let path = format!("messages[{index}]");
        if message.name.is_some() {
            receipt.dropped(format!("{path}.name"), "participants have no names here");
        }
        let mut blocks = Vec::with_capacity(message.parts.len());
        for (part_index, part) in message.parts.iter().enumerate() {
            let place = Place { message: index, part: part_index };
            self.write(part, place, &mut blocks, receipt)?;
        }
        let mut extra =
            own_fields(DIALECT, &message.extra, &format!("{path}."), receipt).cloned().unwrap_or_default();
        let in_place = extra.shift_remove("role").is_some_and(|role| role == "system");
        let role = match message.role {
            Role::System | Role::Developer if in_place => "system",
            Role::System | Role::Developer => {
                if !self.turns.is_empty() && !blocks.is_empty() {
                    receipt.dropped(format!("{path}.role"), "moved to the system prompt, which comes first");
                }
                self.system.append(&mut blocks);
                return Ok(());
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        if blocks.is_empty() {
            return Ok(());
        }
        match self.turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => {
                turn.content.append(&mut blocks);
                turn.extra.extend(extra);
            }
            None => self.turns.push(Turn { role, content: blocks, extra }),
        }
        Ok(())
    }

    fn write(
        &mut self,
        part: &'a Part,
        place: Place,
        blocks: &mut Vec<Out<'a>>,
        receipt: &mut Receipt,
    ) -> Result<(), Fault> {
        if !continues(part, blocks) {
            let written = match &part.kind {
                PartKind::ToolResult(result) => Ok(self.result(part, result, place, receipt)?),
                _ => Out::of(part, &mut self.documents),
            };
            match written {
                Ok(block) => blocks.push(block),
                Err(Unwritable::Blank) => return Ok(()),
                Err(Unwritable::Foreign(what)) => {
                    receipt.dropped(place.to_string(), what);
                    return Ok(());
                }
                Err(Unwritable::Unsupported(what)) => {
                    let message = format!("Bedrock cannot take {what}.");
                    return Err(Fault::saying(Code::UnsupportedCapability, message).at(place.to_string()));
                }
            }
        }
        if part.citations.iter().any(|citation| !is_own(citation)) {
            receipt.dropped(format!("{place}.citations"), "citations that another provider made");
        }
        // Within a result there is no place for cache points.
        let inner = match &part.kind {
            PartKind::ToolResult(result) => result.parts.iter().find_map(|part| part.cache),
            _ => None,
        };
        match part.cache.or(inner) {
            Some(hint) if self.caches => blocks.push(Out::cache_point(part, hint)),
            Some(_) => receipt.dropped(format!("{place}.cache"), "the model has no prompt cache"),
            None => {}
        }
        Ok(())
    }

    fn result(
        &mut self,
        part: &'a Part,
        result: &'a ToolResult,
        place: Place,
        receipt: &mut Receipt,
    ) -> Result<Out<'a>, Fault> {
        let caches = std::mem::replace(&mut self.caches, false);
        let mut content = Vec::with_capacity(result.parts.len());
        for inner in &result.parts {
            let mut lost = Receipt::default();
            self.write(inner, place, &mut content, &mut lost)?;
            for entry in lost.into_entries() {
                // The hints of inner parts are written behind the result, not lost.
                if !entry.field.ends_with(".cache") {
                    receipt.dropped(entry.field, entry.reason);
                }
            }
        }
        self.caches = caches;
        Ok(Out::result(part, result, content))
    }
}

/// Results go first, each with the cache point behind it.
fn results_first(blocks: &mut Vec<Out<'_>>) {
    let is_result = |block: &Out<'_>| matches!(block, Out::Result { .. });
    let is_point =
        |block: &Out<'_>| matches!(block, Out::Object(fields) if fields.contains_key("cachePoint"));
    let mut seen_other = false;
    let ordered = blocks.iter().all(|block| {
        seen_other |= !is_result(block) && !is_point(block);
        !(seen_other && is_result(block))
    });
    if ordered {
        return;
    }
    let (mut results, mut others, mut with_results) = (Vec::new(), Vec::new(), false);
    for block in blocks.drain(..) {
        if !is_point(&block) {
            with_results = is_result(&block);
        }
        if with_results { results.push(block) } else { others.push(block) }
    }
    results.append(&mut others);
    *blocks = results;
}
