//! The path of one request through the edge: check the head, find the target, hand over.
//!
//! Called by hyper for each request of a connection. What happens behind a target is not known here.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use contract::ports::{Arrived, BoxFuture, ModelsAsk, PathFacts, StoredAction, StoredAsk};
use contract::words::{Dialect, Id, IdKind, Timestamp};
use contract::{Body, Code, Fault};
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::service::Service;

use crate::edge::{Listener, Shared, Surface};
use crate::intake::{Allowance, Intake};
use crate::load::Permit;
use crate::outgoing::Outgoing;
use crate::pulse::{Pulse, UnderWay};
use crate::table::{Below, Target, guess};
use crate::{client, cors, credential, head, operations};

/// When to try again after a refusal for want of room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The requests of one connection.
pub(crate) struct Entry {
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) peer: IpAddr,
}

/// An answer, now or later.
enum Answer {
    Now(Option<Response<Body>>),
    Later(BoxFuture<'static, Response<Body>>),
}

/// The answer to one request on its way, with what is held until its end and what is done to its head.
pub(crate) struct Reply {
    answer: Answer,
    held: Option<(Option<Permit>, UnderWay)>,
    origin: Option<HeaderValue>,
    close: bool,
    /// Do requests follow each other on the connection?
    single: bool,
    headless: bool,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        Self::Now(Some(response))
    }
}

impl Service<Request<Incoming>> for Entry {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Reply;

    fn call(&self, request: Request<Incoming>) -> Reply {
        let under_way = self.pulse.begin();
        let (head, body) = request.into_parts();
        let origin = self.shared.cors.as_ref().and_then(|cors| cors.origin(&head.headers));
        let headless = head.method == Method::HEAD;
        // HTTP/2 clients are told by GOAWAY.
        let single = head.version < Version::HTTP_2;
        let close = single && self.shared.load.is_draining();
        let has_body = !body.is_end_stream();
        let (answer, permit) = self.route(head, body, origin.is_some());
        if has_body && matches!(answer, Answer::Now(_)) {
            self.pulse.left_unread();
        }
        Reply { answer, held: Some((permit, under_way)), origin, close, single, headless }
    }
}

impl Entry {
    fn route(&self, head: Parts, body: Incoming, cross_origin: bool) -> (Answer, Option<Permit>) {
        let now = self.shared.services.clock.now();
        let id = Id::at(IdKind::Request, now);
        if let Err(fault) = head::check(&head, self.shared.head_limits, &self.pulse) {
            return (self.refuse(&head, &fault, id), None);
        }
        let target = Target::find(head.uri.path()).filter(|target| self.listener.surface.has(*target));
        let Some(target) = target else {
            return (self.refuse(&head, &Code::NotFound.into(), id), None);
        };
        if !target.takes(&head.method) {
            if head.method == Method::POST && target.is_unknown_call() {
                return (self.refuse(&head, &Code::NotFound.into(), id), None);
            }
            let preflight = self.shared.cors.as_ref().filter(|_| cross_origin);
            let answer = preflight.and_then(|cors| cors.preflight(&head.method, &head.headers));
            return (answer.map_or_else(|| self.wrong_method(&head, target, id), Answer::from), None);
        }
        match target {
            Target::Llm(call) => {
                let listed = call.is_listed(head.uri.query());
                let facts = PathFacts { model: call.model.map(unescape), stream: call.stream, listed };
                let path = (call.dialect, facts);
                self.call_model(head, body, path, (id, now))
            }
            Target::Models(dialect, model) => {
                let model = model.map(unescape);
                (self.list_models(head, Body::Empty, (dialect, model), id), None)
            }
            Target::Shown(dialect) => (self.show_model(head, body, dialect, id), None),
            Target::Fixed(kind, text) => (operations::fixed(kind, text).into(), None),
            Target::Stored(response, below) => {
                let (response, delete) = (unescape(response), head.method == Method::DELETE);
                let action = match below {
                    Below::Itself if delete => StoredAction::Delete,
                    Below::Itself => StoredAction::Get,
                    Below::Cancel => StoredAction::Cancel,
                    Below::Items => StoredAction::Items,
                };
                (self.ask_stored(head, (response, action), id), None)
            }
            Target::Healthz => (operations::healthz().into(), None),
            Target::Readyz => {
                (operations::readyz(self.shared.load.is_draining(), &self.shared.services).into(), None)
            }
            Target::Metrics => (self.metrics(head, id), None),
            Target::Admin => (self.administer(head, body, id), None),
        }
    }

    fn call_model(
        &self,
        mut head: Parts,
        body: Incoming,
        (dialect, path): (Dialect, PathFacts),
        (id, at): (Id, Timestamp),
    ) -> (Answer, Option<Permit>) {
        let permit = match self.admit(&head, &body, dialect) {
            Ok(permit) => permit,
            Err(fault) => return (self.refuse(&head, &fault, id), None),
        };
        let shared = &self.shared;
        let arrived = Arrived {
            id,
            at,
            tick: shared.services.clock.tick(),
            dialect,
            path,
            key: credential::take(&mut head.headers, head.uri.query()),
            client: client::address(self.peer, &head.headers, &shared.trusted),
            headers: head.headers,
            body: self.intake(body),
        };
        (Answer::Later(Arc::clone(&shared.services.llm).serve(arrived)), Some(permit))
    }

    /// Refuses what the head alone shows to be too much.
    fn admit(&self, head: &Parts, body: &Incoming, dialect: Dialect) -> Result<Permit, Fault> {
        let load = &self.shared.load;
        if load.is_draining() {
            return Err(Fault::new(Code::Draining).retry_after(RETRY_AFTER));
        }
        head::check_media(&head.headers, dialect)?;
        let most = self.shared.max_body;
        if body.size_hint().lower() > most {
            return Err(Fault::saying(
                Code::BodyTooLarge,
                format!("The request body is larger than the {most} bytes this gateway accepts."),
            ));
        }
        load.call().ok_or_else(|| Fault::new(Code::Overloaded).retry_after(RETRY_AFTER))
    }

    fn intake(&self, body: Incoming) -> Body {
        if body.is_end_stream() {
            return Body::Empty;
        }
        let allowance = Allowance {
            bytes: self.shared.max_body,
            time: self.shared.timeouts.body.0,
            clock: Arc::clone(&self.shared.services.clock),
        };
        Body::stream(Intake::new(body, allowance, Arc::clone(&self.pulse)))
    }

    /// A question about one model, which its body names.
    fn show_model(&self, head: Parts, body: Incoming, dialect: Dialect, id: Id) -> Answer {
        if body.size_hint().lower() > self.shared.max_body {
            return self.refuse(&head, &Code::BodyTooLarge.into(), id);
        }
        // Without a body there is no name either, which is for the reader of it to say.
        let body = match self.intake(body) {
            Body::Empty => Body::Full(Bytes::from_static(b"{}")),
            body => body,
        };
        self.list_models(head, body, (dialect, None), id)
    }

    fn list_models(
        &self,
        mut head: Parts,
        body: Body,
        (dialect, model): (Dialect, Option<String>),
        id: Id,
    ) -> Answer {
        if self.shared.load.is_draining() {
            return self.refuse(&head, &Fault::new(Code::Draining).retry_after(RETRY_AFTER), id);
        }
        // Others ask at the same path as OpenAI's clients.
        let dialect = match dialect {
            Dialect::OpenaiChat => guess(head.uri.path(), &head.headers),
            told => told,
        };
        let key = credential::take(&mut head.headers, head.uri.query());
        let query = head.uri.query().map(str::to_owned);
        let ask = ModelsAsk { id, dialect, key, model, query, body };
        Answer::Later(Arc::clone(&self.shared.services.llm).models(ask))
    }

    fn ask_stored(&self, mut head: Parts, (response, action): (String, StoredAction), id: Id) -> Answer {
        if self.shared.load.is_draining() {
            return self.refuse(&head, &Fault::new(Code::Draining).retry_after(RETRY_AFTER), id);
        }
        let key = credential::take(&mut head.headers, head.uri.query());
        let query = head.uri.query().map(str::to_owned);
        let ask = StoredAsk { id, key, response, action, query };
        Answer::Later(Arc::clone(&self.shared.services.llm).stored(ask))
    }

    fn metrics(&self, mut head: Parts, id: Id) -> Answer {
        let services = &self.shared.services;
        let near = || client::address(self.peer, &head.headers, &self.shared.trusted).is_loopback();
        if self.listener.surface == Surface::Admin || (self.listener.is_loopback() && near()) {
            return operations::metrics(services).into();
        }
        let key = credential::take(&mut head.headers, head.uri.query());
        Answer::Later(operations::guarded_metrics(Arc::clone(services), key, id))
    }

    /// The admin API reads the headers itself, and takes no key from the query, where `key` is a filter. The request id and
    /// the client's address go with it as extensions.
    fn administer(&self, mut head: Parts, body: Incoming, id: Id) -> Answer {
        if body.size_hint().lower() > self.shared.max_body {
            return self.refuse(&head, &Code::BodyTooLarge.into(), id);
        }
        let client = client::address(self.peer, &head.headers, &self.shared.trusted);
        head.extensions.insert(id);
        head.extensions.insert(client);
        Answer::Later(self.shared.services.admin.call(Request::from_parts(head, self.intake(body))))
    }

    fn wrong_method(&self, head: &Parts, target: Target<'_>, id: Id) -> Answer {
        let dialect = guess(head.uri.path(), &head.headers);
        let mut response = self.shared.fault(dialect, &Code::MethodNotAllowed.into(), id);
        if let Some(methods) = target.methods() {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        }
        response.into()
    }

    fn refuse(&self, head: &Parts, fault: &Fault, id: Id) -> Answer {
        self.shared.fault(guess(head.uri.path(), &head.headers), fault, id).into()
    }
}

/// Resolves `%2F` and its like in a model name; what does not resolve names no model.
fn unescape(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        plain.push(match byte {
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => b'%',
            },
            byte => byte,
        });
    }
    String::from_utf8_lossy(&plain).into_owned()
}

impl Future for Reply {
    type Output = Result<Response<Outgoing>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let response = match &mut this.answer {
            Answer::Now(response) => response.take(),
            Answer::Later(future) => Some(ready!(future.as_mut().poll(cx))),
        };
        // Both are there until the answer was given, after which nobody asks again.
        let (Some(mut response), Some((permit, under_way))) = (response, this.held.take()) else {
            return Poll::Pending;
        };
        // No next request can be read behind a body that is not (RFC 9112 §9.3).
        if this.close || (this.single && under_way.left_unread()) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(origin) = this.origin.take() {
            cors::allow(response.headers_mut(), origin);
        }
        if this.headless {
            response = without_body(response);
        }
        Poll::Ready(Ok(response.map(|body| Outgoing::new(body, permit, under_way))))
    }
}

/// The answer to a HEAD request: the length of the body without the body.
fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().known_len() {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::Empty;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_in_model_names_are_resolved() {
        for (text, plain) in [
            ("openai%2Fgpt-5", "openai/gpt-5"),
            ("openai%2fgpt-5", "openai/gpt-5"),
            ("plain", "plain"),
            ("100%", "100%"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(unescape(text), plain, "{text}");
        }
    }
}
