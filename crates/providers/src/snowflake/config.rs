//! Settings of a Snowflake account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::account_config;

/// What `api_key` holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenType {
    /// A programmatic access token.
    #[default]
    Pat,
    /// A JWT signed with the key pair of a user.
    KeypairJwt,
    /// A token of an external OAuth service.
    Oauth,
}

account_config! {
    /// A Snowflake account. `account` or `base_url` (the account's URL) must be set; `api_key` is a token.
    {
        /// The account's identifier, such as `myorg-myaccount`: the first part of its host name.
        account: Option<String>,
        /// What `api_key` holds: `pat` unless set.
        #[serde(default)]
        token_type: TokenType,
    }
}
