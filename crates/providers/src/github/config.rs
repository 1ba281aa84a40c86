//! Settings of a GitHub account with GitHub Models.

use crate::account::account_config;

account_config! {
    /// A GitHub account with GitHub Models. `api_key` is a token that may read models; `base_url` is
    /// `https://models.github.ai/inference` unless set.
    {
        /// The organisation that pays; the owner of the token unless set.
        organization: Option<String>,
    }
}
