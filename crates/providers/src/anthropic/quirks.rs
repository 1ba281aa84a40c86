//! Facts about Anthropic. Source: platform.claude.com/docs/en/api/overview.

use wire::Quirks;

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "anthropic",
    base_url: Some("https://api.anthropic.com/v1"),
    version: Some("v1"),
    auth: Auth::Header("x-api-key"),
    keyless: false,
    headers: &[("anthropic-version", "2023-06-01")],
    forwards: &["anthropic-version", "anthropic-beta"],
};

/// Claude's signatures hold wherever it is offered by Anthropic, Amazon Bedrock or Vertex AI. Source:
/// platform.claude.com/docs/en/build-with-claude/extended-thinking, "Thinking encryption". Others that speak its dialect have
/// signatures of their own.
pub(crate) const FAMILY: &str = "claude";

pub(super) const QUIRKS: Quirks = Quirks::NONE;
