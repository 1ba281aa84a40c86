//! A clock that stands still until a test moves it.
//!
//! Not a fake runtime: timers of tokio keep their own time. What waits on the `Clock` port wakes in [`VirtualClock::advance`],
//! earliest deadline first, and never by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::ports::{BoxFuture, Clock};
use contract::words::{Tick, Timestamp};
use tokio::sync::{oneshot, watch};

/// 2025-01-01T00:00:00Z in microseconds: where virtual clocks start.
const START: Timestamp = Timestamp(1_735_689_600_000_000);

#[derive(Default)]
struct State {
    elapsed: Duration,
    serial: u64,
    sleepers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
}

/// The clock. Clones share the same time.
#[derive(Clone)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
    asleep: Arc<watch::Sender<usize>>,
    start: Timestamp,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self { state: Arc::default(), asleep: Arc::new(watch::Sender::new(0)), start: START }
    }
}

impl VirtualClock {
    /// A clock at 2025-01-01T00:00:00Z, tick 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock at this time, tick 0.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { start, ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves time forward and wakes everybody whose time has come, earliest first. A sleeper that goes back to sleep does so
    /// from the new time on, so advance in steps where the order of several sleeps matters.
    pub fn advance(&self, span: Duration) {
        let due = {
            let mut state = self.state();
            state.elapsed += span;
            let later = (state.elapsed, u64::MAX);
            let rest = state.sleepers.split_off(&later);
            let due = std::mem::replace(&mut state.sleepers, rest);
            self.asleep.send_replace(state.sleepers.len());
            due
        };
        for wake in due.into_values() {
            // A sleeper that was dropped meanwhile needs no waking.
            wake.send(()).ok();
        }
    }

    /// Waits until this many sleepers wait at once, so that a test advances only when the code under test is asleep.
    pub async fn sleepers(&self, count: usize) {
        let mut asleep = self.asleep.subscribe();
        crate::soon("sleepers on the virtual clock", asleep.wait_for(|now| *now >= count))
            .await
            .expect("the clock outlives its watchers");
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.state().elapsed)
    }

    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.state().elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        if span.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        let mut state = self.state();
        // Dropped sleeps (a timeout that was not needed) must not count as sleepers.
        state.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        state.serial += 1;
        let key = (state.elapsed + span, state.serial);
        state.sleepers.insert(key, wake);
        self.asleep.send_replace(state.sleepers.len());
        drop(state);
        Box::pin(async move {
            woken.await.ok();
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_in_order_of_their_deadlines() {
        let clock = VirtualClock::new();
        let late = clock.sleep(Duration::from_secs(20));
        let soon = clock.sleep(Duration::from_secs(5));
        clock.sleepers(2).await;
        clock.advance(Duration::from_secs(5));
        soon.await;
        assert_eq!(clock.now(), START.plus(Duration::from_secs(5)));
        assert_eq!(clock.tick(), Tick(5_000_000_000));
        let mut late = Box::pin(late);
        assert!(futures_poll(&mut late).is_none(), "20 s have not passed");
        clock.advance(Duration::from_secs(15));
        late.await;
    }

    #[tokio::test]
    async fn dropped_sleeps_do_not_count() {
        let clock = VirtualClock::new();
        drop(clock.sleep(Duration::from_secs(1)));
        let _kept = clock.sleep(Duration::from_secs(1));
        assert_eq!(*clock.asleep.borrow(), 1);
    }

    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
