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
    #[expect(clippy::unused_self, reason = "every kind's settings answer this")]
    pub(crate) fn account(&self) -> Account<'_> {
        Account::none()
    }
}
