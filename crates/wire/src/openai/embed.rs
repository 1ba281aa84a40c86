//! `POST /v1/embeddings` ↔ canon.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use contract::canon::{EmbedInput, EmbedReply, EmbedRequest, Receipt, Vector, VectorFormat};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fields::{self, missing, wrong};
use crate::outgoing::Outgoing;
use crate::usage::Openai;
use crate::{Quirks, WireError};

const DIALECT: Dialect = Dialect::OpenaiEmbeddings;

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Reads a request body.
pub(crate) fn read_embed(body: &[u8]) -> Result<EmbedRequest, Fault> {
    let mut fields = fields::body(body)?;
    let model = fields.need_text("model")?;
    let inputs = inputs(fields.value("input").ok_or_else(|| missing("input"))?)?;
    let format = match fields.text("encoding_format")?.as_deref() {
        None | Some("float") => VectorFormat::Float,
        Some("base64") => VectorFormat::Base64,
        Some(_) => return Err(wrong("encoding_format", "float or base64")),
    };
    let dimensions = fields.count("dimensions")?;
    let user = fields.text("user")?;
    Ok(EmbedRequest {
        model,
        inputs,
        dimensions,
        format,
        user,
        task: None,
        truncate: None,
        extra: fields.extra(DIALECT),
    })
}

/// A text, texts, tokens, or lists of tokens.
fn inputs(value: Value) -> Result<Vec<EmbedInput>, Fault> {
    match value {
        Value::String(text) => Ok(vec![EmbedInput::Text(text)]),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => {
            Ok(vec![EmbedInput::Tokens(tokens(Value::Array(items), "input")?)])
        }
        Value::Array(items) if !items.is_empty() => {
            let read = |(at, item)| match item {
                Value::String(text) => Ok(EmbedInput::Text(text)),
                list => tokens(list, &format!("input[{at}]")).map(EmbedInput::Tokens),
            };
            items.into_iter().enumerate().map(read).collect()
        }
        _ => Err(wrong("input", "a string or a non-empty array")),
    }
}

fn tokens(value: Value, path: &str) -> Result<Vec<u32>, Fault> {
    serde_json::from_value(value).map_err(|_| wrong(path, "a string or an array of token numbers"))
}

/// Writes a request body. One text is written as a string, anything else as a list.
pub(crate) fn write_embed(
    request: &EmbedRequest,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    let mut out = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    match &request.inputs[..] {
        [EmbedInput::Text(text)] => out.put("input", text)?,
        inputs => {
            let inputs = inputs.iter().enumerate().map(|(at, one)| input(at, one));
            out.put("input", &inputs.collect::<Result<Vec<_>, _>>()?)?;
        }
    }
    out.put_some("dimensions", request.dimensions)?;
    out.put_some("encoding_format", (request.format == VectorFormat::Base64).then_some("base64"))?;
    out.put_some("user", request.user.as_ref())?;
    out.finish()
}

fn input(at: usize, input: &EmbedInput) -> Result<Value, Fault> {
    match input {
        EmbedInput::Text(text) => Ok(json!(text)),
        EmbedInput::Tokens(tokens) => Ok(json!(tokens)),
        EmbedInput::Parts(_) => {
            let message = "This model makes vectors of texts alone.";
            Err(Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]")))
        }
    }
}

#[derive(Deserialize)]
struct ReplyIn {
    #[serde(default)]
    model: String,
    data: Vec<EntryIn>,
    #[serde(default)]
    usage: Option<Openai>,
}

#[derive(Deserialize)]
struct EntryIn {
    #[serde(default)]
    index: Option<usize>,
    embedding: VectorIn,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum VectorIn {
    Numbers(Vec<f32>),
    Base64(String),
}

/// Reads an answer; the vectors come out in the order of their `index`.
pub(crate) fn read_embed_reply(body: &[u8]) -> Result<EmbedReply, WireError> {
    let mut reply: ReplyIn = serde_json::from_slice(body).map_err(invalid)?;
    reply.data.sort_by_key(|entry| entry.index);
    let vectors = reply.data.into_iter().map(|entry| vector(entry.embedding)).collect::<Result<_, _>>()?;
    Ok(EmbedReply {
        model: reply.model,
        vectors,
        usage: reply.usage.map(|usage| usage.canon()),
        ..EmbedReply::default()
    })
}

fn vector(from: VectorIn) -> Result<Vector, WireError> {
    match from {
        VectorIn::Numbers(numbers) => Ok(numbers),
        VectorIn::Base64(text) => {
            let bytes = BASE64_STANDARD.decode(text).map_err(invalid)?;
            let (floats, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(invalid("a vector of broken floats"));
            }
            Ok(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        }
    }
}

#[derive(Serialize)]
struct ReplyOut<'a> {
    object: &'static str,
    data: Vec<EntryOut<'a>>,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageOut>,
}

#[derive(Serialize)]
struct EntryOut<'a> {
    object: &'static str,
    index: usize,
    embedding: VectorOut<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum VectorOut<'a> {
    Numbers(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct UsageOut {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// Writes an answer with its numbers in the form the client asked for.
pub(crate) fn write_embed_reply(reply: &EmbedReply, format: VectorFormat) -> Bytes {
    let usage = reply.usage.as_ref();
    let out = ReplyOut {
        object: "list",
        data: reply
            .vectors
            .iter()
            .enumerate()
            .map(|(index, vector)| EntryOut {
                object: "embedding",
                index,
                embedding: written(vector, format),
            })
            .collect(),
        model: &reply.model,
        usage: usage
            .map(|usage| UsageOut { prompt_tokens: usage.input_total(), total_tokens: usage.total() }),
    };
    serde_json::to_vec(&out).unwrap_or_default().into()
}

fn written(vector: &Vector, format: VectorFormat) -> VectorOut<'_> {
    match format {
        VectorFormat::Float
        | VectorFormat::Int8
        | VectorFormat::Uint8
        | VectorFormat::Binary
        | VectorFormat::Ubinary => VectorOut::Numbers(vector),
        VectorFormat::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            VectorOut::Base64(BASE64_STANDARD.encode(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(body: &Value) -> Value {
        let request = read_embed(body.to_string().as_bytes()).unwrap();
        let bytes = write_embed(&request, &Quirks::default(), &mut Receipt::default()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn requests_come_back() {
        for input in [json!("a"), json!(["a", "b"]), json!([[1, 2], [3]])] {
            let body =
                json!({"model": "m", "input": input, "dimensions": 8, "encoding_format": "base64", "x": 1});
            assert_eq!(round(&body), body);
        }
        assert_eq!(round(&json!({"model": "m", "input": [1, 2]})), json!({"model": "m", "input": [[1, 2]]}));
    }

    #[test]
    fn requests_that_make_no_sense_name_the_field() {
        for (body, param) in [
            (json!({"input": "a"}), "model"),
            (json!({"model": "m"}), "input"),
            (json!({"model": "m", "input": []}), "input"),
            (json!({"model": "m", "input": ["a", 1]}), "input[1]"),
            (json!({"model": "m", "input": "a", "encoding_format": "x"}), "encoding_format"),
        ] {
            assert_eq!(read_embed(body.to_string().as_bytes()).unwrap_err().param(), Some(param));
        }
    }

    #[test]
    fn vectors_survive_both_forms() {
        let usage = contract::words::Usage { input: 3, ..Default::default() };
        let reply = EmbedReply {
            model: "m".into(),
            vectors: vec![vec![0.5, -1.25e-3], vec![]],
            usage: Some(usage),
            ..EmbedReply::default()
        };
        for format in [VectorFormat::Float, VectorFormat::Base64] {
            assert_eq!(read_embed_reply(&write_embed_reply(&reply, format)).unwrap(), reply);
        }
    }
}
