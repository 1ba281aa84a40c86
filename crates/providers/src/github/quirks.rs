//! Facts about GitHub Models. Source: docs.github.com/en/rest/models/inference and .../models/catalog.

use wire::Quirks;

use crate::followers::USUAL;
use crate::openai::MODELS;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "github",
    base_url: Some("https://models.github.ai/inference"),
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[("x-github-api-version", "2022-11-28")],
    forwards: &[],
};

/// Where all models are, below the host.
pub(super) const CATALOG: &str = "/catalog/models";

pub(super) const QUIRKS: Quirks = Quirks {
    refuses: &[
        "logit_bias",
        "logprobs",
        "metadata",
        "n",
        "parallel_tool_calls",
        "service_tier",
        "store",
        "top_logprobs",
        "user",
    ],
    models: MODELS,
    ..USUAL
};
