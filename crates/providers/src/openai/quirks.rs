//! Facts about OpenAI. Source: platform.openai.com/docs/api-reference.

use wire::Quirks;

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "openai",
    base_url: Some("https://api.openai.com/v1"),
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    // Not `openai-organization` and `openai-project`: who pays is the operator's choice, not the client's.
    forwards: &["openai-beta"],
};

pub(super) const QUIRKS: Quirks =
    Quirks { renames: &[], refuses: &[], accepts: &[], developer_as_system: false };

// tidy: table
/// Models that `/v1/models` lists and that no operation here can call.
pub(super) const HIDDEN: &[&str] = &[
    "babbage-",
    "codex-",
    "computer-use",
    "davinci-",
    "gpt-realtime",
    "gpt-3.5-turbo-instruct",
    "gpt-4o-mini-realtime",
    "gpt-4o-realtime",
    "sora",
];
