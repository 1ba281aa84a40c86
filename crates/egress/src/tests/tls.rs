//! TLS with certificates made on the spot.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use contract::ports::UpstreamFailure;
use contract::settings::SecretText;
use http_body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::server::{OK, Server, read_request};
use super::*;
use crate::ProxyConfig;

/// A certificate authority, with its files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, files }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Issues a certificate and leaves `{name}.pem` and `{name}.key`.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
        (certificate, key)
    }

    /// A server's settings for `api.test`; with `clients`, only for clients with a certificate of ours.
    fn acceptor(&self, alpn: &[&str], clients: bool) -> TlsAcceptor {
        let (certificate, key) = self.issue("api.test");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    fn trusted(&self) -> EgressConfig {
        EgressConfig { ca_files: vec![self.file("ca.pem")], ..EgressConfig::default() }
    }
}

/// Speaks HTTP/1 over TLS and answers `ok`.
async fn serve(acceptor: TlsAcceptor) -> Server {
    Server::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() {
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_server_of_a_configured_authority_is_trusted() {
    let authority = Authority::new();
    let server = serve(authority.acceptor(&["http/1.1"], false)).await;
    let client = client(&authority.trusted());
    for _ in 0..2 {
        assert_eq!(get(&client, server.named("https", "api.test")).await, "ok");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn strangers_and_other_names_are_not() {
    let authority = Authority::new();
    let server = serve(authority.acceptor(&[], false)).await;
    for (config, host) in [(EgressConfig::default(), "api.test"), (authority.trusted(), "other.test")] {
        let failure = send(&client(&config), outbound(server.named("https", host))).await.unwrap_err();
        assert!(matches!(&failure, UpstreamFailure::Connect(text) if text.starts_with("tls")), "{failure}");
    }
}

#[tokio::test]
async fn a_provider_has_its_own_authority_and_identity() {
    let authority = Authority::new();
    authority.issue("gateway.test");
    let server = serve(authority.acceptor(&["http/1.1"], true)).await;
    let own = ProviderTls {
        ca_file: Some(authority.file("ca.pem")),
        client_cert: Some(authority.file("gateway.test.pem")),
        client_key: Some(authority.file("gateway.test.key")),
    };
    let client = client_with(&EgressConfig::default(), HashMap::from([("acme".to_owned(), own)]));
    let url = server.named("https", "api.test");
    assert_eq!(get(&client, &url).await, "ok");

    let mut request = outbound(&url);
    request.provider = Some("another".into());
    send(&client, request).await.unwrap_err();
}

#[tokio::test]
async fn without_a_client_certificate_the_server_refuses() {
    let authority = Authority::new();
    let server = serve(authority.acceptor(&["http/1.1"], true)).await;
    let url = server.named("https", "api.test");
    send(&client(&authority.trusted()), outbound(url)).await.unwrap_err();
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let authority = Authority::new();
    authority.issue("gateway.test");
    let build = |config: &EgressConfig, tls: ProviderTls| {
        let deps =
            Deps { tasks: TaskTracker::new(), stop: CancellationToken::new(), resolver: Arc::new(Names) };
        Client::new(config, HashMap::from([("acme".to_owned(), tls)]), deps).map(drop)
    };
    let half =
        ProviderTls { client_cert: Some(authority.file("gateway.test.pem")), ..ProviderTls::default() };
    build(&EgressConfig::default(), half).unwrap_err();
    let keyed = ProviderTls { ca_file: Some(authority.file("gateway.test.key")), ..ProviderTls::default() };
    build(&EgressConfig::default(), keyed).unwrap_err();
    let rootless = EgressConfig { public_roots: false, ..EgressConfig::default() };
    build(&rootless, ProviderTls::default()).unwrap_err();
    build(&EgressConfig::default(), ProviderTls::default()).unwrap();
}

/// Speaks HTTP/2 and answers with the request's authority and version; `/wait` is never answered.
async fn serve_h2(acceptor: TlsAcceptor, gone: mpsc::UnboundedSender<()>) -> Server {
    Server::start(move |_, stream: TcpStream| {
        let (acceptor, gone) = (acceptor.clone(), gone.clone());
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let gone = gone.clone();
                async move {
                    if request.uri().path() == "/wait" {
                        let _tell = Tell(gone);
                        std::future::pending::<()>().await;
                    }
                    let text = format!("{} {:?}", request.uri(), request.version());
                    Ok::<_, BodyError>(http::Response::new(Body::from(text)))
                }
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        }
    })
    .await
}

struct Tell(mpsc::UnboundedSender<()>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_wants_it() {
    let authority = Authority::new();
    let (gone, mut seen) = mpsc::unbounded_channel();
    let server = serve_h2(authority.acceptor(&["h2", "http/1.1"], false), gone).await;
    let client = client(&authority.trusted());
    let url = server.named("https", "api.test");
    for _ in 0..2 {
        assert_eq!(get(&client, &url).await, format!("{url} HTTP/2.0"));
    }
    assert_eq!((server.accepted(), pool(&client).opened, pool(&client).idle), (1, 1, 1));

    let mut request = outbound(url.replace("/v1/x", "/wait"));
    request.timeouts.first_byte = std::time::Duration::from_millis(30);
    let failure = send(&client, request).await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::Timeout { .. }), "{failure}");
    soon(seen.recv()).await.unwrap();
    assert_eq!(get(&client, &url).await, format!("{url} HTTP/2.0"));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn http_2_can_be_switched_off() {
    let authority = Authority::new();
    let server = serve(authority.acceptor(&["h2", "http/1.1"], false)).await;
    let client = client(&EgressConfig { http2: false, ..authority.trusted() });
    assert_eq!(get(&client, server.named("https", "api.test")).await, "ok");
}

#[tokio::test]
async fn tls_goes_through_a_tunnel() {
    let authority = Authority::new();
    let server = serve(authority.acceptor(&["http/1.1"], false)).await;
    let (seen, mut requests) = mpsc::unbounded_channel();
    let behind = server.address;
    let proxy = Server::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(behind).await.unwrap();
            copy_bidirectional(&mut stream, &mut server).await.ok();
        }
    })
    .await;
    let https = Some(SecretText::new(format!("http://me:secret@{}", proxy.address)));
    let config =
        EgressConfig { proxy: ProxyConfig { https, ..ProxyConfig::default() }, ..authority.trusted() };
    let client = client(&config);
    for _ in 0..2 {
        assert_eq!(get(&client, "https://api.test/").await, "ok");
    }
    let tunnel = requests.recv().await.unwrap();
    assert_eq!(
        tunnel,
        "CONNECT api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n\
         proxy-authorization: Basic bWU6c2VjcmV0\r\n\r\n"
    );
    assert_eq!((proxy.accepted(), server.accepted()), (1, 1));
}

/// A body that says "ok" and ends when the other side of its channel is dropped; tells whether it got that far.
struct Late {
    more: mpsc::UnboundedReceiver<Bytes>,
    ended: mpsc::UnboundedSender<bool>,
    whole: bool,
}

impl http_body::Body for Late {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.more.poll_recv(cx).map(|more| {
            self.whole = more.is_none();
            more.map(|bytes| Ok(Frame::data(bytes)))
        })
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.ended.send(self.whole).ok();
    }
}

#[tokio::test]
async fn a_stream_whose_last_event_was_read_is_not_reset() {
    let authority = Authority::new();
    let (ended, mut seen) = mpsc::unbounded_channel();
    let (held, mut senders) = mpsc::unbounded_channel();
    let acceptor = authority.acceptor(&["h2"], false);
    let server = Server::start(move |_, stream: TcpStream| {
        let (acceptor, ended, held) = (acceptor.clone(), ended.clone(), held.clone());
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let service = service_fn(move |_: http::Request<hyper::body::Incoming>| {
                let (sender, more) = mpsc::unbounded_channel();
                sender.send(Bytes::from_static(b"ok")).unwrap();
                held.send(sender).unwrap();
                let body = Late { more, ended: ended.clone(), whole: false };
                async move { Ok::<_, BodyError>(http::Response::new(Body::stream(body))) }
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        }
    })
    .await;
    let client = client(&authority.trusted());
    // The wait is short, and the machine may be busy with other tests.
    for _ in 0..10 {
        let mut reply = send(&client, outbound(server.named("https", "api.test"))).await.unwrap();
        soon(reply.body.frame()).await.unwrap().unwrap();
        let sender = soon(senders.recv()).await;
        drop(reply);
        // Another one there and back: a reset would have come before it.
        let mut other = send(&client, outbound(server.named("https", "api.test"))).await.unwrap();
        soon(other.body.frame()).await.unwrap().unwrap();
        drop(sender);
        if soon(seen.recv()).await == Some(true) {
            return;
        }
        drop((other, soon(senders.recv()).await));
        soon(seen.recv()).await;
    }
    panic!("each stream was reset");
}
