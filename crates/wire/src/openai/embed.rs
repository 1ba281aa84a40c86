//! `POST /v1/embeddings` ↔ canon.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use contract::canon::{
    EmbedInput, EmbedReply, EmbedRequest, EmbedTask, Extra, Receipt, Vector, VectorFormat,
};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::content::object;
use super::embed_parts;
use crate::fields::{self, Fields, missing, wrong};
use crate::outgoing::{ECHO, Outgoing};
use crate::usage::Openai;
use crate::{Quirks, WireError};

const DIALECT: Dialect = Dialect::OpenaiEmbeddings;
/// The field for the form of numbers.
const FORMAT: &str = "encoding_format";

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Reads a request body.
pub(crate) fn read_embed(body: &[u8]) -> Result<EmbedRequest, Fault> {
    let mut fields = fields::body(body)?;
    let model = fields.need_text("model")?;
    let input = fields.value("input").ok_or_else(|| missing("input"))?;
    let one = input.get(0).is_none_or(Value::is_number);
    let inputs = inputs(input)?;
    let word = fields.text("encoding_format")?;
    let format = match word.as_deref() {
        None | Some("float") => VectorFormat::Float,
        Some("base64") => VectorFormat::Base64,
        // Perplexity's (docs.perplexity.ai, "Embeddings", `encoding_format`).
        Some("base64_int8") => VectorFormat::Int8,
        Some("base64_binary") => VectorFormat::Binary,
        Some(_) => return Err(wrong("encoding_format", "float or base64")),
    };
    let dimensions = fields.count("dimensions")?;
    let user = fields.text("user")?;
    let word = word.filter(|_| matches!(format, VectorFormat::Int8 | VectorFormat::Binary));
    let (task, said) = read_task(&mut fields);
    let (truncate, cut) = read_truncate(&mut fields);
    let form = object([
        ("input", (!one).then(|| json!("list"))),
        (FORMAT, word.map(Value::String)),
        (SAID, (said.is_some() || cut.is_some()).then(|| said.into_iter().chain(cut).collect())),
    ]);
    if !form.is_empty() {
        fields.put_back(ECHO, Value::Object(form));
    }
    Ok(EmbedRequest { model, inputs, dimensions, format, user, task, truncate, extra: fields.extra(DIALECT) })
}

/// What the form of a request keeps of how a task was said.
const SAID: &str = "said";

/// What the vectors are for, in Voyage's words or Jina's, and as it was said. Words that canon lacks stay where they are.
fn read_task(fields: &mut Fields) -> (Option<EmbedTask>, Option<(String, Value)>) {
    for name in ["input_type", "task"] {
        let word = fields.peek(name).map(str::to_owned);
        let Some((task, word)) = word.and_then(|word| Some((task_of(name, &word)?, word))) else { continue };
        fields.value(name);
        return (Some(task), Some((name.to_owned(), Value::String(word))));
    }
    (None, None)
}

/// Are long inputs to be cut, in Voyage's word or Jina's.
fn read_truncate(fields: &mut Fields) -> (Option<bool>, Option<(String, Value)>) {
    let found = ["truncation", "truncate"].into_iter().find_map(|name| Some((name, fields.take_flag(name)?)));
    (found.map(|(_, cut)| cut), found.map(|(name, cut)| (name.to_owned(), Value::Bool(cut))))
}

/// A text, texts, tokens, lists of tokens; of servers that take pictures: objects (see `embed_parts.rs`).
fn inputs(value: Value) -> Result<Vec<EmbedInput>, Fault> {
    match value {
        Value::String(text) => Ok(vec![EmbedInput::Text(text)]),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => {
            Ok(vec![EmbedInput::Tokens(tokens(Value::Array(items), "input")?)])
        }
        Value::Array(items) if !items.is_empty() => {
            let read = |(at, item)| match item {
                Value::String(text) => Ok(EmbedInput::Text(text)),
                object @ Value::Object(_) => {
                    embed_parts::read(object, &format!("input[{at}]")).map(EmbedInput::Parts)
                }
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

/// Writes a request body. One input is written as it came: bare, or in a list.
pub(crate) fn write_embed(
    request: &EmbedRequest,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    let own = |name: &str| request.extra.owner == Some(DIALECT) && request.extra.fields.contains_key(name);
    // What came in this dialect goes on as it was said.
    let said = request.extra.fields.get(ECHO).filter(|_| own(ECHO)).and_then(|form| form.get(SAID));
    let as_said =
        |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, said?.get(name)?.clone())));
    let names = (taken(quirks, &["input_type", "task"]), as_said(["input_type", "task"]));
    let task = match names {
        (Some(name), Some(said)) if said.0 == name => Some(said),
        (Some(name), _) => {
            request.task.and_then(|task| task_word(name, task)).map(|word| (name, json!(word)))
        }
        (None, said) => said,
    };
    if task.is_none() && request.task.is_some() {
        receipt.dropped("task", "the provider has no such setting");
    }
    let cut = match taken(quirks, &["truncation", "truncate"]) {
        Some(name) => request.truncate.map(|cut| (name, json!(cut))),
        None => as_said(["truncation", "truncate"]),
    };
    if cut.is_none() && request.truncate.is_some() {
        receipt.dropped("truncate", "the provider has no such setting");
    }
    let form = |name: &str| request.extra.fields.get(ECHO).filter(|_| own(ECHO))?.get(name)?.as_str();
    let numbers = match form(FORMAT) {
        Some(word) => Some((FORMAT, word)),
        None => numbers(request.format, quirks)?,
    };
    let mut out = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    match &request.inputs[..] {
        [EmbedInput::Text(text)] if form("input").is_none() => out.put("input", text)?,
        inputs => {
            let inputs = inputs.iter().enumerate().map(|(at, one)| input(at, one, quirks));
            out.put("input", &inputs.collect::<Result<Vec<_>, _>>()?)?;
        }
    }
    out.put_some("dimensions", request.dimensions)?;
    if let Some((name, word)) = numbers {
        out.put(name, word)?;
    }
    out.put_some("user", request.user.as_ref())?;
    for (name, value) in task.into_iter().chain(cut) {
        out.put(name, &value)?;
    }
    out.finish()
}

/// The first of these fields beyond the dialect that the target takes.
fn taken(quirks: &Quirks, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| quirks.accepts.contains(name))
}

/// What vectors are for, in Voyage's words (`input_type`, which knows searches alone) or in Jina's (`task`).
fn task_word(field: &str, task: EmbedTask) -> Option<&'static str> {
    Some(match (field, task) {
        ("input_type", EmbedTask::Query) => "query",
        ("input_type", EmbedTask::Document) => "document",
        ("task", EmbedTask::Query) => "retrieval.query",
        ("task", EmbedTask::Document) => "retrieval.passage",
        ("task", EmbedTask::Classification) => "classification",
        ("task", EmbedTask::Clustering) => "separation",
        ("task", EmbedTask::Similarity) => "text-matching",
        _ => return None,
    })
}

/// The task of a word; the way back of [`task_word`].
fn task_of(field: &str, word: &str) -> Option<EmbedTask> {
    use EmbedTask::{Classification, Clustering, Document, Query, Similarity};
    let tasks = [Query, Document, Classification, Clustering, Similarity];
    tasks.into_iter().find(|task| task_word(field, *task) == Some(word))
}

/// The field for the form of numbers and what it is to say; none for plain floats.
fn numbers(format: VectorFormat, quirks: &Quirks) -> Result<Option<(&'static str, &'static str)>, Fault> {
    let word = match format {
        VectorFormat::Float => return Ok(None),
        VectorFormat::Base64 => return Ok(Some((FORMAT, "base64"))),
        VectorFormat::Int8 => "int8",
        VectorFormat::Uint8 => "uint8",
        VectorFormat::Binary => "binary",
        VectorFormat::Ubinary => "ubinary",
    };
    let field = taken(quirks, &["output_dtype", "embedding_type"]);
    let unable = || {
        let message = "The model's vectors are made of floats alone.";
        Fault::saying(Code::UnsupportedCapability, message).at("format")
    };
    field.map(|field| Some((field, word))).ok_or_else(unable)
}

fn input(at: usize, input: &EmbedInput, quirks: &Quirks) -> Result<Value, Fault> {
    match input {
        EmbedInput::Text(text) => Ok(json!(text)),
        EmbedInput::Tokens(tokens) => Ok(json!(tokens)),
        EmbedInput::Parts(parts) => embed_parts::write(parts, quirks).ok_or_else(|| {
            let message = "This model makes vectors of texts alone.";
            Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]"))
        }),
    }
}

#[derive(Deserialize)]
struct ReplyIn {
    #[serde(default)]
    model: String,
    data: Vec<EntryIn>,
    #[serde(default)]
    usage: Option<Openai>,
    #[serde(flatten)]
    left: Map<String, Value>,
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
    reply.left.shift_remove("object");
    reply.data.sort_by_key(|entry| entry.index);
    // Perplexity's base64 holds signed bytes unless bits were asked for (docs: "Embeddings API", `encoding_format`).
    let bytes = reply.model.starts_with("pplx-embed")
        && reply.data.iter().all(|entry| matches!(entry.embedding, VectorIn::Base64(_)));
    let read = |entry: EntryIn| if bytes { signed(entry.embedding) } else { vector(entry.embedding) };
    let vectors = reply.data.into_iter().map(read).collect::<Result<_, _>>()?;
    let owner = (!reply.left.is_empty()).then_some(DIALECT);
    Ok(EmbedReply {
        model: reply.model,
        vectors,
        format: if bytes { VectorFormat::Int8 } else { VectorFormat::Float },
        usage: reply.usage.and_then(|usage| usage.reported()),
        extra: Extra { owner, fields: reply.left },
    })
}

fn signed(from: VectorIn) -> Result<Vector, WireError> {
    match from {
        VectorIn::Numbers(numbers) => Ok(numbers),
        VectorIn::Base64(text) => {
            let bytes = BASE64_STANDARD.decode(text).map_err(invalid)?;
            Ok(bytes.iter().map(|byte| f32::from(byte.cast_signed())).collect())
        }
    }
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
    usage: UsageOut,
    #[serde(flatten)]
    left: Option<&'a Map<String, Value>>,
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
    /// Bytes are written without a point.
    Whole(Vec<i64>),
    Base64(String),
}

#[derive(Serialize)]
struct UsageOut {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// Writes an answer with its numbers in the form the client asked for.
pub(crate) fn write_embed_reply(reply: &EmbedReply, format: VectorFormat) -> Bytes {
    // The official clients read figures without asking whether there are any.
    let usage = reply.usage.unwrap_or_default();
    let out = ReplyOut {
        object: "list",
        data: reply
            .vectors
            .iter()
            .enumerate()
            .map(|(index, vector)| EntryOut {
                object: "embedding",
                index,
                embedding: written(vector, reply.format, format),
            })
            .collect(),
        model: &reply.model,
        usage: UsageOut { prompt_tokens: usage.input_total(), total_tokens: usage.total() },
        left: (reply.extra.owner == Some(DIALECT)).then_some(&reply.extra.fields),
    };
    serde_json::to_vec(&out).unwrap_or_default().into()
}

/// Bytes in base64 stay bytes, as those who make them write them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they were read from bytes")]
fn written(vector: &Vector, made: VectorFormat, asked: VectorFormat) -> VectorOut<'_> {
    let floats = matches!(made, VectorFormat::Float | VectorFormat::Base64);
    // Whoever asks for bytes in this dialect asks for their base64.
    if asked == VectorFormat::Float || (floats && asked != VectorFormat::Base64) {
        let whole = !vector.is_empty() && vector.iter().all(|number| number.fract() == 0.0);
        return match whole {
            true => VectorOut::Whole(vector.iter().map(|number| *number as i64).collect()),
            false => VectorOut::Numbers(vector),
        };
    }
    let bytes: Vec<u8> = if floats {
        vector.iter().flat_map(|number| number.to_le_bytes()).collect()
    } else {
        vector.iter().map(|number| *number as i16 as u8).collect()
    };
    VectorOut::Base64(BASE64_STANDARD.encode(bytes))
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
        for input in [json!("a"), json!(["a"]), json!(["a", "b"]), json!([[1]]), json!([[1, 2], [3]])] {
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

    #[test]
    fn a_target_s_own_fields_are_written_by_quirk() {
        let request = EmbedRequest {
            model: "m".to_owned(),
            inputs: vec![EmbedInput::Text("a".to_owned())],
            task: Some(EmbedTask::Query),
            truncate: Some(false),
            dimensions: Some(8),
            format: VectorFormat::Int8,
            ..EmbedRequest::default()
        };
        let write = |quirks: &Quirks| {
            let mut receipt = Receipt::default();
            let bytes = write_embed(&request, quirks, &mut receipt)?;
            Ok::<_, Fault>((serde_json::from_slice::<Value>(&bytes).unwrap(), receipt.to_string()))
        };
        let voyage = Quirks {
            renames: &[("dimensions", "output_dimension")],
            accepts: &["input_type", "truncation", "output_dtype"],
            ..Quirks::default()
        };
        let expected = json!({"model": "m", "input": "a", "output_dimension": 8, "output_dtype": "int8",
            "input_type": "query", "truncation": false});
        assert_eq!(write(&voyage).unwrap(), (expected, String::new()));
        let jina = Quirks { accepts: &["task", "embedding_type"], ..Quirks::default() };
        let expected = json!({"model": "m", "input": "a", "dimensions": 8, "embedding_type": "int8",
            "task": "retrieval.query"});
        assert_eq!(write(&jina).unwrap(), (expected, "truncate".to_owned()));
        let fault = write(&Quirks::default()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("format")));
    }

    #[test]
    fn bytes_can_be_asked_for_in_base64() {
        for (word, format) in [("base64_int8", VectorFormat::Int8), ("base64_binary", VectorFormat::Binary)] {
            let body = json!({"model": "pplx-embed-x", "input": ["a"], "encoding_format": word});
            assert_eq!(round(&body), body);
            let request = read_embed(body.to_string().as_bytes()).unwrap();
            assert_eq!(request.format, format);
            let answer = json!({"object": "list", "model": "pplx-embed-x",
                "data": [{"object": "embedding", "index": 0, "embedding": "AX+A/w=="}],
                "usage": {"prompt_tokens": 2, "total_tokens": 2}});
            let reply = read_embed_reply(answer.to_string().as_bytes()).unwrap();
            let written = write_embed_reply(&reply, format);
            assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), answer);
        }
    }

    #[test]
    fn bytes_in_base64_are_not_taken_for_floats() {
        let body = json!({"object": "list", "model": "pplx-embed-x",
            "data": [{"object": "embedding", "index": 0, "embedding": "AX+A/w=="}],
            "usage": {"prompt_tokens": 2, "total_tokens": 2}});
        let reply = read_embed_reply(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            (&reply.vectors[0][..], reply.format),
            (&[1.0, 127.0, -128.0, -1.0][..], VectorFormat::Int8)
        );
        let written = write_embed_reply(&reply, VectorFormat::Base64);
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body);
    }

    #[test]
    fn numbers_too_large_for_a_vector_are_no_answer() {
        let body = format!("{{\"model\":\"m\",\"data\":[{{\"embedding\":[9{}.5]}}]}}", "7".repeat(80));
        assert!(crate::read_reply(DIALECT, body.as_bytes()).is_err());
    }

    #[test]
    fn what_vectors_are_for_is_read_in_the_words_of_others() {
        let voyage = json!({"model": "m", "input": "a", "input_type": "query", "truncation": false});
        let asked = read_embed(voyage.to_string().as_bytes()).unwrap();
        assert_eq!((asked.task, asked.truncate), (Some(EmbedTask::Query), Some(false)));
        let written = |quirks: &Quirks| {
            let mut receipt = Receipt::default();
            let bytes = write_embed(&asked, quirks, &mut receipt).unwrap();
            (serde_json::from_slice::<Value>(&bytes).unwrap(), receipt.to_string())
        };
        // A server that nothing is known of gets what was said.
        assert_eq!(written(&Quirks::default()), (voyage, String::new()));
        let jina = Quirks { accepts: &["task", "truncate"], ..Quirks::default() };
        let said = json!({"model": "m", "input": "a", "task": "retrieval.query", "truncate": false});
        assert_eq!(written(&jina), (said, String::new()));
        // A word of its own stays.
        let odd = json!({"model": "m", "input": "a", "task": "code.query"});
        let asked = read_embed(odd.to_string().as_bytes()).unwrap();
        assert_eq!((asked.task, &asked.extra.fields["task"]), (None, &json!("code.query")));
    }
}
