//! Connections are used again, replaced when dead, and closed when old.

use std::sync::Arc;
use std::time::Duration;

use contract::ports::Upstream;
use contract::settings::Span;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::server::{CHUNKED, OK, Server, closed, read_request};
use super::*;

#[tokio::test]
async fn a_connection_is_used_again_whatever_the_framing() {
    let chunked = format!("{CHUNKED}2\r\nok\r\n0\r\n\r\n");
    let server = Server::start(move |_, mut stream| {
        let answers = [OK.to_owned(), chunked.clone(), OK.replace("2\r\n\r\nok", "0\r\n\r\n"), OK.to_owned()];
        async move {
            for answer in answers {
                read_request(&mut stream).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            closed(&mut stream).await;
        }
    })
    .await;
    let client = client(&EgressConfig::default());
    for expected in ["ok", "ok", "", "ok"] {
        assert_eq!(get(&client, server.url()).await, expected);
    }
    assert_eq!(server.accepted(), 1);
    let state = pool(&client);
    assert_eq!((state.open, state.opened), (1, 1));
}

#[tokio::test]
async fn the_request_arrives_as_it_was_meant() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut stream| {
        let seen = seen.clone();
        async move {
            seen.send(read_request(&mut stream).await.unwrap()).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let client = client(&EgressConfig::default());
    let mut request = outbound(server.named("http", "api.test"));
    request.body = Body::Chain(["{\"a\"", ":1}"].map(bytes::Bytes::from).into());
    send(&client, request).await.unwrap();
    let text = requests.recv().await.unwrap();
    let port = server.address.port();
    assert_eq!(
        text,
        format!("POST /v1/x?y=1 HTTP/1.1\r\nhost: api.test:{port}\r\ncontent-length: 7\r\n\r\n{{\"a\":1}}")
    );
}

/// Every request makes one of these and moves it to the heap.
#[tokio::test]
async fn a_call_under_way_is_small() {
    let client = client(&EgressConfig::default());
    let call = client.send(outbound("http://a.test/"));
    assert!(size_of_val(&*call) <= 1024, "{}", size_of_val(&*call));
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_not_used() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(OK.as_bytes()).await.unwrap();
    })
    .await;
    let client = client(&EgressConfig::default());
    for turn in 1..=5 {
        assert_eq!(get(&client, server.url()).await, "ok");
        while pool(&client).open > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((server.accepted(), pool(&client).idle), (turn, 0));
    }
}

#[tokio::test]
async fn connections_found_dead_when_used_are_passed_over() {
    let (gone, mut seen) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut stream| {
        let gone = gone.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
            drop(stream);
            gone.send(()).unwrap();
        }
    })
    .await;
    let client = client(&EgressConfig::default());
    tokio::join!(get(&client, server.url()), get(&client, server.url()));
    for _ in 0..2 {
        soon(seen.recv()).await.unwrap();
    }
    // The runtime looks at its sockets every so many turns.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&client, server.url()).await, "ok");
    assert_eq!(server.accepted(), 3);
}

#[tokio::test]
async fn a_body_that_came_with_its_head_gives_its_connection_back_unread() {
    let server = Server::answering(OK).await;
    let client = client(&EgressConfig::default());
    let reply = send(&client, outbound(server.url())).await.unwrap();
    assert_eq!(pool(&client).idle, 1);
    assert_eq!(read(reply.body).await.unwrap(), "ok");
}

#[tokio::test]
async fn the_beginning_of_a_body_that_came_with_its_head_is_not_lost() {
    let server = Server::start(|_, mut stream| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab").await.unwrap();
        closed(&mut stream).await;
    })
    .await;
    let client = client(&EgressConfig::default());
    let mut body = send(&client, outbound(server.url())).await.unwrap().body;
    assert_eq!(body.known_len(), Some(4));
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
    assert_eq!(pool(&client).idle, 0);
}

#[tokio::test]
async fn providers_do_not_share_connections() {
    let server = Server::answering(OK).await;
    let client = client(&EgressConfig::default());
    get(&client, server.url()).await;
    let mut request = outbound(server.url());
    request.provider = None;
    read(send(&client, request).await.unwrap().body).await.unwrap();
    assert_eq!(server.accepted(), 2);
    assert_eq!(client.pools().iter().map(|pool| &*pool.provider).collect::<Vec<_>>(), ["acme", "other"]);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time() {
    let (gone, mut seen) = mpsc::unbounded_channel();
    let server = Server::start(move |_, mut stream| {
        let gone = gone.clone();
        async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
            closed(&mut stream).await;
            gone.send(()).unwrap();
        }
    })
    .await;
    let config = EgressConfig { idle_timeout: Span(Duration::from_millis(40)), ..EgressConfig::default() };
    let client = client(&config);
    get(&client, server.url()).await;
    soon(seen.recv()).await.unwrap();
    assert_eq!(pool(&client).idle, 0);
}

#[tokio::test]
async fn no_more_than_max_idle_are_kept() {
    let server = Server::answering(OK).await;
    let client = client(&EgressConfig { max_idle: 1, ..EgressConfig::default() });
    // All under way at once: a short answer gives its connection back when it arrives.
    tokio::join!(get(&client, server.url()), get(&client, server.url()), get(&client, server.url()));
    assert_eq!(server.accepted(), 3);
    assert_eq!(pool(&client).idle, 1);
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_lets_the_tasks_end() {
    let server = Server::answering(OK).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let deps = Deps { tasks: tasks.clone(), stop: stop.clone(), resolver: Arc::new(Names) };
    let client = Client::new(&EgressConfig::default(), HashMap::new(), deps).unwrap();
    get(&client, server.url()).await;
    stop.cancel();
    tasks.close();
    soon(tasks.wait()).await;
    get(&client, server.url()).await;
    assert_eq!(pool(&client).idle, 0);
}

#[tokio::test]
async fn new_settings_close_idle_connections_and_bad_ones_change_nothing() {
    let server = Server::answering(OK).await;
    let mut config = EgressConfig::default();
    let client = client(&config);
    get(&client, server.url()).await;
    client.reconfigure(&config, HashMap::new()).unwrap();
    assert_eq!(pool(&client).idle, 1);

    config.ca_files = vec!["/does/not/exist.pem".into()];
    client.reconfigure(&config, HashMap::new()).unwrap_err();
    assert_eq!(pool(&client).idle, 1);

    config.ca_files = Vec::new();
    config.max_idle = 7;
    client.reconfigure(&config, HashMap::new()).unwrap();
    assert_eq!(pool(&client).idle, 0);
    assert_eq!(get(&client, server.url()).await, "ok");
}
