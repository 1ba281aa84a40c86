//! Settings of an Ollama server.

use crate::account::account_config;

account_config! {
    /// An Ollama server. `base_url` is `http://127.0.0.1:11434` unless set.
    {
        /// The dialects to speak to it, where it is too old for all: responses came with Ollama 0.13.3, messages with 0.14.
        #[serde(default)]
        dialects: Vec<contract::words::Dialect>,
    }
}
