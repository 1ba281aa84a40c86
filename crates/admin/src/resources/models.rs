//! `/admin/v1/models`: everything a client may name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::ports::{Capabilities, ModelCard};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Admitted;
use crate::input::Query;
use crate::paging::{List, PageQuery};
use crate::refusal::{BadQuery, Refusal, Refusals};
use crate::resources::price::PriceItem;
use crate::words::OperationWord;
use crate::{AdminPorts, CurrentRouter};

pub(crate) fn routes() -> OpenApiRouter<AdminPorts> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A model that a client may name.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
struct ModelItem {
    /// The name: an alias of the configuration, or `provider/upstream-name`.
    name: String,
    /// The operations it takes.
    operations: Vec<OperationWord>,
    /// Most input tokens; null is unknown.
    #[schema(required)]
    context_window: Option<u64>,
    /// Most output tokens; null is unknown.
    #[schema(required)]
    max_output: Option<u64>,
    /// What it can do.
    capabilities: Abilities,
    /// When the provider will retire it (ISO date), if announced.
    #[schema(required)]
    deprecated: Option<String>,
    /// What its calls are charged with; null is unknown, which is not nothing.
    #[schema(required)]
    price: Option<PriceItem>,
}

/// What a model can do; null is unknown.
#[derive(Serialize, ToSchema)]
#[schema(as = Capabilities)]
struct Abilities {
    /// Takes tools.
    #[schema(required)]
    tools: Option<bool>,
    /// Takes images.
    #[schema(required)]
    images: Option<bool>,
    /// Takes sound.
    #[schema(required)]
    audio: Option<bool>,
    /// Takes film.
    #[schema(required)]
    video: Option<bool>,
    /// Takes PDF.
    #[schema(required)]
    pdf: Option<bool>,
    /// Follows a JSON Schema.
    #[schema(required)]
    json_schema: Option<bool>,
    /// Thinks before it answers.
    #[schema(required)]
    reasoning: Option<bool>,
    /// Caches prompt prefixes.
    #[schema(required)]
    prompt_cache: Option<bool>,
}

impl From<&ModelCard> for ModelItem {
    fn from(card: &ModelCard) -> Self {
        let ModelCard { name, operations, context_window, max_output, capabilities, deprecated, price } =
            card;
        let Capabilities { tools, images, audio, video, pdf, json_schema, reasoning, prompt_cache } =
            *capabilities;
        Self {
            name: name.clone(),
            operations: operations.iter().copied().map(Into::into).collect(),
            context_window: *context_window,
            max_output: *max_output,
            capabilities: Abilities {
                tools,
                images,
                audio,
                video,
                pdf,
                json_schema,
                reasoning,
                prompt_cache,
            },
            deprecated: deprecated.clone(),
            price: price.as_deref().map(Into::into),
        }
    }
}

/// List models
///
/// Aliases of the configuration and the models of all providers, in order of their names.
#[utoipa::path(
    get, path = "/admin/v1/models", tag = "models", operation_id = "list_models", params(PageQuery),
    responses((status = 200, description = "A page of models.", body = List<ModelItem>), BadQuery, Refusals)
)]
async fn list(
    _: Admitted,
    State(router): State<CurrentRouter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<List<ModelItem>>, Refusal> {
    let cards = router().models();
    let page = page.of(cards, |card: &Arc<ModelCard>| &card.name);
    Ok(Json(page.map(|card| ModelItem::from(&*card))))
}
