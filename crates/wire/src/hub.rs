//! The hub: which dialect is spoken where, and the way from one to another through canon.
//!
//! A dialect of conversations implements [`Chat`], in every direction; one of vectors [`Embed`], one of relevance
//! [`Rerank`], one of token counts [`Count`], one of pictures [`Draw`]. The tables [`chat`], [`embed`], [`rerank`],
//! [`count`] and [`draw`] name them. No dialect knows another.

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Answered, Asked, EmbedReply, EmbedRequest, ImageReply, ImageRequest, Part, PartKind, Receipt, Reply,
    Request, RerankReply, RerankRequest, VectorFormat,
};
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};

use crate::shape::Shape;
use crate::{EncodeOptions, Quirks, ReplyFacts, StreamDecoder, StreamEncoder, WireError};
use crate::{anthropic, gemini, openai};

/// A dialect of conversations.
pub(crate) trait Chat: Sync {
    /// A client's request → canon.
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault>;
    /// Canon → a request for an upstream.
    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault>;
    /// An upstream's whole answer → canon.
    fn read_reply(&self, body: &[u8]) -> Result<Reply, WireError>;
    /// Canon → a whole answer for a client.
    fn write_reply(&self, reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes;
    /// An upstream's stream → canon.
    fn decoder(&self) -> Box<dyn StreamDecoder>;
    /// Canon → a stream for a client.
    fn encoder(&self, options: EncodeOptions) -> Box<dyn StreamEncoder>;
}

/// A dialect of vectors.
pub(crate) trait Embed: Sync {
    /// A client's request → canon.
    fn read_request(&self, body: &[u8]) -> Result<EmbedRequest, Fault>;
    /// Canon → a request for an upstream.
    fn write_request(
        &self,
        request: &EmbedRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault>;
    /// An upstream's answer → canon.
    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError>;
    /// Canon → an answer for a client, its numbers in the form the client asked for.
    fn write_reply(&self, reply: &EmbedReply, format: VectorFormat) -> Bytes;
}

/// A dialect of relevance.
pub(crate) trait Rerank: Sync {
    /// A client's request → canon.
    fn read_request(&self, body: &[u8]) -> Result<RerankRequest, Fault>;
    /// Canon → a request for an upstream.
    fn write_request(
        &self,
        request: &RerankRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault>;
    /// An upstream's answer → canon.
    fn read_reply(&self, body: &[u8]) -> Result<RerankReply, WireError>;
    /// Canon → an answer for a client.
    fn write_reply(&self, reply: &RerankReply) -> Bytes;
}

/// A dialect of pictures.
pub(crate) trait Draw: Sync {
    /// A client's request → canon.
    fn read_request(&self, body: &[u8]) -> Result<ImageRequest, Fault>;
    /// Canon → a request for an upstream.
    fn write_request(
        &self,
        request: &ImageRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault>;
    /// An upstream's answer → canon.
    fn read_reply(&self, body: &[u8]) -> Result<ImageReply, WireError>;
    /// Canon → an answer for a client.
    fn write_reply(&self, reply: &ImageReply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes;
}

/// A dialect of token counts: a conversation in, a number out.
pub(crate) trait Count: Sync {
    /// A client's request → canon.
    fn read_request(&self, body: &[u8]) -> Result<Request, Fault>;
    /// Canon → a request for an upstream.
    fn write_request(
        &self,
        request: &Request,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault>;
    /// An upstream's answer → the tokens of the input.
    fn read_reply(&self, body: &[u8]) -> Result<u64, WireError>;
    /// The tokens of the input → an answer for a client.
    fn write_reply(&self, tokens: u64) -> Bytes;
}

/// The dialects of conversations.
pub(crate) fn chat(dialect: Dialect) -> Option<&'static dyn Chat> {
    Some(match dialect {
        Dialect::OpenaiChat => &openai::Dialog,
        Dialect::AnthropicMessages => &anthropic::Dialog,
        Dialect::GeminiGenerate => &gemini::Dialog,
        _ => return None,
    })
}

/// The dialects of vectors.
pub(crate) fn embed(dialect: Dialect) -> Option<&'static dyn Embed> {
    Some(match dialect {
        Dialect::OpenaiEmbeddings => &openai::Vectors,
        Dialect::GeminiEmbed => &gemini::Vectors,
        _ => return None,
    })
}

/// The dialects of relevance.
pub(crate) fn rerank(_dialect: Dialect) -> Option<&'static dyn Rerank> {
    None
}

/// The dialects of token counts.
pub(crate) fn count(dialect: Dialect) -> Option<&'static dyn Count> {
    Some(match dialect {
        Dialect::AnthropicCount => &anthropic::Counting,
        Dialect::GeminiCount => &gemini::Counting,
        Dialect::OpenaiCount => &openai::Counting,
        _ => return None,
    })
}

/// The dialects of pictures.
pub(crate) fn draw(dialect: Dialect) -> Option<&'static dyn Draw> {
    Some(match dialect {
        Dialect::OpenaiImages => &openai::Pictures::NEW,
        Dialect::OpenaiImageEdits => &openai::Pictures::CHANGED,
        Dialect::GeminiImages => &gemini::Pictures,
        _ => return None,
    })
}

/// Reads a client's request.
///
/// # Errors
/// `invalid_encoding`, `invalid_json`; `invalid_request` with the field, such as `messages[2].content`.
pub fn read_request(dialect: Dialect, body: &[u8]) -> Result<Asked, Fault> {
    let asked = match dialect.operation() {
        Operation::Chat => chat(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Chat)),
        Operation::Embeddings => {
            embed(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Embed))
        }
        Operation::Rerank => rerank(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Rerank)),
        Operation::CountTokens => {
            count(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Count))
        }
        Operation::Images => draw(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Image)),
        _ => None,
    };
    asked.unwrap_or_else(|| Err(no_way(dialect, dialect)))
}

/// Writes a request for an upstream; the receipt names what was not carried.
///
/// # Errors
/// `invalid_request`, `unsupported_capability`: the request makes no sense without what cannot be carried.
pub fn write_request(
    target: Dialect,
    asked: &Asked,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    let written = match asked {
        Asked::Chat(request) => chat(target).map(|it| it.write_request(request, quirks, receipt)),
        Asked::Embed(request) => embed(target).map(|it| it.write_request(request, quirks, receipt)),
        Asked::Rerank(request) => rerank(target).map(|it| it.write_request(request, quirks, receipt)),
        Asked::Count(request) => count(target).map(|it| it.write_request(request, quirks, receipt)),
        Asked::Image(request) => draw(target).map(|it| it.write_request(request, quirks, receipt)),
    };
    written.unwrap_or_else(|| Err(no_way(target, target)))
}

/// Reads an upstream's whole answer.
///
/// # Errors
/// It is not valid in its dialect.
pub fn read_reply(dialect: Dialect, body: &[u8]) -> Result<Answered, WireError> {
    let answered = match dialect.operation() {
        Operation::Chat => chat(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Chat)),
        Operation::Embeddings => {
            embed(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Embed))
        }
        Operation::Rerank => {
            rerank(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Rerank))
        }
        Operation::CountTokens => count(dialect).map(|it| it.read_reply(body).map(Answered::Count)),
        Operation::Images => draw(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Image)),
        _ => None,
    };
    answered.unwrap_or_else(|| Err(WireError { dialect, reason: "it has no such answers".to_owned() }))
}

/// Writes a whole answer for a client; the receipt names what was not carried. None: the dialect has no such answers.
pub fn write_reply(
    dialect: Dialect,
    answered: &Answered,
    options: &EncodeOptions,
    receipt: &mut Receipt,
) -> Option<Bytes> {
    Some(match answered {
        Answered::Chat(reply) => chat(dialect)?.write_reply(reply, options, receipt),
        Answered::Embed(reply) => embed(dialect)?.write_reply(reply, options.vectors),
        Answered::Rerank(reply) => rerank(dialect)?.write_reply(reply),
        Answered::Count(tokens) => count(dialect)?.write_reply(*tokens),
        Answered::Image(reply) => draw(dialect)?.write_reply(reply, options, receipt),
    })
}

/// Writes a whole answer of one dialect in another.
///
/// # Errors
/// It is not valid in the dialect it came in.
pub fn rewrite_reply(
    from: Dialect,
    to: Dialect,
    body: &[u8],
    options: &EncodeOptions,
    receipt: &mut Receipt,
) -> Result<Bytes, WireError> {
    let mut answered = read_reply(from, body)?;
    if let Some(model) = answered.model_mut().filter(|model| model.is_empty()) {
        model.clone_from(&options.asked);
    }
    let nothing = || WireError { dialect: from, reason: format!("its answers cannot be written as {to}") };
    write_reply(to, &answered, options, receipt).ok_or_else(nothing)
}

/// What a whole answer says of itself, for dialects that are not searched in passing.
pub(crate) fn facts(dialect: Dialect, body: &[u8]) -> Result<ReplyFacts, WireError> {
    let mut answered = read_reply(dialect, body)?;
    let (service_tier, output_bytes) = match &answered {
        Answered::Chat(reply) => (
            crate::service_tier(&reply.extra).map(str::to_owned),
            reply.choices.iter().flat_map(|choice| &choice.parts).map(said_bytes).sum(),
        ),
        _ => (None, 0),
    };
    let (usage, model) = (answered.usage(), answered.model_mut().map(std::mem::take));
    Ok(ReplyFacts { usage, service_tier, model, output_bytes })
}

/// The bytes of what a part says.
fn said_bytes(part: &Part) -> u64 {
    let text = match &part.kind {
        PartKind::Text(text) | PartKind::Reasoning(text) | PartKind::Refusal(text) => text,
        PartKind::ToolCall { arguments, .. } => arguments,
        _ => return 0,
    };
    text.len() as u64
}

/// A decoder at the start of an upstream's stream; none where the dialect has no streams.
#[must_use]
pub fn decoder(dialect: Dialect) -> Option<Box<dyn StreamDecoder>> {
    chat(dialect).map(|it| it.decoder())
}

/// An encoder at the start of a client's stream; none where the dialect has no streams.
#[must_use]
pub fn encoder(dialect: Dialect, options: EncodeOptions) -> Option<Box<dyn StreamEncoder>> {
    chat(dialect).map(|it| it.encoder(options))
}

/// Ends a client's stream that passed through with a fault; tells whether its dialect has words for that.
pub fn fail(dialect: Dialect, fault: &Fault, out: &mut BytesMut) -> bool {
    let encoder = chat(dialect).or_else(|| {
        // Streams of other things report errors as those of conversations do.
        (Shape::of(dialect) == Shape::Openai).then_some(&openai::Dialog as &dyn Chat)
    });
    match encoder {
        Some(it) => it.encoder(EncodeOptions::default()).fail(fault, out),
        None => return false,
    }
    true
}

/// Is there a way from a client of one dialect to an upstream of another: the bytes themselves, or canon?
#[must_use]
pub fn has_way(from: Dialect, to: Dialect) -> bool {
    from == to || (from.operation() == to.operation() && has_canon(from) && has_canon(to))
}

/// Does canon have words for what this dialect says? Others pass through only.
#[must_use]
pub fn has_canon(dialect: Dialect) -> bool {
    match dialect.operation() {
        Operation::Chat => chat(dialect).is_some(),
        Operation::Embeddings => embed(dialect).is_some(),
        Operation::Rerank => rerank(dialect).is_some(),
        Operation::CountTokens => count(dialect).is_some(),
        Operation::Images => draw(dialect).is_some(),
        Operation::Speech | Operation::Transcription | Operation::Moderation => false,
    }
}

/// A dialect was asked for what it does not have: a fault of ours.
pub(crate) fn no_way(from: Dialect, to: Dialect) -> Fault {
    Fault::new(Code::Internal).because(format_args!("there is no way from {from} to {to}"))
}
