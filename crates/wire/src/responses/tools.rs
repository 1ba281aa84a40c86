//! `tools` and `tool_choice` ↔ canon.

use contract::Fault;
use contract::canon::{Receipt, Request, ServerTool, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::{DIALECT, object};
use crate::fields::Fields;
use crate::outgoing::{is_setting, merge, own_fields};
use crate::searches::Search;

/// Reads one definition: a function and a custom tool are the client's, any other is the provider's or its own.
pub(super) fn read_tool(value: Value, path: String) -> Result<Tool, Fault> {
    let mut fields = Fields::of(value, path)?;
    let kind = fields.peek("type").unwrap_or("function").to_owned();
    match kind.as_str() {
        "function" => {
            let _known = fields.value("type");
            Ok(Tool::Function {
                name: fields.need_text("name")?,
                description: fields.text("description")?,
                parameters: fields.value("parameters"),
                strict: fields.flag("strict")?,
                cache: None,
                extra: fields.extra(DIALECT),
            })
        }
        "custom" => {
            let _known = fields.value("type");
            Ok(Tool::Custom {
                name: fields.need_text("name")?,
                description: fields.text("description")?,
                format: fields.value("format"),
                extra: fields.extra(DIALECT),
            })
        }
        kind => {
            Ok(Tool::Server { owner: DIALECT, tool: server_tool(kind), value: Value::Object(fields.left()) })
        }
    }
}

/// Types of tools carry a date now and then: `web_search_2025_08_26`, `web_search_preview_2025_03_11`.
fn server_tool(kind: &str) -> ServerTool {
    match kind {
        "file_search" => ServerTool::FileSearch,
        "code_interpreter" => ServerTool::Code,
        "image_generation" => ServerTool::ImageGeneration,
        "mcp" => ServerTool::Mcp,
        "tool_search" => ServerTool::ToolSearch,
        kind if kind.starts_with("web_search") => ServerTool::WebSearch,
        _ => ServerTool::Other,
    }
}

/// Writes the definitions; `own` says that the request came from a client of this API.
///
/// Functions are strict here unless they say otherwise, in other dialects they are not: so each says it.
pub(super) fn write(request: &Request, own: bool, receipt: &mut Receipt) -> Vec<Value> {
    let mut out = Vec::with_capacity(request.tools.len());
    for (at, tool) in request.tools.iter().enumerate() {
        let prefix = format!("tools[{at}]");
        let (fields, extra) = match tool {
            Tool::Server { owner, value, .. } if *owner == DIALECT => {
                out.push(value.clone());
                continue;
            }
            Tool::Server { owner, tool, value } => {
                match own_tool(*tool) {
                    Some(_) if *tool == ServerTool::WebSearch => out.push(search(value, &prefix, receipt)),
                    Some(written) => {
                        if has_settings(value) {
                            receipt.dropped(format!("{prefix}.settings"), format!("only {owner} has them"));
                        }
                        out.push(written);
                    }
                    None => receipt.dropped(prefix, format!("only {owner} runs this tool")),
                }
                continue;
            }
            Tool::Custom { name, description, format, extra } => (
                object([
                    ("type", Some(json!("custom"))),
                    ("name", Some(json!(name))),
                    ("description", description.as_ref().map(|text| json!(text))),
                    ("format", format.clone()),
                ]),
                extra,
            ),
            Tool::Function { name, description, parameters, strict, extra, .. } => {
                let none = || (!own).then(|| json!({"type": "object", "properties": {}}));
                let strict = strict.or((!own).then_some(false));
                let function = object([
                    ("type", Some(json!("function"))),
                    ("name", Some(json!(name))),
                    ("description", description.as_ref().map(|text| json!(text))),
                    ("parameters", parameters.clone().or_else(none)),
                    ("strict", strict.map(Value::Bool)),
                ]);
                (function, extra)
            }
        };
        out.push(with_extra(fields, own_fields(DIALECT, extra, &format!("{prefix}."), receipt)));
    }
    out
}

fn with_extra(mut fields: Map<String, Value>, extra: Option<&Map<String, Value>>) -> Value {
    if let Some(extra) = extra {
        merge(&mut fields, extra);
    }
    Value::Object(fields)
}

/// The tool of this API that does what another provider's does, with default settings.
fn own_tool(tool: ServerTool) -> Option<Value> {
    match tool {
        ServerTool::WebSearch => Some(json!({"type": "web_search"})),
        ServerTool::Code => Some(json!({"type": "code_interpreter", "container": {"type": "auto"}})),
        ServerTool::ImageGeneration => Some(json!({"type": "image_generation"})),
        ServerTool::WebFetch
        | ServerTool::FileSearch
        | ServerTool::Mcp
        | ServerTool::ToolSearch
        | ServerTool::Other => None,
    }
}

/// The search of this API with the settings of another provider's (developers.openai.com, "Web search").
fn search(value: &Value, at: &str, receipt: &mut Receipt) -> Value {
    let search = Search::of(value, at);
    let lost = [("blocked_domains", search.blocked.is_some()), ("max_uses", search.uses.is_some())];
    let lost = lost.into_iter().filter(|(_, said)| *said).map(|(name, _)| format!("{at}.{name}"));
    for place in search.unknown.iter().cloned().chain(lost) {
        receipt.dropped(place, "this API's search has no such setting");
    }
    Value::Object(object([
        ("type", Some(json!("web_search"))),
        ("filters", search.allowed.map(|domains| json!({"allowed_domains": domains}))),
        ("user_location", search.location),
        ("search_context_size", search.size),
    ]))
}

/// Does a definition say more than which tool it is?
fn has_settings(value: &Value) -> bool {
    let set = |(name, value): (&String, &Value)| is_setting(name, value);
    value.as_object().is_some_and(|fields| fields.iter().any(set))
}

/// Reads `tool_choice`; gives the value back when canon has no word for it.
pub(super) fn read_choice(value: Value) -> Result<ToolChoice, Value> {
    match value.as_str() {
        Some("auto") => return Ok(ToolChoice::Auto),
        Some("none") => return Ok(ToolChoice::None),
        Some("required" | "any") => return Ok(ToolChoice::Required),
        _ => {}
    }
    let name = |value: &Value| match value.get("type").and_then(Value::as_str) {
        Some("function" | "custom") => value.get("name")?.as_str().map(str::to_owned),
        _ => None,
    };
    if let Some(name) = name(&value) {
        return Ok(ToolChoice::Named(name));
    }
    if value.get("type").and_then(Value::as_str) == Some("allowed_tools")
        && let Some(tools) = value.get("tools").and_then(Value::as_array)
        && let Some(names) = tools.iter().map(name).collect::<Option<Vec<_>>>()
    {
        let required = value.get("mode").and_then(Value::as_str) == Some("required");
        return Ok(ToolChoice::Allowed { names, required });
    }
    Err(value)
}

/// Writes `tool_choice`.
pub(super) fn write_choice(choice: &ToolChoice, tools: &[Tool]) -> Value {
    let one = |name: &String| {
        let custom = tools.iter().any(|tool| matches!(tool, Tool::Custom { name: own, .. } if own == name));
        json!({"type": if custom { "custom" } else { "function" }, "name": name})
    };
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => one(name),
        ToolChoice::Allowed { names, required } => {
            let tools: Vec<Value> = names.iter().map(one).collect();
            json!({"type": "allowed_tools", "mode": if *required { "required" } else { "auto" }, "tools": tools})
        }
    }
}
