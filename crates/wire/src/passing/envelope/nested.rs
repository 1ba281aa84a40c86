//! A model that stands deep in a body.

use std::ops::Range;

use contract::Fault;

use crate::bedrock::{MODEL_AT, model_of};
use crate::fields::missing;
use crate::json;

/// The model of a Bedrock rerank, and where its ARN stands.
///
/// # Errors
/// `invalid_request`: there is none.
pub(super) fn model(body: &[u8]) -> Result<(String, Range<usize>), Fault> {
    let found = at(body, &MODEL_AT).and_then(|at| {
        let arn = json::string(body.get(at.clone())?)?;
        Some((model_of(&arn).to_owned(), at))
    });
    found.ok_or_else(|| missing(&MODEL_AT.join(".")))
}

/// Where the value stands that these names lead to, from the outside in.
fn at(body: &[u8], names: &[&str]) -> Option<Range<usize>> {
    let mut range = 0..body.len();
    for name in names {
        let from = range.start;
        let mut found = None;
        json::members(body.get(range)?, |member| {
            if member.name.as_deref() == Some(name.as_bytes()) {
                let start = from + member.start;
                found = Some(start..start + member.value.len());
            }
        })?;
        range = found?;
    }
    Some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_a_value() {
        let body = br#" {"a": 1, "b": {"c": {"d": "x" }}}"#;
        assert_eq!(body.get(at(body, &["b", "c", "d"]).unwrap()), Some(&b"\"x\""[..]));
        for names in [&["b", "x"][..], &["a", "b"], &["x"]] {
            assert_eq!(at(body, names), None);
        }
    }
}
