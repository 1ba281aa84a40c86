//! Settings of the demo provider: none.

use crate::account::Account;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The demo provider has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Config {
    /// Nothing configured.
    pub(crate) fn account(&self) -> Account<'_> {
        Account::none()
    }
}
