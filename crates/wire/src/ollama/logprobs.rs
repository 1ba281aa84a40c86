//! `logprobs` of an answer ↔ canon: `[{token, logprob, bytes, top_logprobs}]`.

use contract::canon::{Alternative, TokenLogprob};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
struct In {
    #[serde(flatten)]
    token: One,
    #[serde(default)]
    top_logprobs: Option<Vec<One>>,
}

#[derive(Deserialize)]
struct One {
    token: String,
    logprob: f64,
    #[serde(default)]
    bytes: Option<Vec<u8>>,
}

impl From<One> for Alternative {
    fn from(one: One) -> Self {
        Self { text: one.token, logprob: one.logprob, bytes: one.bytes }
    }
}

/// Reads the list; gives it back when it is something else.
pub(super) fn read(value: Value) -> Result<Vec<TokenLogprob>, Value> {
    let Ok(list) = Vec::<In>::deserialize(&value) else { return Err(value) };
    let read = |entry: In| TokenLogprob {
        token: entry.token.into(),
        top: entry.top_logprobs.unwrap_or_default().into_iter().map(Alternative::from).collect(),
    };
    Ok(list.into_iter().map(read).collect())
}

/// One entry as it is written.
#[derive(Serialize)]
pub(super) struct Out<'a> {
    token: &'a str,
    logprob: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<&'a [u8]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    top_logprobs: Vec<Self>,
}

impl<'a> Out<'a> {
    fn of(one: &'a Alternative) -> Self {
        Self { token: &one.text, logprob: one.logprob, bytes: one.bytes.as_deref(), top_logprobs: Vec::new() }
    }
}

/// The list to be written.
pub(super) fn write(tokens: &[TokenLogprob]) -> Vec<Out<'_>> {
    let mut out = Vec::with_capacity(tokens.len());
    for TokenLogprob { token, top } in tokens {
        out.push(Out { top_logprobs: top.iter().map(Out::of).collect(), ..Out::of(token) });
    }
    out
}
