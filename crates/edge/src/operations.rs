//! `/healthz`, `/readyz` and `/metrics`, and answers that are always the same.

use std::sync::Arc;

use contract::ports::{BoxFuture, Keyring};
use contract::words::{Dialect, Id, Scope, Secret};
use contract::{Body, Code, Fault};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use crate::edge::Services;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// OpenMetrics 1.0 §"Content-Type".
const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The process is alive, whatever else.
pub(crate) fn healthz() -> Response<Body> {
    text(StatusCode::OK, "ok\n")
}

/// The same text for everybody.
pub(crate) fn fixed(kind: &'static str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Ready for traffic, or why not.
pub(crate) fn readyz(draining: bool, services: &Services) -> Response<Body> {
    let missing = if draining { Err("draining") } else { services.readiness.ready() };
    match missing {
        Ok(()) => text(StatusCode::OK, "ready\n"),
        Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

/// All metrics, to anybody.
pub(crate) fn metrics(services: &Services) -> Response<Body> {
    let mut response = Response::new(services.exposition.text().into());
    response.headers_mut().insert(CONTENT_TYPE, OPENMETRICS);
    response
}

/// All metrics, to holders of a key that may read.
pub(crate) fn guarded_metrics(
    services: Arc<Services>,
    key: Option<Secret>,
    id: Id,
) -> BoxFuture<'static, Response<Body>> {
    Box::pin(async move {
        match may_read(&*services.keyring, key).await {
            Ok(()) => metrics(&services),
            Err(fault) => {
                services.telemetry.edge_refused(fault.code());
                services.renderer.render(Dialect::OpenaiChat, &fault, id)
            }
        }
    })
}

async fn may_read(keyring: &dyn Keyring, key: Option<Secret>) -> Result<(), Fault> {
    let principal = keyring.identify(key.as_ref().map(Secret::expose)).await?;
    if principal.has(Scope::AdminRead) { Ok(()) } else { Err(Code::InsufficientScope.into()) }
}

fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}
