//! What Gemini holds a model to and OpenAI refuses to: `VALIDATED` takes any schema, a strict tool of OpenAI's only closed ones
//! (developers.openai.com, "Structured outputs").

use std::borrow::Cow;

use contract::canon::{Receipt, Request, Tool};
use contract::words::Dialect;
use serde_json::Value;

use super::contents::is_own;

/// A request of Gemini's own client without the strictness that the target would refuse.
pub(crate) fn loosened<'a>(target: Dialect, request: &'a Request, receipt: &mut Receipt) -> Cow<'a, Request> {
    let refuses = matches!(target, Dialect::OpenaiChat | Dialect::OpenaiResponses);
    if !refuses || request.tools.iter().all(is_closed) || !is_own(&request.messages) {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    for (at, tool) in request.tools.iter_mut().enumerate().filter(|(_, tool)| !is_closed(tool)) {
        if let Tool::Function { strict, .. } = tool {
            *strict = None;
            let reason = "models are held to closed schemas alone, with all properties required";
            receipt.dropped(format!("tools[{at}].strict"), reason);
        }
    }
    Cow::Owned(request)
}

/// Is every object in a strict tool's schema closed, with all of its properties required?
fn is_closed(tool: &Tool) -> bool {
    fn closed(schema: &Value, depth: usize) -> bool {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|it| it == name));
        let object = schema.get("type").is_some_and(|kind| kind == "object") || properties.is_some();
        let whole = !object
            || (schema.get("additionalProperties") == Some(&Value::Bool(false))
                && properties.is_none_or(|named| named.keys().all(is_required)));
        whole
            && depth > 0
            && match schema {
                Value::Object(members) => members.values().all(|value| below(value, depth - 1)),
                _ => true,
            }
    }
    fn below(value: &Value, depth: usize) -> bool {
        match value {
            Value::Object(_) => closed(value, depth),
            Value::Array(list) => list.iter().all(|value| below(value, depth)),
            _ => true,
        }
    }
    match tool {
        Tool::Function { parameters: Some(schema), strict: Some(true), .. } => closed(schema, DEEPEST),
        Tool::Function { parameters: None, strict: Some(true), .. } => false,
        _ => true,
    }
}

/// The deepest a schema is looked into: deeper than it may be where models are held to schemas.
const DEEPEST: usize = 64;
