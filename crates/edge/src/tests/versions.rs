//! HTTP/2 without TLS, by prior knowledge.

use bytes::Bytes;
use contract::settings::{ByteSize, Span};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

type Sender = http2::SendRequest<Full<Bytes>>;

/// An HTTP/2 client; `window` is how much of a stream it takes unread.
async fn connect(edge: &Running, window: u32) -> Sender {
    let tcp = TcpStream::connect(edge.address).await.unwrap();
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .handshake(TokioIo::new(tcp))
        .await
        .unwrap();
    tokio_util::task::TaskTracker::new().spawn(connection);
    sender
}

fn request(method: &str, path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::from_static(body.as_bytes()));
    Request::builder().method(method).uri(format!("http://x{path}")).body(body).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "small answers of a fake")]
async fn ask(sender: &mut Sender, request: Request<Full<Bytes>>) -> (u16, String) {
    let response = soon("a response", sender.send_request(request)).await.unwrap();
    let status = response.status().as_u16();
    let body = soon("a body", response.into_body().collect()).await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn http2_is_spoken_to_those_who_speak_it() {
    let edge = start(&ServerConfig { max_body: ByteSize(10), ..config() });
    let mut sender = connect(&edge, 1 << 20).await;
    let (code, body) = ask(&mut sender, request("POST", "/v1/messages?key=pgk_1", "{}")).await;
    assert_eq!(code, 200);
    assert!(body.contains(r#""dialect":"anthropic.messages","key":"pgk_1""#), "{body}");
    assert_eq!(ask(&mut sender, request("POST", "/v1/messages", "12345678901")).await.0, 413);
    assert_eq!(ask(&mut sender, request("GET", "/v1/messages", "")).await.0, 405);
    assert_eq!(ask(&mut sender, request("HEAD", "/healthz", "")).await, (200, String::new()));
    assert_eq!(edge.behind.connections(), 1);
}

#[tokio::test]
async fn large_heads_get_431_in_http2_too() {
    let edge = start(&ServerConfig { max_header_size: ByteSize(4 << 10), ..config() });
    let mut sender = connect(&edge, 1 << 20).await;
    for (size, said) in [(5 << 10, true), (12 << 10, false)] {
        let mut request = request("GET", "/healthz", "");
        request.headers_mut().insert("long", "x".repeat(size).parse().unwrap());
        // Beyond the announced limit a polite client refuses by itself; where ours does, there is nothing to see.
        let Ok(response) = soon("a response", sender.send_request(request)).await else { continue };
        assert_eq!(response.status(), 431, "{size}");
        #[expect(clippy::disallowed_methods, reason = "small answers of a fake")]
        let body = response.into_body().collect().await.unwrap_or_default().to_bytes();
        assert_eq!(!body.is_empty(), said, "{size}");
    }
}

#[tokio::test]
async fn a_stalled_stream_is_reset_and_the_others_live_on() {
    let timeouts = crate::TimeoutConfig { write_stall: Span(Duration::from_secs(4)), ..Default::default() };
    let edge = start(&ServerConfig { timeouts, ..config() });
    let frames = edge.behind.stream();
    let mut sender = connect(&edge, 1 << 10).await;
    let stalled = soon("a head", sender.send_request(request("POST", "/v1/messages", "{}"))).await.unwrap();
    edge.behind.arrival().await;
    let frame = Bytes::from(vec![b'x'; 1 << 10]);
    edge.in_time(Duration::from_secs(1), async { while frames.send(frame.clone()).await.is_ok() {} }).await;
    assert_eq!(ask(&mut sender, request("GET", "/healthz", "")).await, (200, "ok\n".to_owned()));
    drop(stalled);
}

#[tokio::test]
async fn http2_connections_drain() {
    let edge = start(&config());
    let release = edge.behind.hold();
    let mut sender = connect(&edge, 1 << 20).await;
    let answer = sender.send_request(request("POST", "/v1/messages", "{}"));
    let shutdown = async {
        edge.behind.arrival().await;
        edge.shutdown.cancel();
        soon("the drain", async { while status(&edge.ask(&get("/readyz")).await) == 200 {} }).await;
        release.notify_one();
    };
    let (answer, ()) = soon("the last answer", async { tokio::join!(answer, shutdown) }).await;
    assert_eq!(answer.unwrap().status(), 200);
    drop(sender);
    assert_eq!(soon("the end", edge.ended).await.unwrap(), 0);
}
