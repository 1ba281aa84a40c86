//! Runs the streams of HTTP/2 connections and resets those whose client takes nothing.
//!
//! A stalled stream does not block its connection: the client just grants no flow-control window (RFC 9113 §5.2). hyper then
//! stops asking the answer's body for more, which is what is noticed here: [`Outgoing`](crate::outgoing::Outgoing) marks
//! each frame it hands out, and a stream that rests right after one waits for its client.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use contract::ports::{BoxFuture, Clock};
use hyper::rt::Executor;
use tokio_util::task::TaskTracker;

/// How far the client of a stream has taken its answer.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Taken {
    /// Frames handed out so far.
    frames: u32,
    /// Did the last question bring a frame? Then it is the client's turn, else ours.
    clients_turn: bool,
}

thread_local! {
    /// Of the stream being polled on this thread.
    static TAKEN: Cell<Taken> = const { Cell::new(Taken { frames: 0, clients_turn: false }) };
}

/// The body of the current stream gave a frame (`true`), or has none to give for now.
pub(crate) fn mark(gave: bool) {
    let frames = TAKEN.get().frames.wrapping_add(u32::from(gave));
    TAKEN.set(Taken { frames, clients_turn: gave });
}

/// Spawns streams on the tracker that shutdown waits for.
#[derive(Clone)]
pub(crate) struct Streams {
    pub(crate) tracker: TaskTracker,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stall: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let stream = Box::pin(stream);
        let (clock, stall) = (Arc::clone(&self.clock), self.stall);
        self.tracker.spawn(Stream { stream, clock, stall, taken: Taken::default(), timer: None });
    }
}

struct Stream<F> {
    stream: Pin<Box<F>>,
    clock: Arc<dyn Clock>,
    stall: Duration,
    taken: Taken,
    timer: Option<BoxFuture<'static, ()>>,
}

impl<F: Future<Output = ()>> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        TAKEN.set(this.taken);
        let done = this.stream.as_mut().poll(cx);
        let taken = TAKEN.take();
        if done.is_ready() {
            return done;
        }
        if taken != this.taken {
            this.taken = taken;
            this.timer = None;
        }
        if !taken.clients_turn {
            return Poll::Pending;
        }
        // Dropping the stream resets it.
        this.timer.get_or_insert_with(|| this.clock.sleep(this.stall)).as_mut().poll(cx)
    }
}
