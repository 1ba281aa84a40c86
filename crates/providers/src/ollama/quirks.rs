//! Facts about Ollama. Sources: docs.ollama.com/api, …/api/openai-compatibility and …/api/anthropic-compatibility.

use contract::words::Dialect;
use wire::Quirks;

use crate::followers::USUAL;
use crate::openai_like::Surface;
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

/// Its own dialects, the richest first: they take pictures, thoughts, schemas and every option.
pub(super) const NATIVE: &[Surface] = &[
    (Dialect::OllamaChat, "/api/chat"),
    (Dialect::OllamaEmbed, "/api/embed"),
    (Dialect::OllamaGenerate, "/api/generate"),
    (Dialect::OllamaEmbedOne, "/api/embeddings"),
];

/// The dialects of others that it speaks. Responses came with 0.13.3, messages with 0.14.
pub(super) const BORROWED: &[Surface] = &[
    (Dialect::OpenaiChat, "/chat/completions"),
    (Dialect::OpenaiEmbeddings, "/embeddings"),
    (Dialect::OpenaiCompletions, "/completions"),
    (Dialect::OpenaiResponses, "/responses"),
    (Dialect::AnthropicMessages, "/messages"),
];

/// Ollama ignores fields it does not know. They are left out here instead, so that the receipt names them.
pub(super) const QUIRKS: Quirks = Quirks {
    refuses: &["logit_bias", "user", "n", "parallel_tool_calls", "service_tier", "metadata", "store"],
    ..USUAL
};
