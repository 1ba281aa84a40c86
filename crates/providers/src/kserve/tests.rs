//! What is special about the Open Inference Protocol: names and versions in the path, binary tensors, Triton's list.

use contract::words::Operation;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

use super::*;
use crate::conformance::{Script, built, call, sending};

const BASE: &str = "http://triton.test:8000";

fn faults(config: serde_json::Value) -> String {
    let mut faults = Faults::default();
    assert!(
        crate::build(
            "acme",
            &serde_json::from_value(config).unwrap(),
            &crate::conformance::stopped(),
            &mut faults
        )
        .is_none()
    );
    faults.to_string()
}

#[test]
fn models_and_versions_stand_in_the_path() {
    let plain = json!({ "kind": "kserve", "base_url": BASE });
    let fixed = json!({ "kind": "kserve", "base_url": format!("{BASE}/v2/"), "model_version": "7" });
    for (config, model, path) in [
        (&plain, "resnet", "/v2/models/resnet/infer"),
        (&plain, "resnet/versions/2", "/v2/models/resnet/versions/2/infer"),
        (&fixed, "resnet", "/v2/models/resnet/versions/7/infer"),
        (&fixed, "resnet/versions/2", "/v2/models/resnet/versions/2/infer"),
        (&plain, "a/b?c", "/v2/models/a%2Fb%3Fc/infer"),
        (&plain, "../x", "/v2/models/..%2Fx/infer"),
    ] {
        let (provider, script) = (built(config.clone()), Script::answering("{}"));
        call(&*provider, &script, Operation::Predict, false, model).unwrap();
        assert_eq!(script.sent().uri.to_string(), format!("{BASE}{path}"));
    }
    let provider = built(plain);
    for model in ["..", "", "m/versions/.."] {
        let refused = call(&*provider, &Script::answering("{}"), Operation::Predict, false, model);
        assert!(matches!(refused, Err(UpstreamFailure::Build(_))), "{model}");
    }
}

#[test]
fn headers_of_binary_tensors_go_on() {
    let (provider, script) = (built(json!({ "kind": "kserve", "base_url": BASE })), Script::answering("{}"));
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/octet-stream"));
    headers.insert(wire::kserve::HEADER_LENGTH, HeaderValue::from_static("12"));
    sending(&*provider, &script, (Operation::Predict, false, "m"), &headers).unwrap();
    let sent = script.sent().headers;
    assert_eq!(sent.get_all("content-type").iter().collect::<Vec<_>>(), ["application/octet-stream"]);
    assert_eq!(sent["inference-header-content-length"], "12");
}

#[test]
fn vectors_are_made_only_where_tensors_are_named() {
    let none = built(json!({ "kind": "kserve", "base_url": BASE }));
    let tensors = json!({ "input": "text", "output": "vector", "column": true });
    let some = built(json!({ "kind": "kserve", "base_url": BASE, "embeddings": tensors, "models": ["bge"] }));
    let asked = Dialect::OpenaiEmbeddings;
    assert_eq!((none.dialect(asked, "m"), some.dialect(asked, "m")), (None, Some(Dialect::KserveInfer)));
    assert_eq!(none.dialect(Dialect::OpenaiChat, "m"), None);
    assert_eq!(some.dialect(Dialect::PathgatePredict, "m"), None);
    let cards = Script::failing(500).discover(&*some).unwrap();
    assert_eq!(cards[0].operations, [Operation::Predict, Operation::Embeddings]);
}

#[test]
fn tritons_list_is_asked_for_and_others_have_none() {
    let provider = built(json!({ "kind": "kserve", "base_url": BASE }));
    let list = json!([{ "name": "b", "version": "1", "state": "READY" }, { "name": "b", "version": "2" }, { "name": "a" }]);
    let script = Script::answering(&list.to_string());
    let cards = script.discover(&*provider).unwrap();
    assert_eq!(cards.iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let sent = script.sent();
    assert_eq!((sent.method, sent.uri.path()), (Method::POST, "/v2/repository/index"));
    assert_eq!(sent.headers["content-type"], "application/json");
    assert!(Script::failing(404).discover(&*provider).unwrap().is_empty());
    assert!(Script::failing(503).discover(&*provider).is_err());
}

#[test]
fn settings_are_checked() {
    assert_eq!(faults(json!({ "kind": "kserve" })).lines().count(), 1);
    let tensors = json!({ "input": "", "output": "" });
    let told =
        faults(json!({ "kind": "kserve", "base_url": BASE, "embeddings": tensors, "model_version": "" }));
    for field in ["embeddings.input", "embeddings.output", "model_version"] {
        assert!(told.contains(&format!("providers.acme.{field}: is empty")), "{told}");
    }
}
