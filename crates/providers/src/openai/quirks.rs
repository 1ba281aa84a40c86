//! Facts about OpenAI. Source: platform.openai.com/docs/api-reference.

use contract::words::Dialect;
use wire::Quirks;

use crate::openai_like::Surface;
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

/// What OpenAI speaks. Other dialects are translated to the first of their operation.
pub(super) const SURFACES: &[Surface] = &[
    (Dialect::OpenaiChat, "/chat/completions"),
    (Dialect::OpenaiResponses, "/responses"),
    (Dialect::OpenaiCount, "/responses/input_tokens"),
    (Dialect::OpenaiCompletions, "/completions"),
    (Dialect::OpenaiEmbeddings, "/embeddings"),
    (Dialect::OpenaiImages, "/images/generations"),
    (Dialect::OpenaiImageEdits, "/images/edits"),
    (Dialect::OpenaiSpeech, "/audio/speech"),
    (Dialect::OpenaiTranscriptions, "/audio/transcriptions"),
    (Dialect::OpenaiTranslations, "/audio/translations"),
    (Dialect::OpenaiModerations, "/moderations"),
];

pub(super) const QUIRKS: Quirks = Quirks::NONE;

// tidy: table
/// Models that `/v1/models` lists and that no operation here can call.
pub(super) const HIDDEN: &[&str] =
    &["codex-", "computer-use", "gpt-realtime", "gpt-4o-mini-realtime", "gpt-4o-realtime", "sora"];

/// Models that take a prompt at `/v1/completions` and no conversation (platform.openai.com/docs/deprecations: base models and
/// the instruct series).
pub(super) const COMPLETING: &[&str] = &["babbage-", "davinci-", "gpt-3.5-turbo-instruct"];
