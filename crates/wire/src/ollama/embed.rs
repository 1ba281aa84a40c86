//! `api/embed` (several texts) and the older `api/embeddings` (one) ↔ canon.

use bytes::Bytes;
use contract::canon::{EmbedInput, EmbedReply, EmbedRequest, Extra, Receipt, Vector, VectorFormat};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::read::extra;
use crate::fields::{self, missing, wrong};
use crate::hub::Embed;
use crate::outgoing::Outgoing;
use crate::usage::Count;
use crate::{Quirks, WireError};

/// `api/embed`, for the hub.
pub(crate) struct Batch;

/// `api/embeddings`, for the hub.
pub(crate) struct One;

const BATCH: Dialect = Dialect::OllamaEmbed;
const ONE: Dialect = Dialect::OllamaEmbedOne;

impl Embed for Batch {
    fn read_request(&self, body: &[u8]) -> Result<EmbedRequest, Fault> {
        let mut fields = fields::body(body)?;
        let model = fields.need_text("model")?;
        let inputs = match fields.value("input").ok_or_else(|| missing("input"))? {
            Value::String(text) => vec![EmbedInput::Text(text)],
            Value::Array(items) => {
                let read = |(at, item)| match item {
                    Value::String(text) => Ok(EmbedInput::Text(text)),
                    _ => Err(wrong(&format!("input[{at}]"), "a string")),
                };
                items.into_iter().enumerate().map(read).collect::<Result<_, _>>()?
            }
            _ => return Err(wrong("input", "a string or an array of strings")),
        };
        let dimensions = fields.count("dimensions")?;
        let truncate = fields.flag("truncate")?;
        let extra = fields.extra(BATCH);
        Ok(EmbedRequest { model, inputs, dimensions, truncate, extra, ..EmbedRequest::default() })
    }

    fn write_request(
        &self,
        request: &EmbedRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        let texts = texts(request)?;
        note_inexpressible(request, receipt);
        let mut out = Outgoing::new(BATCH, &request.extra, quirks, receipt);
        out.put("model", &request.model)?;
        match &texts[..] {
            [text] => out.put("input", text)?,
            texts => out.put("input", texts)?,
        }
        out.put_some("dimensions", request.dimensions)?;
        out.put_some("truncate", request.truncate)?;
        out.finish()
    }

    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError> {
        let answer: BatchIn = serde_json::from_slice(body).map_err(|error| invalid(BATCH, error))?;
        let usage = answer.prompt_eval_count.map(|count| Usage { input: count.get(), ..Usage::default() });
        Ok(EmbedReply {
            model: answer.model,
            vectors: answer.embeddings,
            usage,
            extra: extra(BATCH, answer.left),
            ..EmbedReply::default()
        })
    }

    fn write_reply(&self, reply: &EmbedReply, _format: VectorFormat) -> Bytes {
        let out = BatchOut {
            model: &reply.model,
            embeddings: &reply.vectors,
            prompt_eval_count: reply.usage.map(|usage| usage.input_total()),
            left: own(&reply.extra, BATCH),
        };
        serde_json::to_vec(&out).unwrap_or_default().into()
    }
}

impl Embed for One {
    fn read_request(&self, body: &[u8]) -> Result<EmbedRequest, Fault> {
        let mut fields = fields::body(body)?;
        let model = fields.need_text("model")?;
        let inputs = vec![EmbedInput::Text(fields.need_text("prompt")?)];
        Ok(EmbedRequest { model, inputs, extra: fields.extra(ONE), ..EmbedRequest::default() })
    }

    fn write_request(
        &self,
        request: &EmbedRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        let texts = texts(request)?;
        let [text] = &texts[..] else {
            let message = "This model makes the vector of one text at a time.";
            return Err(Fault::saying(Code::UnsupportedCapability, message).at("input"));
        };
        note_inexpressible(request, receipt);
        for (field, asked) in
            [("dimensions", request.dimensions.is_some()), ("truncate", request.truncate.is_some())]
        {
            if asked {
                receipt.dropped(field, "api/embeddings has no such parameter");
            }
        }
        let mut out = Outgoing::new(ONE, &request.extra, quirks, receipt);
        out.put("model", &request.model)?;
        out.put("prompt", text)?;
        out.finish()
    }

    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError> {
        let answer: OneIn = serde_json::from_slice(body).map_err(|error| invalid(ONE, error))?;
        let extra = extra(ONE, answer.left);
        Ok(EmbedReply { vectors: vec![answer.embedding], extra, ..EmbedReply::default() })
    }

    fn write_reply(&self, reply: &EmbedReply, _format: VectorFormat) -> Bytes {
        let embedding = reply.vectors.first().map(Vec::as_slice).unwrap_or_default();
        let out = OneOut { embedding, left: own(&reply.extra, ONE) };
        serde_json::to_vec(&out).unwrap_or_default().into()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed on from map_err")]
fn invalid(dialect: Dialect, error: serde_json::Error) -> WireError {
    WireError { dialect, reason: error.to_string() }
}

/// The texts to embed; there is nothing else that could be.
fn texts(request: &EmbedRequest) -> Result<Vec<&str>, Fault> {
    let text = |(at, input): (usize, &'_ EmbedInput)| match input {
        EmbedInput::Text(_) => None,
        EmbedInput::Tokens(_) | EmbedInput::Parts(_) => Some(at),
    };
    if let Some(at) = request.inputs.iter().enumerate().find_map(text) {
        let message = "This model makes vectors of texts alone.";
        return Err(Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]")));
    }
    let texts = request.inputs.iter().filter_map(|input| match input {
        EmbedInput::Text(text) => Some(text.as_str()),
        _ => None,
    });
    Ok(texts.collect())
}

fn note_inexpressible(request: &EmbedRequest, receipt: &mut Receipt) {
    let asked = [
        ("user", request.user.is_some()),
        ("task", request.task.is_some()),
        ("encoding_format", !matches!(request.format, VectorFormat::Float | VectorFormat::Base64)),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Ollama has no such parameter");
    }
}

fn own(extra: &Extra, owner: Dialect) -> Option<&Map<String, Value>> {
    (extra.owner == Some(owner)).then_some(&extra.fields)
}

#[derive(Deserialize)]
struct BatchIn {
    #[serde(default)]
    model: String,
    embeddings: Vec<Vector>,
    #[serde(default)]
    prompt_eval_count: Option<Count>,
    #[serde(flatten)]
    left: Map<String, Value>,
}

#[derive(Serialize)]
struct BatchOut<'a> {
    model: &'a str,
    embeddings: &'a [Vector],
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_eval_count: Option<u64>,
    #[serde(flatten)]
    left: Option<&'a Map<String, Value>>,
}

#[derive(Deserialize)]
struct OneIn {
    embedding: Vector,
    #[serde(flatten)]
    left: Map<String, Value>,
}

#[derive(Serialize)]
struct OneOut<'a> {
    embedding: &'a [f32],
    #[serde(flatten)]
    left: Option<&'a Map<String, Value>>,
}
