//! Tools that the provider ran: one item ↔ a call and its result.
//!
//! The item stays whole beside the call; the result's sidecar only names it, so that it is written once.

use contract::canon::{Part, PartKind, Provenance, ServerCall, ServerResult, ServerTool};
use serde_json::{Map, Value, json};

use super::sidecar;

/// Canon's word for the tool behind a type of item.
pub(super) fn tool(kind: &str) -> Option<ServerTool> {
    Some(match kind {
        "web_search_call" => ServerTool::WebSearch,
        "file_search_call" => ServerTool::FileSearch,
        "code_interpreter_call" => ServerTool::Code,
        "mcp_call" => ServerTool::Mcp,
        _ => return None,
    })
}

fn text<'a>(item: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

/// The type of an item.
pub(super) fn kind(item: &Map<String, Value>) -> &str {
    text(item, "type").unwrap_or_default()
}

/// The id of an item; servers that give none get one name for all.
pub(super) fn id(item: &Map<String, Value>) -> String {
    let ids = [text(item, "id"), text(item, "call_id")];
    ids.into_iter().flatten().find(|id| !id.is_empty()).unwrap_or("server_call").to_owned()
}

/// The name of a tool among several of a kind.
pub(super) fn name(item: &Map<String, Value>) -> Option<String> {
    (kind(item) == "mcp_call").then(|| text(item, "name").map(str::to_owned)).flatten()
}

/// Reads an item whose type [`tool`] knows.
pub(super) fn read(item: &Map<String, Value>) -> Vec<Part> {
    let Some(tool) = tool(kind(item)) else { return Vec::new() };
    let call = ServerCall { id: id(item), tool, name: name(item), input: input(item) };
    let result = result(item, tool);
    let call = Part::new(PartKind::ServerCall(call), Provenance::Model);
    let result = Part::new(PartKind::ServerResult(result), Provenance::Tool);
    let of = json!({"id": item.get("id")});
    vec![sidecar::set(call, "item", Value::Object(item.clone())), sidecar::set(result, "item", of)]
}

/// What the model asked the tool for, as JSON text.
pub(super) fn input(item: &Map<String, Value>) -> String {
    let value = match kind(item) {
        "code_interpreter_call" if text(item, "code").is_some() => json!({"code": text(item, "code")}),
        "file_search_call" => json!({"queries": item.get("queries")}),
        "web_search_call" => match item.get("action") {
            Some(Value::Object(action)) => {
                let said = action.iter().filter(|(name, _)| !matches!(name.as_str(), "type" | "sources"));
                said.map(|(name, value)| (name.clone(), value.clone())).collect()
            }
            _ => json!({}),
        },
        _ => return text(item, "arguments").unwrap_or_default().to_owned(),
    };
    value.to_string()
}

/// What the tool returned, in words.
pub(super) fn result(item: &Map<String, Value>, tool: ServerTool) -> ServerResult {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let join = |values: Vec<Value>, name: &str| {
        let texts: Vec<&str> = values.iter().filter_map(|value| value.get(name)?.as_str()).collect();
        texts.join("\n")
    };
    let output = match tool {
        ServerTool::WebSearch => {
            join(list(item.get("action").and_then(|action| action.get("sources"))), "url")
        }
        ServerTool::FileSearch => join(list(item.get("results")), "text"),
        ServerTool::Code => join(list(item.get("outputs")), "logs"),
        _ => text(item, "output").unwrap_or_default().to_owned(),
    };
    let failed = text(item, "status") == Some("failed") || item.get("error").is_some_and(|it| !it.is_null());
    ServerResult { call: id(item), tool, output, failed }
}

/// The item for a tool that another provider ran, as far as this API has such a tool.
pub(super) fn write(
    call: &ServerCall,
    result: Option<&ServerResult>,
    id: &str,
) -> Option<Map<String, Value>> {
    let input: Value = serde_json::from_str(&call.input).unwrap_or_default();
    let asked = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    let output = result.map(|result| result.output.as_str());
    let said = output.filter(|output| !output.is_empty());
    let failed = result.is_some_and(|result| result.failed);
    let status = if failed { "failed" } else { "completed" };
    let item = match call.tool {
        ServerTool::WebSearch => {
            let mut action = json!({"type": "search", "query": asked("query"), "sources": sources(said)});
            // Several at once.
            if let Some(queries @ Value::Array(_)) = input.get("queries") {
                action["queries"] = queries.clone();
            }
            json!({"type": "web_search_call", "id": id, "status": status, "action": action})
        }
        ServerTool::WebFetch => json!({"type": "web_search_call", "id": id, "status": status,
            "action": {"type": "open_page", "url": asked("url")}}),
        ServerTool::Code => json!({"type": "code_interpreter_call", "id": id, "status": status,
            "container_id": "", "code": code(&input, &call.input),
            "outputs": said.map(|logs| json!([{"type": "logs", "logs": logs}]))}),
        ServerTool::FileSearch => json!({"type": "file_search_call", "id": id, "status": status,
            "queries": queries(&input), "results": Value::Null}),
        ServerTool::Mcp => {
            let error = said.filter(|_| failed);
            json!({"type": "mcp_call", "id": id, "status": status, "server_label": "",
                "name": call.name.as_deref().unwrap_or_default(), "arguments": call.input,
                "output": output.filter(|_| !failed),
                "error": error.map(|text| json!({"type": "mcp_tool_execution_error",
                    "content": [{"type": "text", "text": text}]}))})
        }
        ServerTool::ImageGeneration | ServerTool::ToolSearch | ServerTool::Other => return None,
    };
    match item {
        Value::Object(item) => Some(item),
        _ => None,
    }
}

/// The addresses among what a search returned.
fn sources(output: Option<&str>) -> Value {
    let words = output.unwrap_or_default().split_whitespace();
    let urls = words.filter(|word| word.starts_with("http://") || word.starts_with("https://"));
    urls.map(|url| json!({"type": "url", "url": url})).collect()
}

fn code<'a>(input: &'a Value, text: &'a str) -> &'a str {
    let named = ["code", "command"].into_iter().find_map(|name| input.get(name)?.as_str());
    named.unwrap_or(text)
}

fn queries(input: &Value) -> Value {
    match (input.get("queries"), input.get("query")) {
        (Some(queries @ Value::Array(_)), _) => queries.clone(),
        (_, Some(query)) => json!([query]),
        _ => json!([]),
    }
}
