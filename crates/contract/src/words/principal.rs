//! Who calls: org → team → app → key, plus the end user the app names.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Id, Pattern, Timestamp};
use crate::settings::Rate;

/// What a key may be used for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Calls to models.
    Inference,
    /// Reading through the admin API.
    AdminRead,
    /// Changing things through the admin API.
    AdminWrite,
}

/// The caller, resolved from the credential and shared by all its requests.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The key's id; none for `auth.anonymous` callers and for the admin key of the configuration.
    pub key: Option<Id>,
    /// The key's name, unique among keys; shown in logs and metrics.
    pub name: Arc<str>,
    /// The organisation that pays, until tenancy is configured `default`.
    pub org: Arc<str>,
    /// The team within the organisation.
    pub team: Option<Arc<str>>,
    /// The app within the team.
    pub app: Option<Arc<str>>,
    /// What the credential may be used for.
    pub scopes: Vec<Scope>,
    /// Models it may name; empty means all.
    pub models: Vec<Pattern>,
    /// Requests it may send in a window; none means no limit.
    pub requests: Option<Rate>,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

impl Principal {
    /// May it name this model?
    #[must_use]
    pub fn may_use(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model))
    }

    /// Does the credential carry this scope?
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}
