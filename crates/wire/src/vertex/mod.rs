//! Vertex AI's `predict` for text embeddings ↔ canon.
//!
//! Source: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api. Each instance is a text with
//! what it is for; the parameters are common to all. Gemini's own dialects of vectors are in `gemini`.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use contract::canon::{
    EmbedInput, EmbedReply, EmbedRequest, EmbedTask, Extra, Receipt, Vector, VectorFormat,
};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::fields::{self, Fields, wrong};
use crate::hub::Embed;
use crate::outgoing::{Outgoing, own_fields};
use crate::{Quirks, WireError};

const DIALECT: Dialect = Dialect::VertexPredict;

/// Leftovers of the instances, in their order, are kept under this name; the dialect has no field of it.
const INSTANCES: &str = "instances";

/// The dialect, for the hub.
pub(crate) struct Vectors;

impl Embed for Vectors {
    /// What the instances are for is canon's when they agree on it; otherwise each keeps its own.
    fn read_request(&self, body: &[u8]) -> Result<EmbedRequest, Fault> {
        let mut fields = fields::body(body)?;
        let instances = fields.list("instances")?.unwrap_or_default();
        if instances.is_empty() {
            return Err(wrong("instances", "a non-empty array"));
        }
        let (mut inputs, mut left, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
        for (at, instance) in instances.into_iter().enumerate() {
            let mut instance = Fields::of(instance, format!("instances[{at}]"))?;
            inputs.push(EmbedInput::Text(instance.need_text("content")?));
            tasks.push(instance.text("task_type")?);
            left.push(instance.left());
        }
        let shared = tasks.first().cloned().flatten().filter(|first| {
            tasks.iter().all(|task| task.as_ref() == Some(first)) && task_of(first).is_some()
        });
        if shared.is_none() {
            for (task, left) in tasks.into_iter().zip(&mut left) {
                left.extend(task.map(|task| ("task_type".to_owned(), Value::String(task))));
            }
        }
        let (mut dimensions, mut truncate) = (None, None);
        if let Some(mut parameters) = fields.object("parameters")? {
            dimensions = parameters.count("outputDimensionality")?;
            truncate = parameters.flag("autoTruncate")?;
            let rest = parameters.left();
            if !rest.is_empty() {
                fields.put_back("parameters", Value::Object(rest));
            }
        }
        let mut extra = fields.extra(DIALECT);
        if left.iter().any(|left| !left.is_empty()) {
            extra.owner = Some(DIALECT);
            extra.fields.insert(INSTANCES.to_owned(), left.into_iter().map(Value::Object).collect());
        }
        let task = shared.as_deref().and_then(task_of);
        Ok(EmbedRequest { inputs, dimensions, truncate, task, extra, ..EmbedRequest::default() })
    }

    fn write_request(
        &self,
        request: &EmbedRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        if request.user.is_some() {
            receipt.dropped("user", "Vertex AI has no such parameter");
        }
        let own = own_fields(DIALECT, &request.extra, "", receipt).cloned().unwrap_or_default();
        let left = own.get(INSTANCES).and_then(Value::as_array);
        let mut instances = Vec::with_capacity(request.inputs.len());
        for (at, input) in request.inputs.iter().enumerate() {
            let EmbedInput::Text(text) = input else {
                let message = "The model makes vectors of texts, not of tokens or pictures.";
                return Err(Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]")));
            };
            let mut instance = Map::new();
            instance.insert("content".to_owned(), json!(text));
            instance.extend(request.task.map(|task| ("task_type".to_owned(), json!(task_name(task)))));
            if let Some(Value::Object(left)) = left.and_then(|left| left.get(at)) {
                instance.extend(left.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            instances.push(instance);
        }
        let mut parameters = Map::new();
        parameters.extend(request.dimensions.map(|count| ("outputDimensionality".to_owned(), json!(count))));
        parameters.extend(request.truncate.map(|flag| ("autoTruncate".to_owned(), json!(flag))));
        let owner = (!own.is_empty()).then_some(DIALECT);
        let extra = Extra { owner, fields: own.clone() };
        let mut body = Outgoing::new(DIALECT, &extra, quirks, receipt);
        body.put("instances", &instances)?;
        body.put_object("parameters", parameters)?;
        body.finish()
    }

    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError> {
        let answer: Answer = serde_json::from_slice(body)
            .map_err(|error| WireError { dialect: DIALECT, reason: error.to_string() })?;
        let counts = answer.predictions.iter().map(|one| one.embeddings.statistics.as_ref()?.token_count);
        let counts: Option<Vec<f64>> = counts.collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; counts are whole"
        )]
        let usage =
            counts.map(|counts| Usage { input: counts.iter().sum::<f64>() as u64, ..Usage::default() });
        let vectors = answer.predictions.into_iter().map(|one| one.embeddings.values).collect();
        Ok(EmbedReply { vectors, usage, ..EmbedReply::default() })
    }

    /// The dialect writes numbers as numbers. Tokens are counted for each vector; canon knows their sum, so the first says it.
    fn write_reply(&self, reply: &EmbedReply, _: VectorFormat) -> Bytes {
        let count = |at| reply.usage.as_ref().map(|usage| if at == 0 { usage.input_total() } else { 0 });
        let prediction = |(at, vector): (usize, &Vector)| {
            let mut embeddings = json!({ "values": vector });
            if let (Some(count), Some(object)) = (count(at), embeddings.as_object_mut()) {
                object.insert("statistics".to_owned(), json!({ "truncated": false, "token_count": count }));
            }
            json!({ "embeddings": embeddings })
        };
        let predictions: Vec<Value> = reply.vectors.iter().enumerate().map(prediction).collect();
        json!({ "predictions": predictions }).to_string().into()
    }
}

#[derive(Deserialize)]
struct Answer {
    predictions: Vec<Prediction>,
}

#[derive(Deserialize)]
struct Prediction {
    embeddings: Embeddings,
}

#[derive(Deserialize)]
struct Embeddings {
    values: Vector,
    statistics: Option<Statistics>,
}

#[derive(Deserialize)]
struct Statistics {
    /// A whole number, which some models write as `5.0`.
    token_count: Option<f64>,
}

const fn task_name(task: EmbedTask) -> &'static str {
    match task {
        EmbedTask::Query => "RETRIEVAL_QUERY",
        EmbedTask::Document => "RETRIEVAL_DOCUMENT",
        EmbedTask::Classification => "CLASSIFICATION",
        EmbedTask::Clustering => "CLUSTERING",
        EmbedTask::Similarity => "SEMANTIC_SIMILARITY",
    }
}

fn task_of(name: &str) -> Option<EmbedTask> {
    let tasks = [
        EmbedTask::Query,
        EmbedTask::Document,
        EmbedTask::Classification,
        EmbedTask::Clustering,
        EmbedTask::Similarity,
    ];
    tasks.into_iter().find(|task| task_name(*task) == name)
}
