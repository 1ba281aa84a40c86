//! Bedrock's `CountTokens` (docs: Bedrock API reference) ↔ canon.
//!
//! What is counted is a Converse request or the body of an `InvokeModel` in base64, which for the models that are counted is
//! Anthropic's. Canon is written as Converse. Clients of Anthropic's dialect keep theirs: [`claude_count_body`] and
//! [`claude_count`] put the envelope on and take it off.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use contract::canon::{CountReply, Receipt, Request};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::{Dialog, claude_body, invalid};
use crate::fields::{self, wrong};
use crate::hub::{Chat, Count};
use crate::{Quirks, WireError, anthropic, count};

const DIALECT: Dialect = Dialect::BedrockCount;
const NAME: &str = "inputTokens";

/// The fields of Converse that are counted (docs: "ConverseTokensRequest").
const TAKES: &[&str] = &["additionalModelRequestFields", "messages", "system", "toolConfig"];

/// The dialect, for the hub.
pub(crate) struct Counting;

impl Count for Counting {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        let mut input = fields::body(body)?.need_object("input")?;
        if let Some(converse) = input.value("converse") {
            return Dialog.read_request(converse.to_string().as_bytes());
        }
        let body = input.need_object("invokeModel")?.need_text("body")?;
        let body = BASE64_STANDARD.decode(body);
        let body = body.map_err(|_| wrong("input.invokeModel.body", "in base64"))?;
        anthropic::Counting.read_request(&with_model(&body))
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        let written = Dialog.write_request(request, quirks, receipt)?;
        let broken = |error| Fault::new(Code::Internal).because(error);
        let mut converse: Map<String, Value> = serde_json::from_slice(&written).map_err(broken)?;
        converse.retain(|field, _| TAKES.contains(&field.as_str()));
        Ok(json!({"input": {"converse": converse}}).to_string().into())
    }

    fn read_reply(&self, body: &[u8]) -> Result<CountReply, WireError> {
        count::read(DIALECT, body, NAME)
    }

    fn write_reply(&self, reply: &CountReply, receipt: &mut Receipt) -> Bytes {
        count::write(DIALECT, reply, NAME, receipt)
    }
}

/// The model stands in the path; Anthropic's reader wants it in the body.
fn with_model(body: &[u8]) -> Bytes {
    let edits = crate::Edits { puts: &[("model", "\"\"")], drops: &["anthropic_version"], renames: &[] };
    let pieces = crate::splice([Bytes::copy_from_slice(body)].into(), &edits);
    pieces.iter().flatten().copied().collect()
}

/// A question of Anthropic's for a count, as `CountTokens` takes it. A limit has to stand in a body of `InvokeModel`, and has
/// no bearing on the count.
///
/// # Errors
/// The body is no JSON object.
pub fn claude_count_body<'a>(body: &[u8], betas: impl Iterator<Item = &'a str>) -> Result<Bytes, WireError> {
    let edits = crate::Edits { puts: &[("max_tokens", "1024")], ..crate::Edits::default() };
    let limited = crate::splice([claude_body(body, betas)?].into(), &edits);
    let limited: Vec<u8> = limited.iter().flatten().copied().collect();
    let body = BASE64_STANDARD.encode(limited);
    Ok(json!({"input": {"invokeModel": {"body": body}}}).to_string().into())
}

/// A count in the words of Anthropic's clients.
///
/// # Errors
/// There is none.
pub fn claude_count(body: &[u8]) -> Result<Bytes, WireError> {
    let reply = count::read(DIALECT, body, NAME).map_err(|error| invalid(error.reason))?;
    Ok(json!({"input_tokens": reply.tokens}).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_counted_without_what_concerns_the_answer() {
        let converse = json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Be brief."}]});
        let body = json!({"input": {"converse": converse}});
        let mut request = Counting.read_request(body.to_string().as_bytes()).unwrap();
        request.max_output = Some(9);
        "anthropic.claude-x".clone_into(&mut request.model);
        let mut receipt = Receipt::default();
        let written = Counting.write_request(&request, &Quirks::default(), &mut receipt).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body);
        assert!(receipt.is_empty(), "{receipt}");
    }

    #[test]
    fn anthropic_s_dialect_goes_in_an_envelope() {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        let wrapped = claude_count_body(body.to_string().as_bytes(), ["b-1"].into_iter()).unwrap();
        let wrapped: Value = serde_json::from_slice(&wrapped).unwrap();
        let inner =
            BASE64_STANDARD.decode(wrapped["input"]["invokeModel"]["body"].as_str().unwrap()).unwrap();
        let inner: Value = serde_json::from_slice(&inner).unwrap();
        let expected = json!({"max_tokens": 1024, "messages": [{"role": "user", "content": "Hi"}],
            "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["b-1"]});
        assert_eq!(inner, expected);
        let request = Counting.read_request(wrapped.to_string().as_bytes()).unwrap();
        assert_eq!(request.messages.len(), 1);
        assert_eq!(&claude_count(br#"{"inputTokens":7}"#).unwrap()[..], br#"{"input_tokens":7}"#);
        assert!(claude_count(b"{}").is_err());
    }

    #[test]
    fn requests_that_make_no_sense_name_the_field() {
        for (body, param) in [
            ("{}", "input"),
            (r#"{"input":{}}"#, "input.invokeModel"),
            (r#"{"input":{"invokeModel":{"body":"?"}}}"#, "input.invokeModel.body"),
        ] {
            assert_eq!(Counting.read_request(body.as_bytes()).unwrap_err().param(), Some(param));
        }
    }

    #[test]
    fn answers_come_back() {
        let reply = Counting.read_reply(br#"{"inputTokens":7}"#).unwrap();
        assert_eq!(&Counting.write_reply(&reply, &mut Receipt::default())[..], br#"{"inputTokens":7}"#);
    }
}
