//! Requests of Ollama's clients that ask for nothing but the model to be there: those of other providers always are. Nobody is
//! called, nothing is paid. An Ollama server is asked: it does load it.

use contract::ports::Stage;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wire::EncodeOptions;

use super::{Attempted, Cleared, Whole};
use crate::head;
use crate::pipeline::Run;
use crate::ticket::Ticket;

impl Run<'_> {
    /// The answer to such a request, unless its first candidate speaks the client's dialect.
    pub(crate) fn loaded(self, cleared: &Cleared, ticket: &mut Ticket) -> Option<Attempted> {
        let request = cleared.request();
        let first = request.plan.deployments.first()?;
        if first.provider.dialect(request.dialect, &first.upstream_model) == Some(request.dialect) {
            return None;
        }
        let options = self.options(request, EncodeOptions::default(), ticket);
        let body = wire::loaded(request.dialect, request.envelope.body(), &options)?;
        self.keep_reply(&body, ticket);
        ticket.ended(Stage::Attempt);
        let mut headers = HeaderMap::with_capacity(head::FIELDS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        Some(Attempted::Whole(Whole { status: StatusCode::OK, headers, body, shelf: None }))
    }
}
