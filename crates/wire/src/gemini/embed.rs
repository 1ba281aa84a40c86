//! Canon → a `batchEmbedContents` request, and its vectors → canon.
//!
//! Each text is a request of its own within the batch and repeats the model. `outputDimensionality` shortens vectors;
//! shortened ones are not of length 1 (docs: "Embeddings").

use bytes::Bytes;
use contract::canon::{EmbedInput, EmbedReply, EmbedRequest, Extra, Receipt, Vector};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::outgoing::{Outgoing, own_fields};
use crate::usage::Gemini;
use crate::{Quirks, WireError};

const DIALECT: Dialect = Dialect::GeminiEmbed;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    model: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Text<'a>; 1],
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

/// Writes a request.
///
/// # Errors
/// [`Code::UnsupportedCapability`] for inputs given as tokens of another model's vocabulary.
pub(crate) fn write_embed(
    request: &EmbedRequest,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    if request.user.is_some() {
        receipt.dropped("user", "Gemini has no such parameter");
    }
    let extra = own_fields(DIALECT, &request.extra, "", receipt);
    let model =
        if request.model.contains('/') { request.model.clone() } else { format!("models/{}", request.model) };
    let mut items = Vec::with_capacity(request.inputs.len());
    for (at, input) in request.inputs.iter().enumerate() {
        let EmbedInput::Text(text) = input else {
            let message = "The model takes texts, not tokens of another model's vocabulary.";
            return Err(Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]")));
        };
        let content = Content { parts: [Text { text }] };
        items.push(Item { model: &model, content, output_dimensionality: request.dimensions, extra });
    }
    let nothing = Extra::default();
    let mut body = Outgoing::new(DIALECT, &nothing, quirks, receipt);
    body.put("requests", &items)?;
    body.finish()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    embeddings: Vec<Embedding>,
    usage_metadata: Option<Gemini>,
}

#[derive(Deserialize)]
struct Embedding {
    values: Vector,
}

/// Reads an answer. It names no model, and its counts only on newer ones.
pub(crate) fn read_embed_reply(body: &[u8]) -> Result<EmbedReply, WireError> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| WireError { dialect: DIALECT, reason: error.to_string() })?;
    Ok(EmbedReply {
        model: String::new(),
        vectors: answer.embeddings.into_iter().map(|embedding| embedding.values).collect(),
        usage: answer.usage_metadata.map(|counts| counts.canon()),
        ..EmbedReply::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_become_a_batch_and_vectors_come_back() {
        let fields = [("taskType".to_owned(), json!("RETRIEVAL_QUERY"))].into_iter().collect();
        let request = EmbedRequest {
            model: "gemini-embedding-001".to_owned(),
            inputs: vec![EmbedInput::Text("a".to_owned()), EmbedInput::Text("b".to_owned())],
            dimensions: Some(256),
            user: Some("u".to_owned()),
            extra: Extra { owner: Some(DIALECT), fields },
            ..EmbedRequest::default()
        };
        let mut receipt = Receipt::default();
        let bytes = write_embed(&request, &Quirks::default(), &mut receipt).unwrap();
        let item = |text: &str| {
            json!({"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]},
                "outputDimensionality": 256, "taskType": "RETRIEVAL_QUERY"})
        };
        assert_eq!(
            serde_json::from_slice::<Value>(&bytes).unwrap(),
            json!({"requests": [item("a"), item("b")]})
        );
        assert_eq!(receipt.to_string(), "user");
        let reply = read_embed_reply(br#"{"embeddings":[{"values":[0.5,-1]},{"values":[]}]}"#).unwrap();
        assert_eq!(reply.vectors, [vec![0.5, -1.0], vec![]]);
        assert_eq!(reply.usage, None);
    }

    #[test]
    fn tokens_are_refused() {
        let request = EmbedRequest { inputs: vec![EmbedInput::Tokens(vec![1])], ..EmbedRequest::default() };
        let fault = write_embed(&request, &Quirks::default(), &mut Receipt::default()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input[0]")));
    }
}
