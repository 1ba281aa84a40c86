//! A conversation in, the number of its tokens out.

use super::Extra;

/// The tokens of a conversation that was not answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountReply {
    /// The tokens of the whole input.
    pub tokens: u64,
    /// Fields of the upstream's dialect that canon has no word for.
    pub extra: Extra,
}
