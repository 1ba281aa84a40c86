//! Vectors through the Open Inference Protocol: texts out as a tensor of `BYTES`, a tensor of numbers back.
//!
//! The protocol (github.com/kserve/open-inference-protocol, "Inference") moves tensors and says nothing of what they mean,
//! so the names of the two come from the account's settings. Requests of the protocol's own clients are not read: they pass
//! as they are, with binary tensors behind their JSON.

use bytes::Bytes;
use contract::canon::{EmbedInput, EmbedReply, EmbedRequest, Receipt, Vector, VectorFormat};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::Deserialize;
use serde_json::json;

use crate::WireError;
use crate::outgoing::own_fields;

/// Says how many bytes of a body are JSON, where binary tensors follow it (the protocol's binary tensor extension).
pub const HEADER_LENGTH: &str = "inference-header-content-length";

const DIALECT: Dialect = Dialect::KserveInfer;

/// The tensors of a model that makes vectors of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensors {
    /// The name of the one that takes the texts.
    pub input: String,
    /// The name of the one that holds the vectors.
    pub output: String,
    /// Do the texts stand in rows of one column, `[n, 1]`, instead of a list, `[n]`?
    pub column: bool,
}

/// Writes a request for vectors.
///
/// # Errors
/// `unsupported_capability`: something else than a text is to be embedded.
pub fn write_texts(request: &EmbedRequest, tensors: &Tensors, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let texts: Vec<&str> =
        request.inputs.iter().enumerate().map(|(at, input)| text(at, input)).collect::<Result<_, _>>()?;
    own_fields(DIALECT, &request.extra, "", receipt);
    let takes_more = "the model takes texts and nothing else";
    for (there, field) in [
        (request.dimensions.is_some(), "dimensions"),
        (request.task.is_some(), "input_type"),
        (request.truncate.is_some(), "truncate"),
        (request.user.is_some(), "user"),
        (!matches!(request.format, VectorFormat::Float | VectorFormat::Base64), "encoding_format"),
    ] {
        if there {
            receipt.dropped(field, takes_more);
        }
    }
    let shape = if tensors.column { vec![texts.len(), 1] } else { vec![texts.len()] };
    let body = json!({
        "inputs": [{"name": tensors.input, "shape": shape, "datatype": "BYTES", "data": texts}],
        "outputs": [{"name": tensors.output}],
    });
    Ok(body.to_string().into())
}

fn text(at: usize, input: &EmbedInput) -> Result<&str, Fault> {
    match input {
        EmbedInput::Text(text) => Ok(text),
        EmbedInput::Tokens(_) | EmbedInput::Parts(_) => {
            let message = "This model makes vectors of texts alone.";
            Err(Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]")))
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    model_name: String,
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    shape: Vec<usize>,
    data: Numbers,
}

/// The elements of a tensor: flat, or nested as its shape says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Flat(Vec<f32>),
    Rows(Vec<Vec<f32>>),
    Deep(Vec<Vec<Vec<f32>>>),
}

/// Reads an answer that holds vectors.
pub(crate) fn read_vectors(body: &[u8]) -> Result<EmbedReply, WireError> {
    let invalid = |reason: String| WireError { dialect: DIALECT, reason };
    let answer: Answer = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    let [output] = <[Output; 1]>::try_from(answer.outputs)
        .map_err(|outputs| invalid(format!("{} tensors where one was asked for", outputs.len())))?;
    let vectors = vectors(&output.shape, output.data)
        .ok_or_else(|| invalid(format!("{}: {:?} is no list of vectors", output.name, output.shape)))?;
    Ok(EmbedReply { model: answer.model_name, vectors, ..EmbedReply::default() })
}

/// One vector for each text: `[n, d]`, `[n, 1, d]`, or `[d]` for a single one. None: it is something else.
fn vectors(shape: &[usize], data: Numbers) -> Option<Vec<Vector>> {
    let (count, length) = match shape {
        [length] => (1, *length),
        [count, between @ .., length] if between.iter().all(|one| *one == 1) => (*count, *length),
        _ => return None,
    };
    let data = match data {
        Numbers::Flat(data) => data,
        Numbers::Rows(rows) => rows.concat(),
        Numbers::Deep(blocks) => blocks.concat().concat(),
    };
    if length == 0 || count.checked_mul(length)? != data.len() {
        return None;
    }
    Some(data.chunks(length).map(<[f32]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use contract::canon::{Answered, Extra};
    use serde_json::Value;

    use super::*;
    use crate::{EncodeOptions, read_reply, write_reply};

    fn tensors(column: bool) -> Tensors {
        Tensors { input: "text".into(), output: "vector".into(), column }
    }

    fn asking(texts: &[&str]) -> EmbedRequest {
        let inputs = texts.iter().map(|text| EmbedInput::Text((*text).to_owned())).collect();
        EmbedRequest { model: "m".into(), inputs, ..EmbedRequest::default() }
    }

    #[test]
    fn texts_become_a_tensor() {
        let mut receipt = Receipt::default();
        for (column, shape) in [(false, json!([2])), (true, json!([2, 1]))] {
            let bytes = write_texts(&asking(&["a", "b \"c\""]), &tensors(column), &mut receipt).unwrap();
            let written: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(written["inputs"][0]["shape"], shape);
            assert_eq!(written["inputs"][0]["data"], json!(["a", "b \"c\""]));
            assert_eq!(
                (&written["inputs"][0]["name"], &written["outputs"][0]["name"]),
                (&json!("text"), &json!("vector"))
            );
        }
        assert!(receipt.is_empty());
    }

    #[test]
    fn what_a_tensor_has_no_place_for_is_told() {
        let mut receipt = Receipt::default();
        let Value::Object(fields) = json!({"x": 1}) else { panic!() };
        let extra = Extra { owner: Some(Dialect::OpenaiEmbeddings), fields };
        let request = EmbedRequest { dimensions: Some(3), user: Some("u".into()), extra, ..asking(&["a"]) };
        write_texts(&request, &tensors(false), &mut receipt).unwrap();
        assert_eq!(receipt.to_string(), "x, dimensions, user");
        let tokens = EmbedRequest { inputs: vec![EmbedInput::Tokens(vec![1])], ..request };
        let fault = write_texts(&tokens, &tensors(false), &mut receipt).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input[0]")));
    }

    fn read(shape: &Value, data: &Value) -> Result<Answered, WireError> {
        let body = json!({"model_name": "m", "outputs": [{"name": "v", "datatype": "FP32", "shape": shape, "data": data}]});
        read_reply(DIALECT, body.to_string().as_bytes())
    }

    #[test]
    fn vectors_are_found_in_every_form() {
        for (shape, data) in [
            (json!([2, 2]), json!([1, 2, 3, 4.5])),
            (json!([2, 2]), json!([[1, 2], [3, 4.5]])),
            (json!([2, 1, 2]), json!([[[1, 2]], [[3, 4.5]]])),
        ] {
            let answered = read(&shape, &data).unwrap();
            let Answered::Embed(reply) = &answered else { panic!("not vectors") };
            assert_eq!(reply.vectors, [[1.0, 2.0], [3.0, 4.5]]);
            let options = EncodeOptions::default();
            let bytes = write_reply(Dialect::OpenaiEmbeddings, &answered, &options, &mut Receipt::default());
            let written: Value = serde_json::from_slice(&bytes.unwrap()).unwrap();
            assert_eq!(written["data"][1]["embedding"], json!([3.0, 4.5]));
        }
        let Answered::Embed(one) = read(&json!([2]), &json!([1, 2])).unwrap() else { panic!() };
        assert_eq!(one.vectors, [[1.0, 2.0]]);
    }

    #[test]
    fn other_tensors_are_no_vectors() {
        for (shape, data) in [
            (json!([]), json!([])),
            (json!([0]), json!([])),
            (json!([2, 2]), json!([1, 2, 3])),
            (json!([1, 2, 2]), json!([1, 2, 3, 4])),
            (json!([u64::MAX, 2]), json!([1, 2])),
            (json!([1]), json!(["a"])),
        ] {
            assert!(read(&shape, &data).is_err(), "{shape}");
        }
        for body in ["{}", "{\"outputs\":[]}", "oops"] {
            assert!(read_reply(DIALECT, body.as_bytes()).is_err(), "{body}");
        }
    }
}
