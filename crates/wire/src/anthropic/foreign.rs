//! Tools that other providers run, as the tools of Anthropic's that do the same.
//!
//! No owner is asked for here: the settings of a search are found by `searches.rs`, and what Anthropic lacks is noted.

use contract::canon::{Receipt, ServerTool};
use serde_json::{Map, Value, json};

use crate::outgoing::is_setting;
use crate::searches::Search;

/// The tool of Anthropic's that does the same; none if there is none. `at` names it in the receipt.
pub(super) fn tool(kind: ServerTool, value: &Value, at: &str, receipt: &mut Receipt) -> Option<Value> {
    match kind {
        ServerTool::WebSearch => Some(web_search(value, at, receipt)),
        ServerTool::Code => {
            note(value, at, receipt);
            Some(json!({"type": "code_execution_20250825", "name": "code_execution"}))
        }
        ServerTool::WebFetch => {
            note(value, at, receipt);
            Some(json!({"type": "web_fetch_20250910", "name": "web_fetch"}))
        }
        _ => None,
    }
}

/// Notes the settings of a tool that is written without any. A container the provider makes by itself is none.
fn note(value: &Value, at: &str, receipt: &mut Receipt) {
    for (name, value) in value.as_object().into_iter().flatten() {
        if is_setting(name, value) {
            receipt.dropped(format!("{at}.{name}"), "Anthropic's tool has no such setting");
        }
    }
}

/// Search takes either the domains it is allowed or those it is not (docs: "Web search tool").
fn web_search(value: &Value, at: &str, receipt: &mut Receipt) -> Value {
    let settings = Search::of(value, at);
    let mut tool = Map::new();
    tool.insert("type".to_owned(), "web_search_20250305".into());
    tool.insert("name".to_owned(), "web_search".into());
    match (settings.allowed, settings.blocked) {
        (Some(allowed), blocked) => {
            tool.insert("allowed_domains".to_owned(), allowed);
            if blocked.is_some() {
                receipt.dropped(format!("{at}.blocked_domains"), "either allowed or blocked domains");
            }
        }
        (None, Some(blocked)) => {
            tool.insert("blocked_domains".to_owned(), blocked);
        }
        (None, None) => {}
    }
    let more = [("max_uses", settings.uses), ("user_location", settings.location)];
    for (name, value) in more {
        if let Some(value) = value {
            tool.insert(name.to_owned(), value);
        }
    }
    let size = settings.size.filter(|size| size != "medium").map(|_| format!("{at}.search_context_size"));
    for name in settings.unknown.into_iter().chain(size) {
        receipt.dropped(name, "Anthropic's search has no such setting");
    }
    Value::Object(tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(value: &Value) -> (Value, String) {
        let mut receipt = Receipt::default();
        let tool = tool(ServerTool::WebSearch, value, "tools[0]", &mut receipt).unwrap();
        (tool, receipt.to_string())
    }

    #[test]
    fn what_searches_have_in_common_is_carried() {
        let (tool, receipt) = write(&json!({"type": "web_search", "search_context_size": "low",
            "filters": {"allowed_domains": ["example.com"]},
            "user_location": {"type": "approximate", "city": "Bonn", "country": "DE", "region": null}}));
        let expected = json!({"type": "web_search_20250305", "name": "web_search",
            "allowed_domains": ["example.com"],
            "user_location": {"type": "approximate", "city": "Bonn", "country": "DE"}});
        assert_eq!((tool, receipt.as_str()), (expected, "tools[0].search_context_size"));
        let (tool, receipt) = write(&json!({"googleSearch": {"excludeDomains": ["a.example"]}}));
        let expected = json!({"type": "web_search_20250305", "name": "web_search",
            "blocked_domains": ["a.example"]});
        assert_eq!((tool, receipt.as_str()), (expected, ""));
        let (tool, receipt) =
            write(&json!({"user_location": {"type": "approximate", "approximate": {"city": "Bonn"}},
            "allowed_domains": ["a"], "blocked_domains": ["b"], "max_uses": 2}));
        assert_eq!(
            (tool["user_location"]["city"].as_str(), tool["max_uses"].as_u64()),
            (Some("Bonn"), Some(2))
        );
        assert_eq!((tool.get("blocked_domains"), receipt.as_str()), (None, "tools[0].blocked_domains"));
    }

    #[test]
    fn what_anthropic_does_not_run_is_none() {
        let mut receipt = Receipt::default();
        assert_eq!(tool(ServerTool::ImageGeneration, &json!({}), "tools[0]", &mut receipt), None);
        let plain = json!({"type": "code_interpreter", "container": {"type": "auto"}});
        assert!(tool(ServerTool::Code, &plain, "tools[0]", &mut receipt).is_some());
        assert!(receipt.is_empty());
        let filled = json!({"codeExecution": {}, "container": {"type": "auto", "file_ids": ["f"]}});
        assert!(tool(ServerTool::Code, &filled, "tools[0]", &mut receipt).is_some());
        assert_eq!(receipt.to_string(), "tools[0].container");
        let kept = json!({"type": "code_interpreter", "container": "c"});
        assert!(tool(ServerTool::Code, &kept, "tools[1]", &mut receipt).is_some());
        assert_eq!(receipt.to_string(), "tools[0].container, tools[1].container");
    }
}
