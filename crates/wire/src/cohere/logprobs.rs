//! Log-probabilities ↔ canon. Cohere gives them by stretches of text, each with the numbers and likelihoods of its tokens;
//! the likelihood of a stretch is their sum.

use contract::canon::{Alternative, TokenLogprob};
use serde_json::{Value, json};

/// Reads one stretch; none if it is nothing of the kind.
pub(super) fn read(item: &Value) -> Option<TokenLogprob> {
    let logprobs = item.get("logprobs")?.as_array()?;
    let token = Alternative {
        text: item.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        logprob: logprobs.iter().filter_map(Value::as_f64).sum(),
        bytes: None,
    };
    Some(TokenLogprob { token, top: Vec::new() })
}

/// Writes one stretch. The numbers of its tokens are not known.
pub(super) fn write(token: &TokenLogprob) -> Value {
    json!({"text": token.token.text, "token_ids": [], "logprobs": [token.token.logprob]})
}
