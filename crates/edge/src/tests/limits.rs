//! Caps in size, number and time.

use bytes::Bytes;
use contract::Code;
use contract::settings::{ByteSize, Span};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn large_bodies_are_refused_before_they_are_read() {
    let edge = start(&ServerConfig { max_body: ByteSize(10), ..config() });
    let mut client = edge.connect().await;
    client
        .send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(status(&answer), 413);
    assert!(answer.contains("body_too_large"), "{answer}");
    // Ten bytes are fine, whoever counts them.
    assert_eq!(status(&edge.ask(&call("", "1234567890")).await), 200);
    let chunks = "POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
                  6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n";
    let answer = edge.ask(chunks).await;
    assert!(answer.contains(r#""body_error":"TooLarge(10)""#), "{answer}");
}

#[tokio::test]
async fn a_client_that_sends_a_large_body_all_the_same_still_reads_why_not() {
    let edge = start(&ServerConfig { max_body: ByteSize(10), ..config() });
    let mut client = edge.connect().await;
    let body = "x".repeat(100 << 10);
    client.send(call("", &body).as_bytes()).await;
    assert_eq!(status(&client.answer().await), 413);
}

#[tokio::test]
async fn large_heads_are_refused_with_431() {
    let edge = start(&ServerConfig { max_header_size: ByteSize(4 << 10), max_headers: 20, ..config() });
    let long =
        |size: usize| format!("GET /healthz HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(size));
    assert_eq!(status(&edge.ask(&long(3 << 10)).await), 200);
    let answer = edge.ask(&long(5 << 10)).await;
    assert_eq!(status(&answer), 431);
    assert!(answer.contains("headers_too_large"), "{answer}");
    // Far beyond the limit hyper answers by itself.
    assert_eq!(status(&edge.ask(&long(100 << 10)).await), 431);
    let many = |count: usize| format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(count));
    assert_eq!(status(&edge.ask(&many(19)).await), 200);
    let answer = edge.ask(&many(20)).await;
    assert_eq!(status(&answer), 431);
    assert!(answer.contains("headers_too_large"), "{answer}");
    assert_eq!(status(&edge.ask(&many(500)).await), 431);
    // Those hyper refused are counted when their connections end.
    edge.in_time(SECOND, async {
        while edge.behind.refused().len() < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(edge.behind.refused(), [Code::HeadersTooLarge; 4]);
}

#[tokio::test]
async fn calls_beyond_the_cap_are_refused_and_room_is_made_again() {
    let edge = start(&ServerConfig { max_concurrent_requests: 1, ..config() });
    let release = edge.behind.hold();
    let mut first = edge.connect().await;
    first.send(call("", "{}").as_bytes()).await;
    edge.behind.arrival().await;
    let answer = edge.ask(&call("", "{}")).await;
    assert_eq!((status(&answer), header(&answer, "retry-after")), (503, Some("1")));
    assert!(answer.contains("overloaded"), "{answer}");
    assert_eq!(status(&edge.ask(&get("/healthz")).await), 200, "operations are never refused");
    release.notify_one();
    assert_eq!(status(&first.answer().await), 200);
    release.notify_one();
    assert_eq!(status(&edge.ask(&call("", "{}")).await), 200);
}

#[tokio::test]
async fn connections_beyond_the_cap_are_told_so() {
    let edge = start(&ServerConfig { max_connections: 1, ..config() });
    let mut first = edge.connect().await;
    first.send(get("/healthz").as_bytes()).await;
    assert_eq!(status(&first.answer().await), 200);
    let answer = edge.ask(&get("/healthz")).await;
    assert_eq!((status(&answer), header(&answer, "connection")), (503, Some("close")));
    assert!(answer.contains("overloaded"), "{answer}");
    drop(first);
    soon("the slot of a closed connection", async {
        while status(&edge.ask(&get("/healthz")).await) != 200 {}
    })
    .await;
}

#[tokio::test]
async fn slow_heads_and_silent_clients_are_cut() {
    let edge = start(&config());
    let mut silent = edge.connect().await;
    assert_eq!(edge.in_time(SECOND, silent.rest()).await, 0);
    let mut slow = edge.connect().await;
    slow.send(b"GET /healthz HTTP/1.1\r\nhos").await;
    assert_eq!(edge.in_time(SECOND, slow.rest()).await, 0);
    // Also the second head of a connection.
    let mut later = edge.connect().await;
    later.send(get("/healthz").as_bytes()).await;
    assert_eq!(status(&later.answer().await), 200);
    later.send(b"GET /hea").await;
    assert_eq!(edge.in_time(SECOND, later.rest()).await, 0);
}

#[tokio::test]
async fn idle_connections_are_closed_in_order() {
    let edge = start(&config());
    let mut client = edge.connect().await;
    client.send(get("/healthz").as_bytes()).await;
    assert_eq!(status(&client.answer().await), 200);
    let before = edge.clock.tick();
    assert_eq!(edge.in_time(SECOND, client.rest()).await, 0);
    assert!(edge.clock.tick().since(before) >= Duration::from_secs(75));
}

#[tokio::test]
async fn slow_bodies_are_cut() {
    let edge = start(&config());
    let mut client = edge.connect().await;
    client.send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345").await;
    let answer = edge.in_time(SECOND, client.answer()).await;
    assert!(answer.contains(r#""body_error":"Deadline""#), "{answer}");
}

#[tokio::test]
async fn readers_that_take_nothing_are_cut() {
    let timeouts = crate::TimeoutConfig { write_stall: Span(4 * SECOND), ..Default::default() };
    let edge = start(&ServerConfig { timeouts, ..config() });
    let frames = edge.behind.stream();
    let mut client = edge.connect().await;
    client.send(call("", "{}").as_bytes()).await;
    edge.behind.arrival().await;
    // Sending ends when nobody takes frames any more, which is when the connection is gone.
    let frame = Bytes::from(vec![b'x'; 1 << 20]);
    edge.in_time(SECOND, async { while frames.send(frame.clone()).await.is_ok() {} }).await;
}

#[tokio::test]
async fn readers_that_take_their_time_are_not_cut() {
    let timeouts = crate::TimeoutConfig { write_stall: Span(4 * SECOND), ..Default::default() };
    let edge = start(&ServerConfig { timeouts, ..config() });
    let frames = edge.behind.stream();
    let mut client = edge.connect().await;
    client.send(call("", "{}").as_bytes()).await;
    edge.behind.arrival().await;
    client.head().await;
    for _ in 0..20 {
        // The upstream is slow, not the client.
        edge.clock.advance(3 * SECOND);
        frames.send(Bytes::from_static(b"tick")).await.unwrap();
        let mut frame = [0; 9];
        soon("a frame", client.0.read_exact(&mut frame)).await.unwrap();
        assert_eq!(&frame, b"4\r\ntick\r\n");
    }
    drop(frames);
    assert_eq!(soon("the end", client.rest_of_stream()).await, "0\r\n\r\n");
}

impl Client {
    async fn rest_of_stream(&mut self) -> String {
        let mut end = [0; 5];
        self.0.read_exact(&mut end).await.unwrap();
        String::from_utf8(end.to_vec()).unwrap()
    }
}
