//! Keys over HTTP: bodies, conditions, what is shown and what never is.

use contract::ports::KeySource;
use contract::words::{Id, IdKind};
use serde_json::json;

use super::*;
use crate::tests::fakes::{key, secret};

#[tokio::test]
async fn a_key_is_made_shown_once_listed_rotated_and_revoked() {
    let api = api();
    let spec = json!({
        "name": "ci", "org": "acme", "team": "search", "app": "bot", "scopes": ["inference", "admin_read"],
        "models": ["openai/*"], "limits": { "requests": "60/min" }, "expires": "2030-01-01T00:00:00Z"
    });
    let made = api.post("/admin/v1/keys", &spec).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["secret"], secret().expose());
    let id = made.body["key"]["id"].as_str().unwrap();
    let path = format!("/admin/v1/keys/{id}");
    assert_eq!(made.headers["location"], path);
    assert_eq!(made.headers["etag"], "\"1\"");

    let read = api.get(&path).await;
    assert_eq!(read.body, made.body["key"]);
    for (field, value) in spec.as_object().unwrap() {
        let expected = if field == "expires" { json!("2030-01-01T00:00:00.000000Z") } else { value.clone() };
        assert_eq!(read.body[field], expected, "{field}");
    }
    assert!(!read.body.to_string().contains(secret().expose()));
    let list = api.get("/admin/v1/keys").await;
    assert_eq!(list.body, json!({ "items": [read.body], "next": null }));

    let turned = api.change("POST", &format!("{path}/rotate"), Some("\"1\"")).await;
    assert_eq!((turned.status.as_u16(), &turned.body["secret"]), (200, &json!(secret().expose())));
    let gone = api.change("DELETE", &path, None).await;
    assert_eq!(gone.status, 200);
    assert!(gone.body["revoked"].is_string());
    assert_eq!(api.change("POST", &format!("{path}/rotate"), None).await.status, 409);
}

#[tokio::test]
async fn a_key_left_to_its_defaults_may_call_models() {
    let api = api();
    let made = api.post("/admin/v1/keys", &json!({ "name": "plain" })).await;
    assert_eq!(made.body["key"]["scopes"], json!(["inference"]));
    assert_eq!(api.post("/admin/v1/keys", &json!({ "name": "plain" })).await.status, 409);
}

#[tokio::test]
async fn conditions_hold() {
    let api = api();
    let one = key("one", KeySource::Store);
    api.fakes.keys.lock().unwrap().push(one.clone());
    let path = format!("/admin/v1/keys/{}", one.id);
    for tag in ["\"2\"", "\"abc\"", "W/\"1\"", "\"\""] {
        let refused = api.change("DELETE", &path, Some(tag)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (412, "conflict"), "{tag}");
        assert_eq!(refused.param(), Some("if-match"));
    }
    for tag in ["1", "\"1\", \"2\"", "\"1", ""] {
        let refused = api.change("DELETE", &path, Some(tag)).await;
        assert_eq!((refused.status.as_u16(), refused.param()), (400, Some("if-match")), "{tag}");
    }
    assert!(api.get(&path).await.body["revoked"].is_null());
    assert_eq!(api.change("POST", &format!("{path}/rotate"), Some("*")).await.status, 200);
    assert_eq!(api.change("DELETE", &path, Some("\"2\"")).await.status, 200);
    // The version is right, the key is revoked: that is a conflict, not a failed condition.
    assert_eq!(api.change("POST", &format!("{path}/rotate"), Some("\"3\"")).await.status, 409);
}

#[tokio::test]
async fn keys_of_the_file_and_unknown_keys_are_told_apart() {
    let api = api();
    let file = key("file", KeySource::File);
    api.fakes.keys.lock().unwrap().push(file.clone());
    let refused = api.change("DELETE", &format!("/admin/v1/keys/{}", file.id), None).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "read_only"));
    let unknown = Id::new(IdKind::Key).to_string();
    let request = Id::new(IdKind::Request).to_string();
    for id in [unknown.as_str(), request.as_str(), "key_1", "%ff", "ci"] {
        let path = format!("/admin/v1/keys/{id}");
        assert_eq!(api.get(&path).await.status, 404, "{id}");
        assert_eq!(api.change("DELETE", &path, Some("\"x\"")).await.status, 404, "{id}");
        assert_eq!(api.change("POST", &format!("{path}/rotate"), None).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let api = api();
    for (body, code, param) in [
        (json!({ "name": "a", "color": "red" }).to_string(), "invalid_request", Some("color")),
        (
            json!({ "name": "a", "limits": { "requests": "60" } }).to_string(),
            "invalid_request",
            Some("limits.requests"),
        ),
        (json!({ "name": "a", "scopes": ["root"] }).to_string(), "invalid_request", Some("scopes[0]")),
        (json!({ "name": "a", "expires": "tomorrow" }).to_string(), "invalid_request", Some("expires")),
        (json!({}).to_string(), "invalid_request", None),
        (json!([]).to_string(), "invalid_request", None),
        ("{\"name\": \"a\"".to_owned(), "invalid_json", None),
        ("{\"name\": \"a\"} {}".to_owned(), "invalid_json", None),
        (String::new(), "invalid_json", None),
    ] {
        let request = request("POST", "/admin/v1/keys", WRITER).header("content-type", "application/json");
        let refused = api.send(request.body(body.clone().into()).unwrap()).await;
        assert_eq!((refused.status.as_u16(), refused.code(), refused.param()), (400, code, param), "{body}");
    }
    assert!(api.fakes.keys.lock().unwrap().is_empty());
}

#[tokio::test]
async fn bodies_of_the_wrong_kind_size_or_encoding_are_refused() {
    let api = api();
    let make = |kind: Option<&str>, coding: Option<&str>, body: Body| {
        let mut request = request("POST", "/admin/v1/keys", WRITER);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        if let Some(coding) = coding {
            request = request.header("content-encoding", coding);
        }
        api.send(request.body(body).unwrap())
    };
    let json = Some("application/json");
    let good = || Body::from(r#"{"name":"a"}"#);
    assert_eq!(make(None, None, good()).await.status, 415);
    assert_eq!(make(Some("text/plain"), None, good()).await.status, 415);
    assert_eq!(make(json, Some("gzip"), good()).await.status, 415);
    assert_eq!(make(json, None, Body::from(vec![b'"', 0xff, b'"'])).await.code(), "invalid_encoding");
    let large = make(json, None, Body::from(" ".repeat((1 << 20) + 1))).await;
    assert_eq!((large.status.as_u16(), large.code()), (413, "body_too_large"));
    let padded = format!("{}{}", " ".repeat((1 << 20) - 12), r#"{"name":"b"}"#);
    assert_eq!(make(json, None, Body::from(padded)).await.status, 201);
    assert_eq!(make(Some("Application/JSON; charset=utf-8"), Some("identity"), good()).await.status, 201);
    // A failure of the body at the edge keeps its meaning.
    let slow = Body::stream(Broken(contract::body::BodyError::Idle));
    assert_eq!(make(json, None, slow).await.code(), "body_timeout");
}

struct Broken(contract::body::BodyError);

impl http_body::Body for Broken {
    type Data = bytes::Bytes;
    type Error = contract::body::BodyError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Err(self.0)))
    }
}
