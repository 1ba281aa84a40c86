//! The real clock: the only place that reads the time of the machine.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::ports::{BoxFuture, Clock};
use contract::words::{Tick, Timestamp};

/// Wall time and monotonic time of the machine, waits of the runtime.
#[derive(Debug)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose ticks count from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}
