//! An answer that is usually at hand and sometimes takes a wait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a hot port returns: a value now, or a future when a wait is needed.
pub enum Answer<'a, T> {
    /// At hand. The option is empty once the value was taken.
    Now(Option<T>),
    /// Later.
    Later(BoxFuture<'a, T>),
}

impl<T> Answer<'_, T> {
    /// An answer at hand.
    pub const fn now(value: T) -> Self {
        Self::Now(Some(value))
    }
}

impl<T: Unpin> Future for Answer<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut *self {
            Self::Now(value) => match value.take() {
                Some(value) => Poll::Ready(value),
                None => Poll::Pending,
            },
            Self::Later(future) => future.as_mut().poll(cx),
        }
    }
}
