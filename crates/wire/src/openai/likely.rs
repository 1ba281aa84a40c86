//! `logprobs` of a choice ↔ canon: `{"content": [{token, logprob, bytes, top_logprobs}], "refusal": […]}`.
//!
//! Canon has one list. A refusal's tokens are written as `refusal` when the choice holds nothing else.

use contract::canon::{Alternative, TokenLogprob};
use serde_json::{Map, Value, json};

use crate::outgoing::merge;

/// Takes the tokens out. What canon has no word for is given back: of tokens that say more, the whole list.
pub(super) fn read(value: Value) -> (Vec<TokenLogprob>, Option<Value>) {
    let Value::Object(mut left) = value else { return (Vec::new(), Some(value)) };
    if let Some(tokens) = in_columns(&left) {
        return (tokens, Some(Value::Object(left)));
    }
    let mut tokens = Vec::new();
    for name in ["content", "refusal"] {
        let Some(Value::Array(list)) = left.get(name) else { continue };
        // What is said of a refusal beside a text has no place in canon.
        let read: Option<Vec<_>> = list.iter().map(token).collect();
        let Some(read) = read.filter(|read| !read.is_empty() && tokens.is_empty()) else { continue };
        tokens = read;
        if list.iter().all(is_plain) {
            left.shift_remove(name);
        }
    }
    left.retain(|_, value| !value.is_null());
    (tokens, (!left.is_empty()).then_some(Value::Object(left)))
}

/// Together's form: a list of tokens beside one of likelihoods (docs.together.ai, "Log probs").
fn in_columns(columns: &Map<String, Value>) -> Option<Vec<TokenLogprob>> {
    let column = |name: &str| columns.get(name).and_then(Value::as_array);
    let (tokens, likelihoods) = (column("tokens")?, column(COLUMN)?);
    let top = |at: usize| {
        let likely = column("top_logprobs").and_then(|top| top.get(at)?.as_object()).into_iter().flatten();
        likely.filter_map(|(text, logprob)| Some(told(text, logprob.as_f64()?))).collect()
    };
    let one = |(at, (token, logprob)): (usize, (&Value, &Value))| {
        Some(TokenLogprob { token: told(token.as_str()?, logprob.as_f64()?), top: top(at) })
    };
    // The first token of an echoed prompt has no likelihood.
    let read: Vec<_> = tokens.iter().zip(likelihoods).enumerate().filter_map(one).collect();
    (!read.is_empty()).then_some(read)
}

const COLUMN: &str = "token_logprobs";

/// In Together's streams the likelihood of a frame's one token is a number.
pub(super) fn alone(logprobs: &Value, text: Option<&str>) -> Option<TokenLogprob> {
    let text = text.filter(|text| !text.is_empty())?;
    Some(TokenLogprob { token: told(text, logprobs.as_f64()?), top: Vec::new() })
}

fn told(text: &str, logprob: f64) -> Alternative {
    Alternative { text: text.to_owned(), logprob, bytes: None }
}

/// Has canon words for all that is said of a token?
fn is_plain(token: &Value) -> bool {
    let known = |key: &String| matches!(key.as_str(), "token" | "logprob" | "bytes" | "top_logprobs");
    let top = token.get("top_logprobs").and_then(Value::as_array).into_iter().flatten();
    token.as_object().is_some_and(|token| token.keys().all(known))
        && top.flat_map(Value::as_object).all(|token| token.keys().all(known))
}

fn token(value: &Value) -> Option<TokenLogprob> {
    let top = value.get("top_logprobs").and_then(Value::as_array).into_iter().flatten();
    Some(TokenLogprob { token: alternative(value)?, top: top.map(alternative).collect::<Option<_>>()? })
}

fn alternative(value: &Value) -> Option<Alternative> {
    let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
    let bytes = value.get("bytes").and_then(Value::as_array);
    Some(Alternative {
        text: value.get("token")?.as_str()?.to_owned(),
        logprob: value.get("logprob")?.as_f64()?,
        bytes: bytes.and_then(|bytes| bytes.iter().map(byte).collect()),
    })
}

/// The whole field: the tokens, and what their server said of them in its own words where that is of the same tokens.
pub(super) fn whole(own: Option<&Value>, tokens: &[TokenLogprob], refused: bool) -> Value {
    let written = write(tokens, refused);
    match (own, written) {
        (Some(Value::Object(own)), _) if own.contains_key(COLUMN) => Value::Object(own.clone()),
        (Some(own @ Value::Number(_)), Some(_)) if tokens.len() == 1 => own.clone(),
        (Some(Value::Object(own)), Some(written)) => {
            let mut out = own.clone();
            let list = if refused { "refusal" } else { "content" };
            let said = out.get(list).and_then(Value::as_array).map(Vec::len);
            if said.is_some_and(|said| said != tokens.len()) {
                out.shift_remove(list);
            }
            merge(&mut out, &written);
            Value::Object(out)
        }
        (_, Some(written)) => Value::Object(written),
        (own, None) => own.cloned().unwrap_or_default(),
    }
}

/// Writes the tokens; none when there are none.
fn write(tokens: &[TokenLogprob], refused: bool) -> Option<Map<String, Value>> {
    if tokens.is_empty() {
        return None;
    }
    let list = Value::Array(tokens.iter().map(write_token).collect());
    let (content, refusal) = if refused { (Value::Null, list) } else { (list, Value::Null) };
    Some(super::content::object([("content", Some(content)), ("refusal", Some(refusal))]))
}

fn write_token(token: &TokenLogprob) -> Value {
    let mut out = write_alternative(&token.token);
    let top: Vec<Value> = token.top.iter().map(write_alternative).collect();
    out["top_logprobs"] = Value::Array(top);
    out
}

fn write_alternative(alternative: &Alternative) -> Value {
    json!({"token": alternative.text, "logprob": alternative.logprob, "bytes": alternative.bytes})
}
