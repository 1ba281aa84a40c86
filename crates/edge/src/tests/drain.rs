//! Shutdown: begun answers finish, new calls are refused, idle connections go.

use bytes::Bytes;

use super::*;

#[tokio::test]
async fn an_idle_edge_ends_at_once() {
    let edge = start(&config());
    let mut client = edge.connect().await;
    client.send(get("/healthz").as_bytes()).await;
    client.answer().await;
    edge.shutdown.cancel();
    assert_eq!(soon("the end", client.rest()).await, 0);
    assert_eq!(soon("the end", edge.ended).await.unwrap(), 0);
}

#[tokio::test]
async fn streams_finish_while_new_calls_are_refused() {
    let edge = start(&config());
    let frames = edge.behind.stream();
    let mut streaming = edge.connect().await;
    streaming.send(call("", "{}").as_bytes()).await;
    edge.behind.arrival().await;
    streaming.head().await;
    let mut kept = edge.connect().await;
    kept.send(get("/readyz").as_bytes()).await;
    assert_eq!(status(&kept.answer().await), 200);

    edge.shutdown.cancel();
    soon("the drain", async { while status(&edge.ask(&get("/readyz")).await) == 200 {} }).await;
    assert_eq!(status(&edge.ask(&get("/healthz")).await), 200);
    // On a kept connection and on a new one.
    kept.send(call("", "{}").as_bytes()).await;
    let answer = kept.answer().await;
    assert_eq!((status(&answer), header(&answer, "connection")), (503, Some("close")));
    assert!(answer.contains("draining"), "{answer}");
    assert_eq!(status(&edge.ask(&call("", "{}")).await), 503);
    assert_eq!(status(&edge.ask(&get("/v1/models")).await), 503);

    frames.send(Bytes::from_static(b"last")).await.unwrap();
    drop(frames);
    let mut end = [0; 14];
    soon("the rest of the stream", streaming.0.read_exact(&mut end)).await.unwrap();
    assert_eq!(&end, b"4\r\nlast\r\n0\r\n\r\n");
    assert_eq!(soon("the end", edge.ended).await.unwrap(), 0);
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut() {
    let edge = start(&config());
    let frames = edge.behind.stream();
    let mut streaming = edge.connect().await;
    streaming.send(call("", "{}").as_bytes()).await;
    edge.behind.arrival().await;
    streaming.head().await;
    edge.shutdown.cancel();
    let before = edge.clock.tick();
    let second = Duration::from_secs(1);
    edge.in_time(second, streaming.rest()).await;
    assert!(edge.clock.tick().since(before) >= config().drain.0);
    assert!(frames.is_closed(), "the answer was let go");
    assert_eq!(soon("the end", edge.ended).await.unwrap(), 1);
}
