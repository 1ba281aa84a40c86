//! The port for what only the composition root knows: which configuration serves, since when, and how the last reload went.

use contract::words::Timestamp;

/// How this instance is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayStatus {
    /// The release, such as `0.1.0`.
    pub version: &'static str,
    /// When the process began to serve.
    pub started: Timestamp,
    /// The version of the snapshot that serves; one more with each successful reload.
    pub snapshot: u64,
    /// The last reload; none before the first.
    pub reload: Option<Reload>,
}

/// How a reload of the configuration went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// When it was tried.
    pub at: Timestamp,
    /// Why the file was refused; none when it was taken. May name paths of the configuration, never values.
    pub error: Option<String>,
}

/// Tells how this instance is doing.
pub trait StatusSource: Send + Sync {
    /// As of now.
    fn status(&self) -> GatewayStatus;
}
