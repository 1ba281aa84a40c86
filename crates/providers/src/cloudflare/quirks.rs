//! Facts about Workers AI. Source: developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility.

use wire::Quirks;

use crate::followers::USUAL;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "cloudflare",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &["openai-beta"],
};

/// Only these speak OpenAI's responses.
pub(super) const RESPONSES: &[&str] = &["@cf/openai/"];

pub(super) const QUIRKS: Quirks = Quirks {
    refuses: &[
        "logit_bias",
        "logprobs",
        "metadata",
        "n",
        "parallel_tool_calls",
        "service_tier",
        "store",
        "top_logprobs",
        "user",
    ],
    accepts: &["top_k"],
    ..USUAL
};
