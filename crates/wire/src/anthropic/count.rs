//! The count of a request's tokens (`POST /v1/messages/count_tokens`) ↔ canon (docs: "Token counting").
//!
//! The request is a Messages request without what concerns the answer; the answer is one number.

use bytes::Bytes;
use contract::Fault;
use contract::canon::{CountReply, Receipt, Request};
use contract::words::Dialect;

use super::{read, request};
use crate::hub::Count;
use crate::{Quirks, WireError, count};

/// The dialect, for the hub.
pub(crate) struct Counting;

impl Count for Counting {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        read::read_count(body)
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        request::write_count(request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<CountReply, WireError> {
        count::read(Dialect::AnthropicCount, body, "input_tokens")
    }

    fn write_reply(&self, reply: &CountReply, receipt: &mut Receipt) -> Bytes {
        count::write(Dialect::AnthropicCount, reply, "input_tokens", receipt)
    }
}
