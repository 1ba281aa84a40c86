//! Servers that people run themselves.

use contract::words::Dialect;
use wire::{Quirks, Thinking};

use super::{FACTS, Follower, Listing, USUAL};
use crate::openai_like::Surface;
use crate::request::Facts;

/// What concerns a hosted service only. These servers pass over it in silence; it is left out so that the receipt says so.
const HOSTED: &[&str] = &["user", "service_tier", "metadata", "store"];

/// What all three speak.
const SURFACES: &[Surface] = &[
    (Dialect::OpenaiChat, "/chat/completions"),
    (Dialect::OpenaiEmbeddings, "/embeddings"),
    (Dialect::OpenaiResponses, "/responses"),
    (Dialect::AnthropicMessages, "/messages"),
    (Dialect::OpenaiCompletions, "/completions"),
];

const SERVER: Follower = Follower {
    facts: Facts { version: Some("v1"), keyless: true, ..FACTS },
    domains: &[],
    variable: None,
    surfaces: SURFACES,
    beside: &[],
    accent: None,
    quirks: Quirks {
        refuses: HOSTED,
        accepts: &["top_k", "reasoning_content"],
        thinking: &[Thinking::Effort, Thinking::Template],
        ..USUAL
    },
    mute: &[],
    listing: Listing::Usual,
    own: true,
};

// tidy: table
/// docs.vllm.ai/en/stable/serving/online_serving: both names of the output limit are known.
pub(crate) const VLLM: Follower = Follower {
    facts: Facts { kind: "vllm", base_url: Some("http://127.0.0.1:8000/v1"), ..SERVER.facts },
    surfaces: &[
        (Dialect::OpenaiChat, "/chat/completions"),
        (Dialect::OpenaiEmbeddings, "/embeddings"),
        (Dialect::OpenaiResponses, "/responses"),
        (Dialect::AnthropicMessages, "/messages"),
        (Dialect::AnthropicCount, "/messages/count_tokens"),
        (Dialect::OpenaiCompletions, "/completions"),
        (Dialect::CohereRerank, "/rerank"),
        (Dialect::OpenaiTranscriptions, "/audio/transcriptions"),
        (Dialect::OpenaiTranslations, "/audio/translations"),
    ],
    quirks: Quirks { renames: &[], ..SERVER.quirks },
    ..SERVER
};

/// github.com/ggml-org/llama.cpp, tools/server/README.md.
pub(crate) const LLAMA_CPP: Follower = Follower {
    facts: Facts { kind: "llama-cpp", base_url: Some("http://127.0.0.1:8080/v1"), ..SERVER.facts },
    surfaces: &[
        (Dialect::OpenaiChat, "/chat/completions"),
        (Dialect::OpenaiEmbeddings, "/embeddings"),
        (Dialect::OpenaiResponses, "/responses"),
        (Dialect::AnthropicMessages, "/messages"),
        (Dialect::AnthropicCount, "/messages/count_tokens"),
        (Dialect::OpenaiCompletions, "/completions"),
        (Dialect::CohereRerank, "/rerank"),
    ],
    ..SERVER
};

/// lmstudio.ai/docs/developer/openai-compat and anthropic-compat.
pub(crate) const LM_STUDIO: Follower = Follower {
    facts: Facts { kind: "lm-studio", base_url: Some("http://127.0.0.1:1234/v1"), ..SERVER.facts },
    quirks: Quirks {
        refuses: &[
            "user",
            "service_tier",
            "metadata",
            "store",
            "n",
            "logprobs",
            "top_logprobs",
            "parallel_tool_calls",
        ],
        accepts: &["top_k"],
        ..SERVER.quirks
    },
    ..SERVER
};
