//! Counts in the head of an answer: `InvokeModel` tells them beside the body, which has none for some models (docs: "Monitoring
//! model invocation"). Counts in bodies are in `usage.rs`.

use contract::words::Usage;
use http::{HeaderMap, HeaderName, HeaderValue};

const INPUT: HeaderName = HeaderName::from_static("x-amzn-bedrock-input-token-count");
const OUTPUT: HeaderName = HeaderName::from_static("x-amzn-bedrock-output-token-count");
const CACHED: HeaderName = HeaderName::from_static("x-amzn-bedrock-cache-read-input-token-count");
const WRITTEN: HeaderName = HeaderName::from_static("x-amzn-bedrock-cache-write-input-token-count");

/// What the head of an answer says was consumed.
#[must_use]
pub fn told(head: &HeaderMap) -> Option<Usage> {
    let count = |name| head.get(name)?.to_str().ok()?.parse::<u64>().ok();
    let (input, output) = (count(INPUT), count(OUTPUT));
    if input.is_none() && output.is_none() {
        return None;
    }
    Some(Usage {
        input: input.unwrap_or_default(),
        cached: count(CACHED).unwrap_or_default(),
        cache_write: count(WRITTEN).unwrap_or_default(),
        output: output.unwrap_or_default(),
        // Vectors have no output.
        partial: input.is_none(),
        ..Usage::default()
    })
}

/// Says in the head of an answer how many tokens went in: of several calls that are answered as one.
pub fn tell(head: &mut HeaderMap, input: u64) {
    head.insert(INPUT, HeaderValue::from(input));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let mut head = HeaderMap::new();
        assert_eq!(told(&head), None);
        head.insert(INPUT, HeaderValue::from_static("many"));
        assert_eq!(told(&head), None);
        tell(&mut head, 7);
        assert_eq!(told(&head), Some(Usage { input: 7, ..Usage::default() }));
        head.insert(OUTPUT, HeaderValue::from_static("5"));
        head.insert(CACHED, HeaderValue::from_static("3"));
        head.insert(WRITTEN, HeaderValue::from_static("2"));
        let all = Usage { input: 7, output: 5, cached: 3, cache_write: 2, ..Usage::default() };
        assert_eq!(told(&head), Some(all));
    }
}
