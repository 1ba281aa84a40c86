//! How the admin API says no: every error is a fault of the contract's table, rendered here and nowhere else.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use contract::words::Id;
use contract::{Code, Fault};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response::Response as Described};
use utoipa::{IntoResponses, ToSchema};

/// A fault on its way to the client. It travels as an extension of the response, because only [`explain`] knows the
/// request's id.
pub(crate) struct Refusal {
    fault: Fault,
    status: StatusCode,
}

#[derive(Clone)]
struct Refused(Fault);

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { status: fault.status(), fault }
    }
}

impl Refusal {
    /// The version in `if-match` is not the stored one (RFC 9110 §13.1.1).
    pub(crate) fn precondition(fault: Fault) -> Self {
        Self { fault, status: StatusCode::PRECONDITION_FAILED }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Refused(self.fault));
        response
    }
}

pub(crate) async fn no_such_path() -> Refusal {
    let text = "Nothing is served at this path. GET /admin/v1/openapi.json lists what is.";
    Fault::saying(Code::NotFound, text).into()
}

pub(crate) async fn no_such_method() -> Refusal {
    Fault::new(Code::MethodNotAllowed).into()
}

/// What the body of every error says.
#[derive(Serialize, ToSchema)]
#[schema(as = Error, example = json!({ "error": {
    "code": "invalid_request", "message": "'limit' must be a whole number from 1 to 1000.", "param": "limit",
    "request_id": "req_0190a5d27c8b7f3e9a4b5c6d7e8f9a0b"
}}))]
pub(crate) struct ErrorBody {
    /// The error.
    error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    /// A stable code; never renamed.
    code: &'static str,
    /// What is wrong and what to do, for people.
    message: String,
    /// The field or parameter at fault.
    #[schema(required)]
    param: Option<String>,
    /// Leads to the gateway's own log of this request.
    #[schema(value_type = String)]
    request_id: Id,
}

/// Writes the body of a refusal; any other response passes unchanged.
pub(crate) fn explain(response: Response, id: Id) -> Response {
    let (mut parts, body) = response.into_parts();
    let fault = match parts.extensions.remove::<Refused>() {
        Some(Refused(fault)) => fault,
        // An error that no handler of ours made would be a defect here; its text is not for clients.
        None if parts.status.is_client_error() || parts.status.is_server_error() => {
            Fault::new(Code::Internal).because(format_args!("bare status {}", parts.status))
        }
        None => return Response::from_parts(parts, body),
    };
    if parts.status.is_server_error() {
        tracing::warn!(request = %id, error = ?fault, "admin request failed");
    }
    let detail = ErrorDetail {
        code: fault.code().as_str(),
        message: fault.message().to_owned(),
        param: fault.param().map(str::to_owned),
        request_id: id,
    };
    let json = serde_json::to_vec(&ErrorBody { error: detail }).unwrap_or_default();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    if parts.status == StatusCode::UNAUTHORIZED {
        parts.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = fault.wait() {
        parts.headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    Response::from_parts(parts, Body::from(json))
}

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident [$($status:literal $text:literal),*];)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Described>> {
                    described(&[$(($status, $text)),*])
                }
            }
        )*
    };
}

failures! {
    /// What may go wrong with every call that needs a key.
    Refusals[
        401 "No key, a wrong one or an expired one: `missing_key`, `invalid_key`, `expired_key`.",
        403 "The key lacks the scope `admin_read` (to read) or `admin_write` (to change): `insufficient_scope`.",
        500 "A defect of the gateway; its log has more under the request id: `internal`.",
        503 "The database is away; nothing was changed: `storage_unavailable`."
    ];
    /// The query cannot be read.
    BadQuery[400 "A parameter is unknown or of the wrong form; `param` names it: `invalid_request`."];
    /// The body cannot be taken.
    BadBody[
        400 "The body is not JSON, or a field is unknown or wrong; `param` names it: `invalid_json`, `invalid_encoding`, `invalid_request`.",
        408 "The body did not arrive in time: `body_timeout`.",
        413 "The body is larger than 1 MiB: `body_too_large`.",
        415 "The body is not `application/json`, or is compressed: `unsupported_media_type`."
    ];
    /// The thing named does not exist.
    Missing[404 "Nothing has this id: `not_found`."];
    /// The name of a new thing is taken.
    Taken[409 "Another key has this name: `conflict`."];
    /// The thing named cannot be changed so.
    Unchangeable[
        400 "`if-match` cannot be read: `invalid_request`.",
        409 "The key comes from the configuration file, or was changed or revoked meanwhile: `read_only`, `conflict`.",
        412 "The version in `if-match` is not the stored one: `conflict`."
    ];
}

fn described(rows: &[(u16, &str)]) -> BTreeMap<String, RefOr<Described>> {
    rows.iter()
        .map(|(status, text)| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
            let response = ResponseBuilder::new().description(*text).content("application/json", content);
            (status.to_string(), RefOr::T(response.build()))
        })
        .collect()
}
