//! What a request needs that a model cannot do, so that those that can are found by it and not by the words of a refusal.

use std::fmt;

use crate::canon::{MediaKind, VectorFormat};
use crate::words::Operation;

/// A capability that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The operation itself.
    Operation(Operation),
    /// Tools, with their calls and results.
    Tools,
    /// Media in a conversation.
    Media {
        /// What they are.
        kind: MediaKind,
        /// Are they told by an address instead of sent along?
        by_address: bool,
    },
    /// Earlier turns of a conversation.
    Turns,
    /// Texts that are cut into tokens already.
    Tokens,
    /// Vectors of something else than text.
    MediaVectors,
    /// Vectors whose numbers are written like this.
    Vectors(VectorFormat),
    /// Several inputs at a time.
    Batches,
    /// Pictures that are changed, not made.
    Edits,
    /// To be sent the request as its client wrote it: no other dialect can say it.
    Verbatim,
}

/// As it stands in a sentence: "Models with …".
impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operation(operation) => operation.as_str(),
            Self::Tools => "tools",
            Self::Media { kind, by_address } => {
                let kind = match kind {
                    MediaKind::Image => "images",
                    MediaKind::Audio => "audio",
                    MediaKind::Video => "video",
                    MediaKind::Document => "documents (PDF)",
                };
                return write!(f, "{kind}{}", if *by_address { " by address" } else { "" });
            }
            Self::Turns => "conversations of several turns",
            Self::Tokens => "tokens as input",
            Self::MediaVectors => "vectors of pictures and other media",
            Self::Vectors(_) => "vectors in this form",
            Self::Batches => "several inputs at a time",
            Self::Edits => "pictures to be changed",
            Self::Verbatim => "the request as it is",
        })
    }
}
