//! Lists of models: asked of the upstream, read within bounds, turned into cards.

use std::future::poll_fn;
use std::pin::Pin;

use contract::Body;
use contract::ports::{Capabilities, ModelCard, Phase, ProviderReply, UpstreamFailure};
use contract::words::Operation;
use http_body::Body as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The longest list that is read.
const LONGEST: usize = 4 << 20;

/// Reads a whole JSON answer.
pub(crate) async fn read<T: DeserializeOwned>(reply: ProviderReply) -> Result<T, UpstreamFailure> {
    if !reply.status.is_success() {
        return Err(UpstreamFailure::Status(reply.status));
    }
    let bytes = collect(reply.body).await?;
    serde_json::from_slice(&bytes).map_err(|error| broken(format!("not a list of models: {error}")))
}

async fn collect(mut body: Body) -> Result<Vec<u8>, UpstreamFailure> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| broken(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > LONGEST {
                return Err(broken(format!("longer than {LONGEST} bytes")));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn broken(reason: String) -> UpstreamFailure {
    UpstreamFailure::Lost { phase: Phase::Body, reason }
}

/// A card of a model of which only the name is known.
pub(crate) fn card(name: impl Into<String>, operation: Operation) -> ModelCard {
    ModelCard {
        name: name.into(),
        operations: vec![operation],
        context_window: None,
        max_output: None,
        capabilities: Capabilities::default(),
        deprecated: None,
    }
}

/// What a model does, guessed from its name: lists in OpenAI's shape do not say.
pub(crate) fn guess(name: &str) -> Operation {
    let name = name.to_ascii_lowercase();
    let known = BY_NAME.iter().find(|(_, parts)| parts.iter().any(|part| name.contains(part)));
    known.map_or(Operation::Chat, |(operation, _)| *operation)
}

// tidy: table
/// What stands in the names of models that do not converse; the first that fits counts.
const BY_NAME: &[(Operation, &[&str])] = &[
    (Operation::Embeddings, &["embed", "bge-", "gte-", "e5-", "minilm"]),
    (Operation::Moderation, &["moderation"]),
    (Operation::Transcription, &["whisper", "transcribe", "parakeet", "canary-"]),
    (Operation::Speech, &["tts", "playai-", "orpheus-", "kokoro"]),
    (
        Operation::Images,
        &[
            "gpt-image",
            "chatgpt-image",
            "dall-e",
            "imagen",
            "flash-image",
            "pro-image",
            "nano-banana",
            "grok-imagine-image",
            "grok-2-image",
            "stable-diffusion",
            "sdxl",
            "flux-",
            "flux.",
            "qwen-image",
            "cogview",
        ],
    ),
];

/// Cards for a list that the operator wrote.
pub(crate) fn configured(names: &[String]) -> Vec<ModelCard> {
    names.iter().map(|name| card(name.as_str(), guess(name))).collect()
}

/// OpenAI's shape, `{"data": [{"id": …}]}` (some servers leave the envelope out), with what others added to it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OpenaiList {
    Wrapped { data: Vec<OpenaiEntry> },
    Bare(Vec<OpenaiEntry>),
}

#[derive(Deserialize)]
pub(crate) struct OpenaiEntry {
    pub(crate) id: String,
    /// OpenRouter, Together.
    context_length: Option<u64>,
    /// Groq.
    context_window: Option<u64>,
    /// vLLM, SGLang.
    max_model_len: Option<u64>,
    /// Mistral.
    max_context_length: Option<u64>,
    /// Groq.
    max_completion_tokens: Option<u64>,
}

impl OpenaiList {
    pub(crate) fn entries(self) -> Vec<OpenaiEntry> {
        match self {
            Self::Wrapped { data } => data,
            Self::Bare(data) => data,
        }
    }
}

impl OpenaiEntry {
    pub(crate) fn card(self) -> ModelCard {
        let window = self.context_length.or(self.context_window).or(self.max_model_len);
        let operation = guess(&self.id);
        ModelCard {
            context_window: window.or(self.max_context_length),
            max_output: self.max_completion_tokens,
            ..card(self.id, operation)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_model_does() {
        for (name, operation) in [
            ("gpt-5", Operation::Chat),
            ("text-embedding-3-small", Operation::Embeddings),
            ("BAAI/bge-m3", Operation::Embeddings),
            ("gpt-image-1", Operation::Images),
            ("gemini-2.5-flash-image", Operation::Images),
            ("gemini-2.5-flash-preview-tts", Operation::Speech),
            ("tts-1-hd", Operation::Speech),
            ("whisper-large-v3", Operation::Transcription),
            ("gpt-4o-mini-transcribe", Operation::Transcription),
            ("omni-moderation-latest", Operation::Moderation),
        ] {
            assert_eq!(guess(name), operation, "{name}");
        }
    }
}
