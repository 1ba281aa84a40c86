//! What was read of a stream in passing: figures, failures, how far it has come.

use contract::words::Usage;

/// What has been seen of a stream so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What the upstream reported last; none when it has reported nothing.
    pub usage: Option<Usage>,
    /// The processing tier the upstream says it used, when it said so beside its usage.
    pub service_tier: Option<String>,
    /// The failure that the upstream reported within the stream.
    pub error: Option<StreamError>,
    /// Has the last event gone by (`[DONE]`, `message_stop`)? Usage can still come before it, not after.
    pub ended: bool,
    /// Has the answer's first content gone by: text, thoughts, a refusal or a call?
    pub content_started: bool,
    /// Bytes of text, thoughts and arguments so far: for an estimate when the stream is cut.
    pub output_bytes: u64,
    /// May the end of the answer stand in what could not be looked into? HTTP's own framing tells then whether it is there.
    pub unread: bool,
    /// Has the upstream said that the answer is finished?
    pub(crate) finished: bool,
}

/// What the upstream says when it fails in mid-stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// Its error type, in its own words.
    pub kind: Option<String>,
    /// Its message.
    pub message: String,
}

impl Seen {
    /// Has the answer been completed (`[DONE]` or a finish reason, `message_stop`, `finishReason`)? One that failed is not, whatever
    /// else it says: some name the failure as the reason for which they finished (OpenRouter).
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.error.is_none() && self.finished
    }

    /// What cannot be looked into counts as text, so that an estimate has it.
    pub(crate) const fn unreadable(&mut self, bytes: usize) {
        self.unread = true;
        self.content_started = true;
        self.output_bytes += bytes as u64;
    }
}
