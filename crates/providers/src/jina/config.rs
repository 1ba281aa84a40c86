//! Settings of a Jina AI account.

use crate::account::account_config;

account_config! {
    /// A Jina AI account. `base_url` is `https://api.jina.ai/v1` unless set.
    {}
}
