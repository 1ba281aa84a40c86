//! Facts about Snowflake Cortex. Source: docs.snowflake.com/user-guide/snowflake-cortex/cortex-rest-api.

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
