//! Calls of tools in the making: which one a delta continues, and when one begins.
//!
//! A call begins when its name is known. Some servers give no index, some no id, some give every call index 0 and tell them
//! apart by id alone.

use std::collections::HashMap;

use contract::canon::{Event, Native, PartStart};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::chunk::{CallDelta, FunctionDelta};
use super::tools::read_arguments;
use super::{DIALECT, invalid};
use crate::WireError;
use crate::frames::sse::HELD_CAP;
use crate::usage::Count;

/// The calls of a choice.
#[derive(Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// The last call of each number and of each id.
    by_index: HashMap<u64, usize>,
    by_id: HashMap<String, usize>,
}

/// The most calls of a choice that are followed; no model makes as many.
const MOST: usize = 4096;

struct Call {
    id: String,
    part: Option<u32>,
    early: String,
    /// The sidecar: fields that canon has no word for.
    native: Map<String, Value>,
}

/// What is done with a delta.
pub(super) struct Step {
    at: usize,
    /// The name, if the call begins with this delta.
    name: Option<String>,
    custom: bool,
    arguments: String,
    /// Fields not seen before.
    news: Map<String, Value>,
}

impl Step {
    /// Does a call begin?
    pub(super) const fn begins(&self) -> bool {
        self.name.is_some()
    }
}

impl Calls {
    /// Takes a delta.
    ///
    /// # Errors
    /// There are too many calls.
    pub(super) fn take(&mut self, choice: u32, delta: CallDelta) -> Result<Step, WireError> {
        let custom = delta.custom.is_some() && delta.function.is_none();
        let field = if custom { "custom" } else { "function" };
        let function: FunctionDelta = delta.function.or(delta.custom).unwrap_or_default();
        let index = delta.index.as_ref().and_then(number);
        let id = delta.id.and_then(text).filter(|id| !id.is_empty());
        let name = function.name.filter(|name| !name.is_empty());
        let arguments = read_arguments(function.arguments.or(function.input));
        let at = match self.find(index, id.as_deref(), name.is_some()) {
            Some(at) => at,
            None if self.calls.len() >= MOST => return Err(invalid("the answer holds too many calls")),
            None => self.begin(choice, index, id),
        };
        let mut fields = delta.rest;
        if !function.rest.is_empty() {
            fields.insert(field.to_owned(), Value::Object(function.rest));
        }
        fields.retain(|name, value| name != "type" || (value != "function" && value != "custom"));
        let news = self.calls.get_mut(at).map(|call| call.news(fields)).unwrap_or_default();
        let begun = self.calls.get(at).is_some_and(|call| call.part.is_some());
        Ok(Step { at, name: name.filter(|_| !begun), custom, arguments, news })
    }

    fn begin(&mut self, choice: u32, index: Option<u64>, id: Option<String>) -> usize {
        let at = self.calls.len();
        let id = id.unwrap_or_else(|| format!("call_{choice}_{at}"));
        self.by_index.extend(index.map(|index| (index, at)));
        self.by_id.insert(id.clone(), at);
        self.calls.push(Call { id, part: None, early: String::new(), native: Map::new() });
        at
    }

    /// The call that a delta continues.
    fn find(&self, index: Option<u64>, id: Option<&str>, named: bool) -> Option<usize> {
        let found = match (index, id) {
            (Some(index), _) => *self.by_index.get(&index)?,
            (None, Some(id)) => return self.by_id.get(id).copied(),
            (None, None) if named => return None,
            (None, None) => return self.calls.len().checked_sub(1),
        };
        let before = self.calls.get(found)?;
        let another = named && id.is_some_and(|id| before.id != id) && before.part.is_some();
        (!another).then_some(found)
    }

    /// Tells what a delta says. `part` is the number of the part if a call begins.
    pub(super) fn tell(&mut self, choice: u32, step: Step, part: u32, events: &mut Vec<Event>) {
        let Some(call) = self.calls.get_mut(step.at) else { return };
        let sidecar = |fields| Native { owner: DIALECT, value: Value::Object(fields) };
        let mut text = step.arguments;
        let index = match (call.part, step.name) {
            (Some(index), _) => {
                if !step.news.is_empty() {
                    events.push(Event::NativeDelta { choice, index, native: sidecar(step.news) });
                }
                index
            }
            (None, Some(name)) => {
                call.part = Some(part);
                let native = (!call.native.is_empty()).then(|| sidecar(call.native.clone()));
                let kind = PartStart::ToolCall { id: call.id.clone(), name, custom: step.custom };
                events.push(Event::PartStart { choice, index: part, part: kind, native });
                let early = std::mem::take(&mut call.early);
                text.insert_str(0, &early);
                part
            }
            (None, None) => {
                if call.early.len().saturating_add(text.len()) <= HELD_CAP {
                    call.early.push_str(&text);
                }
                return;
            }
        };
        if !text.is_empty() {
            events.push(Event::Delta { choice, index, text });
        }
    }

    /// Ends the calls; what never was a call of a known kind is a part of its own from number `next` on. Was any called?
    pub(super) fn end(&mut self, choice: u32, mut next: u32, events: &mut Vec<Event>) -> bool {
        for call in &mut self.calls {
            if call.part.is_none() && call.native.contains_key("type") {
                let mut value = std::mem::take(&mut call.native);
                value.insert("id".to_owned(), json!(call.id));
                let native = Some(Native { owner: DIALECT, value: json!({"call": value}) });
                events.push(Event::PartStart { choice, index: next, part: PartStart::Native, native });
                events.push(Event::PartStop { choice, index: next });
                next += 1;
            }
        }
        let begun = self.calls.iter().filter_map(|call| call.part);
        events.extend(begun.map(|index| Event::PartStop { choice, index }));
        self.calls.iter().any(|call| call.part.is_some())
    }
}

/// A number; some servers write it as a text.
fn number(value: &Value) -> Option<u64> {
    let count = Count::deserialize(value).unwrap_or_default().0;
    count.or_else(|| value.as_str()?.parse().ok())
}

/// A text; some servers write a number.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Call {
    /// The fields that were not seen before; some servers repeat them.
    fn news(&mut self, mut fields: Map<String, Value>) -> Map<String, Value> {
        fields.retain(|name, _| !self.native.contains_key(name));
        self.native.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        fields
    }
}
