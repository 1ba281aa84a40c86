//! Facts about Databricks' model serving. Source: docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference,
//! .../dev-tools/auth/oauth-m2m, .../machine-learning/model-serving/query-anthropic-messages.

use wire::Quirks;

use crate::followers::USUAL;
use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "databricks",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[],
    forwards: &["openai-beta", "anthropic-version", "anthropic-beta"],
};

/// The same for a service principal, which has no key.
pub(super) const FACTS_OAUTH: Facts = Facts { keyless: true, ..FACTS };

/// Below the workspace's URL.
pub(super) const PATH: &str = "/serving-endpoints";
pub(super) const TOKEN_PATH: &str = "/oidc/v1/token";
pub(super) const LIST_PATH: &str = "/api/2.0/serving-endpoints";

/// The models that speak their maker's dialect.
pub(super) const GPT: &[&str] = &["databricks-gpt-5"];
pub(super) const CLAUDE: &[&str] = &["databricks-claude"];

pub(super) const QUIRKS: Quirks =
    Quirks { refuses: &["metadata", "service_tier", "store", "user"], accepts: &["top_k"], ..USUAL };
