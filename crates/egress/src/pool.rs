//! Where idle connections wait: one pool for each provider, scheme and authority, last in first out.
//!
//! A connection that served a moment ago is the least likely to be dead, and the ones beneath it grow old and are closed.
//! Connections for URLs that a caller supplied are never kept: each is made to an address that was just checked.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use contract::ports::PoolState;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::alarm::Alarm;
use crate::connection::{Line, Link, Mux};
use crate::target::Target;

/// Most streams we open on one HTTP/2 connection before we open another: servers usually allow 100 (RFC 9113 §6.5.2
/// recommends no less), and hyper would queue further ones without telling.
const STREAMS: usize = 100;

/// How much is kept for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) max_idle: usize,
    pub(crate) idle_timeout: Duration,
}

/// All pools.
pub(crate) struct Pools {
    book: RwLock<Book>,
    tasks: TaskTracker,
}

struct Book {
    limits: Limits,
    /// By provider: each has few, most have one.
    pools: HashMap<Option<Arc<str>>, Vec<Arc<Pool>>>,
    counters: HashMap<Arc<str>, Arc<Counters>>,
}

impl Book {
    fn find(&self, provider: &Option<Arc<str>>, target: &Target) -> Option<Arc<Pool>> {
        self.pools.get(provider)?.iter().find(|pool| pool.target == *target).cloned()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.pools.values().flatten()
    }
}

#[derive(Default)]
struct Counters {
    open: AtomicU64,
    opened: AtomicU64,
}

impl Pools {
    pub(crate) fn new(limits: Limits, tasks: TaskTracker) -> Self {
        let book = Book { limits, pools: HashMap::new(), counters: HashMap::new() };
        Self { book: RwLock::new(book), tasks }
    }

    /// The pool for a target. That of an unchecked one is shared; a `checked` one gets a pool that keeps nothing.
    pub(crate) fn of(&self, provider: Option<Arc<str>>, target: Target, checked: bool) -> Arc<Pool> {
        if !checked && let Some(pool) = self.read().find(&provider, &target) {
            return pool;
        }
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        if !checked && let Some(pool) = book.find(&provider, &target) {
            return pool;
        }
        let label = provider.clone().unwrap_or_else(|| Arc::from("other"));
        let counters = book.counters.entry(label.clone()).or_default().clone();
        let limits = if checked { Limits { max_idle: 0, ..book.limits } } else { book.limits };
        let (tasks, shelf) = (self.tasks.clone(), Mutex::default());
        let pool = Arc::new(Pool { label, provider, target, checked, limits, counters, tasks, shelf });
        if !checked {
            book.pools.entry(pool.provider.clone()).or_default().push(pool.clone());
        }
        pool
    }

    /// Closes what is idle and forgets the pools; calls under way go on, and close their connections when they end.
    pub(crate) fn reset(&self, limits: Limits) {
        let mut book = self.book.write().unwrap_or_else(PoisonError::into_inner);
        book.limits = limits;
        book.pools.clear();
    }

    /// Closes what has been idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        for pool in self.read().all() {
            pool.sweep(now);
        }
    }

    pub(crate) fn states(&self) -> Vec<PoolState> {
        let book = self.read();
        let mut states: Vec<PoolState> = book
            .counters
            .iter()
            .map(|(label, counters)| PoolState {
                provider: label.clone(),
                open: counters.open.load(Ordering::Relaxed),
                idle: book.all().filter(|pool| pool.label == *label).map(|pool| pool.idle()).sum(),
                opened: counters.opened.load(Ordering::Relaxed),
            })
            .collect();
        states.sort_by(|one, other| one.provider.cmp(&other.provider));
        states
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections to one place on behalf of one provider.
pub(crate) struct Pool {
    label: Arc<str>,
    pub(crate) provider: Option<Arc<str>>,
    pub(crate) target: Target,
    /// Only public addresses?
    pub(crate) checked: bool,
    limits: Limits,
    counters: Arc<Counters>,
    pub(crate) tasks: TaskTracker,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// The longest idle first.
    lines: VecDeque<(Line, Instant)>,
    /// With the time they were last seen in use.
    muxes: Vec<(Mux, Instant)>,
}

impl Pool {
    /// A connection that can most likely take a call now, if there is one. Whether it is still open shows when it is used,
    /// before anything is sent on it.
    pub(crate) fn take(&self, now: Instant) -> Option<Link> {
        let mut shelf = self.shelf();
        shelf.muxes.retain(|(mux, _)| !mux.is_closed());
        if let Some((mux, _)) = shelf.muxes.iter().find(|(mux, _)| mux.streams() < STREAMS) {
            return Some(Link::Mux(mux.clone(), Alarm::new(now + self.limits.idle_timeout)));
        }
        while let Some((line, since)) = shelf.lines.pop_back() {
            let fresh = now.saturating_duration_since(since) < self.limits.idle_timeout;
            if fresh && line.may_be_ready() {
                return Some(Link::Line(line));
            }
        }
        None
    }

    /// Keeps a connection whose call was read to the end.
    pub(crate) fn keep(&self, mut line: Line) {
        // Usually the last look at the socket has done all there is to do.
        if self.limits.max_idle == 0 || !(line.may_be_ready() || line.is_ready()) {
            return;
        }
        let now = Instant::now();
        let mut shelf = self.shelf();
        if shelf.lines.len() >= self.limits.max_idle {
            shelf.lines.pop_front();
        }
        shelf.lines.push_back((line, now));
    }

    /// Shares a fresh HTTP/2 connection.
    pub(crate) fn share(&self, mux: Mux) {
        if self.limits.max_idle > 0 {
            self.shelf().muxes.push((mux, Instant::now()));
        }
    }

    /// Counts a connection for as long as the guard lives.
    pub(crate) fn gauge(&self) -> Gauge {
        self.counters.open.fetch_add(1, Ordering::Relaxed);
        self.counters.opened.fetch_add(1, Ordering::Relaxed);
        Gauge(self.counters.clone())
    }

    fn sweep(&self, now: Instant) {
        let old = |since: Instant| now.saturating_duration_since(since) >= self.limits.idle_timeout;
        let mut shelf = self.shelf();
        shelf.lines.retain_mut(|(line, since)| !old(*since) && line.is_ready());
        shelf.muxes.retain_mut(|(mux, used)| {
            if mux.streams() > 0 {
                *used = now;
            }
            !mux.is_closed() && !old(*used)
        });
    }

    fn idle(&self) -> u64 {
        let mut shelf = self.shelf();
        shelf.lines.retain_mut(|(line, _)| line.is_ready());
        let lines = shelf.lines.len();
        let muxes = shelf.muxes.iter().filter(|(mux, _)| !mux.is_closed() && mux.streams() == 0).count();
        (lines + muxes) as u64
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open connection in the counters.
pub(crate) struct Gauge(Arc<Counters>);

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A link on loan from its pool. Dropped, it closes its connection or resets its stream; [`Lease::end`] gives it back.
pub(crate) struct Lease {
    pub(crate) link: Link,
    pub(crate) pool: Arc<Pool>,
}

impl Lease {
    /// The call is over and everything was read.
    pub(crate) fn end(self) {
        if let Link::Line(line) = self.link {
            self.pool.keep(line);
        }
    }
}
