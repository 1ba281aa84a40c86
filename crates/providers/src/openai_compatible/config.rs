//! Settings of a server that speaks OpenAI's dialect.

use crate::account::account_config;

account_config! {
    /// A server that speaks OpenAI's dialect. `base_url` must be set, up to where `/chat/completions` follows; a key is
    /// sent only if there is one.
    {
        /// The dialects it speaks, where they are not `openai.chat`, `openai.completions`, `openai.embeddings`, OpenAI's media
        /// and `cohere.rerank`. `openai.responses` and `anthropic.messages` must be named to be spoken.
        #[serde(default)]
        dialects: Vec<contract::words::Dialect>,
    }
}
