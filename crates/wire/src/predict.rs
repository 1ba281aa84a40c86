//! `POST /v1/predict` ↔ canon: our own dialect for models that neither converse nor embed. A request is any JSON object
//! with a `model`; an answer is `{"model", "result"}`, with `usage` where it is known.
//!
//! Which fields a model takes and what its result looks like is not known here: accounts that describe their upstream by
//! templates make the one from the other.

use bytes::Bytes;
use contract::canon::{Predicted, Prediction};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fields::{invalid_json, missing, wrong};
use crate::{WireError, exact};

/// Reads a request body. Nulls stay: they may mean something to the model.
pub(crate) fn read_request(body: &[u8]) -> Result<Prediction, Fault> {
    let text = std::str::from_utf8(body).map_err(|error| Fault::new(Code::InvalidEncoding).because(error))?;
    let mut body: Map<String, Value> =
        serde_json::from_slice(&exact::held(text.as_bytes())).map_err(|error| invalid_json(&error))?;
    match body.shift_remove("model") {
        Some(Value::String(model)) => Ok(Prediction { model, body }),
        Some(Value::Null) | None => Err(missing("model")),
        Some(_) => Err(wrong("model", "a string")),
    }
}

/// Writes a request body.
pub(crate) fn write_request(request: &Prediction) -> Result<Bytes, Fault> {
    let mut out = Map::with_capacity(request.body.len() + 1);
    out.insert("model".to_owned(), Value::String(request.model.clone()));
    out.extend(request.body.clone());
    let bytes = serde_json::to_vec(&out).map_err(|error| Fault::new(Code::Internal).because(error))?;
    Ok(exact::released(&bytes).into_owned().into())
}

#[derive(Serialize, Deserialize)]
struct Reply {
    #[serde(default)]
    model: String,
    result: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Counts>,
}

#[derive(Serialize, Deserialize)]
struct Counts {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
}

/// Reads an answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Predicted, WireError> {
    let reply: Reply = serde_json::from_slice(&exact::held(body))
        .map_err(|error| WireError { dialect: Dialect::PathgatePredict, reason: error.to_string() })?;
    let usage = reply.usage.map(|counts| Usage {
        input: counts.input_tokens,
        output: counts.output_tokens,
        ..Usage::default()
    });
    Ok(Predicted { model: reply.model, result: reply.result, usage })
}

/// Writes an answer.
pub(crate) fn write_reply(reply: &Predicted) -> Bytes {
    let usage = reply
        .usage
        .map(|usage| Counts { input_tokens: usage.input_total(), output_tokens: usage.output_total() });
    let out = Reply { model: reply.model.clone(), result: reply.result.clone(), usage };
    let bytes = serde_json::to_vec(&out).unwrap_or_default();
    exact::released(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_keep_all_they_have() {
        let body = json!({"model": "m", "rows": [[1, null]], "unit": null, "stream": true});
        let request = read_request(body.to_string().as_bytes()).unwrap();
        assert_eq!((request.model.as_str(), request.body.len()), ("m", 3));
        let written: Value = serde_json::from_slice(&write_request(&request).unwrap()).unwrap();
        assert_eq!(written, body);
    }

    #[test]
    fn numbers_that_no_float_holds_stay() {
        let body = r#"{"model":"m","rows":[12345678901234567890123,0.5]}"#;
        let written = write_request(&read_request(body.as_bytes()).unwrap()).unwrap();
        assert_eq!(written, body);
        let answer = r#"{"model":"m","result":[0.10000000000000000555]}"#;
        assert_eq!(write_reply(&read_reply(answer.as_bytes()).unwrap()), answer);
    }

    #[test]
    fn requests_without_a_model_are_refused() {
        for (body, code) in [
            ("{}", Code::InvalidRequest),
            (r#"{"model":null}"#, Code::InvalidRequest),
            (r#"{"model":7}"#, Code::InvalidRequest),
            ("[]", Code::InvalidRequest),
            ("{", Code::InvalidJson),
        ] {
            assert_eq!(read_request(body.as_bytes()).unwrap_err().code(), code, "{body}");
        }
        assert_eq!(read_request(b"{\"model\":\"\xff\"}").unwrap_err().code(), Code::InvalidEncoding);
    }

    #[test]
    fn answers_come_back() {
        for usage in [None, Some(Usage { input: 3, output: 5, ..Usage::default() })] {
            let reply = Predicted { model: "m".into(), result: json!({"score": 0.5}), usage };
            assert_eq!(read_reply(&write_reply(&reply)).unwrap(), reply);
        }
        assert_eq!(read_reply(br#"{"result":null}"#).unwrap().result, Value::Null);
        for body in ["{}", "[]", "oops"] {
            assert!(read_reply(body.as_bytes()).is_err(), "{body}");
        }
    }
}
