//! Google's credentials: the JSON of a service account's key, or of a person who logged in with `gcloud`
//! (cloud.google.com/docs/authentication/application-default-credentials, developers.google.com/identity/protocols/oauth2/service-account).

use std::time::Duration;

use contract::ports::Outbound;
use contract::words::{Secret, Timestamp};
use http::Uri;
use serde::Deserialize;
use serde_json::json;

use super::quirks;
use crate::jwt::Signer;
use crate::tokens::{Form, Login, form};

/// How long an assertion holds; Google takes no longer one.
const LIFE: Duration = Duration::from_secs(3600);

/// What the JSON holds.
#[derive(Deserialize)]
struct Credentials {
    #[serde(rename = "type")]
    kind: String,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
}

/// A login, and the project the credential belongs to.
pub(super) struct Known {
    pub(super) login: Box<dyn Login>,
    pub(super) project: Option<String>,
}

/// Reads a credential.
///
/// # Errors
/// What is wrong with it, to follow the name of the setting.
pub(super) fn read(text: &str) -> Result<Known, String> {
    // What serde says may quote the text, which is secret.
    let given: Credentials =
        serde_json::from_str(text).map_err(|_| "is not the JSON of a Google credential".to_owned())?;
    let url = given.token_uri.as_deref().unwrap_or(quirks::TOKEN_URL);
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.scheme().is_some() && uri.host().is_some());
    let uri = uri.ok_or("has a token_uri that is not a URL")?;
    let need = |field: &Option<String>, name: &str| field.clone().ok_or_else(|| format!("has no {name}"));
    let login: Box<dyn Login> = match given.kind.as_str() {
        "service_account" => Box::new(ServiceAccount {
            email: need(&given.client_email, "client_email")?,
            signer: Signer::new(&need(&given.private_key, "private_key")?, given.private_key_id.clone())?,
            uri,
        }),
        "authorized_user" => Box::new(Form {
            uri,
            fields: vec![
                ("grant_type", Secret::new("refresh_token")),
                ("client_id", Secret::new(need(&given.client_id, "client_id")?)),
                ("client_secret", Secret::new(need(&given.client_secret, "client_secret")?)),
                ("refresh_token", Secret::new(need(&given.refresh_token, "refresh_token")?)),
            ],
            authorization: None,
            provider: None,
        }),
        _ => return Err("is of a type other than service_account and authorized_user".to_owned()),
    };
    Ok(Known { login, project: given.project_id.or(given.quota_project_id) })
}

/// A service account, which signs for itself.
struct ServiceAccount {
    email: String,
    signer: Signer,
    uri: Uri,
}

impl Login for ServiceAccount {
    fn ask(&self, now: Timestamp) -> Result<Outbound, String> {
        let claims = json!({
            "iss": self.email,
            "scope": quirks::SCOPE,
            "aud": self.uri.to_string(),
            "iat": now.seconds(),
            "exp": now.plus(LIFE).seconds(),
        });
        let assertion = self.signer.sign(&claims).ok_or("the assertion cannot be signed")?;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        Ok(form(self.uri.clone(), &[("grant_type", grant), ("assertion", &assertion)]))
    }
}
