//! `/admin/v1/ledger`: what every attempt consumed and cost. Nothing here can be changed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::Fault;
use contract::ports::{AttemptEntry, LedgerFilter, LedgerLine, LedgerStore};
use contract::words::{Id, IdKind, Timestamp, Usage};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AdminPorts;
use crate::access::Admitted;
use crate::input::{FromParams, Params, Query};
use crate::paging::{List, PageQuery, store_fault};
use crate::refusal::{BadQuery, Refusal, Refusals};
use crate::words::{CostWord, OutcomeWord, UsageWord};

pub(crate) fn routes() -> OpenApiRouter<AdminPorts> {
    OpenApiRouter::new().routes(routes!(list))
}

/// One call to one deployment.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub(crate) struct LedgerItem {
    /// The attempt's id.
    #[schema(value_type = String, example = "att_0190a5d27c8b7f3e9a4b5c6d7e8f9a0b")]
    id: Id,
    /// The request it belongs to.
    #[schema(value_type = String, example = "req_0190a5d27c8b7f3e9a4b5c6d7e8f9a0b")]
    request: Id,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// 1 for the first attempt of the request.
    number: u32,
    /// The caller's key; null for anonymous callers and the admin key of the configuration.
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
    /// The model the client asked for.
    #[schema(required, value_type = Option<String>)]
    model: Option<Arc<str>>,
    /// `provider/upstream-name`.
    #[schema(value_type = String)]
    deployment: Arc<str>,
    /// The provider's name.
    #[schema(value_type = String)]
    provider: Arc<str>,
    /// The provider's kind.
    #[schema(value_type = String)]
    provider_kind: Arc<str>,
    /// The model as the provider knows it.
    #[schema(value_type = String)]
    upstream_model: Arc<str>,
    /// How it ended.
    outcome: OutcomeWord,
    /// The provider's status, when it answered.
    #[schema(required)]
    status: Option<u16>,
    /// The code it failed with.
    #[schema(required, value_type = Option<String>)]
    error: Option<Arc<str>>,
    /// What it consumed.
    usage: Tokens,
    /// Where the token counts come from.
    usage_source: UsageWord,
    /// The service tier the provider says it used.
    #[schema(required, value_type = Option<String>)]
    service_tier: Option<Arc<str>>,
    /// The cost in nano-USD (1e-9 USD); null when no price is known, which is not zero.
    #[schema(required)]
    cost_nano_usd: Option<i64>,
    /// The same in USD as an exact decimal.
    #[schema(required, example = "0.000125")]
    cost_usd: Option<String>,
    /// How sure the cost is.
    cost_kind: CostWord,
    /// The version of the price book it was reckoned with.
    #[schema(required, value_type = Option<String>)]
    price_version: Option<Arc<str>>,
    /// From the call to the response head, in microseconds.
    #[schema(required)]
    first_byte_us: Option<u64>,
    /// From the call to the end, in microseconds.
    duration_us: u64,
}

/// Token counts. All but `reasoning` are disjoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct Tokens {
    /// Input at the full price.
    input: u64,
    /// Input read from the provider's prompt cache.
    cached: u64,
    /// Input written to the provider's prompt cache (5 minutes).
    cache_write: u64,
    /// Input written to the provider's prompt cache (1 hour).
    cache_write_long: u64,
    /// Audio input.
    audio_input: u64,
    /// Output, reasoning included.
    output: u64,
    /// The share of `output` that was reasoning.
    reasoning: u64,
    /// Audio output.
    audio_output: u64,
    /// Picture input.
    image_input: u64,
    /// Picture output.
    image_output: u64,
    /// Searches and reranks billed by the piece; no tokens.
    searches: u64,
    /// Calls of other tools that the provider ran and bills by the piece; no tokens.
    tools: u64,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let Usage {
            input,
            cached,
            cache_write,
            cache_write_long,
            audio_input,
            output,
            reasoning,
            audio_output,
            image_input,
            image_output,
            searches,
            tools,
            charged: _,
            cached_audio: _,
            partial: _,
        } = usage;
        Self {
            input,
            cached,
            cache_write,
            cache_write_long,
            audio_input,
            output,
            reasoning,
            audio_output,
            image_input,
            image_output,
            searches,
            tools,
        }
    }
}

impl From<LedgerLine> for LedgerItem {
    fn from(line: LedgerLine) -> Self {
        let LedgerLine { request, key, key_name, org, team, app, model, attempt } = line;
        let AttemptEntry {
            id,
            at,
            number,
            deployment,
            provider,
            provider_kind,
            upstream_model,
            outcome,
            status,
            error,
            usage,
            usage_source,
            service_tier,
            cost,
            cost_kind,
            price_version,
            first_byte_us,
            duration_us,
        } = attempt;
        Self {
            id,
            request,
            at,
            number,
            key,
            key_name,
            org,
            team,
            app,
            model,
            deployment,
            provider,
            provider_kind,
            upstream_model,
            outcome: outcome.into(),
            status,
            error,
            usage: usage.into(),
            usage_source: usage_source.into(),
            service_tier,
            cost_nano_usd: cost.map(|cost| cost.0),
            cost_usd: cost.map(|cost| cost.to_string()),
            cost_kind: cost_kind.into(),
            price_version,
            first_byte_us,
            duration_us,
        }
    }
}

/// Which entries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct LedgerQuery {
    /// From this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Of the key with this id.
    #[param(value_type = Option<String>)]
    key: Option<Id>,
    /// Of the request with this id.
    #[param(value_type = Option<String>)]
    request: Option<Id>,
    /// Of the provider with this name.
    provider: Option<String>,
    /// Of this deployment, `provider/upstream-name`.
    deployment: Option<String>,
}

impl FromParams for LedgerQuery {
    fn read(params: &mut Params) -> Result<Self, Fault> {
        Ok(Self {
            since: params.time("since")?,
            until: params.time("until")?,
            key: params.id("key", IdKind::Key)?,
            request: params.id("request", IdKind::Request)?,
            provider: params.text("provider")?,
            deployment: params.text("deployment")?,
        })
    }
}

impl From<LedgerQuery> for LedgerFilter {
    fn from(query: LedgerQuery) -> Self {
        let LedgerQuery { since, until, key, request, provider, deployment } = query;
        Self { since, until, key, request, provider, deployment }
    }
}

/// List ledger entries
///
/// One for each attempt, newest first. An entry appears within seconds of the end of its attempt.
#[utoipa::path(
    get, path = "/admin/v1/ledger", tag = "ledger", operation_id = "list_ledger", params(LedgerQuery, PageQuery),
    responses((status = 200, description = "A page of entries.", body = List<LedgerItem>), BadQuery, Refusals)
)]
async fn list(
    _: Admitted,
    State(ledger): State<Arc<dyn LedgerStore>>,
    Query((filter, page)): Query<(LedgerQuery, PageQuery)>,
) -> Result<Json<List<LedgerItem>>, Refusal> {
    let found = ledger.attempts(filter.into(), page.into()).await.map_err(store_fault)?;
    Ok(Json(List::from_page(found)))
}
