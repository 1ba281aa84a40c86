//! The routing table: which path is served by whom, with which methods, and in which dialect a fault is told.

use contract::words::Dialect;
use http::{HeaderMap, Method};

const JSON: &str = "application/json";
/// Clients ask for the version before they use what it brought; this is the one whose API is spoken here.
const OLLAMA_VERSION: &str = r#"{"version":"0.12.11"}"#;
/// No model is ever loaded into the memory of the gateway.
const OLLAMA_LOADED: &str = r#"{"models":[]}"#;
/// What clients that look for a server expect at its root.
const OLLAMA_ALIVE: &str = "Ollama is running";

/// What is served at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A model call.
    Llm(Call<'a>),
    /// The list of models, or one of them, in the shape of a dialect's clients.
    Models(Dialect, Option<&'a str>),
    /// One model, which the body names, in the shape of a dialect's clients.
    Shown(Dialect),
    /// An answer that is always the same: its type and text.
    Fixed(&'static str, &'static str),
    /// A response that is kept, by its id.
    Stored(&'a str, Below),
    /// Is the process alive?
    Healthz,
    /// Should it get traffic?
    Readyz,
    /// What Prometheus reads.
    Metrics,
    /// The admin API.
    Admin,
}

/// What is below a kept response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// Nothing: itself.
    Itself,
    /// `/cancel`.
    Cancel,
    /// `/input_items`.
    Items,
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

impl Call<'_> {
    /// Is its stream to be one JSON array? Google's are, unless the query asks for events (cloud.google.com/apis/docs/system-parameters).
    pub(crate) fn is_listed(self, query: Option<&str>) -> bool {
        let asks = |pair: &str| matches!(pair, "alt=sse" | "$alt=sse" | "%24alt=sse");
        self.dialect == Dialect::GeminiGenerate
            && self.stream == Some(true)
            && !query.unwrap_or_default().split('&').any(asks)
    }
}

impl<'a> Target<'a> {
    /// What is served at this path.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        Some(match path {
            "/v1/chat/completions" => Self::call(Dialect::OpenaiChat),
            "/v1/responses" => Self::call(Dialect::OpenaiResponses),
            "/v1/responses/input_tokens" => Self::call(Dialect::OpenaiCount),
            "/v1/messages" | "/anthropic/v1/messages" => Self::call(Dialect::AnthropicMessages),
            "/v1/messages/count_tokens" | "/anthropic/v1/messages/count_tokens" => {
                Self::call(Dialect::AnthropicCount)
            }
            "/v1/embeddings" => Self::call(Dialect::OpenaiEmbeddings),
            "/v1/completions" => Self::call(Dialect::OpenaiCompletions),
            "/v2/chat" => Self::call(Dialect::CohereChat),
            "/v2/embed" => Self::call(Dialect::CohereEmbed),
            "/v2/rerank" | "/v1/rerank" => Self::call(Dialect::CohereRerank),
            "/voyage/v1/rerank" => Self::call(Dialect::VoyageRerank),
            "/bedrock/rerank" => Self::call(Dialect::BedrockRerank),
            // What a body says of streams is for the model.
            "/v1/predict" => {
                Self::Llm(Call { dialect: Dialect::PathgatePredict, model: None, stream: Some(false) })
            }
            "/v1/images/generations" => Self::call(Dialect::OpenaiImages),
            "/v1/images/edits" => Self::call(Dialect::OpenaiImageEdits),
            "/v1/audio/speech" => Self::call(Dialect::OpenaiSpeech),
            "/v1/audio/transcriptions" => Self::call(Dialect::OpenaiTranscriptions),
            "/v1/audio/translations" => Self::call(Dialect::OpenaiTranslations),
            "/v1/moderations" => Self::call(Dialect::OpenaiModerations),
            "/v1/models" => Self::Models(Dialect::OpenaiChat, None),
            "/anthropic/v1/models" => Self::Models(Dialect::AnthropicMessages, None),
            "/ollama/api/chat" => Self::call(Dialect::OllamaChat),
            "/ollama/api/generate" => Self::call(Dialect::OllamaGenerate),
            "/ollama/api/embed" => Self::call(Dialect::OllamaEmbed),
            "/ollama/api/embeddings" => Self::call(Dialect::OllamaEmbedOne),
            "/ollama/api/tags" => Self::Models(Dialect::OllamaChat, None),
            "/ollama/api/show" => Self::Shown(Dialect::OllamaChat),
            "/ollama/api/version" => Self::Fixed(JSON, OLLAMA_VERSION),
            "/ollama/api/ps" => Self::Fixed(JSON, OLLAMA_LOADED),
            "/ollama" | "/ollama/" => Self::Fixed("text/plain; charset=utf-8", OLLAMA_ALIVE),
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
        if let Some(rest) = path.strip_prefix("/v2/models/") {
            return inference_target(rest);
        }
        if let Some(rest) = path.strip_prefix("/v1/responses/") {
            return stored_target(rest);
        }
        let google = path.strip_prefix("/gemini");
        let stable = || google?.strip_prefix("/v1/models");
        if let Some(rest) = google.unwrap_or(path).strip_prefix("/v1beta/models").or_else(stable) {
            return google_target(rest);
        }
        if let Some(rest) = path.strip_prefix("/bedrock").unwrap_or(path).strip_prefix("/model/") {
            return aws_target(rest);
        }
        // Google's stable version shares its path with OpenAI's list; no model's name ends in one of its methods.
        if let Some(call @ Self::Llm(_)) = path.strip_prefix("/v1/models").and_then(google_target) {
            return Some(call);
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
            Self::Llm(_) | Self::Shown(_) | Self::Stored(_, Below::Cancel) => Some("POST"),
            Self::Stored(_, Below::Itself) => Some("GET, HEAD, DELETE"),
            Self::Models(..)
            | Self::Stored(_, Below::Items)
            | Self::Fixed(..)
            | Self::Healthz
            | Self::Readyz
            | Self::Metrics => Some("GET, HEAD"),
            Self::Admin => None,
        }
    }

    /// Would it be a call of one of Google's models, of a method that is not served?
    pub(crate) fn is_unknown_call(self) -> bool {
        matches!(self, Self::Models(Dialect::GeminiGenerate, Some(name)) if name.contains(':'))
    }

    /// Does it take this method?
    pub(crate) fn takes(self, method: &Method) -> bool {
        match self {
            Self::Llm(_) | Self::Shown(_) | Self::Stored(_, Below::Cancel) => method == Method::POST,
            Self::Stored(_, Below::Itself) if method == Method::DELETE => true,
            Self::Models(..)
            | Self::Stored(..)
            | Self::Fixed(..)
            | Self::Healthz
            | Self::Readyz
            | Self::Metrics => method == Method::GET || method == Method::HEAD,
            Self::Admin => true,
        }
    }
}

/// What stands behind `/v2/models/`: a name, with or without a version, and the method. A version is part of the name here
/// (`name/versions/2`), so that it can be routed like any other.
fn inference_target(rest: &str) -> Option<Target<'_>> {
    let model = rest.strip_suffix("/infer").filter(|model| !model.is_empty())?;
    Some(Target::Llm(Call { dialect: Dialect::KserveInfer, model: Some(model), stream: Some(false) }))
}

/// What stands behind `/v1/responses/`: an id, or an id and what is below it. Two names are calls of their own.
fn stored_target(rest: &str) -> Option<Target<'_>> {
    let (id, below) = match rest.split_once('/') {
        None => (rest, Below::Itself),
        Some((id, "cancel")) => (id, Below::Cancel),
        Some((id, "input_items")) => (id, Below::Items),
        Some(_) => return None,
    };
    (!id.is_empty() && !["compact", "input_tokens"].contains(&id)).then_some(Target::Stored(id, below))
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
        "embedContent" => (Dialect::GeminiEmbedOne, false),
        // Names of models may hold a colon: `ollama/llama3.2:latest`.
        _ => return Some(Target::Models(Dialect::GeminiGenerate, Some(rest))),
    };
    (!model.is_empty()).then_some(Target::Llm(Call { dialect, model: Some(model), stream: Some(stream) }))
}

/// What stands behind `/model/`: a name and an operation (docs.aws.amazon.com/bedrock, "Converse", "ConverseStream", "CountTokens").
fn aws_target(rest: &str) -> Option<Target<'_>> {
    let (model, operation) = rest.rsplit_once('/')?;
    let (dialect, stream) = match operation {
        "converse" => (Dialect::BedrockConverse, false),
        "converse-stream" => (Dialect::BedrockConverse, true),
        "count-tokens" => (Dialect::BedrockCount, false),
        _ => return None,
    };
    let call = Call { dialect, model: Some(model), stream: Some(stream) };
    (!model.is_empty()).then_some(Target::Llm(call))
}

/// The dialect of the client that sent this, as well as its path and headers tell.
pub(crate) fn guess(path: &str, headers: &HeaderMap) -> Dialect {
    match Target::find(path) {
        Some(Target::Llm(call)) => call.dialect,
        Some(Target::Shown(dialect)) => dialect,
        Some(Target::Stored(..)) => Dialect::OpenaiResponses,
        Some(Target::Models(dialect, _)) if dialect != Dialect::OpenaiChat => dialect,
        _ if path.starts_with("/anthropic/")
            || path.starts_with("/v1/messages/")
            || headers.contains_key("anthropic-version") =>
        {
            Dialect::AnthropicMessages
        }
        _ if path == "/ollama" || path.starts_with("/ollama/") => Dialect::OllamaChat,
        _ if path.starts_with("/v1beta/") || path.starts_with("/gemini/") => Dialect::GeminiGenerate,
        _ if path.starts_with("/model/") || path.starts_with("/bedrock/") => Dialect::BedrockConverse,
        _ if is_google(headers) => Dialect::GeminiGenerate,
        _ if is_cohere(headers) => Dialect::CohereChat,
        _ => Dialect::OpenaiChat,
    }
}

/// Is it one of Google's clients? In the stable version of their API they ask for models where OpenAI's do.
fn is_google(headers: &HeaderMap) -> bool {
    ["x-goog-api-client", "x-goog-api-key"].iter().any(|name| headers.contains_key(*name))
}

/// Is it one of Cohere's SDKs? They ask for models where OpenAI's do, and say no version of an API; their generator has each
/// of them name itself.
fn is_cohere(headers: &HeaderMap) -> bool {
    let name = headers.get("x-fern-sdk-name").and_then(|name| name.to_str().ok());
    name.is_some_and(|name| name.contains("cohere"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn llm<'a>(dialect: Dialect, model: Option<&'a str>, stream: bool) -> Option<Target<'a>> {
        Some(Target::Llm(Call { dialect, model, stream: Some(stream) }))
    }

    // tidy: table
    #[test]
    fn paths_find_their_targets() {
        for (path, target) in [
            ("/v1/chat/completions", Some(Target::call(Dialect::OpenaiChat))),
            ("/v1/responses", Some(Target::call(Dialect::OpenaiResponses))),
            ("/v1/responses/", None),
            ("/v1/responses/input_tokens", Some(Target::call(Dialect::OpenaiCount))),
            ("/v1/embeddings", Some(Target::call(Dialect::OpenaiEmbeddings))),
            ("/v2/chat", Some(Target::call(Dialect::CohereChat))),
            ("/v2/embed", Some(Target::call(Dialect::CohereEmbed))),
            ("/v2/rerank", Some(Target::call(Dialect::CohereRerank))),
            ("/v1/rerank", Some(Target::call(Dialect::CohereRerank))),
            ("/v2/models", None),
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
            ("/v1beta/models/x:countTokens", llm(Dialect::GeminiCount, Some("x"), false)),
            ("/v1/predict", llm(Dialect::PathgatePredict, None, false)),
            (
                "/v2/models/acme/m/versions/2/infer",
                llm(Dialect::KserveInfer, Some("acme/m/versions/2"), false),
            ),
            ("/v2/models/m", None),
            ("/v2/models//infer", None),
            ("/v1/models", Some(Target::Models(Dialect::OpenaiChat, None))),
            ("/v1/models/openai/gpt-5", Some(Target::Models(Dialect::OpenaiChat, Some("openai/gpt-5")))),
            ("/anthropic/v1/models/x", Some(Target::Models(Dialect::AnthropicMessages, Some("x")))),
            ("/v1/models/", None),
            (
                "/v1/models/ollama/x:latest",
                Some(Target::Models(Dialect::OpenaiChat, Some("ollama/x:latest"))),
            ),
            ("/v1/models/m:generateContent", llm(Dialect::GeminiGenerate, Some("m"), false)),
            ("/gemini/v1/models/m", Some(Target::Models(Dialect::GeminiGenerate, Some("m")))),
            ("/gemini/v1beta/models", Some(Target::Models(Dialect::GeminiGenerate, None))),
            (
                "/v1beta/models/ollama/x:latest",
                Some(Target::Models(Dialect::GeminiGenerate, Some("ollama/x:latest"))),
            ),
            ("/v1beta/models/:generateContent", None),
            ("/gemini/v1beta/models/m:embedContent", llm(Dialect::GeminiEmbedOne, Some("m"), false)),
            ("/v1beta/models/a/b:c:streamGenerateContent", llm(Dialect::GeminiGenerate, Some("a/b:c"), true)),
            (
                "/bedrock/model/aws%2Fus.anthropic.claude-x-v1%3A0/converse-stream",
                llm(Dialect::BedrockConverse, Some("aws%2Fus.anthropic.claude-x-v1%3A0"), true),
            ),
            ("/model/aws/m:0/converse", llm(Dialect::BedrockConverse, Some("aws/m:0"), false)),
            ("/model/m/count-tokens", llm(Dialect::BedrockCount, Some("m"), false)),
            ("/bedrock/rerank", Some(Target::call(Dialect::BedrockRerank))),
            ("/voyage/v1/rerank", Some(Target::call(Dialect::VoyageRerank))),
            ("/model//converse", None),
            ("/model/m/invoke", None),
            ("/bedrock/model", None),
            ("/v1/completions", Some(Target::call(Dialect::OpenaiCompletions))),
            ("/ollama/api/chat", Some(Target::call(Dialect::OllamaChat))),
            ("/ollama/api/generate", Some(Target::call(Dialect::OllamaGenerate))),
            ("/ollama/api/embed", Some(Target::call(Dialect::OllamaEmbed))),
            ("/ollama/api/embeddings", Some(Target::call(Dialect::OllamaEmbedOne))),
            ("/ollama/api/tags", Some(Target::Models(Dialect::OllamaChat, None))),
            ("/ollama/api/show", Some(Target::Shown(Dialect::OllamaChat))),
            ("/ollama/api/version", Some(Target::Fixed(JSON, OLLAMA_VERSION))),
            ("/ollama/api/ps", Some(Target::Fixed(JSON, OLLAMA_LOADED))),
            ("/ollama/api/pull", None),
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
    fn kept_responses_have_paths_below_their_ids() {
        for (rest, target) in [
            ("resp_1", Some(Target::Stored("resp_1", Below::Itself))),
            ("resp_1/cancel", Some(Target::Stored("resp_1", Below::Cancel))),
            ("resp_1/input_items", Some(Target::Stored("resp_1", Below::Items))),
            ("resp_1/else", None),
            ("/cancel", None),
            ("compact", None),
        ] {
            assert_eq!(Target::find(&format!("/v1/responses/{rest}")), target, "{rest}");
        }
    }

    #[test]
    fn faults_are_told_in_the_clients_dialect() {
        let plain = HeaderMap::new();
        let mut anthropic = HeaderMap::new();
        anthropic.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
        assert_eq!(guess("/v1/nope", &plain), Dialect::OpenaiChat);
        assert_eq!(guess("/v1/nope", &anthropic), Dialect::AnthropicMessages);
        let mut google = HeaderMap::new();
        google.insert("x-goog-api-client", http::HeaderValue::from_static("google-genai-sdk/1.0.0"));
        assert_eq!(guess("/v1/models", &google), Dialect::GeminiGenerate);
        assert_eq!(guess("/v1/embeddings", &google), Dialect::OpenaiEmbeddings);
        let mut cohere = HeaderMap::new();
        cohere.insert("x-fern-sdk-name", http::HeaderValue::from_static("cohere-ai"));
        assert_eq!(guess("/v1/models", &cohere), Dialect::CohereChat);
        assert_eq!(guess("/v1/models/m", &cohere), Dialect::CohereChat);
        assert_eq!(guess("/v1/nope", &cohere), Dialect::CohereChat);
        assert_eq!(guess("/v1beta/models", &cohere), Dialect::GeminiGenerate);
        assert_eq!(guess("/anthropic/nope", &plain), Dialect::AnthropicMessages);
        assert_eq!(guess("/v1beta/models/x:generateContent", &plain), Dialect::GeminiGenerate);
        assert_eq!(guess("/ollama/api/show", &plain), Dialect::OllamaChat);
        assert_eq!(guess("/ollama/api/pull", &plain), Dialect::OllamaChat);
        assert_eq!(guess("/v1/embeddings", &anthropic), Dialect::OpenaiEmbeddings);
        assert_eq!(guess("/model/m/converse", &plain), Dialect::BedrockConverse);
        assert_eq!(guess("/bedrock/model/m/invoke", &plain), Dialect::BedrockConverse);
    }
}
