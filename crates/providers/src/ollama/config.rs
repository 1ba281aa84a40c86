//! Settings of an Ollama server.

use crate::account::account_config;

account_config! {
    /// An Ollama server. `base_url` is `http://127.0.0.1:11434` unless set.
    {}
}
