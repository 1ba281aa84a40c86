//! Tools that Anthropic runs: which of canon's kinds a definition, a call and a result are, and what a result says.
//!
//! The blocks themselves stay verbatim in the part's sidecar: encrypted contents must come back unchanged on the next turn
//! (docs: "Server tools", "Web search tool", "Code execution tool", "MCP connector", "Tool search tool").

use contract::canon::{ServerCall, ServerResult, ServerTool};
use serde_json::{Map, Value};

/// The kind of a definition's type or of a call's name.
pub(super) fn kind(name: &str) -> ServerTool {
    let is = |prefix: &str| name.starts_with(prefix);
    if is("web_search") {
        ServerTool::WebSearch
    } else if is("web_fetch") {
        ServerTool::WebFetch
    } else if is("code_execution") || is("bash_code_execution") || is("text_editor_code_execution") {
        ServerTool::Code
    } else if is("tool_search_tool") {
        ServerTool::ToolSearch
    } else if is("mcp_") {
        ServerTool::Mcp
    } else {
        ServerTool::Other
    }
}

/// Is a block of this type a call?
pub(super) fn is_call(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "mcp_tool_use")
}

/// Is the block the result of such a call?
pub(super) fn is_result(fields: &Map<String, Value>) -> bool {
    text(fields, "type").is_some_and(|kind| kind.ends_with("_tool_result"))
        && text(fields, "tool_use_id").is_some()
}

/// The call a block makes, without its input.
pub(super) fn call(fields: &Map<String, Value>) -> Option<ServerCall> {
    let (id, name) = (text(fields, "id").filter(|id| !id.is_empty())?, text(fields, "name")?);
    let tool = if text(fields, "type") == Some("mcp_tool_use") { ServerTool::Mcp } else { kind(name) };
    let only = matches!(name, "web_search" | "web_fetch" | "code_execution") && tool != ServerTool::Mcp;
    let name = (!only).then(|| name.to_owned());
    Some(ServerCall { id: id.to_owned(), tool, name, input: String::new() })
}

/// What a result says.
pub(super) fn result(fields: &Map<String, Value>) -> Option<ServerResult> {
    let content = fields.get("content");
    let is_error = |value: &Value| value.get("type")?.as_str().map(|kind| kind.ends_with("_error"));
    let failed = content.and_then(is_error) == Some(true)
        || fields.get("is_error").and_then(Value::as_bool) == Some(true);
    let mut output = String::new();
    if let Some(content) = content {
        words(content, &mut output);
    }
    let (call, tool) = (text(fields, "tool_use_id")?.to_owned(), kind(text(fields, "type")?));
    Some(ServerResult { call, tool, output, failed })
}

/// The words in a result, a line each. Encrypted contents and files are not words.
fn words(value: &Value, out: &mut String) {
    match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(text);
        }
        // The parser bounds how deep they lie.
        Value::Array(list) => list.iter().for_each(|value| words(value, out)),
        Value::Object(object) => {
            let is_base64 = object.get("type").is_some_and(|kind| kind == "base64");
            for (key, value) in object {
                let said = match key.as_str() {
                    "title" | "url" | "text" | "stdout" | "stderr" | "content" | "source" | "error_code"
                    | "tool_name" | "tool_references" => true,
                    "data" => !is_base64,
                    _ => false,
                };
                if said {
                    words(value, out);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(block: &Value) -> ServerResult {
        result(block.as_object().unwrap()).unwrap()
    }

    #[test]
    fn results_are_put_in_words() {
        let found = read(&json!({"type": "web_search_tool_result", "tool_use_id": "s1", "content": [
            {"type": "web_search_result", "url": "https://e/x", "title": "T", "encrypted_content": "opaque"}]}));
        assert_eq!(
            (found.output.as_str(), found.tool, found.failed),
            ("https://e/x\nT", ServerTool::WebSearch, false)
        );
        let ran = read(&json!({"type": "bash_code_execution_tool_result", "tool_use_id": "s1", "content": {
            "type": "bash_code_execution_result", "stdout": "4\n", "stderr": "", "return_code": 0, "content": []}}));
        assert_eq!((ran.output.as_str(), ran.tool), ("4\n", ServerTool::Code));
        let failed = read(&json!({"type": "web_fetch_tool_result", "tool_use_id": "s1", "content": {
            "type": "web_fetch_tool_result_error", "error_code": "url_not_accessible"}}));
        assert_eq!((failed.output.as_str(), failed.failed), ("url_not_accessible", true));
        let mcp =
            read(&json!({"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": true, "content": "no"}));
        assert_eq!((mcp.output.as_str(), mcp.tool, mcp.failed), ("no", ServerTool::Mcp, true));
    }

    #[test]
    fn calls_are_told_apart() {
        for (block, tool, name) in [
            (
                json!({"type": "server_tool_use", "id": "a", "name": "web_search"}),
                ServerTool::WebSearch,
                None,
            ),
            (
                json!({"type": "server_tool_use", "id": "a", "name": "bash_code_execution"}),
                ServerTool::Code,
                Some("bash_code_execution"),
            ),
            (
                json!({"type": "mcp_tool_use", "id": "a", "name": "web_search", "server_name": "s"}),
                ServerTool::Mcp,
                Some("web_search"),
            ),
            (
                json!({"type": "server_tool_use", "id": "a", "name": "advisor"}),
                ServerTool::Other,
                Some("advisor"),
            ),
        ] {
            let call = call(block.as_object().unwrap()).unwrap();
            assert_eq!((call.tool, call.name.as_deref()), (tool, name), "{block}");
        }
        assert!(call(json!({"type": "server_tool_use", "name": "x"}).as_object().unwrap()).is_none());
    }
}
