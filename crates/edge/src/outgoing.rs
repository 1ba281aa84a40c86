//! The body of an answer on its way to the client. Its end, or its loss, gives back what the request held.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use contract::Body;
use contract::body::BodyError;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::load::Permit;
use crate::pulse::UnderWay;
use crate::streams;

/// An answer's body with what is held until it has ended.
pub(crate) struct Outgoing {
    body: Body,
    _permit: Option<Permit>,
    _under_way: UnderWay,
}

impl Outgoing {
    pub(crate) const fn new(body: Body, permit: Option<Permit>, under_way: UnderWay) -> Self {
        Self { body, _permit: permit, _under_way: under_way }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        streams::mark(matches!(frame, Poll::Ready(Some(Ok(_)))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
