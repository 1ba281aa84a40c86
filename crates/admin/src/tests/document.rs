//! The OpenAPI document against the routes: neither says more than the other.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::tests::refusals::operations;
use crate::tests::schema::{DOCUMENT, valid};

#[test]
fn the_document_is_complete_and_the_same_each_time() {
    assert_eq!(crate::openapi_json(), crate::openapi_json());
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    let found: BTreeSet<_> = DOCUMENT["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let expected = [
        "delete /admin/v1/keys/{id}",
        "get /admin/v1/keys",
        "get /admin/v1/keys/{id}",
        "get /admin/v1/ledger",
        "get /admin/v1/models",
        "get /admin/v1/openapi.json",
        "get /admin/v1/providers",
        "get /admin/v1/requests",
        "get /admin/v1/requests/{id}",
        "get /admin/v1/status",
        "post /admin/v1/keys",
        "post /admin/v1/keys/{id}/rotate",
    ];
    assert_eq!(found, expected.map(String::from).into());
    assert_eq!(DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[tokio::test]
async fn what_is_documented_is_served_and_nothing_else() {
    let api = api();
    let documented = operations();
    for (method, path, _) in &documented {
        let request = request(method, path, WRITER).body(Body::Empty).unwrap();
        let answer = api.send(request).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        // An id that exists nowhere is a 404 of the handler, which says more than that of the fallback.
        assert!(!answer.message().starts_with("Nothing is served"), "{method} {path}");
    }
    for (_, path, _) in &documented {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if documented.iter().any(|(known, at, _)| known == method && at == path) {
                continue;
            }
            let request = request(method, path, WRITER).body(Body::Empty).unwrap();
            let status = api.send(request).await.status;
            assert_eq!(status, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_documented_parameter_is_taken_and_no_other() {
    let api = api();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        let params = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let names: Vec<_> = params
            .iter()
            .filter(|param| param["in"] == "query")
            .map(|param| param["name"].as_str().unwrap())
            .collect();
        if names.is_empty() {
            continue;
        }
        let refused = api.get(&format!("{path}?surely-not=1")).await;
        assert_eq!(refused.status, 400);
        assert!(refused.message().ends_with(&format!("this path takes {}.", names.join(", "))), "{path}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_is_told() {
    let text = crate::openapi_json();
    for reference in text.split("\"$ref\": \"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(DOCUMENT.pointer(pointer).is_some(), "{pointer}");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path}");
            if operation["security"] != json!([{}]) {
                for status in ["401", "403", "500", "503"] {
                    assert!(operation["responses"][status].is_object(), "{method} {path} lacks {status}");
                }
            }
        }
    }
}

#[test]
fn examples_follow_their_schemas() {
    let mut checked = 0;
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        if let Some(example) = schema.get("example") {
            valid(schema, example, name);
            checked += 1;
        }
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(example) = property.get("example") {
                valid(property, example, &format!("{name}.{field}"));
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "{checked}");
}

#[test]
fn requests_are_closed() {
    for name in ["NewKey", "KeyLimits"] {
        assert_eq!(DOCUMENT["components"]["schemas"][name]["additionalProperties"], false, "{name}");
    }
}
