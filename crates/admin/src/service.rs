//! The admin API as one [`HttpService`] behind the edge: ports in, responses out, no sockets.
//!
//! The edge hands requests over with their headers whole (the key is read here) and, as an extension, the request's
//! [`Id`], which error bodies and logs then carry.

use std::sync::Arc;

use axum::extract::FromRef;
use contract::Body;
use contract::body::BodyError;
use contract::ports::{BoxFuture, HttpService, KeyAdmin, Keyring, LedgerStore, LogStore, Router};
use contract::words::{Id, IdKind};
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::{StatusSource, document, refusal};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-pathgate-request-id");

/// Gives the router of the snapshot that serves at the moment of the call.
pub type CurrentRouter = Arc<dyn Fn() -> Arc<dyn Router> + Send + Sync>;

/// What the admin API asks of the features. Each handler takes only what it uses.
#[derive(Clone)]
pub struct AdminPorts {
    /// Who calls.
    pub keyring: Arc<dyn Keyring>,
    /// Making and ending keys.
    pub keys: Arc<dyn KeyAdmin>,
    /// Models and the health of deployments.
    pub router: CurrentRouter,
    /// The request log.
    pub log: Arc<dyn LogStore>,
    /// The ledger.
    pub ledger: Arc<dyn LedgerStore>,
    /// How this instance is doing.
    pub status: Arc<dyn StatusSource>,
}

macro_rules! ports {
    ($($field:ident: $port:ty;)*) => {
        $(impl FromRef<AdminPorts> for $port {
            fn from_ref(ports: &AdminPorts) -> Self {
                Self::clone(&ports.$field)
            }
        })*
    };
}

ports! {
    keyring: Arc<dyn Keyring>;
    keys: Arc<dyn KeyAdmin>;
    router: CurrentRouter;
    log: Arc<dyn LogStore>;
    ledger: Arc<dyn LedgerStore>;
    status: Arc<dyn StatusSource>;
}

/// The admin API.
pub struct Admin {
    routes: axum::Router,
}

impl Admin {
    /// The admin API over these ports.
    #[must_use]
    pub fn new(ports: AdminPorts) -> Self {
        let (routes, _document) = document::routes().split_for_parts();
        let routes = routes
            .fallback(refusal::no_such_path)
            .method_not_allowed_fallback(refusal::no_such_method)
            .with_state(ports);
        Self { routes }
    }
}

impl HttpService for Admin {
    fn call(&self, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        let id = request.extensions().get::<Id>().copied().unwrap_or_else(|| Id::new(IdKind::Request));
        let answer = self.routes.clone().oneshot(request.map(axum::body::Body::new));
        Box::pin(async move {
            let Ok(response) = answer.await;
            let mut response = refusal::explain(response, id);
            if let Ok(id) = HeaderValue::from_str(id.text().as_str()) {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            // Secrets of new keys and texts of callers pass here; none of it may stay in a cache (RFC 9111 §5.2.2.5).
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            // Every body here is made of bytes at hand, so that reading it cannot fail.
            response.map(|body| Body::stream(body.map_err(|_| BodyError::Lost)))
        })
    }
}
