//! Calls of functions ↔ canon: arguments are an object here and the model's own text there, and may lack an id.

use contract::Fault;
use contract::canon::{Part, PartKind, Provenance};
use contract::words::Dialect;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::arguments::Arguments;
use crate::fields::Fields;

/// What the owner of a part did not say, so that it is not said on the way back either.
pub(super) const UNSAID: Value = Value::Null;

/// A second look at a body, for the arguments of its calls as they stand: what a tree of values holds of a number is not
/// always what was written.
#[derive(Default, Deserialize)]
pub(super) struct Look<'a> {
    #[serde(borrow, default)]
    messages: Option<Vec<LookMessage<'a>>>,
    #[serde(borrow, default)]
    message: Option<LookMessage<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<LookCall<'a>>>,
}

#[derive(Deserialize)]
struct LookMessage<'a> {
    #[serde(borrow, default)]
    tool_calls: Option<Vec<LookCall<'a>>>,
}

#[derive(Deserialize)]
struct LookCall<'a> {
    #[serde(borrow, default)]
    function: Option<LookFunction<'a>>,
}

#[derive(Deserialize)]
struct LookFunction<'a> {
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

impl<'a> Look<'a> {
    /// Looks. Where there is no call, or nothing of the expected form, there is nothing to see.
    pub(super) fn at(body: &'a [u8]) -> Self {
        if memchr::memmem::find(body, b"tool_calls").is_none() {
            return Self::default();
        }
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The arguments of a call in a request.
    pub(super) fn request(&self, message: usize, call: usize) -> Option<&'a str> {
        arguments(self.messages.as_ref()?.get(message)?.tool_calls.as_deref(), call)
    }

    /// The arguments of a call in an answer.
    pub(super) fn answer(&self, call: usize) -> Option<&'a str> {
        let within = self.message.as_ref().and_then(|message| message.tool_calls.as_deref());
        arguments(within.or(self.tool_calls.as_deref()), call)
    }
}

fn arguments<'a>(calls: Option<&[LookCall<'a>]>, at: usize) -> Option<&'a str> {
    Some(calls?.get(at)?.function.as_ref()?.arguments?.get())
}

/// Reads one entry of `tool_calls`. `seen` are its arguments as they stand; without an id it gets `made_up`.
pub(super) fn read(
    (value, path): (Value, &str),
    seen: Option<&str>,
    owner: Dialect,
    made_up: String,
) -> Result<Part, Fault> {
    let mut fields = Fields::of(value, path)?;
    let said = fields.text("id")?.filter(|id| !id.is_empty());
    let mut function = fields.need_object("function")?;
    let name = function.need_text("name")?;
    let arguments = match (function.value("arguments"), seen) {
        (None, _) => String::new(),
        (Some(Value::String(text)), _) => text,
        (Some(_), Some(seen)) => seen.to_owned(),
        (Some(value), None) => value.to_string(),
    };
    let function = function.left();
    if !function.is_empty() {
        fields.put_back("function", Value::Object(function));
    }
    let mut left = fields.left();
    if said.is_none() {
        left.insert("id".to_owned(), UNSAID);
    }
    let id = said.unwrap_or(made_up);
    let part = Part::new(PartKind::ToolCall { id, name, arguments, custom: false }, Provenance::Model);
    Ok(if left.is_empty() { part } else { part.with_native(owner, Value::Object(left)) })
}

/// Did the owner of a part leave this field out?
pub(super) fn unsaid(part: &Part, owner: Dialect, field: &str) -> bool {
    part.native_for(owner).and_then(|native| native.get(field)) == Some(&UNSAID)
}

/// An entry of `tool_calls` as it is written.
#[derive(Serialize)]
pub(super) struct Call<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    function: Function<'a>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: Arguments<'a>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl<'a> Call<'a> {
    /// The call that a part makes; none when it makes none.
    pub(super) fn of(part: &'a Part, owner: Dialect) -> Option<Self> {
        let PartKind::ToolCall { id, name, arguments, .. } = &part.kind else { return None };
        let mut extra = part.native_for(owner).and_then(Value::as_object).cloned().unwrap_or_default();
        let said = extra.shift_remove("id") != Some(UNSAID);
        let inner = match extra.shift_remove("function") {
            Some(Value::Object(inner)) => inner,
            _ => Map::new(),
        };
        let function = Function { name, arguments: Arguments::of(arguments), extra: inner };
        Some(Self { id: said.then_some(id), function, extra })
    }

    /// The call number `index` of a streamed answer.
    pub(super) fn streamed(index: u32, id: &'a str, name: &'a str, arguments: &'a str) -> Self {
        let extra = [("index".to_owned(), Value::from(index))].into_iter().collect();
        let function = Function { name, arguments: Arguments::of(arguments), extra };
        Self { id: Some(id), function, extra: Map::new() }
    }
}
