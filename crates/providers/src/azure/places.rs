//! The APIs of a resource, and where in them a dialect is spoken.

use contract::words::Dialect;
use http::Uri;

use super::quirks;
use crate::openai::ONLY;
use crate::openai_like::only;
use crate::request::{Endpoint, segment};

/// One of the APIs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// `/openai/v1/…`: as OpenAI's own.
    V1,
    /// `/openai/deployments/{deployment}/…?api-version=…`.
    Dated(String),
    /// `/models/…?api-version=…`: models of other makers, told apart by the body.
    Inference { version: String },
}

/// The version of the API for models of other makers when none is set.
const INFERENCE_VERSION: &str = "2024-05-01-preview";

/// What the endpoint that somebody copied from the portal means: the base URL, up to where an API begins, and the API.
pub(super) fn of(given: &str, version: Option<&str>) -> (String, Api) {
    let (place, query) = given.split_once('?').unwrap_or((given, ""));
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("api-version="));
    // The v1 API calls its own version so.
    let version = version.or(in_query).filter(|version| *version != "v1").map(str::to_owned);
    let place = place.trim_end_matches('/');
    if let Some(base) = place.strip_suffix("/models") {
        let version = version.unwrap_or_else(|| INFERENCE_VERSION.to_owned());
        return (base.to_owned(), Api::Inference { version });
    }
    let base = place.strip_suffix("/v1").unwrap_or(place);
    let base = base.strip_suffix("/openai").unwrap_or(place);
    (base.to_owned(), version.map_or(Api::V1, Api::Dated))
}

fn is_claude(model: &str) -> bool {
    model.starts_with("claude")
}

impl Api {
    pub(super) fn dialect(&self, client: Dialect, model: &str) -> Option<Dialect> {
        let spoken: &[Dialect] = match self {
            Self::Inference { .. } => &[Dialect::OpenaiChat, Dialect::OpenaiEmbeddings],
            _ if is_claude(model) => &[Dialect::AnthropicMessages],
            Self::Dated(_) if !self.keeps() => quirks::BEFORE_RESPONSES,
            Self::Dated(version) if version.as_str() < quirks::EDITS_SINCE => quirks::BEFORE_EDITS,
            Self::V1 | Self::Dated(_) => quirks::ALL,
        };
        // Deployments are mostly named after their models.
        let only = only(ONLY, client, model).filter(|only| spoken.contains(only));
        let alike = || spoken.iter().find(|dialect| wire::has_way(client, **dialect));
        only.or_else(|| spoken.iter().find(|dialect| **dialect == client).or_else(alike).copied())
    }

    /// Has it OpenAI's responses?
    pub(super) fn keeps(&self) -> bool {
        match self {
            Self::V1 => true,
            Self::Dated(version) => version.as_str() >= quirks::RESPONSES_SINCE,
            Self::Inference { .. } => false,
        }
    }

    pub(super) fn url(&self, endpoint: &Endpoint, dialect: Dialect, model: &str) -> Option<Uri> {
        let path = match dialect {
            Dialect::OpenaiChat => "/chat/completions",
            Dialect::OpenaiEmbeddings => "/embeddings",
            Dialect::OpenaiResponses => "/responses",
            Dialect::OpenaiCompletions => "/completions",
            Dialect::OpenaiImages => "/images/generations",
            Dialect::OpenaiImageEdits => "/images/edits",
            Dialect::OpenaiSpeech => "/audio/speech",
            Dialect::OpenaiTranscriptions => "/audio/transcriptions",
            Dialect::OpenaiTranslations => "/audio/translations",
            Dialect::AnthropicMessages => return endpoint.url_at_root("/anthropic/v1/messages"),
            _ => return None,
        };
        match self {
            Self::V1 => endpoint.url(&format!("/openai/v1{path}"), None),
            Self::Inference { version } => {
                endpoint.url(&format!("/models{path}"), Some(&format!("api-version={}", segment(version)?)))
            }
            Self::Dated(version) => {
                let query = format!("api-version={}", segment(version)?);
                // Responses name their deployment in the body.
                let path = match dialect {
                    Dialect::OpenaiResponses => format!("/openai{path}"),
                    _ => format!("/openai/deployments/{}{path}", segment(model)?),
                };
                endpoint.url(&path, Some(&query))
            }
        }
    }
}
