//! Ollama's native API (`api/chat`, `api/generate`, `api/embed`, `api/embeddings`) ↔ canon, in every direction.
//!
//! Rules from docs.ollama.com/api and the server's own types. Streams are a JSON object on each line, the last with
//! `done: true`. Older versions give calls no id: one is made up, and left out again on the way back. `settings.rs` holds
//! what requests of both forms share, `chunk.rs` what whole answers and streamed ones share.

mod calls;
mod chunk;
mod embed;
mod encode;
mod load;
mod logprobs;
mod read;
mod reply;
mod request;
mod settings;
mod stream;
mod turns;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Finish, Receipt, Reply, Request};
use contract::words::Dialect;

use crate::hub::Chat;
use crate::{EncodeOptions, Quirks, StreamDecoder, StreamEncoder, WireError};

pub(crate) use embed::{Batch, One};
pub use load::{loaded, untagged};

/// Which of the two forms of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `api/chat`: messages.
    Chat,
    /// `api/generate`: a prompt.
    Generate,
}

impl Form {
    /// The owner of every sidecar.
    const fn dialect(self) -> Dialect {
        match self {
            Self::Chat => Dialect::OllamaChat,
            Self::Generate => Dialect::OllamaGenerate,
        }
    }

    /// The field that holds an answer's text.
    const fn text(self) -> &'static str {
        match self {
            Self::Chat => "content",
            Self::Generate => "response",
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
    fn invalid(self, reason: impl ToString) -> WireError {
        WireError { dialect: self.dialect(), reason: reason.to_string() }
    }
}

/// Canon's word for a `done_reason`. One that waits for the results of calls says `stop` too.
fn finish(reason: Option<&str>, called: bool) -> Finish {
    match reason {
        None | Some("stop" | "") if called => Finish::ToolCalls,
        None | Some("stop" | "") => Finish::Stop,
        Some("length") => Finish::Length,
        Some(other) => Finish::Other(other.to_owned()),
    }
}

/// The `done_reason` for canon's word.
fn done_reason(finish: &Finish) -> &str {
    match finish {
        Finish::Length | Finish::ContextWindow => "length",
        Finish::Other(reason) => reason,
        Finish::Stop
        | Finish::StopSequence
        | Finish::ToolCalls
        | Finish::ContentFilter
        | Finish::Refusal
        | Finish::MalformedCall
        | Finish::Pause => "stop",
    }
}

/// A dialect of conversations, for the hub.
pub(crate) struct Dialog(pub(crate) Form);

impl Chat for Dialog {
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault> {
        match self.0 {
            Form::Chat => read::read_chat(body),
            Form::Generate => read::read_generate(body),
        }
    }

    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        match self.0 {
            Form::Chat => request::write_chat(request, quirks, receipt),
            Form::Generate => request::write_generate(request, quirks, receipt),
        }
    }

    fn read_reply(&self, body: &[u8]) -> Result<Reply, WireError> {
        reply::read_reply(self.0, body)
    }

    fn write_reply(&self, reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
        reply::write_reply(self.0, reply, options, receipt)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream::Decoder::new(self.0))
    }

    fn encoder(&self, options: EncodeOptions) -> Box<dyn StreamEncoder> {
        Box::new(encode::Encoder::new(self.0, options))
    }
}

#[cfg(test)]
mod tests;
