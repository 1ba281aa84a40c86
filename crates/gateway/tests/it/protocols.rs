//! Clients for what testkit's does not speak: TLS and HTTP/2, on one connection each.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// The most of a body that is read.
const CAP: usize = 1 << 20;

/// Writes a new certificate and its key for `localhost` into a directory, and gives the certificate.
pub(crate) fn certify(dir: &Path) -> CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("cert.pem"), pair.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    pair.cert.der().clone()
}

/// The settings of a listener with the certificate of this directory.
pub(crate) fn tls_settings(dir: &Path) -> String {
    let dir = dir.display();
    format!("tls: {{ cert: \"{dir}/cert.pem\", key: \"{dir}/key.pem\" }}")
}

/// A TLS connection that trusts this certificate alone and offers these protocols.
pub(crate) async fn connect_tls(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let tcp = TcpStream::connect(address).await?;
    testkit::soon("a TLS handshake", TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
}

/// One HTTP/2 connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: http2::SendRequest<Full<Bytes>>,
    address: SocketAddr,
    _driver: Arc<AbortOnDropHandle<()>>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Http2 {
    /// With prior knowledge, on a plain connection.
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), address).await
    }

    /// On a connection that is open already.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        address: SocketAddr,
    ) -> Self {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = testkit::soon("an HTTP/2 handshake", handshake).await.unwrap();
        let driver = AbortOnDropHandle::new(TaskTracker::new().spawn(async move {
            connection.await.ok();
        }));
        Self { sender, address, _driver: Arc::new(driver) }
    }

    /// One call.
    pub(crate) async fn send(&self, method: Method, path: &str, key: &str, body: String) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let mut sender = self.sender.clone();
        testkit::soon("an answer over HTTP/2", async {
            sender.ready().await.unwrap();
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            let mut body = Limited::new(body, CAP);
            let mut all = Vec::new();
            while let Some(frame) = body.frame().await {
                all.extend(frame.unwrap().into_data().unwrap_or_default());
            }
            Answer { status: head.status, text: String::from_utf8(all).unwrap() }
        })
        .await
    }
}
