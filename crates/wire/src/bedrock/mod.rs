//! AWS Bedrock's `Converse` and `ConverseStream` ↔ canon, in every direction.
//!
//! A block is an object with one member that says what it is (docs: "ContentBlock"). What canon has no word for in it
//! stays in the part's sidecar under the same member name, so that writing merges it back; `block.rs` lists the few marks
//! that are put there beside. `family.rs` says what the makers of models behind this dialect accept. `invoke.rs` is the
//! envelope that Bedrock puts around Anthropic's own dialect. The same-dialect path uses none of this.

mod block;
mod citation;
mod count;
mod encode;
mod error;
mod family;
mod format;
mod head;
mod invoke;
mod media;
mod read;
mod reasoning;
mod reply;
mod request;
mod rerank;
mod result;
mod stream;
mod titan;
mod tools;
mod turns;
mod usage;
mod written;

pub(crate) use count::Counting;
pub(crate) use error::read_error;
pub(crate) use rerank::{MODEL_AT, Ranking, model_of};
pub(crate) use titan::Vectors;

pub use count::{claude_count, claude_count_body};
pub use head::{tell, told};
pub use invoke::{InvokeStream, claude_body, claude_error, without_model};
pub use rerank::rerank_body;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Extra, Finish, Receipt, Reply, Request};
use contract::words::Dialect;
use serde_json::{Map, Value};

use crate::hub::{Chat, Has};
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

/// The owner of every sidecar this folder makes.
const DIALECT: Dialect = Dialect::BedrockConverse;

/// Does the model of this id cite documents, and take texts as such?
pub(crate) fn cites(model: &str) -> bool {
    family::Family::of(model).cites()
}

#[expect(clippy::needless_pass_by_value, reason = "the form map_err calls")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

/// Canon's word for a `stopReason`, and what must be kept beside it because canon's word stands for another one too.
fn finish(reason: &str) -> (Finish, Extra) {
    let finish = match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence,
        "max_tokens" => Finish::Length,
        "model_context_window_exceeded" => Finish::ContextWindow,
        "tool_use" => Finish::ToolCalls,
        "content_filtered" | "guardrail_intervened" => Finish::ContentFilter,
        "malformed_tool_use" | "malformed_model_output" => Finish::MalformedCall,
        other => Finish::Other(other.to_owned()),
    };
    if stop_reason(&finish) == reason {
        return (finish, Extra::default());
    }
    let fields = [("stopReason".to_owned(), reason.into())].into_iter().collect();
    (finish, own(fields))
}

/// The `stopReason` for canon's word.
fn stop_reason(finish: &Finish) -> &str {
    match finish {
        Finish::Stop | Finish::Pause => "end_turn",
        Finish::StopSequence => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ContextWindow => "model_context_window_exceeded",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter | Finish::Refusal => "content_filtered",
        Finish::MalformedCall => "malformed_tool_use",
        Finish::Other(reason) => reason,
    }
}

/// Fields of this dialect as extra. Nulls say nothing.
fn own(mut fields: Map<String, Value>) -> Extra {
    fields.retain(|_, value| !value.is_null());
    Extra { owner: (!fields.is_empty()).then_some(DIALECT), fields }
}

/// An object with one member.
fn single(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    [(name.to_owned(), value.into())].into_iter().collect()
}

/// Takes a string out of an object; anything else stays.
fn take_text(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    match fields.shift_remove(name)? {
        Value::String(text) => Some(text),
        other => {
            fields.insert(name.to_owned(), other);
            None
        }
    }
}

/// The dialect, for the hub.
pub(crate) struct Dialog;

impl Chat for Dialog {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        read::read_chat(body)
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        request::write_chat(request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<Reply, WireError> {
        reply::read_reply(body)
    }

    fn write_reply(&self, reply: &Reply, _: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
        reply::write_reply(reply, receipt)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::default())
    }

    fn encoder(&self, _: EncodeOptions) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::default())
    }

    fn has(&self) -> Has {
        Has { json_in_words: true, ..Has::default() }
    }
}

#[cfg(test)]
mod tests;
