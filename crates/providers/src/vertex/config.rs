//! Settings of a Google Cloud project with Vertex AI.

use crate::account::account_config;
use contract::settings::SecretText;

account_config! {
    /// A Google Cloud project with Vertex AI. The credential is `credentials` or `access_token`; `base_url` follows from
    /// `location` unless set.
    {
        /// The project's id; that of `credentials` unless set.
        project: Option<String>,
        /// Where models run: `global` (unless set), `us`, `eu`, or a region such as `europe-west1`.
        location: Option<String>,
        /// The JSON of a service account's key, or of `gcloud auth application-default login`; best as `file:PATH`.
        credentials: Option<SecretText>,
        /// An OAuth token instead. It is sent as it is and not renewed.
        access_token: Option<SecretText>,
    }
}
