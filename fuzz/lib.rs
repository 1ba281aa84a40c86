//! What the targets share: the first byte of an input picks the dialect, so that each target covers them all.

use contract::words::Dialect;

/// The dialect an input is in, and the rest of it.
pub fn dialect(input: &[u8]) -> Option<(Dialect, &[u8])> {
    let (first, rest) = input.split_first()?;
    Some((Dialect::ALL[usize::from(*first) % Dialect::ALL.len()], rest))
}

/// Cuts bytes at places that the input itself names.
pub fn cut(input: &[u8]) -> Vec<bytes::Bytes> {
    let mut rest = bytes::Bytes::copy_from_slice(input);
    let mut pieces = Vec::new();
    let mut sizes = input.iter().map(|byte| usize::from(*byte % 61) + 1);
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(usize::MAX).min(rest.len());
        pieces.push(rest.split_to(size));
    }
    pieces
}
