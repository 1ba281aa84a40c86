//! Documents by relevance: `Rerank` of the agents' runtime, which takes signatures; an account with an API key, which that
//! service does not take (docs: "API keys"), invokes the model, whose bodies are in Cohere's dialect.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::ports::{Call, Outbound};
use contract::words::Dialect;
use wire::{Edits, splice};

use super::{Bedrock, quirks};

/// The dialect of a model that orders documents.
pub(super) fn dialect(model: &str, signs: bool) -> Option<Dialect> {
    let ranks = model.contains("rerank");
    ranks.then_some(if signs { Dialect::BedrockRerank } else { Dialect::CohereRerank })
}

/// The body of a model that is invoked: its name stands in the path. Cohere's want a version (docs.cohere.com, "Rerank on
/// Amazon Bedrock").
pub(super) fn invoked(body: VecDeque<Bytes>, model: &str) -> VecDeque<Bytes> {
    let puts: &[(&str, &str)] = if model.contains("cohere.") { &[("api_version", "2")] } else { &[] };
    splice(body, &Edits { renames: &[], drops: &["model"], puts })
}

impl Bedrock {
    /// The request that orders documents, not signed yet.
    pub(super) fn rank(&self, mut call: Call<'_>) -> Outbound {
        let arn = match call.model.starts_with("arn:") {
            true => call.model.to_owned(),
            false => quirks::model_arn(&self.region, call.model),
        };
        call.body = [wire::bedrock::rerank_body(&call.body, &arn)].into();
        self.runtime.post(self.ranking.clone(), call)
    }
}
