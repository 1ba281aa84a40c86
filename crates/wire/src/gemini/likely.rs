//! `logprobsResult` ↔ canon's likelihoods of tokens.

use contract::canon::{Alternative, TokenLogprob};
use serde_json::{Value, json};

/// The chosen tokens with the likeliest in their place.
pub(super) fn read(result: &Value) -> Vec<TokenLogprob> {
    let empty = Vec::new();
    let list = |name: &str| result.get(name).and_then(Value::as_array).unwrap_or(&empty);
    let mut tops = list("topCandidates").iter();
    let token = |chosen: &Value| {
        let top = tops.next().and_then(|top| top.get("candidates")?.as_array());
        TokenLogprob { token: alternative(chosen), top: top.into_iter().flatten().map(alternative).collect() }
    };
    list("chosenCandidates").iter().map(token).collect()
}

fn alternative(candidate: &Value) -> Alternative {
    let text = candidate.get("token").and_then(Value::as_str).unwrap_or_default().to_owned();
    let logprob = candidate.get("logProbability").and_then(Value::as_f64).unwrap_or_default();
    Alternative { text, logprob, bytes: None }
}

/// Writes them; none when there are none.
pub(super) fn write(tokens: &[TokenLogprob]) -> Option<Value> {
    if tokens.is_empty() {
        return None;
    }
    let one = |of: &Alternative| json!({"token": of.text, "logProbability": of.logprob});
    let chosen: Vec<Value> = tokens.iter().map(|token| one(&token.token)).collect();
    let mut result = json!({"chosenCandidates": chosen});
    if tokens.iter().any(|token| !token.top.is_empty()) {
        let tops =
            tokens.iter().map(|token| json!({"candidates": token.top.iter().map(one).collect::<Vec<_>>()}));
        result["topCandidates"] = tops.collect();
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likelihoods_come_back() {
        let recorded = json!({"chosenCandidates": [{"token": "a", "logProbability": -0.5}, {"token": "b", "logProbability": -1.0}],
            "topCandidates": [{"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "c", "logProbability": -2.0}]},
                {"candidates": []}]});
        let tokens = read(&recorded);
        assert_eq!((tokens.len(), tokens[0].top.len(), tokens[1].top.len()), (2, 2, 0));
        assert_eq!(write(&tokens), Some(recorded));
        assert_eq!((read(&json!({})), write(&[])), (Vec::new(), None));
    }
}
