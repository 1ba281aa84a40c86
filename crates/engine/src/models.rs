//! The models that a key may use: all of them, a page, or one.

use contract::body::Body;
use contract::ports::ModelsAsk;
use contract::{Code, Fault};
use http::Response;

use crate::collect::collect;
use crate::head;
use crate::pipeline::{Pipeline, Run};
use crate::stages::refuse;

/// Most bytes of a question about a model.
const QUESTION_CAP: u64 = 64 << 10;

impl Pipeline {
    /// The answer to a question about models.
    pub(crate) async fn list(&self, mut ask: ModelsAsk) -> Response<Body> {
        let snapshot = self.snapshot();
        let run = self.with(&snapshot);
        match run.models(&mut ask).await {
            Ok(body) => head::json(body, ask.dialect, ask.id),
            Err(fault) => self.handles.renderer.render(ask.dialect, &fault, ask.id),
        }
    }
}

impl Run<'_> {
    async fn models(self, ask: &mut ModelsAsk) -> Result<bytes::Bytes, Fault> {
        let presented = ask.key.as_ref().map(contract::words::Secret::expose);
        let who = self.handles.keyring.identify(presented).await?;
        let mut cards = self.snapshot.router.models();
        cards.retain(|card| who.may_use(&card.name));
        if !matches!(ask.body, Body::Empty) {
            let body = collect(std::mem::take(&mut ask.body), QUESTION_CAP).await.map_err(refuse)?;
            ask.model = Some(wire::asked_model(&body)?);
        }
        match &ask.model {
            None => wire::models_page(ask.dialect, &cards, ask.query.as_deref()),
            Some(name) => {
                let bare = wire::untagged(ask.dialect, name);
                let named = |name: &str| cards.iter().find(|card| card.name == name);
                let card = named(name).or_else(|| named(bare?)).ok_or(Code::ModelNotFound)?;
                Ok(wire::model(ask.dialect, card))
            }
        }
    }
}
