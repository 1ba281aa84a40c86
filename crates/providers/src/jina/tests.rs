//! What is special about Jina AI.

use crate::conformance::{Script, built, call};
use contract::canon::{
    Asked, EmbedInput, EmbedRequest, EmbedTask, MediaKind, MediaSource, Part, PartKind, Provenance,
};
use contract::words::{Dialect, Operation};
use serde_json::{Value, json};

#[test]
fn calls_go_where_they_should() {
    let provider = built(json!({ "kind": "jina", "api_key": "k" }));
    let script = Script::answering("{}");
    for (operation, url) in [
        (Operation::Embeddings, "https://api.jina.ai/v1/embeddings"),
        (Operation::Rerank, "https://api.jina.ai/v1/rerank"),
    ] {
        call(&*provider, &script, operation, false, "m").unwrap();
        assert_eq!(script.sent().uri, url);
    }
    assert!(provider.verbatim(Dialect::CohereRerank));
    assert!(script.discover(&*provider).unwrap().iter().any(|card| card.operations == [Operation::Rerank]));
}

#[test]
fn pictures_and_tasks_are_written_its_way() {
    let provider = built(json!({ "kind": "jina", "api_key": "k" }));
    let source = MediaSource::Url("https://a.test/b.png".to_owned());
    let picture = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::User);
    let embed = EmbedRequest {
        model: "m".to_owned(),
        inputs: vec![EmbedInput::Text("a".to_owned()), EmbedInput::Parts(vec![picture])],
        task: Some(EmbedTask::Similarity),
        format: contract::canon::VectorFormat::Base64,
        ..EmbedRequest::default()
    };
    let asked = Asked::Embed(Box::new(embed));
    let (bytes, receipt) = provider.translate(&asked, Dialect::OpenaiEmbeddings).unwrap();
    assert!(receipt.is_empty());
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap(),
        json!({ "model": "m", "input": ["a", { "image": "https://a.test/b.png" }],
            "embedding_type": "base64", "task": "text-matching" })
    );
}
