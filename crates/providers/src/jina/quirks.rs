//! Facts about Jina AI. Source: jina.ai/embeddings and jina.ai/reranker (API reference).

use contract::words::Dialect;
use wire::Quirks;

use crate::openai_like::Surface;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "jina",
    base_url: Some("https://api.jina.ai/v1"),
    version: Some("v1"),
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &[],
};

/// The form of numbers has another name; pictures are objects among the inputs.
pub(super) const QUIRKS: Quirks = Quirks {
    renames: &[("encoding_format", "embedding_type")],
    refuses: &["user"],
    accepts: &["task", "truncate", "embedding_type", "input.image"],
    ..Quirks::NONE
};

/// What it speaks, and where.
pub(super) const SURFACES: &[Surface] =
    &[(Dialect::OpenaiEmbeddings, "/embeddings"), (Dialect::CohereRerank, "/rerank")];

// tidy: table
/// The current models.
pub(super) const MODELS: &[&str] = &[
    "jina-embeddings-v4",
    "jina-embeddings-v3",
    "jina-clip-v2",
    "jina-code-embeddings-1.5b",
    "jina-reranker-v3",
    "jina-reranker-m0",
    "jina-reranker-v2-base-multilingual",
];
