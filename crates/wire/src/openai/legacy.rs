//! Clients of before `tools`: they offer `functions` and look for one call in `function_call`, with the reason of that name
//! (developers.openai.com, "Chat Completions", deprecated fields). What they ask is read in `read.rs`; here is what they
//! are answered.

use contract::canon::{Asked, Receipt};
use serde_json::{Map, Value, json};

use super::{DIALECT, content};
use crate::fields::Fields;
use crate::outgoing::ECHO;

/// The field of a request that offers functions, and what it is remembered by.
const FUNCTIONS: &str = "functions";

/// The field of a message that holds the call, and the reason of an answer that ends with it.
pub(super) const FUNCTION_CALL: &str = "function_call";

/// Does a request that is being read offer functions alone?
pub(super) fn is_asked(fields: &Fields) -> bool {
    fields.has(FUNCTIONS) && !fields.has("tools")
}

/// Remembers that the client offered functions.
pub(super) fn remember(fields: &mut Fields) {
    let mut form = match fields.value(ECHO) {
        Some(Value::Object(form)) => form,
        _ => Map::new(),
    };
    form.insert(FUNCTIONS.to_owned(), Value::Bool(true));
    fields.put_back(ECHO, Value::Object(form));
}

/// Did the client offer functions and no tools, so that it looks for its call in `function_call`? For
/// [`EncodeOptions::functions`](crate::EncodeOptions).
pub(crate) fn offers_functions(asked: &Asked) -> bool {
    let Asked::Chat(request) = asked else { return false };
    let form = request.extra.fields.get(ECHO).filter(|_| request.extra.owner == Some(DIALECT));
    form.is_some_and(|form| form.get(FUNCTIONS).is_some())
}

/// Puts the call of a choice where such a client looks for it. There is room for one; of others the receipt tells.
pub(super) fn put(choice: &mut Value, path: &str, receipt: &mut Receipt) {
    let Some(message) = choice.get_mut("message").and_then(Value::as_object_mut) else { return };
    let calls = message.get("tool_calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_function = |call: &Value| call.get("function").is_some();
    let Some(chosen) = calls.iter().position(is_function) else { return };
    let part = |name: &str| calls.get(chosen).and_then(|call| call.get("function")?.get(name)).cloned();
    let call = content::object([("name", part("name")), ("arguments", part("arguments"))]);
    let others = (0..calls.len()).filter(|at| *at != chosen);
    for at in others {
        receipt.dropped(format!("{path}.tool_calls[{at}]"), "the client takes one call at a time");
    }
    message.shift_remove("tool_calls");
    message.insert(FUNCTION_CALL.to_owned(), Value::Object(call));
    if choice["finish_reason"] == "tool_calls" {
        choice["finish_reason"] = json!(FUNCTION_CALL);
    }
}

/// The reason in the words of such a client.
pub(super) fn reason(reason: &str) -> &str {
    if reason == "tool_calls" { FUNCTION_CALL } else { reason }
}
