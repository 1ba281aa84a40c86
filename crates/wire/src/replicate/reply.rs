//! A finished prediction ↔ an answer.

use bytes::Bytes;
use contract::canon::{Choice, Finish, Part, PartKind, Provenance, Receipt, Reply};
use contract::words::Usage;
use serde::Deserialize;
use serde_json::{Value, json};

use super::invalid;
use crate::{EncodeOptions, WireError};

#[derive(Deserialize)]
struct Prediction {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    output: Option<Output>,
    #[serde(default)]
    status: String,
    error: Option<Value>,
    metrics: Option<Metrics>,
}

/// Models that stream give their text in pieces.
#[derive(Deserialize)]
#[serde(untagged)]
enum Output {
    Text(String),
    Pieces(Vec<String>),
}

#[derive(Deserialize)]
struct Metrics {
    input_token_count: Option<u64>,
    output_token_count: Option<u64>,
}

/// Reads a prediction that has finished.
pub(super) fn read(body: &[u8]) -> Result<Reply, WireError> {
    let prediction: Prediction = serde_json::from_slice(body).map_err(invalid)?;
    let text = match prediction.output {
        Some(Output::Text(text)) => text,
        Some(Output::Pieces(pieces)) => pieces.concat(),
        None => {
            let error = prediction.error.unwrap_or_default();
            return Err(invalid(format!("no output, status '{}', error {error}", prediction.status)));
        }
    };
    let usage = prediction.metrics.and_then(|metrics| {
        let known = metrics.input_token_count.is_some() || metrics.output_token_count.is_some();
        let (input, output) = (metrics.input_token_count, metrics.output_token_count);
        known.then(|| Usage {
            input: input.unwrap_or_default(),
            output: output.unwrap_or_default(),
            partial: input.is_none() || output.is_none(),
            ..Usage::default()
        })
    });
    let parts = vec![Part::text(text, Provenance::Model)];
    Ok(Reply {
        id: prediction.id,
        model: prediction.model,
        choices: vec![Choice { parts, finish: Finish::Stop, ..Choice::default() }],
        usage,
        ..Reply::default()
    })
}

/// Writes an answer as a prediction that has finished.
pub(super) fn write(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    if reply.choices.len() > 1 {
        receipt.dropped("choices[1]", "a prediction has one output");
    }
    let mut text = String::new();
    for (at, part) in reply.choices.iter().take(1).flat_map(|choice| choice.parts.iter().enumerate()) {
        match &part.kind {
            PartKind::Text(more) | PartKind::Refusal(more) => text.push_str(more),
            _ => receipt.dropped(format!("choices[0].content[{at}]"), "a prediction's output is text"),
        }
    }
    let or = |given: &str, otherwise: &str| (if given.is_empty() { otherwise } else { given }).to_owned();
    let model =
        if options.model.is_empty() { or(&reply.model, &options.asked) } else { options.model.clone() };
    let mut prediction = json!({
        "id": or(&reply.id, &options.id),
        "model": model,
        "output": [text],
        "error": null,
        "status": "succeeded",
    });
    if let (Some(usage), Some(object)) = (&reply.usage, prediction.as_object_mut()) {
        let counts = json!({
            "input_token_count": usage.input_total(),
            "output_token_count": usage.output_total(),
        });
        object.insert("metrics".to_owned(), counts);
    }
    prediction.to_string().into()
}
