//! A response body on its way in: bounded in time, giving its connection back at the end and closing it otherwise.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use contract::Body;
use contract::body::BodyError;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use crate::client::after;
use crate::connection::Link;
use crate::pool::Lease;

/// How long a body that was let go of may take to show that it was over anyway.
const LINGER: Duration = Duration::from_millis(25);

pub(crate) struct Tail {
    /// Taken out only when this is dropped.
    incoming: Option<Incoming>,
    /// What had arrived with the head.
    first: Option<Result<Bytes, BodyError>>,
    /// None once the body is over, whichever way.
    lease: Option<Lease>,
    /// Longest wait for the next chunk.
    idle: Duration,
    /// When the whole exchange has to be over.
    end: Instant,
    /// Since we wait for the upstream: when to give up. While the client is the slow one, nothing runs.
    due: Option<Instant>,
    /// It was let go of, and only its end is waited for.
    left: bool,
}

impl Tail {
    pub(crate) fn new(incoming: Incoming, lease: Lease, idle: Duration, end: Instant) -> Self {
        Self { incoming: Some(incoming), first: None, lease: Some(lease), idle, end, due: None, left: false }
    }

    /// The body as the caller gets it. One of known length that came with its head, as most short ones do, is at hand, and its
    /// connection is given back at once.
    pub(crate) fn into_body(mut self) -> Body {
        let (Some(incoming), Some(lease)) = (&mut self.incoming, &self.lease) else { return Body::Empty };
        if incoming.is_end_stream() {
            self.release();
            return Body::Empty;
        }
        if !matches!(lease.link, Link::Line(_)) || incoming.size_hint().exact().is_none() {
            return Body::stream(self);
        }
        let arrived = Pin::new(&mut *incoming).poll_frame(&mut Context::from_waker(Waker::noop()));
        let over = incoming.is_end_stream();
        match arrived.map_ok(Frame::into_data) {
            Poll::Ready(Some(Ok(Ok(data)))) if over => {
                self.release();
                return Body::Full(data);
            }
            Poll::Ready(Some(Ok(Ok(data)))) => self.first = Some(Ok(data)),
            Poll::Ready(Some(Err(error))) => self.first = Some(Err(lost(&error))),
            // A body of known length has no trailers.
            Poll::Ready(Some(Ok(Err(_))) | None) | Poll::Pending => {}
        }
        Body::stream(self)
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

impl HttpBody for Tail {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this.first.take() {
            Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Err(error)) => {
                this.lease = None;
                return Poll::Ready(Some(Err(error)));
            }
            None => {}
        }
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
                this.lease = None;
                Poll::Ready(Some(Err(lost(&error))))
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
        let rest = self.incoming.as_ref().map(HttpBody::size_hint).unwrap_or_default();
        match (&self.first, rest.exact()) {
            (Some(Ok(data)), Some(rest)) => SizeHint::with_exact(data.len() as u64 + rest),
            _ => rest,
        }
    }
}

fn lost(error: &hyper::Error) -> BodyError {
    tracing::debug!(%error, "an upstream body broke off");
    BodyError::Lost
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
    /// A reader who saw the last event of a chunked stream seldom waits for the end of the body, which is on its way or
    /// here already: the connection is worth a short wait for it, and one that is shared sees no reset. Anything else closes it
    /// at once.
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let Some(incoming) = self.incoming.take() else { return };
        // Not twice: a runtime that shuts down drops what it is given.
        if self.left || incoming.size_hint().exact().is_some() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let tasks = lease.pool.tasks.clone();
            let mut rest = Self::new(incoming, lease, LINGER, self.end);
            rest.left = true;
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
