//! Facts about OpenAI. Source: platform.openai.com/docs/api-reference.

use contract::words::Dialect;
use wire::Quirks;

use crate::openai_like::{Only, Surface};
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
pub(super) const HIDDEN: &[&str] = &["gpt-realtime", "gpt-4o-mini-realtime", "gpt-4o-realtime", "sora"];

// tidy: table
/// Models of one dialect: base models and the instruct series take a prompt (platform.openai.com/docs/deprecations), those
/// that use tools for long are of the Responses API (`ResponsesOnlyModel` of OpenAI's document, and the models' pages), those that
/// speak and search by themselves of chat (guides/audio, guides/tools-web-search).
pub(crate) const ONLY: &[Only] = &[
    (Dialect::OpenaiCompletions, &["babbage-*", "davinci-*", "gpt-3.5-turbo-instruct*"]),
    (
        Dialect::OpenaiResponses,
        &[
            "o1-pro*",
            "o3-pro*",
            "o3-deep-research*",
            "o4-mini-deep-research*",
            "codex-*",
            "computer-use-preview*",
            "gpt-*-codex*",
            "gpt-*-cyber*",
            "gpt-*-pro",
            "gpt-*-pro-20*",
            "gpt-daybreak-*",
        ],
    ),
    (
        Dialect::OpenaiChat,
        &["gpt-audio*", "gpt-*-audio-preview*", "gpt-*-search-preview*", "gpt-*-search-api*"],
    ),
];
