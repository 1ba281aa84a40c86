//! Settings of an Anthropic account.

use crate::account::account_config;

account_config! {
    /// An Anthropic account. `base_url` is `https://api.anthropic.com` unless set; `/v1` is added where it is missing.
    {}
}
