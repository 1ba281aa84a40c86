//! Settings of a Databricks workspace.

use crate::account::account_config;
use contract::settings::SecretText;

account_config! {
    /// A Databricks workspace. `base_url` must be set to the workspace's URL; the credential is a personal access token in
    /// `api_key`, or a service principal.
    {
        /// The service principal's application id, for OAuth instead of `api_key`.
        client_id: Option<String>,
        /// The service principal's secret.
        client_secret: Option<SecretText>,
    }
}
