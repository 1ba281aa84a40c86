//! The settings of a provider's own search, in whatever dialect they came.
//!
//! Definitions of such tools stand in canon as their owner wrote them. No owner is asked for here: the settings that several
//! providers have are looked up by the names in use.

use serde_json::{Map, Value};

/// Names of settings that a search may have, Anthropic's first.
const ALLOWED: &[&str] = &["allowed_domains", "include_domains", "includeDomains", "search_domain_filter"];
const BLOCKED: &[&str] =
    &["blocked_domains", "excluded_domains", "excludeDomains", "exclude_domains", "excluded_websites"];
const USES: &[&str] = &["max_uses", "max_tool_calls"];
/// Members that hold settings, or are their names.
const NESTS: &[&str] = &[
    "filters",
    "googleSearch",
    "google_search",
    "googleSearchRetrieval",
    "web_search",
    "web_search_options",
    "search",
];
const LOCATION: &[&str] = &["user_location", "userLocation"];

/// What a search is told.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Search {
    /// The only domains it may find.
    pub(crate) allowed: Option<Value>,
    /// Domains it may not find.
    pub(crate) blocked: Option<Value>,
    /// How often it may be run.
    pub(crate) uses: Option<Value>,
    /// Where the user is: `{"type": "approximate", "city", "region", "country", "timezone"}`.
    pub(crate) location: Option<Value>,
    /// How much of what it finds is read: `low`, `medium`, `high`.
    pub(crate) size: Option<Value>,
    /// The places of what has no word here.
    pub(crate) unknown: Vec<String>,
}

impl Search {
    /// The settings of a definition in any dialect; `at` is its place.
    pub(crate) fn of(value: &Value, at: &str) -> Self {
        let mut search = Self::default();
        search.collect(value, at);
        search
    }

    fn collect(&mut self, value: &Value, at: &str) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let name = name.as_str();
            let list = || value.as_array().filter(|list| !list.is_empty()).map(|_| value.clone());
            if ALLOWED.contains(&name) {
                self.allowed = list();
            } else if BLOCKED.contains(&name) {
                self.blocked = list();
            } else if USES.contains(&name) {
                self.uses = value.as_u64().map(Value::from);
            } else if LOCATION.contains(&name) {
                self.location = location(value);
            } else if name == "search_context_size" {
                self.size = Some(value.clone()).filter(Value::is_string);
            } else if NESTS.contains(&name) && value.is_object() {
                self.collect(value, &format!("{at}.{name}"));
            } else if !matches!(name, "type" | "name" | "enabled") && !value.is_null() {
                self.unknown.push(format!("{at}.{name}"));
            }
        }
    }
}

/// A place, also where it lies within `approximate`.
fn location(value: &Value) -> Option<Value> {
    let place = value.get("approximate").filter(|inner| inner.is_object()).unwrap_or(value);
    let mut written = Map::new();
    for name in ["city", "region", "country", "timezone"] {
        if let Some(text) = place.get(name).and_then(Value::as_str) {
            written.insert(name.to_owned(), text.into());
        }
    }
    if written.is_empty() {
        return None;
    }
    written.insert("type".to_owned(), "approximate".into());
    Some(Value::Object(written))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_is_found_under_every_name() {
        let place = json!({"type": "approximate", "city": "Bonn"});
        for value in [
            json!({"type": "web_search", "filters": {"allowed_domains": ["a"]}, "user_location": place,
                "search_context_size": "low"}),
            json!({"web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Bonn"}},
                "search_context_size": "low", "filters": {"allowed_domains": ["a"]}}}),
        ] {
            let search = Search::of(&value, "tools[0]");
            let found = (search.allowed, search.location, search.size, search.unknown.len());
            assert_eq!(found, (Some(json!(["a"])), Some(place.clone()), Some(json!("low")), 0), "{value}");
        }
        let odd = Search::of(&json!({"web_search": {"x": 1}}), "tools[3]");
        assert_eq!(odd.unknown, ["tools[3].web_search.x"]);
    }

    #[test]
    fn settings_go_where_the_target_has_them() {
        use contract::canon::Receipt;
        use contract::words::Dialect;

        use crate::Quirks;

        let tool = json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 3,
            "allowed_domains": ["e.test"], "user_location": {"type": "approximate", "country": "DE"}});
        let body = json!({"model": "m", "max_tokens": 9, "tools": [tool],
            "messages": [{"role": "user", "content": "a"}]});
        let asked = crate::read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
        let written = |target, quirks: &Quirks| {
            let mut receipt = Receipt::default();
            let bytes = crate::write_request(target, &asked, quirks, &mut receipt).unwrap();
            let lost: Vec<_> = receipt.entries().iter().map(|entry| entry.field.to_string()).collect();
            let lost: Vec<_> = lost.into_iter().filter(|field| field.starts_with("tools")).collect();
            (serde_json::from_slice::<Value>(&bytes).unwrap(), lost.join(", "))
        };
        let (responses, lost) = written(Dialect::OpenaiResponses, &Quirks::NONE);
        let search = json!({"type": "web_search", "filters": {"allowed_domains": ["e.test"]},
            "user_location": {"type": "approximate", "country": "DE"}});
        assert_eq!((&responses["tools"][0], lost.as_str()), (&search, "tools[0].max_uses"));
        let quirks = Quirks { accepts: &["web_search_options"], ..Quirks::NONE };
        let (chat, lost) = written(Dialect::OpenaiChat, &quirks);
        let place = json!({"type": "approximate", "approximate": {"country": "DE"}});
        assert_eq!(chat["web_search_options"], json!({ "user_location": place }));
        assert_eq!(lost, "tools[0].allowed_domains, tools[0].max_uses");
    }
}
