//! What a refused request needs: by the field that was refused, and as a small request with nothing but the need in it, which
//! other models can be tried with.
//!
//! Which models are tried, and what a client reads of them, is the engine's business (`unable.rs` there).

use contract::canon::{
    Asked, EmbedInput, EmbedRequest, Extra, ImageRequest, MediaKind, MediaSource, Message, Part, PartKind,
    Provenance, Request, Role, Tool, ToolResult,
};
use contract::fault::Need;
use contract::words::Operation;
use contract::{Code, Fault};

/// The fault of a request that a model cannot take, with what it needs, as far as its field tells. Fields are named in canon's
/// words here.
#[must_use]
pub fn told(asked: &Asked, fault: Fault) -> Fault {
    if fault.code() != Code::UnsupportedCapability || fault.need().is_some() {
        return fault;
    }
    match fault.param().and_then(|field| need(asked, field)) {
        Some(need) => fault.needing(need),
        None => fault,
    }
}

fn need(asked: &Asked, field: &str) -> Option<Need> {
    match asked {
        Asked::Chat(request) | Asked::Count(request) => match numbered(field, "messages[") {
            Some((at, rest)) => of_message(request.messages.get(at)?, rest),
            // What another provider keeps.
            None => Some(Need::Verbatim),
        },
        Asked::Embed(request) => match (field, numbered(field, "input[")) {
            (_, Some((at, _))) => match request.inputs.get(at)? {
                EmbedInput::Tokens(_) => Some(Need::Tokens),
                EmbedInput::Parts(_) => Some(Need::MediaVectors),
                EmbedInput::Text(_) => None,
            },
            ("input", None) => Some(Need::Batches),
            ("format", None) => Some(Need::Vectors(request.format)),
            _ => Some(Need::Verbatim),
        },
        Asked::Image(request) => match field {
            "mask" => Some(Need::Verbatim),
            _ if request.inputs.iter().any(|input| matches!(input, MediaSource::File(_))) => None,
            _ => Some(Need::Edits),
        },
        Asked::Rerank(_) | Asked::Predict(_) => None,
    }
}

/// The number in `messages[2].name`, and what follows it.
fn numbered<'a>(field: &'a str, list: &str) -> Option<(usize, &'a str)> {
    let (number, rest) = field.strip_prefix(list)?.split_once(']')?;
    Some((number.parse().ok()?, rest))
}

fn of_message(message: &Message, rest: &str) -> Option<Need> {
    match numbered(rest, ".content[") {
        Some((at, _)) => of_part(message.parts.get(at)?),
        None if matches!(message.role, Role::Assistant | Role::Tool) => Some(Need::Turns),
        None => Some(Need::Verbatim),
    }
}

/// None: a text, or a file of another provider, which nobody else can read.
fn of_part(part: &Part) -> Option<Need> {
    match &part.kind {
        PartKind::Media { source: MediaSource::File(_), .. } => None,
        PartKind::Media { kind, source } => {
            Some(Need::Media { kind: *kind, by_address: matches!(source, MediaSource::Url(_)) })
        }
        PartKind::ToolResult(result) => {
            let media = |part: &&Part| matches!(part.kind, PartKind::Media { .. });
            result.parts.iter().find(media).map_or(Some(Need::Tools), of_part)
        }
        PartKind::ToolCall { .. } => Some(Need::Tools),
        PartKind::ServerCall(_) | PartKind::ServerResult(_) | PartKind::Native => Some(Need::Verbatim),
        PartKind::Text(_) | PartKind::Reasoning(_) | PartKind::Refusal(_) => None,
    }
}

/// A small request of this operation that needs this and nothing else. None: only what the client itself wrote would tell.
#[must_use]
pub fn sample(need: Need, operation: Operation) -> Option<Asked> {
    Some(match need {
        Need::Operation(_) | Need::Verbatim => return None,
        Need::Media { kind, by_address } => talk(vec![user(vec![media(kind, by_address)])], operation),
        Need::Turns => {
            let answer = Message::new(Role::Assistant, vec![Part::text("b", Provenance::Model)]);
            talk(vec![user(Vec::new()), answer, user(Vec::new())], operation)
        }
        Need::Tools => talk(with_tools(), operation),
        Need::Tokens => embed(vec![EmbedInput::Tokens(vec![1])]),
        Need::MediaVectors => embed(vec![EmbedInput::Parts(vec![media(MediaKind::Image, false)])]),
        Need::Batches => embed(vec![EmbedInput::Text("a".into()), EmbedInput::Text("b".into())]),
        Need::Vectors(format) => {
            let inputs = vec![EmbedInput::Text("a".into())];
            Asked::Embed(Box::new(EmbedRequest { inputs, format, ..EmbedRequest::default() }))
        }
        Need::Edits => {
            let inputs = vec![source(MediaKind::Image, false)];
            Asked::Image(Box::new(ImageRequest { prompt: "a".into(), inputs, ..ImageRequest::default() }))
        }
    })
}

/// Messages with calls in them come with the tool that is called.
fn talk(messages: Vec<Message>, operation: Operation) -> Asked {
    let called = messages.iter().any(|message| message.role == Role::Tool);
    let tool = || Tool::Function {
        name: "f".into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
        extra: Extra::default(),
    };
    let tools = if called { vec![tool()] } else { Vec::new() };
    let request = Box::new(Request { messages, tools, ..Request::default() });
    if operation == Operation::CountTokens { Asked::Count(request) } else { Asked::Chat(request) }
}

fn with_tools() -> Vec<Message> {
    let call =
        PartKind::ToolCall { id: "call_1".into(), name: "f".into(), arguments: "{}".into(), custom: false };
    let result = PartKind::ToolResult(ToolResult {
        call: "call_1".into(),
        name: Some("f".into()),
        parts: vec![Part::text("b", Provenance::Tool)],
        failed: false,
    });
    vec![
        user(Vec::new()),
        Message::new(Role::Assistant, vec![Part::new(call, Provenance::Model)]),
        Message::new(Role::Tool, vec![Part::new(result, Provenance::Tool)]),
    ]
}

fn embed(inputs: Vec<EmbedInput>) -> Asked {
    Asked::Embed(Box::new(EmbedRequest { inputs, ..EmbedRequest::default() }))
}

fn user(more: Vec<Part>) -> Message {
    let mut parts = vec![Part::text("a", Provenance::User)];
    parts.extend(more);
    Message::new(Role::User, parts)
}

fn media(kind: MediaKind, by_address: bool) -> Part {
    Part::new(PartKind::Media { kind, source: source(kind, by_address) }, Provenance::User)
}

fn source(kind: MediaKind, by_address: bool) -> MediaSource {
    let (mime, end) = match kind {
        MediaKind::Image => ("image/png", "png"),
        MediaKind::Audio => ("audio/wav", "wav"),
        MediaKind::Video => ("video/mp4", "mp4"),
        MediaKind::Document => ("application/pdf", "pdf"),
    };
    match by_address {
        true => MediaSource::Url(format!("https://example.com/a.{end}")),
        false => MediaSource::Base64 { mime: mime.into(), data: "AAAA".into() },
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::{Receipt, VectorFormat};
    use contract::words::Dialect;
    use serde_json::{Value, json};

    use super::*;
    use crate::Quirks;

    /// What a client's request is refused for at an upstream.
    fn refused(client: Dialect, target: Dialect, body: &Value) -> Option<Need> {
        let asked = crate::read_request(client, body.to_string().as_bytes()).unwrap();
        let fault = crate::write_request(target, &asked, &Quirks::NONE, &mut Receipt::default()).unwrap_err();
        crate::place_fault(client, &asked, fault).need()
    }

    fn said(content: &Value) -> Value {
        json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "see"}, content]}]})
    }

    #[test]
    fn a_refusal_knows_what_was_needed() {
        let film = said(&json!({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}));
        let sound = said(&json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}));
        let seen = said(&json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}));
        let far = said(&json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}));
        let file = said(&json!({"type": "file", "file": {"file_id": "file-1"}}));
        let media = |kind| Some(Need::Media { kind, by_address: false });
        let openai = |target, body: &Value| refused(Dialect::OpenaiChat, target, body);
        for target in [
            Dialect::AnthropicMessages,
            Dialect::OpenaiResponses,
            Dialect::CohereChat,
            Dialect::ReplicatePredictions,
        ] {
            assert_eq!(openai(target, &film), media(MediaKind::Video), "{target}");
            assert_eq!(openai(target, &sound), media(MediaKind::Audio), "{target}");
        }
        // Its words speak of tools as well.
        assert_eq!(openai(Dialect::ReplicatePredictions, &seen), media(MediaKind::Image));
        let by_address = Some(Need::Media { kind: MediaKind::Image, by_address: true });
        assert_eq!(openai(Dialect::BedrockConverse, &far), by_address);
        assert_eq!(openai(Dialect::AnthropicMessages, &file), None);
        let told = json!({"model": "m", "messages": [
            {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"}]});
        assert_eq!(openai(Dialect::OpenaiCompletions, &told), Some(Need::Turns));
    }

    #[test]
    fn other_operations_have_needs_too() {
        let ask = |input: Value| json!({"model": "m", "input": input});
        let embed = |target, body| refused(Dialect::OpenaiEmbeddings, target, &body);
        assert_eq!(embed(Dialect::GeminiEmbed, ask(json!([1, 2, 3]))), Some(Need::Tokens));
        assert_eq!(embed(Dialect::VertexPredict, ask(json!([1, 2, 3]))), Some(Need::Tokens));
        assert_eq!(embed(Dialect::GeminiEmbedOne, ask(json!(["a", "b"]))), Some(Need::Batches));
        let kept = json!({"model": "m", "input": "a", "conversation": "conv_1"});
        assert_eq!(
            refused(Dialect::OpenaiResponses, Dialect::AnthropicMessages, &kept),
            Some(Need::Verbatim)
        );
        let image = json!([{"image_url": "data:image/png;base64,AAAA"}]);
        let edit = json!({"model": "imagen-4.0-generate-001", "prompt": "a", "images": image});
        assert_eq!(refused(Dialect::OpenaiImageEdits, Dialect::GeminiImages, &edit), Some(Need::Edits));
    }

    /// A sample can be written for whoever can do it, with nothing lost, and is refused by others for just that need.
    #[test]
    fn samples_need_what_they_are_for() {
        let media = |kind| Need::Media { kind, by_address: false };
        let cases = [
            (media(MediaKind::Image), Dialect::AnthropicMessages, Dialect::ReplicatePredictions),
            (media(MediaKind::Audio), Dialect::OpenaiChat, Dialect::AnthropicMessages),
            (media(MediaKind::Video), Dialect::GeminiGenerate, Dialect::AnthropicMessages),
            (media(MediaKind::Document), Dialect::AnthropicMessages, Dialect::CohereChat),
            (
                Need::Media { kind: MediaKind::Image, by_address: true },
                Dialect::AnthropicMessages,
                Dialect::BedrockConverse,
            ),
            (Need::Turns, Dialect::OpenaiChat, Dialect::OpenaiCompletions),
            (Need::Tools, Dialect::CohereChat, Dialect::ReplicatePredictions),
            (Need::Tokens, Dialect::OpenaiEmbeddings, Dialect::GeminiEmbed),
            (Need::MediaVectors, Dialect::CohereEmbed, Dialect::OpenaiEmbeddings),
            (Need::Batches, Dialect::GeminiEmbed, Dialect::GeminiEmbedOne),
        ];
        for (need, able, unable) in cases {
            let asked = sample(need, able.operation()).unwrap();
            let write = |target| {
                let mut receipt = Receipt::default();
                let written = crate::write_request(target, &asked, &Quirks::NONE, &mut receipt);
                written.map(|_| receipt)
            };
            assert!(write(able).unwrap().is_empty(), "{need} at {able}: {:?}", write(able));
            match write(unable) {
                Ok(receipt) => assert!(!receipt.is_empty(), "{need} at {unable}"),
                Err(fault) => assert_eq!(told(&asked, fault).need(), Some(need), "{need} at {unable}"),
            }
        }
        assert!(sample(Need::Vectors(VectorFormat::Int8), Operation::Embeddings).is_some());
        let count = sample(media(MediaKind::Image), Operation::CountTokens);
        assert!(matches!(count, Some(Asked::Count(_))));
        assert_eq!(sample(Need::Verbatim, Operation::Chat), None);
    }
}
