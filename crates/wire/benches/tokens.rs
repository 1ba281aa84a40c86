//! What a token costs to count, and what a body costs to weigh.

#![expect(clippy::unwrap_used, reason = "a bench")]
fn main() {}
