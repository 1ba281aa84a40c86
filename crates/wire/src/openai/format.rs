//! The shape of the answer ↔ canon: `response_format`.

use contract::Fault;
use contract::canon::OutputFormat;
use serde_json::{Map, Value, json};

use super::content::object;
use crate::fields::{Fields, wrong};

/// Reads `response_format`; gives the object back when canon has no word for it.
pub(super) fn read(value: Value) -> Result<Result<OutputFormat, Value>, Fault> {
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
pub(super) fn write(format: &OutputFormat) -> Option<Value> {
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
