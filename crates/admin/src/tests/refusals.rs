//! Who is let in, and how everybody else is told.

use contract::words::IdKind;

use super::*;
use crate::tests::schema::DOCUMENT;

/// Every documented path and method, with ids filled in, and whether it needs a key.
pub(super) fn operations() -> Vec<(String, String, bool)> {
    let id = |path: &str| {
        let kind = if path.contains("/requests/") { IdKind::Request } else { IdKind::Key };
        path.replace("{id}", Id::from_parts(kind, [7; 16]).text().as_str())
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, op)| (path, method, op)))
        .map(|(path, method, op)| {
            (method.to_uppercase(), id(path), op["security"] != serde_json::json!([{}]))
        })
        .collect()
}

#[tokio::test]
async fn every_route_but_the_document_wants_a_key_with_the_right_scope() {
    let api = api();
    let mut guarded = 0;
    for (method, path, needs_key) in operations() {
        let with = |key: Option<&str>| {
            let mut request = Request::builder().method(method.as_str()).uri(&path);
            if let Some(key) = key {
                request = request.header("x-api-key", key);
            }
            api.send(request.body(Body::Empty).unwrap())
        };
        let bare = with(None).await;
        if !needs_key {
            assert_eq!((path.as_str(), bare.status.as_u16()), ("/admin/v1/openapi.json", 200));
            continue;
        }
        guarded += 1;
        assert_eq!((bare.status.as_u16(), bare.code()), (401, "missing_key"), "{method} {path}");
        assert_eq!(bare.headers["www-authenticate"], "Bearer");
        assert_eq!(with(Some("wrong")).await.code(), "invalid_key", "{method} {path}");
        let caller = with(Some(CALLER)).await;
        assert_eq!((caller.status.as_u16(), caller.code()), (403, "insufficient_scope"), "{method} {path}");
        let reader = with(Some(READER)).await;
        assert_eq!(reader.status == 403, method != "GET", "{method} {path}");
    }
    assert_eq!(guarded, 11);
}

#[tokio::test]
async fn keys_are_read_from_either_header() {
    let api = api();
    for (name, value, status) in [
        ("authorization", "Bearer key-that-may-read", 200),
        ("authorization", "bearer  key-that-may-read ", 200),
        ("x-api-key", "key-that-may-read", 200),
        ("authorization", "Basic a2V5", 401),
        ("authorization", "key-that-may-read", 401),
        ("authorization", "Bearer \u{e9}", 401),
        ("api-key", "key-that-may-read", 401),
    ] {
        let request = Request::get("/admin/v1/status").header(name, value).body(Body::Empty).unwrap();
        assert_eq!(api.send(request).await.status, status, "{name}: {value}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_json() {
    let api = api();
    for path in ["/", "/admin/v1", "/admin/v1/", "/admin/v1/keys/", "/admin/v2/keys", "/admin/v1/keys/a/b/c"]
    {
        let refused = api.get(path).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (404, "not_found"), "{path}");
    }
    let refused = api.change("PUT", "/admin/v1/keys", None).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (405, "method_not_allowed"));
    assert_eq!(refused.headers["allow"], "GET,HEAD,POST");
}

#[tokio::test]
async fn the_id_of_the_edge_is_in_the_error() {
    let api = api();
    let mut request = Request::get("/admin/v1/nothing").body(Body::Empty).unwrap();
    request.extensions_mut().insert(Id::new(IdKind::Request));
    assert_eq!(api.send(request).await.status, 404);
}

#[tokio::test]
async fn what_only_the_operator_may_see_stays_inside() {
    let api = api();
    api.fakes.database_away.store(true, std::sync::atomic::Ordering::SeqCst);
    for path in ["/admin/v1/keys", "/admin/v1/requests", "/admin/v1/ledger"] {
        let refused = api.get(path).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (503, "storage_unavailable"));
        assert!(!refused.body.to_string().contains("fire"), "{}", refused.body);
    }
}
