//! Reading a whole body under a cap. A body that comes in one piece, as most do, is not copied.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use contract::body::{Body, BodyError};
use http_body::Body as _;

/// Reads everything, `max` bytes at most.
///
/// # Errors
/// What the body failed with, or [`BodyError::TooLarge`].
pub(crate) async fn collect(mut body: Body, max: u64) -> Result<Bytes, BodyError> {
    let expected = usize::try_from(body.size_hint().lower().min(max)).unwrap_or_default();
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame?.into_data() else { continue };
        if (first.len() + whole.len() + data.len()) as u64 > max {
            return Err(BodyError::TooLarge(max));
        }
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if !first.is_empty() {
            whole.reserve(expected.max(first.len() + data.len()));
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn chain(parts: &[&'static str]) -> Body {
        Body::Chain(parts.iter().map(|part| Bytes::from_static(part.as_bytes())).collect::<VecDeque<_>>())
    }

    #[tokio::test]
    async fn pieces_are_joined_in_order() {
        for (parts, whole) in
            [(&[][..], ""), (&["one"], "one"), (&["a", "b", "c"], "abc"), (&["", "x", ""], "x")]
        {
            assert_eq!(collect(chain(parts), 10).await.unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn the_cap_counts_all_pieces() {
        assert!(collect(chain(&["12345", "67890"]), 10).await.is_ok());
        assert_eq!(collect(chain(&["12345", "678901"]), 10).await.unwrap_err(), BodyError::TooLarge(10));
    }
}
