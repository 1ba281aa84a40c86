//! Functions beside Google's own tools in one request.
//!
//! The Gemini API takes both from Gemini 3 on, if it may tell of its own calls (ai.google.dev/gemini-api/docs/tool-combination);
//! earlier models refuse ("Built-in tools and Function Calling cannot be combined"). Vertex AI has no such setting, and says
//! that search tools cannot stand beside functions (docs.cloud.google.com, "Grounding API"). What Gemini's own client put side
//! by side stays so.

use contract::canon::{Request, Tool};

use super::DIALECT;
use super::contents::is_own;
use super::models::Traits;
use super::tools::googles;
use crate::{Lack, Quirks};

/// The setting without which functions are refused beside Google's tools.
pub(super) const TELL: &str = "includeServerSideToolInvocations";

/// Why one of Google's tools is left out.
pub(super) const ALONE: &str =
    "the model takes either functions or the provider's own tools; the functions are kept";

/// Are there functions beside Google's own tools, and what then?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// There are not, or Gemini's own client says what then.
    Not,
    /// The calls of Google's tools are told in the answer.
    Told,
    /// It cannot be: the functions are kept.
    Refused,
}

impl Beside {
    /// What holds for a request.
    pub(super) fn of(request: &Request, traits: Traits, quirks: &Quirks) -> Self {
        let function = |tool: &Tool| matches!(tool, Tool::Function { .. } | Tool::Custom { .. });
        let googles = |tool: &Tool| match tool {
            Tool::Server { owner, tool, .. } => *owner != DIALECT && googles(*tool).is_some(),
            _ => false,
        };
        let both = request.tools.iter().any(function) && request.tools.iter().any(googles);
        if !both || is_own(&request.messages) {
            Self::Not
        } else if traits.both_tools && !quirks.lacks.contains(&Lack::ToolsTogether) {
            Self::Told
        } else {
            Self::Refused
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::{Asked, Receipt, ToolChoice};
    use contract::words::Dialect;
    use serde_json::{Value, json};

    use super::*;

    /// What becomes of an Anthropic client's tools.
    fn written(model: &str, quirks: &Quirks, tools: &Value, choice: Option<ToolChoice>) -> (Value, String) {
        let body = json!({"model": model, "max_tokens": 9, "tools": tools,
            "messages": [{"role": "user", "content": "hi"}]});
        let asked = crate::read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
        let Asked::Chat(mut request) = asked else { panic!("no conversation") };
        request.tool_choice = choice;
        let mut receipt = Receipt::default();
        let bytes = crate::write_request(DIALECT, &Asked::Chat(request), quirks, &mut receipt).unwrap();
        let mut body: Value = serde_json::from_slice(&bytes).unwrap();
        let kinds = |entry: &Value| entry.as_object().unwrap().keys().next().cloned().unwrap();
        let tools: Vec<String> = body["tools"].as_array().unwrap().iter().map(kinds).collect();
        (json!([tools, body["toolConfig"].take()]), receipt.to_string())
    }

    const VERTEX: Quirks = Quirks { lacks: &[Lack::ToolsTogether], ..Quirks::NONE };

    #[test]
    fn gemini_3_takes_functions_beside_its_own_tools_if_it_may_tell() {
        let tools = json!([{"name": "f", "input_schema": {"type": "object"}},
            {"type": "web_search_20250305", "name": "web_search"}]);
        let both = json!(["functionDeclarations", "googleSearch"]);
        for model in ["gemini-3-pro-preview", "gemini-3.5-flash", "gemini-flash-latest"] {
            let (said, lost) = written(model, &Quirks::NONE, &tools, None);
            assert_eq!((said, lost.as_str()), (json!([both, {TELL: true}]), ""), "{model}");
        }
        let (said, _) = written("gemini-3-pro", &Quirks::NONE, &tools, Some(ToolChoice::Auto));
        assert_eq!(said[1], json!({TELL: true, "functionCallingConfig": {"mode": "VALIDATED"}}));
        for (model, quirks) in [("gemini-2.5-flash", &Quirks::NONE), ("gemini-3.5-flash", &VERTEX)] {
            let (said, lost) = written(model, quirks, &tools, Some(ToolChoice::Auto));
            let auto = json!({"functionCallingConfig": {"mode": "AUTO"}});
            assert_eq!(
                (said, lost.as_str()),
                (json!([["functionDeclarations"], auto]), "tools[1]"),
                "{model}"
            );
        }
    }

    #[test]
    fn googles_tools_alone_need_nothing() {
        let tools = json!([{"type": "web_search_20250305", "name": "web_search"}]);
        for quirks in [&Quirks::NONE, &VERTEX] {
            let (said, lost) = written("gemini-2.5-flash", quirks, &tools, None);
            assert_eq!((said, lost.as_str()), (json!([["googleSearch"], null]), ""));
        }
    }

    #[test]
    fn what_its_own_client_put_side_by_side_stays() {
        let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}],
            "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}});
        let asked = crate::read_request(DIALECT, body.to_string().as_bytes()).unwrap();
        let bytes = crate::write_request(DIALECT, &asked, &VERTEX, &mut Receipt::default()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), body);
    }
}
