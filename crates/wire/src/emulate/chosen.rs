//! A choice of a tool that providers run: only its own dialect calls such a tool by a name. Another provider has none of it, or
//! one that it does not let be chosen; a choice of what is not there would be refused.

use std::borrow::Cow;

use contract::canon::{Receipt, Request, Tool, ToolChoice};
use contract::words::Dialect;

use crate::responses::namespaces;

/// The request without the choice of a tool that the target does not know by its name.
pub(crate) fn chosen<'a>(target: Dialect, request: &'a Request, receipt: &mut Receipt) -> Cow<'a, Request> {
    let Some(ToolChoice::Named(name)) = &request.tool_choice else { return Cow::Borrowed(request) };
    let is_function = |tool: &Tool| match tool {
        Tool::Function { name: own, .. } | Tool::Custom { name: own, .. } => own == name,
        Tool::Server { .. } => false,
    };
    let foreign = |tool: &Tool| match tool {
        Tool::Server { owner, value, .. } => {
            *owner != target
                && value.get("name").is_some_and(|own| own == name)
                && namespaces::spread(tool).is_none()
        }
        _ => false,
    };
    if request.tools.iter().any(is_function) || !request.tools.iter().any(foreign) {
        return Cow::Borrowed(request);
    }
    receipt.dropped("tool_choice", "the tool it names cannot be chosen here");
    Cow::Owned(Request { tool_choice: None, ..request.clone() })
}

#[cfg(test)]
mod tests {
    use contract::canon::Asked;
    use serde_json::{Value, json};

    use super::*;
    use crate::Quirks;

    const TARGETS: [Dialect; 6] = [
        Dialect::OpenaiChat,
        Dialect::OpenaiResponses,
        Dialect::GeminiGenerate,
        Dialect::BedrockConverse,
        Dialect::CohereChat,
        Dialect::OllamaChat,
    ];

    /// What becomes of an Anthropic client's tools and its choice among them.
    fn written(target: Dialect, tools: &Value, choice: &Value) -> (Value, String) {
        let body = json!({"model": "m", "max_tokens": 99, "tools": tools, "tool_choice": choice,
            "messages": [{"role": "user", "content": "hi"}]});
        let asked = crate::read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
        let Asked::Chat(request) = asked else { panic!("no conversation") };
        let mut receipt = Receipt::default();
        let bytes = crate::write_request(target, &Asked::Chat(request), &Quirks::NONE, &mut receipt).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
    }

    /// All choices a dialect could write.
    fn choice(body: &Value) -> Vec<&Value> {
        let places = ["/tool_choice", "/toolConfig/toolChoice", "/toolConfig/functionCallingConfig"];
        places.iter().filter_map(|place| body.pointer(place)).collect()
    }

    #[test]
    fn a_tool_that_is_left_out_is_not_forced() {
        let f = json!({"name": "f", "input_schema": {"type": "object"}});
        let tools = json!([{"type": "bash_20250124", "name": "bash"}, f]);
        for target in TARGETS {
            let (body, lost) = written(target, &tools, &json!({"type": "tool", "name": "bash"}));
            assert_eq!((choice(&body), lost.as_str()), (vec![], "tool_choice, tools[0]"), "{target}");
            assert!(body.to_string().contains(r#""name":"f""#), "{target}: {body}");
        }
    }

    #[test]
    fn nothing_is_forced_where_no_tool_is_left() {
        let tools = json!([{"type": "bash_20250124", "name": "bash"}]);
        for target in TARGETS {
            for chosen in [json!({"type": "tool", "name": "bash"}), json!({"type": "any"})] {
                let (body, lost) = written(target, &tools, &chosen);
                assert_eq!(choice(&body), Vec::<&Value>::new(), "{target}");
                let mut lost: Vec<_> = lost.split(", ").collect();
                lost.sort_unstable();
                assert_eq!(lost, ["tool_choice", "tools[0]"], "{target}");
            }
        }
    }

    #[test]
    fn functions_and_a_dialects_own_tools_are_chosen() {
        let f = json!({"name": "f", "input_schema": {"type": "object"}});
        let tools = json!([{"type": "bash_20250124", "name": "bash"}, f]);
        let (body, lost) = written(Dialect::OpenaiChat, &tools, &json!({"type": "tool", "name": "f"}));
        assert_eq!(body["tool_choice"]["function"]["name"], "f");
        assert_eq!(lost, "tools[0]");
        let named = json!({"type": "tool", "name": "bash"});
        let (body, lost) = written(Dialect::AnthropicMessages, &tools, &named);
        assert_eq!((&body["tool_choice"], lost.as_str()), (&named, ""));
    }
}
