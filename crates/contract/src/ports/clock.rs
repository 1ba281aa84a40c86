//! The only way to learn the time or to wait. Tests put their own in.

use std::time::Duration;

use super::BoxFuture;
use crate::words::{Tick, Timestamp};

/// Wall time, monotonic time and waiting.
pub trait Clock: Send + Sync {
    /// Wall time.
    fn now(&self) -> Timestamp;
    /// Monotonic time.
    fn tick(&self) -> Tick;
    /// Completes after this long.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}
