//! Settings of an OpenAI account.

use crate::account::account_config;

account_config! {
    /// An OpenAI account. `base_url` is `https://api.openai.com/v1` unless set.
    {
        /// The organisation that pays (`openai-organization`), for keys that belong to several.
        organization: Option<String>,
        /// The project that pays (`openai-project`).
        project: Option<String>,
    }
}
