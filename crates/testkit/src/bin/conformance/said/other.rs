//! What answers say that are no chats: vectors, relevance, counts, images, transcripts and verdicts.

use contract::words::{Dialect, Operation};
use serde_json::Value;

use super::{Figures, number, text};

/// What an answer that is no chat says, as the SDKs are asked to say it.
pub(super) fn text_of(dialect: Dialect, frame: &Value) -> String {
    let list = |member: &str| frame[member].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    match dialect.operation() {
        Operation::CountTokens => {
            let places = ["/input_tokens", "/totalTokens", "/inputTokens"];
            places
                .into_iter()
                .find_map(|place| frame.pointer(place))
                .map(number)
                .unwrap_or_default()
                .to_string()
        }
        Operation::Images => {
            let length = |image: &Value| text(&image["b64_json"]).len() + text(&image["url"]).len();
            list("data").map(|image| length(image).to_string()).collect::<Vec<_>>().join(" ")
        }
        Operation::Transcription => text(&frame["text"]).to_owned(),
        Operation::Moderation => {
            list("results").map(|result| result["flagged"].to_string()).collect::<Vec<_>>().join(" ")
        }
        _ => scores(frame).unwrap_or_else(|| lengths(frame)),
    }
}

/// Relevance, as the SDKs are asked to say it.
fn scores(frame: &Value) -> Option<String> {
    let results = frame["results"].as_array().or(frame["data"].as_array())?;
    let score = |result: &Value| {
        let score = result["relevance_score"].as_f64().or(result["relevanceScore"].as_f64())?;
        Some(format!("{}:{score:.4}", number(&result["index"])))
    };
    Some(results.iter().map(score).collect::<Option<Vec<_>>>()?.join(" "))
}

/// Vectors are compared by their number and their lengths, said as a text.
fn lengths(frame: &Value) -> String {
    let one = |vector: &Value| match vector {
        // Floats of four bytes in base64, except where a model makes bytes.
        Value::String(text) if text_of_bytes(frame) => text.trim_end_matches('=').len() * 3 / 4,
        Value::String(text) => text.trim_end_matches('=').len() * 3 / 4 / 4,
        vector => vector.as_array().map_or(0, Vec::len),
    };
    let each = |list: &Value, member: &str| -> Vec<usize> {
        list.as_array().into_iter().flatten().map(|entry| one(&entry[member])).collect()
    };
    let embeddings = &frame["embeddings"];
    let found = if frame["data"].is_array() {
        each(&frame["data"], "embedding")
    } else if frame["embedding"].is_object() {
        vec![one(&frame["embedding"]["values"])]
    } else if frame["embedding"].is_array() {
        vec![one(&frame["embedding"])]
    } else if let Some(float) = embeddings["float"].as_array() {
        float.iter().map(one).collect()
    } else if embeddings[0].is_object() {
        each(embeddings, "values")
    } else {
        embeddings.as_array().into_iter().flatten().map(one).collect()
    };
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn text_of_bytes(frame: &Value) -> bool {
    frame["model"].as_str().is_some_and(|model| model.starts_with("pplx-embed"))
}

/// Vectors and relevance: only input counts.
pub(super) fn figures(frame: &Value) -> Option<Figures> {
    if let (Some(input), Some(output)) =
        (frame["usage"]["input_tokens"].as_u64(), frame["usage"]["output_tokens"].as_u64())
    {
        return Some(Figures { input, output, ..Figures::default() });
    }
    let places = [
        "/usage/prompt_tokens",
        "/usage/total_tokens",
        "/meta/billed_units/input_tokens",
        "/usageMetadata/promptTokenCount",
        "/prompt_eval_count",
        "/inputTextTokenCount",
    ];
    let input =
        places.into_iter().find_map(|place| frame.pointer(place).filter(|count| count.is_number()))?;
    Some(Figures { input: number(input), ..Figures::default() })
}
