//! Walks the plan: call, retry what may pass, fall back to the next deployment. One ledger line per call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Answered, Receipt};
use contract::ports::{Call, Deployment, InputSize, Outcome, ProviderReply, RetryPolicy, Stage};
use contract::words::{Dialect, Id, Operation, UsageSource};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use wire::natives::{self, Maker, Trail};
use wire::{EncodeOptions, Framing, ReplyFacts, stored};

use super::translate::{Hub, Outgoing, Wants, maker};
use super::{Admitted, Attempted, Cleared, Whole};
use crate::collect::collect;
use crate::head;
use crate::keeper::Keeper;
use crate::pipeline::Run;
use crate::stream::Streaming;
use crate::ticket::{Consumed, Ending, Ticket};
use crate::unable::{Reach, explained};
use crate::verdict::{Failure, Then};

/// Most bytes of a provider's error that are read.
pub(crate) const ERROR_CAP: u64 = 256 << 10;
/// Most bytes of a whole answer. Base64 images of the largest size stay under it.
pub(crate) const REPLY_CAP: u64 = 256 << 20;

impl Run<'_> {
    /// Calls deployments until one answers.
    pub(crate) async fn attempt(self, cleared: &Cleared, ticket: &mut Ticket) -> Result<Attempted, Fault> {
        let request = cleared.request();
        let mut hub = Hub::new(request);
        let mut left = request.plan.retry.total;
        let mut last: Option<Fault> = None;
        for deployment in &request.plan.deployments {
            for nth in 1..=request.plan.retry.per_deployment.min(left) {
                left -= 1;
                let failure = loop {
                    match self.once(request, &mut hub, deployment, ticket).await {
                        Ok(attempted) => {
                            ticket.ended(Stage::Attempt);
                            return Ok(attempted);
                        }
                        Err(failure) => {
                            if let Some(failure) = hub.otherwise(failure, deployment) {
                                break failure;
                            }
                        }
                    }
                };
                let again = match failure.then {
                    Then::Stop => return Err(failure.fault),
                    Then::Next => None,
                    Then::Again(asked) => {
                        backoff(request.plan.retry, nth, asked, self.handles.clock.tick().0)
                    }
                };
                last = Some(failure.fault);
                match again {
                    Some(wait) if nth < request.plan.retry.per_deployment && left > 0 => {
                        self.handles.clock.sleep(wait).await;
                    }
                    _ => break,
                }
            }
        }
        Err(last.unwrap_or_else(|| contract::Code::Internal.into()))
    }

    /// One call to one deployment.
    async fn once(
        self,
        request: &Admitted,
        hub: &mut Hub<'_>,
        deployment: &Arc<Deployment>,
        ticket: &mut Ticket,
    ) -> Result<Attempted, Failure> {
        let mut receipt = Receipt::default();
        let mut outgoing = match hub.write(deployment, &mut receipt, &self).await {
            Ok(outgoing) => outgoing,
            Err(fault) => return Err(self.unwritten(fault, receipt, (request, deployment), ticket)),
        };
        let attempt = ticket.begin_attempt(deployment);
        ticket.edit(|record| {
            record.kept.receipt = receipt;
            // What a deployment before it could not be sent is not lost now.
            record.kept.entries.request.dropped.clear();
            if let Some(open) = &mut record.open {
                open.beyond = outgoing.beyond.take();
            }
        });
        if let Some(waiting) = ticket.waiting() {
            Box::pin(self.handles.attempted(&waiting, ticket, deployment)).await;
        }
        let places = outgoing.places.take();
        let mut result = self.exchange(request, deployment, outgoing, (attempt, ticket)).await;
        if let (Err(failure), Some(places)) = (&mut result, places) {
            let fault = std::mem::replace(&mut failure.fault, contract::Code::Internal.into());
            failure.fault = places.fault(fault);
        }
        if let Err(failure) = &result {
            let code = failure.fault.code();
            self.snapshot.router.observe(deployment, Err(code));
            let outcome = if code == contract::Code::UpstreamInterrupted {
                Outcome::Interrupted
            } else {
                Outcome::Failed
            };
            ticket.end_attempt(&Ending {
                outcome,
                error: Some(code.as_str()),
                assume_consumed: failure.assume_consumed,
            });
        }
        result
    }

    /// The failure of a request that cannot be written for a deployment. What it would have lost is kept for the log.
    fn unwritten(
        self,
        fault: Fault,
        receipt: Receipt,
        (request, deployment): (&Admitted, &Deployment),
        ticket: &mut Ticket,
    ) -> Failure {
        ticket.edit(|record| record.kept.entries.request.dropped = receipt.into_entries());
        let reach = Reach {
            router: &*self.snapshot.router,
            who: &request.who,
            client: request.dialect,
            model: &request.envelope.model,
        };
        Failure::untranslatable(explained(fault, deployment, &request.plan, reach))
    }

    async fn exchange(
        self,
        request: &Admitted,
        deployment: &Arc<Deployment>,
        outgoing: Outgoing,
        (attempt, ticket): (Id, &mut Ticket),
    ) -> Result<Attempted, Failure> {
        let Outgoing { target, body, usage_added, wants, beyond: _, places: _ } = outgoing;
        let traceparent = self.traceparent(attempt, ticket);
        let call = Call {
            dialect: target,
            model: &deployment.upstream_model,
            stream: request.envelope.stream,
            body,
            headers: &request.headers,
            traceparent: traceparent.as_deref(),
            timeouts: deployment.timeouts,
        };
        let reply = deployment.provider.call(call, &*self.handles.upstream).await;
        let ProviderReply { status, headers, body } = reply.map_err(|failure| Failure::silent(&failure))?;
        let first_byte = ticket.first_byte(status);
        if !status.is_success() {
            // Some of it may have been made.
            ticket.consumed(Consumed { usage: wire::told_in_head(&headers), ..Consumed::default() });
            // An error whose body is torn or endless is still an error of that status.
            let body = collect(body, ERROR_CAP).await.unwrap_or_default();
            let error = wire::read_error(target, status, &body);
            return Err(Failure::refused(error, &headers, self.handles.clock.now()));
        }
        if request.envelope.stream && is_stream(target, &headers) {
            let native = wants.is_none();
            let streaming = match wants {
                None => Streaming::pass(request.dialect, body, usage_added),
                Some(mut wants) => {
                    let keeper =
                        self.keeper(request, maker(deployment, target), std::mem::take(&mut wants.trail));
                    let options = self.options(request, wants.options, ticket);
                    Streaming::translate(target, request.dialect, body, options, keeper)
                        .map(|streaming| streaming.sized(ticket.sizes()))
                }
            };
            let streaming = streaming.ok_or_else(|| Failure::nonsense(target, "a stream"))?;
            let shelf = self.shelf(request, deployment, native);
            let mut streaming = streaming.listed(request.listed).alive(
                self.snapshot.silence,
                request.dialect,
                &self.handles.clock,
            );
            if let Err((failure, consumed)) = streaming.begun(target).await {
                ticket.consumed(consumed);
                return Err(failure);
            }
            self.snapshot.router.observe(deployment, Ok(first_byte));
            return Ok(Attempted::Stream(streaming.keeping(self.snapshot.bodies).shelved(shelf)));
        }
        self.snapshot.router.observe(deployment, Ok(first_byte));
        if target == request.dialect && is_sound(target, &headers) {
            let kind = headers.get(header::CONTENT_TYPE).cloned();
            return Ok(Attempted::Stream(Streaming::through(body, kind)));
        }
        let bytes = collect(body, REPLY_CAP).await.map_err(Failure::torn)?;
        let native = wants.is_none();
        let (headers, body) = self.whole(request, deployment, (target, wants), (&headers, bytes, ticket))?;
        let shelf = self.shelf(request, deployment, native);
        Ok(Attempted::Whole(Whole { status, headers, body, shelf }))
    }

    /// Puts a whole answer in the client's dialect. An answer that needs no translation passes as it is.
    fn whole(
        self,
        request: &Admitted,
        deployment: &Deployment,
        (target, wants): (Dialect, Option<Box<Wants>>),
        (came, bytes, ticket): (&HeaderMap, Bytes, &mut Ticket),
    ) -> Result<(HeaderMap, Bytes), Failure> {
        let kind = came.get(header::CONTENT_TYPE);
        let opaque =
            wants.is_none() && wire::is_opaque(target, kind.map(HeaderValue::as_bytes).unwrap_or_default());
        let facts = if opaque { Ok(ReplyFacts::default()) } else { wire::reply_facts(target, &bytes) };
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) => return Err(unreadable(target, error, &bytes, ticket)),
        };
        let counted = facts.usage.filter(|usage| !usage.partial);
        let usage = counted.or_else(|| wire::told_in_head(came)).or(facts.usage);
        ticket.consumed(Consumed {
            usage,
            output: InputSize { text: facts.output_bytes, ..InputSize::default() },
            underreported: false,
            service_tier: facts.service_tier.map(Into::into),
        });
        if facts.instead
            && let Some(error) = wire::error_in(target, &bytes)
        {
            return Err(Failure::instead(error));
        }
        let mut headers = HeaderMap::with_capacity(head::FIELDS);
        let body = if let Some(wants) = wants {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let (body, source) = self.rewrite(request, maker(deployment, target), (wants, &bytes), ticket)?;
            if source == UsageSource::Estimated {
                headers.insert(head::ESTIMATED, HeaderValue::from_static("usage"));
            }
            body
        } else {
            if let Some(kind) = kind {
                headers.insert(header::CONTENT_TYPE, kind.clone());
            }
            for name in wire::headers_of_body(target) {
                headers.extend(came.get(*name).map(|value| (HeaderName::from_static(name), value.clone())));
            }
            bytes
        };
        self.keep_reply(&body, ticket);
        Ok((headers, body))
    }

    /// The answer as its client reads it, and whose word its usage is.
    fn rewrite(
        self,
        request: &Admitted,
        maker: Maker,
        (mut wants, bytes): (Box<Wants>, &Bytes),
        ticket: &mut Ticket,
    ) -> Result<(Bytes, UsageSource), Failure> {
        let target = maker.dialect;
        if request.envelope.stream {
            return Err(Failure::nonsense(target, "a whole answer to a request for a stream"));
        }
        let mut receipt = Receipt::default();
        let keeper = self.keeper(request, maker, std::mem::take(&mut wants.trail));
        let options = self.options(request, wants.options, ticket);
        let mut answered = wire::read_reply_for(target, bytes, &options)
            .map_err(|error| unreadable(target, error, bytes, ticket))?;
        if let Some(error) = wire::fruitless(target, request.dialect, &answered) {
            // The model has worked for it.
            return Err(Failure { assume_consumed: true, ..Failure::instead(error) });
        }
        let source = told(&mut answered, ticket);
        if let Answered::Chat(reply) = &answered {
            keeper.keep(reply);
        }
        let body =
            wire::write_reply(request.dialect, &answered, &options, &mut receipt).ok_or_else(|| {
                Failure::nonsense(target, "an answer that the client's dialect has no place for")
            })?;
        // Losses on the way back are in the log alone: the header answers for the request.
        ticket.edit(|record| record.kept.entries.request.dropped.extend(receipt.into_entries()));
        Ok((body, source))
    }

    pub(super) fn options(self, request: &Admitted, wants: EncodeOptions, ticket: &Ticket) -> EncodeOptions {
        let turn = request.turn.as_deref();
        EncodeOptions {
            usage: request.envelope.include_usage,
            model: String::new(),
            created: self.handles.clock.now().seconds(),
            id: turn.map_or_else(|| ticket.id().to_string(), |turn| turn.id.to_string()),
            asked: request.envelope.model.clone(),
            repeated: turn.map(|_| stored::repeated(request.envelope.body())).unwrap_or_default(),
            ..wants
        }
    }

    /// What remembers the blocks of an answer that its client cannot send back.
    fn keeper(self, request: &Admitted, from: Maker, trail: Trail) -> Keeper {
        Keeper {
            natives: natives::has_natives(from.dialect).then(|| Arc::clone(&self.handles.natives)),
            tenant: request.tenant(),
            trail,
            from,
            until: self.handles.clock.now().plus(self.snapshot.keep_blocks),
        }
    }

    pub(super) fn keep_reply(self, body: &Bytes, ticket: &mut Ticket) {
        let bodies = self.snapshot.bodies;
        if bodies.keep {
            let kept = String::from_utf8_lossy(&body[..body.len().min(bodies.max)]).into_owned();
            ticket.edit(|record| record.kept.entries.request.response_body = Some(kept));
        }
    }

    /// W3C Trace Context for the upstream: the client's trace or one named after the request, this attempt as the parent.
    fn traceparent(self, attempt: Id, ticket: &mut Ticket) -> Option<String> {
        let record = ticket.record()?;
        if record.kept.parent.is_none() && !self.snapshot.tracing {
            return None;
        }
        let request = record.kept.entries.request.id.text();
        let trace =
            record.kept.entries.request.trace_id.clone().unwrap_or_else(|| request.as_str()[4..].to_owned());
        let flags = record.kept.parent.as_deref().map_or("01", |parent| &parent[53..]);
        let traceparent = format!("00-{trace}-{}-{flags}", &attempt.text().as_str()[20..]);
        ticket.edit(|record| record.kept.entries.request.trace_id = Some(trace));
        Some(traceparent)
    }
}

/// Puts the usage into an answer that does not tell it all, as the ledger will have it; gives whose word it is.
fn told(answered: &mut Answered, ticket: &Ticket) -> UsageSource {
    let Some(place) = answered.usage_mut().filter(|it| it.is_none_or(|usage| usage.partial)) else {
        return UsageSource::Reported;
    };
    let (usage, source) = ticket.usage();
    if source != UsageSource::None {
        *place = Some(usage);
    }
    source
}

/// The failure of an answer that cannot be read: it is nonsense, or the provider says why it holds nothing.
fn unreadable(target: Dialect, error: wire::WireError, bytes: &[u8], ticket: &mut Ticket) -> Failure {
    if let Some(error) = wire::error_in(target, bytes) {
        return Failure::instead(error);
    }
    let Some((reason, usage)) = wire::held_back(target, bytes) else {
        return Failure::nonsense(target, error);
    };
    ticket.consumed(Consumed { usage, ..Consumed::default() });
    Failure::held_back(target, &reason)
}

fn is_stream(dialect: Dialect, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    Framing::of(dialect).announced_by(kind)
}

/// Is the answer sound? There may be much of it, and nothing in it to be read.
fn is_sound(dialect: Dialect, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    dialect.operation() == Operation::Speech && wire::is_opaque(dialect, kind)
}

/// How long to wait before trying again: what the upstream asked for, else exponential with full jitter. `None` when the
/// upstream asks for more than the policy waits.
fn backoff(policy: RetryPolicy, nth: u32, asked: Option<Duration>, entropy: u64) -> Option<Duration> {
    if let Some(asked) = asked {
        return (asked <= policy.cap).then_some(asked);
    }
    let ceiling = policy.base.saturating_mul(1 << (nth - 1).min(16)).min(policy.cap);
    // The low bits of a nanosecond clock, spread by a multiplicative hash.
    let spread = entropy.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let nanos = (u128::from(spread) * ceiling.as_nanos()) >> 32;
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_the_cap_and_obeys_the_upstream() {
        let policy = RetryPolicy::default();
        for nth in 1..10 {
            let ceiling = (policy.base * (1 << (nth - 1))).min(policy.cap);
            for entropy in [0, 1, 12_345, u64::MAX] {
                assert!(backoff(policy, nth, None, entropy).unwrap() <= ceiling);
            }
        }
        assert_eq!(backoff(policy, 1, Some(Duration::from_secs(3)), 7), Some(Duration::from_secs(3)));
        assert_eq!(backoff(policy, 1, Some(Duration::from_secs(60)), 7), None);
    }
}
