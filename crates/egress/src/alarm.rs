//! One timer for all phases of a call, kept with its connection and moved as rarely as possible.
//!
//! Moving a timer to an earlier time costs a lock in the runtime, so it is only ever moved when it must be: a timer
//! that is set too early goes off, finds that the time has not come, and is set again. On a busy connection that is
//! once per timeout instead of once per chunk.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    pub(crate) fn new(due: Instant) -> Self {
        Self(Box::pin(sleep_until(due)))
    }

    /// Ready once `due` has passed; otherwise the task is woken then, or earlier.
    pub(crate) fn poll_due(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.deadline() > due {
            self.0.as_mut().reset(due);
        }
        while self.0.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(due);
        }
        Poll::Pending
    }
}
