//! Facts about Voyage AI. Source: docs.voyageai.com/reference.

use contract::words::Dialect;
use wire::Quirks;

use crate::openai_like::Surface;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "voyage",
    base_url: Some("https://api.voyageai.com/v1"),
    version: Some("v1"),
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &[],
};

/// It refuses fields it does not know. Plain floats are what it gives when `encoding_format` is not there.
pub(super) const QUIRKS: Quirks = Quirks {
    renames: &[("dimensions", "output_dimension")],
    refuses: &["user", "documents.object"],
    accepts: &["input_type", "truncation", "output_dtype"],
    ..Quirks::NONE
};

/// What it speaks, and where.
pub(super) const SURFACES: &[Surface] =
    &[(Dialect::OpenaiEmbeddings, "/embeddings"), (Dialect::VoyageRerank, "/rerank")];

// tidy: table
/// The current models.
pub(super) const MODELS: &[&str] = &[
    "voyage-4-large",
    "voyage-4",
    "voyage-4-lite",
    "voyage-3-large",
    "voyage-3.5",
    "voyage-3.5-lite",
    "voyage-code-3",
    "voyage-finance-2",
    "voyage-law-2",
    "rerank-2.5",
    "rerank-2.5-lite",
];
