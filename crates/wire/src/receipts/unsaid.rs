//! What some dialects have no place for and their writers pass over: noted here, once for all, so that no loss is silent.
//!
//! [`passed_over`] says which dialect passes over what. What a writer notes itself is not in that table, and neither is what
//! changes nothing (an answer that shall not be kept where none is). `docs/reference/translation.md` shows the whole.

mod answer;
mod beside;

use contract::canon::{
    Citation, EmbedRequest, Message, Modality, Part, PartKind, Receipt, Request, Role, Tool, VectorFormat,
};
use contract::words::Dialect;

pub(crate) use answer::note_answer;

/// Something that can be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Participants' names.
    Names,
    /// Hints on what to cache.
    Hints,
    /// What an earlier text rests on.
    Sources,
    /// Signatures of texts and calls.
    Signatures,
    /// Thoughts that are nothing but a sidecar.
    Sealed,
    /// All thoughts.
    Thoughts,
    /// Answers that are not text.
    Modalities,
    /// How detailed a summary of the thoughts is.
    Summary,
}

// tidy: table
/// What the writer of a dialect passes over.
const fn passed_over(target: Dialect) -> &'static [Word] {
    match target {
        Dialect::OpenaiChat => &[Word::Sources, Word::Signatures],
        Dialect::OpenaiResponses => &[Word::Hints, Word::Signatures],
        Dialect::OpenaiCompletions => &[Word::Names, Word::Hints, Word::Summary],
        Dialect::AnthropicMessages | Dialect::BedrockConverse => &[Word::Signatures, Word::Summary],
        Dialect::GeminiGenerate => &[Word::Hints, Word::Sources, Word::Summary],
        Dialect::OllamaChat => &[Word::Hints, Word::Sources, Word::Signatures, Word::Sealed, Word::Summary],
        Dialect::OllamaGenerate => &[Word::Names, Word::Hints, Word::Summary],
        Dialect::CohereChat => &[Word::Hints, Word::Signatures, Word::Summary],
        Dialect::ReplicatePredictions => &[
            Word::Names,
            Word::Hints,
            Word::Sources,
            Word::Signatures,
            Word::Thoughts,
            Word::Modalities,
            Word::Summary,
        ],
        _ => &[],
    }
}

/// Notes what the target's writer passes over.
pub(crate) fn note(target: Dialect, request: &Request, receipt: &mut Receipt) {
    let words = passed_over(target);
    if words.contains(&Word::Hints) {
        note_hints(target, request, receipt);
    }
    if words.contains(&Word::Modalities) && request.modalities.iter().any(|it| *it != Modality::Text) {
        receipt.dropped("modalities", "the model answers in text alone");
    }
    // `auto` is what is done anyway.
    let summary = request.reasoning.as_ref().and_then(|it| it.summary.as_deref());
    if words.contains(&Word::Summary) && summary.is_some_and(|it| it != "auto") {
        receipt.dropped("reasoning.summary", "the provider does not sum up thoughts on request");
    }
    for (at, message) in request.messages.iter().enumerate() {
        note_message(target, words, (at, message), receipt);
    }
    beside::note(target, request, receipt);
}

/// Notes what the target's writer of vectors passes over.
pub(crate) fn note_vectors(target: Dialect, request: &EmbedRequest, receipt: &mut Receipt) {
    let floats = matches!(target, Dialect::GeminiEmbed | Dialect::GeminiEmbedOne | Dialect::VertexPredict);
    if floats && !matches!(request.format, VectorFormat::Float | VectorFormat::Base64) {
        receipt.dropped("encoding_format", "the model's vectors are made of floats alone");
    }
}

fn note_message(target: Dialect, words: &[Word], (at, message): (usize, &Message), receipt: &mut Receipt) {
    if words.contains(&Word::Names) && message.name.is_some() {
        receipt.dropped(format!("messages[{at}].name"), "participants have no names here");
    }
    for (index, part) in message.parts.iter().enumerate() {
        if message.role != Role::Assistant {
            // Only models cite, but for Anthropic.
            if !part.citations.is_empty() && target != Dialect::AnthropicMessages {
                let path = format!("messages[{at}].content[{index}].citations");
                receipt.dropped(path, "only the model's texts have sources here");
            }
            continue;
        }
        let has = |word| words.contains(&word);
        let path = || format!("messages[{at}].content[{index}]");
        let nameless = |it: &Citation| it.url.is_none() && it.title.is_none() && it.source.is_none();
        let sources = match target {
            // Only what has a name is cited here.
            Dialect::OpenaiResponses => part.citations.iter().any(nameless),
            _ => has(Word::Sources) && !part.citations.is_empty(),
        };
        if sources {
            receipt.dropped(format!("{}.citations", path()), "sources of earlier texts are not told here");
        }
        let thought = matches!(part.kind, PartKind::Reasoning(_));
        if thought && (has(Word::Thoughts) || (has(Word::Sealed) && is_sealed(target, part))) {
            receipt.dropped(path(), "thoughts that only their own provider understands");
        }
        if !thought && has(Word::Signatures) && is_signed(target, part) {
            let path = format!("{}.thoughtSignature", path());
            receipt.dropped(path, "a signature that only its own provider understands");
        }
    }
}

/// Notes that hints on what to cache are not carried. A dialect's own stand in its sidecars.
pub(crate) fn note_hints(target: Dialect, request: &Request, receipt: &mut Receipt) {
    const WHY: &str = "the provider takes no hints on what to cache";
    let hinted = |part: &Part| part.cache.is_some() && part.native_for(target).is_none();
    for (at, tool) in request.tools.iter().enumerate() {
        if matches!(tool, Tool::Function { cache: Some(_), .. }) {
            receipt.dropped(format!("tools[{at}].cache_control"), WHY);
        }
    }
    for (at, message) in request.messages.iter().enumerate() {
        for (index, part) in message.parts.iter().enumerate() {
            let inner = match &part.kind {
                PartKind::ToolResult(result) => result.parts.as_slice(),
                _ => &[],
            };
            if hinted(part) || inner.iter().any(hinted) {
                receipt.dropped(format!("messages[{at}].content[{index}].cache_control"), WHY);
            }
        }
    }
}

/// Is it a thought without words, of somebody else?
fn is_sealed(target: Dialect, part: &Part) -> bool {
    let foreign = part.native.as_ref().is_some_and(|native| native.owner != target);
    foreign && matches!(&part.kind, PartKind::Reasoning(text) if text.is_empty())
}

/// Does it carry a signature that belongs to somebody else? Gemini's stand at texts and calls
/// (ai.google.dev/gemini-api/docs/thought-signatures).
fn is_signed(target: Dialect, part: &Part) -> bool {
    let foreign = part.native.as_ref().filter(|native| native.owner != target);
    foreign.is_some_and(|native| native.value.get("thoughtSignature").is_some())
}

#[cfg(test)]
mod tests {
    use contract::canon::{Asked, CacheHint, Citation, Extra, Provenance, Reasoning, Tool};
    use serde_json::json;

    use super::*;
    use crate::Quirks;

    fn written(target: Dialect, request: &Request) -> Vec<String> {
        let mut receipt = Receipt::default();
        crate::write_request(target, &Asked::Chat(Box::new(request.clone())), &Quirks::NONE, &mut receipt)
            .unwrap();
        receipt.entries().iter().map(|entry| entry.field.to_string()).collect()
    }

    fn answered(part: Part) -> Request {
        let text = |role| Message::new(role, vec![Part::text("a", Provenance::User)]);
        let messages = vec![text(Role::User), Message::new(Role::Assistant, vec![part]), text(Role::User)];
        Request { max_output: Some(99), messages, ..Request::default() }
    }

    #[test]
    fn a_signature_is_kept_by_its_owner_and_noted_by_others() {
        let signed = Part::text("b", Provenance::Model)
            .with_native(Dialect::GeminiGenerate, json!({"thoughtSignature": "c2ln"}));
        let request = answered(signed);
        for target in [
            Dialect::OpenaiChat,
            Dialect::OpenaiResponses,
            Dialect::AnthropicMessages,
            Dialect::BedrockConverse,
            Dialect::CohereChat,
            Dialect::OllamaChat,
        ] {
            assert_eq!(written(target, &request), ["messages[1].content[0].thoughtSignature"], "{target}");
        }
        assert_eq!(written(Dialect::GeminiGenerate, &request), [""; 0]);
    }

    #[test]
    fn hints_and_sources_are_noted_once() {
        let mut part = Part::text("b", Provenance::Model);
        part.cache = Some(CacheHint::Short);
        part.citations.push(Citation { url: Some("https://example.com".into()), ..Citation::default() });
        let mut request = answered(part);
        request.messages[0].parts[0].cache = Some(CacheHint::Long);
        request.tools.push(Tool::Function {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            cache: Some(CacheHint::Short),
            extra: Extra::default(),
        });
        let lost = [
            "tools[0].cache_control",
            "messages[0].content[0].cache_control",
            "messages[1].content[0].cache_control",
            "messages[1].content[0].citations",
        ];
        assert_eq!(written(Dialect::GeminiGenerate, &request), lost);
        assert_eq!(written(Dialect::CohereChat, &request), lost[..3]);
    }

    #[test]
    fn sources_of_what_the_user_says_are_noted() {
        let mut request = answered(Part::text("b", Provenance::Model));
        let citation = Citation { quote: Some("q".into()), ..Citation::default() };
        request.messages[0].parts[0].citations.push(citation);
        for target in
            [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::CohereChat, Dialect::OllamaChat]
        {
            assert_eq!(written(target, &request), ["messages[0].content[0].citations"], "{target}");
        }
    }

    #[test]
    fn a_dialects_own_hint_is_not_lost() {
        let mut part = Part::text("b", Provenance::Model)
            .with_native(Dialect::OpenaiResponses, json!({"prompt_cache_breakpoint": true}));
        part.cache = Some(CacheHint::Short);
        assert_eq!(written(Dialect::OpenaiResponses, &answered(part.clone())), [""; 0]);
        part.native = None;
        assert_eq!(
            written(Dialect::OpenaiResponses, &answered(part)),
            ["messages[1].content[0].cache_control"]
        );
    }

    #[test]
    fn vectors_of_floats_are_no_bytes() {
        for (format, lost) in [(VectorFormat::Base64, 0), (VectorFormat::Int8, 1)] {
            let request = EmbedRequest { format, ..EmbedRequest::default() };
            let mut receipt = Receipt::default();
            note_vectors(Dialect::VertexPredict, &request, &mut receipt);
            assert_eq!(receipt.entries().len(), lost);
        }
    }

    #[test]
    fn what_is_done_anyway_is_not_noted() {
        let mut request = answered(Part::text("b", Provenance::Model));
        request.store = Some(false);
        request.reasoning = Some(Reasoning { summary: Some("auto".into()), ..Reasoning::default() });
        assert_eq!(written(Dialect::GeminiGenerate, &request), [""; 0]);
        request.reasoning = Some(Reasoning { summary: Some("detailed".into()), ..Reasoning::default() });
        assert_eq!(written(Dialect::GeminiGenerate, &request), ["reasoning.summary"]);
    }
}
