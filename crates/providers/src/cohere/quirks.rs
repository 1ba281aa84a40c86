//! Facts about Cohere. Source: docs.cohere.com/reference.

use wire::Quirks;

use crate::openai_like::Surface;
use crate::request::{Auth, Facts};

use contract::words::Dialect;

pub(super) const FACTS: Facts = Facts {
    kind: "cohere",
    base_url: Some("https://api.cohere.com"),
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &["x-client-name"],
};

/// What it speaks, and where.
pub(super) const SURFACES: &[Surface] = &[
    (Dialect::CohereChat, "/v2/chat"),
    (Dialect::CohereEmbed, "/v2/embed"),
    (Dialect::CohereRerank, "/v2/rerank"),
];

/// Version 2 of rerank takes texts alone and sends no documents back.
pub(super) const QUIRKS: Quirks =
    Quirks { refuses: &["return_documents", "documents.object"], ..Quirks::NONE };
