//! The tokens of a conversation, counted here: for models whose providers cannot count. Nobody is called, nothing is paid.

use std::sync::Arc;

use bytes::Bytes;
use contract::canon::{Answered, Asked, CountReply, Receipt};
use contract::ports::{Count, Deployment, Stage};
use contract::{Code, Fault};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wire::{EncodeOptions, stored};

use super::assemble::{Before, Previous, unknown};
use super::turns::{as_turn, inlined};
use super::{Admitted, Attempted, Cleared, Whole};
use crate::head;
use crate::pipeline::Run;
use crate::ticket::Ticket;

impl Run<'_> {
    /// The answer to a question for tokens: of a candidate that can be asked, or else counted here.
    pub(crate) async fn counted(self, cleared: &Cleared, ticket: &mut Ticket) -> Result<Attempted, Fault> {
        let request = cleared.request();
        let first = request.plan.deployments.first().ok_or(Code::Internal)?;
        let before = match request.dialect.counted() == Some(stored::DIALECT) {
            true => Some(self.before(&request.tenant(), &request.envelope).await?),
            false => None,
        };
        let is_known = |speaks| before.as_ref().is_none_or(|before| before.is_known(first, speaks));
        let speaks = first.provider.dialect(request.dialect, &first.upstream_model);
        if speaks.is_some_and(|dialect| is_known(dialect == request.dialect)) {
            let attempted = self.attempt(cleared, ticket).await;
            if !attempted.as_ref().is_err_and(|fault| lacks(fault, request)) {
                return attempted;
            }
            // What was lost on the way there is not lost here.
            ticket.edit(|record| record.kept.receipt = Receipt::default());
        }
        self.count_here(request, before.as_deref(), first, ticket).await
    }

    /// The conversation as one request.
    async fn whole_conversation(self, request: &Admitted, before: Option<&Before>) -> Result<Bytes, Fault> {
        let body = request.envelope.as_json()?;
        let Some(Before { keeping, previous, named }) = before else { return Ok(body) };
        let (mut body, _) = inlined(&body, named, None, |_| false);
        match previous {
            Previous::None => {}
            Previous::Unknown => return Err(unknown()),
            Previous::Kept(previous) => {
                let turns = self.conversation(previous).await?;
                let turns: Vec<_> = turns.iter().map(|turn| as_turn(turn, false)).collect();
                body = stored::expand(&body, &turns, false)?.0;
            }
        }
        if !keeping.items.is_empty() {
            stored::all_told(&body)?;
        }
        Ok(body)
    }

    async fn count_here(
        self,
        request: &Admitted,
        before: Option<&Before>,
        deployment: &Deployment,
        ticket: &mut Ticket,
    ) -> Result<Attempted, Fault> {
        let body = self.whole_conversation(request, before).await?;
        let Asked::Count(mut asked) = wire::read_request(request.dialect, &body)? else {
            return Err(Code::Internal.into());
        };
        deployment.upstream_model.as_ref().clone_into(&mut asked.model);
        let counter = Arc::clone(&self.handles.counter);
        // Long inputs take milliseconds, and so does the first one: a vocabulary is loaded.
        let count = self.counting.run(move || counter.request(&asked)).await;
        let count = count.map_err(|error| Fault::new(Code::Internal).because(error))?;

        let told = CountReply { tokens: count.tokens, ..CountReply::default() };
        let (answered, mut lost) = (Answered::Count(Box::new(told)), Receipt::default());
        let body = wire::write_reply(request.dialect, &answered, &EncodeOptions::default(), &mut lost);
        let body = body.ok_or(Code::Internal)?;
        self.keep_reply(&body, ticket);
        ticket.edit(|record| {
            record.kept.entries.request.detail =
                Some(format!("counted for {}, {}", deployment.id, basis(count)));
        });
        ticket.ended(Stage::Attempt);
        Ok(Attempted::Whole(Whole { status: StatusCode::OK, headers: headers(count), body, shelf: None }))
    }
}

/// Did a server say that it has no such path, though it speaks the dialect? What names a model may be about the model.
fn lacks(fault: &Fault, request: &Admitted) -> bool {
    let Some(error) = fault.upstream() else { return false };
    let named = || request.plan.deployments.iter().any(|to| error.message.contains(&*to.upstream_model));
    match error.status {
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => true,
        StatusCode::NOT_FOUND => !named(),
        _ => false,
    }
}

fn headers(count: Count) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(head::FIELDS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if !count.is_exact()
        && let Ok(value) = HeaderValue::try_from(format!("tokens; error={}%", count.error_percent))
    {
        headers.insert(head::ESTIMATED, value);
    }
    headers
}

/// What the count rests on, for the log.
fn basis(count: Count) -> String {
    match count.is_exact() {
        true => "exactly".to_owned(),
        false => format!("estimated: error {}%", count.error_percent),
    }
}
