//! Who may call: a key with `admin_read` to read, with `admin_write` to change.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use contract::ports::Keyring;
use contract::words::Scope;
use contract::{Code, Fault};
use http::request::Parts;
use http::{HeaderMap, header};

use crate::refusal::Refusal;

/// Proof that the caller may do what the method does. The first argument of every handler but the document's.
pub(crate) struct Admitted;

impl<S> FromRequestParts<S> for Admitted
where
    S: Send + Sync,
    Arc<dyn Keyring>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        // `auth.anonymous` opens models, never this API: without a key the keyring is not asked.
        let presented = presented(&parts.headers)?.ok_or(Fault::new(Code::MissingKey))?;
        let keyring = Arc::<dyn Keyring>::from_ref(state);
        let who = keyring.identify(Some(presented)).await?;
        let (scope, name) = if parts.method.is_safe() {
            (Scope::AdminRead, "admin_read")
        } else {
            (Scope::AdminWrite, "admin_write")
        };
        if who.has(scope) {
            Ok(Self)
        } else {
            let text = format!("This needs a key with the scope '{name}'.");
            Err(Fault::saying(Code::InsufficientScope, text).into())
        }
    }
}

/// The key in `authorization: Bearer` (RFC 6750 §2.1) or `x-api-key`.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let text = |name| {
        headers.get(name).map(|value| value.to_str().map_err(|_| Fault::new(Code::InvalidKey))).transpose()
    };
    if let Some(value) = text(header::AUTHORIZATION)?
        && let Some((scheme, key)) = value.split_once(' ')
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return Ok(Some(key.trim()));
    }
    text(header::HeaderName::from_static("x-api-key"))
}
