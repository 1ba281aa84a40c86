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
    let bytes = collect(reply.body, LONGEST).await?;
    serde_json::from_slice(&bytes).map_err(|error| broken(format!("not a list of models: {error}")))
}

/// Reads a whole body, this long at most.
pub(crate) async fn collect(mut body: Body, longest: usize) -> Result<Vec<u8>, UpstreamFailure> {
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
    }
}

/// What a model does, guessed from its name: lists in OpenAI's shape do not say.
pub(crate) fn guess(name: &str) -> Operation {
    let name = name.to_ascii_lowercase();
    let embeds = ["embed", "bge-", "gte-", "e5-", "minilm"].iter().any(|part| name.contains(part));
    if embeds { Operation::Embeddings } else { Operation::Chat }
}

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
