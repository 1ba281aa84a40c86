//! Calls through a proxy.

use contract::ports::UpstreamFailure;
use contract::settings::SecretText;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::server::{OK, Server, read_request};
use super::*;
use crate::ProxyConfig;

fn through(proxy: &Server) -> EgressConfig {
    let address = Some(SecretText::new(format!("http://me:secret@{}", proxy.address)));
    EgressConfig {
        proxy: ProxyConfig {
            http: address.clone(),
            https: address,
            no_proxy: Some("direct.test".to_owned()),
        },
        ..EgressConfig::default()
    }
}

const BASIC: &str = "proxy-authorization: Basic bWU6c2VjcmV0\r\n";

#[tokio::test]
async fn plain_requests_go_in_absolute_form_on_one_connection() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let proxy = Server::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                seen.send(request).unwrap();
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let client = client(&through(&proxy));
    for _ in 0..2 {
        assert_eq!(get(&client, "http://api.test/v1/x?y=1").await, "ok");
        let request = requests.recv().await.unwrap();
        assert!(request.starts_with("POST http://api.test/v1/x?y=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("host: api.test\r\n") && request.contains(BASIC), "{request}");
    }
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn exceptions_are_reached_directly_without_the_proxy_password() {
    let proxy = Server::answering(OK).await;
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    get(&client(&through(&proxy)), server.named("http", "direct.test")).await;
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /v1/x?y=1 ") && !request.contains("proxy-authorization"), "{request}");
    assert_eq!(proxy.accepted(), 0);
}

#[tokio::test]
async fn a_refusing_proxy_is_named_but_its_password_is_not() {
    let proxy = Server::answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let failure = send(&client(&through(&proxy)), outbound("https://api.test/")).await.unwrap_err();
    let text = failure.to_string();
    assert!(matches!(failure, UpstreamFailure::Connect(_)) && text.contains("407"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
