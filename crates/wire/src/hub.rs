//! The hub: which dialect is spoken where, and the way from one to another through canon.
//!
//! A dialect of conversations implements [`Chat`], in every direction; one of vectors [`Embed`], one of relevance
//! [`Rerank`], one of token counts [`Count`], one of pictures [`Draw`]. The tables [`chat`], [`embed`], [`rerank`],
//! [`count`] and [`draw`] name them. No dialect knows another.

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Answered, Asked, CountReply, EmbedReply, EmbedRequest, Event, Extra, ImageReply, ImageRequest, Part,
    PartKind, Receipt, Reply, Request, RerankReply, RerankRequest, VectorFormat,
};
use contract::words::{Dialect, Operation, Usage};
use contract::{Code, Fault};

use crate::emulate::{Renamed, Restoring};
use crate::errors::fruitless::judging;
use crate::passing::ending::Begun;
use crate::receipts::unsaid;
use crate::{EncodeOptions, Quirks, ReplyFacts, StreamDecoder, StreamEncoder, WireError};
use crate::{
    anthropic, bedrock, cohere, completions, emulate, gemini, kserve, ollama, openai, predict, replicate,
    responses, vertex,
};

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
    /// An encoder that goes on with an answer which passed through so far.
    fn resumed(&self, _: &Begun) -> Box<dyn StreamEncoder> {
        self.encoder(EncodeOptions::default())
    }
    /// What its requests can say that not all can.
    fn has(&self) -> Has {
        Has::default()
    }
}

/// What requests of a dialect can say that not all can; the rest is emulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Has {
    /// Functions that take any text.
    pub(crate) custom_tools: bool,
    /// A choice among some of the tools.
    pub(crate) allowed_tools: bool,
    /// Tools in groups.
    pub(crate) groups: bool,
    /// JSON without a schema has to be asked for in words.
    pub(crate) json_in_words: bool,
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
    /// An upstream's answer → canon.
    fn read_reply(&self, body: &[u8]) -> Result<CountReply, WireError>;
    /// Canon → an answer for a client.
    fn write_reply(&self, reply: &CountReply, receipt: &mut Receipt) -> Bytes;
}

/// The dialects of conversations.
pub(crate) fn chat(dialect: Dialect) -> Option<&'static dyn Chat> {
    Some(match dialect {
        Dialect::OpenaiChat => &openai::Dialog,
        Dialect::OpenaiResponses => &responses::Dialog,
        Dialect::AnthropicMessages => &anthropic::Dialog,
        Dialect::GeminiGenerate => &gemini::Dialog,
        Dialect::BedrockConverse => &bedrock::Dialog,
        Dialect::OpenaiCompletions => &completions::Dialog,
        Dialect::OllamaChat => &ollama::Dialog(ollama::Form::Chat),
        Dialect::OllamaGenerate => &ollama::Dialog(ollama::Form::Generate),
        Dialect::CohereChat => &cohere::Dialog,
        Dialect::ReplicatePredictions => &replicate::Dialog,
        _ => return None,
    })
}

/// The dialects of vectors.
pub(crate) fn embed(dialect: Dialect) -> Option<&'static dyn Embed> {
    Some(match dialect {
        Dialect::OpenaiEmbeddings => &openai::Vectors,
        Dialect::GeminiEmbed => &gemini::Vectors,
        Dialect::GeminiEmbedOne => &gemini::One,
        Dialect::BedrockTitanEmbed => &bedrock::Vectors,
        Dialect::OllamaEmbed => &ollama::Batch,
        Dialect::OllamaEmbedOne => &ollama::One,
        Dialect::CohereEmbed => &cohere::Vectors,
        Dialect::VertexPredict => &vertex::Vectors,
        _ => return None,
    })
}

/// The dialects of relevance.
pub(crate) fn rerank(dialect: Dialect) -> Option<&'static dyn Rerank> {
    Some(match dialect {
        Dialect::CohereRerank => &cohere::Ranking::COHERE,
        Dialect::VoyageRerank => &cohere::Ranking::VOYAGE,
        Dialect::BedrockRerank => &bedrock::Ranking,
        _ => return None,
    })
}

/// The dialects of token counts.
pub(crate) fn count(dialect: Dialect) -> Option<&'static dyn Count> {
    Some(match dialect {
        Dialect::AnthropicCount => &anthropic::Counting,
        Dialect::GeminiCount => &gemini::Counting,
        Dialect::OpenaiCount => &openai::Counting,
        Dialect::BedrockCount => &bedrock::Counting,
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
        Operation::Chat => {
            chat(dialect).map(|it| it.read_request(body).map(|read| Asked::Chat(said_in(dialect, read))))
        }
        Operation::Embeddings => {
            embed(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Embed))
        }
        Operation::Rerank => rerank(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Rerank)),
        Operation::CountTokens => {
            count(dialect).map(|it| it.read_request(body).map(|read| Asked::Count(said_in(dialect, read))))
        }
        Operation::Predict if dialect == Dialect::PathgatePredict => {
            Some(predict::read_request(body).map(Box::new).map(Asked::Predict))
        }
        Operation::Images => draw(dialect).map(|it| it.read_request(body).map(Box::new).map(Asked::Image)),
        _ => None,
    };
    asked.unwrap_or_else(|| Err(no_way(dialect, dialect)))
}

fn said_in(dialect: Dialect, request: Request) -> Box<Request> {
    Box::new(Request { said_in: Some(dialect), ..request })
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
        Asked::Chat(request) => chat(target).map(|it| {
            kept_elsewhere(target, &request.extra)?;
            only_its_own(target, request)?;
            let request = &emulate::results_first(target, request);
            let request = &emulate::chosen(target, request, receipt);
            let request = &gemini::strict::loosened(target, request, receipt);
            let request = &gemini::spoken::spoken(target, request, receipt);
            emulate::lowered(request, (it.has(), quirks), receipt, |request, receipt| {
                let request = &emulate::fitted(target, request);
                let written = it.write_request(request, quirks, receipt)?;
                unsaid::note(target, request, receipt);
                Ok(written)
            })
        }),
        Asked::Embed(request) => embed(target).map(|it| {
            if !matches!(target, Dialect::GeminiEmbed | Dialect::GeminiEmbedOne) {
                gemini::alike(request)?;
            }
            unsaid::note_vectors(target, request, receipt);
            it.write_request(request, quirks, receipt)
        }),
        Asked::Rerank(request) => rerank(target).map(|it| it.write_request(request, quirks, receipt)),
        Asked::Count(request) => count(target).map(|it| {
            kept_elsewhere(target, &request.extra)?;
            it.write_request(&emulate::fitted(target, request), quirks, receipt)
        }),
        Asked::Predict(request) => {
            (target == Dialect::PathgatePredict).then(|| predict::write_request(request))
        }
        Asked::Image(request) => draw(target).map(|it| {
            kept_elsewhere(target, &request.extra)?;
            it.write_request(request, quirks, receipt)
        }),
    };
    written.unwrap_or_else(|| Err(no_way(target, target)))
}

/// Refuses a request most of which is not in it, but kept by the provider whose dialect it is in, or that would do the
/// opposite of what was asked without this field.
fn kept_elsewhere(target: Dialect, extra: &Extra) -> Result<(), Fault> {
    let (own, fields): (&[Dialect], &[&str]) = match extra.owner {
        Some(Dialect::OpenaiResponses | Dialect::OpenaiCount) => {
            (&[Dialect::OpenaiResponses, Dialect::OpenaiCount], &["conversation", "prompt"])
        }
        Some(Dialect::OpenaiImageEdits | Dialect::OpenaiImages) => {
            (&[Dialect::OpenaiImageEdits, Dialect::OpenaiImages], &["mask"])
        }
        // Instructions, contents and tools (ai.google.dev/api/caching).
        Some(Dialect::GeminiGenerate) => {
            (&[Dialect::GeminiGenerate, Dialect::GeminiCount], &["cachedContent"])
        }
        _ => return Ok(()),
    };
    let said = |field: &&&str| extra.fields.get(**field).is_some_and(|value| !value.is_null());
    let Some(field) = fields.iter().find(said).filter(|_| !own.contains(&target)) else { return Ok(()) };
    let whose = if own.contains(&Dialect::GeminiGenerate) { "Gemini's" } else { "OpenAI's" };
    let message = format!("'{field}' means something to providers of {whose} dialect alone.");
    Err(Fault::saying(Code::UnsupportedCapability, message).at(*field))
}

/// Refuses a conversation of nothing but blocks that only another dialect understands, such as a prompt in tokens, or of
/// nothing but a prompt that another provider keeps.
fn only_its_own(target: Dialect, request: &Request) -> Result<(), Fault> {
    let foreign = |part: &Part| matches!(part.kind, PartKind::Native) && part.native_for(target).is_none();
    let mut parts = request.messages.iter().flat_map(|message| &message.parts).peekable();
    let extra = &request.extra;
    let kept = request.messages.is_empty()
        && extra.owner != Some(target)
        && ["prompt", "promptVariables"].iter().any(|name| extra.fields.contains_key(*name));
    if !kept && (parts.peek().is_none() || !parts.all(foreign)) {
        return Ok(());
    }
    let message = "The request can only be answered by a provider that speaks its own dialect.";
    Err(Fault::saying(Code::UnsupportedCapability, message).at("messages[0]"))
}

/// Reads an upstream's whole answer.
///
/// # Errors
/// It is not valid in its dialect.
pub fn read_reply(dialect: Dialect, body: &[u8]) -> Result<Answered, WireError> {
    let answered = match dialect.operation() {
        Operation::Chat => chat(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Chat)),
        Operation::Embeddings => {
            embed(dialect).map(|it| it.read_reply(body).and_then(|reply| finite(dialect, reply)))
        }
        Operation::Rerank => {
            rerank(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Rerank))
        }
        Operation::CountTokens => {
            count(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Count))
        }
        Operation::Predict if dialect == Dialect::PathgatePredict => {
            Some(predict::read_reply(body).map(Box::new).map(Answered::Predict))
        }
        // Tensors that are read are those of vectors; others only pass.
        Operation::Predict => Some(kserve::read_vectors(body).and_then(|reply| finite(dialect, reply))),
        Operation::Images => draw(dialect).map(|it| it.read_reply(body).map(Box::new).map(Answered::Image)),
        _ => None,
    };
    answered.unwrap_or_else(|| Err(WireError { dialect, reason: "it has no such answers".to_owned() }))
}

/// JSON has no word for what is not a number, or too large for one.
fn finite(dialect: Dialect, reply: EmbedReply) -> Result<Answered, WireError> {
    if reply.vectors.iter().flatten().all(|number| number.is_finite()) {
        return Ok(Answered::Embed(Box::new(reply)));
    }
    Err(WireError { dialect, reason: "a vector holds what is not a number".to_owned() })
}

/// Writes a whole answer for a client; the receipt names what was not carried. None: the dialect has no such answers.
pub fn write_reply(
    dialect: Dialect,
    answered: &Answered,
    options: &EncodeOptions,
    receipt: &mut Receipt,
) -> Option<Bytes> {
    Some(match answered {
        Answered::Chat(reply) => {
            let it = chat(dialect)?;
            let written = it.write_reply(&emulate::wrap_calls(reply, it.has()), options, receipt);
            unsaid::note_answer(dialect, reply, receipt);
            written
        }
        Answered::Embed(reply) => embed(dialect)?.write_reply(reply, options.vectors),
        Answered::Rerank(reply) => rerank(dialect)?.write_reply(reply),
        Answered::Count(reply) => count(dialect)?.write_reply(reply, receipt),
        Answered::Predict(reply) if dialect == Dialect::PathgatePredict => predict::write_reply(reply),
        Answered::Predict(_) => return None,
        Answered::Image(reply) => draw(dialect)?.write_reply(reply, options, receipt),
    })
}

/// Reads an upstream's whole answer for a client of another dialect: what was emulated in the request is undone, what is
/// missing filled in.
///
/// # Errors
/// It is not valid in its dialect.
pub fn read_reply_for(dialect: Dialect, body: &[u8], options: &EncodeOptions) -> Result<Answered, WireError> {
    let mut answered = read_reply(dialect, body)?;
    // One that is missing would give the others to the wrong inputs; late interaction makes several of one.
    if let (Answered::Embed(reply), Some(inputs)) = (&answered, options.inputs)
        && reply.vectors.len() < inputs
    {
        let reason = format!("{} vectors for {inputs} inputs", reply.vectors.len());
        return Err(WireError { dialect, reason });
    }
    if let Some(model) = answered.model_mut().filter(|model| model.is_empty()) {
        model.clone_from(&options.asked);
    }
    if let Answered::Chat(reply) = &mut answered {
        emulate::restore(reply, &options.renamed);
        emulate::raise(reply, &options.custom);
        emulate::sounds(reply, options.sound.as_deref());
    }
    Ok(answered)
}

/// Why an answer that cannot be read as one is none: the provider held back what it made, for its content. Dialects of conversations
/// have words for that; with the reason comes what was consumed, where the answer tells.
#[must_use]
pub fn held_back(dialect: Dialect, body: &[u8]) -> Option<(String, Option<Usage>)> {
    (dialect == Dialect::GeminiImages).then(|| gemini::held_back(body)).flatten()
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
    Ok(ReplyFacts { usage, service_tier, model, output_bytes, instead: false })
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

/// A decoder at the start of an upstream's stream for a client of a dialect, who knows some tools under other names; none where the
/// upstream's dialect has no streams.
#[must_use]
pub fn decoder_for(from: Dialect, to: Dialect, renamed: Vec<Renamed>) -> Option<Box<dyn StreamDecoder>> {
    let mut decoder = decoder(from)?;
    if from != to {
        decoder = judging(decoder, from, to);
    }
    if !renamed.is_empty() {
        decoder = Box::new(Restoring::behind(decoder, renamed));
    }
    Some(decoder)
}

/// An encoder at the start of a client's stream; none where the dialect has no streams.
#[must_use]
pub fn encoder(dialect: Dialect, mut options: EncodeOptions) -> Option<Box<dyn StreamEncoder>> {
    let custom = std::mem::take(&mut options.custom);
    let it = chat(dialect)?;
    let asked = options.asked.clone();
    let encoder: Box<dyn StreamEncoder> = Box::new(Named { asked, inner: it.encoder(options) });
    Some(match (custom.is_empty(), it.has().custom_tools) {
        (false, _) => Box::new(emulate::Raising::before(encoder, custom)),
        (true, true) => encoder,
        (true, false) => Box::new(emulate::Wrapping::before(encoder)),
    })
}

/// An encoder that names the model the client asked for where the upstream names none.
struct Named {
    asked: String,
    inner: Box<dyn StreamEncoder>,
}

impl StreamEncoder for Named {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Start { model, .. } if model.is_empty() => {
                let mut named = event.clone();
                if let Event::Start { model, .. } = &mut named {
                    *model = std::mem::take(&mut self.asked);
                }
                self.inner.write(&named, out);
            }
            event => self.inner.write(event, out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.inner.fail(fault, out);
    }
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
        Operation::Predict => dialect == Dialect::PathgatePredict,
        Operation::Speech | Operation::Transcription | Operation::Moderation => false,
    }
}

/// A dialect was asked for what it does not have: a fault of ours.
pub(crate) fn no_way(from: Dialect, to: Dialect) -> Fault {
    Fault::new(Code::Internal).because(format_args!("there is no way from {from} to {to}"))
}

#[cfg(test)]
mod tests {
    use contract::canon::Extra;

    use super::*;

    #[test]
    fn a_prompt_that_a_provider_keeps_goes_to_it_alone() {
        let body = br#"{"promptVariables":{"topic":{"text":"a"}}}"#;
        let asked = read_request(Dialect::BedrockConverse, body).unwrap();
        let mut receipt = Receipt::default();
        let written = write_request(Dialect::BedrockConverse, &asked, &Quirks::NONE, &mut receipt);
        assert_eq!(written.unwrap(), &body[..]);
        let fault = write_request(Dialect::OpenaiChat, &asked, &Quirks::NONE, &mut receipt).unwrap_err();
        assert_eq!(fault.code(), Code::UnsupportedCapability);
        let fault = read_request(Dialect::BedrockConverse, br#"{"system":[]}"#).unwrap_err();
        assert_eq!(fault.param(), Some("messages"));
    }

    #[test]
    fn what_gemini_keeps_goes_to_it_alone() {
        let body = br#"{"contents":[{"parts":[{"text":"Sum it up."}]}],"cachedContent":"cachedContents/a"}"#;
        let mut receipt = Receipt::default();
        for (from, own) in
            [(Dialect::GeminiGenerate, Dialect::GeminiGenerate), (Dialect::GeminiCount, Dialect::GeminiCount)]
        {
            let asked = read_request(from, body).unwrap();
            assert!(write_request(own, &asked, &Quirks::NONE, &mut receipt).is_ok(), "{own}");
            let other =
                if own == Dialect::GeminiCount { Dialect::AnthropicCount } else { Dialect::OpenaiChat };
            let fault = write_request(other, &asked, &Quirks::NONE, &mut receipt).unwrap_err();
            assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("cachedContent")));
        }
    }

    #[test]
    fn each_input_has_its_vector() {
        let body = br#"{"embeddings":[{"values":[0.5]},{"values":[1.5]}]}"#;
        for (inputs, sound) in [(None, true), (Some(2), true), (Some(1), true), (Some(3), false)] {
            let options = EncodeOptions { inputs, ..EncodeOptions::default() };
            assert_eq!(read_reply_for(Dialect::GeminiEmbed, body, &options).is_ok(), sound, "{inputs:?}");
        }
    }

    #[test]
    fn a_stream_without_a_model_names_the_one_that_was_asked_for() {
        for dialect in [Dialect::OpenaiChat, Dialect::AnthropicMessages] {
            for (model, shown) in [("", r#""model":"asked""#), ("m", r#""model":"m""#)] {
                let options = EncodeOptions { asked: "asked".to_owned(), ..EncodeOptions::default() };
                let mut encoder = encoder(dialect, options).unwrap();
                let mut out = BytesMut::new();
                let id = "i".to_owned();
                let (model, extra) = (model.to_owned(), Extra::default());
                encoder.write(&Event::Start { id, model, created: None, extra }, &mut out);
                encoder.write(&Event::End, &mut out);
                assert!(String::from_utf8_lossy(&out).contains(shown), "{dialect}: {out:?}");
            }
        }
    }
}
