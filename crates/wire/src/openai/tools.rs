//! Tools, the choice among them, tool calls and the shape of the answer ↔ canon.

use contract::Fault;
use contract::canon::{Extra, OutputFormat, Part, PartKind, Provenance, ServerTool, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::content::{object, with_left, with_sidecar};
use crate::fields::{Fields, wrong};
use crate::outgoing::merge;

/// Reads one entry of `tools`; anything but a function is the provider's own.
pub(super) fn read_tool(value: Value, path: &str) -> Result<Tool, Fault> {
    let mut fields = Fields::of(value, path)?;
    if fields.peek("type").is_some_and(|kind| kind != "function") {
        return Ok(Tool::Server {
            owner: DIALECT,
            tool: ServerTool::Other,
            value: Value::Object(fields.left()),
        });
    }
    let _function = fields.value("type");
    let mut function = fields.need_object("function")?;
    let name = function.need_text("name")?;
    let description = function.text("description")?;
    let parameters = function.value("parameters");
    let strict = function.flag("strict")?;
    let left = function.left();
    if !left.is_empty() {
        fields.put_back("function", Value::Object(left));
    }
    Ok(Tool::Function { name, description, parameters, strict, cache: None, extra: fields.extra(DIALECT) })
}

/// Reads one entry of the legacy `functions`.
pub(super) fn read_function(value: Value, path: &str) -> Result<Tool, Fault> {
    let mut function = Fields::of(value, path)?;
    Ok(Tool::Function {
        name: function.need_text("name")?,
        description: function.text("description")?,
        parameters: function.value("parameters"),
        strict: None,
        cache: None,
        extra: Extra::default(),
    })
}

/// Writes a tool; none when another dialect owns it.
pub(super) fn write_tool(tool: &Tool) -> Option<Value> {
    let (name, description, parameters, strict, extra) = match tool {
        Tool::Server { owner, value, .. } => return (*owner == DIALECT).then(|| value.clone()),
        Tool::Custom { .. } => return None,
        Tool::Function { name, description, parameters, strict, extra, .. } => {
            (name, description, parameters, strict, extra)
        }
    };
    let function = object([
        ("name", Some(json!(name))),
        ("description", description.as_ref().map(|text| json!(text))),
        ("parameters", parameters.clone()),
        ("strict", strict.map(Value::Bool)),
    ]);
    let mut out = object([("type", Some(json!("function"))), ("function", Some(Value::Object(function)))]);
    if extra.owner == Some(DIALECT) {
        merge(&mut out, &extra.fields);
    }
    Some(Value::Object(out))
}

/// Reads `tool_choice` or the legacy `function_call`; gives the value back when canon has no word for it.
pub(super) fn read_choice(value: Value) -> Result<ToolChoice, Value> {
    let named =
        value.pointer("/function/name").or_else(|| value.get("name").filter(|_| value.get("type").is_none()));
    if let Some(Value::String(name)) = named {
        return Ok(ToolChoice::Named(name.clone()));
    }
    match value.as_str() {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("none") => Ok(ToolChoice::None),
        Some("required" | "any") => Ok(ToolChoice::Required),
        _ => Err(value),
    }
}

/// Writes `tool_choice`.
pub(super) fn write_choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

/// Reads one entry of an assistant's `tool_calls`. A call without an id gets `made_up`.
pub(super) fn read_call(value: Value, path: &str, made_up: String) -> Result<Part, Fault> {
    let mut fields = Fields::of(value, path)?;
    if !fields.has("function") {
        let native = Value::Object(fields.left());
        return Ok(Part::new(PartKind::Native, Provenance::Model).with_native(DIALECT, native));
    }
    let _function = fields.value("type");
    let id = fields.text("id")?.filter(|id| !id.is_empty()).unwrap_or(made_up);
    let mut function = fields.need_object("function")?;
    let name = function.need_text("name")?;
    let arguments = read_arguments(function.value("arguments"));
    let left = function.left();
    if !left.is_empty() {
        fields.put_back("function", Value::Object(left));
    }
    Ok(with_left(
        Part::new(PartKind::ToolCall { id, name, arguments, custom: false }, Provenance::Model),
        fields,
    ))
}

/// Arguments are a string; some servers write the object itself, some nothing.
pub(super) fn read_arguments(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

/// Writes a call as an entry of `tool_calls`; none when the part is no call of this dialect's.
pub(super) fn write_call(part: &Part) -> Option<Value> {
    let PartKind::ToolCall { id, name, arguments, .. } = &part.kind else {
        return part.native_for(DIALECT).filter(|native| is_call(native)).cloned();
    };
    let arguments = if arguments.is_empty() { "{}" } else { arguments };
    let call = json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    Some(with_sidecar(call, part))
}

/// Does the sidecar of a native part hold a tool call (`custom` tools) rather than content?
pub(super) fn is_call(native: &Value) -> bool {
    native.get("type").and_then(Value::as_str) == Some("custom")
}

/// Reads `response_format`; gives the object back when canon has no word for it.
pub(super) fn read_format(value: Value) -> Result<Result<OutputFormat, Value>, Fault> {
    let path = "response_format";
    let kind = value.get("type").and_then(Value::as_str).map(str::to_owned);
    match kind.as_deref() {
        Some("text") => Ok(Ok(OutputFormat::Text)),
        Some("json_object") if value.get("schema").is_none() => Ok(Ok(OutputFormat::JsonObject)),
        Some("json_schema") => {
            let mut fields = Fields::of(value, path)?;
            let mut inner = fields.need_object("json_schema")?;
            Ok(Ok(OutputFormat::JsonSchema {
                name: inner.text("name")?.unwrap_or_else(|| "answer".to_owned()),
                description: inner.text("description")?,
                schema: inner.value("schema").unwrap_or_else(|| Value::Object(Map::new())),
                strict: inner.flag("strict")?,
            }))
        }
        _ if !value.is_object() => Err(wrong(path, "a JSON object")),
        _ => Ok(Err(value)),
    }
}

/// Writes `response_format`; prose is the default and not written.
pub(super) fn write_format(format: &OutputFormat) -> Option<Value> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(json!({"type": "json_object"})),
        OutputFormat::JsonSchema { name, description, schema, strict } => {
            let inner = object([
                ("name", Some(json!(name))),
                ("description", description.as_ref().map(|text| json!(text))),
                ("schema", Some(schema.clone())),
                ("strict", strict.map(Value::Bool)),
            ]);
            Some(json!({"type": "json_schema", "json_schema": inner}))
        }
    }
}
