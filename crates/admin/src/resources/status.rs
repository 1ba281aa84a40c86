//! `/admin/v1/status`: which configuration serves, since when, and how the last reload went.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::words::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Admitted;
use crate::refusal::{Refusal, Refusals};
use crate::{AdminPorts, GatewayStatus, Reload, StatusSource};

pub(crate) fn routes() -> OpenApiRouter<AdminPorts> {
    OpenApiRouter::new().routes(routes!(get))
}

/// How this instance is doing.
#[derive(Serialize, ToSchema)]
#[schema(as = Status)]
struct StatusView {
    /// The release.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// When the process began to serve.
    #[schema(value_type = String, format = DateTime)]
    started: Timestamp,
    /// The version of the snapshot that serves; one more with each successful reload.
    snapshot: u64,
    /// The last reload of the configuration; null before the first.
    #[schema(required)]
    reload: Option<ReloadView>,
}

/// How a reload of the configuration went.
#[derive(Serialize, ToSchema)]
#[schema(as = Reload)]
struct ReloadView {
    /// When it was tried.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Was the new configuration taken? If not, the one before still serves.
    taken: bool,
    /// Why it was refused.
    #[schema(required)]
    error: Option<String>,
}

impl From<Reload> for ReloadView {
    fn from(reload: Reload) -> Self {
        let Reload { at, error } = reload;
        Self { at, taken: error.is_none(), error }
    }
}

/// How this instance is doing
#[utoipa::path(
    get, path = "/admin/v1/status", tag = "status", operation_id = "get_status",
    responses((status = 200, description = "The status of the instance that answers.", body = StatusView), Refusals)
)]
async fn get(_: Admitted, State(source): State<Arc<dyn StatusSource>>) -> Result<Json<StatusView>, Refusal> {
    let GatewayStatus { version, started, snapshot, reload } = source.status();
    Ok(Json(StatusView { version, started, snapshot, reload: reload.map(Into::into) }))
}
