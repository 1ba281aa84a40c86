//! Signed thoughts that are valid in more than one dialect: Claude's, in its own and in Bedrock's. Blocks of any other kind
//! are read in the dialect they were written in alone.

use contract::canon::{Native, Part, PartKind};
use contract::words::Dialect;
use serde_json::{Value, json};

/// The thought as it is in another dialect; none: it is no signed thought, or nothing there.
pub(super) fn written_in(part: &Part, dialect: Dialect) -> Option<Part> {
    if !matches!(part.kind, PartKind::Reasoning(_)) {
        return None;
    }
    let native = part.native.as_ref()?;
    let signature = match native.owner {
        Dialect::AnthropicMessages => native.value.get("signature"),
        Dialect::BedrockConverse => native.value.pointer("/reasoningContent/reasoningText/signature"),
        _ => None,
    };
    let signature = signature.and_then(Value::as_str).filter(|signature| !signature.is_empty())?;
    let value = match dialect {
        Dialect::AnthropicMessages => json!({ "signature": signature }),
        Dialect::BedrockConverse => {
            json!({ "reasoningContent": { "reasoningText": { "signature": signature } } })
        }
        _ => return None,
    };
    Some(Part { native: Some(Native { owner: dialect, value }), ..part.clone() })
}
