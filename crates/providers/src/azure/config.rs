//! Settings of an Azure OpenAI or Foundry resource.

use crate::account::account_config;
use contract::settings::SecretText;

account_config! {
    /// An Azure OpenAI or Foundry resource. `resource` or `base_url` (its endpoint) must be set. The credential is one of
    /// `api_key`, `access_token`, or a service principal (`tenant_id`, `client_id`, `client_secret`). Models are named by
    /// their deployments.
    {
        /// The resource's name: the first part of `NAME.openai.azure.com`.
        resource: Option<String>,
        /// A dated version, such as `2024-10-21`, to use the paths that have the deployment in them. Without one the v1 API
        /// is used, which needs none.
        api_version: Option<String>,
        /// A bearer token of Entra ID. It is sent as it is and not renewed.
        access_token: Option<SecretText>,
        /// The directory of the service principal.
        tenant_id: Option<String>,
        /// The service principal's application id.
        client_id: Option<String>,
        /// The service principal's secret.
        client_secret: Option<SecretText>,
        /// Where tokens are given out: `https://login.microsoftonline.com` unless set, for sovereign clouds.
        authority: Option<String>,
    }
}
