//! Request limits on this instance: GCRA (the virtual-scheduling form of ITU-T I.371 §A.1), exact under concurrency.
//!
//! A key with `60/min` may send 60 at once and then one each second. Its whole state is one number, the theoretical arrival
//! time: when the bucket will be full again. Limits that hold across instances come with the Redis back end.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::fault::LimitState;
use contract::ports::{Answer, Ask, Clock, Hold, Meter, Spent};
use contract::settings::Rate;
use contract::words::{Id, Principal, Tick};
use contract::{Code, Fault};

/// Locks are held for nanoseconds; more shards than cores keeps them apart.
const SHARDS: usize = 16;
/// A shard is swept of idle keys when it has grown to this many and at most doubles in between.
const SWEEP: usize = 1_024;

/// The limits of all keys.
pub struct Limits {
    clock: Arc<dyn Clock>,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    /// Key → the tick (in nanoseconds) at which nothing is used up any more.
    full_at: HashMap<Id, u64, IdHashing>,
    sweep_at: usize,
}

/// Ids are random enough by themselves: their last eight bytes are the hash.
#[derive(Clone, Copy, Default)]
struct IdHashing;

#[derive(Default)]
struct IdHash(u64);

impl BuildHasher for IdHashing {
    type Hasher = IdHash;

    fn build_hasher(&self) -> IdHash {
        IdHash::default()
    }
}

impl Hasher for IdHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(tail) = bytes.last_chunk::<8>() {
            self.0 = u64::from_le_bytes(*tail);
        }
    }
}

impl Limits {
    /// No key has used anything yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, shards: Default::default() }
    }

    fn take(&self, key: Id, rate: Rate) -> Result<LimitState, Fault> {
        let shard = usize::from(key.bytes()[15]) % SHARDS;
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        // Within the lock: to a request that was overtaken since it looked, the others would seem to come from the future.
        let now = self.clock.tick();
        let full_at = shard.full_at.entry(key).or_default();
        let (next, state) = step(rate, *full_at, now)?;
        *full_at = next;
        shard.sweep(now);
        Ok(state)
    }
}

impl Shard {
    fn sweep(&mut self, now: Tick) {
        if self.full_at.len() > self.sweep_at.max(SWEEP) {
            self.full_at.retain(|_, full_at| *full_at > now.0);
            self.sweep_at = self.full_at.len() * 2;
        }
    }
}

/// One request: the new state, or how long to wait.
fn step(rate: Rate, full_at: u64, now: Tick) -> Result<(u64, LimitState), Fault> {
    let window = nanos(rate.window);
    let interval = (window / rate.count.max(1)).max(1);
    let next = full_at.max(now.0).saturating_add(interval);
    let used = next - now.0;
    let capacity = interval.saturating_mul(rate.count);
    let state = |used: u64, full_at: u64| LimitState {
        limit: rate.count,
        remaining: capacity.saturating_sub(used) / interval,
        reset: Duration::from_nanos(full_at.saturating_sub(now.0)),
    };
    if used > capacity {
        let wait = Duration::from_nanos(used - capacity);
        return Err(Fault::saying(
            Code::RateLimited,
            format!("This API key is limited to {rate}. Wait as long as 'retry-after' says."),
        )
        .retry_after(wait)
        .limited(state(used - interval, full_at)));
    }
    Ok((next, state(used, next)))
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Meter for Limits {
    fn admit<'a>(&'a self, who: &'a Principal, _: Ask) -> Answer<'a, Result<Hold, Fault>> {
        let (Some(key), Some(rate)) = (who.key, who.requests) else {
            return Answer::now(Ok(Hold::default()));
        };
        Answer::now(self.take(key, rate).map(|state| Hold { state: Some(state), ticket: 0 }))
    }

    fn settle(&self, _: &Principal, _: &Hold, _: Spent) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};

    use contract::ports::BoxFuture;
    use contract::words::{IdKind, Timestamp};

    use super::*;

    #[derive(Default)]
    struct Still(AtomicU64);

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn tick(&self) -> Tick {
            Tick(self.0.load(Ordering::Relaxed))
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    impl Still {
        fn advance(&self, span: Duration) {
            self.0.fetch_add(nanos(span), Ordering::Relaxed);
        }
    }

    fn per_minute(count: u64) -> Rate {
        Rate { count, window: Duration::from_secs(60) }
    }

    #[test]
    fn a_burst_then_one_each_interval() {
        let clock = Arc::new(Still(AtomicU64::new(1 << 40)));
        let limits = Limits::new(clock.clone());
        let key = Id::new(IdKind::Key);
        for left in (0..3).rev() {
            assert_eq!(limits.take(key, per_minute(3)).unwrap().remaining, left);
        }
        let fault = limits.take(key, per_minute(3)).unwrap_err();
        assert_eq!((fault.code(), fault.wait()), (Code::RateLimited, Some(Duration::from_secs(20))));
        assert_eq!(fault.limit().unwrap().remaining, 0);

        clock.advance(Duration::from_secs(20));
        assert!(limits.take(key, per_minute(3)).is_ok());
        assert!(limits.take(key, per_minute(3)).is_err());

        clock.advance(Duration::from_secs(3_600));
        let state = limits.take(key, per_minute(3)).unwrap();
        assert_eq!((state.remaining, state.reset), (2, Duration::from_secs(20)));
    }

    /// Later at each look, as a clock that runs is; and whoever looks first is overtaken by all others, if that can be.
    #[derive(Default)]
    struct Running(AtomicU64);

    impl Clock for Running {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn tick(&self) -> Tick {
            let now = self.0.fetch_add(1, Ordering::Relaxed);
            if now == 0 {
                (0..1_000).for_each(|_| std::thread::yield_now());
            }
            Tick(now)
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn exactly_the_limit_passes_under_concurrency() {
        let limits = Limits::new(Arc::new(Running::default()));
        let key = Id::new(IdKind::Key);
        let (left, start) = (Mutex::new(Vec::new()), Barrier::new(64));
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..50 {
                        if let Ok(state) = limits.take(key, per_minute(3_190)) {
                            left.lock().unwrap().push(state.remaining);
                        }
                    }
                });
            }
        });
        let mut left = left.into_inner().unwrap();
        left.sort_unstable();
        assert_eq!(left, (0..3_190).collect::<Vec<_>>(), "each of the allowed requests once");
    }

    #[test]
    fn idle_keys_are_forgotten() {
        let clock = Arc::new(Still::default());
        let limits = Limits::new(clock.clone());
        for _ in 0..SHARDS * SWEEP * 2 {
            limits.take(Id::new(IdKind::Key), per_minute(60)).unwrap();
            clock.advance(Duration::from_millis(1));
        }
        let kept: usize = limits.shards.iter().map(|shard| shard.lock().unwrap().full_at.len()).sum();
        assert!(kept < SHARDS * SWEEP * 2, "{kept}");
    }
}
