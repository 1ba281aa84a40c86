//! Who calls.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Answer, BoxFuture, Page, PageRequest};
use crate::Fault;
use crate::settings::Rate;
use crate::words::{Id, Pattern, Principal, Scope, Secret, Timestamp};

/// Resolves a credential. Reads memory only: keys are indexed when they change, not when they are used.
pub trait Keyring: Send + Sync {
    /// The caller behind a presented key; `None` when no credential was sent.
    ///
    /// # Errors
    /// `missing_key`, `invalid_key`, `expired_key`.
    fn identify<'a>(&'a self, presented: Option<&'a str>) -> Answer<'a, Result<Arc<Principal>, Fault>>;
}

/// What a key is to be: the configuration schema and the admin API share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeySpec {
    /// Its name, unique among keys; shown in logs and metrics.
    pub name: String,
    /// The organisation that pays; `default` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// The team within the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The app within the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What it may be used for; `[inference]` when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Models it may name, exactly or by a prefix ending in `*`; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Pattern>,
    /// What it may consume; no limit when left out.
    #[serde(default)]
    pub limits: KeyLimits,
    /// From when on it is refused (RFC 3339); never when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires: Option<Timestamp>,
}

/// What a key may consume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyLimits {
    /// Requests in a window, such as `60/min`. Bursts up to the whole count are let through, then one each window/count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Rate>,
}

/// A key as the admin API shows it: never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its id.
    pub id: Id,
    /// What it is.
    #[serde(flatten)]
    pub spec: KeySpec,
    /// The last four characters of the secret, to tell keys apart.
    pub hint: Option<String>,
    /// `file` keys can only be changed in the configuration file.
    pub source: KeySource,
    /// When it was made; none for keys of the file.
    pub created: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The version to send with a change (`if-match`).
    pub version: i64,
}

/// Where a key was defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// The configuration file.
    File,
    /// The database, by CLI or admin API.
    Store,
}

/// A new secret with the key it opens. Shown once.
#[derive(Clone, Debug)]
pub struct MintedKey {
    /// The key.
    pub view: KeyView,
    /// What the client sends.
    pub secret: Secret,
}

/// Making and ending keys, for the admin API and the CLI.
pub trait KeyAdmin: Send + Sync {
    /// A page of keys: those of the file first, then the stored ones in the order they were made.
    fn list(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<KeyView>, Fault>>;
    /// One key.
    fn get(&self, id: Id) -> BoxFuture<'_, Result<KeyView, Fault>>;
    /// Makes a key. Faults: `invalid_request`, `conflict` when the name is taken.
    fn create(&self, spec: KeySpec) -> BoxFuture<'_, Result<MintedKey, Fault>>;
    /// Gives a key a new secret; the old one is refused from then on. `expected`: the version the caller saw, if it says.
    fn rotate(&self, id: Id, expected: Option<i64>) -> BoxFuture<'_, Result<MintedKey, Fault>>;
    /// Ends a key for good; it stays listed.
    fn revoke(&self, id: Id, expected: Option<i64>) -> BoxFuture<'_, Result<KeyView, Fault>>;
}
