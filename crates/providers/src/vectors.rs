//! Vectors and relevance at services that have a form of their own for them: a request in OpenAI's or Cohere's dialect is put
//! into that form, and the answer back. No dialects: no client and nobody else speaks them.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{Asked, EmbedInput, Receipt, VectorFormat};
use contract::ports::{ProviderReply, UpstreamFailure};
use contract::words::Dialect;
use contract::{Code, Fault};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};
use wire::Quirks;

use crate::listing::collect_within;
use crate::request::translate;

/// The longest answer that is read.
const LONGEST: usize = 64 << 20;

/// Writes a request for a service that makes vectors of texts alone and orders texts alone. Vectors come as floats, which the
/// client need not hear of: they are written as it wants them.
pub(crate) fn of_texts(request: &Asked, target: Dialect, quirks: &Quirks) -> Result<(Bytes, Receipt), Fault> {
    let Asked::Embed(asked) = request else { return translate(request, target, quirks) };
    let text = |input: &EmbedInput| matches!(input, EmbedInput::Text(_));
    if let Some(at) = asked.inputs.iter().position(|input| !text(input)) {
        let message = "This model makes vectors of texts alone.";
        return Err(Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]")));
    }
    let mut asked = asked.clone();
    if asked.format == VectorFormat::Base64 {
        asked.format = VectorFormat::Float;
    }
    translate(&Asked::Embed(asked), target, quirks)
}

/// The outermost members of a request.
pub(crate) fn members(body: VecDeque<Bytes>) -> Result<Map<String, Value>, UpstreamFailure> {
    let whole: Vec<u8> = body.into_iter().flatten().collect();
    serde_json::from_slice(&whole).map_err(|error| UpstreamFailure::Build(error.to_string()))
}

/// What is to be embedded, as a list of texts, under another name.
pub(crate) fn rename_inputs(members: &mut Map<String, Value>, name: &str) {
    match members.shift_remove("input") {
        Some(list @ Value::Array(_)) => drop(members.insert(name.to_owned(), list)),
        Some(one) => drop(members.insert(name.to_owned(), json!([one]))),
        None => {}
    }
}

/// An answer in another form. A refusal stays as it is.
pub(crate) async fn reformed(
    reply: ProviderReply,
    form: impl FnOnce(Value) -> Result<Value, String>,
) -> Result<ProviderReply, UpstreamFailure> {
    if !reply.status.is_success() {
        return Ok(reply);
    }
    let bytes = collect_within(reply.body, LONGEST).await?;
    let value = serde_json::from_slice(&bytes).map_err(|error| error.to_string());
    let value = value.and_then(form).map_err(UpstreamFailure::Unreadable)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(ProviderReply { status: reply.status, headers, body: value.to_string().into() })
}

/// Vectors as OpenAI answers them.
pub(crate) fn openai(vectors: impl IntoIterator<Item = Value>, model: &Value, input: Option<u64>) -> Value {
    let entry = |(index, vector)| json!({ "object": "embedding", "index": index, "embedding": vector });
    let data: Vec<Value> = vectors.into_iter().enumerate().map(entry).collect();
    let mut answer = json!({ "object": "list", "data": data, "model": model });
    if let Some(input) = input {
        answer["usage"] = json!({ "prompt_tokens": input, "total_tokens": input });
    }
    answer
}

/// A list that an answer holds; none where it has no such member.
pub(crate) fn list(answer: &mut Value, name: &str) -> Vec<Value> {
    match answer.get_mut(name).map(Value::take) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}
