//! Settings of a Voyage AI account.

use crate::account::account_config;

account_config! {
    /// A Voyage AI account. `base_url` is `https://api.voyageai.com/v1` unless set.
    {}
}
