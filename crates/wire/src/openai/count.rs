//! The count of a request's tokens (`POST /v1/responses/input_tokens`) ↔ canon. The request is one of the Responses API
//! without what concerns the answer.

use bytes::Bytes;
use contract::canon::{CountReply, Receipt, Request};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::hub::{Chat, Count};
use crate::{Quirks, WireError, count};

/// The dialect, for the hub.
pub(crate) struct Counting;

/// The dialect its requests are written in.
const DIALECT: Dialect = Dialect::OpenaiResponses;

/// The fields it takes (OpenAI's API reference, "Get input token counts").
const TAKES: &[&str] = &[
    "conversation",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "personality",
    "previous_response_id",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
    "truncation",
];

fn responses() -> Result<&'static dyn Chat, Fault> {
    crate::hub::chat(DIALECT).ok_or_else(|| crate::hub::no_way(Dialect::OpenaiCount, DIALECT))
}

impl Count for Counting {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        responses()?.read_request(body)
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        let written = responses()?.write_request(request, quirks, receipt)?;
        let broken = |error| Fault::new(Code::Internal).because(error);
        let mut body: Map<String, Value> = serde_json::from_slice(&written).map_err(broken)?;
        body.retain(|field, _| TAKES.contains(&field.as_str()));
        Ok(Value::Object(body).to_string().into())
    }

    fn read_reply(&self, body: &[u8]) -> Result<CountReply, WireError> {
        let mut reply = count::read(Dialect::OpenaiCount, body, "input_tokens")?;
        // What it is says nothing of the request.
        reply.extra.fields.shift_remove("object");
        Ok(reply)
    }

    fn write_reply(&self, reply: &CountReply, receipt: &mut Receipt) -> Bytes {
        let mut out = json!({ "object": "response.input_tokens" });
        count::put(&mut out, Dialect::OpenaiCount, (reply, "input_tokens"), receipt);
        out.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_goes_both_ways() {
        let reply = CountReply { tokens: 51, ..CountReply::default() };
        let written = Counting.write_reply(&reply, &mut Receipt::default());
        assert_eq!(&written[..], br#"{"object":"response.input_tokens","input_tokens":51}"#);
        assert_eq!(Counting.read_reply(&written).unwrap().tokens, 51);
    }
}
