//! Whose habits a dialect follows: the shape of its errors, of its lists of models, the names of its headers.

use contract::words::Dialect;

/// The service a dialect belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// OpenAI's.
    Openai,
    /// Anthropic's.
    Anthropic,
    /// Google's.
    Google,
    /// Ollama's.
    Ollama,
    /// Cohere's.
    Cohere,
    /// AWS's.
    Aws,
    /// That of the Open Inference Protocol.
    Kserve,
}

impl Shape {
    /// That of a dialect.
    pub(crate) const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenaiChat
            | Dialect::OpenaiEmbeddings
            | Dialect::OpenaiResponses
            | Dialect::OpenaiCompletions
            | Dialect::OpenaiCount
            | Dialect::OpenaiImages
            | Dialect::OpenaiImageEdits
            | Dialect::OpenaiSpeech
            | Dialect::OpenaiTranscriptions
            | Dialect::OpenaiTranslations
            | Dialect::OpenaiModerations
            | Dialect::ReplicatePredictions
            | Dialect::PathgatePredict => Self::Openai,
            Dialect::AnthropicMessages | Dialect::AnthropicCount => Self::Anthropic,
            Dialect::GeminiGenerate
            | Dialect::GeminiEmbed
            | Dialect::GeminiEmbedOne
            | Dialect::GeminiCount
            | Dialect::VertexPredict
            | Dialect::GeminiImages => Self::Google,
            Dialect::OllamaChat
            | Dialect::OllamaGenerate
            | Dialect::OllamaEmbed
            | Dialect::OllamaEmbedOne => Self::Ollama,
            Dialect::CohereChat | Dialect::CohereEmbed | Dialect::CohereRerank | Dialect::VoyageRerank => {
                Self::Cohere
            }
            Dialect::BedrockConverse
            | Dialect::BedrockTitanEmbed
            | Dialect::BedrockRerank
            | Dialect::BedrockCount => Self::Aws,
            Dialect::KserveInfer => Self::Kserve,
        }
    }
}
