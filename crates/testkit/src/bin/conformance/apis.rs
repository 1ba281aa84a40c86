//! Which dialect a recording is in, and what is left out.

use contract::words::Dialect;

use crate::corpus::Exchange;

/// What a recording is to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A call in a dialect.
    Call(Dialect),
    /// A list of models, or one of them.
    Models,
    /// Not a part of the gateway; and why.
    Outside(&'static str),
}

/// Operations that the gateway does not have. They keep their state with one provider, so that there is nothing to translate.
const OUTSIDE: &[(&str, &str)] = &[
    ("assistants", "OpenAI's assistants, which it has retired"),
    ("fine_tuning", "fine-tuning"),
    ("batch", "batches"),
    ("files", "files and vector stores"),
    ("context_cache", "Gemini's cache objects"),
    ("interactions", "Gemini's interactions"),
    ("conversations", "stored conversations"),
    ("responses.compact", "compaction of a stored response"),
];

/// Where a recording belongs.
pub(crate) fn place(exchange: &Exchange) -> Place {
    let operation = exchange.operation.trim_end_matches(".stream");
    if let Some((_, why)) = OUTSIDE.iter().find(|(name, _)| *name == operation) {
        return Place::Outside(why);
    }
    let (method, path) = exchange
        .request
        .as_ref()
        .map_or(("POST", ""), |request| (request.method.as_str(), request.path.as_str()));
    // The shape of an answer says more than the name it was filed under.
    if looks(exchange, b"\"chat.completion") && exchange.api != "openai.chat_completions" {
        return Place::Call(Dialect::OpenaiChat);
    }
    if looks(exchange, b"\"thread.") {
        return Place::Outside("OpenAI's assistants, which it has retired");
    }
    let dialect = match exchange.api.as_str() {
        "openai.responses" => Dialect::OpenaiResponses,
        "openai.completions" => Dialect::OpenaiCompletions,
        "openai.embeddings" => Dialect::OpenaiEmbeddings,
        "vertex.anthropic" if exchange.body.starts_with(b"event: message\ndata:") => {
            return Place::Outside(
                "Vertex's array of one message, when its path streams and the body does not",
            );
        }
        "anthropic.messages" | "vertex.anthropic" => Dialect::AnthropicMessages,
        "gemini.generate_content" => Dialect::GeminiGenerate,
        "gemini.embed" if path.contains(":batchEmbedContents") => Dialect::GeminiEmbed,
        "gemini.embed" => Dialect::GeminiEmbedOne,
        "bedrock.converse" => Dialect::BedrockConverse,
        "bedrock.invoke" if path.contains("titan-embed") => Dialect::BedrockTitanEmbed,
        "bedrock.invoke" => return invoke(exchange),
        "cohere.v2_chat" => Dialect::CohereChat,
        "cohere.embed" => Dialect::CohereEmbed,
        "embeddings" if exchange.provider == "cohere" => Dialect::CohereEmbed,
        "embeddings" => Dialect::OpenaiEmbeddings,
        "ollama.chat" => Dialect::OllamaChat,
        "ollama.generate" => Dialect::OllamaGenerate,
        "ollama.embed" if path.ends_with("/embeddings") => Dialect::OllamaEmbedOne,
        "ollama.embed" => Dialect::OllamaEmbed,
        "rerank" if exchange.provider == "bedrock" => Dialect::BedrockRerank,
        "rerank" if exchange.provider == "voyage" => Dialect::VoyageRerank,
        "rerank" => Dialect::CohereRerank,
        "count_tokens" => match exchange.provider.as_str() {
            "gemini" | "vertex" => Dialect::GeminiCount,
            "openai" => Dialect::OpenaiCount,
            "bedrock" => Dialect::BedrockCount,
            _ => Dialect::AnthropicCount,
        },
        "images" if path.contains("/image/generate") => return Place::Outside("Venice's own images"),
        "images" if path.contains("edits") => Dialect::OpenaiImageEdits,
        "images" => Dialect::OpenaiImages,
        "transcription" if path.contains("translations") => Dialect::OpenaiTranslations,
        "transcription" => Dialect::OpenaiTranscriptions,
        "moderation" if method == "POST" => Dialect::OpenaiModerations,
        "moderation" => return Place::Outside("reports on usage"),
        "models" if method == "POST" || path.contains("/versions/") || exchange.provider == "replicate" => {
            return Place::Outside("Replicate's own predictions");
        }
        "models" if path.rsplit('/').next().is_some_and(|end| !end.starts_with("models")) => {
            return Place::Outside("one model, of which the gateway's own book tells");
        }
        "models" => return Place::Models,
        "cohere.v1_chat" => return Place::Outside("Cohere's first chat, which it has replaced"),
        _ if path.ends_with("/audio/speech") => Dialect::OpenaiSpeech,
        // A provider that nobody knows follows OpenAI.
        _ if operation == "chat" => Dialect::OpenaiChat,
        _ => return Place::Outside("an operation that the gateway does not have"),
    };
    Place::Call(dialect)
}

/// What Bedrock's Invoke carries is in the dialect of the model's maker.
fn invoke(exchange: &Exchange) -> Place {
    let path = exchange.request.as_ref().map_or("", |request| request.path.as_str());
    let retired = looks(exchange, b"\"completion\"");
    let messages = || looks(exchange, b"message_start") || looks(exchange, b"\"stop_reason\"");
    if !retired && (path.contains("anthropic") || messages()) {
        return Place::Call(Dialect::AnthropicMessages);
    }
    Place::Outside("Invoke with bodies of retired models")
}

fn looks(exchange: &Exchange, text: &[u8]) -> bool {
    exchange.body.windows(text.len()).take(4096).any(|window| window == text)
}

/// An account of the gateway under test: its kind, its path at the upstream, and the dialects that it speaks where the kind has
/// more, so that clients of other dialects are translated for.
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) path: &'static str,
    pub(crate) dialects: &'static [Dialect],
}

const fn account(name: &'static str, kind: &'static str, dialects: &'static [Dialect]) -> Account {
    let path = if dialects.is_empty() { "" } else { "/v1" };
    Account { name, kind, path, dialects }
}

const COMPATIBLE: &str = "openai-compatible";

/// All of them.
pub(crate) const ACCOUNTS: &[Account] = &[
    account("chat", COMPATIBLE, &[Dialect::OpenaiChat]),
    account("completions", COMPATIBLE, &[Dialect::OpenaiCompletions]),
    account("responses", COMPATIBLE, &[Dialect::OpenaiResponses]),
    account("embeddings", COMPATIBLE, &[Dialect::OpenaiEmbeddings]),
    account("ollama-chat", "ollama", &[Dialect::OllamaChat]),
    account("ollama-generate", "ollama", &[Dialect::OllamaGenerate]),
    account("ollama-embed", "ollama", &[Dialect::OllamaEmbed]),
    account("ollama-embed-one", "ollama", &[Dialect::OllamaEmbedOne]),
    Account { path: "/v1", ..account("openai", "openai", &[]) },
    account("anthropic", "anthropic", &[]),
    account("gemini", "gemini", &[]),
    account("cohere", "cohere", &[]),
    account("bedrock", "bedrock", &[]),
    account("voyage", "voyage", &[]),
];

/// The account that speaks a dialect.
pub(crate) fn spoken_by(dialect: Dialect) -> &'static str {
    if let Some(account) = ACCOUNTS.iter().find(|account| account.dialects.contains(&dialect)) {
        return account.name;
    }
    match dialect {
        Dialect::AnthropicMessages | Dialect::AnthropicCount => "anthropic",
        Dialect::GeminiGenerate | Dialect::GeminiEmbed | Dialect::GeminiEmbedOne | Dialect::GeminiCount => {
            "gemini"
        }
        Dialect::CohereChat | Dialect::CohereEmbed | Dialect::CohereRerank => "cohere",
        Dialect::BedrockConverse
        | Dialect::BedrockTitanEmbed
        | Dialect::BedrockRerank
        | Dialect::BedrockCount => "bedrock",
        Dialect::VoyageRerank => "voyage",
        _ => "openai",
    }
}

/// Dialects that only upstreams speak.
const UPSTREAM: &[Dialect] = &[
    Dialect::ReplicatePredictions,
    Dialect::BedrockTitanEmbed,
    Dialect::VertexPredict,
    Dialect::GeminiImages,
];

/// The dialects whose clients can ask for the same.
pub(crate) fn clients(dialect: Dialect) -> Vec<Dialect> {
    let fits = |client: &&Dialect| client.operation() == dialect.operation() && !UPSTREAM.contains(client);
    Dialect::ALL.iter().filter(fits).copied().collect()
}
