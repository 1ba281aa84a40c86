//! Settings of a watsonx.ai instance.

use crate::account::account_config;
use contract::settings::SecretText;

account_config! {
    /// A watsonx.ai instance. `base_url` must be set, such as `https://us-south.ml.cloud.ibm.com`; `api_key` is an IBM Cloud
    /// API key, for which tokens are asked for.
    {
        /// The project that the use is counted to; this or `space_id`.
        project_id: Option<String>,
        /// The deployment space that the use is counted to.
        space_id: Option<String>,
        /// A bearer token instead of `api_key`. It is sent as it is and not renewed.
        access_token: Option<SecretText>,
        /// The date of the API, `2025-10-01` unless set.
        api_version: Option<String>,
        /// Where tokens are given out: `https://iam.cloud.ibm.com/identity/token` unless set.
        token_url: Option<String>,
    }
}
