//! URLs that a caller supplied lead to the public Internet or nowhere.

use contract::ports::UpstreamFailure;
use contract::settings::SecretText;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::server::{OK, Server, read_request};
use super::*;
use crate::ProxyConfig;

async fn untrusted(client: &Client, url: &str) -> Result<ProviderReply, UpstreamFailure> {
    let mut request = outbound(url);
    request.untrusted = true;
    send(client, request).await
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let server = Server::answering(OK).await;
    let client = client(&EgressConfig::default());
    let port = server.address.port();
    for host in [
        "127.0.0.1",
        "local.test",
        "both.test",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        let failure = untrusted(&client, &format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(failure, UpstreamFailure::Refused(_)), "{host}: {failure}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_pooled_connection_does_not_let_them_through() {
    let server = Server::answering(OK).await;
    let client = client(&EgressConfig::default());
    get(&client, server.url()).await;
    let failure = untrusted(&client, &server.url()).await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::Refused(_)), "{failure}");
}

#[tokio::test]
async fn a_proxy_neither_lets_them_through_nor_resolves_again() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let proxy = Server::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let request = read_request(&mut stream).await.unwrap();
            seen.send(request).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let http = Some(SecretText::new(format!("http://{}", proxy.address)));
    let client = client(&EgressConfig {
        proxy: ProxyConfig { http, ..ProxyConfig::default() },
        ..EgressConfig::default()
    });
    let failure = untrusted(&client, "http://local.test/").await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::Refused(_)), "{failure}");

    untrusted(&client, "http://public.test/x").await.unwrap();
    let tunnel = requests.recv().await.unwrap();
    assert!(tunnel.starts_with("CONNECT 93.184.216.34:80 HTTP/1.1\r\n"), "{tunnel}");
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /x HTTP/1.1\r\nhost: public.test\r\n"), "{request}");
}
