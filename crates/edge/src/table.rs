//! The routing table: which path is served by whom, with which methods, and in which dialect a fault is told.

use contract::words::Dialect;
use http::{HeaderMap, Method};

/// What is served at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A model call.
    Llm(Dialect),
    /// The list of models, or one of them.
    Models(Option<&'a str>),
    /// Is the process alive?
    Healthz,
    /// Should it get traffic?
    Readyz,
    /// What Prometheus reads.
    Metrics,
    /// The admin API.
    Admin,
}

impl<'a> Target<'a> {
    /// What is served at this path.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        Some(match path {
            "/v1/chat/completions" => Self::Llm(Dialect::OpenaiChat),
            "/v1/messages" | "/anthropic/v1/messages" => Self::Llm(Dialect::AnthropicMessages),
            "/v1/embeddings" => Self::Llm(Dialect::OpenaiEmbeddings),
            "/v1/models" | "/anthropic/v1/models" => Self::Models(None),
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/metrics" => Self::Metrics,
            _ => {
                let name = path.strip_prefix("/anthropic").unwrap_or(path).strip_prefix("/v1/models/");
                match name {
                    Some(name) if !name.is_empty() => Self::Models(Some(name)),
                    _ if path == "/admin/v1" || path.starts_with("/admin/v1/") => Self::Admin,
                    _ => return None,
                }
            }
        })
    }

    /// The methods it takes, as `allow` lists them; none when it sees to that itself.
    pub(crate) const fn methods(self) -> Option<&'static str> {
        match self {
            Self::Llm(_) => Some("POST"),
            Self::Models(_) | Self::Healthz | Self::Readyz | Self::Metrics => Some("GET, HEAD"),
            Self::Admin => None,
        }
    }

    /// Does it take this method?
    pub(crate) fn takes(self, method: &Method) -> bool {
        match self {
            Self::Llm(_) => method == Method::POST,
            Self::Models(_) | Self::Healthz | Self::Readyz | Self::Metrics => {
                method == Method::GET || method == Method::HEAD
            }
            Self::Admin => true,
        }
    }
}

/// The dialect of the client that sent this, as well as its path and headers tell.
pub(crate) fn guess(path: &str, headers: &HeaderMap) -> Dialect {
    match Target::find(path) {
        Some(Target::Llm(dialect)) => dialect,
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
            ("/v1/chat/completions", Some(Target::Llm(Dialect::OpenaiChat))),
            ("/v1/embeddings", Some(Target::Llm(Dialect::OpenaiEmbeddings))),
            ("/v1/messages", Some(Target::Llm(Dialect::AnthropicMessages))),
            ("/anthropic/v1/messages", Some(Target::Llm(Dialect::AnthropicMessages))),
            ("/v1/models", Some(Target::Models(None))),
            ("/v1/models/openai/gpt-5", Some(Target::Models(Some("openai/gpt-5")))),
            ("/anthropic/v1/models/x", Some(Target::Models(Some("x")))),
            ("/v1/models/", None),
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
