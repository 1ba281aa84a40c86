//! Watching what there is nothing to read in: sound, pictures, plain text. Bytes pass, and are all there at the end.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::words::Usage;

use super::{StreamError, Watch};

/// A watch over an answer that says nothing of itself.
#[must_use]
pub fn through() -> Box<dyn Watch> {
    Box::new(Through { content: false })
}

struct Through {
    content: bool,
}

impl Watch for Through {
    fn feed(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) {
        if !chunk.is_empty() {
            self.content = true;
            out.push_back(chunk);
        }
    }

    fn finish(&mut self, _: &mut VecDeque<Bytes>) {}

    fn usage(&self) -> Option<Usage> {
        None
    }

    fn service_tier(&self) -> Option<&str> {
        None
    }

    fn complete(&self) -> bool {
        false
    }

    fn unread(&self) -> bool {
        true
    }

    fn ended(&self) -> bool {
        false
    }

    fn content_started(&self) -> bool {
        self.content
    }

    fn output_bytes(&self) -> u64 {
        0
    }

    fn error(&self) -> Option<&StreamError> {
        None
    }
}
