//! Names that appear in configuration, logs and metrics: dialects, operations, patterns of names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A wire format a client or an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dialect {
    /// `POST /v1/chat/completions`
    #[serde(rename = "openai.chat")]
    OpenaiChat,
    /// `POST /v1/embeddings`
    #[serde(rename = "openai.embeddings")]
    OpenaiEmbeddings,
    /// `POST /v1/messages`
    #[serde(rename = "anthropic.messages")]
    AnthropicMessages,
    /// `POST /v1beta/models/{model}:generateContent`
    #[serde(rename = "gemini.generate")]
    GeminiGenerate,
    /// `POST /v1beta/models/{model}:batchEmbedContents`
    #[serde(rename = "gemini.embed")]
    GeminiEmbed,
}

impl Dialect {
    /// The name used in configuration, logs, metrics and documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai.chat",
            Self::OpenaiEmbeddings => "openai.embeddings",
            Self::AnthropicMessages => "anthropic.messages",
            Self::GeminiGenerate => "gemini.generate",
            Self::GeminiEmbed => "gemini.embed",
        }
    }

    /// All of them. Each has its place for ever, because databases keep it as a number, counted from 1: new ones come last.
    pub const ALL: [Self; 5] = [
        Self::OpenaiChat,
        Self::OpenaiEmbeddings,
        Self::AnthropicMessages,
        Self::GeminiGenerate,
        Self::GeminiEmbed,
    ];

    /// What a request in this dialect asks for.
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self {
            Self::OpenaiChat | Self::AnthropicMessages | Self::GeminiGenerate => Operation::Chat,
            Self::OpenaiEmbeddings | Self::GeminiEmbed => Operation::Embeddings,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a request asks a model to do, whatever the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A conversation in, a message out.
    Chat,
    /// Texts in, vectors out.
    Embeddings,
}

impl Operation {
    /// The name used in metrics; `gen_ai.operation.name` of the OpenTelemetry conventions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
        }
    }
}

/// A name or a prefix ending in `*`; `*` alone matches everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Does it cover this name?
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => self.0 == name,
        }
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_exactly_or_by_prefix() {
        assert!(Pattern::new("openai/*").matches("openai/gpt-5"));
        assert!(!Pattern::new("openai/*").matches("openai"));
        assert!(Pattern::new("*").matches("anything"));
        assert!(Pattern::new("fast").matches("fast"));
        assert!(!Pattern::new("fast").matches("faster"));
    }
}
