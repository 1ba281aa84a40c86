//! What is special about Voyage AI.

use crate::conformance::{Script, built, call};
use contract::canon::{Asked, EmbedInput, EmbedRequest, EmbedTask, RankedDocument, RerankRequest};
use contract::words::{Dialect, Operation};
use serde_json::{Value, json};

#[test]
fn calls_go_where_they_should_and_the_list_is_known() {
    let provider = built(json!({ "kind": "voyage", "api_key": "k" }));
    let script = Script::answering("{}");
    for (operation, url) in [
        (Operation::Embeddings, "https://api.voyageai.com/v1/embeddings"),
        (Operation::Rerank, "https://api.voyageai.com/v1/rerank"),
    ] {
        call(&*provider, &script, operation, false, "m").unwrap();
        let sent = script.sent();
        assert_eq!(sent.uri, url);
        assert_eq!(sent.headers["authorization"], "Bearer k");
    }
    assert_eq!(provider.dialect(Dialect::OpenaiChat, "m"), None);
    let cards = script.discover(&*provider).unwrap();
    assert!(script.nothing_sent());
    let does = |operation| cards.iter().any(|card| card.operations == [operation]);
    assert!(does(Operation::Embeddings) && does(Operation::Rerank));
    let named = built(json!({ "kind": "voyage", "api_key": "k", "models": ["rerank-9"] }));
    assert_eq!(script.discover(&*named).unwrap()[0].operations, [Operation::Rerank]);
}

#[test]
fn requests_use_its_names() {
    let provider = built(json!({ "kind": "voyage", "api_key": "k" }));
    let embed = EmbedRequest {
        model: "m".to_owned(),
        inputs: vec![EmbedInput::Text("a".to_owned())],
        dimensions: Some(256),
        task: Some(EmbedTask::Document),
        ..EmbedRequest::default()
    };
    let rerank = RerankRequest {
        model: "m".to_owned(),
        query: "q".to_owned(),
        documents: vec![RankedDocument::Text("a".to_owned())],
        top_n: Some(1),
        ..RerankRequest::default()
    };
    for (asked, dialect, expected) in [
        (
            Asked::Embed(Box::new(embed)),
            Dialect::OpenaiEmbeddings,
            json!({ "model": "m", "input": "a", "output_dimension": 256, "input_type": "document" }),
        ),
        (
            Asked::Rerank(Box::new(rerank)),
            Dialect::VoyageRerank,
            json!({ "model": "m", "query": "q", "documents": ["a"], "top_k": 1 }),
        ),
    ] {
        assert_eq!(provider.verbatim(dialect), dialect == Dialect::VoyageRerank);
        let (bytes, receipt) = provider.translate(&asked, dialect).unwrap();
        assert!(receipt.is_empty());
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
    }
}
