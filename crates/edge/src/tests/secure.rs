//! TLS: versions agreed on, certificates replaced under way.

use std::path::Path;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::TlsConfig;

/// Takes any certificate: which one it got is what the tests look at.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

async fn connect(edge: &Running, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Gullible))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let tcp = TcpStream::connect(edge.address).await.unwrap();
    let name = ServerName::try_from("gateway.test").unwrap();
    soon("a handshake", TlsConnector::from(Arc::new(config)).connect(name, tcp)).await.unwrap()
}

/// Writes a new pair into the directory and gives the certificate.
fn certify(directory: &Path) -> Vec<u8> {
    let pair = rcgen::generate_simple_self_signed(["gateway.test".to_owned()]).unwrap();
    std::fs::write(directory.join("cert.pem"), pair.cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    pair.cert.der().to_vec()
}

fn secured(directory: &Path) -> ServerConfig {
    let tls = TlsConfig { cert: directory.join("cert.pem"), key: directory.join("key.pem") };
    ServerConfig { tls: Some(tls), ..config() }
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(get("/healthz").as_bytes()).await.unwrap();
    let mut answer = vec![0; 15];
    soon("an answer", stream.read_exact(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_version_is_agreed_on() {
    let directory = tempfile::tempdir().unwrap();
    certify(directory.path());
    let edge = start(&secured(directory.path()));
    for (offered, agreed) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], Some(b"h2".as_slice())),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let mut stream = connect(&edge, offered).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        if agreed != Some(b"h2") {
            assert_eq!(ask(&mut stream).await, "HTTP/1.1 200 OK");
        }
    }
}

#[tokio::test]
async fn certificates_are_replaced_without_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let old = certify(directory.path());
    let edge = start(&secured(directory.path()));
    let certificates = edge.certificates.clone().unwrap();
    let mut open = connect(&edge, &[b"http/1.1"]).await;
    assert_eq!(shown(&open), old);
    assert!(!certificates.reload_if_changed().unwrap());

    let new = certify(directory.path());
    certificates.reload().unwrap();
    assert_eq!(shown(&connect(&edge, &[]).await), new);
    assert_eq!(ask(&mut open).await, "HTTP/1.1 200 OK", "open connections live on");

    std::fs::write(directory.path().join("cert.pem"), "rubbish").unwrap();
    assert!(certificates.reload().is_err());
    assert_eq!(shown(&connect(&edge, &[]).await), new, "the old one stays in use");
}

#[tokio::test]
async fn handshakes_that_stall_are_cut() {
    let directory = tempfile::tempdir().unwrap();
    certify(directory.path());
    let edge = start(&secured(directory.path()));
    let mut client = edge.connect().await;
    client.send(&[0x16, 0x03]).await;
    assert_eq!(edge.in_time(Duration::from_secs(1), client.rest()).await, 0);
}

#[test]
fn unusable_certificates_are_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let config = secured(directory.path());
    let load = || crate::Certificates::load(config.tls.as_ref().unwrap()).map(|_| ());
    assert!(matches!(load(), Err(crate::TlsError::File { .. })));
    certify(directory.path());
    load().unwrap();
    std::fs::write(directory.path().join("cert.pem"), "").unwrap();
    assert!(matches!(load(), Err(crate::TlsError::Empty(_) | crate::TlsError::File { .. })));
}
