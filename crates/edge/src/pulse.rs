//! What the parts of one connection know of each other: its socket, its requests and its watchdog share one [`Pulse`].
//!
//! The hot path only bumps counters here and reads no clock; the [`watchdog`](crate::watchdog) looks at them now and then.
//! The pulse is also the waker of the connection's timer and of the shutdown: the task looks at either only when poked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use memchr::memmem;

use crate::watchdog::State;

/// What shutdown asks of a connection. Later ones include earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Signal {
    /// Carry on.
    None = 0,
    /// HTTP/2: tell the client to open no more streams. HTTP/1 needs no telling: its answers say `connection: close`.
    GoAway = 1,
    /// Close as soon as nothing is under way.
    Close = 2,
    /// Close now.
    Kill = 3,
}

/// The most of a request head that is kept for a second look.
const KEPT_HEAD: usize = 1024;

/// The vital signs of one connection.
pub(crate) struct Pulse {
    signal: AtomicU8,
    poked: AtomicBool,
    task: Mutex<Option<Waker>>,
    writes: AtomicU32,
    heads: AtomicU32,
    in_flight: AtomicU32,
    head_begun: AtomicBool,
    blocked: AtomicBool,
    unread: AtomicBool,
    closing: AtomicBool,
    cut: AtomicBool,
    head: Mutex<Vec<u8>>,
}

fn bump(counter: &AtomicU32) {
    // Only the connection's own task writes these, so no atomic addition is needed.
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pulse {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            signal: AtomicU8::new(Signal::None as u8),
            // The first look arms the timer.
            poked: AtomicBool::new(true),
            task: Mutex::default(),
            writes: AtomicU32::new(0),
            heads: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            head_begun: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            head: Mutex::default(),
        })
    }

    /// Bytes of an HTTP/1 connection came in.
    pub(crate) fn read(&self, bytes: &[u8]) {
        if self.in_flight.load(Relaxed) > 0 || bytes.is_empty() {
            return;
        }
        let mut kept = lock(&self.head);
        if !self.head_begun.swap(true, Relaxed) {
            kept.clear();
        }
        // Empty lines may come before a head (RFC 9112 §2.2). Most often it comes whole, with the body behind it.
        let bytes = if kept.is_empty() { bytes.trim_ascii_start() } else { bytes };
        let end = memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |end| end + 4);
        let room = KEPT_HEAD.saturating_sub(kept.len()).min(end);
        kept.extend_from_slice(&bytes[..room]);
    }

    /// Gives the beginning of the head that was read last, as far as it was kept.
    pub(crate) fn with_head<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&lock(&self.head))
    }

    /// Bytes went out.
    pub(crate) fn wrote(&self) {
        bump(&self.writes);
        self.blocked.store(false, Relaxed);
    }

    /// The client takes no more bytes for now.
    pub(crate) fn blocked(&self) {
        self.blocked.store(true, Relaxed);
    }

    /// A head is complete and its request under way until the guard goes.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        bump(&self.heads);
        self.head_begun.store(false, Relaxed);
        // The next head can only be read once the last body is out of the way.
        self.unread.store(false, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// A request body was given up before its end.
    pub(crate) fn left_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    /// Are there bytes the client sent that nobody will read? Closing with them in the socket would make the kernel send a
    /// reset, which can destroy the answer before the client has read it (RFC 9112 §9.6).
    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Relaxed) || self.head_begun.load(Relaxed)
    }

    /// The last byte was sent; what still comes in is thrown away.
    pub(crate) fn closing(&self) {
        self.closing.store(true, Relaxed);
    }

    /// The connection is to end without ceremony.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Relaxed);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    /// What the connection is doing.
    pub(crate) fn state(&self) -> State {
        let heads = self.heads.load(Relaxed);
        if self.closing.load(Relaxed) {
            State::Closing
        } else if self.blocked.load(Relaxed) {
            State::Blocked { writes: self.writes.load(Relaxed) }
        } else if self.in_flight.load(Relaxed) > 0 {
            State::Busy
        } else if heads == 0 || self.head_begun.load(Relaxed) {
            State::Head { heads }
        } else {
            State::Idle { heads }
        }
    }

    /// Names the task to wake when poked.
    pub(crate) fn attach(&self, waker: &Waker) {
        *lock(&self.task) = Some(waker.clone());
    }

    /// Was it poked since the last time?
    pub(crate) fn take_poke(&self) -> bool {
        self.poked.load(Relaxed) && self.poked.swap(false, std::sync::atomic::Ordering::AcqRel)
    }

    pub(crate) fn signal(self: &Arc<Self>, signal: Signal) {
        self.signal.fetch_max(signal as u8, Relaxed);
        Wake::wake_by_ref(self);
    }

    pub(crate) fn signalled(&self, signal: Signal) -> bool {
        self.signal.load(Relaxed) >= signal as u8
    }
}

impl Wake for Pulse {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.poked.store(true, std::sync::atomic::Ordering::Release);
        if let Some(task) = &*lock(&self.task) {
            task.wake_by_ref();
        }
    }
}

/// A request is under way as long as this lives.
pub(crate) struct UnderWay(Arc<Pulse>);

impl UnderWay {
    /// Was the body given up before its end?
    pub(crate) fn left_unread(&self) -> bool {
        self.0.unread.load(Relaxed)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// All open connections, so that shutdown can reach them.
#[derive(Default)]
pub(crate) struct Connections {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Pulse>>>,
}

/// A connection's place among the open ones.
pub(crate) struct Place {
    number: u64,
    connections: Arc<Connections>,
}

impl Connections {
    pub(crate) fn enter(self: &Arc<Self>, pulse: Arc<Pulse>) -> Place {
        let number = self.next.fetch_add(1, Relaxed);
        lock(&self.open).insert(number, pulse);
        Place { number, connections: Arc::clone(self) }
    }

    /// Signals every open connection.
    pub(crate) fn signal(&self, signal: Signal) {
        let open: Vec<_> = lock(&self.open).values().cloned().collect();
        for pulse in open {
            pulse.signal(signal);
        }
    }

    pub(crate) fn count(&self) -> usize {
        lock(&self.open).len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.connections.open).remove(&self.number);
    }
}
