//! Facts about Azure. Source: learn.microsoft.com/azure/ai-foundry/openai/reference, .../api-version-lifecycle,
//! github.com/Azure/azure-rest-api-specs (data-plane/AzureOpenAI/inference), learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.

use contract::words::Dialect;
use wire::Quirks;

use crate::followers::USUAL;
use crate::openai::{MODELS, MOST_STOPS};
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "azure",
    base_url: None,
    version: None,
    auth: Auth::Header("api-key"),
    keyless: true,
    headers: &[],
    forwards: &["openai-beta", "anthropic-version", "anthropic-beta"],
};

/// Gives out Entra ID's tokens.
pub(super) const AUTHORITY: &str = "https://login.microsoftonline.com";

/// What a token is for.
pub(super) const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// The version of Anthropic's dialect, which its clients send and others do not.
pub(super) const ANTHROPIC_VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// The first dated version that has OpenAI's responses.
pub(super) const RESPONSES_SINCE: &str = "2025-03-01-preview";
/// The first dated version in which pictures are changed.
pub(super) const EDITS_SINCE: &str = "2025-04-01-preview";

/// What the v1 API and the newest dated ones speak.
pub(super) const ALL: &[Dialect] = &[
    Dialect::OpenaiChat,
    Dialect::OpenaiEmbeddings,
    Dialect::OpenaiResponses,
    Dialect::OpenaiCompletions,
    Dialect::OpenaiImages,
    Dialect::OpenaiImageEdits,
    Dialect::OpenaiSpeech,
    Dialect::OpenaiTranscriptions,
    Dialect::OpenaiTranslations,
];

/// What dated versions from 2024-10-21 on speak.
pub(super) const BEFORE_RESPONSES: &[Dialect] = &[
    Dialect::OpenaiChat,
    Dialect::OpenaiEmbeddings,
    Dialect::OpenaiCompletions,
    Dialect::OpenaiImages,
    Dialect::OpenaiSpeech,
    Dialect::OpenaiTranscriptions,
    Dialect::OpenaiTranslations,
];

/// As [`BEFORE_RESPONSES`], with responses.
pub(super) const BEFORE_EDITS: &[Dialect] = &[
    Dialect::OpenaiChat,
    Dialect::OpenaiEmbeddings,
    Dialect::OpenaiResponses,
    Dialect::OpenaiCompletions,
    Dialect::OpenaiImages,
    Dialect::OpenaiSpeech,
    Dialect::OpenaiTranscriptions,
    Dialect::OpenaiTranslations,
];

/// Deployments mostly have the names of their models.
pub(super) const QUIRKS: Quirks = Quirks { models: MODELS, most_stops: MOST_STOPS, ..Quirks::NONE };

/// The API for models of other makers knows the old names only
/// (learn.microsoft.com/rest/api/aifoundry/model-inference).
pub(super) const INFERENCE_QUIRKS: Quirks = Quirks {
    refuses: &["logit_bias", "metadata", "n", "service_tier", "store", "user"],
    models: MODELS,
    ..USUAL
};
