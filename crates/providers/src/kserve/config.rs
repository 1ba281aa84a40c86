//! Settings of a server that speaks the Open Inference Protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::account_config;

account_config! {
    /// A server that speaks the Open Inference Protocol: KServe, Triton, MLServer, OpenVINO. `base_url` must be set; a key
    /// is sent only if there is one.
    {
        /// The version of every model that is called without one. Usually the server chooses. A name may carry its own:
        /// `resnet/versions/2`.
        model_version: Option<String>,
        /// For models that make vectors of texts: the tensors they take and give.
        embeddings: Option<TensorConfig>,
    }
}

/// The tensors of models that make vectors of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorConfig {
    /// The name of the tensor that takes the texts, as `BYTES`.
    pub input: String,
    /// The name of the tensor that holds the vectors, one row for each text.
    pub output: String,
    /// Do the texts stand in rows of one column, `[n, 1]`, as models need that Triton batches? Otherwise in a list, `[n]`.
    #[serde(default)]
    pub column: bool,
}
