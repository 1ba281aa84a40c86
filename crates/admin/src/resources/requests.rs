//! `/admin/v1/requests`: the request log, and one request with its attempts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::canon::Dropped;
use contract::ports::{LedgerFilter, LedgerStore, LogFilter, LogStore, PageRequest, RequestEntry};
use contract::words::{Id, IdKind, Timestamp};
use contract::{Code, Fault};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ledger::{LedgerItem, Tokens};
use crate::AdminPorts;
use crate::access::Admitted;
use crate::input::{FromParams, Params, Query, RequestId};
use crate::paging::{List, PageQuery, store_fault};
use crate::refusal::{BadQuery, Missing, Refusal, Refusals};
use crate::words::{OperationWord, OutcomeWord};

pub(crate) fn routes() -> OpenApiRouter<AdminPorts> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get))
}

/// One request of a client.
#[derive(Serialize, ToSchema)]
#[schema(as = Request)]
struct RequestItem {
    /// Its id, as clients got it in `x-pathgate-request-id`.
    #[schema(value_type = String, example = "req_0190a5d27c8b7f3e9a4b5c6d7e8f9a0b")]
    id: Id,
    /// When it arrived.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The wire format the client spoke, such as `openai.chat`.
    dialect: &'static str,
    /// What it asked for.
    operation: OperationWord,
    /// The caller's key; null before authentication, for anonymous callers and the admin key of the configuration.
    #[schema(required, value_type = Option<String>)]
    key: Option<Id>,
    /// The key's name.
    #[schema(required, value_type = Option<String>)]
    key_name: Option<Arc<str>>,
    /// The organisation.
    #[schema(required, value_type = Option<String>)]
    org: Option<Arc<str>>,
    /// The team.
    #[schema(required, value_type = Option<String>)]
    team: Option<Arc<str>>,
    /// The app.
    #[schema(required, value_type = Option<String>)]
    app: Option<Arc<str>>,
    /// The end user the app named.
    #[schema(required)]
    user: Option<String>,
    /// The tags the client sent.
    tags: Vec<Tag>,
    /// The client's address.
    #[schema(value_type = String)]
    client: std::net::IpAddr,
    /// The model the client asked for.
    #[schema(required, value_type = Option<String>)]
    model: Option<Arc<str>>,
    /// The deployment that answered.
    #[schema(required, value_type = Option<String>)]
    deployment: Option<Arc<str>>,
    /// Was the answer streamed?
    stream: bool,
    /// The status the client got.
    status: u16,
    /// How it ended.
    outcome: OutcomeWord,
    /// The code of the fault.
    #[schema(required, value_type = Option<String>)]
    error: Option<Arc<str>>,
    /// What only the operator may see of the fault.
    #[schema(required)]
    detail: Option<String>,
    /// Number of attempts.
    attempts: u32,
    /// Tokens of all attempts.
    usage: Tokens,
    /// Cost of all attempts in nano-USD (1e-9 USD); null when one of them has no known price, which is not zero.
    #[schema(required)]
    cost_nano_usd: Option<i64>,
    /// The same in USD as an exact decimal.
    #[schema(required, example = "0.000125")]
    cost_usd: Option<String>,
    /// From arrival to the first byte of the answer's content, in microseconds.
    #[schema(required)]
    ttft_us: Option<u64>,
    /// From arrival to the end, in microseconds.
    duration_us: u64,
    /// Bytes of the request body.
    bytes_in: u64,
    /// Bytes of the response body.
    bytes_out: u64,
    /// What the provider's dialect could not carry of the request, or the client's of the answer.
    dropped: Vec<Lost>,
    /// The W3C trace id.
    #[schema(required)]
    trace_id: Option<String>,
    /// The snapshot of the configuration it ran under.
    snapshot: u64,
}

/// A tag that the client sent.
#[derive(Serialize, ToSchema)]
struct Tag {
    /// Its name.
    name: String,
    /// Its value.
    value: String,
}

/// Something that was not carried.
#[derive(Serialize, ToSchema)]
struct Lost {
    /// Where it stood, such as `messages[2].name`.
    field: String,
    /// Why it was not carried.
    reason: String,
}

impl From<Dropped> for Lost {
    fn from(lost: Dropped) -> Self {
        Self { field: lost.field.into_owned(), reason: lost.reason.into_owned() }
    }
}

/// One request with all that is kept of it.
#[derive(Serialize, ToSchema)]
struct RequestDetail {
    /// The request.
    request: RequestItem,
    /// Its attempts in order.
    attempts: Vec<LedgerItem>,
    /// The request body, when bodies are logged; cut at the configured cap.
    #[schema(required)]
    request_body: Option<String>,
    /// The response body, when bodies are logged; cut at the configured cap.
    #[schema(required)]
    response_body: Option<String>,
}

impl From<RequestEntry> for RequestItem {
    fn from(entry: RequestEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            dialect: entry.dialect.as_str(),
            operation: entry.operation.into(),
            key: entry.key,
            key_name: entry.key_name,
            org: entry.org,
            team: entry.team,
            app: entry.app,
            user: entry.user,
            tags: entry.tags.into_iter().map(|(name, value)| Tag { name, value }).collect(),
            client: entry.client,
            model: entry.model,
            deployment: entry.deployment,
            stream: entry.stream,
            status: entry.status,
            outcome: entry.outcome.into(),
            error: entry.error,
            detail: entry.detail,
            attempts: entry.attempts,
            usage: entry.usage.into(),
            cost_nano_usd: entry.cost.map(|cost| cost.0),
            cost_usd: entry.cost.map(|cost| cost.to_string()),
            ttft_us: entry.ttft_us,
            duration_us: entry.duration_us,
            bytes_in: entry.bytes_in,
            bytes_out: entry.bytes_out,
            dropped: entry.dropped.into_iter().map(Lost::from).collect(),
            trace_id: entry.trace_id,
            snapshot: entry.snapshot,
        }
    }
}

/// Which requests.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// From this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Of the key with this id.
    #[param(value_type = Option<String>)]
    key: Option<Id>,
    /// Of this model, as the client named it.
    model: Option<String>,
    /// With this status.
    #[param(minimum = 100, maximum = 599)]
    status: Option<u16>,
    /// With this outcome.
    #[param(inline)]
    outcome: Option<OutcomeWord>,
}

impl FromParams for LogQuery {
    fn read(params: &mut Params) -> Result<Self, Fault> {
        let status = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status));
        let outcome = |text: &str| serde_json::from_value(text.into()).ok();
        Ok(Self {
            since: params.time("since")?,
            until: params.time("until")?,
            key: params.id("key", IdKind::Key)?,
            model: params.text("model")?,
            status: params.take("status", "a status from 100 to 599", status)?,
            outcome: params.take(
                "outcome",
                "one of answered, refused, failed, client_gone, interrupted, cancelled",
                outcome,
            )?,
        })
    }
}

impl From<LogQuery> for LogFilter {
    fn from(query: LogQuery) -> Self {
        let LogQuery { since, until, key, model, status, outcome } = query;
        let outcome = outcome.map(|word| contract::ports::Outcome::from(word).as_str().to_owned());
        Self { since, until, key, model, status, outcome }
    }
}

/// List requests
///
/// Newest first, without bodies. A request appears within seconds of its end.
#[utoipa::path(
    get, path = "/admin/v1/requests", tag = "requests", operation_id = "list_requests", params(LogQuery, PageQuery),
    responses((status = 200, description = "A page of requests.", body = List<RequestItem>), BadQuery, Refusals)
)]
async fn list(
    _: Admitted,
    State(log): State<Arc<dyn LogStore>>,
    Query((filter, page)): Query<(LogQuery, PageQuery)>,
) -> Result<Json<List<RequestItem>>, Refusal> {
    let found = log.requests(filter.into(), page.into()).await.map_err(store_fault)?;
    Ok(Json(List::from_page(found)))
}

/// One request with its attempts
#[utoipa::path(
    get, path = "/admin/v1/requests/{id}", tag = "requests", operation_id = "get_request",
    params(("id" = String, Path, description = "The request's id.")),
    responses((status = 200, description = "The request.", body = RequestDetail), Missing, Refusals)
)]
async fn get(
    _: Admitted,
    State(log): State<Arc<dyn LogStore>>,
    State(ledger): State<Arc<dyn LedgerStore>>,
    RequestId(id): RequestId,
) -> Result<Json<RequestDetail>, Refusal> {
    let missing =
        || Fault::saying(Code::NotFound, "No request has this id, or its entry is not written yet.");
    let mut entry = log.request(id).await.map_err(store_fault)?.ok_or_else(missing)?;
    let filter = LedgerFilter { request: Some(id), ..LedgerFilter::default() };
    // Retries are few; a page holds them all.
    let page = PageRequest { cursor: None, limit: 1000 };
    let mut lines = ledger.attempts(filter, page).await.map_err(store_fault)?.items;
    lines.sort_by_key(|line| line.attempt.number);
    let (request_body, response_body) = (entry.request_body.take(), entry.response_body.take());
    let attempts = lines.into_iter().map(Into::into).collect();
    Ok(Json(RequestDetail { request: entry.into(), attempts, request_body, response_body }))
}
