//! Vectors and documents by relevance, in IBM's own form (cloud.ibm.com/apidocs/watsonx-ai, "Generate embeddings" and
//! "Generate rerank").

use std::collections::VecDeque;

use bytes::Bytes;
use contract::ports::{ProviderReply, UpstreamFailure};
use contract::words::Dialect;
use serde_json::{Map, Value, json};

use crate::vectors::{list, members, openai, reformed, rename_inputs};

/// The dialects that are put into that form, each with its place.
pub(super) const PLACES: &[(Dialect, &str)] =
    &[(Dialect::OpenaiEmbeddings, "/ml/v1/text/embeddings"), (Dialect::CohereRerank, "/ml/v1/text/rerank")];

/// A request in IBM's form, without its model and project.
pub(super) fn body(body: VecDeque<Bytes>, dialect: Dialect) -> Result<VecDeque<Bytes>, UpstreamFailure> {
    let mut members = members(body)?;
    if dialect == Dialect::CohereRerank {
        rank(&mut members);
    } else {
        rename_inputs(&mut members, "inputs");
    }
    Ok([Bytes::from(Value::Object(members).to_string())].into())
}

fn rank(members: &mut Map<String, Value>) {
    if let Some(Value::Array(documents)) = members.shift_remove("documents") {
        let inputs: Vec<Value> = documents.into_iter().map(|text| json!({ "text": text })).collect();
        members.insert("inputs".to_owned(), Value::Array(inputs));
    }
    for (name, option) in [("top_n", "top_n"), ("return_documents", "inputs")] {
        if let Some(value) = members.shift_remove(name) {
            let parameters = members.entry("parameters").or_insert_with(|| json!({}));
            // What is no object is the client's mistake, which IBM is to name.
            if let Some(parameters) = parameters.as_object_mut() {
                let options = parameters.entry("return_options").or_insert_with(|| json!({}));
                options.as_object_mut().and_then(|options| options.insert(option.to_owned(), value));
            }
        }
    }
}

/// The answer in the dialect of the call.
pub(super) async fn answer(reply: ProviderReply, dialect: Dialect) -> Result<ProviderReply, UpstreamFailure> {
    reformed(reply, |mut answer| {
        let results = list(&mut answer, "results");
        let (model, input) = (answer["model_id"].take(), answer["input_token_count"].as_u64());
        if dialect == Dialect::CohereRerank {
            return Ok(ranked(results, &model, input));
        }
        let vectors: Option<Vec<Value>> =
            results.into_iter().map(|mut one| one.get_mut("embedding").map(Value::take)).collect();
        Ok(openai(vectors.ok_or("a result without a vector")?, &model, input))
    })
    .await
}

fn ranked(results: Vec<Value>, model: &Value, input: Option<u64>) -> Value {
    let result = |one: Value| {
        let mut told = json!({ "index": one["index"], "relevance_score": one["score"] });
        if let Some(document) = one.get("input") {
            told["document"] = document.clone();
        }
        told
    };
    let results: Vec<Value> = results.into_iter().map(result).collect();
    let mut answer = json!({ "model": model, "results": results });
    if let Some(input) = input {
        answer["meta"] = json!({ "tokens": { "input_tokens": input } });
    }
    answer
}
