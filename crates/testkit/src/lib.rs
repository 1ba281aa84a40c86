//! What tests of every crate share: scripted upstreams, a clock they turn by hand, a client that sees each frame, and
//! the built gateway as a child process.
//!
//! A dev-dependency only, and itself test code: where a test would panic, so does this. It knows the wire shapes of the
//! upstreams it plays, never the code under test. Look next at [`upstream`] for the misbehaving providers.

#![expect(clippy::expect_used, clippy::panic, reason = "a failed step of a test helper is a failed test")]

pub mod client;
pub mod clock;
pub mod gateway;
pub mod shapes;
pub mod upstream;

use std::time::Duration;

/// The longest a helper waits for something that must happen. Only a failing test ever waits this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Awaits something that must happen soon.
///
/// # Panics
/// When it does not happen within [`PATIENCE`]; `what` says what was awaited.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}
