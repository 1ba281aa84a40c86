//! How much is going on: connections, model calls, and whether we are shutting down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts against the caps. One for the whole edge.
pub(crate) struct Load {
    calls: AtomicUsize,
    max_calls: usize,
    connections: AtomicUsize,
    max_connections: usize,
    draining: AtomicBool,
    quiet: Notify,
}

/// The right to make one model call, given back when its answer has ended.
pub(crate) struct Permit(Arc<Load>);

/// The right to one connection, given back when it is closed.
pub(crate) struct Slot(Arc<Load>);

impl Load {
    pub(crate) fn new(max_calls: usize, max_connections: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicUsize::new(0),
            max_calls,
            connections: AtomicUsize::new(0),
            max_connections,
            draining: AtomicBool::new(false),
            quiet: Notify::new(),
        })
    }

    /// Room for one more call, if there is.
    pub(crate) fn call(self: &Arc<Self>) -> Option<Permit> {
        take(&self.calls, self.max_calls).then(|| Permit(Arc::clone(self)))
    }

    /// Room for one more connection, if there is.
    pub(crate) fn connection(self: &Arc<Self>) -> Option<Slot> {
        take(&self.connections, self.max_connections).then(|| Slot(Arc::clone(self)))
    }

    /// Refuses new calls from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Completes when no call is under way. Only meaningful once [`Load::drain`] was called.
    pub(crate) async fn quiet(&self) {
        loop {
            let mut notified = std::pin::pin!(self.quiet.notified());
            notified.as_mut().enable();
            if self.calls.load(Ordering::SeqCst) == 0 {
                return;
            }
            notified.await;
        }
    }
}

fn take(count: &AtomicUsize, most: usize) -> bool {
    let taken = count.fetch_add(1, Ordering::SeqCst) < most;
    if !taken {
        count.fetch_sub(1, Ordering::SeqCst);
    }
    taken
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.0.calls.fetch_sub(1, Ordering::SeqCst) == 1 && self.0.draining.load(Ordering::SeqCst) {
            self.0.quiet.notify_waiters();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_are_given_back() {
        let load = Load::new(2, 1);
        let first = load.call().unwrap();
        let _second = load.call().unwrap();
        assert!(load.call().is_none());
        drop(first);
        assert!(load.call().is_some());
    }

    #[tokio::test]
    async fn quiet_waits_for_the_last_call() {
        let load = Load::new(2, 1);
        let permit = load.call().unwrap();
        load.drain();
        let mut quiet = std::pin::pin!(load.quiet());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(quiet.as_mut().poll(&mut context).is_pending());
        drop(permit);
        quiet.await;
    }
}
