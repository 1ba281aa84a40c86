//! Each phase has its limit, and each failure says how far the call had come.

use std::time::Duration;

use contract::body::BodyError;
use contract::ports::{Phase, UpstreamFailure};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::server::{CHUNKED, OK, Server, closed, read_request};
use super::*;

const SHORT: Duration = Duration::from_millis(60);

#[tokio::test]
async fn a_refused_connection_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let failure = send(&client(&EgressConfig::default()), outbound(url)).await.unwrap_err();
    assert!(matches!(&failure, UpstreamFailure::Connect(text) if text.contains("refused")), "{failure}");
}

#[tokio::test]
async fn an_unknown_name_says_so() {
    let failure =
        send(&client(&EgressConfig::default()), outbound("http://nowhere.test/")).await.unwrap_err();
    assert!(matches!(&failure, UpstreamFailure::Connect(text) if text.starts_with("dns")), "{failure}");
}

#[tokio::test]
async fn connecting_takes_no_longer_than_allowed() {
    let server = Server::start(|_, mut stream| async move { closed(&mut stream).await }).await;
    let mut request = outbound(server.named("https", "api.test"));
    request.timeouts.connect = SHORT;
    let failure = send(&client(&EgressConfig::default()), request).await.unwrap_err();
    assert!(
        matches!(failure, UpstreamFailure::Timeout { phase: Phase::Connect, after } if after == SHORT),
        "{failure}"
    );
}

#[tokio::test]
async fn the_first_byte_takes_no_longer_than_allowed() {
    let server = Server::start(|_, mut stream| async move { closed(&mut stream).await }).await;
    let mut request = outbound(server.url());
    request.timeouts.first_byte = SHORT;
    let failure = send(&client(&EgressConfig::default()), request).await.unwrap_err();
    assert!(
        matches!(failure, UpstreamFailure::Timeout { phase: Phase::FirstByte, after } if after == SHORT),
        "{failure}"
    );
}

#[tokio::test]
async fn the_total_limit_counts_before_the_first_byte_too() {
    let server = Server::start(|_, mut stream| async move { closed(&mut stream).await }).await;
    let mut request = outbound(server.url());
    request.timeouts.total = SHORT;
    let failure = send(&client(&EgressConfig::default()), request).await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::Timeout { after, .. } if after == SHORT), "{failure}");
}

#[tokio::test]
async fn silence_in_a_body_ends_it() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(format!("{CHUNKED}2\r\nok\r\n").as_bytes()).await.unwrap();
        closed(&mut stream).await;
    })
    .await;
    let mut request = outbound(server.url());
    request.timeouts.idle = SHORT;
    let client = client(&EgressConfig::default());
    let reply = send(&client, request).await.unwrap();
    assert_eq!(read(reply.body).await, Err(BodyError::Idle));
    assert_eq!(pool(&client).idle, 0);
}

#[tokio::test]
async fn chunks_that_keep_coming_end_at_the_total_limit() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(CHUNKED.as_bytes()).await.unwrap();
        let mut beat = tokio::time::interval(SHORT / 10);
        while stream.write_all(b"2\r\nok\r\n").await.is_ok() {
            beat.tick().await;
        }
    })
    .await;
    let mut request = outbound(server.url());
    request.timeouts.idle = SHORT * 20;
    request.timeouts.total = SHORT * 3;
    let reply = send(&client(&EgressConfig::default()), request).await.unwrap();
    assert_eq!(read(reply.body).await, Err(BodyError::Deadline));
}

#[tokio::test]
async fn limits_of_an_earlier_call_do_not_reach_into_the_next() {
    let server = Server::answering(OK).await;
    let client = client(&EgressConfig::default());
    for limit in [SHORT * 50, SHORT, SHORT * 100, SHORT * 2] {
        let mut request = outbound(server.url());
        request.timeouts = Timeouts { connect: limit, first_byte: limit, idle: limit, total: limit };
        let reply = send(&client, request).await.unwrap();
        assert_eq!(read(reply.body).await.unwrap(), "ok");
    }
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn a_connection_lost_says_when() {
    for (answer, before_head) in [("", true), ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", false)] {
        let server = Server::start(move |_, mut stream| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let reply = send(&client(&EgressConfig::default()), outbound(server.url())).await;
        if before_head {
            assert!(matches!(reply, Err(UpstreamFailure::Lost { phase: Phase::FirstByte, .. })), "{reply:?}");
        } else {
            assert_eq!(read(reply.unwrap().body).await, Err(BodyError::Lost));
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_lost() {
    let server = Server::answering("SSH-2.0-OpenSSH\r\n").await;
    let failure = send(&client(&EgressConfig::default()), outbound(server.url())).await.unwrap_err();
    assert!(matches!(failure, UpstreamFailure::Lost { phase: Phase::FirstByte, .. }), "{failure}");
}
