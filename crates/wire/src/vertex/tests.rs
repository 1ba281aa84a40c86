//! Instances both ways, vectors both ways, odd input.

use super::*;

fn round(body: &Value) -> Value {
    let request = Vectors.read_request(body.to_string().as_bytes()).unwrap();
    let mut receipt = Receipt::default();
    let bytes = Vectors.write_request(&request, &Quirks::default(), &mut receipt).unwrap();
    assert!(receipt.is_empty(), "{receipt}");
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn requests_come_back_as_they_were() {
    for body in [
        json!({ "instances": [{ "content": "a" }, { "content": "b" }] }),
        json!({ "instances": [{ "content": "a", "task_type": "CLUSTERING" }],
            "parameters": { "outputDimensionality": 256, "autoTruncate": false } }),
        json!({ "instances": [{ "content": "a", "title": "T", "task_type": "RETRIEVAL_DOCUMENT" },
            { "content": "b", "task_type": "QUESTION_ANSWERING" }, { "content": "c" }],
            "parameters": { "new": 1 }, "labels": { "x": "y" } }),
    ] {
        assert_eq!(round(&body), body);
    }
}

#[test]
fn the_task_and_the_size_are_carried() {
    let request = EmbedRequest {
        inputs: vec![EmbedInput::Text("a".to_owned())],
        dimensions: Some(64),
        task: Some(EmbedTask::Query),
        user: Some("u".to_owned()),
        ..EmbedRequest::default()
    };
    let mut receipt = Receipt::default();
    let bytes = Vectors.write_request(&request, &Quirks::default(), &mut receipt).unwrap();
    let expected = json!({ "instances": [{ "content": "a", "task_type": "RETRIEVAL_QUERY" }],
        "parameters": { "outputDimensionality": 64 } });
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
    assert_eq!(receipt.to_string(), "user");
}

#[test]
fn tokens_and_odd_bodies_are_refused() {
    let request = EmbedRequest { inputs: vec![EmbedInput::Tokens(vec![1])], ..EmbedRequest::default() };
    let fault = Vectors.write_request(&request, &Quirks::default(), &mut Receipt::default()).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input[0]")));
    for (body, param) in [
        (r#"{"instances":[]}"#, Some("instances")),
        (r#"{"instances":["a"]}"#, Some("instances[0]")),
        (r#"{"instances":[{"content":1}]}"#, Some("instances[0].content")),
        ("[]", None),
    ] {
        assert_eq!(Vectors.read_request(body.as_bytes()).unwrap_err().param(), param, "{body}");
    }
}

#[test]
fn replies_are_read_and_written() {
    let body = json!({ "predictions": [
        { "embeddings": { "values": [0.5, -1.0], "statistics": { "truncated": false, "token_count": 3.0 } } },
        { "embeddings": { "values": [2.0], "statistics": { "truncated": false, "token_count": 4 } } },
    ], "metadata": { "billableCharacterCount": 9 } });
    let reply = Vectors.read_reply(body.to_string().as_bytes()).unwrap();
    assert_eq!(reply.vectors, [vec![0.5, -1.0], vec![2.0]]);
    assert_eq!(reply.usage.as_ref().map(|usage| usage.input), Some(7));
    let written = Vectors.write_reply(&reply, VectorFormat::Float);
    assert_eq!(Vectors.read_reply(&written).unwrap(), reply);
    let without = Vectors.read_reply(br#"{"predictions":[{"embeddings":{"values":[]}}]}"#).unwrap();
    assert_eq!(without.usage, None);
    assert!(Vectors.read_reply(b"{}").is_err());
}
