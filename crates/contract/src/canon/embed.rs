//! Texts in, vectors out.

use super::{Extra, Part};
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
    /// What the vectors are for.
    pub task: Option<EmbedTask>,
    /// Cut inputs that are too long instead of refusing them?
    pub truncate: Option<bool>,
    /// The end user, as the app names them.
    pub user: Option<String>,
    /// Fields canon has no word for.
    pub extra: Extra,
}

/// What vectors are for; models that know the difference make better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EmbedTask {
    /// A question, to find documents with.
    Query,
    /// A document, to be found.
    Document,
    /// Telling texts apart.
    Classification,
    /// Grouping texts.
    Clustering,
    /// Comparing texts with each other.
    Similarity,
}

/// One thing to embed.
#[derive(Clone, Debug, PartialEq)]
pub enum EmbedInput {
    /// A text.
    Text(String),
    /// A text already cut into tokens of the target's vocabulary.
    Tokens(Vec<u32>),
    /// Texts and pictures that make one vector.
    Parts(Vec<Part>),
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VectorFormat {
    /// A JSON array of numbers.
    #[default]
    Float,
    /// Base64 of little-endian 32-bit floats.
    Base64,
    /// Signed bytes.
    Int8,
    /// Unsigned bytes.
    Uint8,
    /// Bits packed into signed bytes.
    Binary,
    /// Bits packed into unsigned bytes.
    Ubinary,
}

/// The vectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbedReply {
    /// The model that says it answered.
    pub model: String,
    /// One for each input, in order.
    pub vectors: Vec<Vector>,
    /// How the numbers are to be understood; [`VectorFormat::Base64`] only ever asks, an answer holds floats.
    pub format: VectorFormat,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// Fields of the upstream's dialect that canon has no word for.
    pub extra: Extra,
}

/// One vector. Bytes are held as the numbers they are.
pub type Vector = Vec<f32>;
