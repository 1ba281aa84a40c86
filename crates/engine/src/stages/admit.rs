//! What the caller may do: the body is read, the model resolved, the limit held.

use std::mem::take;

use bytes::Bytes;
use contract::body::BodyError;
use contract::ports::{Ask, Deployment, InputSize, Plan, Stage, Tenant};
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use wire::envelope::Envelope;
use wire::stored;

use super::{Admitted, Known};
use crate::collect::collect;
use crate::pipeline::Run;
use crate::ticket::Ticket;
use crate::unable::{Reach, rerouted};

const STRICT: HeaderName = HeaderName::from_static("x-pathgate-strict");
const USER: HeaderName = HeaderName::from_static("x-pathgate-user");
const TAGS: HeaderName = HeaderName::from_static("x-pathgate-tags");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

impl Run<'_> {
    /// Reads the body, resolves the candidate deployments and takes the hold.
    pub(crate) async fn admit(self, known: Known<'_>, ticket: &mut Ticket) -> Result<Admitted, Fault> {
        let Known { arrived, principal } = known;
        let body = collect(take(&mut arrived.body), self.snapshot.max_body).await.map_err(refuse)?;
        self.note_request(&body, &arrived.headers, ticket);
        let kind = arrived.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let envelope = Envelope::receive(arrived.dialect, &arrived.path, kind, body)?;
        let strict = flag(&arrived.headers, &STRICT)?;
        let plan = self.planned(&envelope.model, arrived.dialect);
        ticket.asked(&envelope.model, plan.as_ref().ok().map(|plan| &plan.model));
        ticket.edit(|record| {
            record.kept.entries.request.stream = envelope.stream;
            if record.kept.entries.request.user.is_none() {
                record.kept.entries.request.user = envelope.user.clone();
            }
        });

        let plan = plan.map_err(|fault| {
            let reach = Reach {
                router: &*self.snapshot.router,
                who: &principal,
                client: arrived.dialect,
                model: &envelope.model,
            };
            rerouted(fault, reach)
        })?;
        if !principal.may_use(&envelope.model) && !principal.may_use(&plan.model) {
            return Err(Fault::new(Code::ModelForbidden).at("model"));
        }
        let before = match stored::is_kept(arrived.dialect) {
            true => Some(Box::pin(self.before(&Tenant::of(&principal), &envelope)).await?),
            false => None,
        };
        let said = before.as_ref().map_or(0, |before| before.most_tokens());
        let size = wire::tokens::input_size(envelope.body(), envelope.file_bytes);
        let ranks = arrived.dialect.operation() == Operation::Rerank;
        let documents = if ranks { wire::tokens::documents(envelope.body()) } else { 0 };
        ticket.edit(|record| (record.size, record.documents) = (size, documents));
        let input_tokens = self.most_tokens(&plan, arrived.dialect, size) + said;
        let ask = Ask { input_tokens, output_tokens: envelope.max_output };
        let hold = self.handles.meter.admit(&principal, ask).await?;
        ticket.edit(|record| record.hold = Some(hold));

        ticket.ended(Stage::Admit);
        Ok(Admitted {
            dialect: arrived.dialect,
            headers: take(&mut arrived.headers),
            envelope,
            plan,
            who: principal,
            listed: arrived.path.listed,
            strict,
            before,
            turn: None,
        })
    }

    /// The plan for a model. Clients of Ollama add `:latest` to a name without a tag, which says something to Ollama's servers
    /// alone.
    fn planned(self, model: &str, client: Dialect) -> Result<Plan, Fault> {
        let plan = self.snapshot.router.plan(model, client);
        let Some(bare) = wire::untagged(client, model) else { return plan };
        let tagged = |to: &Deployment| to.provider.dialect(client, &to.upstream_model) == Some(client);
        match plan {
            Ok(plan) if plan.deployments.first().is_some_and(|first| tagged(first)) => Ok(plan),
            plan => self.snapshot.router.plan(bare, client).or(plan),
        }
    }

    /// The most tokens that the input can have with any candidate. None takes more than its window has room for.
    fn most_tokens(self, plan: &Plan, client: Dialect, size: InputSize) -> u64 {
        if client.operation() == Operation::CountTokens {
            return 0;
        }
        let most = plan.deployments.iter().map(|deployment| {
            let most = self.handles.counter.most(&deployment.upstream_model, size);
            deployment.card.context_window.map_or(most, |window| most.min(window))
        });
        most.max().unwrap_or_default()
    }

    fn note_request(self, body: &Bytes, headers: &HeaderMap, ticket: &mut Ticket) {
        let bodies = self.snapshot.bodies;
        ticket.edit(|record| {
            record.kept.entries.request.bytes_in = body.len() as u64;
            record.kept.entries.request.user = text(headers, &USER).map(str::to_owned);
            record.kept.entries.request.tags = text(headers, &TAGS).map(tags).unwrap_or_default();
            record.kept.parent =
                text(headers, &TRACEPARENT).filter(|value| is_traceparent(value)).map(Into::into);
            record.kept.entries.request.trace_id =
                record.kept.parent.as_deref().map(|parent| parent[3..35].to_owned());
            if bodies.keep {
                let kept = &body[..body.len().min(bodies.max)];
                record.kept.entries.request.request_body = Some(String::from_utf8_lossy(kept).into_owned());
            }
        });
    }
}

pub(crate) fn refuse(error: BodyError) -> Fault {
    match error {
        BodyError::TooLarge(max) => Fault::saying(
            Code::BodyTooLarge,
            format!("The request body is larger than the {max} bytes this gateway accepts."),
        ),
        BodyError::Idle | BodyError::Deadline => Code::BodyTimeout.into(),
        BodyError::Malformed => {
            Fault::saying(Code::InvalidRequest, "The request body is not framed as HTTP allows.")
                .because(error)
        }
        BodyError::Lost => Fault::new(Code::ClientGone).because(error),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A switch: whoever misspells it is told, for what it is to prevent would happen otherwise.
fn flag(headers: &HeaderMap, name: &HeaderName) -> Result<bool, Fault> {
    let Some(value) = headers.get(name) else { return Ok(false) };
    let said =
        |words: &[&str]| words.iter().any(|word| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()));
    if said(&["true", "1", "yes", "on"]) {
        return Ok(true);
    }
    if said(&["false", "0", "no", "off", ""]) {
        return Ok(false);
    }
    Err(Fault::saying(Code::InvalidRequest, format!("The header {name} is 'true' or 'false'."))
        .at(name.as_str()))
}

/// `k=v,k=v`; what has no `=` is a tag without a value.
fn tags(header: &str) -> Vec<(String, String)> {
    let pair = |tag: &str| {
        let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    header.split(',').filter(|tag| !tag.trim().is_empty()).map(pair).collect()
}

/// The form of W3C Trace Context §3.2: version 00, a trace id and a parent id that are not all zeros, flags.
fn is_traceparent(value: &str) -> bool {
    let bytes = value.as_bytes();
    let hex = |range: std::ops::Range<usize>| {
        bytes[range].iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
    };
    let nonzero = |range: std::ops::Range<usize>| bytes[range].iter().any(|byte| *byte != b'0');
    bytes.len() == 55
        && value.is_ascii()
        && &bytes[..3] == b"00-"
        && bytes[35] == b'-'
        && bytes[52] == b'-'
        && hex(3..35)
        && nonzero(3..35)
        && hex(36..52)
        && nonzero(36..52)
        && hex(53..55)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparents_are_checked_whole() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_traceparent(good));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0é",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }

    #[test]
    fn tags_are_pairs() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(tags("a=1, b = 2,,c"), [pair("a", "1"), pair("b", "2"), pair("c", "")]);
    }
}
