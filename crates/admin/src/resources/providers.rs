//! `/admin/v1/providers`: how each deployment has been doing, as this instance saw it.

use axum::Json;
use axum::extract::State;
use contract::ports::Health;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Admitted;
use crate::input::Query;
use crate::paging::{List, PageQuery};
use crate::refusal::{BadQuery, Refusal, Refusals};
use crate::{AdminPorts, CurrentRouter};

pub(crate) fn routes() -> OpenApiRouter<AdminPorts> {
    OpenApiRouter::new().routes(routes!(list))
}

/// How one deployment has been doing since the configuration that serves was loaded.
#[derive(Serialize, ToSchema)]
struct DeploymentHealth {
    /// The provider's name in the configuration.
    provider: String,
    /// `provider/upstream-name`.
    deployment: String,
    /// Attempts.
    attempts: u64,
    /// Of those, failed ones.
    failures: u64,
    /// Failures in a row; 0 after a success.
    consecutive_failures: u64,
    /// The code of the last failure.
    #[schema(required)]
    last_error: Option<String>,
    /// Moving average of the time to the first byte in microseconds; null before the first answer.
    #[schema(required)]
    first_byte_us: Option<u64>,
}

impl From<Health> for DeploymentHealth {
    fn from(health: Health) -> Self {
        let Health { deployment, attempts, failures, last_error, consecutive_failures, first_byte_us } =
            health;
        let provider = deployment.split('/').next().unwrap_or_default().to_owned();
        Self { provider, deployment, attempts, failures, consecutive_failures, last_error, first_byte_us }
    }
}

/// List the health of providers
///
/// One entry for each deployment, in order of their names. Only this instance's own attempts count.
#[utoipa::path(
    get, path = "/admin/v1/providers", tag = "providers", operation_id = "list_provider_health", params(PageQuery),
    responses(
        (status = 200, description = "A page of deployments.", body = List<DeploymentHealth>),
        BadQuery, Refusals
    )
)]
async fn list(
    _: Admitted,
    State(router): State<CurrentRouter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<DeploymentHealth>>, Refusal> {
    let page = page.of(router().health(), |health| &health.deployment);
    Ok(Json(page.map(DeploymentHealth::from)))
}
