//! The built-in provider: it answers in process, costs nothing and needs no account.
//!
//! It says the user's last text back, word by word on streams. If tools are given and the text is `call NAME`, it calls that
//! tool with no arguments, so that agents can be tried. Vectors are made from the text's hash. Usage counts words.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use contract::body::Body;
use contract::canon::{
    Choice, EmbedInput, EmbedReply, EmbedRequest, Event, Extra, Finish, Part, PartKind, PartStart,
    Provenance, Receipt, Reply, Request, Role, Tool, Vector,
};
use contract::ports::{
    BoxFuture, Call, Canon, ModelCard, Provider, ProviderReply, Upstream, UpstreamFailure,
};
use contract::words::{Dialect, Operation, Usage};
use contract::{Code, Fault};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wire::EncodeOptions;

const MODEL: &str = "echo";
/// Length of the vectors when the request does not say.
const DIMENSIONS: u64 = 64;

/// The provider.
pub(crate) struct Demo {
    name: String,
}

impl Demo {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

impl Provider for Demo {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "demo"
    }

    fn dialect(&self, operation: Operation) -> Option<Dialect> {
        Some(match operation {
            Operation::Chat => Dialect::OpenaiChat,
            Operation::Embeddings => Dialect::OpenaiEmbeddings,
        })
    }

    fn translate(&self, request: Canon<'_>) -> Result<(Bytes, Receipt), Fault> {
        let (mut receipt, quirks) = (Receipt::default(), wire::Quirks::default());
        let body = match request {
            Canon::Chat(request) => wire::write_chat(Dialect::OpenaiChat, request, &quirks, &mut receipt)?,
            Canon::Embed(request) => {
                wire::write_embed(Dialect::OpenaiEmbeddings, request, &quirks, &mut receipt)?
            }
        };
        Ok((body, receipt))
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        _: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        let body: BytesMut = call.body.iter().flat_map(|piece| piece.iter().copied()).collect();
        let reply = match (call.model, call.operation) {
            (MODEL, Operation::Chat) => chat(&body, call.stream),
            (MODEL, Operation::Embeddings) => embed(&body),
            _ => Err(Fault::saying(Code::ModelNotFound, "The only model here is 'echo'.")),
        };
        Box::pin(std::future::ready(Ok(reply.unwrap_or_else(|fault| refuse(&fault)))))
    }

    fn discover<'a>(&'a self, _: &'a dyn Upstream) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        let card = ModelCard {
            operations: vec![Operation::Chat, Operation::Embeddings],
            ..ModelCard::unknown(MODEL)
        };
        Box::pin(std::future::ready(Ok(vec![card])))
    }
}

fn chat(body: &[u8], stream: bool) -> Result<ProviderReply, Fault> {
    let request = wire::read_chat(Dialect::OpenaiChat, body)?;
    let said = last_words(&request);
    let called = called_tool(&request, &said);
    let output = called.map_or_else(|| words(&said), |_| 1);
    let usage = Usage { input: words_of(&request), output, ..Usage::default() };
    if stream {
        let options = EncodeOptions { usage: request.stream_usage, ..EncodeOptions::default() };
        return Ok(ok("text/event-stream", Body::Chain(frames(&said, called, usage, options))));
    }
    let kind = match called {
        Some(name) => tool_call(name),
        None => PartKind::Text(said),
    };
    let finish = if called.is_some() { Finish::ToolCalls } else { Finish::Stop };
    let reply = Reply {
        id: "chatcmpl-demo".to_owned(),
        model: MODEL.to_owned(),
        created: Some(0),
        choices: vec![Choice {
            parts: vec![Part::new(kind, Provenance::Model)],
            finish,
            stop_sequence: None,
        }],
        usage: Some(usage),
        extra: Extra::default(),
    };
    let options = EncodeOptions::default();
    let body = wire::write_reply(Dialect::OpenaiChat, &reply, &options, &mut Receipt::default());
    Ok(ok("application/json", body.into()))
}

fn tool_call(name: &str) -> PartKind {
    PartKind::ToolCall { id: "call_demo".to_owned(), name: name.to_owned(), arguments: "{}".to_owned() }
}

/// The answer as a stream: one frame for each word.
fn frames(said: &str, called: Option<&str>, usage: Usage, options: EncodeOptions) -> VecDeque<Bytes> {
    let at = |text: &str| Event::Delta { choice: 0, index: 0, text: text.to_owned() };
    let (part, deltas, reason) = match called {
        Some(name) => (
            PartStart::ToolCall { id: "call_demo".to_owned(), name: name.to_owned() },
            vec![at("{}")],
            Finish::ToolCalls,
        ),
        None => (PartStart::Text, said.split_inclusive(' ').map(at).collect(), Finish::Stop),
    };
    let start = Event::Start {
        id: "chatcmpl-demo".to_owned(),
        model: MODEL.to_owned(),
        created: Some(0),
        extra: Extra::default(),
    };
    let mut events = vec![start, Event::PartStart { choice: 0, index: 0, part, native: None }];
    events.extend(deltas);
    events.extend([
        Event::PartStop { choice: 0, index: 0 },
        Event::Finish { choice: 0, reason, stop_sequence: None },
        Event::Usage(usage),
        Event::End,
    ]);
    let mut encoder = wire::encoder(Dialect::OpenaiChat, options);
    let frame = |event: &Event| {
        let mut frame = BytesMut::new();
        encoder.write(event, &mut frame);
        (!frame.is_empty()).then(|| frame.freeze())
    };
    events.iter().filter_map(frame).collect()
}

/// The text of the last message that a user wrote.
fn last_words(request: &Request) -> String {
    let last = request.messages.iter().rev().find(|message| message.role == Role::User);
    let texts = last.into_iter().flat_map(|message| &message.parts).filter_map(|part| match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn called_tool<'r>(request: &'r Request, said: &str) -> Option<&'r str> {
    let wanted = said.trim().strip_prefix("call ")?.trim();
    request.tools.iter().find_map(|tool| match tool {
        Tool::Function { name, .. } if name == wanted => Some(name.as_str()),
        _ => None,
    })
}

fn words_of(request: &Request) -> u64 {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts
        .map(|part| match &part.kind {
            PartKind::Text(text) => words(text),
            _ => 1,
        })
        .sum()
}

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn embed(body: &[u8]) -> Result<ProviderReply, Fault> {
    let request = wire::read_embed(Dialect::OpenaiEmbeddings, body)?;
    let length = usize::try_from(request.dimensions.unwrap_or(DIMENSIONS)).unwrap_or_default();
    if !(1..=4_096).contains(&length) {
        return Err(
            Fault::saying(Code::InvalidRequest, "'dimensions' must be from 1 to 4096.").at("dimensions")
        );
    }
    let reply = EmbedReply {
        model: MODEL.to_owned(),
        vectors: request.inputs.iter().map(|input| vector(input, length)).collect(),
        usage: Some(Usage { input: words_to_embed(&request), ..Usage::default() }),
    };
    let body = wire::write_embed_reply(Dialect::OpenaiEmbeddings, &reply, request.format);
    Ok(ok("application/json", body.into()))
}

fn words_to_embed(request: &EmbedRequest) -> u64 {
    let count = |input: &EmbedInput| match input {
        EmbedInput::Text(text) => words(text),
        EmbedInput::Tokens(tokens) => tokens.len() as u64,
    };
    request.inputs.iter().map(count).sum()
}

/// A unit vector that depends on the input alone: numbers of a splitmix64 generator seeded with its FNV-1a hash.
fn vector(input: &EmbedInput, length: usize) -> Vector {
    let hash = |bytes: &mut dyn Iterator<Item = u8>| {
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    };
    let mut state = match input {
        EmbedInput::Text(text) => hash(&mut text.bytes()),
        EmbedInput::Tokens(tokens) => hash(&mut tokens.iter().flat_map(|token| token.to_le_bytes())),
    };
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The upper 16 bits as a number from -1 to 1.
        f32::from(u16::try_from(mixed >> 48).unwrap_or_default()) / 32_767.5 - 1.0
    };
    let raw: Vector = (0..length).map(|_| next()).collect();
    let norm = raw.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|number| number / norm).collect()
}

fn ok(kind: &'static str, body: Body) -> ProviderReply {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    ProviderReply { status: StatusCode::OK, headers, body }
}

fn refuse(fault: &Fault) -> ProviderReply {
    let body = serde_json::json!({ "error": {
        "message": fault.message(),
        "type": "invalid_request_error",
        "param": fault.param(),
        "code": fault.code().as_str(),
    } });
    ProviderReply { status: fault.status(), ..ok("application/json", body.to_string().into()) }
}

#[cfg(test)]
mod tests;
