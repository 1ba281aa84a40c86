//! Which dialect a recording is in, and what is left out.

use contract::words::{Dialect, Operation};

use crate::corpus::Exchange;

/// What a recording is to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A call in a dialect.
    Call(Dialect),
    /// A list of models.
    Models,
    /// Of an operation on the [written list](LIST).
    Listed(&'static str),
    /// Not played back, though its operation is not on the list; and why.
    Beyond(&'static str),
}

/// The written list: operations that the gateway does not have. They keep their state with one provider, so that there is nothing
/// to translate.
pub(crate) const LIST: &[(&str, &str)] = &[
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
    let listed = LIST.iter().find(|(name, _)| *name == operation);
    if let Some((_, why)) = listed {
        // What is wrong is said in the same form, whatever was asked for.
        return match exchange.status {
            400.. => Place::Call(errors_in(&exchange.provider)),
            _ => Place::Listed(why),
        };
    }
    // The shape of an answer says more than the name it was filed under.
    if looks(exchange, b"\"chat.completion") && exchange.api != "openai.chat_completions" {
        return Place::Call(Dialect::OpenaiChat);
    }
    if looks(exchange, b"\"thread.") {
        return Place::Listed("OpenAI's assistants, which it has retired");
    }
    let (method, path) = exchange
        .request
        .as_ref()
        .map_or(("POST", ""), |request| (request.method.as_str(), request.path.as_str()));
    match exchange.api.as_str() {
        "models" => return models(exchange, (method, path)),
        "bedrock.invoke" => return invoke(exchange, path),
        "images" if path.contains("/image/generate") => {
            return Place::Beyond("images by an API of the provider's own");
        }
        "moderation" if method != "POST" => return Place::Beyond("a report on usage"),
        "cohere.v1_chat" => return Place::Beyond("Cohere's first chat, which it has replaced"),
        _ => {}
    }
    match dialect(exchange, path) {
        Some(dialect) => Place::Call(dialect),
        None if path.ends_with("/audio/speech") => Place::Call(Dialect::OpenaiSpeech),
        // A provider that nobody knows follows OpenAI.
        None if operation == "chat" => Place::Call(Dialect::OpenaiChat),
        None => Place::Beyond("an operation that is not known"),
    }
}

fn dialect(exchange: &Exchange, path: &str) -> Option<Dialect> {
    Some(match exchange.api.as_str() {
        "openai.chat_completions" => Dialect::OpenaiChat,
        "openai.responses" => Dialect::OpenaiResponses,
        "openai.completions" => Dialect::OpenaiCompletions,
        "openai.embeddings" => Dialect::OpenaiEmbeddings,
        "anthropic.messages" | "vertex.anthropic" => Dialect::AnthropicMessages,
        "gemini.generate_content" => Dialect::GeminiGenerate,
        "gemini.embed" if path.contains(":batchEmbedContents") => Dialect::GeminiEmbed,
        "gemini.embed" => Dialect::GeminiEmbedOne,
        "bedrock.converse" => Dialect::BedrockConverse,
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
        "images" if path.contains("edits") => Dialect::OpenaiImageEdits,
        "images" => Dialect::OpenaiImages,
        "transcription" if path.contains("translations") => Dialect::OpenaiTranslations,
        "transcription" => Dialect::OpenaiTranscriptions,
        "moderation" => Dialect::OpenaiModerations,
        _ => return None,
    })
}

/// Lists of models, and what was filed with them.
fn models(exchange: &Exchange, (method, path): (&str, &str)) -> Place {
    let end = path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    if exchange.status >= 400 {
        Place::Call(errors_in(&exchange.provider))
    } else if method == "POST" {
        Place::Beyond("a prediction that has begun, whose answer was not recorded")
    } else if path.contains("/versions/") || !matches!(end, "" | "models") {
        Place::Beyond("one model at its provider, which the gateway does not ask for")
    } else {
        Place::Models
    }
}

/// What Bedrock's Invoke carries is in the dialect of the model's maker.
fn invoke(exchange: &Exchange, path: &str) -> Place {
    let named =
        |name: &str| path.contains(name) || exchange.model.as_deref().is_some_and(|it| it.contains(name));
    let claude =
        || named("anthropic") || looks(exchange, b"message_start") || looks(exchange, b"\"stop_reason\"");
    if exchange.status >= 400 || named("nova") {
        Place::Call(Dialect::BedrockConverse)
    } else if named("titan-embed") {
        Place::Call(Dialect::BedrockTitanEmbed)
    } else if named("rerank") {
        Place::Call(Dialect::CohereRerank)
    } else if claude() && !looks(exchange, b"\"completion\"") {
        Place::Call(Dialect::AnthropicMessages)
    } else {
        Place::Beyond("Invoke with a body of a model that has been retired")
    }
}

/// The dialect in which a provider reports what is wrong.
pub(crate) fn errors_in(provider: &str) -> Dialect {
    match provider {
        "anthropic" => Dialect::AnthropicMessages,
        "gemini" | "vertex" => Dialect::GeminiGenerate,
        "ollama" => Dialect::OllamaChat,
        "cohere" => Dialect::CohereChat,
        "bedrock" => Dialect::BedrockConverse,
        _ => Dialect::OpenaiChat,
    }
}

fn looks(exchange: &Exchange, text: &[u8]) -> bool {
    exchange.body.windows(text.len()).take(4096).any(|window| window == text)
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
    // Making and editing a picture are not the same, nor are writing down and translating what is said.
    let alone =
        |dialect: &Dialect| matches!(dialect.operation(), Operation::Images | Operation::Transcription);
    let fits = |client: &&Dialect| {
        client.operation() == dialect.operation()
            && !UPSTREAM.contains(client)
            && (**client == dialect || !alone(client))
    };
    Dialect::ALL.iter().filter(fits).copied().collect()
}
