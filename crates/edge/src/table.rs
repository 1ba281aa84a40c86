//! The routing table: which path is served by whom, with which methods, and in which dialect a fault is told.

use contract::words::Dialect;
use http::{HeaderMap, Method};

/// What is served at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A model call.
    Llm(Call<'a>),
    /// The list of models, or one of them, in the shape of a dialect's clients.
    Models(Dialect, Option<&'a str>),
    /// Is the process alive?
    Healthz,
    /// Should it get traffic?
    Readyz,
    /// What Prometheus reads.
    Metrics,
    /// The admin API.
    Admin,
}

/// A model call, as far as its path tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    /// The dialect it is made in.
    pub(crate) dialect: Dialect,
    /// The model, still escaped.
    pub(crate) model: Option<&'a str>,
    /// Is the answer to be streamed?
    pub(crate) stream: Option<bool>,
}

impl<'a> Target<'a> {
    /// What is served at this path.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        Some(match path {
            "/v1/chat/completions" => Self::call(Dialect::OpenaiChat),
            "/v1/messages" | "/anthropic/v1/messages" => Self::call(Dialect::AnthropicMessages),
            "/v1/messages/count_tokens" | "/anthropic/v1/messages/count_tokens" => {
                Self::call(Dialect::AnthropicCount)
            }
            "/v1/embeddings" => Self::call(Dialect::OpenaiEmbeddings),
            "/v1/images/generations" => Self::call(Dialect::OpenaiImages),
            "/v1/images/edits" => Self::call(Dialect::OpenaiImageEdits),
            "/v1/audio/speech" => Self::call(Dialect::OpenaiSpeech),
            "/v1/audio/transcriptions" => Self::call(Dialect::OpenaiTranscriptions),
            "/v1/audio/translations" => Self::call(Dialect::OpenaiTranslations),
            "/v1/moderations" => Self::call(Dialect::OpenaiModerations),
            "/v1/models" => Self::Models(Dialect::OpenaiChat, None),
            "/anthropic/v1/models" => Self::Models(Dialect::AnthropicMessages, None),
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/metrics" => Self::Metrics,
            "/admin/v1" => Self::Admin,
            _ => return Self::find_named(path),
        })
    }

    /// Paths with a name in them.
    fn find_named(path: &'a str) -> Option<Self> {
        if path.starts_with("/admin/v1/") {
            return Some(Self::Admin);
        }
        let google = path.strip_prefix("/gemini").unwrap_or(path).strip_prefix("/v1beta/models");
        if let Some(rest) = google {
            return google_target(rest);
        }
        let (dialect, path) = match path.strip_prefix("/anthropic") {
            Some(path) => (Dialect::AnthropicMessages, path),
            None => (Dialect::OpenaiChat, path),
        };
        let name = path.strip_prefix("/v1/models/").filter(|name| !name.is_empty())?;
        Some(Self::Models(dialect, Some(name)))
    }

    const fn call(dialect: Dialect) -> Self {
        Self::Llm(Call { dialect, model: None, stream: None })
    }

    /// The methods it takes, as `allow` lists them; none when it sees to that itself.
    pub(crate) const fn methods(self) -> Option<&'static str> {
        match self {
            Self::Llm(_) => Some("POST"),
            Self::Models(..) | Self::Healthz | Self::Readyz | Self::Metrics => Some("GET, HEAD"),
            Self::Admin => None,
        }
    }

    /// Does it take this method?
    pub(crate) fn takes(self, method: &Method) -> bool {
        match self {
            Self::Llm(_) => method == Method::POST,
            Self::Models(..) | Self::Healthz | Self::Readyz | Self::Metrics => {
                method == Method::GET || method == Method::HEAD
            }
            Self::Admin => true,
        }
    }
}

/// What stands behind `/v1beta/models`: nothing, a name, or a name and a method (ai.google.dev/api).
fn google_target(rest: &str) -> Option<Target<'_>> {
    if rest.is_empty() {
        return Some(Target::Models(Dialect::GeminiGenerate, None));
    }
    let rest = rest.strip_prefix('/').filter(|rest| !rest.is_empty())?;
    let Some((model, method)) = rest.rsplit_once(':') else {
        return Some(Target::Models(Dialect::GeminiGenerate, Some(rest)));
    };
    let (dialect, stream) = match method {
        "generateContent" => (Dialect::GeminiGenerate, false),
        "streamGenerateContent" => (Dialect::GeminiGenerate, true),
        "batchEmbedContents" => (Dialect::GeminiEmbed, false),
        "countTokens" => (Dialect::GeminiCount, false),
        // Names of models may hold a colon: `ollama/llama3.2:latest`.
        _ => return Some(Target::Models(Dialect::GeminiGenerate, Some(rest))),
    };
    (!model.is_empty()).then_some(Target::Llm(Call { dialect, model: Some(model), stream: Some(stream) }))
}

/// The dialect of the client that sent this, as well as its path and headers tell.
pub(crate) fn guess(path: &str, headers: &HeaderMap) -> Dialect {
    match Target::find(path) {
        Some(Target::Llm(call)) => call.dialect,
        Some(Target::Models(dialect, _)) if dialect != Dialect::OpenaiChat => dialect,
        _ if path.starts_with("/anthropic/")
            || path.starts_with("/v1/messages/")
            || headers.contains_key("anthropic-version") =>
        {
            Dialect::AnthropicMessages
        }
        _ if path.starts_with("/v1beta/") || path.starts_with("/gemini/") => Dialect::GeminiGenerate,
        _ => Dialect::OpenaiChat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_targets() {
        for (path, target) in [
            ("/v1/chat/completions", Some(Target::call(Dialect::OpenaiChat))),
            ("/v1/embeddings", Some(Target::call(Dialect::OpenaiEmbeddings))),
            ("/v1/images/generations", Some(Target::call(Dialect::OpenaiImages))),
            ("/v1/images/edits", Some(Target::call(Dialect::OpenaiImageEdits))),
            ("/v1/images/variations", None),
            ("/v1/audio/speech", Some(Target::call(Dialect::OpenaiSpeech))),
            ("/v1/audio/transcriptions", Some(Target::call(Dialect::OpenaiTranscriptions))),
            ("/v1/audio/translations", Some(Target::call(Dialect::OpenaiTranslations))),
            ("/v1/moderations", Some(Target::call(Dialect::OpenaiModerations))),
            ("/v1/messages", Some(Target::call(Dialect::AnthropicMessages))),
            ("/anthropic/v1/messages", Some(Target::call(Dialect::AnthropicMessages))),
            ("/v1/messages/count_tokens", Some(Target::call(Dialect::AnthropicCount))),
            ("/anthropic/v1/messages/count_tokens", Some(Target::call(Dialect::AnthropicCount))),
            (
                "/v1beta/models/x:countTokens",
                Some(Target::Llm(Call {
                    dialect: Dialect::GeminiCount,
                    model: Some("x"),
                    stream: Some(false),
                })),
            ),
            ("/v1/models", Some(Target::Models(Dialect::OpenaiChat, None))),
            ("/v1/models/openai/gpt-5", Some(Target::Models(Dialect::OpenaiChat, Some("openai/gpt-5")))),
            ("/anthropic/v1/models/x", Some(Target::Models(Dialect::AnthropicMessages, Some("x")))),
            ("/v1/models/", None),
            ("/gemini/v1beta/models", Some(Target::Models(Dialect::GeminiGenerate, None))),
            (
                "/v1beta/models/ollama/x:latest",
                Some(Target::Models(Dialect::GeminiGenerate, Some("ollama/x:latest"))),
            ),
            ("/v1beta/models/:generateContent", None),
            (
                "/v1beta/models/a/b:c:streamGenerateContent",
                Some(Target::Llm(Call {
                    dialect: Dialect::GeminiGenerate,
                    model: Some("a/b:c"),
                    stream: Some(true),
                })),
            ),
            ("/admin/v1/keys", Some(Target::Admin)),
            ("/admin/v12", None),
            ("/admin", None),
            ("/", None),
            ("*", None),
            ("/V1/messages", None),
            ("/v1/messages/", None),
        ] {
            assert_eq!(Target::find(path), target, "{path}");
        }
    }

    #[test]
    fn faults_are_told_in_the_clients_dialect() {
        let plain = HeaderMap::new();
        let mut anthropic = HeaderMap::new();
        anthropic.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
        assert_eq!(guess("/v1/nope", &plain), Dialect::OpenaiChat);
        assert_eq!(guess("/v1/nope", &anthropic), Dialect::AnthropicMessages);
        assert_eq!(guess("/anthropic/nope", &plain), Dialect::AnthropicMessages);
        assert_eq!(guess("/v1beta/models/x:generateContent", &plain), Dialect::GeminiGenerate);
        assert_eq!(guess("/v1/embeddings", &anthropic), Dialect::OpenaiEmbeddings);
    }
}
