//! Settings of a Gemini account.

use crate::account::account_config;

account_config! {
    /// A Gemini account. `base_url` is `https://generativelanguage.googleapis.com` unless set; `/v1beta` is added where
    /// no version stands at its end.
    {}
}
