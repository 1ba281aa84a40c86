//! The client against real sockets on loopback. Names ending in `.test` lead there.

mod cancel;
mod pooling;
mod private;
mod proxying;
mod server;
mod timeouts;
mod tls;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use contract::Body;
use contract::body::BodyError;
use contract::ports::{BoxFuture, Outbound, PoolState, ProviderReply, Timeouts, Upstream, UpstreamFailure};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Client, Deps, EgressConfig, ProviderTls, Resolve};

/// `public.test` has a public address, `both.test` a public and a private one, all others are on loopback.
struct Names;

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let public = SocketAddr::from(([93, 184, 216, 34], port));
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Box::pin(async move {
            match host {
                "public.test" => Ok(vec![public]),
                "both.test" => Ok(vec![public, local]),
                "nowhere.test" => Err(io::Error::other("no such name")),
                _ => Ok(vec![local]),
            }
        })
    }
}

fn client(config: &EgressConfig) -> Arc<Client> {
    client_with(config, HashMap::new())
}

fn client_with(config: &EgressConfig, tls: HashMap<String, ProviderTls>) -> Arc<Client> {
    let deps = Deps { tasks: TaskTracker::new(), stop: CancellationToken::new(), resolver: Arc::new(Names) };
    Client::new(config, tls, deps).unwrap()
}

/// Generous limits, so that only what a test sets can pass.
const LONG: Timeouts = Timeouts {
    connect: Duration::from_secs(20),
    first_byte: Duration::from_secs(20),
    idle: Duration::from_secs(20),
    total: Duration::from_secs(20),
};

fn outbound(url: impl AsRef<str>) -> Outbound {
    Outbound {
        method: Method::POST,
        uri: url.as_ref().parse().unwrap(),
        headers: HeaderMap::new(),
        body: Body::from("{}"),
        timeouts: LONG,
        untrusted: false,
        provider: Some("acme".into()),
    }
}

async fn send(client: &Client, outbound: Outbound) -> Result<ProviderReply, UpstreamFailure> {
    soon(client.send(outbound)).await
}

/// One call, read to its end.
async fn get(client: &Client, url: impl AsRef<str>) -> String {
    let reply = send(client, outbound(url)).await.unwrap();
    assert_eq!(reply.status, 200);
    read(reply.body).await.unwrap()
}

async fn read(mut body: Body) -> Result<String, BodyError> {
    let mut text = Vec::new();
    while let Some(frame) = soon(body.frame()).await {
        if let Ok(data) = frame?.into_data() {
            text.extend_from_slice(&data);
        }
    }
    Ok(String::from_utf8(text).unwrap())
}

/// What hangs fails the test instead of hanging it.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("nothing happened for 30 s")
}

fn pool(client: &Client) -> PoolState {
    client.pools().into_iter().find(|pool| &*pool.provider == "acme").unwrap()
}
