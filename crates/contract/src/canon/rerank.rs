//! A question and documents in, the documents by relevance out.

use serde_json::Value;

use super::Extra;
use crate::words::Usage;

/// A request to order documents by relevance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RerankRequest {
    /// The model as the target is to read it.
    pub model: String,
    /// What is asked.
    pub query: String,
    /// The documents, in the client's order.
    pub documents: Vec<RankedDocument>,
    /// The most results wanted.
    pub top_n: Option<u64>,
    /// Send the documents back with the results?
    pub return_documents: Option<bool>,
    /// Fields canon has no word for.
    pub extra: Extra,
}

/// A document to be ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum RankedDocument {
    /// A text.
    Text(String),
    /// An object with fields, of which `text` is read unless the request says otherwise.
    Object(Value),
}

/// The documents by relevance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RerankReply {
    /// The id the upstream gave it.
    pub id: String,
    /// The model that says it answered.
    pub model: String,
    /// The most relevant first.
    pub results: Vec<Ranked>,
    /// What it consumed.
    pub usage: Option<Usage>,
    /// Fields of the upstream's dialect that canon has no word for.
    pub extra: Extra,
}

/// One document with its relevance.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Its place in the request, from 0.
    pub index: u64,
    /// How relevant it is; the scale is the model's, higher is more.
    pub score: f64,
    /// The document, if it was asked for.
    pub document: Option<Value>,
}
