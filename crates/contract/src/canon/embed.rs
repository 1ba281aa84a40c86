//! Texts in, vectors out.

use super::Extra;
use crate::words::Usage;

/// A request for vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedRequest {
    /// The model as the target is to read it.
    pub model: String,
    /// What to embed, in order.
    pub inputs: Vec<EmbedInput>,
    /// Length of the vectors, for models that can shorten them.
    pub dimensions: Option<u64>,
    /// How the client wants the numbers written.
    pub format: VectorFormat,
    /// The end user, as the app names them.
    pub user: Option<String>,
    /// Fields canon has no word for.
    pub extra: Extra,
}

/// One thing to embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbedInput {
    /// A text.
    Text(String),
    /// A text already cut into tokens of the target's vocabulary.
    Tokens(Vec<u32>),
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorFormat {
    /// A JSON array of numbers.
    #[default]
    Float,
    /// Base64 of little-endian 32-bit floats.
    Base64,
}

/// The vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedReply {
    /// The model that says it answered.
    pub model: String,
    /// One for each input, in order.
    pub vectors: Vec<Vector>,
    /// What it consumed.
    pub usage: Option<Usage>,
}

/// One vector.
pub type Vector = Vec<f32>;
