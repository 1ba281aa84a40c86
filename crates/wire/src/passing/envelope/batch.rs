//! The models that the requests within a batch name (`batchEmbedContents`): each repeats the one of the path.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json;

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow, default)]
    requests: Vec<&'a RawValue>,
}

/// Where the names stand in a body. None of what cannot be read: the provider will say what is wrong with it.
pub(super) fn models_at(body: &[u8]) -> Vec<Range<usize>> {
    let Ok(batch) = serde_json::from_slice::<Batch<'_>>(body) else { return Vec::new() };
    let mut found = Vec::with_capacity(batch.requests.len());
    for request in batch.requests {
        let text = request.get().as_bytes();
        let from = text.as_ptr().addr() - body.as_ptr().addr();
        json::members(text, |member| {
            if member.name.as_deref() == Some(b"model") {
                let start = from + member.start;
                found.push(start..start + member.value.len());
            }
        });
    }
    found
}
