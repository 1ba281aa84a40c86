//! What is let through, with what, and what is refused.

use super::*;

#[tokio::test]
async fn a_model_call_goes_through_without_its_key() {
    let edge = start(&config());
    let answer = edge
        .ask(&call(
            "authorization: Bearer pgk_1\r\nx-api-key: pgk_2\r\nx-goog-api-key: pgk_3\r\n",
            "{\"a\":1}",
        ))
        .await;
    assert_eq!(status(&answer), 200);
    assert!(answer.contains(r#""dialect":"openai.chat""#), "{answer}");
    assert!(answer.contains(r#""key":"pgk_1""#), "{answer}");
    assert!(answer.contains(r#""body":"{\"a\":1}""#), "{answer}");
    assert!(answer.contains(r#""client":"127.0.0.1""#), "{answer}");
    assert!(!answer.contains("authorization") && !answer.contains("api-key"), "{answer}");
    assert!(header(&answer, "server").is_none());
    assert!(edge.behind.refused().is_empty());
}

#[tokio::test]
async fn the_path_says_the_dialect() {
    let edge = start(&config());
    for (path, expected) in [
        ("/v1/messages", r#""dialect":"anthropic.messages""#),
        ("/anthropic/v1/messages?beta=true", r#""dialect":"anthropic.messages""#),
        ("/v1/embeddings?key=pgk_5", r#""dialect":"openai.embeddings","headers""#),
    ] {
        let answer =
            edge.ask(&format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}")).await;
        assert_eq!(status(&answer), 200, "{answer}");
        let (wanted, _) = expected.split_once(",\"headers\"").unwrap_or((expected, ""));
        assert!(answer.contains(wanted), "{answer}");
        assert_eq!(answer.contains(r#""key":"pgk_5""#), path.contains("key="), "{answer}");
    }
}

#[tokio::test]
async fn models_are_listed_in_the_shape_of_the_asker() {
    let edge = start(&config());
    for (request, expected) in [
        (get("/v1/models"), r#"{"models":"openai.chat","model":null,"key":null}"#),
        (get("/anthropic/v1/models"), r#"{"models":"anthropic.messages","model":null,"key":null}"#),
        (
            "GET /v1/models HTTP/1.1\r\nhost: x\r\nanthropic-version: 2023-06-01\r\nx-api-key: k\r\n\r\n"
                .into(),
            r#"{"models":"anthropic.messages","model":null,"key":"k"}"#,
        ),
        (
            "GET /v1/models/a HTTP/1.1\r\nhost: x\r\nx-fern-sdk-name: cohere\r\n\r\n".into(),
            r#"{"models":"cohere.chat","model":"a","key":null}"#,
        ),
        (
            "GET /v1/models/a HTTP/1.1\r\nhost: x\r\nx-goog-api-key: k\r\n\r\n".into(),
            r#"{"models":"gemini.generate","model":"a","key":"k"}"#,
        ),
        (get("/ollama/api/tags"), r#"{"models":"ollama.chat","model":null,"key":null}"#),
        (get("/ollama/api/version"), r#"{"version":"0.12.11"}"#),
        (get("/ollama/api/ps"), r#"{"models":[]}"#),
        (get("/ollama/"), "Ollama is running"),
        (
            "POST /ollama/api/show HTTP/1.1\r\nhost: x\r\ncontent-length: 13\r\n\r\n{\"model\":\"m\"}".into(),
            r#"{"models":"ollama.chat","model":null,"key":null,"body":"{\"model\":\"m\"}"}"#,
        ),
        (
            "POST /ollama/api/show HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".into(),
            r#"{"models":"ollama.chat","model":null,"key":null,"body":"{}"}"#,
        ),
        (get("/v1/models/openai%2Fgpt-5"), r#"{"models":"openai.chat","model":"openai/gpt-5","key":null}"#),
    ] {
        let answer = edge.ask(&request).await;
        assert!(answer.ends_with(expected), "{answer}");
    }
}

#[tokio::test]
async fn questions_about_kept_responses_are_handed_on() {
    let edge = start(&config());
    let ask =
        |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\n\r\n");
    for (method, path, action, query) in [
        ("GET", "/v1/responses/resp_1", "Get", "null"),
        ("DELETE", "/v1/responses/resp_1?a=b", "Delete", r#""a=b""#),
        ("POST", "/v1/responses/resp_1/cancel", "Cancel", "null"),
        ("GET", "/v1/responses/resp_1/input_items?limit=2", "Items", r#""limit=2""#),
    ] {
        let answer = edge.ask(&ask(method, path)).await;
        let expected = format!(r#"{{"response":"resp_1","action":"{action}","query":{query},"key":"k"}}"#);
        assert!(answer.ends_with(&expected), "{answer}");
    }
    let answer = edge.ask(&ask("PUT", "/v1/responses/resp_1")).await;
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD, DELETE"), "{answer}");
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_the_askers_dialect() {
    let edge = start(&config());
    for (request, code, dialect, name) in [
        (get("/nope"), 404, "openai.chat", "not_found"),
        (get("/anthropic/nope"), 404, "anthropic.messages", "not_found"),
        (get("/v1/chat/completions"), 405, "openai.chat", "method_not_allowed"),
        (get("/v1/messages"), 405, "anthropic.messages", "method_not_allowed"),
        (call("content-encoding: gzip\r\n", "{}"), 415, "openai.chat", "unsupported_media_type"),
        (
            "POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n"
                .into(),
            415,
            "openai.embeddings",
            "unsupported_media_type",
        ),
    ] {
        let answer = edge.ask(&request).await;
        assert_eq!(status(&answer), code, "{answer}");
        assert!(answer.contains(&format!(r#""dialect":"{dialect}","code":"{name}""#)), "{answer}");
        let allow = if code == 405 { Some("POST") } else { None };
        assert_eq!(header(&answer, "allow"), allow);
    }
    assert_eq!(edge.behind.refused().len(), 6);
    let answer = edge.ask("DELETE /v1/models HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!((status(&answer), header(&answer, "allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn ambiguous_and_broken_requests_are_refused() {
    let edge = start(&config());
    for request in [
        // Both a length and chunks, in either order (RFC 9112 §6.1).
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        "\r\n\r\nPOST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "POST /v1/messages HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nbad header: 1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\n folded: 1\r\n\r\n",
        "GET /heal thz HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n",
        "\u{1}\u{2}garbage\r\n\r\n",
    ] {
        let answer = edge.ask(request).await;
        assert_eq!(status(&answer), 400, "{request:?}: {answer}");
    }
    // TLS to a plain port.
    let mut client = edge.connect().await;
    client.send(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]).await;
    assert_eq!(status(&client.head().await), 400);
    assert_eq!(status(&edge.ask(&get("/healthz")).await), 200, "and the edge lives on");
}

#[tokio::test]
async fn bodies_come_in_chunks_and_after_being_asked_for() {
    let edge = start(&config());
    let answer = edge
        .ask(
            "POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\n{}\r\n3\r\n   \r\n0\r\ntrailer: 1\r\n\r\n",
        )
        .await;
    assert!(answer.contains(r#""body":"{}   ""#), "{answer}");
    let mut client = edge.connect().await;
    client
        .send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        .await;
    assert_eq!(status(&client.head().await), 100);
    client.send(b"{}").await;
    assert!(client.answer().await.contains(r#""body":"{}""#));
    let answer =
        edge.ask("POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await;
    assert!(answer.contains(r#""body_error":"Malformed""#), "{answer}");
}

#[tokio::test]
async fn connections_are_kept_for_the_next_request() {
    let edge = start(&config());
    let mut client = edge.connect().await;
    for _ in 0..3 {
        client.send(call("", "{}").as_bytes()).await;
        assert_eq!(status(&client.answer().await), 200);
    }
    client.send((get("/healthz") + &get("/readyz")).as_bytes()).await;
    assert!(client.answer().await.ends_with("ok\n"));
    assert!(client.answer().await.ends_with("ready\n"));
    assert_eq!(edge.behind.connections(), 1);
}

#[tokio::test]
async fn head_requests_get_the_length_and_no_body() {
    let edge = start(&config());
    let mut client = edge.connect().await;
    client.send(b"HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((status(&head), header(&head, "content-length")), (200, Some("3")));
    client.send(get("/healthz").as_bytes()).await;
    assert_eq!(status(&client.answer().await), 200);
}

#[tokio::test]
async fn readiness_is_our_own_state() {
    let edge = start(&config());
    assert!(edge.ask(&get("/readyz")).await.ends_with("ready\n"));
    edge.behind.set_ready(Err("the database is away"));
    let answer = edge.ask(&get("/readyz")).await;
    assert_eq!(status(&answer), 503);
    assert!(answer.ends_with("the database is away\n"), "{answer}");
    assert_eq!(status(&edge.ask(&get("/healthz")).await), 200);
}

#[tokio::test]
async fn the_admin_api_gets_requests_whole() {
    let edge = start(&config());
    let answer = edge
        .ask("PUT /admin/v1/keys?limit=1&key=key_9 HTTP/1.1\r\nhost: x\r\nx-api-key: pgk_9\r\ncontent-length: 2\r\n\r\n{}")
        .await;
    assert!(answer.contains(r#""admin":"/admin/v1/keys?limit=1&key=key_9","method":"PUT""#), "{answer}");
    assert!(answer.contains(r#""x-api-key":"pgk_9","client":"127.0.0.1","id":"req_"#), "{answer}");
}

#[tokio::test]
async fn an_admin_listener_takes_admin_and_metrics_with_it() {
    let edge = start(&ServerConfig { admin_listen: Some(any_port()), ..config() });
    for path in ["/admin/v1/keys", "/metrics"] {
        assert_eq!(status(&edge.ask(&get(path)).await), 404, "{path}");
    }
    let mut client = Client(TcpStream::connect(edge.admin.unwrap()).await.unwrap());
    for (path, expected) in [
        ("/admin/v1/keys", 200),
        ("/metrics", 200),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/v1/models", 404),
        ("/v1/messages", 404),
    ] {
        client.send(get(path).as_bytes()).await;
        assert_eq!(status(&client.answer().await), expected, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_open_nearby_only() {
    let edge = start(&config());
    let answer = edge.ask(&get("/metrics")).await;
    assert_eq!(status(&answer), 200);
    assert!(header(&answer, "content-type").unwrap().starts_with("application/openmetrics-text"));
    // Through a proxy on this machine it is as far away as the proxy's client.
    let config = ServerConfig { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..config() };
    let edge = start(&config);
    for (key, expected) in [
        ("", 401),
        ("authorization: Bearer pgk_wrong\r\n", 401),
        ("authorization: Bearer pgk_caller\r\n", 403),
        ("authorization: Bearer pgk_reader\r\n", 200),
    ] {
        let request =
            format!("GET /metrics HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.9\r\n{key}\r\n");
        assert_eq!(status(&edge.ask(&request).await), expected, "{key}");
    }
}

#[tokio::test]
async fn browsers_of_configured_origins_may_call() {
    let preflight = |origin: &str| {
        format!(
            "OPTIONS /v1/messages HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n\r\n"
        )
    };
    let off = start(&config());
    assert_eq!(status(&off.ask(&preflight("https://a.example")).await), 405);
    let answer = off.ask(&call("origin: https://a.example\r\n", "{}")).await;
    assert!(header(&answer, "access-control-allow-origin").is_none());

    let cors = crate::CorsConfig { origins: vec!["https://a.example".into()], max_age: None };
    let edge = start(&ServerConfig { cors, ..config() });
    let answer = edge.ask(&preflight("https://a.example")).await;
    assert_eq!(status(&answer), 204);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(header(&answer, "access-control-allow-headers"), Some("authorization"));
    assert_eq!(header(&answer, "access-control-max-age"), Some("600"));
    assert_eq!(header(&answer, "vary"), Some("origin"));
    let answer = edge.ask(&preflight("https://b.example")).await;
    assert_eq!(status(&answer), 405);
    assert!(header(&answer, "access-control-allow-origin").is_none());
    let answer = edge.ask(&call("origin: https://a.example\r\n", "{}")).await;
    assert_eq!(header(&answer, "access-control-allow-origin"), Some("https://a.example"));
}

#[tokio::test]
async fn a_refusal_before_the_body_is_read_ends_the_connection() {
    let edge = start(&config());
    let refused = call("", "{}").replace("/v1/chat/completions", "/v1/nowhere");
    let answer = edge.ask(&refused).await;
    assert_eq!((status(&answer), header(&answer, "connection")), (404, Some("close")));
    for path in ["/v1beta/models/x:fooBar", "/gemini/v1beta/models/x:fooBar"] {
        let answer = edge.ask(&call("", "{}").replace("/v1/chat/completions", path)).await;
        assert_eq!(status(&answer), 404, "{path}");
    }
    // Without a body there is nothing in the way of the next request.
    let answer = edge.ask(&get("/v1/nowhere")).await;
    assert_eq!((status(&answer), header(&answer, "connection")), (404, None));
    let answer = edge.ask(&call("", "{}")).await;
    assert_eq!((status(&answer), header(&answer, "connection")), (200, None));
}
