//! An entry of Anthropic's list (docs.claude.com/en/api/models-list), whose `capabilities` are objects.

use contract::ports::{Capabilities, ModelCard};
use serde_json::{Map, Value, json};

use super::{EPOCH, facts, put};

pub(super) fn write(card: &ModelCard) -> Value {
    let mut out = Map::new();
    put(&mut out, "type", Some("model"));
    put(&mut out, "id", Some(&card.name));
    put(&mut out, "display_name", Some(&card.name));
    put(&mut out, "created_at", Some(EPOCH));
    // Whether the day has come is the provider's to say.
    put(&mut out, "lifecycle", Some(if card.deprecated.is_some() { "deprecated" } else { "active" }));
    put(&mut out, "retires_at", card.deprecated.as_deref().and_then(midnight));
    put(&mut out, "max_input_tokens", card.context_window);
    put(&mut out, "max_tokens", card.max_output);
    put(&mut out, "capabilities", (!card.capabilities.is_unknown()).then(|| abilities(&card.capabilities)));
    facts(&mut out, card);
    Value::Object(out)
}

/// Clients read a time where a day is known.
fn midnight(day: &str) -> Option<String> {
    (day.len() == 10).then(|| format!("{day}T00:00:00Z"))
}

/// All members are always there, because clients read them without asking: `false` is also what nobody knows, which is
/// true of the members that no card has a word for. Ours are there when they are known.
fn abilities(can: &Capabilities) -> Value {
    let supported = |known: bool| json!({"supported": known});
    let known = |known: Option<bool>| supported(known == Some(true));
    let mut out = Map::new();
    for (name, value) in [
        ("batch", supported(false)),
        ("citations", supported(false)),
        ("code_execution", supported(false)),
        ("context_management", supported(false)),
        ("effort", effort()),
        ("image_input", known(can.images)),
        ("pdf_input", known(can.pdf)),
        ("server_tools", server_tools()),
        ("structured_outputs", known(can.json_schema)),
        ("thinking", thinking(can.reasoning == Some(true))),
    ] {
        out.insert(name.to_owned(), value);
    }
    put(&mut out, "tools", can.tools.map(supported));
    put(&mut out, "audio_input", can.audio.map(supported));
    put(&mut out, "prompt_cache", can.prompt_cache.map(supported));
    Value::Object(out)
}

fn server_tools() -> Value {
    let no = json!({"supported": false});
    json!({"supported": false, "code_execution": no, "web_search": no})
}

fn effort() -> Value {
    let no = json!({"supported": false});
    json!({"supported": false, "low": no, "medium": no, "high": no, "max": no})
}

fn thinking(supported: bool) -> Value {
    let no = json!({"supported": false});
    json!({"supported": supported, "types": {"enabled": {"supported": supported}, "disabled": {"supported": true},
        "adaptive": no, "between_tools": no}})
}
