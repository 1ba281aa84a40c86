//! Requests that name no model, because the API has a usual one (OpenAI's API reference: "Create moderation", "Create image",
//! "Create image edit").

use bytes::Bytes;
use contract::words::Dialect;

use crate::json;

/// Fields of a request for pictures that only the newer models have.
const NEWER: [&[u8]; 6] =
    [b"background", b"moderation", b"output_compression", b"output_format", b"partial_images", b"stream"];

/// The model that OpenAI takes where a body names none; none where one has to be named.
pub(super) fn model(dialect: Dialect, body: &Bytes) -> Option<&'static str> {
    const DRAWS: &str = "gpt-image-1.5";
    match dialect {
        Dialect::OpenaiModerations => Some("omni-moderation-latest"),
        Dialect::OpenaiImageEdits => Some(DRAWS),
        Dialect::OpenaiImages => {
            let mut newer = false;
            json::members(body, |member| {
                newer |=
                    member.value != b"null" && member.name.is_some_and(|name| NEWER.contains(&name.as_ref()));
            });
            Some(if newer { DRAWS } else { "dall-e-2" })
        }
        _ => None,
    }
}

/// What is put in at the beginning of an object to name its model.
pub(super) fn member(model: &str, body: &[u8]) -> Vec<u8> {
    let inside = memchr::memchr(b'{', body).and_then(|brace| body.get(brace + 1..)).unwrap_or_default();
    let comma = if inside.trim_ascii_start().starts_with(b"}") { "" } else { "," };
    format!("\"model\":{}{comma}", serde_json::Value::from(model)).into_bytes()
}
