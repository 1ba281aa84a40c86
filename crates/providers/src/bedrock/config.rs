//! Settings of an AWS Bedrock account.

use contract::settings::SecretText;

use crate::account::account_config;

account_config! {
    /// An AWS account with Bedrock in one `region`. It is called with `access_key_id` and `secret_access_key`, or with a
    /// Bedrock API key as `api_key`. `base_url` is `https://bedrock-runtime.<region>.amazonaws.com` unless set.
    {
        /// The id of an access key.
        access_key_id: Option<SecretText>,
        /// Its secret.
        secret_access_key: Option<SecretText>,
        /// The token of temporary credentials.
        session_token: Option<SecretText>,
    }
}
