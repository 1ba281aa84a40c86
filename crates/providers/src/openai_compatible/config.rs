//! Settings of a server that speaks OpenAI's dialect.

use crate::account::account_config;

account_config! {
    /// A server that speaks OpenAI's dialect. `base_url` must be set, up to where `/chat/completions` follows; a key is
    /// sent only if there is one.
    {}
}
