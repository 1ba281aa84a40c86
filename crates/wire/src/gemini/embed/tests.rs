//! Batches and single contents both ways, small ones written for the purpose.

use serde_json::json;

use super::*;

fn written(dialect: &dyn Embed, request: &EmbedRequest) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = dialect.write_request(request, &Quirks::default(), &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

#[test]
fn texts_become_a_batch_and_vectors_come_back() {
    let request = EmbedRequest {
        model: "gemini-embedding-001".to_owned(),
        inputs: vec![EmbedInput::Text("a".to_owned()), EmbedInput::Text("b".to_owned())],
        dimensions: Some(256),
        task: Some(EmbedTask::Query),
        user: Some("u".to_owned()),
        ..EmbedRequest::default()
    };
    let item = |text: &str| {
        json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
            "outputDimensionality": 256, "taskType": "RETRIEVAL_QUERY"})
    };
    let (batch, receipt) = written(&Vectors, &request);
    assert_eq!(batch, json!({"requests": [item("a"), item("b")]}));
    assert_eq!(receipt, "user");
    let reply = Vectors.read_reply(br#"{"embeddings":[{"values":[0.5,-1]},{"values":[]}]}"#).unwrap();
    assert_eq!(reply.vectors, [vec![0.5, -1.0], vec![]]);
    assert_eq!(reply.usage, None);
}

#[test]
fn tokens_are_refused() {
    let request = EmbedRequest { inputs: vec![EmbedInput::Tokens(vec![1])], ..EmbedRequest::default() };
    let fault = Vectors.write_request(&request, &Quirks::default(), &mut Receipt::default()).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input[0]")));
}

#[test]
fn a_batch_comes_back_as_it_was() {
    let batch = json!({"requests": [
        {"model": "models/m", "content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_DOCUMENT", "title": "A",
            "outputDimensionality": 8},
        {"model": "models/m", "content": {"parts": [{"text": "b"}, {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}],
            "role": "user"}, "taskType": "QUESTION_ANSWERING", "outputDimensionality": 9}]});
    let request = Vectors.read_request(batch.to_string().as_bytes()).unwrap();
    assert_eq!(
        (request.model.as_str(), request.task, request.dimensions),
        ("m", Some(EmbedTask::Document), Some(8))
    );
    assert!(
        matches!(&request.inputs[..], [EmbedInput::Text(_), EmbedInput::Parts(parts)] if parts.len() == 2)
    );
    assert_eq!(written(&Vectors, &request), (batch, String::new()));
}

#[test]
fn one_content_comes_back_as_it_was_and_snake_case_is_read() {
    let one = json!({"model": "models/m", "content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING",
        "outputDimensionality": 4, "title": "t"});
    let request = One.read_request(one.to_string().as_bytes()).unwrap();
    assert_eq!(written(&One, &request), (one, String::new()));
    let snake =
        json!({"content": {"parts": {"text": "a"}}, "task_type": "CLUSTERING", "output_dimensionality": "4"});
    let request = One.read_request(snake.to_string().as_bytes()).unwrap();
    assert_eq!((request.task, request.dimensions), (Some(EmbedTask::Clustering), Some(4)));
    let two = EmbedRequest { inputs: vec![EmbedInput::Text(String::new()); 2], ..request };
    let fault = One.write_request(&two, &Quirks::default(), &mut Receipt::default()).unwrap_err();
    assert_eq!(fault.code(), Code::UnsupportedCapability);
}

#[test]
fn answers_come_back_as_they_were() {
    let many = br#"{"embeddings":[{"values":[0.5]},{"values":[1.5,2.0]}],"usageMetadata":{"promptTokenCount":4,"promptTokenDetails":[]}}"#;
    let reply = Vectors.read_reply(many).unwrap();
    assert_eq!(reply.usage.unwrap().input, 4);
    assert_eq!(Vectors.write_reply(&reply, VectorFormat::Base64), &many[..]);
    let one = br#"{"embedding":{"values":[0.5]}}"#;
    let reply = One.read_reply(one).unwrap();
    assert_eq!(One.write_reply(&reply, VectorFormat::Float), &one[..]);
    assert!(One.read_reply(b"{}").is_err());
    assert!(Vectors.read_reply(br#"{"embeddings":[{}]}"#).is_err());
}

#[test]
fn one_vector_answers_a_batch_and_what_is_beside_it_is_kept() {
    let one = br#"{"embedding":{"values":[0.5],"shape":[1]},"x":1}"#;
    let reply = Vectors.read_reply(one).unwrap();
    assert_eq!(reply.vectors, [[0.5]]);
    let many = br#"{"embeddings":[{"values":[0.5],"shape":[1]}],"x":1}"#;
    assert_eq!(Vectors.write_reply(&reply, VectorFormat::Float), &many[..]);
    let reply = One.read_reply(one).unwrap();
    assert_eq!(One.write_reply(&reply, VectorFormat::Float), &one[..]);
    let reply = Vectors.read_reply(many).unwrap();
    assert_eq!(Vectors.write_reply(&reply, VectorFormat::Float), &many[..]);
    assert!(Vectors.read_reply(b"{}").is_err());
    assert!(Vectors.read_reply(br#"{"embedding":{"shape":[1]}}"#).is_err());
}

#[test]
fn settings_of_one_input_are_not_those_of_another() {
    let item = |more: Value| {
        let mut item = json!({"model": "models/m", "content": {"parts": [{"text": "a"}]}});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let first = json!({"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8});
    let ask = |items: Vec<Value>| {
        let batch = json!({"requests": items});
        let request = Vectors.read_request(batch.to_string().as_bytes()).unwrap();
        assert_eq!(written(&Vectors, &request), (batch, String::new()));
        let asked = contract::canon::Asked::Embed(Box::new(request));
        let mut receipt = Receipt::default();
        crate::write_request(Dialect::OpenaiEmbeddings, &asked, &Quirks::NONE, &mut receipt)
    };
    for (second, param) in [
        (json!({}), "requests[1].outputDimensionality"),
        (json!({"taskType": "RETRIEVAL_QUERY"}), "requests[1].outputDimensionality"),
        (json!({"outputDimensionality": 8}), "requests[1].taskType"),
        (json!({"outputDimensionality": 8, "taskType": "CLUSTERING"}), "requests[1].taskType"),
    ] {
        let fault = ask(vec![item(first.clone()), item(second)]).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some(param)));
    }
    assert!(ask(vec![item(first.clone()), item(first)]).is_ok());
    let finer = json!({"taskType": "FACT_VERIFICATION"});
    assert!(ask(vec![item(finer.clone()), item(finer)]).is_ok());
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    for (body, param) in [
        (json!({}), "requests"),
        (json!({"requests": [{}]}), "requests[0].content"),
        (json!({"requests": [{"content": 1}]}), "requests[0].content"),
        (
            json!({"requests": [{"content": {}, "outputDimensionality": "x"}]}),
            "requests[0].outputDimensionality",
        ),
    ] {
        let fault = Vectors.read_request(body.to_string().as_bytes()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)), "{body}");
    }
}
