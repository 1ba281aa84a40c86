//! Canon's messages → `systemInstruction` and `contents`.
//!
//! Roles are `user` and `model`; neighbours of one role are joined, as results of parallel calls must be, unless Gemini's
//! own client kept them apart. Results name the function, which canon's ids lead to.

use std::collections::{HashMap, HashSet};

use contract::canon::{Message, Part, PartKind, Receipt, Request, Role, ToolResult};
use contract::{Code, Fault};
use serde::Serialize;
use serde_json::{Map, Value};

use super::DIALECT;
use super::models::Traits;
use super::out::{Answer, Args, Body, Out, is_made_up, media, sidecar};
use super::tools::reads_names;
use crate::aside;
use crate::outgoing::own_fields;

/// What Google documents for calls whose signature does not exist because another model made them.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Where a system prompt stands.
pub(super) const SYSTEM: &str = "systemInstruction";

/// The conversation in Gemini's form.
pub(super) struct Contents<'a> {
    /// The system prompt.
    pub(super) system: Vec<Out<'a>>,
    /// Turns.
    pub(super) turns: Vec<Turn<'a>>,
    traits: Traits,
    /// Calls by id: the function, and whether the id is written.
    calls: HashMap<&'a str, (&'a str, bool)>,
    /// Calls whose results come from somewhere that knows them by their id alone.
    by_id: HashSet<&'a str>,
    /// Are the names of documents told?
    named: bool,
}

/// One entry of `contents`.
#[derive(Serialize)]
pub(super) struct Turn<'a> {
    role: &'static str,
    parts: Vec<Out<'a>>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
    /// Where a client of this dialect had it.
    #[serde(skip)]
    at: Option<&'a str>,
}

/// Where a client of this dialect had the message.
fn own_place(message: &Message) -> Option<&str> {
    message.at.as_deref().filter(|at| at.starts_with("contents[") || *at == SYSTEM)
}

/// Does the conversation come from a client of this dialect? What it said then goes on as it said it.
pub(super) fn is_own(messages: &[Message]) -> bool {
    messages.iter().any(|message| own_place(message).is_some())
}

impl<'a> Contents<'a> {
    /// Arranges the conversation.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] if nothing is left to say or a result answers no call;
    /// [`Code::UnsupportedCapability`] for a file that another provider keeps.
    pub(super) fn of(request: &'a Request, traits: Traits, receipt: &mut Receipt) -> Result<Self, Fault> {
        let messages = &request.messages;
        let mut this = Self {
            system: Vec::new(),
            turns: Vec::new(),
            traits,
            calls: HashMap::new(),
            by_id: messages.iter().flat_map(|message| &message.parts).filter_map(named_by_id).collect(),
            named: reads_names(request),
        };
        for (at, message) in messages.iter().enumerate() {
            this.add(at, message, receipt)?;
        }
        if this.turns.is_empty() && !this.system.is_empty() {
            receipt.dropped("messages[0].role", "a system prompt alone is sent as the user's");
            let parts = std::mem::take(&mut this.system);
            this.turns.push(Turn { role: "user", parts, extra: None, at: None });
        }
        if this.turns.is_empty() {
            let message = "The conversation needs at least one message that says something.";
            return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
        }
        if traits.signed_calls {
            this.turns.iter_mut().for_each(sign);
        }
        Ok(this)
    }

    fn add(&mut self, at: usize, message: &'a Message, receipt: &mut Receipt) -> Result<(), Fault> {
        let place = || format!("messages[{at}]");
        let own = own_place(message);
        if message.name.is_some() {
            receipt.dropped(format!("{}.name", place()), "participants have no names here");
        }
        let mut parts = Vec::with_capacity(message.parts.len());
        for (index, part) in message.parts.iter().enumerate() {
            let place = || format!("{}.content[{index}]", place());
            self.write(part, own.is_some(), &mut parts).map_err(|fault| fault.at(place()))?;
            if is_lost(part, own.is_some()) {
                receipt.dropped(place(), "only its own provider understands it");
            }
        }
        let role = match message.role {
            Role::System | Role::Developer => {
                if !self.turns.is_empty() && !parts.is_empty() {
                    let reason = "moved to the system prompt, which comes first";
                    receipt.dropped(format!("{}.role", place()), reason);
                }
                self.system.append(&mut parts);
                return Ok(());
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "model",
        };
        // A turn of Gemini's own client without parts is for Gemini to judge.
        if parts.is_empty() && (own.is_none() || !message.parts.is_empty()) {
            return Ok(());
        }
        let extra = own_fields(DIALECT, &message.extra, &format!("{}.", place()), receipt);
        let joins = |turn: &&mut Turn<'_>| {
            turn.role == role && (turn.at.is_none() || own.is_none() || turn.at == own)
        };
        match self.turns.last_mut().filter(joins) {
            Some(turn) => {
                turn.parts.append(&mut parts);
                turn.extra = turn.extra.or(extra);
            }
            None => self.turns.push(Turn { role, parts, extra, at: own }),
        }
        Ok(())
    }

    fn write(&mut self, part: &'a Part, own: bool, to: &mut Vec<Out<'a>>) -> Result<(), Fault> {
        let native = sidecar(part);
        let body = match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => {
                if text.is_empty() && native.is_none() && !own {
                    return Ok(());
                }
                Body::Text(text)
            }
            PartKind::Reasoning(text) if native.is_some() || own => Body::Thought(text),
            PartKind::Native | PartKind::ServerCall(_) | PartKind::ServerResult(_) if native.is_some() => {
                Body::Native
            }
            PartKind::Reasoning(_)
            | PartKind::Native
            | PartKind::ServerCall(_)
            | PartKind::ServerResult(_) => return Ok(()),
            PartKind::Media { kind, source } => media(*kind, source)?,
            PartKind::ToolCall { id, name, arguments, custom } => {
                let named = !is_made_up(native, "functionCall") || self.by_id.contains(id.as_str());
                self.calls.insert(id, (name, named));
                Body::Call { id: named.then_some(id), name, args: Args::of(arguments, *custom) }
            }
            PartKind::ToolResult(result) => return self.write_result(part, result, own, to),
        };
        let title = aside::title(part).filter(|_| self.named && native.is_none());
        to.push(Out { body, native, title, ..Out::default() });
        Ok(())
    }

    fn write_result(
        &mut self,
        part: &'a Part,
        result: &'a ToolResult,
        own: bool,
        to: &mut Vec<Out<'a>>,
    ) -> Result<(), Fault> {
        let native = sidecar(part);
        let call = self.calls.get(result.call.as_str()).copied();
        // The function as the result itself names it, where that is Gemini's own.
        let given = result.name.as_deref();
        let known = call.map(|(name, _)| name);
        let Some(name) = (if own { given.or(known) } else { known.or(given) }) else {
            let message =
                format!("The tool result for call '{}' answers no call of the conversation.", result.call);
            return Err(Fault::saying(Code::InvalidRequest, message));
        };
        let made_up = is_made_up(native, "functionResponse");
        let named = call.map_or(!made_up, |(_, named)| named && !(own && made_up));
        let mut beside = Vec::new();
        for part in result.parts.iter().filter(|part| !matches!(part.kind, PartKind::Text(_))) {
            self.write(part, own, &mut beside)?;
        }
        let within = self.traits.signed_calls || own;
        let parts = if within { std::mem::take(&mut beside) } else { Vec::new() };
        let id = named.then_some(result.call.as_str());
        let body = Body::Response { id, name, response: Answer::of(result), parts };
        to.push(Out { body, native, ..Out::default() });
        // Earlier generations see the media of a result only as parts of the same turn.
        to.append(&mut beside);
        Ok(())
    }
}

/// The call of a result that did not come without an id.
fn named_by_id(part: &Part) -> Option<&str> {
    match &part.kind {
        PartKind::ToolResult(result) if !is_made_up(sidecar(part), "functionResponse") => Some(&result.call),
        _ => None,
    }
}

/// Does the part mean nothing here?
fn is_lost(part: &Part, own: bool) -> bool {
    match &part.kind {
        PartKind::ToolResult(result) => result.parts.iter().any(|part| is_lost(part, own)),
        PartKind::Reasoning(_) => !own && part.native_for(DIALECT).is_none(),
        PartKind::Native | PartKind::ServerCall(_) | PartKind::ServerResult(_) => {
            part.native_for(DIALECT).is_none()
        }
        _ => false,
    }
}

/// The first call of a turn must carry a signature.
fn sign(turn: &mut Turn<'_>) {
    if turn.at.is_some() {
        return;
    }
    let mut calls = turn.parts.iter_mut().filter(|part| part.is_call());
    if let Some(first) = calls.next()
        && !first.is_signed()
        && !calls.any(|call| call.is_signed())
    {
        first.signature = Some(NO_SIGNATURE);
    }
}
