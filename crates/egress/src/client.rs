//! The client: one call from the URL to the response head.

use std::collections::HashMap;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use contract::ports::{
    BoxFuture, Outbound, Phase, PoolState, ProviderReply, Timeouts, Upstream, UpstreamFailure,
};
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::Tail;
use crate::config::{EgressConfig, ProviderTls};
use crate::connection::{Link, SendFailure};
use crate::dial::Dialer;
use crate::error::EgressError;
use crate::pool::{Lease, Limits, Pool, Pools};
use crate::proxy::ProxyRules;
use crate::resolve::Resolve;
use crate::target::Target;
use crate::tls::TlsSet;

/// What the client needs from its surroundings.
pub struct Deps {
    /// Runs the connections' drivers.
    pub tasks: TaskTracker,
    /// When cancelled, idle connections are closed and no connection is kept any more; calls still work.
    pub stop: CancellationToken,
    /// Finds addresses.
    pub resolver: Arc<dyn Resolve>,
}

/// The one HTTP client.
pub struct Client {
    pools: Arc<Pools>,
    dialer: RwLock<Arc<Dialer>>,
    configured: Mutex<(EgressConfig, HashMap<String, ProviderTls>)>,
    resolver: Arc<dyn Resolve>,
}

impl Client {
    /// Builds the client; `providers` names those whose TLS differs. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A PEM file, a key or a proxy address that cannot be used.
    pub fn new(
        config: &EgressConfig,
        providers: HashMap<String, ProviderTls>,
        deps: Deps,
    ) -> Result<Arc<Self>, EgressError> {
        let Deps { tasks, stop, resolver } = deps;
        let dialer = dialer(config, &providers, &resolver)?;
        let pools = Arc::new(Pools::new(limits(config), tasks.clone()));
        tasks.spawn(tend(Arc::downgrade(&pools), config.idle_timeout.0, stop));
        Ok(Arc::new(Self {
            pools,
            dialer: RwLock::new(Arc::new(dialer)),
            configured: Mutex::new((config.clone(), providers)),
            resolver,
        }))
    }

    /// Takes new settings over. Files are read again in any case; idle connections are closed when a setting changed.
    /// A changed `idle_timeout` holds for new pools; how often they are tended stays as it was.
    ///
    /// # Errors
    /// As [`Client::new`]; the old settings stay.
    pub fn reconfigure(
        &self,
        config: &EgressConfig,
        providers: HashMap<String, ProviderTls>,
    ) -> Result<(), EgressError> {
        let fresh = Arc::new(dialer(config, &providers, &self.resolver)?);
        *self.dialer.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        let mut configured = self.configured.lock().unwrap_or_else(PoisonError::into_inner);
        if configured.0 != *config || configured.1 != providers {
            *configured = (config.clone(), providers);
            self.pools.reset(limits(config));
        }
        Ok(())
    }

    async fn connect(&self, pool: &Pool, phases: &Phases) -> Result<Link, UpstreamFailure> {
        let dialer = self.dialer.read().unwrap_or_else(PoisonError::into_inner).clone();
        let open = async {
            let dialled = dialer.dial(&pool.target, pool.provider.as_deref(), pool.checked).await?;
            Link::open(dialled, &pool.tasks, pool.gauge())
                .await
                .map_err(|error| UpstreamFailure::Connect(format!("http: {}", reason(&error))))
        };
        let Ok(opened) = timeout_at(phases.due(phases.started, phases.timeouts.connect), open).await else {
            return Err(phases.late(Phase::Connect, phases.timeouts.connect));
        };
        let link = opened?;
        if let Link::Mux(mux, _) = &link {
            pool.share(mux.clone());
        }
        Ok(link)
    }
}

impl Upstream for Client {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        let Outbound { method, uri: url, headers, body, timeouts, untrusted, provider } = outbound;
        let phases = Phases { started: Instant::now(), timeouts };
        let pool = match Target::of(&url) {
            Ok(target) => self.pools.of(provider, target, untrusted),
            Err(failure) => return Box::pin(ready(Err(failure))),
        };
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        // Not an `async fn`, which would hold these values twice: every request goes through here.
        Box::pin(async move {
            loop {
                let Some(mut link) = pool.take(phases.started) else { break };
                match link.exchange(&mut request, &url, phases.head_due(phases.started)).await {
                    Ok(response) => return Ok(phases.reply(response, Lease { link, pool })),
                    // It died while it was idle, and nothing was sent: another one, at last one that is surely alive.
                    Err(SendFailure::Unsent(_)) if matches!(link, Link::Line(_)) => {}
                    Err(SendFailure::Unsent(_)) => break,
                    Err(failure) => return Err(phases.failure(failure)),
                }
            }
            let mut link = Box::pin(self.connect(&pool, &phases)).await?;
            match link.exchange(&mut request, &url, phases.head_due(Instant::now())).await {
                Ok(response) => Ok(phases.reply(response, Lease { link, pool })),
                Err(failure) => Err(phases.failure(failure)),
            }
        })
    }

    fn pools(&self) -> Vec<PoolState> {
        self.pools.states()
    }
}

/// The limits of one call and when they began to run.
struct Phases {
    started: Instant,
    timeouts: Timeouts,
}

impl Phases {
    fn end(&self) -> Instant {
        after(self.started, self.timeouts.total)
    }

    fn due(&self, from: Instant, limit: Duration) -> Instant {
        after(from, limit).min(self.end())
    }

    fn head_due(&self, sent: Instant) -> Instant {
        self.due(sent, self.timeouts.first_byte)
    }

    fn reply(&self, response: Response<Incoming>, lease: Lease) -> ProviderReply {
        let (head, incoming) = response.into_parts();
        let body = Tail::new(incoming, lease, self.timeouts.idle, self.end()).into_body();
        ProviderReply { status: head.status, headers: head.headers, body }
    }

    fn failure(&self, failure: SendFailure) -> UpstreamFailure {
        match failure {
            SendFailure::Unsent(error) => {
                UpstreamFailure::Lost { phase: Phase::Connect, reason: reason(&error) }
            }
            SendFailure::Lost(error) => {
                UpstreamFailure::Lost { phase: Phase::FirstByte, reason: reason(&error) }
            }
            SendFailure::Late => self.late(Phase::FirstByte, self.timeouts.first_byte),
        }
    }

    fn late(&self, phase: Phase, limit: Duration) -> UpstreamFailure {
        UpstreamFailure::Timeout { phase, after: limit.min(self.timeouts.total) }
    }
}

/// An error with its causes, in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// `from` plus `span`, with spans beyond reason meaning a year.
pub(crate) fn after(from: Instant, span: Duration) -> Instant {
    from + span.min(Duration::from_secs(365 * 86_400))
}

fn limits(config: &EgressConfig) -> Limits {
    Limits { max_idle: config.max_idle, idle_timeout: config.idle_timeout.0 }
}

fn dialer(
    config: &EgressConfig,
    providers: &HashMap<String, ProviderTls>,
    resolver: &Arc<dyn Resolve>,
) -> Result<Dialer, EgressError> {
    Ok(Dialer {
        tls: TlsSet::new(config, providers)?,
        proxies: ProxyRules::new(&config.proxy)?,
        resolver: resolver.clone(),
    })
}

/// Closes idle connections when their time has come, and all of them at the end.
async fn tend(pools: std::sync::Weak<Pools>, idle: Duration, stop: CancellationToken) {
    let pause = (idle / 8).max(Duration::from_millis(10));
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(pause) => {}
        }
        match pools.upgrade() {
            Some(pools) => pools.sweep(Instant::now()),
            None => return,
        }
    }
    if let Some(pools) = pools.upgrade() {
        pools.reset(Limits { max_idle: 0, idle_timeout: idle });
    }
}
