//! Canon's messages → `system` and `messages`.
//!
//! Anthropic has no system role, joins consecutive messages of one role, refuses blank texts and empty messages, and wants
//! each call answered in the very next user message, results first. All of that is arranged here, or refused clearly.

use std::collections::HashSet;
use std::fmt;

use contract::canon::{Message, Part, PartKind, Receipt, Role, ToolResult};
use contract::{Code, Fault};
use serde::Serialize;
use serde_json::{Map, Value};

use super::DIALECT;
use super::written::{Content, Out, Unwritable, call_id};
use crate::outgoing::own_fields;

/// The conversation in Anthropic's order.
pub(super) struct Turns<'a> {
    /// The system prompt.
    pub(super) system: Content<'a>,
    /// Alternating turns.
    pub(super) turns: Vec<Turn<'a>>,
}

/// One message to be written.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    content: Content<'a>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// Where a part stands in canon's messages; spelled only when somebody must be told.
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
    /// [`Code::InvalidRequest`] if nothing is left to say or a call and its result do not meet;
    /// [`Code::UnsupportedCapability`] for sound and film, which no Claude model takes.
    pub(super) fn of(messages: &'a [Message], receipt: &mut Receipt) -> Result<Self, Fault> {
        let mut this = Self { system: Content(Vec::new()), turns: Vec::new() };
        for (at, message) in messages.iter().enumerate() {
            this.add(at, message, receipt)?;
        }
        if this.turns.is_empty() && !this.system.0.is_empty() {
            receipt.dropped("messages[0].role", "a system prompt alone is sent as the user's");
            let content = std::mem::replace(&mut this.system, Content(Vec::new()));
            this.turns.push(Turn { role: "user", content, extra: None });
        }
        if this.turns.is_empty() {
            let message = "The conversation needs at least one message that says something.";
            return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
        }
        for turn in &mut this.turns {
            results_first(&mut turn.content.0);
        }
        this.check_calls()?;
        Ok(this)
    }

    fn add(&mut self, at: usize, message: &'a Message, receipt: &mut Receipt) -> Result<(), Fault> {
        if message.name.is_some() {
            receipt.dropped(format!("messages[{at}].name"), "participants have no names here");
        }
        let mut blocks = Vec::with_capacity(message.parts.len());
        for (index, part) in message.parts.iter().enumerate() {
            blocks.extend(write_part(part, Place { message: at, part: index }, receipt)?);
        }
        let role = match message.role {
            Role::System | Role::Developer => {
                if !self.turns.is_empty() && !blocks.is_empty() {
                    receipt.dropped(
                        format!("messages[{at}].role"),
                        "moved to the system prompt, which comes first",
                    );
                }
                self.system.0.append(&mut blocks);
                return Ok(());
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        if blocks.is_empty() {
            return Ok(());
        }
        let extra = own_fields(DIALECT, &message.extra, &format!("messages[{at}]."), receipt);
        match self.turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => {
                turn.content.0.append(&mut blocks);
                turn.extra = turn.extra.or(extra);
            }
            None => self.turns.push(Turn { role, content: Content(blocks), extra }),
        }
        Ok(())
    }

    /// Each result must answer a call of the turn before, and each call must be answered in the turn after, if there is
    /// one. Anthropic would refuse as much, in words that name its own fields.
    fn check_calls(&self) -> Result<(), Fault> {
        let mut calls: Vec<&str> = Vec::new();
        for turn in &self.turns {
            let blocks = &turn.content.0;
            let results: Vec<&str> = blocks.iter().filter_map(|block| block.tool_use_id.as_deref()).collect();
            if let Some(orphan) = first_without(&results, &calls) {
                let message =
                    format!("The tool result for call '{orphan}' answers no call of the message before it.");
                return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
            }
            if let Some(open) = first_without(&calls, &results) {
                let message = format!("The tool call '{open}' has no result in the message after it.");
                return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
            }
            let made = blocks.iter().filter(|block| block.kind == "tool_use");
            calls = made.filter_map(|block| block.id.as_deref()).collect();
        }
        Ok(())
    }
}

/// The first of these ids that is not among the others.
fn first_without<'a>(ids: &[&'a str], others: &[&str]) -> Option<&'a str> {
    if ids.is_empty() {
        return None;
    }
    let others: HashSet<&str> = others.iter().copied().collect();
    ids.iter().copied().find(|id| !others.contains(id))
}

fn results_first(blocks: &mut [Out<'_>]) {
    if !blocks.is_sorted_by_key(|block| block.tool_use_id.is_none()) {
        blocks.sort_by_key(|block| block.tool_use_id.is_none());
    }
}

fn write_part<'a>(part: &'a Part, place: Place, receipt: &mut Receipt) -> Result<Option<Out<'a>>, Fault> {
    if let PartKind::ToolResult(result) = &part.kind {
        return write_result(part, result, place, receipt).map(Some);
    }
    match Out::of(part) {
        Ok(block) => Ok(Some(block)),
        Err(Unwritable::Blank) => Ok(None),
        Err(Unwritable::Foreign(what)) => {
            receipt.dropped(place.to_string(), what);
            Ok(None)
        }
        Err(Unwritable::Unsupported(what)) => {
            let message = format!("The model cannot take {what} as input.");
            Err(Fault::saying(Code::UnsupportedCapability, message).at(place.to_string()))
        }
    }
}

fn write_result<'a>(
    part: &'a Part,
    result: &'a ToolResult,
    place: Place,
    receipt: &mut Receipt,
) -> Result<Out<'a>, Fault> {
    let mut content = Vec::with_capacity(result.parts.len());
    for part in &result.parts {
        content.extend(write_part(part, place, receipt)?);
    }
    Ok(Out {
        kind: "tool_result",
        tool_use_id: Some(call_id(&result.call)),
        content: Some(Content(content)),
        is_error: result.failed,
        native: part.native_for(DIALECT).and_then(Value::as_object).map(std::borrow::Cow::Borrowed),
        ..Out::default()
    })
}
