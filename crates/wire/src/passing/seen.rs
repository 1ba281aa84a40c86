//! What was read of a stream in passing: figures, failures, how far it has come.

use contract::ports::InputSize;
use contract::words::Usage;

/// What cannot be looked into is hardly text if it is larger.
const TEXT: usize = 64 << 10;

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
    /// Text, thoughts and arguments so far, pictures and sound: for an estimate when the stream is cut.
    pub output: InputSize,
    /// How many bytes of text had been said when the upstream reported last.
    pub(crate) told_at: u64,
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
    /// May there be more output than the upstream has reported? Some report at once what the input is, and one token of output.
    #[must_use]
    pub fn is_underreported(&self) -> bool {
        self.usage.is_none_or(|usage| usage.output == 0) || self.told_at < self.output.text
    }

    /// The upstream reports what was consumed up to here.
    pub(crate) const fn reported(&mut self, usage: Usage) {
        self.usage = Some(usage);
        self.told_at = self.output.text;
    }

    /// Has the answer been completed (`[DONE]` or a finish reason, `message_stop`, `finishReason`)? One that failed is not, whatever
    /// else it says: some name the failure as the reason for which they finished (OpenRouter).
    #[must_use]
    pub const fn complete(&self) -> bool {
        self.error.is_none() && self.finished
    }

    /// What cannot be looked into counts as text, so that an estimate has it; as a picture if it is large.
    pub(crate) const fn unreadable(&mut self, bytes: usize) {
        if bytes > TEXT {
            return self.too_large(true);
        }
        self.unread = true;
        self.content_started = true;
        self.output.text += bytes as u64;
    }

    /// So does a frame that is too large to be held: `first`: this is the first that goes by of it.
    pub(crate) const fn too_large(&mut self, first: bool) {
        self.unread = true;
        self.content_started = true;
        self.output.pictures += first as u64;
    }
}
