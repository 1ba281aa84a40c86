//! The count of a request's tokens (`models/{model}:countTokens`, ai.google.dev/api/tokens) ↔ canon.
//!
//! A client sends contents alone, or a whole request within `generateContentRequest`; Vertex AI's clients send its fields
//! at the top. The whole request is what is sent on: only so tools and system prompt are counted.

use bytes::Bytes;
use contract::canon::{Receipt, Request};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Value, json};

use super::Dialog;
use crate::fields::invalid_json;
use crate::hub::{Chat, Count};
use crate::{Quirks, WireError};

/// The dialect, for the hub.
pub(crate) struct Counting;

const WHOLE: &str = "generateContentRequest";

impl Count for Counting {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        let mut value: Value = serde_json::from_slice(body).map_err(|error| invalid_json(&error))?;
        let Some(mut inner) = value.as_object_mut().and_then(|body| body.shift_remove(WHOLE)) else {
            return Dialog.read_request(body);
        };
        // The model stands in the path.
        if let Some(inner) = inner.as_object_mut() {
            inner.shift_remove("model");
        }
        Dialog.read_request(inner.to_string().as_bytes())
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        let written = Dialog.write_request(request, quirks, receipt)?;
        let broken = |error| Fault::new(Code::Internal).because(error);
        let mut inner: Value = serde_json::from_slice(&written).map_err(broken)?;
        if let Some(inner) = inner.as_object_mut() {
            let model = &request.model;
            let named = if model.contains('/') { model.clone() } else { format!("models/{model}") };
            inner.insert("model".to_owned(), named.into());
        }
        Ok(json!({ WHOLE: inner }).to_string().into())
    }

    fn read_reply(&self, body: &[u8]) -> Result<u64, WireError> {
        crate::count::read(Dialect::GeminiCount, body, "totalTokens")
    }

    fn write_reply(&self, tokens: u64) -> Bytes {
        format!("{{\"totalTokens\":{tokens}}}").into()
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::{Message, Part, Provenance, Role};

    use super::*;

    #[test]
    fn the_whole_request_is_counted() {
        let message = Message::new(Role::User, vec![Part::text("Hi", Provenance::User)]);
        let request = Request { model: "m".to_owned(), messages: vec![message], ..Request::default() };
        let mut receipt = Receipt::default();
        let written = Counting.write_request(&request, &Quirks::default(), &mut receipt).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written[WHOLE]["model"], "models/m");
        assert_eq!(written[WHOLE]["contents"][0]["parts"][0]["text"], "Hi");
    }

    #[test]
    fn the_number_goes_both_ways() {
        assert_eq!(Counting.read_reply(&Counting.write_reply(12)).unwrap(), 12);
    }
}
