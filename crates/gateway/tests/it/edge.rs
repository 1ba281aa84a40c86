//! The way in: versions of HTTP, caps with clear errors, slow clients, addresses behind proxies, browsers.

use bytes::Bytes;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use testkit::client::{Client, Raw};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::{Gate, Reply, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::protocols::{Http2, certify, connect_tls, tls_settings};
use crate::setup::{ADMIN_KEY, Bench, KEY, Setup, until};

const CHAT: &str = "/v1/chat/completions";

fn ask() -> Value {
    json!({ "model": "demo/echo", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hello" }] })
}

/// A request as bytes. `fields` are whole lines.
fn raw(line: &str, fields: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {KEY}\r\n{fields}\r\n{body}")
}

fn post(body: &str) -> String {
    raw(&format!("POST {CHAT}"), &format!("content-length: {}\r\n", body.len()), body)
}

/// The status and the `x-pathgate-error` of an answer read as bytes.
fn verdict(answer: &[u8]) -> (u16, String) {
    let text = String::from_utf8_lossy(answer);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let code = text.lines().find_map(|line| line.strip_prefix("x-pathgate-error: "));
    (status.unwrap_or_else(|| panic!("not an answer: {text}")), code.unwrap_or_default().to_owned())
}

/// Sends this on a connection of its own and gives the verdict of the answer, after which the gateway must close.
async fn closing_verdict(bench: &Bench, bytes: &str) -> (u16, String) {
    let mut client = Raw::connect(bench.gateway.address()).await;
    client.write(bytes.as_bytes()).await;
    verdict(&client.read_all().await)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn http2_without_tls_carries_many_calls_on_one_connection() {
    let bench = Bench::start().await;
    let client = Http2::plain(bench.gateway.address()).await;
    let body = ask().to_string();
    let answers = join_all((0..20).map(|_| client.send(Method::POST, CHAT, KEY, body.clone()))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text.contains("Hello")));
    let mut streamed = ask();
    streamed["stream"] = true.into();
    let stream = client.send(Method::POST, CHAT, KEY, streamed.to_string()).await;
    assert!(stream.text.ends_with("data: [DONE]\n\n"), "{}", stream.text);
    let refused = client.send(Method::POST, "/v1/messages", "nobody's-key-at-all", body).await;
    assert_eq!(refused.status, 401);
    assert!(refused.text.starts_with("{\"type\":\"error\""), "{}", refused.text);
    assert_eq!(client.send(Method::GET, "/v1/models", KEY, String::new()).await.status, 200);
}

#[tokio::test]
async fn over_tls_the_version_is_the_clients_choice() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = certify(dir.path());
    let upstream = Upstream::start().await;
    let mut gateway = Setup::new().server(&tls_settings(dir.path())).launch(&upstream).begin();
    gateway.says("listening").await;
    assert!(gateway.stdout().contains("curl https://"), "{}", gateway.stdout());

    let stream = connect_tls(gateway.address(), &trusted, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let client = Http2::over(stream, gateway.address()).await;
    let answer = client.send(Method::POST, CHAT, KEY, ask().to_string()).await;
    assert_eq!(answer.status, 200);

    for offered in [&["http/1.1"][..], &[]] {
        let mut stream = connect_tls(gateway.address(), &trusted, offered).await.unwrap();
        assert_ne!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let request = post(&ask().to_string()).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        testkit::soon("an answer over TLS", stream.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(verdict(&answer), is(200, ""));
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let bench = Bench::start().await;
    let mut client = Raw::connect(bench.gateway.address()).await;
    for _ in 0..3 {
        client.write(post(&ask().to_string()).as_bytes()).await;
        // A body ends with its usage.
        assert_eq!(verdict(&client.read_until(b"}}").await), is(200, ""));
    }
    client.write(post("{").as_bytes()).await;
    assert_eq!(verdict(&client.read_until(b"}}").await), is(400, "invalid_json"));
    client.write(post(&ask().to_string()).as_bytes()).await;
    assert_eq!(
        verdict(&client.read_until(b"}}").await),
        is(200, ""),
        "a refusal does not cost the connection"
    );
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused_whether_they_say_so_or_not() {
    let bench = Setup::new().server("max_body: 4KiB").start().await;
    let large =
        json!({ "model": "demo/echo", "messages": [{ "role": "user", "content": "x".repeat(5000) }] });
    let answer = bench.openai().post(CHAT, &large).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (413, "body_too_large"));
    assert!(answer.json().await["error"]["message"].as_str().unwrap().contains("4096"));
    let answer = bench.anthropic().post("/v1/messages", &large).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json().await["error"]["type"], "request_too_large");

    let chunk = format!("800\r\n{}\r\n", "x".repeat(0x800));
    let chunked = raw(&format!("POST {CHAT}"), "transfer-encoding: chunked\r\n", &chunk.repeat(3));
    assert_eq!(closing_verdict(&bench, &chunked).await, is(413, "body_too_large"));
    let fits = json!({ "model": "demo/echo", "messages": [{ "role": "user", "content": "x".repeat(4000) }] });
    assert!(fits.to_string().len() <= 4096);
    assert_eq!(bench.openai().post(CHAT, &fits).await.status, 200);
}

#[tokio::test]
async fn header_floods_are_refused() {
    let bench = Bench::start().await;
    let many: String = (0..101).map(|number| format!("x-{number}: y\r\n")).collect();
    let large = format!("x-large: {}\r\n", "y".repeat(70 << 10));
    let flood = format!("x-flood: {}\r\n", "y".repeat(1 << 20));
    let body = ask().to_string();
    // Of what hyper's parser does not take, nothing is known but that it is too large.
    for (fields, code) in [(large, "headers_too_large"), (many, ""), (flood, "")] {
        let request =
            raw(&format!("POST {CHAT}"), &format!("{fields}content-length: {}\r\n", body.len()), &body);
        let mut client = Raw::connect(bench.gateway.address()).await;
        client.write(request.as_bytes()).await;
        assert_eq!(verdict(&client.read_until(b"\r\n\r\n").await), is(431, code));
    }

    let client = Http2::plain(bench.gateway.address()).await;
    let answer = client.send(Method::POST, CHAT, &"y".repeat(70 << 10), body).await;
    assert_eq!(answer.status, 431, "{}", answer.text);
    let metrics = bench.gateway.client().get("/metrics").await.text().await;
    assert!(metrics.contains("pathgate_edge_refused_total{code=\"headers_too_large\"} 4"), "{metrics}");
}

#[tokio::test]
async fn what_is_not_served_is_said_in_the_words_of_the_caller() {
    let bench = Bench::start().await;
    let (openai, anthropic) = (bench.openai(), bench.anthropic());
    for (answer, status, code) in [
        (openai.get("/v1/nothing").await, 404, "not_found"),
        (openai.get("/").await, 404, "not_found"),
        (openai.get(CHAT).await, 405, "method_not_allowed"),
        (
            openai.clone().with("content-type", "text/plain").post(CHAT, &ask()).await,
            415,
            "unsupported_media_type",
        ),
        (
            openai.clone().with("content-encoding", "gzip").post(CHAT, &ask()).await,
            415,
            "unsupported_media_type",
        ),
        (openai.send(Method::POST, "/v1/models", Bytes::new()).await, 405, "method_not_allowed"),
    ] {
        let (got, allowed) = (answer.status, answer.header("allow").to_owned());
        assert_eq!((got.as_u16(), answer.header("x-pathgate-error")), (status, code));
        assert_eq!(allowed.is_empty(), status != 405, "{code}");
        assert_eq!(answer.json().await["error"]["code"], code);
    }
    for (answer, kind) in [
        (anthropic.get("/v1/nothing").await, "not_found_error"),
        (anthropic.get("/v1/messages").await, "invalid_request_error"),
        (
            anthropic.clone().with("content-type", "text/plain").post("/v1/messages", &ask()).await,
            "invalid_request_error",
        ),
    ] {
        let body = answer.json().await;
        assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!(kind)), "{body}");
    }
    let google = bench.gateway.client().get("/v1beta/nothing").await.json().await;
    assert_eq!(google["error"]["status"], "NOT_FOUND", "{google}");
    let head = openai.send(Method::HEAD, "/v1/models", Bytes::new()).await;
    assert!(head.status == 200 && head.header("content-length").parse::<u64>().unwrap() > 0);
    assert_eq!(head.bytes().await.len(), 0);
}

#[tokio::test]
async fn requests_that_can_be_read_in_two_ways_are_refused() {
    let bench = Bench::start().await;
    let body = ask().to_string();
    let both = raw(
        &format!("POST {CHAT}"),
        &format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", body.len()),
        &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    );
    assert_eq!(closing_verdict(&bench, &both).await, is(400, "invalid_request"));
    for bytes in [
        post(&body).replace("host: gateway\r\n", ""),
        post(&body).replace("host: gateway\r\n", "host: a\r\nhost: b\r\n"),
        post(&body).replace("content-length: ", "content-length: 5\r\ncontent-length: "),
        "NONSENSE\r\n\r\n".to_owned(),
    ] {
        let mut client = Raw::connect(bench.gateway.address()).await;
        client.write(bytes.as_bytes()).await;
        assert_eq!(verdict(&client.read_until(b"\r\n\r\n").await).0, 400, "{bytes}");
    }
}

#[tokio::test]
async fn slow_clients_are_cut() {
    let timeouts = "timeouts: { headers: 200ms, body: 200ms, keep_alive: 300ms }";
    let bench = Setup::new().server(timeouts).start().await;
    // A body that stops on the way.
    let half = raw(&format!("POST {CHAT}"), "content-length: 1000\r\n", "{\"model\": ");
    assert_eq!(closing_verdict(&bench, &half).await, is(408, "body_timeout"));
    // A head that never ends, byte after byte or not at all.
    for begin in ["", "POST /v1/chat", "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"] {
        let mut client = Raw::connect(bench.gateway.address()).await;
        client.write(begin.as_bytes()).await;
        assert_eq!(client.read_all().await, b"", "{begin:?}");
    }
    // Nothing more after an answer.
    let mut client = Raw::connect(bench.gateway.address()).await;
    client.write(post(&ask().to_string()).as_bytes()).await;
    assert_eq!(verdict(&client.read_all().await), is(200, ""));
    assert_eq!(bench.openai().post(CHAT, &ask()).await.status, 200);
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_and_so_is_the_call() {
    let bench = Setup::new().server("timeouts: { write_stall: 200ms }").start().await;
    let piece = "x".repeat(1 << 20);
    let stream = openai::text_stream(&[piece.as_str(); 40], Some(Tokens::new(3, 2)));
    bench.upstream.always(Reply::sse(stream));
    let body =
        json!({ "model": "house/some", "stream": true, "messages": [{ "role": "user", "content": "x" }] });
    let mut client = Raw::connect(bench.gateway.address()).await;
    client.write(post(&body.to_string()).as_bytes()).await;
    bench.upstream.request(0).await.gone().await;
    let kept = bench.list("requests", 1).await;
    assert_eq!(kept[0]["outcome"], "client_gone", "{}", kept[0]);
    drop(client);
}

#[tokio::test]
async fn beyond_the_cap_on_concurrent_calls_there_is_503() {
    let bench = Setup::new().server("max_concurrent_requests: 1").start().await;
    let gate = Gate::new();
    let stream = openai::text_stream(&["one"], Some(Tokens::new(3, 2)));
    bench.upstream.always(Reply::sse(stream).gated(&gate));
    let body =
        json!({ "model": "house/some", "stream": true, "messages": [{ "role": "user", "content": "x" }] });
    gate.release();
    let mut running = bench.openai().post(CHAT, &body).await;
    gate.release();
    assert!(running.event().await.is_some());

    let refused = bench.openai().post(CHAT, &ask()).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-pathgate-error")), (503, "overloaded"));
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.json().await["error"]["type"], "overloaded_error");
    let refused = bench.anthropic().post("/v1/messages", &ask()).await.json().await;
    assert_eq!(refused["error"]["type"], "overloaded_error");
    for path in ["/readyz", "/healthz", "/metrics"] {
        assert_eq!(bench.gateway.client().get(path).await.status, 200, "{path} is no model call");
    }
    assert_eq!(bench.admin().get("/admin/v1/status").await.status, 200, "operators are let in");

    gate.open();
    assert_eq!(running.try_events().await.unwrap().last().unwrap(), "data: [DONE]");
    until("room again", async || (bench.openai().post(CHAT, &ask()).await.status == 200).then_some(())).await;
}

#[tokio::test]
async fn beyond_the_cap_on_connections_there_is_503_and_the_end() {
    let bench = Setup::new().server("max_connections: 2").start().await;
    let address = bench.gateway.address();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(
            until("a connection", async || {
                let mut client = Raw::connect(address).await;
                client.write(raw("GET /healthz", "", "").as_bytes()).await;
                (verdict(&client.read_until(b"ok\n").await).0 == 200).then_some(client)
            })
            .await,
        );
    }
    let mut third = Raw::connect(address).await;
    let answer = third.read_all().await;
    assert_eq!(verdict(&answer), is(503, "overloaded"));
    assert!(String::from_utf8_lossy(&answer).contains("connection: close"));
    drop(third);

    held.pop();
    until("room again", async || {
        let answer = bench.openai().try_send(Method::POST, CHAT, ask().to_string().into()).await;
        answer.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await;
    drop(held);
}

#[tokio::test]
async fn the_clients_address_is_believed_of_trusted_proxies_alone() {
    let client_of = async |bench: &Bench, forwarded: &str| {
        let answer = bench.openai().with("x-forwarded-for", forwarded).post(CHAT, &ask()).await;
        bench.kept(&answer).await.request["client"].as_str().unwrap().to_owned()
    };
    let plain = Bench::start().await;
    assert_eq!(client_of(&plain, "198.51.100.7").await, "127.0.0.1");
    let behind = Setup::new().server("trusted_proxies: [127.0.0.0/8]").start().await;
    assert_eq!(client_of(&behind, "198.51.100.7").await, "198.51.100.7");
    assert_eq!(client_of(&behind, "6.6.6.6, 2001:db8::7, 127.0.0.9").await, "2001:db8::7");

    // What is open to this machine is not open to those behind its proxy.
    let far = behind.gateway.client().with("x-forwarded-for", "198.51.100.7");
    assert_eq!(far.get("/metrics").await.status, 401);
    assert_eq!(far.clone().bearer(KEY).get("/metrics").await.status, 403);
    assert_eq!(far.bearer(ADMIN_KEY).get("/metrics").await.status, 200);
}

#[tokio::test]
async fn browsers_are_let_in_only_from_where_the_operator_says() {
    let preflight = |client: Client| async move {
        let client = client
            .with("access-control-request-method", "POST")
            .with("access-control-request-headers", "authorization, content-type");
        client.send(Method::OPTIONS, CHAT, Bytes::new()).await
    };
    let from = |bench: &Bench, origin: &str| bench.gateway.client().with("origin", origin);
    let allowed = "access-control-allow-origin";

    let closed = Bench::start().await;
    let answer = preflight(from(&closed, "https://chat.example.com")).await;
    assert_eq!((answer.status.as_u16(), answer.header(allowed)), (405, ""));
    let answer = from(&closed, "https://chat.example.com").bearer(KEY).post(CHAT, &ask()).await;
    assert_eq!((answer.status.as_u16(), answer.header(allowed)), (200, ""));

    let open =
        Setup::new().server("cors: { origins: [\"https://chat.example.com\"], max_age: 5m }").start().await;
    let answer = preflight(from(&open, "https://chat.example.com")).await;
    assert_eq!((answer.status.as_u16(), answer.header(allowed)), (204, "https://chat.example.com"));
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-max-age"), "300");
    for (client, status) in [
        (from(&open, "https://chat.example.com").bearer(KEY), 200),
        (from(&open, "https://chat.example.com"), 401),
    ] {
        let answer = client.post(CHAT, &ask()).await;
        assert_eq!((answer.status.as_u16(), answer.header(allowed)), (status, "https://chat.example.com"));
        assert!(answer.header("access-control-expose-headers").contains("x-pathgate-request-id"));
        assert!(answer.header("vary").contains("origin"));
    }
    let answer = preflight(from(&open, "https://evil.example.com")).await;
    assert_eq!((answer.status.as_u16(), answer.header(allowed)), (405, ""));
}

#[tokio::test]
async fn a_listener_for_operators_takes_their_paths_away_from_the_others() {
    let bench = Setup::new().server("admin_listen: \"127.0.0.1:0\"").start().await;
    let banner = bench.gateway.stdout();
    let url = banner.lines().find_map(|line| line.trim().strip_prefix("Admin API")).unwrap().trim();
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/admin/v1").unwrap();
    let inside = Client::new(address.parse().unwrap());
    for (path, outside, within) in [
        ("/admin/v1/status", 404, 200),
        ("/metrics", 404, 200),
        ("/readyz", 200, 200),
        ("/v1/models", 200, 404),
    ] {
        assert_eq!(bench.admin().get(path).await.status, outside, "{path}");
        assert_eq!(inside.clone().bearer(ADMIN_KEY).get(path).await.status, within, "{path}");
    }
    assert_eq!(inside.get("/metrics").await.status, 200, "open there");
    assert_eq!(inside.get("/admin/v1/status").await.status, 401);
}
