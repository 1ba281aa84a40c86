//! Which publisher a model is of, the dialect that it speaks there, and its place.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::words::{Dialect, Operation};
use http::Uri;
use serde_json::Value;
use wire::{Edits, splice};

use super::quirks;
use crate::request::{Endpoint, segment};

/// A model's publisher, and its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model<'a> {
    /// Google's own, or a tuned one behind an endpoint with a number.
    Google(&'a str),
    /// Claude.
    Anthropic(&'a str),
    /// Mistral's.
    Mistral(&'a str),
    /// Open models as a service, `publisher/name`: they share one place in OpenAI's dialect.
    Open(&'a str),
}

/// Told from the name: `publisher/name`, or by the family where there is no publisher.
pub(super) fn of(model: &str) -> Model<'_> {
    match model.split_once('/') {
        Some(("google" | "models", name)) => Model::Google(name),
        Some(("anthropic", name)) => Model::Anthropic(name),
        Some(("mistralai", name)) => Model::Mistral(name),
        Some(_) => Model::Open(model),
        None if model.starts_with("claude") => Model::Anthropic(model),
        None if ["mistral", "codestral", "ministral"].iter().any(|family| model.starts_with(family)) => {
            Model::Mistral(model)
        }
        None => Model::Google(model),
    }
}

/// Newer models for vectors speak `embedContent`; the others `predict`.
fn embeds_content(name: &str) -> bool {
    name.starts_with("gemini-embedding-") && name != "gemini-embedding-001"
}

impl Model<'_> {
    pub(super) fn dialect(self, client: Dialect) -> Option<Dialect> {
        match (self, client.operation()) {
            (Self::Google(_), Operation::Chat) => Some(Dialect::GeminiGenerate),
            (Self::Google(name), Operation::Embeddings) if embeds_content(name) => {
                Some(Dialect::GeminiEmbedOne)
            }
            (Self::Google(_), Operation::Embeddings) => Some(Dialect::VertexPredict),
            (Self::Google(_), Operation::CountTokens) => Some(Dialect::GeminiCount),
            (Self::Google(_), Operation::Images) => Some(Dialect::GeminiImages),
            (Self::Anthropic(_), Operation::Chat) => Some(Dialect::AnthropicMessages),
            (Self::Anthropic(_), Operation::CountTokens) => Some(Dialect::AnthropicCount),
            (Self::Mistral(_) | Self::Open(_), Operation::Chat) => Some(Dialect::OpenaiChat),
            _ => None,
        }
    }

    /// The body of a call as its place takes it.
    pub(super) fn body(self, body: VecDeque<Bytes>, dialect: Dialect) -> VecDeque<Bytes> {
        match (self, dialect) {
            (Self::Google(_), Dialect::GeminiCount) => wire::flat_count(body),
            (Self::Anthropic(_), Dialect::AnthropicMessages) => splice(body, &quirks::CLAUDE),
            // The one call that names its model in the body alone, without the publisher.
            (Self::Anthropic(name), Dialect::AnthropicCount) => {
                let name = Value::from(name).to_string();
                splice(body, &Edits { puts: &[quirks::CLAUDE_VERSION, ("model", &name)], ..Edits::default() })
            }
            _ => body,
        }
    }

    /// The place of a call, below the project and the location.
    pub(super) fn url(
        self,
        endpoint: &Endpoint,
        home: &str,
        (dialect, stream): (Dialect, bool),
    ) -> Option<Uri> {
        let raw = if stream { "streamRawPredict" } else { "rawPredict" };
        let (path, query) = match self {
            Self::Google(name) => {
                let (method, query) = match (dialect, stream) {
                    (Dialect::VertexPredict, _) => ("predict", None),
                    (Dialect::GeminiImages, _) if wire::is_predicted(name) => ("predict", None),
                    (Dialect::GeminiEmbedOne, _) => ("embedContent", None),
                    (Dialect::GeminiCount, _) => ("countTokens", None),
                    (Dialect::GeminiImages, _) | (_, false) => ("generateContent", None),
                    (_, true) => ("streamGenerateContent", Some("alt=sse")),
                };
                // A tuned model is an endpoint with a number.
                let tuned = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
                let place = if tuned { "endpoints" } else { "publishers/google/models" };
                (format!("{place}/{}:{method}", segment(name)?), query)
            }
            // The model to count for stands in the body.
            Self::Anthropic(_) if dialect == Dialect::AnthropicCount => {
                ("publishers/anthropic/models/count-tokens:rawPredict".to_owned(), None)
            }
            Self::Anthropic(name) => {
                (format!("publishers/anthropic/models/{}:{raw}", versioned(name)?), None)
            }
            Self::Mistral(name) => (format!("publishers/mistralai/models/{}:{raw}", versioned(name)?), None),
            Self::Open(_) => ("endpoints/openapi/chat/completions".to_owned(), None),
        };
        endpoint.url(&format!("{home}/{path}"), query)
    }
}

/// A name as one segment of a path; the `@` before its version may stand there as it is (RFC 3986 §3.3).
fn versioned(name: &str) -> Option<String> {
    segment(name).map(|name| name.replace("%40", "@"))
}
