//! Functions, calls and their results, the choice among them, and tools that providers run.

use anyhow::Result;
use contract::canon::{
    CacheHint, Extra, MediaKind, MediaSource, Message, Part, PartKind, Provenance, Request, Role, ServerTool,
    Tool, ToolChoice, ToolResult,
};
use contract::words::Dialect;
use serde_json::{Value, json};

use super::{Case, content, found, read, text};

const TOOLS: &str = "Functions and custom tools";
const CALLS: &str = "Calls and results of earlier turns";
const SERVED: &str = "Tools that the provider runs";

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = functions();
    cases.extend(choices());
    cases.extend(calls());
    cases.extend(served()?);
    Ok(cases)
}

/// A function of one text.
fn function(name: &str) -> Tool {
    Tool::Function {
        name: name.to_owned(),
        description: Some("Looks it up.".to_owned()),
        parameters: Some(
            json!({"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}),
        ),
        strict: None,
        cache: None,
        extra: Extra::default(),
    }
}

fn with_functions(request: &mut Request) {
    request.tools = vec![function("look_up"), function("translate")];
}

fn functions() -> Vec<Case> {
    let named = |it: &Request| {
        let functions = it.tools.iter().filter_map(|tool| match tool {
            Tool::Function { name, description, parameters, .. } => Some((name, description, parameters)),
            _ => None,
        });
        text(&functions.collect::<Vec<_>>())
    };
    let customs = |it: &Request| {
        let customs = it.tools.iter().filter_map(|tool| match tool {
            Tool::Custom { name, format, .. } => {
                Some((name, format.as_ref().filter(|it| it["type"] != "text")))
            }
            _ => None,
        });
        text(&customs.collect::<Vec<_>>())
    };
    let custom = |format: Option<Value>| {
        move |it: &mut Request| {
            it.tools.push(Tool::Custom {
                name: "run".to_owned(),
                description: Some("Runs it.".to_owned()),
                format: format.clone(),
                extra: Extra::default(),
            });
        }
    };
    let grammar = json!({"type": "grammar", "syntax": "regex", "definition": "[0-9]+"});
    vec![
        Case::new(TOOLS, "functions with a JSON Schema", with_functions, named),
        Case::new(
            TOOLS,
            "arguments held to the schema (`strict`)",
            |it: &mut Request| {
                for tool in &mut it.tools {
                    if let Tool::Function { strict, .. } = tool {
                        *strict = Some(true);
                    }
                }
            },
            |it| {
                let strict =
                    it.tools.iter().map(|tool| matches!(tool, Tool::Function { strict: Some(true), .. }));
                text(&strict.collect::<Vec<_>>())
            },
        )
        .within(with_functions)
        .harmless(),
        Case::new(TOOLS, "custom tools (any text)", custom(None), customs),
        Case::new(TOOLS, "custom tools with a grammar", custom(Some(grammar)), customs),
        Case::new(
            TOOLS,
            "a cache hint on a tool",
            |it: &mut Request| {
                if let Some(Tool::Function { cache, .. }) = it.tools.last_mut() {
                    *cache = Some(CacheHint::Short);
                }
            },
            |it| {
                let hints = it.tools.iter().map(|tool| matches!(tool, Tool::Function { cache: Some(_), .. }));
                text(&hints.collect::<Vec<_>>())
            },
        )
        .within(with_functions),
    ]
}

fn choices() -> Vec<Case> {
    let allowed = ToolChoice::Allowed { names: vec!["look_up".to_owned()], required: true };
    let mut cases: Vec<_> = [
        ("choice: auto", ToolChoice::Auto),
        ("choice: none", ToolChoice::None),
        ("choice: some tool must be called", ToolChoice::Required),
        ("choice: this tool must be called", ToolChoice::Named("look_up".to_owned())),
    ]
    .into_iter()
    .map(|(name, choice)| {
        let say = move |it: &mut Request| it.tool_choice = Some(choice.clone());
        Case::new(TOOLS, name, say, |it: &Request| text(&it.tool_choice)).within(with_functions).harmless()
    })
    .collect();
    cases.push(
        Case::new(
            TOOLS,
            "choice: one of these must be called",
            move |it| it.tool_choice = Some(allowed.clone()),
            |it| text(&it.tool_choice.as_ref().filter(|it| matches!(it, ToolChoice::Allowed { .. }))),
        )
        .within(with_functions)
        .harmless(),
    );
    cases.push(
        Case::new(
            TOOLS,
            "one call at a time (`parallel_tool_calls`)",
            |it: &mut Request| it.parallel_tools = Some(false),
            |it| text(&it.parallel_tools),
        )
        .within(with_functions)
        .harmless(),
    );
    cases
}

fn call(id: &str, name: &str, custom: bool) -> Part {
    let arguments = if custom { "print(1)" } else { r#"{"word":"cat"}"# };
    let call = PartKind::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        custom,
    };
    Part::new(call, Provenance::Model)
}

fn result(id: &str, name: &str, failed: bool, parts: Vec<Part>) -> Message {
    let result = ToolResult { call: id.to_owned(), name: Some(name.to_owned()), parts, failed };
    Message::new(Role::Tool, vec![Part::new(PartKind::ToolResult(result), Provenance::Tool)])
}

fn answer(text: &str) -> Vec<Part> {
    vec![Part::text(text, Provenance::Tool)]
}

/// The calls and results that are found, ids aside.
fn exchanged(request: &Request) -> String {
    found(request, |part| match &part.kind {
        PartKind::ToolCall { name, arguments, custom, .. } => {
            let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
            Some(format!("{name} {arguments} {custom}"))
        }
        PartKind::ToolResult(result) => {
            let texts = result.parts.iter().filter_map(|part| match &part.kind {
                PartKind::Text(text) => Some(text.as_str()),
                _ => None,
            });
            Some(texts.collect::<String>())
        }
        _ => None,
    })
}

fn called(request: &mut Request) {
    with_functions(request);
    request.messages.push(Message::new(Role::Assistant, vec![call("call_1", "look_up", false)]));
    request.messages.push(result("call_1", "look_up", false, answer("an animal")));
}

fn calls() -> Vec<Case> {
    let failed = |it: &Request| {
        found(it, |part| match &part.kind {
            PartKind::ToolResult(result) => Some(result.failed),
            _ => None,
        })
    };
    let ids = |it: &Request| {
        found(it, |part| match &part.kind {
            PartKind::ToolCall { id, .. } => Some(id),
            PartKind::ToolResult(result) => Some(&result.call),
            _ => None,
        })
    };
    vec![
        Case::new(CALLS, "a call and its result", called, exchanged),
        Case::new(CALLS, "the ids of calls", called, ids),
        Case::new(
            CALLS,
            "several calls in one turn",
            |it: &mut Request| {
                with_functions(it);
                let calls = vec![call("call_1", "look_up", false), call("call_2", "translate", false)];
                it.messages.push(Message::new(Role::Assistant, calls));
                it.messages.push(result("call_1", "look_up", false, answer("an animal")));
                it.messages.push(result("call_2", "translate", false, answer("Katze")));
            },
            exchanged,
        ),
        Case::new(
            CALLS,
            "that a tool failed",
            |it: &mut Request| {
                for part in it.messages.iter_mut().flat_map(|it| &mut it.parts) {
                    if let PartKind::ToolResult(result) = &mut part.kind {
                        result.failed = true;
                    }
                }
            },
            failed,
        )
        .within(called),
        Case::new(
            CALLS,
            "a picture in a result",
            |it: &mut Request| {
                let source =
                    MediaSource::Base64 { mime: "image/png".to_owned(), data: "aGVsbG8=".to_owned() };
                let picture = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::Tool);
                for part in it.messages.iter_mut().flat_map(|it| &mut it.parts) {
                    if let PartKind::ToolResult(result) = &mut part.kind {
                        result.parts.push(picture.clone());
                    }
                }
            },
            |it| {
                let within = found(it, |part| match &part.kind {
                    PartKind::ToolResult(result) => Some(result.parts.len()),
                    _ => None,
                });
                format!("{within}{}", content::sources(it))
            },
        )
        .within(called),
        Case::new(
            CALLS,
            "a call of a custom tool",
            |it: &mut Request| {
                it.messages.push(Message::new(Role::Assistant, vec![call("call_1", "run", true)]));
                it.messages.push(result("call_1", "run", false, answer("1")));
            },
            |it| {
                found(it, |part| match &part.kind {
                    PartKind::ToolCall { arguments, custom: true, .. } => Some(arguments),
                    _ => None,
                })
            },
        ),
    ]
}

/// Each tool as a dialect that has it defines it.
fn served() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (owner, name, wanted, tool) in definitions() {
        let body = match owner {
            Dialect::AnthropicMessages => {
                json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": [tool]})
            }
            Dialect::GeminiGenerate => json!({"contents": [{"parts": [{"text": "x"}]}], "tools": [tool]}),
            _ => json!({"model": "m", "input": "x", "tools": [tool]}),
        };
        let tools = read(owner, &body)?.tools;
        let say = move |it: &mut Request| it.tools = tools.clone();
        let seen = move |it: &Request| {
            let kinds = it.tools.iter().filter_map(|tool| match tool {
                Tool::Server { tool, .. } => Some(*tool),
                _ => None,
            });
            text(&kinds.filter(|kind| *kind == wanted).count())
        };
        cases.push(Case::new(SERVED, format!("{name} of `{owner}`"), say, seen));
    }
    cases.push(
        Case::new(
            SERVED,
            "what such a tool found in an earlier turn of `anthropic.messages`",
            {
                let turns = read(Dialect::AnthropicMessages, &searched())?.messages;
                move |it: &mut Request| it.messages = turns.clone()
            },
            |it| {
                found(it, |part| match &part.kind {
                    PartKind::ServerCall(call) => Some(text(&call.tool)),
                    PartKind::ServerResult(result) => Some(text(&result.tool)),
                    _ => None,
                })
            },
        )
        .within(content::answered),
    );
    Ok(cases)
}

fn searched() -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "fur"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": "https://example.com", "title": "Cats", "encrypted_content": "c2VjcmV0"}]},
            {"type": "text", "text": "A cat."}]},
        {"role": "user", "content": "And that?"}]})
}

fn definitions() -> Vec<(Dialect, &'static str, ServerTool, Value)> {
    use Dialect::{AnthropicMessages as Claude, GeminiGenerate as Gemini, OpenaiResponses as Openai};
    vec![
        (Openai, "web search", ServerTool::WebSearch, json!({"type": "web_search"})),
        (
            Claude,
            "web search",
            ServerTool::WebSearch,
            json!({"type": "web_search_20250305", "name": "web_search"}),
        ),
        (Gemini, "web search", ServerTool::WebSearch, json!({"googleSearch": {}})),
        (
            Claude,
            "reading of addresses",
            ServerTool::WebFetch,
            json!({"type": "web_fetch_20250910", "name": "web_fetch"}),
        ),
        (Gemini, "reading of addresses", ServerTool::WebFetch, json!({"urlContext": {}})),
        (
            Openai,
            "code",
            ServerTool::Code,
            json!({"type": "code_interpreter", "container": {"type": "auto"}}),
        ),
        (
            Claude,
            "code",
            ServerTool::Code,
            json!({"type": "code_execution_20250825", "name": "code_execution"}),
        ),
        (Gemini, "code", ServerTool::Code, json!({"codeExecution": {}})),
        (
            Openai,
            "file search",
            ServerTool::FileSearch,
            json!({"type": "file_search", "vector_store_ids": ["vs_1"]}),
        ),
        (Openai, "image generation", ServerTool::ImageGeneration, json!({"type": "image_generation"})),
        (
            Openai,
            "MCP servers",
            ServerTool::Mcp,
            json!({"type": "mcp", "server_label": "cats", "server_url": "https://example.com/mcp", "require_approval": "never"}),
        ),
        (Claude, "MCP servers", ServerTool::Mcp, json!({"type": "mcp_toolset", "mcp_server_name": "cats"})),
    ]
}
