//! Facts about OpenAI. Source: platform.openai.com/docs/api-reference.

use contract::canon::Effort::{High, Low, Medium, Minimal, None as Off, XHigh};
use contract::words::Dialect;
use wire::{ModelQuirks, Quirks};

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

pub(super) const QUIRKS: Quirks = Quirks { models: MODELS, most_stops: MOST_STOPS, ..Quirks::NONE };

/// platform.openai.com/docs/api-reference/chat/create, `stop`.
pub(crate) const MOST_STOPS: usize = 4;

/// What steers the drawing of tokens, which models that think do not let anybody do.
const DRAWING: &[&str] = &[
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "presence_penalty",
    "temperature",
    "top_logprobs",
    "top_p",
];
/// As [`DRAWING`], with what ends an answer.
const DRAWING_AND_STOP: &[&str] = &[
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "presence_penalty",
    "stop",
    "temperature",
    "top_logprobs",
    "top_p",
];
/// What is refused of every model that can think.
const ALWAYS: &[&str] = &["frequency_penalty", "logit_bias", "presence_penalty"];
/// As [`ALWAYS`], with what ends an answer.
const ALWAYS_AND_STOP: &[&str] = &["frequency_penalty", "logit_bias", "presence_penalty", "stop"];
/// What those that need not think take while they do not.
const UNLESS_IDLE: &[&str] = &["logprobs", "temperature", "top_logprobs", "top_p"];

const fn row(names: &'static [&'static str], refuses: &'static [&'static str]) -> ModelQuirks {
    ModelQuirks { names, refuses, refuses_thinking: &[], levels: &[Low, Medium, High] }
}

// tidy: table
/// Models that think, wherever they run. `stop`: the API reference (not for `o3` and `o4-mini`), and every gpt-5 up to 5.4 in what
/// it answers; the others: guides/latest-model, "Parameter compatibility", and learn.microsoft.com, "Azure OpenAI reasoning models",
/// "Not supported". Levels: the models' pages, and guides/reasoning. The chat variants differ among each other; what a newer
/// model refuses it says itself.
pub(crate) const MODELS: &[ModelQuirks] = &[
    ModelQuirks {
        names: &["gpt-*-chat*", "gpt-*-search-api*"],
        refuses: &[],
        refuses_thinking: &[],
        levels: &[],
    },
    ModelQuirks {
        names: &["gpt-3*", "gpt-4*", "chatgpt-*", "ft:gpt-3*", "ft:gpt-4*"],
        refuses: &["reasoning_effort", "verbosity"],
        refuses_thinking: &[],
        levels: &[Off],
    },
    row(&["o1*", "o3-mini*"], DRAWING),
    row(&["o3*", "o4*", "codex-mini*"], DRAWING_AND_STOP),
    ModelQuirks { levels: &[High], ..row(&["gpt-5-pro*"], DRAWING_AND_STOP) },
    ModelQuirks { levels: &[Medium, High, XHigh], ..row(&["gpt-5.*-pro*"], DRAWING_AND_STOP) },
    row(&["gpt-5-codex*", "gpt-5.1-codex", "gpt-5.1-codex-mini*", "gpt-5.1-codex-20*"], DRAWING_AND_STOP),
    ModelQuirks { levels: &[Low, Medium, High, XHigh], ..row(&["gpt-5.*-codex*"], DRAWING_AND_STOP) },
    ModelQuirks {
        levels: &[Minimal, Low, Medium, High],
        ..row(&["gpt-5", "gpt-5-20*", "gpt-5-mini*", "gpt-5-nano*"], DRAWING_AND_STOP)
    },
    ModelQuirks {
        refuses_thinking: UNLESS_IDLE,
        levels: &[Off, Low, Medium, High],
        ..row(&["gpt-5.1*"], ALWAYS_AND_STOP)
    },
    ModelQuirks {
        refuses_thinking: UNLESS_IDLE,
        levels: &[Off, Low, Medium, High, XHigh],
        ..row(&["gpt-5.2*", "gpt-5.3*", "gpt-5.4*"], ALWAYS_AND_STOP)
    },
    ModelQuirks { refuses_thinking: UNLESS_IDLE, levels: &[], ..row(&["gpt-5.*", "gpt-6*"], ALWAYS) },
];

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
