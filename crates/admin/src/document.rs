//! The OpenAPI document, made from the same routes that serve: neither can name a path the other lacks.

use std::sync::LazyLock;

use axum::response::IntoResponse;
use http::header;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AdminPorts;
use crate::refusal::ErrorBody;
use crate::resources::{keys, ledger, models, providers, requests, status};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Pathgate admin API",
        version = "1",
        description = "Keys, models, health of providers, request log, ledger and status of a Pathgate gateway. \
            Send a key with the scope `admin_read` to read and `admin_write` to change. Times are RFC 3339 in UTC; \
            lists are paged with `cursor` and `limit`; fields may be added, so ignore those you do not know.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody)),
    modifiers(&Schemes),
    security(("bearer" = []), ("x-api-key" = [])),
    tags(
        (name = "keys", description = "Virtual keys: who may call, which models, how often."),
        (name = "models", description = "Everything a client may name."),
        (name = "providers", description = "How deployments have been doing."),
        (name = "requests", description = "The request log."),
        (name = "ledger", description = "What every attempt consumed and cost."),
        (name = "status", description = "This instance and this document.")
    )
)]
struct Base;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme(
            "x-api-key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key"))),
        );
    }
}

/// All routes with their documents.
pub(crate) fn routes() -> OpenApiRouter<AdminPorts> {
    OpenApiRouter::with_openapi(Base::openapi())
        .merge(keys::routes())
        .merge(models::routes())
        .merge(providers::routes())
        .merge(requests::routes())
        .merge(ledger::routes())
        .merge(status::routes())
        .routes(routes!(document))
}

/// The whole OpenAPI 3.1 document of the admin API, indented, ending in a newline. The same bytes for the same release.
#[must_use]
pub fn openapi_json() -> String {
    let document = routes().into_openapi();
    // The document is made of strings and maps alone: writing it as JSON cannot fail.
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi_json);

/// This document
///
/// Needs no key.
#[utoipa::path(
    get, path = "/admin/v1/openapi.json", tag = "status", operation_id = "get_openapi", security(()),
    responses((status = 200, description = "The OpenAPI 3.1 document.", body = Object))
)]
async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
