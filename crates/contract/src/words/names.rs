//! Names that appear in configuration, logs and metrics: dialects, operations, patterns of names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares the dialects: variant, name, what a request in it asks for, the path it comes to.
macro_rules! dialects {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $operation:ident, $path:literal;)*) => {
        /// A wire format a client or an upstream speaks.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
        )]
        pub enum Dialect {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Dialect {
            /// All of them. Each has its place for ever, because databases keep it as a number, counted from 1: new ones
            /// come last.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name used in configuration, logs, metrics and documentation.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The path its clients call, `{model}` standing for a name.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$variant => $path,)*
                }
            }

            /// What a request in this dialect asks for.
            #[must_use]
            pub const fn operation(self) -> Operation {
                match self {
                    $(Self::$variant => Operation::$operation,)*
                }
            }
        }
    };
}

dialects! {
    /// OpenAI's chat completions.
    OpenaiChat = "openai.chat", Chat, "/v1/chat/completions";
    /// OpenAI's embeddings.
    OpenaiEmbeddings = "openai.embeddings", Embeddings, "/v1/embeddings";
    /// Anthropic's messages.
    AnthropicMessages = "anthropic.messages", Chat, "/v1/messages";
    /// Gemini's `generateContent` and `streamGenerateContent`.
    GeminiGenerate = "gemini.generate", Chat, "/v1beta/models/{model}:generateContent";
    /// Gemini's `batchEmbedContents`.
    GeminiEmbed = "gemini.embed", Embeddings, "/v1beta/models/{model}:batchEmbedContents";
    /// OpenAI's responses.
    OpenaiResponses = "openai.responses", Chat, "/v1/responses";
    /// OpenAI's legacy completions.
    OpenaiCompletions = "openai.completions", Chat, "/v1/completions";
    /// Ollama's `api/chat`.
    OllamaChat = "ollama.chat", Chat, "/ollama/api/chat";
    /// Ollama's `api/generate`.
    OllamaGenerate = "ollama.generate", Chat, "/ollama/api/generate";
    /// Ollama's `api/embed`.
    OllamaEmbed = "ollama.embed", Embeddings, "/ollama/api/embed";
    /// Cohere's chat, version 2.
    CohereChat = "cohere.chat", Chat, "/v2/chat";
    /// Cohere's embeddings, version 2.
    CohereEmbed = "cohere.embed", Embeddings, "/v2/embed";
    /// Cohere's rerank; Jina, Voyage, vLLM and others have it at `/v1/rerank`.
    CohereRerank = "cohere.rerank", Rerank, "/v2/rerank";
    /// AWS Bedrock's `Converse` and `ConverseStream`.
    BedrockConverse = "bedrock.converse", Chat, "/model/{model}/converse";
    /// Gemini's `embedContent`.
    GeminiEmbedOne = "gemini.embed_content", Embeddings, "/v1beta/models/{model}:embedContent";
    /// Anthropic's token count.
    AnthropicCount = "anthropic.count_tokens", CountTokens, "/v1/messages/count_tokens";
    /// Gemini's token count.
    GeminiCount = "gemini.count_tokens", CountTokens, "/v1beta/models/{model}:countTokens";
    /// OpenAI's token count.
    OpenaiCount = "openai.count_tokens", CountTokens, "/v1/responses/input_tokens";
    /// OpenAI's images.
    OpenaiImages = "openai.images", Images, "/v1/images/generations";
    /// OpenAI's edits of images.
    OpenaiImageEdits = "openai.image_edits", Images, "/v1/images/edits";
    /// OpenAI's speech.
    OpenaiSpeech = "openai.speech", Speech, "/v1/audio/speech";
    /// OpenAI's transcriptions.
    OpenaiTranscriptions = "openai.transcriptions", Transcription, "/v1/audio/transcriptions";
    /// OpenAI's translations of speech.
    OpenaiTranslations = "openai.translations", Transcription, "/v1/audio/translations";
    /// OpenAI's moderations.
    OpenaiModerations = "openai.moderations", Moderation, "/v1/moderations";
    /// Amazon Titan's embeddings, as AWS Bedrock's `InvokeModel` takes them.
    BedrockTitanEmbed = "bedrock.titan_embed", Embeddings, "/model/{model}/invoke";
    /// Ollama's older `api/embeddings`, of one text.
    OllamaEmbedOne = "ollama.embeddings", Embeddings, "/ollama/api/embeddings";
    /// Vertex AI's `predict`, for vectors.
    VertexPredict = "vertex.predict", Embeddings, "/v1/publishers/google/models/{model}:predict";
    /// Replicate's predictions, for language models.
    ReplicatePredictions = "replicate.predictions", Chat, "/v1/models/{model}/predictions";
    /// The Open Inference Protocol (KServe V2, Triton) over HTTP: tensors in, tensors out.
    KserveInfer = "kserve.infer", Predict, "/v2/models/{model}/infer";
    /// Our own: any JSON in, what a model made of it out.
    PathgatePredict = "pathgate.predict", Predict, "/v1/predict";
    /// Pictures of Google's models; an upstream's only.
    GeminiImages = "gemini.images", Images, "/v1beta/models/{model}:predict";
    /// AWS Bedrock's `Rerank`.
    BedrockRerank = "bedrock.rerank", Rerank, "/bedrock/rerank";
    /// AWS Bedrock's `CountTokens`.
    BedrockCount = "bedrock.count_tokens", CountTokens, "/model/{model}/count-tokens";
    /// Voyage's rerank.
    VoyageRerank = "voyage.rerank", Rerank, "/voyage/v1/rerank";
}

impl Dialect {
    /// May a request in this dialect be anything but JSON? Then nothing in it is looked at: its model stands in the path.
    #[must_use]
    pub const fn takes_bytes(self) -> bool {
        matches!(self, Self::KserveInfer)
    }

    /// The dialect of the conversations whose tokens are counted in this one.
    #[must_use]
    pub const fn counted(self) -> Option<Self> {
        match self {
            Self::AnthropicCount => Some(Self::AnthropicMessages),
            Self::GeminiCount => Some(Self::GeminiGenerate),
            Self::OpenaiCount => Some(Self::OpenaiResponses),
            Self::BedrockCount => Some(Self::BedrockConverse),
            _ => None,
        }
    }

    /// May a request in this dialect be a form (`multipart/form-data`), which is how files are sent?
    #[must_use]
    pub const fn takes_forms(self) -> bool {
        matches!(self, Self::OpenaiImageEdits | Self::OpenaiTranscriptions | Self::OpenaiTranslations)
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
    /// A question and documents in, the documents by relevance out.
    Rerank,
    /// A conversation in, the number of its tokens out.
    CountTokens,
    /// A description in, pictures out.
    Images,
    /// A text in, sound out.
    Speech,
    /// Sound in, a text out.
    Transcription,
    /// Texts and pictures in, what is harmful about them out.
    Moderation,
    /// Numbers or texts in, a prediction out.
    Predict,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Chat,
        Self::Embeddings,
        Self::Rerank,
        Self::CountTokens,
        Self::Images,
        Self::Speech,
        Self::Transcription,
        Self::Moderation,
        Self::Predict,
    ];

    /// Is what goes in and comes out made of tokens of text, so that their number can be told from its length?
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Chat | Self::Embeddings | Self::Rerank | Self::CountTokens)
    }

    /// The name used in metrics; `gen_ai.operation.name` of the OpenTelemetry conventions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::Rerank => "rerank",
            Self::CountTokens => "count_tokens",
            Self::Images => "images",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Moderation => "moderation",
            Self::Predict => "predict",
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
