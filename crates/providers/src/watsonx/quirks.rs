//! Facts about watsonx.ai. Source: cloud.ibm.com/apidocs/watsonx-ai (text chat, embeddings, rerank), cloud.ibm.com/docs/account, "Generating an IBM
//! Cloud IAM token by using an API key".

use wire::Quirks;

use crate::followers::USUAL;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "watsonx",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    forwards: &[],
};

pub(super) const TOKEN_URL: &str = "https://iam.cloud.ibm.com/identity/token";
pub(super) const GRANT: &str = "urn:ibm:params:oauth:grant-type:apikey";
pub(super) const VERSION: &str = "2025-10-01";

/// The path says whether to stream, and unknown fields are refused.
pub(super) const DROPS: &[&str] = &["model", "stream", "stream_options"];

pub(super) const QUIRKS: Quirks = Quirks {
    refuses: &["logit_bias", "metadata", "parallel_tool_calls", "service_tier", "store", "user"],
    ..USUAL
};

/// Vectors and relevance are asked for with the texts alone; how many results are wanted is said elsewhere (`texts.rs`).
pub(super) const TEXTS: Quirks = Quirks {
    refuses: &["dimensions", "documents.object", "encoding_format", "max_tokens_per_doc", "user"],
    ..Quirks::NONE
};
