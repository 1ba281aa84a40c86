//! Facts about Snowflake Cortex. Source: docs.snowflake.com/user-guide/snowflake-cortex/cortex-rest-api and its embed-api.

use wire::{Lack, Quirks};

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "snowflake",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &["anthropic-version", "anthropic-beta"],
};

/// Below the account's URL.
pub(super) const PATH: &str = "/api/v2/cortex/v1";

/// What of it is not in the place of vectors.
pub(super) const VERSION: &str = "v1";

/// Makes vectors.
pub(super) const EMBED: &str = "/inference:embed";

/// Says what kind of token the bearer is.
pub(super) const TOKEN_TYPE: &str = "x-snowflake-authorization-token-type";

/// Only these speak Anthropic's dialect here.
pub(super) const CLAUDE: &[&str] = &["claude"];

/// Tools are functions alone.
pub(super) const QUIRKS: Quirks = Quirks {
    refuses: &["store", "metadata"],
    developer_as_system: true,
    lacks: &[Lack::CustomTools, Lack::AllowedTools],
    ..Quirks::NONE
};

/// Vectors are asked for with a model and texts.
pub(super) const VECTORS: Quirks =
    Quirks { refuses: &["dimensions", "encoding_format", "user"], ..Quirks::NONE };
