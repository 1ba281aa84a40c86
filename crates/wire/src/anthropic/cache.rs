//! `cache_control` ↔ canon's cache hints (docs: "Prompt caching").
//!
//! Canon says how long; how exactly the client wrote it (`ttl: "5m"` is the default spelled out) stays in the sidecar.
//! The `cache_control` at the top of a request, which caches by itself, is no hint: it stays among the request's extras.

use contract::canon::{CacheHint, Message, Part, PartKind, Receipt, Request, Tool};
use serde::Serialize;
use serde_json::{Map, Value};

use super::DIALECT;

/// The most breakpoints a request may have; the automatic one counts.
const MOST: usize = 4;
const FIELD: &str = "cache_control";

/// A breakpoint to be written.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Control {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<&'static str>,
}

impl From<CacheHint> for Control {
    fn from(hint: CacheHint) -> Self {
        let ttl = match hint {
            CacheHint::Short => None,
            CacheHint::Long => Some("1h"),
        };
        Self { kind: "ephemeral", ttl }
    }
}

/// The hint these fields hold; one of a kind not known here is none.
pub(super) fn hint(fields: &Map<String, Value>) -> Option<CacheHint> {
    let control = fields.get(FIELD)?.as_object()?;
    if control.get("type")?.as_str()? != "ephemeral" {
        return None;
    }
    match control.get("ttl").and_then(Value::as_str) {
        Some("1h") => Some(CacheHint::Long),
        Some("5m") => Some(CacheHint::Short),
        Some(_) => None,
        None => control.get("ttl").is_none_or(Value::is_null).then_some(CacheHint::Short),
    }
}

/// Takes the hint out of the fields. What would not be written the same way stays there too.
pub(super) fn take(fields: &mut Map<String, Value>) -> Option<CacheHint> {
    let hint = hint(fields)?;
    let said = fields.get(FIELD).and_then(Value::as_object).map_or(0, Map::len);
    let written = match hint {
        CacheHint::Short => 1,
        CacheHint::Long => 2,
    };
    if said == written {
        fields.shift_remove(FIELD);
    }
    Some(hint)
}

/// The breakpoints of a request on their way out: the last four go with it, as a hit on a later one covers those before.
#[derive(Debug)]
pub(super) struct Breakpoints {
    /// So many are left out, from the start of the prompt.
    over: usize,
}

impl Breakpoints {
    /// Counts those of a request.
    pub(super) fn of(request: &Request) -> Self {
        let automatic = request.extra.owner == Some(DIALECT) && request.extra.fields.contains_key(FIELD);
        let tools = request.tools.iter().filter(|tool| on_tool(tool)).count();
        let parts: usize = request.messages.iter().map(on_message).sum();
        Self { over: (tools + parts + usize::from(automatic)).saturating_sub(MOST) }
    }

    /// The breakpoint to be written; the sidecar's own spelling comes first and is not repeated.
    pub(super) fn take(
        &mut self,
        hint: Option<CacheHint>,
        native: Option<&Map<String, Value>>,
        at: &dyn std::fmt::Display,
        receipt: &mut Receipt,
    ) -> Option<Control> {
        let hint = hint?;
        if native.is_some_and(|native| native.contains_key(FIELD)) {
            return None;
        }
        if self.over > 0 {
            self.over -= 1;
            receipt.dropped(format!("{at}.cache"), "a request has at most four cache breakpoints");
            return None;
        }
        Some(hint.into())
    }
}

fn on_tool(tool: &Tool) -> bool {
    match tool {
        Tool::Function { cache, .. } => cache.is_some(),
        Tool::Server { owner, value, .. } => *owner == DIALECT && value.get(FIELD).is_some(),
        Tool::Custom { .. } => false,
    }
}

fn on_message(message: &Message) -> usize {
    message.parts.iter().map(on_part).sum()
}

fn on_part(part: &Part) -> usize {
    let within = match &part.kind {
        PartKind::ToolResult(result) => result.parts.iter().filter(|part| part.cache.is_some()).count(),
        _ => 0,
    };
    within + usize::from(part.cache.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hint_is_taken_only_if_it_is_written_the_same_way() {
        for (control, hint, left) in [
            (json!({"type": "ephemeral"}), Some(CacheHint::Short), false),
            (json!({"type": "ephemeral", "ttl": "1h"}), Some(CacheHint::Long), false),
            (json!({"type": "ephemeral", "ttl": "5m"}), Some(CacheHint::Short), true),
            (json!({"type": "ephemeral", "ttl": "1h", "scope": "global"}), Some(CacheHint::Long), true),
            (json!({"type": "ephemeral", "ttl": "2d"}), None, true),
            (json!({"type": "eternal"}), None, true),
        ] {
            let mut fields = Map::new();
            fields.insert(FIELD.to_owned(), control.clone());
            assert_eq!((take(&mut fields), fields.contains_key(FIELD)), (hint, left), "{control}");
        }
    }
}
