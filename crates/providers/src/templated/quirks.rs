//! Facts that all models behind templates have in common.

use wire::{Lack, Quirks};

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "http",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    forwards: &[],
};

/// Templates read requests in OpenAI's words; these are the ones most models know.
pub(super) const QUIRKS: Quirks = Quirks {
    renames: &[("max_completion_tokens", "max_tokens")],
    developer_as_system: true,
    lacks: &[Lack::CustomTools, Lack::AllowedTools],
    ..Quirks::NONE
};
