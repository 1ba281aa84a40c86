//! A request as the upstream received it, and what became of it.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use tokio::sync::watch;

/// What became of an exchange, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The script is still running.
    Open,
    /// The script was played to its end.
    Answered(Instant),
    /// The script broke the connection, as it was told to.
    Broken(Instant),
    /// The client closed or reset the connection before the script was at its end.
    Gone(Instant),
}

/// One request and its fate. Clones share the fate.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Method.
    pub method: Method,
    /// Path and query as they were sent.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body, without chunk framing.
    pub body: Bytes,
    /// When the last byte of the request was read.
    pub at: Instant,
    /// Which connection it came on; the first accepted is 0.
    pub connection: usize,
    pub(super) fate: watch::Receiver<Fate>,
}

impl Exchange {
    /// A header as text; empty when it is missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body of the upstream request is JSON")
    }

    /// What became of it so far.
    #[must_use]
    pub fn fate(&self) -> Fate {
        *self.fate.borrow()
    }

    /// Waits until the script is over and says how it ended.
    pub async fn end(&self) -> Fate {
        let mut fate = self.fate.clone();
        let ended = crate::soon("the end of an upstream exchange", fate.wait_for(|fate| *fate != Fate::Open));
        *ended.await.expect("the upstream was dropped while a script was running")
    }

    /// Waits until the client has left and says when that was noticed.
    ///
    /// # Panics
    /// When the exchange ended in any other way.
    pub async fn gone(&self) -> Instant {
        match self.end().await {
            Fate::Gone(at) => at,
            fate => panic!("the client should have hung up, but the exchange ended as {fate:?}"),
        }
    }
}
