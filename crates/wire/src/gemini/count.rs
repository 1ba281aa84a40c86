//! The count of a request's tokens (`models/{model}:countTokens`) ↔ canon.
//!
//! It has two forms. AI Studio takes contents alone, or a whole request within `generateContentRequest`
//! (ai.google.dev/api/tokens); Vertex AI takes the fields of the request beside one another
//! (cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens). Both are read; what is written has the form the
//! client chose. [`within`] and [`flat`] put a body in the form of one of the services.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{CountReply, Receipt, Request};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::{DIALECT, Dialog};
use crate::fields::invalid_json;
use crate::hub::{Chat, Count};
use crate::passing::splice::{Edits, member, names, splice};
use crate::{Quirks, WireError, count};

/// The dialect, for the hub.
pub(crate) struct Counting;

const WHOLE: &str = "generateContentRequest";
/// The other spelling that Google takes.
const WHOLE_SNAKE: &str = "generate_content_request";

impl Count for Counting {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        let mut value: Value = serde_json::from_slice(body).map_err(|error| invalid_json(&error))?;
        let outer = value.as_object_mut();
        let inner =
            outer.and_then(|outer| outer.shift_remove(WHOLE).or_else(|| outer.shift_remove(WHOLE_SNAKE)));
        let Some(mut inner) = inner.filter(|inner| !inner.is_null()) else {
            return Dialog.read_request(value.to_string().as_bytes());
        };
        // The model stands in the path. Contents beside a whole request are ignored, as they are by Google.
        if let Some(inner) = inner.as_object_mut() {
            inner.shift_remove("model");
        }
        let mut request = Dialog.read_request(inner.to_string().as_bytes())?;
        request.extra.owner = Some(DIALECT);
        request.extra.fields.insert(WHOLE.to_owned(), json!({}));
        Ok(request)
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        let written = Dialog.write_request(request, quirks, receipt)?;
        let broken = |error| Fault::new(Code::Internal).because(error);
        let mut body: Map<String, Value> = serde_json::from_slice(&written).map_err(broken)?;
        if body.shift_remove(WHOLE).is_none() {
            return Ok(Value::Object(body).to_string().into());
        }
        body.insert("model".to_owned(), named(&request.model).into());
        Ok(json!({ WHOLE: body }).to_string().into())
    }

    fn read_reply(&self, body: &[u8]) -> Result<CountReply, WireError> {
        count::read(Dialect::GeminiCount, body, "totalTokens")
    }

    fn write_reply(&self, reply: &CountReply, receipt: &mut Receipt) -> Bytes {
        count::write(Dialect::GeminiCount, reply, "totalTokens", receipt)
    }
}

/// A model with its collection, as Google names it in bodies.
fn named(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}

/// The body as AI Studio takes it: what is more than contents stands within a whole request, which names the model.
#[must_use]
pub fn within(body: VecDeque<Bytes>, model: &str) -> VecDeque<Bytes> {
    let inner = match whole(&body) {
        Some(inner) => VecDeque::from([inner]),
        None if has_more(&body) => body,
        None => return body,
    };
    let name = Value::from(named(model)).to_string();
    let mut out = splice(inner, &Edits { puts: &[("model", &name)], ..Edits::default() });
    out.push_front(Bytes::from_static(b"{\"generateContentRequest\":"));
    out.push_back(Bytes::from_static(b"}"));
    out
}

/// The body as Vertex AI takes it: the fields beside one another, the model in the path alone.
#[must_use]
pub fn flat(body: VecDeque<Bytes>) -> VecDeque<Bytes> {
    match whole(&body) {
        Some(inner) => splice([inner].into(), &Edits { drops: &["model"], ..Edits::default() }),
        None => body,
    }
}

fn whole(body: &VecDeque<Bytes>) -> Option<Bytes> {
    let found = member(body, WHOLE).or_else(|| member(body, WHOLE_SNAKE))?;
    found.starts_with(b"{").then_some(found)
}

/// Does it say more than contents?
fn has_more(body: &VecDeque<Bytes>) -> bool {
    names(body).iter().any(|name| !matches!(&**name, b"contents" | b"model"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(body: &Value) -> Value {
        let mut request = Counting.read_request(body.to_string().as_bytes()).unwrap();
        "m".clone_into(&mut request.model);
        let mut receipt = Receipt::default();
        let written = Counting.write_request(&request, &Quirks::default(), &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{receipt}");
        serde_json::from_slice(&written).unwrap()
    }

    fn contents() -> Value {
        json!([{"role": "user", "parts": [{"text": "Hi"}]}])
    }

    #[test]
    fn each_form_comes_back_as_it_was() {
        for body in [
            json!({"contents": contents()}),
            json!({"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": contents(),
                "tools": [{"googleSearch": {}}], "generationConfig": {"maxOutputTokens": 9}}),
            json!({"generateContentRequest": {"contents": contents(), "model": "models/m"}}),
            json!({"generateContentRequest": {"systemInstruction": {"parts": [{"text": "Be brief."}]},
                "contents": contents(), "cachedContent": "cachedContents/c", "model": "models/m"}}),
        ] {
            assert_eq!(round(&body), body);
        }
        let other = json!({"generate_content_request": {"contents": contents(), "model": "models/x"}});
        assert_eq!(
            round(&other),
            json!({"generateContentRequest": {"contents": contents(), "model": "models/m"}})
        );
    }

    #[test]
    fn the_form_means_nothing_to_others() {
        let body = json!({"generateContentRequest": {"contents": contents()}}).to_string();
        let asked = crate::read_request(Dialect::GeminiCount, body.as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        crate::write_request(Dialect::AnthropicCount, &asked, &Quirks::default(), &mut receipt).unwrap();
        assert!(receipt.is_empty(), "{receipt}");
    }

    fn pieces(body: &Value) -> VecDeque<Bytes> {
        [Bytes::from(body.to_string())].into()
    }

    fn joined(pieces: &VecDeque<Bytes>) -> Value {
        let whole: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
        serde_json::from_slice(&whole).unwrap()
    }

    #[test]
    fn each_service_gets_its_form() {
        let alone = json!({"contents": contents()});
        let beside = json!({"contents": contents(), "tools": [{"googleSearch": {}}]});
        let inner = json!({"model": "models/m", "contents": contents(), "tools": [{"googleSearch": {}}]});
        let whole = json!({"generateContentRequest": inner});
        let old = json!({"generateContentRequest": {"contents": contents(), "tools": [{"googleSearch": {}}],
            "model": "models/alias"}});
        assert_eq!(joined(&within(pieces(&alone), "m")), alone);
        assert_eq!(joined(&within(pieces(&beside), "m")), whole);
        assert_eq!(joined(&within(pieces(&old), "m")), whole);
        assert_eq!(joined(&flat(pieces(&alone))), alone);
        assert_eq!(joined(&flat(pieces(&beside))), beside);
        assert_eq!(joined(&flat(pieces(&old))), beside);
        let tuned = joined(&within(pieces(&beside), "tunedModels/t"));
        assert_eq!(tuned["generateContentRequest"]["model"], "tunedModels/t");
        for odd in [json!([1]), json!({"generateContentRequest": 1}), json!("generateContentRequest")] {
            assert_eq!(joined(&flat(pieces(&odd))), odd);
        }
    }

    #[test]
    fn answers_come_back_with_their_details() {
        let body = br#"{"totalTokens":12,"promptTokensDetails":[{"modality":"TEXT","tokenCount":12}],"totalBillableCharacters":40}"#;
        let reply = Counting.read_reply(body).unwrap();
        assert_eq!(reply.tokens, 12);
        assert_eq!(&Counting.write_reply(&reply, &mut Receipt::default())[..], body);
    }
}
