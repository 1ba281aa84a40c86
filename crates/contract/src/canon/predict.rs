//! Anything in, a prediction out: what the two mean is between a client and its model.

use serde_json::{Map, Value};

use crate::words::Usage;

/// A request for a prediction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The model as the target is to read it.
    pub model: String,
    /// All that was sent beside the model.
    pub body: Map<String, Value>,
}

/// A prediction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predicted {
    /// The model that says it answered.
    pub model: String,
    /// What it predicts.
    pub result: Value,
    /// What it consumed.
    pub usage: Option<Usage>,
}
