//! Facts about servers that speak OpenAI's dialect: what they have in common. What is known of some by their host is with
//! the kinds they have of their own, in `followers`.

use wire::{Edits, Quirks};

use crate::followers;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "openai-compatible",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    forwards: &["openai-beta"],
};

/// `top_k` is taken by vLLM, SGLang,
/// llama.cpp, OpenRouter, Together and Fireworks.
static UNKNOWN: Quirks = Quirks { accepts: &["top_k"], ..followers::USUAL };

/// What is known of a host or of the domain it is in, and what is edited in passing for it. Of an unknown server nothing is:
/// it may be one that knows more names than the old ones.
pub(super) fn of(host: &str) -> (&'static Quirks, Edits<'static>) {
    followers::at(host).map_or((&UNKNOWN, Edits::default()), |row| (row.quirks(), row.edits()))
}
