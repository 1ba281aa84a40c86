//! Settings of a Cohere account.

use crate::account::account_config;

account_config! {
    /// A Cohere account. `base_url` is `https://api.cohere.com` unless set; versions are part of the paths, not of it.
    {}
}
