//! A response body on its way in: bounded in time, giving its connection back at the end and closing it otherwise.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use contract::body::BodyError;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::client::after;
use crate::connection::Link;
use crate::pool::Lease;

/// How long a body that was let go of may take to show that it was over anyway.
const LINGER: Duration = Duration::from_millis(5);

pub(crate) struct Tail {
    /// Taken out only when this is dropped.
    incoming: Option<Incoming>,
    /// None once the body is over, whichever way.
    lease: Option<Lease>,
    /// Longest wait for the next chunk.
    idle: Duration,
    /// When the whole exchange has to be over.
    end: Instant,
    /// Since we wait for the upstream: when to give up. While the client is the slow one, nothing runs.
    due: Option<Instant>,
}

impl Tail {
    pub(crate) fn new(incoming: Incoming, lease: Lease, idle: Duration, end: Instant) -> Self {
        Self { incoming: Some(incoming), lease: Some(lease), idle, end, due: None }
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(None) };
        let due = *self.due.get_or_insert_with(|| after(Instant::now(), self.idle).min(self.end));
        if lease.link.alarm().poll_due(due, cx).is_pending() {
            return Poll::Pending;
        }
        self.lease = None;
        Poll::Ready(Some(Err(if due == self.end { BodyError::Deadline } else { BodyError::Idle })))
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
    }
}

impl Body for Tail {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let (Some(incoming), Some(lease)) = (&mut this.incoming, &mut this.lease) else {
            return Poll::Ready(None);
        };
        match next(incoming, lease, cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.due = None;
                // A body of known length is over with its last byte, and nobody may ask for the end of it.
                if incoming.is_end_stream() {
                    this.release();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "an upstream body broke off");
                this.lease = None;
                Poll::Ready(Some(Err(BodyError::Lost)))
            }
            Poll::Ready(None) => {
                this.release();
                Poll::Ready(None)
            }
            Poll::Pending => this.wait(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

/// The next frame. What has arrived already goes before another look at the socket.
fn next(
    incoming: &mut Incoming,
    lease: &mut Lease,
    cx: &mut Context<'_>,
) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
    if matches!(lease.link, Link::Mux(..)) {
        return Pin::new(incoming).poll_frame(cx);
    }
    let unwoken = &mut Context::from_waker(Waker::noop());
    let arrived = Pin::new(&mut *incoming).poll_frame(unwoken);
    if arrived.is_ready() {
        return arrived;
    }
    lease.link.drive(cx);
    Pin::new(incoming).poll_frame(unwoken)
}

impl Drop for Tail {
    /// A reader who saw the last event of a chunked stream seldom asks for the end of the body, which is on its way or
    /// here already: the connection is worth a short wait for it. Anything else closes it at once.
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let Some(incoming) = self.incoming.take() else { return };
        if !matches!(lease.link, Link::Line(_)) || incoming.size_hint().exact().is_some() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let tasks = lease.pool.tasks.clone();
            let rest = Self::new(incoming, lease, LINGER, self.end);
            tasks.spawn_on(drain(rest), &runtime);
        }
    }
}

/// Reads on for a moment: if nothing but the end of the body comes, that gives the connection back.
async fn drain(mut rest: Tail) {
    // A frame, an error or silence: the connection is closed with what is left of the body.
    let ended = timeout(LINGER, rest.frame()).await;
    if !matches!(ended, Ok(None)) {
        rest.lease = None;
    }
}
