//! Settings of a Replicate account.

use crate::account::account_config;

account_config! {
    /// A Replicate account. `base_url` is `https://api.replicate.com/v1` unless set. Only language models can be called:
    /// `owner/name`, or `owner/name:version`.
    {}
}
