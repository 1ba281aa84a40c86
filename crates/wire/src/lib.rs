//! Every dialect ↔ canon: parsing, writing, framing, errors. No I/O, no runtime.
//!
//! A dialect has one folder with the same files: `request.rs`, `reply.rs`, `stream.rs`, `error.rs`. [`hub`] picks the
//! dialect; nothing else in the workspace knows a field name of a provider. When client and upstream speak
//! the same dialect none of this runs: see [`envelope`] for the named edits and [`watch()`] for reading usage in passing.

mod anthropic;
mod arguments;
mod aside;
pub mod bedrock;
mod cohere;
mod completions;
mod count;
mod effort;
mod emulate;
mod errors;
pub mod exact;
mod fields;
mod file_types;
mod frames;
pub mod gather;
mod gemini;
mod hub;
mod json;
pub mod kserve;
mod left_out;
mod lists;
pub mod natives;
pub mod needs;
mod ollama;
mod openai;
mod outgoing;
mod passing;
mod per_model;
mod predict;
mod receipts;
mod replicate;
mod responses;
mod schemas;
mod searches;
mod shape;
mod single;
mod split;
pub mod tokens;
mod usage;
mod vertex;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use contract::Fault;
use contract::canon::{Asked, Event, VectorFormat};
use contract::fault::UpstreamError;
use contract::ports::ModelCard;
use contract::words::{Dialect, Operation};
use http::StatusCode;

use shape::Shape;

pub use bedrock::told as told_in_head;
pub use emulate::Renamed;
pub use errors::first::{error_at_start, says};
pub use errors::fruitless::fruitless;
pub use errors::instead::error_in;
pub use errors::login::{refuses_login, scrubbed};
pub use errors::render;
pub use errors::render::Renderer;
pub use frames::eventstream;
pub use frames::framing::Framing;
pub use frames::listing::Listing;
pub use frames::sse;
pub use gather::Gather;
pub use gemini::{flat_count, is_predicted, whole_count};
pub use hub::{
    decoder, decoder_for, encoder, has_canon, has_way, held_back, read_reply, read_reply_for, read_request,
    write_reply, write_request,
};
pub use left_out::{Because, LeftOut, Setting, refused_setting};
pub use ollama::{loaded, untagged};
pub use passing::ending::{Begun, fail, keep_alive};
pub use passing::envelope;
pub use passing::envelope::Envelope;
pub use passing::refused::without;
pub use passing::said::Media;
pub use passing::seen::{Seen, StreamError};
pub use passing::splice::{Edits, member, splice};
pub use passing::thoughts::has_thoughts;
pub use passing::watch::{ReplyFacts, Watch, is_opaque, reply_facts, through, watch};
pub use per_model::ModelQuirks;
pub use receipts::places::{place, place_fault};
pub use receipts::untold::Untold;
pub use responses::namespaces::Grouped;
pub use responses::stored;
pub use usage::service_tier;

/// What an upstream sent is not what its dialect allows. The text is for logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid {dialect}: {reason}")]
pub struct WireError {
    /// The dialect it should have been.
    pub dialect: Dialect,
    /// What is wrong.
    pub reason: String,
}

/// What a target that speaks a dialect does differently from the dialect's inventor. Data of the provider kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Field names to write instead of the dialect's own, such as `max_completion_tokens` → `max_tokens`.
    pub renames: &'static [(&'static str, &'static str)],
    /// Top-level fields the target refuses; dropped with a receipt. `documents.object`: documents to be ordered must be
    /// texts; `response_format.json_schema`: answers are not held to a schema.
    pub refuses: &'static [&'static str],
    /// Fields beyond the dialect that the target takes: `top_k`, `reasoning_content` (thoughts of earlier turns); for vectors
    /// `input_type`, `task`, `truncation`, `truncate`, `output_dtype`, `embedding_type`, and of inputs `input.image` (an
    /// object with one picture or document) or `input.content` (a list of blocks); of pictures to be changed
    /// `image.object` (`{"url"}` in JSON in place of a form). Of documents `file.url` (at an address) or `document_url` (in
    /// Mistral's blocks).
    pub accepts: &'static [&'static str],
    /// The target knows no `developer` role: write `system`.
    pub developer_as_system: bool,
    /// What the dialect has and the target lacks; it is emulated.
    pub lacks: &'static [Lack],
    /// How the target is told to think, all of them at once; empty is the dialect's own way.
    pub thinking: &'static [Thinking],
    /// What some models do otherwise than the others; of several rows that fit the first counts.
    pub models: &'static [ModelQuirks],
    /// Most texts that end an answer; as many as are asked for when it is 0.
    pub most_stops: usize,
}

impl Quirks {
    /// None: the dialect as its inventor speaks it.
    pub const NONE: Self = Self {
        renames: &[],
        refuses: &[],
        accepts: &[],
        developer_as_system: false,
        lacks: &[],
        thinking: &[],
        models: &[],
        most_stops: 0,
    };
}

/// What some targets of a dialect lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Functions beside tools that the provider runs.
    ToolsTogether,
    /// Functions that take any text.
    CustomTools,
    /// A choice among some of the tools.
    AllowedTools,
    /// Ids of calls in any form; what it takes are nine letters and digits.
    CallIds,
    /// A word of the user's right after results of tools.
    WordsAfterResults,
}

/// How servers of OpenAI's dialect are told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// `reasoning_effort`: OpenAI and most others.
    Effort,
    /// `reasoning: {effort | max_tokens, exclude, enabled}`: OpenRouter.
    Object,
    /// `thinking: {type: enabled | disabled}`: DeepSeek, Moonshot, Z.ai.
    Switch,
    /// `thinking: {type, budget_tokens}`: servers in front of Anthropic's models.
    Budget,
    /// `enable_thinking` and `thinking_budget`: Alibaba, SiliconFlow.
    Enable,
    /// `chat_template_kwargs: {enable_thinking}`: vLLM, SGLang, llama.cpp.
    Template,
    /// Not at all.
    Never,
}

/// Reads a stream of one dialect into canon events, whatever the chunking.
pub trait StreamDecoder: Send {
    /// Takes the next bytes and appends the events they complete.
    ///
    /// # Errors
    /// The stream is not valid in its dialect; it cannot be continued.
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError>;
    /// The upstream closed the stream. Appends what is still owed; `Event::End` if the answer was complete.
    ///
    /// # Errors
    /// The stream broke off in the middle.
    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError>;
    /// After an [`Event::Error`]: has all been said? Some say behind it what was consumed, in an event of its own.
    fn is_over(&self) -> bool {
        true
    }
}

/// Writes canon events as a stream of one dialect: frames in the order its clients need.
pub trait StreamEncoder: Send {
    /// Appends the frames for one event.
    fn write(&mut self, event: &Event, out: &mut BytesMut);
    /// Ends the stream truthfully after a failure, the way this dialect reports errors in mid-stream.
    fn fail(&mut self, fault: &Fault, out: &mut BytesMut);
}

/// What an encoder must know beyond the events.
#[derive(Clone, Debug, Default)]
pub struct EncodeOptions {
    /// Did the client ask for usage on its stream (`stream_options.include_usage`)?
    pub usage: bool,
    /// The model to show; canon's own when empty.
    pub model: String,
    /// Unix seconds to show when the upstream gave none.
    pub created: i64,
    /// The id to show when the upstream gave none. A response's (`resp_…`) is shown whatever the upstream gave.
    pub id: String,
    /// The model the client asked for, where the upstream names none.
    pub asked: String,
    /// How the client wants the numbers of vectors written.
    pub vectors: VectorFormat,
    /// How many inputs the client wants vectors of; none when it is not known.
    pub inputs: Option<usize>,
    /// The names of the client's custom tools: calls of them come back as such.
    pub custom: Vec<String>,
    /// The tools that the upstream knows under other names: calls of them come back with the client's.
    pub renamed: Vec<Renamed>,
    /// The client's tools that are in groups: calls of them come back with their group's name.
    pub grouped: Vec<Grouped>,
    /// The form in which the client wants what is spoken, where it names one: `wav`, `pcm16`.
    pub sound: Option<String>,
    /// Fields of the client's request that its dialect repeats in the answer ([`stored::repeated`]).
    pub repeated: serde_json::Map<String, serde_json::Value>,
    /// Does the client look for its call in `function_call`?
    pub functions: bool,
    /// What the answer begins with: its prompt.
    pub echo: Option<String>,
}

impl EncodeOptions {
    /// What a request that was written for a target says of its answer. The rest is the caller's to say.
    #[must_use]
    pub fn of(asked: &Asked, target: Dialect) -> Self {
        let (mut vectors, mut inputs, mut sound) = (VectorFormat::default(), None, None);
        match asked {
            Asked::Embed(request) => (vectors, inputs) = (request.format, Some(request.inputs.len())),
            Asked::Chat(request) => sound = request.voice.as_ref().and_then(|voice| voice.format.clone()),
            _ => {}
        }
        Self {
            vectors,
            inputs,
            sound,
            custom: emulate::custom_tools(asked),
            renamed: emulate::renamed_tools(asked, target),
            grouped: responses::namespaces::grouped_tools(asked),
            functions: openai::offers_functions(asked),
            echo: completions::echoed(asked, target),
            ..Self::default()
        }
    }
}

/// Must a request that could pass as it is be written anew for its target, which speaks its dialect? It holds what should be signed
/// and is not, or what is among the account's [`Quirks::refuses`] and not a field by itself.
#[must_use]
pub fn needs_rewriting(dialect: Dialect, refuses: &[&str], body: &Bytes) -> bool {
    passing::thoughts::has_unsigned(dialect, body)
        || emulate::refuses_schema(refuses, body)
        || (dialect.operation() == Operation::Rerank && cohere::refuses_objects(refuses, body))
}

/// FNV-1a, 64 bits: for what has to be the same everywhere and keeps no secret. Another seed makes another hash.
#[must_use]
pub fn fnv1a(seed: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ seed, step)
}

/// Must usage be asked for on a stream of this dialect?
#[must_use]
pub const fn asks_for_usage(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OpenaiChat | Dialect::OpenaiCompletions)
}

/// Headers of an answer that say how its body is to be read, and go with it when it passes.
#[must_use]
pub const fn headers_of_body(dialect: Dialect) -> &'static [&'static str] {
    if dialect.takes_bytes() { &[kserve::HEADER_LENGTH] } else { &[] }
}

/// Reads what an upstream said when it refused. Never fails: what cannot be read becomes a plain message.
#[must_use]
pub fn read_error(dialect: Dialect, status: StatusCode, body: &Bytes) -> UpstreamError {
    let error = match Shape::of(dialect) {
        Shape::Anthropic => anthropic::read_error(status, body),
        Shape::Google => gemini::read_error(status, body),
        Shape::Aws => bedrock::read_error(status, body),
        Shape::Cohere => cohere::read_error(status, body),
        Shape::Openai | Shape::Ollama | Shape::Kserve => openai::read_error(status, body),
    };
    UpstreamError { dialect, ..error }
}

/// Writes the list of models in the shape of a dialect's clients.
#[must_use]
pub fn models(dialect: Dialect, cards: &[Arc<ModelCard>]) -> Bytes {
    lists::models::list(dialect, cards)
}

/// Writes the part of that list that the query of a URL asks for, in the words of the dialect.
///
/// # Errors
/// `invalid_request`: a value is not one of those allowed.
pub fn models_page(dialect: Dialect, cards: &[Arc<ModelCard>], query: Option<&str>) -> Result<Bytes, Fault> {
    lists::models::page(dialect, cards, query)
}

/// The model that a question about one names in its body, where the path names none.
///
/// # Errors
/// `invalid_json`, `invalid_request`: it names none.
pub fn asked_model(body: &[u8]) -> Result<String, Fault> {
    lists::models::asked(body)
}

/// Writes one model in the shape of a dialect's clients.
#[must_use]
pub fn model(dialect: Dialect, card: &ModelCard) -> Bytes {
    lists::models::one(dialect, card)
}
