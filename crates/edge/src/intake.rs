//! The body of a request on its way in: no larger and no slower than allowed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use contract::body::BodyError;
use contract::ports::{BoxFuture, Clock};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::pulse::Pulse;

/// A body that keeps up this rate is let in however long it takes.
const BYTES_PER_SECOND: u64 = 16 << 10;

/// What a body may be.
pub(crate) struct Allowance {
    /// The most bytes.
    pub(crate) bytes: u64,
    /// The longest it may take, unless it keeps up [`BYTES_PER_SECOND`].
    pub(crate) time: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A capped and timed body.
pub(crate) struct Intake<B: HttpBody> {
    body: B,
    allowance: Allowance,
    pulse: Arc<Pulse>,
    received: u64,
    /// Armed when the body is first waited for; a body that came with its head costs no timer.
    timer: Option<BoxFuture<'static, ()>>,
    waited: Duration,
    over: bool,
}

impl<B: HttpBody> Intake<B> {
    pub(crate) const fn new(body: B, allowance: Allowance, pulse: Arc<Pulse>) -> Self {
        Self { body, allowance, pulse, received: 0, timer: None, waited: Duration::ZERO, over: false }
    }

    /// Completes when the time is up.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let allowed =
                self.allowance.time + Duration::from_millis(self.received * 1000 / BYTES_PER_SECOND);
            if self.timer.is_none() {
                let left = allowed.saturating_sub(self.waited);
                if left.is_zero() {
                    return Poll::Ready(());
                }
                self.waited += left;
                self.timer = Some(self.allowance.clock.sleep(left));
            }
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
            }
            self.timer = None;
        }
    }
}

impl<B> HttpBody for Intake<B>
where
    B: HttpBody<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let fault = loop {
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers carry nothing a model call could use.
                    let Some(data) = frame.data_ref() else { continue };
                    this.received += data.len() as u64;
                    if this.received <= this.allowance.bytes {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    break BodyError::TooLarge(this.allowance.bytes);
                }
                Poll::Ready(None) => {
                    this.over = true;
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => break reason(&error),
                Poll::Pending => {
                    ready!(this.poll_late(cx));
                    break BodyError::Deadline;
                }
            }
        };
        Poll::Ready(Some(Err(fault)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: HttpBody> Drop for Intake<B> {
    fn drop(&mut self) {
        if !self.over && !self.body.is_end_stream() {
            self.pulse.left_unread();
        }
    }
}

/// hyper reports broken chunk framing as an I/O error of kind `InvalidInput` or `InvalidData`.
fn reason(error: &hyper::Error) -> BodyError {
    use std::error::Error;
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => BodyError::Malformed,
        _ => BodyError::Lost,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use testkit::clock::VirtualClock;

    use super::*;

    /// A body that has these frames and then waits for ever.
    struct Drip(VecDeque<Bytes>);

    impl HttpBody for Drip {
        type Data = Bytes;
        type Error = hyper::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
            self.0.pop_front().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
        }
    }

    /// How many seconds a body may take that brings this many bytes at once and then waits.
    fn patience(bytes: usize) -> u32 {
        let clock = VirtualClock::new();
        let time = Duration::from_secs(60);
        let allowance = Allowance { bytes: u64::MAX, time, clock: Arc::new(clock.clone()) };
        let mut intake = Intake::new(Drip(VecDeque::from([vec![0; bytes].into()])), allowance, Pulse::new());
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut intake).poll_frame(&mut context).is_ready());
        for second in 0..1000 {
            match Pin::new(&mut intake).poll_frame(&mut context) {
                Poll::Pending => clock.advance(Duration::from_secs(1)),
                Poll::Ready(Some(Err(error))) => {
                    assert_eq!(error, BodyError::Deadline);
                    return second;
                }
                Poll::Ready(_) => panic!("the body has nothing more to give"),
            }
        }
        1000
    }

    #[test]
    fn a_body_may_take_as_long_as_it_keeps_its_rate() {
        assert_eq!(patience(1), 60);
        assert_eq!(patience(16 << 10), 61);
        assert_eq!(patience(1 << 20), 124);
    }

    #[test]
    fn a_body_given_up_before_its_end_is_noted() {
        let pulse = Pulse::new();
        let allowance =
            Allowance { bytes: 1, time: Duration::from_secs(1), clock: Arc::new(VirtualClock::new()) };
        drop(Intake::new(Drip(VecDeque::new()), allowance, Arc::clone(&pulse)));
        assert!(pulse.has_unread());
    }
}
