//! Canon's messages → `system` and `messages`.
//!
//! Anthropic has its system prompt first (newer models take more of it between turns), joins consecutive messages of one
//! role, refuses blank texts and empty messages, and wants each call answered in the very next user message, results
//! first; newer models also refuse to go on with an answer that the client began. All of that is arranged here, or
//! refused clearly.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use contract::canon::{Message, Part, PartKind, Receipt, Role, ToolResult};
use contract::{Code, Fault};
use serde::Serialize;
use serde_json::{Map, Value};

use super::DIALECT;
use super::cache::Breakpoints;
use super::models::Traits;
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

/// Where a part stands; spelled only when somebody must be told.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    part: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.content[{}]", place(self.at), self.part)
    }
}

/// Where a message stands. Its client's name for that is put in its stead later.
fn place(at: usize) -> String {
    format!("messages[{at}]")
}

impl<'a> Turns<'a> {
    /// Arranges the conversation.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if nothing is left to say or a call and its result do not meet;
    /// [`Code::UnsupportedCapability`] for sound and film, which no Claude model takes.
    pub(super) fn of(
        messages: &'a [Message],
        traits: &Traits,
        cache: &mut Breakpoints,
        receipt: &mut Receipt,
    ) -> Result<Self, Fault> {
        let mut this = Self { system: Content(Vec::new()), turns: Vec::new() };
        let answered = answered(messages);
        for (at, message) in messages.iter().enumerate() {
            let blocks = write_parts(message, at, cache, receipt)?;
            let stays = traits.system_turns && answered.get(at) == Some(&true);
            this.add(message, at, blocks, (stays, receipt));
        }
        if this.turns.is_empty() && !this.system.0.is_empty() {
            receipt.dropped("messages[0].role", "a system prompt alone is sent as the user's");
            let content = std::mem::replace(&mut this.system, Content(Vec::new()));
            this.turns.push(Turn { role: "user", content, extra: None });
        }
        this.end(messages, traits, receipt);
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

    /// Does it end in an answer that the client began?
    pub(super) fn begins_answer(&self) -> bool {
        self.turns.last().is_some_and(|turn| {
            turn.role == "assistant" && turn.content.0.last().is_some_and(|block| block.kind == "text")
        })
    }

    /// Adds the blocks of a message. A system message `stays` where the model takes it: after a user's turn, and before
    /// an answer or last (docs: "Mid-conversation system messages").
    fn add(
        &mut self,
        message: &'a Message,
        at: usize,
        mut blocks: Vec<Out<'a>>,
        (stays, receipt): (bool, &mut Receipt),
    ) {
        if blocks.is_empty() {
            return;
        }
        let role = match message.role {
            Role::System | Role::Developer => {
                let after_user = self.turns.last().is_some_and(|turn| turn.role != "assistant");
                if !(stays && after_user) {
                    if !self.turns.is_empty() {
                        let moved = "moved to the system prompt, which comes first";
                        receipt.dropped(format!("{}.role", place(at)), moved);
                    }
                    self.system.0.append(&mut blocks);
                    return;
                }
                "system"
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let extra = own_fields(DIALECT, &message.extra, &format!("{}.", place(at)), receipt);
        match self.turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => {
                turn.content.0.append(&mut blocks);
                turn.extra = turn.extra.or(extra);
            }
            None => self.turns.push(Turn { role, content: Content(blocks), extra }),
        }
    }

    /// An answer that the client began may not end in white space, and newer models do not go on with it at all (docs:
    /// "Prefill Claude's response", "What's new in Claude 4.6"). A paused turn goes on by its calls.
    fn end(&mut self, messages: &[Message], traits: &Traits, receipt: &mut Receipt) {
        if !self.begins_answer() {
            return;
        }
        let last = messages
            .last()
            .map_or_else(|| "messages".to_owned(), |_| place(messages.len().saturating_sub(1)));
        let paused = |turn: &Turn<'_>| turn.content.0.iter().any(|block| block.kind.is_empty());
        if !traits.prefill && self.turns.len() > 1 && !self.turns.last().is_some_and(paused) {
            receipt.dropped(last, "the model does not go on with an answer that was begun");
            self.turns.pop();
            return;
        }
        let text = self.turns.last_mut().and_then(|turn| turn.content.0.last_mut()?.text.as_mut());
        if let Some(text) = text.filter(|text| text.ends_with(char::is_whitespace)) {
            *text = text.trim_end();
            receipt.dropped(format!("{last}.content"), "cut: a begun answer may not end in white space");
        }
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

/// For each message: is the next one that is no system message the model's, or is there none?
fn answered(messages: &[Message]) -> Vec<bool> {
    let mut next = true;
    let mut answered: Vec<bool> = Vec::with_capacity(messages.len());
    for message in messages.iter().rev() {
        answered.push(next);
        if !matches!(message.role, Role::System | Role::Developer) {
            next = message.role == Role::Assistant;
        }
    }
    answered.reverse();
    answered
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

fn write_parts<'a>(
    message: &'a Message,
    at: usize,
    cache: &mut Breakpoints,
    receipt: &mut Receipt,
) -> Result<Vec<Out<'a>>, Fault> {
    if message.name.is_some() {
        receipt.dropped(format!("{}.name", place(at)), "participants have no names here");
    }
    let mut blocks = Vec::with_capacity(message.parts.len());
    for (index, part) in message.parts.iter().enumerate() {
        blocks.extend(write_part(part, Place { at, part: index }, cache, receipt)?);
    }
    Ok(blocks)
}

fn write_part<'a>(
    part: &'a Part,
    place: Place,
    cache: &mut Breakpoints,
    receipt: &mut Receipt,
) -> Result<Option<Out<'a>>, Fault> {
    let written = match &part.kind {
        PartKind::ToolResult(result) => Ok(write_result(part, result, place, cache, receipt)?),
        _ => Out::of(part),
    };
    match written {
        // Anthropic refuses blank text blocks.
        Ok(Out { kind: "text", text: Some(text), .. }) if text.trim().is_empty() => {
            if !text.is_empty() {
                receipt.dropped(place.to_string(), "a text of white space says nothing here");
            }
            Ok(None)
        }
        Ok(block) => Ok(Some(block.sent(part, &place, cache, receipt))),
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
    cache: &mut Breakpoints,
    receipt: &mut Receipt,
) -> Result<Out<'a>, Fault> {
    let mut content = Vec::with_capacity(result.parts.len());
    for part in &result.parts {
        content.extend(write_part(part, place, cache, receipt)?);
    }
    Ok(Out {
        kind: "tool_result",
        tool_use_id: Some(call_id(&result.call)),
        content: Some(Content(content)),
        is_error: result.failed,
        native: part.native_for(DIALECT).and_then(Value::as_object).map(Cow::Borrowed),
        ..Out::default()
    })
}
