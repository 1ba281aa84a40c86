//! `toolResult` blocks ↔ canon.
//!
//! A result that the model's own turn holds, or that has a `type`, is of a tool that the provider ran (docs: Amazon Nova 2,
//! "Built-in tools").

use contract::canon::{Part, PartKind, Provenance, ServerResult, ToolResult};
use serde_json::{Map, Value, json};

use super::block::{BadBlock, Block, native, system_tool};
use super::{DIALECT, single, take_text};

/// Reads the inside of a block.
///
/// # Errors
/// It does not say which call it answers, or its content is no list of blocks.
pub(super) fn read(mut fields: Map<String, Value>, provenance: Provenance) -> Result<Part, BadBlock> {
    if provenance == Provenance::Model || fields.contains_key("type") {
        return Ok(of_server(fields, provenance));
    }
    let call = take_text(&mut fields, "toolUseId").ok_or(BadBlock::Lacks("toolResult", "toolUseId"))?;
    let failed = fields.get("status").and_then(Value::as_str) == Some("error");
    if failed {
        fields.shift_remove("status");
    }
    let mut parts = Vec::new();
    match fields.shift_remove("content") {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) => {
            for item in list {
                read_item(item, &mut parts)?;
            }
        }
        Some(_) => return Err(BadBlock::Lacks("toolResult", "content, a list")),
    }
    fields.retain(|_, value| !value.is_null());
    let result = ToolResult { call, name: None, parts, failed };
    let part = Part::new(PartKind::ToolResult(result), Provenance::Tool);
    if fields.is_empty() {
        return Ok(part);
    }
    Ok(part.with_native(DIALECT, json!({"toolResult": fields})))
}

fn read_item(item: Value, parts: &mut Vec<Part>) -> Result<(), BadBlock> {
    match item {
        Value::Object(mut item) if item.len() == 1 && item.contains_key("json") => {
            let value = item.shift_remove("json").unwrap_or_default();
            let part = Part::text(value.to_string(), Provenance::Tool);
            parts.push(part.with_native(DIALECT, json!({"json": {}})));
            Ok(())
        }
        item => Block::from_value(item)?.read(Provenance::Tool, parts),
    }
}

fn of_server(fields: Map<String, Value>, provenance: Provenance) -> Part {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let Some(call) = text("toolUseId") else { return native(single("toolResult", fields), provenance) };
    let items = fields.get("content").and_then(Value::as_array);
    let said = items.into_iter().flatten().filter_map(|item| match (item.get("text"), item.get("json")) {
        (Some(Value::String(text)), _) => Some(text.clone()),
        (_, Some(json)) => Some(json.to_string()),
        _ => None,
    });
    let result = ServerResult {
        call: call.to_owned(),
        tool: text("type").map_or(contract::canon::ServerTool::Other, system_tool),
        output: said.collect::<Vec<_>>().join("\n"),
        failed: text("status") == Some("error"),
    };
    let part = Part::new(PartKind::ServerResult(result), provenance);
    part.with_native(DIALECT, json!({"toolResult": fields}))
}
