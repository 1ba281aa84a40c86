//! What the dialects of token counts share: the number in an answer. Their requests are in the folders of their services.

use contract::canon::{CountReply, Receipt};
use contract::words::Dialect;
use serde::Deserialize;
use serde_json::{Value, json};

use bytes::Bytes;

use crate::WireError;
use crate::fields::Fields;
use crate::outgoing::own_fields;
use crate::usage::Count;

/// Reads an answer whose count has this name.
///
/// # Errors
/// There is none.
pub(crate) fn read(dialect: Dialect, body: &[u8], name: &str) -> Result<CountReply, WireError> {
    let invalid = |reason: String| WireError { dialect, reason };
    let body: Value = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    let mut fields = Fields::of(body, "").map_err(|error| invalid(error.to_string()))?;
    let tokens = fields.value(name).and_then(|tokens| Count::deserialize(tokens).ok()?.0);
    let tokens = tokens.ok_or_else(|| invalid(format!("no {name}")))?;
    Ok(CountReply { tokens, extra: fields.extra(dialect) })
}

/// Writes an answer whose count has this name.
pub(crate) fn write(dialect: Dialect, reply: &CountReply, name: &str, receipt: &mut Receipt) -> Bytes {
    let mut out = json!({});
    put(&mut out, dialect, (reply, name), receipt);
    out.to_string().into()
}

/// Puts the count under its name into an answer, and what else its own dialect said.
pub(crate) fn put(
    out: &mut Value,
    dialect: Dialect,
    (reply, name): (&CountReply, &str),
    receipt: &mut Receipt,
) {
    let Some(out) = out.as_object_mut() else { return };
    out.insert(name.to_owned(), reply.tokens.into());
    for (name, value) in own_fields(dialect, &reply.extra, "", receipt).into_iter().flatten() {
        out.insert(name.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_or_missed() {
        let read = |body: &[u8]| read(Dialect::AnthropicCount, body, "input_tokens");
        assert_eq!(read(br#"{"input_tokens":7,"more":1}"#).unwrap().tokens, 7);
        for body in [&b"{}"[..], b"[]", b"{", br#"{"input_tokens":-1}"#] {
            assert!(read(body).is_err());
        }
    }

    #[test]
    fn what_else_is_said_stays_with_its_dialect() {
        let body = br#"{"input_tokens":7,"context_management":{"original_input_tokens":9}}"#;
        let reply = read(Dialect::AnthropicCount, body, "input_tokens").unwrap();
        let mut receipt = Receipt::default();
        let back = write(Dialect::AnthropicCount, &reply, "input_tokens", &mut receipt);
        assert_eq!((&back[..], receipt.is_empty()), (&body[..], true));
        let other = write(Dialect::GeminiCount, &reply, "totalTokens", &mut receipt);
        assert_eq!(
            (&other[..], receipt.to_string().as_str()),
            (&br#"{"totalTokens":7}"#[..], "context_management")
        );
    }
}
