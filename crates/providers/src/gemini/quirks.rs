//! Facts about the Gemini API. Source: ai.google.dev/api.

use wire::Quirks;

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "gemini",
    base_url: Some("https://generativelanguage.googleapis.com/v1beta"),
    version: Some("v1beta"),
    auth: Auth::Header("x-goog-api-key"),
    keyless: false,
    headers: &[],
    forwards: &[],
};

pub(super) const QUIRKS: Quirks = Quirks::NONE;
