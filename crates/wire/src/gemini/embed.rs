//! `batchEmbedContents` and `embedContent` ↔ canon, in every direction.
//!
//! Each input is a request of its own within the batch and repeats the model and the settings; canon has those once. What
//! an input says beyond that stands in the extra under `requests`, in the inputs' order: a null is what the first says and
//! this one does not. `outputDimensionality` shortens
//! vectors; shortened ones are not of length 1 (docs: "Embeddings").

use bytes::Bytes;
use contract::canon::{
    EmbedInput, EmbedReply, EmbedRequest, EmbedTask, Extra, Part, PartKind, Provenance, Receipt, Vector,
    VectorFormat,
};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::{Map, Value, json};

use super::ids::Ids;
use super::out::{Body, Out, media, sidecar};
use super::part::Parts;
use super::{counts, names};
use crate::fields::{Fields, body, missing, wrong};
use crate::hub::Embed;
use crate::outgoing::{merge, own_fields};
use crate::split::Split;
use crate::{Quirks, WireError};

/// The owner of what canon has no word for, in both.
const OWNER: Dialect = Dialect::GeminiEmbed;

/// Where in the extra the inputs' own settings stand.
const REQUESTS: &str = "requests";

/// `batchEmbedContents`, for the hub.
pub(crate) struct Vectors;

/// `embedContent`, for the hub: one content, one vector.
pub(crate) struct One;

impl Embed for Vectors {
    fn read_request(&self, bytes: &[u8]) -> Result<EmbedRequest, Fault> {
        let mut fields = names::fields(Value::Object(body(bytes)?.left()), "")?;
        let items = fields.list(REQUESTS)?.ok_or_else(|| missing(REQUESTS))?;
        let (mut request, mut beyond) = (EmbedRequest::default(), Vec::with_capacity(items.len()));
        for (at, item) in items.into_iter().enumerate() {
            let item = names::fields(item, format!("{REQUESTS}[{at}]"))?;
            beyond.push(read_item(item, &mut request)?);
        }
        if let Some(name) = fields.text("model")? {
            request.model = bare_name(&name);
        }
        request.extra = extra(fields.left(), beyond);
        Ok(request)
    }

    fn write_request(
        &self,
        request: &EmbedRequest,
        _quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        let items: Vec<Value> = items(request, receipt)?;
        let mut body = own(request).cloned().unwrap_or_default();
        body.insert(REQUESTS.to_owned(), items.into());
        Ok(Value::Object(body).to_string().into())
    }

    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError> {
        read_reply(body, Dialect::GeminiEmbed)
    }

    fn write_reply(&self, reply: &EmbedReply, _format: VectorFormat) -> Bytes {
        let vectors: Vec<_> = (0..reply.vectors.len()).map(|at| EmbeddingOut::of(reply, at)).collect();
        write_reply(reply, "embeddings", &vectors)
    }
}

impl Embed for One {
    fn read_request(&self, bytes: &[u8]) -> Result<EmbedRequest, Fault> {
        let item = names::fields(Value::Object(body(bytes)?.left()), "")?;
        let mut request = EmbedRequest::default();
        let beyond = read_item(item, &mut request)?;
        request.extra = extra(Map::new(), vec![beyond]);
        Ok(request)
    }

    fn write_request(
        &self,
        request: &EmbedRequest,
        _quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        match <[Value; 1]>::try_from(items(request, receipt)?) {
            Ok([item]) => Ok(item.to_string().into()),
            Err(_) => {
                let message = "The model takes one input at a time.";
                Err(Fault::saying(Code::UnsupportedCapability, message).at("input"))
            }
        }
    }

    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError> {
        read_reply(body, Dialect::GeminiEmbedOne)
    }

    fn write_reply(&self, reply: &EmbedReply, _format: VectorFormat) -> Bytes {
        write_reply(reply, "embedding", &EmbeddingOut::of(reply, 0))
    }
}

/// Reads one `EmbedContentRequest`. The first decides what canon says of all; what a later one says otherwise is left over.
fn read_item(mut item: Fields, request: &mut EmbedRequest) -> Result<Map<String, Value>, Fault> {
    let first = request.inputs.is_empty();
    if let Some(name) = item.text("model")? {
        request.model = bare_name(&name);
    }
    let dimensions = names::count(&mut item, "outputDimensionality")?;
    let task = item.text("taskType")?;
    let known = task.as_deref().and_then(read_task);
    if first {
        request.dimensions = dimensions;
        request.task = known;
    } else if let Some(dimensions) = dimensions.filter(|_| dimensions != request.dimensions) {
        item.put_back("outputDimensionality", dimensions.into());
    }
    // Finer kinds of questions are kept by their name.
    let told = known.filter(|known| Some(*known) == request.task).map(write_task);
    let unsaid = [
        ("outputDimensionality", dimensions.is_none() && request.dimensions.is_some()),
        ("taskType", task.is_none() && request.task.is_some()),
    ];
    if let Some(task) = task.filter(|task| told != Some(task)) {
        item.put_back("taskType", task.into());
    }
    let path = item.path("content");
    let content = item.value("content").ok_or_else(|| missing(&path))?;
    let (input, left) = read_content(content, &path)?;
    request.inputs.push(input);
    if !left.is_empty() {
        item.put_back("content", Value::Object(left));
    }
    let mut left = item.left();
    left.extend(unsaid.into_iter().filter(|it| it.1).map(|(name, _)| (name.to_owned(), Value::Null)));
    Ok(left)
}

fn read_content(content: Value, path: &str) -> Result<(EmbedInput, Map<String, Value>), Fault> {
    let (parts, left) = Split::<Parts>::at("parts")
        .deserialize(content)
        .map_err(|error| wrong(path, &format!("a content ({error})")))?;
    let mut ids = Ids::of_request();
    let parts = parts.unwrap_or_default().0;
    let mut parts: Vec<Part> = parts.into_iter().map(|raw| raw.part(&mut ids, Provenance::User)).collect();
    let input = match parts.as_mut_slice() {
        [Part { kind: PartKind::Text(text), native: None, .. }] => EmbedInput::Text(std::mem::take(text)),
        _ => EmbedInput::Parts(parts),
    };
    Ok((input, left))
}

fn extra(mut fields: Map<String, Value>, beyond: Vec<Map<String, Value>>) -> Extra {
    if beyond.iter().any(|left| !left.is_empty()) {
        fields.insert(REQUESTS.to_owned(), beyond.into_iter().map(Value::Object).collect());
    }
    Extra { owner: (!fields.is_empty()).then_some(OWNER), fields }
}

/// Refuses a batch whose inputs differ in their settings, for targets that take one setting for all.
///
/// # Errors
/// `unsupported_capability`, and where the first such setting stands.
pub(crate) fn alike(request: &EmbedRequest) -> Result<(), Fault> {
    let beyond = own(request).and_then(|left| left.get(REQUESTS)?.as_array());
    for (at, left) in beyond.into_iter().flatten().enumerate() {
        let dimensions = left.get("outputDimensionality").map(|_| "outputDimensionality");
        let task = left.get("taskType").filter(|task| task.as_str().and_then(read_task) != request.task);
        if let Some(name) = dimensions.or(task.map(|_| "taskType")) {
            let message = "The model takes one setting for all inputs of a batch.";
            let fault = Fault::saying(Code::UnsupportedCapability, message);
            return Err(fault.at(format!("{REQUESTS}[{at}].{name}")));
        }
    }
    Ok(())
}

fn own(request: &EmbedRequest) -> Option<&Map<String, Value>> {
    (request.extra.owner == Some(OWNER)).then_some(&request.extra.fields)
}

/// Writes the requests of a batch.
fn items(request: &EmbedRequest, receipt: &mut Receipt) -> Result<Vec<Value>, Fault> {
    if request.user.is_some() {
        receipt.dropped("user", "Gemini has no such parameter");
    }
    if request.truncate == Some(false) {
        receipt.dropped("truncate", "Gemini cuts what is too long");
    }
    let left = own_fields(OWNER, &request.extra, "", receipt);
    let model =
        if request.model.contains('/') { request.model.clone() } else { format!("models/{}", request.model) };
    let mut items = Vec::with_capacity(request.inputs.len());
    for (at, input) in request.inputs.iter().enumerate() {
        let left = left.and_then(|left| left.get(REQUESTS)?.get(at)?.as_object());
        let mut item = Map::new();
        item.insert("model".to_owned(), model.as_str().into());
        item.insert("content".to_owned(), write_content(input, at)?);
        let said = |name: &str| left.is_some_and(|left| left.contains_key(name));
        let task = request.task.filter(|_| !said("taskType")).map(|task| write_task(task).into());
        item.extend(task.map(|task| ("taskType".to_owned(), task)));
        let dimensions = request.dimensions.filter(|_| !said("outputDimensionality"));
        item.extend(dimensions.map(|dimensions| ("outputDimensionality".to_owned(), dimensions.into())));
        if let Some(left) = left {
            merge(&mut item, left);
            item.retain(|_, value| !value.is_null());
        }
        items.push(Value::Object(item));
    }
    Ok(items)
}

fn write_content(input: &EmbedInput, at: usize) -> Result<Value, Fault> {
    let place = || format!("input[{at}]");
    let parts = match input {
        EmbedInput::Text(text) => return Ok(json!({"parts": [{"text": text}]})),
        EmbedInput::Parts(parts) => parts,
        EmbedInput::Tokens(_) => {
            let message = "The model takes texts, not tokens of another model's vocabulary.";
            return Err(Fault::saying(Code::UnsupportedCapability, message).at(place()));
        }
    };
    let write = |part: &Part| {
        let body = match &part.kind {
            PartKind::Text(text) => Body::Text(text),
            PartKind::Media { kind, source } => media(*kind, source).map_err(|fault| fault.at(place()))?,
            _ if sidecar(part).is_some() => Body::Native,
            _ => {
                let message = "The model embeds texts and media.";
                return Err(Fault::saying(Code::UnsupportedCapability, message).at(place()));
            }
        };
        Ok(json!(Out { body, native: sidecar(part), ..Out::default() }))
    };
    Ok(json!({"parts": parts.iter().map(write).collect::<Result<Vec<_>, Fault>>()?}))
}

/// The name of a model without its collection.
fn bare_name(name: &str) -> String {
    name.strip_prefix("models/").unwrap_or(name).to_owned()
}

/// Canon's word for a `taskType` (API reference: `TaskType`).
fn read_task(task: &str) -> Option<EmbedTask> {
    Some(match task {
        "RETRIEVAL_QUERY" | "QUESTION_ANSWERING" | "FACT_VERIFICATION" | "CODE_RETRIEVAL_QUERY" => {
            EmbedTask::Query
        }
        "RETRIEVAL_DOCUMENT" => EmbedTask::Document,
        "CLASSIFICATION" => EmbedTask::Classification,
        "CLUSTERING" => EmbedTask::Clustering,
        "SEMANTIC_SIMILARITY" => EmbedTask::Similarity,
        _ => return None,
    })
}

const fn write_task(task: EmbedTask) -> &'static str {
    match task {
        EmbedTask::Query => "RETRIEVAL_QUERY",
        EmbedTask::Document => "RETRIEVAL_DOCUMENT",
        EmbedTask::Classification => "CLASSIFICATION",
        EmbedTask::Clustering => "CLUSTERING",
        EmbedTask::Similarity => "SEMANTIC_SIMILARITY",
    }
}

/// A vector as it stands, and what stands beside it.
struct Embedding {
    values: Vector,
    left: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Embedding {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (values, left) = Split::<Vector>::at("values").deserialize(from)?;
        let values = values.ok_or_else(|| serde::de::Error::missing_field("values"))?;
        Ok(Self { values, left })
    }
}

/// Where in the extra of an answer stands what is beside its vectors (`shape`), in their order.
const BESIDE: &str = "embeddings";

/// Reads an answer. It names no model, and its counts only on newer ones. For that of a batch
/// an answer with one vector is taken too, as `embedContent` gives it.
fn read_reply(body: &[u8], dialect: Dialect) -> Result<EmbedReply, WireError> {
    let invalid = |error: serde_json::Error| WireError { dialect, reason: error.to_string() };
    let mut json = serde_json::Deserializer::from_slice(body);
    let (many, mut fields) = match dialect {
        Dialect::GeminiEmbedOne => {
            let (one, fields) =
                Split::<Embedding>::at("embedding").deserialize(&mut json).map_err(invalid)?;
            (one.map(|one| vec![one]), fields)
        }
        _ => Split::<Vec<Embedding>>::at("embeddings").deserialize(&mut json).map_err(invalid)?,
    };
    json.end().map_err(invalid)?;
    let one = match (many.is_none(), fields.shift_remove("embedding")) {
        (true, Some(one)) => Some(vec![Embedding::deserialize(one).map_err(invalid)?]),
        (_, left) => {
            fields.extend(left.map(|left| ("embedding".to_owned(), left)));
            None
        }
    };
    let Some(many) = many.or(one) else { return Err(WireError { dialect, reason: "no vectors".to_owned() }) };
    let usage = match fields.get_mut("usageMetadata") {
        Some(Value::Object(metadata)) => counts::take(metadata),
        _ => None,
    };
    fields.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
    let (vectors, beside): (_, Vec<_>) =
        many.into_iter().map(|embedding| (embedding.values, embedding.left)).unzip();
    if beside.iter().any(|left| !left.is_empty()) {
        fields.insert(BESIDE.to_owned(), beside.into_iter().map(Value::Object).collect());
    }
    Ok(EmbedReply {
        vectors,
        usage,
        extra: Extra { owner: (!fields.is_empty()).then_some(OWNER), fields },
        ..EmbedReply::default()
    })
}

/// A vector to be written, its numbers as short as they can be.
#[derive(serde::Serialize)]
struct EmbeddingOut<'a> {
    values: &'a [f32],
    #[serde(flatten)]
    left: Option<&'a Map<String, Value>>,
}

impl<'a> EmbeddingOut<'a> {
    /// The vector at a place of an answer.
    fn of(reply: &'a EmbedReply, at: usize) -> Self {
        let values = reply.vectors.get(at).map_or(&[][..], Vec::as_slice);
        let own = (reply.extra.owner == Some(OWNER)).then_some(&reply.extra.fields);
        Self { values, left: own.and_then(|own| own.get(BESIDE)?.get(at)?.as_object()) }
    }
}

/// Writes an answer; the numbers are always plain.
fn write_reply<T: serde::Serialize>(reply: &EmbedReply, name: &'static str, vectors: &T) -> Bytes {
    let mut left = match reply.extra.owner {
        Some(OWNER) => reply.extra.fields.clone(),
        _ => Map::new(),
    };
    left.shift_remove(BESIDE);
    if let Some(usage) = reply.usage.filter(|usage| usage.total() > 0) {
        let mut counts = Map::new();
        counts.insert("promptTokenCount".to_owned(), usage.input_total().into());
        if let Some(Value::Object(own)) = left.shift_remove("usageMetadata") {
            merge(&mut counts, &own);
        }
        left.insert("usageMetadata".to_owned(), counts.into());
    }
    let mut out = format!("{{\"{name}\":").into_bytes();
    // Numbers and texts always have a JSON form.
    let _written = serde_json::to_writer(&mut out, vectors);
    let left = Value::Object(left).to_string();
    match left.strip_prefix('{').filter(|rest| rest.len() > 1) {
        Some(rest) => {
            out.push(b',');
            out.extend_from_slice(rest.as_bytes());
        }
        None => out.push(b'}'),
    }
    out.into()
}

#[cfg(test)]
mod tests;
