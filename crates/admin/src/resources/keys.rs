//! `/admin/v1/keys`: make, list, rotate and revoke keys. A secret is shown when it is made and never again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use contract::ports::{KeyAdmin, KeyLimits, KeySpec, KeyView, MintedKey};
use contract::settings::Rate;
use contract::words::{Id, Pattern, Timestamp};
use contract::{Code, Fault};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AdminPorts;
use crate::access::Admitted;
use crate::input::{IfMatch, JsonBody, KeyId, Query, etag};
use crate::paging::{List, PageQuery};
use crate::refusal::{BadBody, BadQuery, Missing, Refusal, Refusals, Taken, Unchangeable};
use crate::words::{ScopeWord, SourceWord};

type Keys = State<Arc<dyn KeyAdmin>>;

pub(crate) fn routes() -> OpenApiRouter<AdminPorts> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, revoke)).routes(routes!(rotate))
}

/// What a new key is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey, example = json!({
    "name": "search-team", "team": "search", "models": ["fast", "house/*"], "limits": { "requests": "60/min" },
    "expires": "2027-01-01T00:00:00Z"
}))]
struct NewKey {
    /// Its name, unique among keys that are not revoked; shown in logs and metrics.
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9][A-Za-z0-9._@:/+-]*$")]
    name: String,
    /// The organisation that pays; `default` when left out.
    org: Option<String>,
    /// The team within the organisation.
    team: Option<String>,
    /// The app within the team.
    app: Option<String>,
    /// What it may be used for; `["inference"]` when left out.
    #[serde(default)]
    scopes: Vec<ScopeWord>,
    /// Models it may name, exactly or by a prefix ending in `*`; all when left out.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    models: Vec<Pattern>,
    /// What it may consume; no limit when left out.
    #[serde(default)]
    limits: Limits,
    /// From when on it is refused; never when left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
}

/// What a key may consume.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyLimits)]
struct Limits {
    /// Requests in a window, such as `60/min`, `10/s`, `1k/hour` or `100k/day`; no limit when null or left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "60/min")]
    requests: Option<Rate>,
}

/// A key; never its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
struct KeyItem {
    /// Its id.
    #[schema(value_type = String, example = "key_0190a5d27c8b7f3e9a4b5c6d7e8f9a0b")]
    id: Id,
    /// Its name.
    name: String,
    /// The organisation that pays; null is `default`.
    #[schema(required)]
    org: Option<String>,
    /// The team within the organisation.
    #[schema(required)]
    team: Option<String>,
    /// The app within the team.
    #[schema(required)]
    app: Option<String>,
    /// What it may be used for.
    scopes: Vec<ScopeWord>,
    /// Models it may name; empty is all.
    #[schema(value_type = Vec<String>)]
    models: Vec<Pattern>,
    /// What it may consume.
    limits: Limits,
    /// From when on it is refused; null is never.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
    /// The last four characters of the secret, to tell keys apart; null when only the hash is known.
    #[schema(required)]
    hint: Option<String>,
    /// Where it is defined.
    source: SourceWord,
    /// When it was made; null for keys of the file.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    created: Option<Timestamp>,
    /// When it was revoked.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    revoked: Option<Timestamp>,
    /// One more with each change; also the ETag.
    version: i64,
}

/// A key with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyWithSecret)]
struct KeyWithSecret {
    /// What clients send as `authorization: Bearer …`. It cannot be shown again.
    #[schema(example = "pgk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0TyBiU")]
    secret: String,
    /// The key.
    key: KeyItem,
}

impl From<NewKey> for KeySpec {
    fn from(new: NewKey) -> Self {
        let NewKey { name, org, team, app, scopes, models, limits: Limits { requests }, expires } = new;
        let mut given: Vec<contract::words::Scope> = scopes.into_iter().map(Into::into).collect();
        if given.is_empty() {
            given.push(contract::words::Scope::Inference);
        }
        Self { name, org, team, app, scopes: given, models, limits: KeyLimits { requests }, expires }
    }
}

impl From<KeyView> for KeyItem {
    fn from(view: KeyView) -> Self {
        let KeyView { id, spec, hint, source, created, revoked, version } = view;
        let KeySpec { name, org, team, app, mut scopes, models, limits: KeyLimits { requests }, expires } =
            spec;
        if scopes.is_empty() {
            scopes.push(contract::words::Scope::Inference);
        }
        Self {
            id,
            name,
            org,
            team,
            app,
            scopes: scopes.into_iter().map(Into::into).collect(),
            models,
            limits: Limits { requests },
            expires,
            hint,
            source: source.into(),
            created,
            revoked,
            version,
        }
    }
}

impl From<MintedKey> for KeyWithSecret {
    fn from(minted: MintedKey) -> Self {
        Self { secret: minted.secret.expose().to_owned(), key: minted.view.into() }
    }
}

/// List keys
///
/// Keys of the configuration file first, then the others in the order they were made; revoked ones stay listed.
#[utoipa::path(
    get, path = "/admin/v1/keys", tag = "keys", operation_id = "list_keys", params(PageQuery),
    responses((status = 200, description = "A page of keys.", body = List<KeyItem>), BadQuery, Refusals)
)]
async fn list(
    _: Admitted,
    State(keys): Keys,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<KeyItem>>, Refusal> {
    Ok(Json(List::from_page(keys.list(page.into()).await?)))
}

/// Make a key
///
/// It works at once. The secret is in the answer and nowhere else.
#[utoipa::path(
    post, path = "/admin/v1/keys", tag = "keys", operation_id = "create_key", request_body = NewKey,
    responses(
        (
            status = 201, description = "The key and its secret.", body = KeyWithSecret,
            headers(("etag" = String, description = "The version."), ("location" = String, description = "The key's path."))
        ),
        BadBody, Taken, Refusals
    )
)]
async fn create(
    _: Admitted,
    State(keys): Keys,
    JsonBody(new): JsonBody<NewKey>,
) -> Result<impl IntoResponse, Refusal> {
    let minted = keys.create(new.into()).await?;
    let location = format!("/admin/v1/keys/{}", minted.view.id);
    let headers = [(header::LOCATION, location), (header::ETAG, etag(minted.view.version))];
    Ok((StatusCode::CREATED, headers, Json(KeyWithSecret::from(minted))))
}

/// One key
#[utoipa::path(
    get, path = "/admin/v1/keys/{id}", tag = "keys", operation_id = "get_key",
    params(("id" = String, Path, description = "The key's id.")),
    responses(
        (
            status = 200, description = "The key.", body = KeyItem,
            headers(("etag" = String, description = "The version, for `if-match`."))
        ),
        Missing, Refusals
    )
)]
async fn get(_: Admitted, State(keys): Keys, KeyId(id): KeyId) -> Result<impl IntoResponse, Refusal> {
    let view = keys.get(id).await?;
    Ok(([(header::ETAG, etag(view.version))], Json(KeyItem::from(view))))
}

/// Revoke a key
///
/// It is refused from now on, for good, and stays listed. Revoking it again changes nothing.
#[utoipa::path(
    delete, path = "/admin/v1/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(
        ("id" = String, Path, description = "The key's id."),
        ("if-match" = Option<String>, Header, description = "Only revoke this version: the ETag that was seen.")
    ),
    responses(
        (
            status = 200, description = "The key as it is now.", body = KeyItem,
            headers(("etag" = String, description = "The version."))
        ),
        Missing, Unchangeable, Refusals
    )
)]
async fn revoke(
    _: Admitted,
    State(keys): Keys,
    KeyId(id): KeyId,
    condition: IfMatch,
) -> Result<impl IntoResponse, Refusal> {
    let expected = expected(&*keys, id, condition).await?;
    let revoked = keys.revoke(id, expected).await;
    let view = told_apart(&*keys, id, expected, revoked).await?;
    Ok(([(header::ETAG, etag(view.version))], Json(KeyItem::from(view))))
}

/// Give a key a new secret
///
/// The old secret is refused from now on. Everything else about the key stays.
#[utoipa::path(
    post, path = "/admin/v1/keys/{id}/rotate", tag = "keys", operation_id = "rotate_key",
    params(
        ("id" = String, Path, description = "The key's id."),
        ("if-match" = Option<String>, Header, description = "Only rotate this version: the ETag that was seen.")
    ),
    responses(
        (
            status = 200, description = "The key and its new secret.", body = KeyWithSecret,
            headers(("etag" = String, description = "The version."))
        ),
        Missing, Unchangeable, Refusals
    )
)]
async fn rotate(
    _: Admitted,
    State(keys): Keys,
    KeyId(id): KeyId,
    condition: IfMatch,
) -> Result<impl IntoResponse, Refusal> {
    let expected = expected(&*keys, id, condition).await?;
    let rotated = keys.rotate(id, expected).await;
    let minted = told_apart(&*keys, id, expected, rotated).await?;
    Ok(([(header::ETAG, etag(minted.view.version))], Json(KeyWithSecret::from(minted))))
}

/// The version to hand on. A tag that cannot match anything is refused here, if there is a key that it does not match.
async fn expected(keys: &dyn KeyAdmin, id: Id, condition: IfMatch) -> Result<Option<i64>, Refusal> {
    match condition {
        IfMatch::Any => Ok(None),
        IfMatch::Version(version) => Ok(Some(version)),
        IfMatch::Nothing => {
            keys.get(id).await?;
            Err(Refusal::precondition(mismatch()))
        }
    }
}

/// Tells a version that is not the stored one (412) from any other conflict (409).
async fn told_apart<T>(
    keys: &dyn KeyAdmin,
    id: Id,
    expected: Option<i64>,
    result: Result<T, Fault>,
) -> Result<T, Refusal> {
    match (result, expected) {
        (Err(fault), Some(seen)) if fault.code() == Code::Conflict && keys.get(id).await?.version != seen => {
            Err(Refusal::precondition(mismatch()))
        }
        (result, _) => Ok(result?),
    }
}

fn mismatch() -> Fault {
    let text = "The key is no longer at the version in 'if-match'. Read it again and decide anew.";
    Fault::saying(Code::Conflict, text).at("if-match")
}
