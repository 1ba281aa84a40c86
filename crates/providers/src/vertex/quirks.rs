//! Facts about Vertex AI. Source: cloud.google.com/vertex-ai/generative-ai/docs (model reference, model-reference/imagen-api,
//! learn/locations, partner-models/claude/use-claude, migrate/openai),
//! platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai.

use wire::{Edits, Lack, Quirks};

use crate::betas::Betas;
use crate::followers::USUAL;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "vertex",
    base_url: None,
    version: Some("v1"),
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    forwards: &["anthropic-beta"],
};

/// What a token is for.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Gives out Google's tokens.
pub(super) const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// The version of Claude's dialect, which its requests name in the body.
pub(super) const CLAUDE_VERSION: (&str, &str) = ("anthropic_version", "\"vertex-2023-10-16\"");

/// Claude's requests name the model in the path alone.
pub(super) const CLAUDE: Edits<'static> = Edits { renames: &[], drops: &["model"], puts: &[CLAUDE_VERSION] };

/// platform.claude.com, "Claude on Vertex AI": what is a header there.
pub(super) const BETAS: Betas = Betas {
    known: &[
        "compact-",
        "computer-use-",
        "context-1m-",
        "context-management-",
        "interleaved-thinking-",
        "output-128k-",
        "token-efficient-tools-",
        "tool-examples-",
        "tool-search-tool-",
        "web-search-",
    ],
    renamed: &[("advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19")],
};

/// docs.cloud.google.com, "Grounding API": functions cannot stand beside search tools.
pub(super) const QUIRKS: Quirks = Quirks { lacks: &[Lack::ToolsTogether], ..Quirks::NONE };

/// Open models and Mistral's follow OpenAI's dialect.
pub(super) const OPEN_QUIRKS: Quirks =
    Quirks { refuses: &["metadata", "service_tier", "store", "user"], accepts: &["top_k"], ..USUAL };

/// Mistral's own rules hold here as well: see `followers/services.rs`.
pub(super) const MISTRAL_QUIRKS: Quirks = Quirks {
    lacks: &[Lack::CustomTools, Lack::AllowedTools, Lack::CallIds, Lack::WordsAfterResults],
    ..OPEN_QUIRKS
};
