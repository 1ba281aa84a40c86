//! Facts about Ollama. Source: docs.ollama.com/api/openai-compatibility.

use wire::{Lack, Quirks};

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "ollama",
    base_url: Some("http://127.0.0.1:11434/v1"),
    version: Some("v1"),
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    forwards: &[],
};

/// Ollama ignores fields it does not know. They are left out here instead, so that the receipt names them.
pub(super) const QUIRKS: Quirks = Quirks {
    renames: &[("max_completion_tokens", "max_tokens")],
    refuses: &["logit_bias", "user", "n", "parallel_tool_calls", "service_tier", "metadata", "store"],
    accepts: &[],
    developer_as_system: true,
    lacks: &[Lack::CustomTools, Lack::AllowedTools],
    thinking: &[],
};
