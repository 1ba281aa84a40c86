//! A message body that costs no box when its bytes are at hand: empty, one buffer, a few, or a stream.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// Why a body ended early. What it says is for logs, never for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The peer closed or reset the connection.
    #[error("connection lost before the body was complete")]
    Lost,
    /// Nothing arrived for longer than allowed.
    #[error("nothing arrived within the idle timeout")]
    Idle,
    /// The whole exchange took longer than allowed.
    #[error("the total timeout passed before the body was complete")]
    Deadline,
    /// The body is larger than allowed.
    #[error("body larger than {0} bytes")]
    TooLarge(u64),
    /// The bytes are not what the dialect allows; the stream was ended.
    #[error("the body is not valid in its dialect")]
    Malformed,
}

type BoxStream = Pin<Box<dyn HttpBody<Data = Bytes, Error = BodyError> + Send>>;

/// A request or response body.
#[derive(Default)]
pub enum Body {
    /// No bytes.
    #[default]
    Empty,
    /// Bytes at hand in one buffer.
    Full(Bytes),
    /// Bytes at hand in several buffers; sent in order without joining them.
    Chain(VecDeque<Bytes>),
    /// Bytes that arrive over time.
    Stream(BoxStream),
}

impl Body {
    /// A body that arrives over time.
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + 'static,
    {
        Self::Stream(Box::pin(body))
    }

    /// The number of bytes when they are all at hand.
    #[must_use]
    pub fn known_len(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Chain(parts) => Some(parts.iter().map(|part| part.len() as u64).sum()),
            Self::Stream(body) => body.size_hint().exact(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_len() {
            Some(len) => write!(f, "Body({len} bytes)"),
            None => f.write_str("Body(stream)"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.has_remaining() { Self::Full(bytes) } else { Self::Empty }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Chain(parts) => Poll::Ready(parts.pop_front().map(|part| Ok(Frame::data(part)))),
            Self::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Chain(parts) => parts.is_empty(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Stream(body) => body.size_hint(),
            _ => SizeHint::with_exact(self.known_len().unwrap_or_default()),
        }
    }
}
