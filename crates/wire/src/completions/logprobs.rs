//! Log-probabilities as legacy completions write them ↔ canon: lists side by side, alternatives as an object.

use contract::canon::{Alternative, TokenLogprob};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Lists {
    tokens: Vec<String>,
    token_logprobs: Vec<f64>,
    #[serde(default)]
    top_logprobs: Option<Vec<Option<Map<String, Value>>>>,
    #[serde(default)]
    text_offset: Option<Vec<i64>>,
}

/// Reads the lists: the tokens, and where the first of them stands in the text. What has another form is given back: the
/// first token of an echoed prompt has no likelihood.
pub(super) fn read(value: Value) -> Result<(Vec<TokenLogprob>, i64), Value> {
    let Ok(lists) = Lists::deserialize(&value) else { return Err(value) };
    if lists.tokens.len() != lists.token_logprobs.len() {
        return Err(value);
    }
    let mut tops = lists.top_logprobs.unwrap_or_default().into_iter();
    let pairs = lists.tokens.into_iter().zip(lists.token_logprobs);
    let tokens = pairs.map(|(text, logprob)| TokenLogprob {
        token: Alternative { text, logprob, bytes: None },
        top: tops.next().flatten().into_iter().flatten().filter_map(alternative).collect(),
    });
    let offset = lists.text_offset.and_then(|offsets| offsets.first().copied()).unwrap_or_default();
    Ok((tokens.collect(), offset))
}

fn alternative((text, logprob): (String, Value)) -> Option<Alternative> {
    Some(Alternative { text, logprob: logprob.as_f64()?, bytes: None })
}

/// Writes the lists. Offsets are in characters, counted on from `offset`.
pub(super) fn write(tokens: &[TokenLogprob], offset: &mut i64) -> Value {
    let mut offsets = Vec::with_capacity(tokens.len());
    for entry in tokens {
        offsets.push(*offset);
        *offset = offset.saturating_add(i64::try_from(entry.token.text.chars().count()).unwrap_or(i64::MAX));
    }
    let tops: Vec<Value> = tokens.iter().map(|entry| top(&entry.top)).collect();
    let asked = tokens.iter().any(|entry| !entry.top.is_empty());
    let mut lists = json!({
        "tokens": tokens.iter().map(|entry| &entry.token.text).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|entry| entry.token.logprob).collect::<Vec<_>>(),
        "text_offset": offsets,
    });
    if asked {
        lists["top_logprobs"] = Value::Array(tops);
    }
    lists
}

fn top(alternatives: &[Alternative]) -> Value {
    alternatives.iter().map(|one| (one.text.clone(), json!(one.logprob))).collect::<Map<_, _>>().into()
}
