//! Where schemas stand in a client's request: that of the answer, and those of tools. `places.rs` has all other names.

use contract::canon::{Request, Tool};
use contract::words::Dialect;

const ANSWER: &str = "response_format.schema";

/// The client's place of what is within a schema; none if the field is no part of one.
pub(super) fn place(client: Dialect, request: &Request, field: &str) -> Option<String> {
    if let Some(rest) = field.strip_prefix(ANSWER).filter(|rest| is_below(rest)) {
        return Some(format!("{}{rest}", answer(client, request)));
    }
    let (number, rest) = field.strip_prefix("tools[")?.split_once(']')?;
    let number = number.parse().ok()?;
    let tool = request.tools.get(number)?;
    let within = rest.strip_prefix(".parameters").filter(|rest| is_below(rest));
    let place = tool_place(client, request, number)?;
    Some(match within {
        Some(within) => format!("{place}{}{within}", parameters(client, tool)),
        None => format!("{place}{rest}"),
    })
}

fn is_below(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(['.', '['])
}

fn answer(client: Dialect, request: &Request) -> &'static str {
    match client {
        Dialect::OpenaiChat => "response_format.json_schema.schema",
        Dialect::OpenaiResponses | Dialect::OpenaiCount => "text.format.schema",
        Dialect::AnthropicMessages | Dialect::AnthropicCount => "output_config.format.schema",
        Dialect::GeminiGenerate | Dialect::GeminiCount => {
            let config = request.extra.fields.get("generationConfig");
            if config.is_some_and(|config| config.get("responseSchema").is_some()) {
                "generationConfig.responseSchema"
            } else {
                "generationConfig.responseJsonSchema"
            }
        }
        Dialect::OllamaChat | Dialect::OllamaGenerate => "format",
        Dialect::CohereChat => "response_format.json_schema",
        Dialect::BedrockConverse | Dialect::BedrockCount => {
            "outputConfig.textFormat.structure.jsonSchema.schema"
        }
        _ => ANSWER,
    }
}

/// Where the schema stands in a tool.
fn parameters(client: Dialect, tool: &Tool) -> &'static str {
    match client {
        Dialect::OpenaiChat | Dialect::OllamaChat | Dialect::CohereChat => ".function.parameters",
        Dialect::AnthropicMessages | Dialect::AnthropicCount => ".input_schema",
        Dialect::BedrockConverse | Dialect::BedrockCount => ".toolSpec.inputSchema.json",
        Dialect::GeminiGenerate | Dialect::GeminiCount => match tool {
            Tool::Function { extra, .. } if extra.fields.contains_key("parametersJsonSchema") => {
                ".parametersJsonSchema"
            }
            _ => ".parameters",
        },
        _ => ".parameters",
    }
}

/// Where a tool stands that canon numbers otherwise.
fn tool_place(client: Dialect, request: &Request, number: usize) -> Option<String> {
    let before = request.tools.get(..number)?;
    Some(match client {
        // A point of the cache behind a tool is an entry of its own.
        Dialect::BedrockConverse | Dialect::BedrockCount => {
            let point = |tool: &&Tool| matches!(tool, Tool::Function { cache: Some(_), .. });
            format!("toolConfig.tools[{}]", number + before.iter().filter(point).count())
        }
        // Functions are listed within an entry, before what else it holds.
        Dialect::GeminiGenerate | Dialect::GeminiCount => {
            let is_function = |tool: &Tool| matches!(tool, Tool::Function { .. });
            if !request.tools.get(number).is_some_and(is_function) {
                return None;
            }
            let own = before.iter().rev().take_while(|tool| is_function(tool)).count();
            let earlier = before.get(..number - own).unwrap_or_default();
            let entries = earlier.iter().filter(|tool| !is_function(tool)).count();
            format!("tools[{entries}].functionDeclarations[{own}]")
        }
        _ => format!("tools[{number}]"),
    })
}

#[cfg(test)]
mod tests {
    use contract::canon::Asked;
    use serde_json::{Value, json};

    use super::*;

    fn placed(client: Dialect, body: &Value, field: &str) -> String {
        let asked = crate::read_request(client, body.to_string().as_bytes()).unwrap();
        let Asked::Chat(_) = &asked else { panic!() };
        let mut receipt = contract::canon::Receipt::default();
        receipt.dropped(field.to_owned(), "");
        crate::place(client, &asked, &receipt).to_string()
    }

    #[test]
    fn schemas_are_named_where_the_client_wrote_them() {
        let schema = json!({"type": "object"});
        let said = json!([{"role": "user", "content": "Hi"}]);
        let function = json!([{"type": "function", "function": {"name": "f", "parameters": schema}}]);
        let chat = json!({"model": "m", "messages": said, "tools": function});
        let claude = json!({"model": "m", "max_tokens": 9, "messages": said,
            "tools": [{"name": "f", "input_schema": schema}]});
        let responses = json!({"model": "m", "input": "Hi",
            "tools": [{"type": "function", "name": "f", "parameters": schema}]});
        let declared = json!([{"googleSearch": {}}, {"functionDeclarations": [
            {"name": "f", "parameters": {}}, {"name": "g", "parametersJsonSchema": {}}]}]);
        let gemini = json!({"contents": [{"parts": [{"text": "Hi"}]}], "tools": declared,
            "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}}});
        let spec = |name: &str| json!({"toolSpec": {"name": name, "inputSchema": {"json": schema}}});
        let converse = json!({"modelId": "m", "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "toolConfig": {"tools": [spec("f"), {"cachePoint": {"type": "default"}}, spec("g")]}});
        for (client, body, field, place) in [
            (
                Dialect::OpenaiChat,
                &chat,
                "response_format.schema.properties.a.minimum",
                "response_format.json_schema.schema.properties.a.minimum",
            ),
            (Dialect::OpenaiChat, &chat, "tools[0].parameters.oneOf", "tools[0].function.parameters.oneOf"),
            (Dialect::OpenaiChat, &chat, "tools[0].strict", "tools[0].strict"),
            (Dialect::OpenaiChat, &chat, "response_format", "response_format"),
            (Dialect::OllamaChat, &chat, "response_format.schema.minLength", "format.minLength"),
            (Dialect::CohereChat, &chat, "response_format.schema.x", "response_format.json_schema.x"),
            (
                Dialect::AnthropicMessages,
                &claude,
                "response_format.schema.x",
                "output_config.format.schema.x",
            ),
            (Dialect::AnthropicMessages, &claude, "tools[0].parameters.x", "tools[0].input_schema.x"),
            (Dialect::OpenaiResponses, &responses, "response_format.schema.x", "text.format.schema.x"),
            (Dialect::OpenaiResponses, &responses, "tools[0].parameters.x", "tools[0].parameters.x"),
            (
                Dialect::GeminiGenerate,
                &gemini,
                "response_format.schema.x",
                "generationConfig.responseSchema.x",
            ),
            (
                Dialect::GeminiGenerate,
                &gemini,
                "tools[1].parameters.x",
                "tools[1].functionDeclarations[0].parameters.x",
            ),
            (
                Dialect::GeminiGenerate,
                &gemini,
                "tools[2].parameters.x",
                "tools[1].functionDeclarations[1].parametersJsonSchema.x",
            ),
            (
                Dialect::BedrockConverse,
                &converse,
                "tools[1].parameters.x",
                "toolConfig.tools[2].toolSpec.inputSchema.json.x",
            ),
            (Dialect::BedrockConverse, &converse, "response_format", "outputConfig.textFormat"),
        ] {
            assert_eq!(placed(client, body, field), place);
        }
    }
}
