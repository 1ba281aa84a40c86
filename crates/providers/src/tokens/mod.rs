//! Access tokens that end: asked for once for all calls, kept, and renewed before they end.
//!
//! One caller at a time asks; the others wait for its answer, or go on with the old token while that holds. Nothing runs
//! in the background: a caller that hangs up while it asks leaves the asking to the next. What a service wants to be asked
//! is a [`Login`]; OAuth's answers (RFC 6749 §5) are read here.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::Body;
use contract::ports::{
    BoxFuture, Clock, Outbound, Phase, ProviderReply, Timeouts, Upstream, UpstreamFailure,
};
use contract::words::{Secret, Tick, Timestamp};
use futures_util::lock::Mutex as Turn;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;

use crate::listing::collect;
use crate::request::segment;

/// A token is renewed this long before its end; one that lives less than twice that, after four fifths of its life.
const AHEAD: Duration = Duration::from_secs(300);
/// A call takes a while to arrive: a token is not used this close to its end.
const MARGIN: Duration = Duration::from_secs(5);
/// How long a refusal stands before anybody asks again.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a token lives that does not say; shorter than any service's.
const UNSAID: Duration = Duration::from_secs(600);
/// Most bytes of a refusal's reason that are kept.
const REASON: usize = 300;

/// How a service is asked for a token.
pub(crate) trait Login: Send + Sync {
    /// The request, or why it cannot be made.
    fn ask(&self, now: Timestamp) -> Result<Outbound, String>;
}

/// Sends a request with a token of these, if there are any; otherwise it has its credential already, or needs none.
pub(crate) fn send<'a>(
    tokens: Option<&'a Tokens>,
    request: Outbound,
    upstream: &'a dyn Upstream,
) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
    match tokens {
        Some(tokens) => Box::pin(tokens.send(request, upstream)),
        None => upstream.send(request),
    }
}

/// The tokens of one account.
pub(crate) struct Tokens {
    login: Box<dyn Login>,
    clock: Arc<dyn Clock>,
    turn: Turn<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    refused: Option<(Tick, UpstreamFailure)>,
}

struct Held {
    bearer: HeaderValue,
    since: Tick,
    renew: Duration,
    end: Duration,
}

impl Tokens {
    pub(crate) fn new(login: Box<dyn Login>, clock: &Arc<dyn Clock>) -> Self {
        let (turn, state) = (Turn::new(()), Mutex::default());
        Self { login, clock: Arc::clone(clock), turn, state }
    }

    /// Sends a request with a token as its credential. A token that is refused is not used again.
    async fn send(
        &self,
        mut request: Outbound,
        upstream: &dyn Upstream,
    ) -> Result<ProviderReply, UpstreamFailure> {
        let bearer = self.bearer(upstream).await?;
        request.headers.insert(AUTHORIZATION, bearer.clone());
        let reply = upstream.send(request).await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            let mut state = self.state();
            state.held.take_if(|held| held.bearer == bearer);
        }
        Ok(reply)
    }

    async fn bearer(&self, upstream: &dyn Upstream) -> Result<HeaderValue, UpstreamFailure> {
        let now = self.clock.tick();
        match self.held(now) {
            Some((bearer, true)) => return Ok(bearer),
            Some((bearer, false)) => {
                let (Some(_turn), None) = (self.turn.try_lock(), self.refusal(now)) else {
                    return Ok(bearer);
                };
                // Somebody may have had the turn since.
                return Ok(match self.held(now) {
                    Some((renewed, true)) => renewed,
                    _ => self.renew(upstream).await.unwrap_or(bearer),
                });
            }
            None => {}
        }
        let _turn = self.turn.lock().await;
        let now = self.clock.tick();
        if let Some((bearer, _)) = self.held(now) {
            return Ok(bearer);
        }
        if let Some(refusal) = self.refusal(now) {
            return Err(refusal);
        }
        self.renew(upstream).await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token that holds now, and whether it need not be renewed yet.
    fn held(&self, now: Tick) -> Option<(HeaderValue, bool)> {
        let state = self.state();
        let held = state.held.as_ref()?;
        let age = now.since(held.since);
        (age < held.end).then(|| (held.bearer.clone(), age < held.renew))
    }

    fn refusal(&self, now: Tick) -> Option<UpstreamFailure> {
        let state = self.state();
        let (since, failure) = state.refused.as_ref()?;
        (now.since(*since) < PAUSE).then(|| failure.clone())
    }

    /// Asks for a token. The caller has the turn.
    async fn renew(&self, upstream: &dyn Upstream) -> Result<HeaderValue, UpstreamFailure> {
        // The life of a token counts from before it was asked for.
        let since = self.clock.tick();
        let answer = self.ask(upstream).await;
        let mut state = self.state();
        match answer {
            Ok((bearer, life)) => {
                let renew = if life > 2 * AHEAD { life.saturating_sub(AHEAD) } else { life / 5 * 4 };
                let end = life.saturating_sub(MARGIN).max(life / 2);
                state.held = Some(Held { bearer: bearer.clone(), since, renew, end });
                state.refused = None;
                Ok(bearer)
            }
            Err(failure) => {
                state.refused = Some((self.clock.tick(), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn ask(&self, upstream: &dyn Upstream) -> Result<(HeaderValue, Duration), UpstreamFailure> {
        let request = self.login.ask(self.clock.now()).map_err(UpstreamFailure::Build)?;
        let ProviderReply { status, body, .. } = upstream.send(request).await?;
        let body = collect(body).await?;
        if !status.is_success() {
            // What was asked is wrong, or else the service is not well and may recover.
            let refused = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
            return Err(match refused {
                true => UpstreamFailure::Login(format!("status {}: {}", status.as_u16(), reason(&body))),
                false => UpstreamFailure::Status(status),
            });
        }
        let broken = |reason: &str| UpstreamFailure::Lost { phase: Phase::Body, reason: reason.to_owned() };
        // What serde says may quote the answer, which is secret.
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| broken("the answer is no token"))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", answer.access_token));
        let mut bearer = bearer.map_err(|_| broken("the token cannot stand in a header"))?;
        bearer.set_sensitive(true);
        Ok((bearer, answer.life()))
    }
}

/// What is common to the answers of all services (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds; some services write a text.
    expires_in: Option<Value>,
}

impl Answer {
    fn life(&self) -> Duration {
        let seconds = match &self.expires_in {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        seconds.map_or(UNSAID, Duration::from_secs)
    }
}

/// Why a token was refused: `error_description` or `error` (RFC 6749 §5.2), `errorMessage` at IBM.
fn reason(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = ["error_description", "errorMessage", "message", "error"];
    let text = said.iter().find_map(|name| answer.get(name)?.as_str()).unwrap_or("no reason was given");
    text.chars().filter(|c| !c.is_control()).take(REASON).collect()
}

/// A login that sends the same form each time: OAuth's client credentials and refresh tokens, IBM's API keys.
pub(crate) struct Form {
    pub(crate) uri: Uri,
    pub(crate) fields: Vec<(&'static str, Secret)>,
    /// A credential of the asker itself (RFC 6749 §2.3.1).
    pub(crate) authorization: Option<HeaderValue>,
    /// The provider, where its own host gives the tokens out.
    pub(crate) provider: Option<Arc<str>>,
}

impl Login for Form {
    fn ask(&self, _: Timestamp) -> Result<Outbound, String> {
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| (*name, value.expose())).collect();
        let mut request = form(self.uri.clone(), &fields);
        if let Some(value) = &self.authorization {
            request.headers.insert(AUTHORIZATION, value.clone());
        }
        request.provider.clone_from(&self.provider);
        Ok(request)
    }
}

/// A form (`application/x-www-form-urlencoded`) for a login service, bounded in time.
pub(crate) fn form(uri: Uri, fields: &[(&str, &str)]) -> Outbound {
    let mut body = String::new();
    for (name, value) in fields {
        let separator = if body.is_empty() { "" } else { "&" };
        // Only texts that mean a place in a path are no segments, and those need no escapes.
        let value = segment(value).unwrap_or_else(|| (*value).to_owned());
        body.push_str(&format!("{separator}{name}={value}"));
    }
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let timeouts = Timeouts {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_secs(10),
        idle: Duration::from_secs(10),
        total: Duration::from_secs(15),
    };
    let (method, body) = (Method::POST, Body::from(body));
    Outbound { method, uri, headers, body, timeouts, untrusted: false, provider: None }
}
