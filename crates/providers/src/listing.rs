//! Lists of models: asked of the upstream, read within bounds, turned into cards.

use std::future::poll_fn;
use std::pin::Pin;

use contract::Body;
use contract::ports::{Capabilities, ModelCard, Phase, ProviderReply, UpstreamFailure};
use contract::words::Operation;
use http_body::Body as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The longest list that is read.
const LONGEST: usize = 4 << 20;

/// Reads a whole JSON answer.
pub(crate) async fn read<T: DeserializeOwned>(reply: ProviderReply) -> Result<T, UpstreamFailure> {
    read_with(reply, |bytes| serde_json::from_slice(bytes)).await
}

/// How a list of models is read.
pub(crate) type Reader = fn(&[u8]) -> serde_json::Result<Vec<ModelCard>>;

/// Reads a whole JSON answer by a reader.
pub(crate) async fn read_with<T>(
    reply: ProviderReply,
    reader: fn(&[u8]) -> serde_json::Result<T>,
) -> Result<T, UpstreamFailure> {
    if !reply.status.is_success() {
        return Err(UpstreamFailure::Status(reply.status));
    }
    let bytes = collect(reply.body).await?;
    reader(&bytes).map_err(|error| broken(format!("not a list of models: {error}")))
}

/// Reads a whole body, as long as a list may be.
pub(crate) async fn collect(body: Body) -> Result<Vec<u8>, UpstreamFailure> {
    collect_within(body, LONGEST).await
}

/// Reads a whole body, this long at most.
pub(crate) async fn collect_within(mut body: Body, longest: usize) -> Result<Vec<u8>, UpstreamFailure> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(|error| broken(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > longest {
                return Err(broken(format!("longer than {longest} bytes")));
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
        price: None,
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
    (Operation::Rerank, &["rerank"]),
    (Operation::Embeddings, &["embed", "bge-", "gte-", "e5-", "minilm", "voyage-", "jina-clip"]),
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

/// Cards for a list that is not asked for.
pub(crate) fn configured(names: &[impl AsRef<str>]) -> Vec<ModelCard> {
    names.iter().map(|name| card(name.as_ref(), guess(name.as_ref()))).collect()
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
    /// Together: what the model does.
    #[serde(rename = "type")]
    does: Option<Value>,
    /// llama.cpp.
    meta: Option<Value>,
}

/// The cards of a list in OpenAI's shape.
pub(crate) fn openai_list(bytes: &[u8]) -> serde_json::Result<Vec<ModelCard>> {
    let list: OpenaiList = serde_json::from_slice(bytes)?;
    Ok(list.entries().into_iter().map(OpenaiEntry::card).collect())
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
        let running = self.meta.as_ref().and_then(|meta| meta.get("n_ctx")?.as_u64());
        let window = self.context_length.or(self.context_window).or(self.max_model_len).or(running);
        let operation = match self.does.as_ref().and_then(Value::as_str) {
            Some("chat" | "language" | "code") => Operation::Chat,
            Some("embedding") => Operation::Embeddings,
            Some("rerank") => Operation::Rerank,
            Some("image") => Operation::Images,
            Some("audio") => Operation::Speech,
            Some("transcribe") => Operation::Transcription,
            Some("moderation") => Operation::Moderation,
            _ => guess(&self.id),
        };
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
