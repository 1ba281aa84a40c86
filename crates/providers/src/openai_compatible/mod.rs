//! Anything that speaks OpenAI's chat completions at a base URL of its own.

use wire::Quirks;

use crate::listing;
use crate::openai::{FORWARDS, SURFACES};
use crate::profile::{Auth, List, Profile};

pub(crate) const PROFILE: Profile = Profile {
    kind: "openai-compatible",
    base_url: None,
    needs_key: false,
    auth: Auth::Bearer,
    headers: &[],
    forwards: FORWARDS,
    surfaces: SURFACES,
    list: List { path: "/models", read: listing::openai },
    quirks: QUIRKS,
};

/// Most compatible servers know neither OpenAI's newer name for the output limit nor its `developer` role.
pub(crate) const QUIRKS: Quirks = Quirks {
    renames: &[("max_completion_tokens", "max_tokens")],
    refuses: &[],
    accepts: &["top_k"],
    developer_as_system: true,
};
