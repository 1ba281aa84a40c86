//! Letting go of a call closes its connection at once: the upstream stops, and stops costing.

use std::time::Duration;

use contract::ports::Upstream;
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::server::{CHUNKED, Server, closed, read_request};
use super::*;

/// Sends `begin` after the request and reports `Some(request)` first, `None` when the connection is gone.
async fn stalling(begin: String) -> (Server, mpsc::UnboundedReceiver<Option<Instant>>) {
    let (events, seen) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut stream| {
        let (events, begin) = (events.clone(), begin.clone());
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            events.send(None).unwrap();
            closed(&mut stream).await;
            events.send(Some(Instant::now())).unwrap();
        }
    })
    .await;
    (server, seen)
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let (server, mut seen) = stalling(String::new()).await;
    let client = client(&EgressConfig::default());
    let mut call = client.send(outbound(server.url()));
    tokio::select! {
        _ = &mut call => panic!("no answer was sent"),
        event = soon(seen.recv()) => assert_eq!(event, Some(None)),
    }
    drop(call);
    let dropped = Instant::now();
    let closed = soon(seen.recv()).await.flatten().unwrap();
    assert!(closed - dropped < Duration::from_millis(100));
    assert_eq!(pool(&client).open, 0);
}

#[tokio::test]
async fn a_dropped_body_closes_its_connection() {
    let (server, mut seen) = stalling(format!("{CHUNKED}2\r\nok\r\n")).await;
    let client = client(&EgressConfig::default());
    let mut reply = send(&client, outbound(server.url())).await.unwrap();
    assert_eq!(soon(seen.recv()).await, Some(None));
    soon(reply.body.frame()).await.unwrap().unwrap();
    drop(reply);
    let dropped = Instant::now();
    let closed = soon(seen.recv()).await.flatten().unwrap();
    assert!(closed - dropped < Duration::from_millis(100));
    assert_eq!((pool(&client).open, pool(&client).idle), (0, 0));
}

#[tokio::test]
async fn a_body_dropped_at_its_end_keeps_its_connection() {
    let all = format!("{CHUNKED}2\r\nok\r\n0\r\n\r\n");
    let server = Server::start(move |_, mut stream| {
        let all = all.clone();
        async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(all.as_bytes()).await.unwrap();
            }
        }
    })
    .await;
    let client = client(&EgressConfig::default());
    for _ in 0..3 {
        let mut reply = send(&client, outbound(server.url())).await.unwrap();
        soon(reply.body.frame()).await.unwrap().unwrap();
        drop(reply);
        while pool(&client).idle == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(server.accepted(), 1);
}
