//! The admin API as its callers see it: requests in through the `HttpService`, responses out, features faked.
//!
//! Every answer is checked against the OpenAPI document on its way through [`Api::send`].

mod document;
mod fakes;
mod keys;
mod queries;
mod refusals;
mod schema;

use std::sync::Arc;

use contract::Body;
use contract::ports::HttpService;
use contract::words::Id;
use http::{Request, StatusCode};
use serde_json::Value;

use self::fakes::Fakes;
use crate::Admin;

pub(crate) const READER: &str = "key-that-may-read";
pub(crate) const WRITER: &str = "key-that-may-do-all";
pub(crate) const CALLER: &str = "key-for-models-only";

/// The API over fakes, with what came back taken apart.
struct Api {
    admin: Admin,
    fakes: Arc<Fakes>,
}

struct Answer {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    fn param(&self) -> Option<&str> {
        self.body["error"]["param"].as_str()
    }

    fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

fn api() -> Api {
    let fakes = Arc::new(Fakes::default());
    Api { admin: Admin::new(fakes::ports(&fakes)), fakes }
}

fn request(method: &str, path: &str, key: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"))
}

impl Api {
    async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path, READER).body(Body::Empty).unwrap()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = request("POST", path, WRITER).header("content-type", "application/json");
        self.send(request.body(body.to_string().into()).unwrap()).await
    }

    async fn change(&self, method: &str, path: &str, if_match: Option<&str>) -> Answer {
        let mut request = request(method, path, WRITER);
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        self.send(request.body(Body::Empty).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let expected_id = request.extensions().get::<Id>().copied();
        let (parts, body) = self.admin.call(request).await.into_parts();
        let length = body.known_len();
        let bytes = axum::body::to_bytes(axum::body::Body::new(body), 1 << 22).await.unwrap();
        assert_eq!(length, Some(bytes.len() as u64), "the edge can send no content-length");
        assert_eq!(parts.headers["cache-control"], "no-store");
        assert_eq!(parts.headers["content-type"], "application/json");
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let id = body["error"]["request_id"].as_str().unwrap();
            assert!(id.parse::<Id>().is_ok(), "{id}");
            assert!(expected_id.is_none_or(|expected| expected.to_string() == id));
        }
        schema::check_answer(&method, &path, parts.status, &body);
        Answer { status: parts.status, headers: parts.headers, body }
    }
}
