//! `POST /v2/embed` ↔ canon. Texts, pictures, or inputs that mix them come in; vectors go out by the type of their numbers.
//!
//! A request may ask for several types at once: canon knows one, the list stays with the dialect.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use contract::canon::{
    EmbedInput, EmbedReply, EmbedRequest, EmbedTask, Extra, Part, PartKind, Provenance, Receipt, Vector,
    VectorFormat,
};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{content, usage};
use crate::fields::{self, Fields, missing, wrong};
use crate::outgoing::Outgoing;
use crate::{Quirks, WireError};

const DIALECT: Dialect = Dialect::CohereEmbed;

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

// tidy: table
/// What vectors are for, and Cohere's word for it. It has none for comparing; documents are what it says of that.
const TASKS: &[(EmbedTask, &str)] = &[
    (EmbedTask::Document, "search_document"),
    (EmbedTask::Query, "search_query"),
    (EmbedTask::Classification, "classification"),
    (EmbedTask::Clustering, "clustering"),
];

// tidy: table
/// Types of numbers.
const FORMATS: &[(VectorFormat, &str)] = &[
    (VectorFormat::Float, "float"),
    (VectorFormat::Base64, "base64"),
    (VectorFormat::Int8, "int8"),
    (VectorFormat::Uint8, "uint8"),
    (VectorFormat::Binary, "binary"),
    (VectorFormat::Ubinary, "ubinary"),
];

fn format_named(name: &str) -> Option<VectorFormat> {
    FORMATS.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
}

fn format_name(format: VectorFormat) -> &'static str {
    FORMATS.iter().find(|(known, _)| *known == format).map_or("float", |(_, name)| name)
}

/// Reads a request.
pub(super) fn read_embed(body: &[u8]) -> Result<EmbedRequest, Fault> {
    let mut fields = fields::body(body)?;
    let model = fields.need_text("model")?;
    let inputs = read_inputs(&mut fields)?;
    if inputs.is_empty() {
        return Err(missing("texts"));
    }
    let mut request = EmbedRequest { model, inputs, ..EmbedRequest::default() };
    request.dimensions = fields.count("output_dimension")?;
    if let Some(name) = fields.text("input_type")? {
        match TASKS.iter().find(|(_, known)| *known == name) {
            Some((task, _)) => request.task = Some(*task),
            None => fields.put_back("input_type", json!(name)),
        }
    }
    match fields.text("truncate")?.as_deref() {
        None => {}
        Some("NONE") => request.truncate = Some(false),
        Some("END") => request.truncate = Some(true),
        Some(other) => {
            request.truncate = Some(true);
            fields.put_back("truncate", json!(other));
        }
    }
    let types = fields.list("embedding_types")?;
    let untyped = types.is_none();
    if let Some(types) = types {
        let named = |name: &Value| name.as_str().and_then(format_named);
        request.format = types.iter().find_map(named).unwrap_or_default();
        if types.len() > 1 || (types.len() == 1 && types.first().and_then(named).is_none()) {
            fields.put_back("embedding_types", Value::Array(types));
        }
    }
    request.extra = fields.extra(DIALECT);
    if untyped {
        // Floats, also for who does not say so.
        mark(&mut request.extra, "embedding_types");
    }
    Ok(request)
}

/// `texts`, `images` or `inputs`, whichever is there.
fn read_inputs(fields: &mut Fields) -> Result<Vec<EmbedInput>, Fault> {
    let mut found = Vec::new();
    for (at, text) in fields.list("texts")?.into_iter().flatten().enumerate() {
        match text {
            Value::String(text) => found.push(EmbedInput::Text(text)),
            _ => return Err(wrong(&format!("texts[{at}]"), "a string")),
        }
    }
    for (at, image) in fields.list("images")?.into_iter().flatten().enumerate() {
        let Value::String(url) = image else { return Err(wrong(&format!("images[{at}]"), "a data URL")) };
        let kind = PartKind::Media { kind: contract::canon::MediaKind::Image, source: content::source(url) };
        let part = Part::new(kind, Provenance::User).with_native(DIALECT, json!({"field": "images"}));
        found.push(EmbedInput::Parts(vec![part]));
    }
    for (at, input) in fields.list("inputs")?.into_iter().flatten().enumerate() {
        let path = format!("inputs[{at}]");
        let mut input = Fields::of(input, path.as_str())?;
        let parts = content::read(input.value("content"), &format!("{path}.content"), Provenance::User)?;
        found.push(EmbedInput::Parts(parts));
    }
    Ok(found)
}

/// Writes a request.
pub(super) fn write_embed(
    request: &EmbedRequest,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    if request.user.is_some() {
        receipt.dropped("user", "Cohere has no such parameter");
    }
    if request.task == Some(EmbedTask::Similarity) {
        receipt.dropped("task", "Cohere has no word for comparing: the texts are embedded as documents");
    }
    let own = |name: &str| request.extra.owner == Some(DIALECT) && request.extra.fields.contains_key(name);
    let Inputs { field, list } = Inputs::of(&request.inputs)?;
    let mut extra = Cow::Borrowed(&request.extra);
    if extra.fields.values().any(Value::is_null) {
        extra.to_mut().fields.retain(|_, value| !value.is_null());
    }
    let mut out = Outgoing::new(DIALECT, &extra, quirks, receipt);
    out.put("model", &request.model)?;
    out.put(field, &list)?;
    if !own("input_type") {
        // Models from version 3 on insist on it.
        let usual = if field == "images" { "image" } else { "search_document" };
        let task = request.task.and_then(|task| TASKS.iter().find(|(known, _)| *known == task));
        out.put("input_type", task.map_or(usual, |(_, name)| name))?;
    }
    if !own("embedding_types") {
        out.put("embedding_types", &[format_name(request.format)])?;
    }
    if !own("truncate") {
        out.put_some("truncate", request.truncate.map(|cut| if cut { "END" } else { "NONE" }))?;
    }
    out.put_some("output_dimension", request.dimensions)?;
    out.finish()
}

/// What to embed, in the simplest field that holds it.
struct Inputs {
    field: &'static str,
    list: Vec<Value>,
}

impl Inputs {
    fn of(inputs: &[EmbedInput]) -> Result<Self, Fault> {
        if inputs.iter().all(|input| matches!(input, EmbedInput::Text(_))) {
            let texts = inputs.iter().filter_map(|input| match input {
                EmbedInput::Text(text) => Some(json!(text)),
                _ => None,
            });
            return Ok(Self { field: "texts", list: texts.collect() });
        }
        let images: Option<Vec<Value>> = inputs.iter().map(lone_image).collect();
        if let Some(list) = images {
            return Ok(Self { field: "images", list });
        }
        let list = inputs.iter().enumerate().map(|(at, input)| mixed(at, input));
        Ok(Self { field: "inputs", list: list.collect::<Result<_, _>>()? })
    }
}

/// A picture that came alone, in the older field.
fn lone_image(input: &EmbedInput) -> Option<Value> {
    let EmbedInput::Parts(parts) = input else { return None };
    let [part] = &parts[..] else { return None };
    let PartKind::Media { source, .. } = &part.kind else { return None };
    part.native_for(DIALECT).map(|_| json!(content::url(source)))
}

fn mixed(at: usize, input: &EmbedInput) -> Result<Value, Fault> {
    let refuse = |message: &str| {
        Fault::saying(Code::UnsupportedCapability, message.to_owned()).at(format!("input[{at}]"))
    };
    let content: Vec<Value> = match input {
        EmbedInput::Text(text) => vec![json!({"type": "text", "text": text})],
        EmbedInput::Tokens(_) => {
            return Err(refuse("The model takes texts, not tokens of another model's vocabulary."));
        }
        EmbedInput::Parts(parts) => {
            let block =
                |part| content::write_block(part).map_err(|_| refuse("The model embeds texts and pictures."));
            parts.iter().map(block).collect::<Result<_, _>>()?
        }
    };
    Ok(json!({"content": content}))
}

/// Reads an answer. Version 1 writes the vectors without their type when nobody asked for one.
pub(super) fn read_embed_reply(body: &[u8]) -> Result<EmbedReply, WireError> {
    let value: Value = serde_json::from_slice(body).map_err(invalid)?;
    let mut fields = Fields::of(value, "").map_err(invalid)?;
    let embeddings = fields.value("embeddings").ok_or_else(|| invalid("no embeddings"))?;
    let mut bare = false;
    let (vectors, format) = match embeddings {
        Value::Array(list) => {
            bare = true;
            (numbers(list)?, VectorFormat::Float)
        }
        Value::Object(mut types) => {
            let known = |(_, name): &&(VectorFormat, &str)| types.get(*name).is_some_and(Value::is_array);
            let (format, name) = *FORMATS.iter().find(known).ok_or_else(|| invalid("no vectors"))?;
            let Some(Value::Array(list)) = types.shift_remove(name) else {
                return Err(invalid("no vectors"));
            };
            types.retain(|_, value| !value.is_null());
            if !types.is_empty() {
                fields.put_back("embeddings", Value::Object(types));
            }
            match format {
                VectorFormat::Base64 => (decoded(list)?, VectorFormat::Float),
                format => (numbers(list)?, format),
            }
        }
        _ => return Err(invalid("`embeddings` is no object")),
    };
    let meta = fields.value("meta");
    let mut reply = EmbedReply {
        model: String::new(),
        vectors,
        format,
        usage: meta.as_ref().and_then(usage::read),
        extra: Extra::default(),
    };
    if let Some(meta) = meta {
        fields.put_back("meta", meta);
    }
    reply.extra = fields.extra(DIALECT);
    if bare {
        mark(&mut reply.extra, "embeddings");
    }
    Ok(reply)
}

/// Keeps in mind that this was not said, or not in its usual form: a null.
fn mark(extra: &mut Extra, name: &str) {
    extra.owner = Some(DIALECT);
    extra.fields.insert(name.to_owned(), Value::Null);
}

fn numbers(list: Vec<Value>) -> Result<Vec<Vector>, WireError> {
    list.into_iter().map(|vector| serde_json::from_value(vector).map_err(invalid)).collect()
}

/// Base64 of little-endian 32-bit floats.
fn decoded(list: Vec<Value>) -> Result<Vec<Vector>, WireError> {
    let one = |text: Value| {
        let bytes = BASE64_STANDARD.decode(text.as_str().unwrap_or_default()).map_err(invalid)?;
        let (floats, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(invalid("a vector of broken floats"));
        }
        Ok(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    list.into_iter().map(one).collect()
}

/// `embeddings`: the vectors under the type of their numbers, and other types that came with them.
struct Types<'a> {
    name: &'static str,
    list: List<'a>,
    /// Without their type, as version 1 writes them.
    bare: bool,
    others: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum List<'a> {
    Floats(&'a [Vector]),
    Coded(Vec<String>),
    Bytes(Vec<Vec<i64>>),
}

impl Serialize for Types<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.bare {
            return self.list.serialize(to);
        }
        let mut map = to.serialize_map(None)?;
        map.serialize_entry(self.name, &self.list)?;
        for (name, value) in self.others.into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'a> Types<'a> {
    fn of(reply: &'a EmbedReply, asked: VectorFormat) -> Self {
        let (name, list) = match (reply.format, asked) {
            (VectorFormat::Float | VectorFormat::Base64, VectorFormat::Base64) => {
                ("base64", List::Coded(reply.vectors.iter().map(encoded).collect()))
            }
            // A dialect that does not say what its numbers are was asked for these, and gave them.
            (VectorFormat::Float, asked)
                if asked != VectorFormat::Float
                    && reply.vectors.iter().flatten().all(|number| number.fract() == 0.0) =>
            {
                (format_name(asked), List::Bytes(reply.vectors.iter().map(whole).collect()))
            }
            // Bytes for one who asked for floats are their numbers: the official clients look where they asked.
            (VectorFormat::Float | VectorFormat::Base64, _) | (_, VectorFormat::Float) => {
                ("float", List::Floats(&reply.vectors))
            }
            (bytes, _) => (format_name(bytes), List::Bytes(reply.vectors.iter().map(whole).collect())),
        };
        Self { name, list, bare: false, others: None }
    }
}

#[derive(Serialize)]
struct ReplyOut<'a> {
    id: &'a str,
    embeddings: Types<'a>,
    #[serde(flatten)]
    beside: Map<String, Value>,
}

/// Writes an answer.
pub(super) fn write_embed_reply(reply: &EmbedReply, format: VectorFormat) -> Bytes {
    let own = (reply.extra.owner == Some(DIALECT)).then_some(&reply.extra.fields);
    let mut beside = Map::new();
    if let Some(usage) = &reply.usage {
        let meta = json!({"api_version": {"version": "2"}, "billed_units": usage::billed(usage)});
        beside.insert("meta".to_owned(), meta);
    }
    let mut embeddings = Types::of(reply, format);
    let older = own.and_then(|own| own.get("embeddings")).is_some_and(Value::is_null);
    embeddings.bare = older && embeddings.name == "float";
    if !embeddings.bare {
        beside.insert("response_type".to_owned(), json!("embeddings_by_type"));
    }
    let mut id = "";
    for (name, value) in own.into_iter().flatten() {
        match name.as_str() {
            "id" => id = value.as_str().unwrap_or_default(),
            "response_type" if older && !embeddings.bare => {}
            "embeddings" => embeddings.others = value.as_object(),
            _ => drop(beside.insert(name.clone(), value.clone())),
        }
    }
    serde_json::to_vec(&ReplyOut { id, embeddings, beside }).unwrap_or_default().into()
}

fn encoded(vector: &Vector) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

/// Bytes are written without a point.
#[expect(clippy::cast_possible_truncation, reason = "they were read from bytes")]
fn whole(vector: &Vector) -> Vec<i64> {
    vector.iter().map(|number| *number as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> EmbedRequest {
        read_embed(body.to_string().as_bytes()).unwrap()
    }

    fn write(request: &EmbedRequest) -> (Value, String) {
        let mut receipt = Receipt::default();
        let bytes = write_embed(request, &Quirks::default(), &mut receipt).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
    }

    #[test]
    fn requests_come_back() {
        for body in [
            json!({"model": "m", "texts": ["a", "b"], "input_type": "search_query",
                "embedding_types": ["int8"], "truncate": "NONE", "output_dimension": 256, "priority": 1}),
            json!({"model": "m", "texts": ["a"], "input_type": "clustering",
                "embedding_types": ["float", "ubinary"], "truncate": "START"}),
            json!({"model": "m", "images": ["data:image/png;base64,AA=="], "input_type": "image",
                "embedding_types": ["base64"]}),
            json!({"model": "m", "inputs": [{"content": [{"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}]}],
                "input_type": "search_document", "embedding_types": ["float"]}),
        ] {
            assert_eq!(write(&read(&body)), (body, String::new()));
        }
        let untyped = json!({"model": "m", "texts": ["a"], "input_type": "clustering"});
        assert_eq!(write(&read(&untyped)), (untyped, String::new()));
        let typed = read(&json!({"model": "m", "texts": ["a"], "embedding_types": ["uint8", "float"]}));
        assert_eq!((typed.format, typed.task), (VectorFormat::Uint8, None));
    }

    #[test]
    fn what_other_dialects_ask_is_completed() {
        let text = EmbedInput::Text("a".to_owned());
        let request = EmbedRequest {
            model: "m".to_owned(),
            inputs: vec![text.clone()],
            task: Some(EmbedTask::Similarity),
            user: Some("u".to_owned()),
            truncate: Some(true),
            ..EmbedRequest::default()
        };
        let expected = json!({"model": "m", "texts": ["a"], "input_type": "search_document",
            "embedding_types": ["float"], "truncate": "END"});
        assert_eq!(write(&request), (expected, "user, task".to_owned()));
        let mixed = EmbedRequest { inputs: vec![text, EmbedInput::Tokens(vec![1])], ..request };
        let fault = write_embed(&mixed, &Quirks::default(), &mut Receipt::default()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input[1]")));
    }

    #[test]
    fn requests_that_make_no_sense_name_the_field() {
        for (body, param) in [
            (json!({"texts": ["a"]}), "model"),
            (json!({"model": "m"}), "texts"),
            (json!({"model": "m", "texts": [1]}), "texts[0]"),
            (json!({"model": "m", "images": [1]}), "images[0]"),
            (json!({"model": "m", "inputs": [{"content": [{"text": "a"}]}]}), "inputs[0].content[0].type"),
        ] {
            assert_eq!(read_embed(body.to_string().as_bytes()).unwrap_err().param(), Some(param));
        }
    }

    #[test]
    fn answers_come_back_by_type() {
        for (body, format) in [
            (
                json!({"id": "i", "embeddings": {"float": [[0.5, -1.0]]}, "texts": ["a"],
                "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 3}},
                "response_type": "embeddings_by_type"}),
                VectorFormat::Float,
            ),
            (
                json!({"id": "i", "embeddings": {"int8": [[-128, 5]], "ubinary": [[3]]},
                "response_type": "embeddings_by_type"}),
                VectorFormat::Int8,
            ),
        ] {
            let reply = read_embed_reply(body.to_string().as_bytes()).unwrap();
            assert_eq!(reply.format, format);
            assert_eq!(serde_json::from_slice::<Value>(&write_embed_reply(&reply, format)).unwrap(), body);
        }
        let older =
            json!({"id": "i", "embeddings": [[0.5]], "texts": ["a"], "response_type": "embeddings_floats"});
        let reply = read_embed_reply(older.to_string().as_bytes()).unwrap();
        let again = |format| -> Value { serde_json::from_slice(&write_embed_reply(&reply, format)).unwrap() };
        assert_eq!(again(VectorFormat::Float), older);
        let typed = again(VectorFormat::Base64);
        assert_eq!(typed["response_type"], "embeddings_by_type");
        assert!(typed["embeddings"]["base64"].is_array());
        let bare =
            read_embed_reply(br#"{"id":"i","embeddings":[[0.5]],"meta":{"billed_units":{"images":1}}}"#)
                .unwrap();
        assert_eq!((bare.vectors, bare.usage), (vec![vec![0.5]], None));
        let floats = EmbedReply { vectors: vec![vec![0.5, -1.25]], ..EmbedReply::default() };
        let written = write_embed_reply(&floats, VectorFormat::Base64);
        assert_eq!(read_embed_reply(&written).unwrap().vectors, floats.vectors);
        for broken in [
            "{}",
            r#"{"embeddings":1}"#,
            r#"{"embeddings":{"base64":["AA=="]}}"#,
            r#"{"embeddings":{"x":[]}}"#,
        ] {
            assert!(read_embed_reply(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn pictures_are_counted_apart() {
        let body = json!({"embeddings": {"float": [[1.0]]},
            "meta": {"billed_units": {"input_tokens": 2, "image_tokens": 9}}});
        let usage = read_embed_reply(body.to_string().as_bytes()).unwrap().usage.unwrap();
        assert_eq!((usage.input, usage.image_input, usage.total()), (2, 9, 11));
    }
}
