//! The shape of the answer ↔ canon: `response_format`.

use contract::Fault;
use contract::canon::OutputFormat;
use serde_json::{Map, Value, json};

use super::content::{keep, object};
use crate::fields::{Fields, wrong};

/// Reads `response_format`, and gives back what canon has no word for in it.
pub(super) fn read(value: Value) -> Result<(OutputFormat, Option<Value>), Fault> {
    let path = "response_format";
    let kind = value.get("type").and_then(Value::as_str).map(str::to_owned);
    let alone = value.as_object().is_some_and(|fields| fields.len() == 1);
    match kind.as_deref() {
        Some("text") if alone => Ok((OutputFormat::Text, None)),
        Some("json_object") if value.get("schema").is_none() => {
            let mut fields = Fields::of(value, path)?;
            let _known = fields.value("type");
            Ok((OutputFormat::JsonObject, left(fields)))
        }
        Some("json_schema") => {
            let mut fields = Fields::of(value, path)?;
            let _known = fields.value("type");
            let mut inner = fields.need_object("json_schema")?;
            let format = OutputFormat::JsonSchema {
                name: inner.text("name")?.unwrap_or_else(|| "answer".to_owned()),
                description: inner.text("description")?,
                schema: inner.value("schema").unwrap_or_else(|| Value::Object(Map::new())),
                strict: inner.flag("strict")?,
            };
            keep(&mut fields, "json_schema", inner);
            Ok((format, left(fields)))
        }
        _ if !value.is_object() => Err(wrong(path, "a JSON object")),
        _ => Ok((OutputFormat::Text, Some(value))),
    }
}

fn left(fields: Fields) -> Option<Value> {
    let left = fields.left();
    (!left.is_empty()).then_some(Value::Object(left))
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
