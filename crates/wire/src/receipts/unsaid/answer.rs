//! What of an answer clients of a dialect are not told and its writer passes over: why it ended, fields of a choice, what stood
//! beside a part, tools that the provider ran, the words of a source.
//!
//! Streams are judged by the same rules: `untold.rs`.

use contract::canon::{Choice, Finish, Part, PartKind, Receipt, Reply, ServerCall, ServerResult, ServerTool};
use contract::words::Dialect;

use super::beside;
use crate::outgoing::own_fields;

/// Notes what the client is not told.
pub(crate) fn note_answer(client: Dialect, reply: &Reply, receipt: &mut Receipt) {
    for (at, choice) in reply.choices.iter().enumerate() {
        let place = format!("choices[{at}]");
        if receipt.entries().iter().any(|entry| entry.field == place) {
            continue;
        }
        let own = [&reply.extra, &choice.extra].into_iter().any(|extra| extra.owner == Some(client));
        if !ends(client, own, choice) {
            receipt.dropped(format!("{place}.finish_reason"), "this dialect has no word for it");
        }
        own_fields(client, &choice.extra, &format!("{place}."), receipt);
        for (index, part) in choice.parts.iter().enumerate() {
            if client == Dialect::OpenaiResponses && is_alone(choice, part) {
                let place = format!("{place}.content[{index}]");
                receipt.dropped(place, "the result of a tool whose call is not in the answer");
                continue;
            }
            note_part(client, part, &format!("{place}.content[{index}]"), receipt);
        }
    }
}

/// Has the dialect a word for the end of an answer? Its `own` have.
fn ends(client: Dialect, own: bool, choice: &Choice) -> bool {
    match &choice.finish {
        Finish::Pause => client == Dialect::AnthropicMessages,
        Finish::Refusal => client != Dialect::CohereChat,
        Finish::MalformedCall => {
            matches!(client, Dialect::GeminiGenerate | Dialect::BedrockConverse | Dialect::CohereChat)
        }
        // Others have words of their own alone.
        Finish::Other(reason) => match client {
            Dialect::OpenaiChat | Dialect::OpenaiCompletions => own,
            Dialect::AnthropicMessages => crate::anthropic::is_reason(reason),
            Dialect::OpenaiResponses => own || crate::responses::is_status(reason),
            _ => true,
        },
        _ => true,
    }
}

fn note_part(client: Dialect, part: &Part, place: &str, receipt: &mut Receipt) {
    if receipt.entries().iter().any(|entry| entry.field == place) {
        return;
    }
    if client == Dialect::GeminiGenerate && part.native_for(client).is_none() && is_untold(&part.kind) {
        receipt.dropped(place.to_owned(), "a tool that another provider ran");
        return;
    }
    for member in beside::foreign(client, part).unwrap_or_default() {
        receipt.dropped(format!("{place}.{member}"), "this dialect has no place for it");
    }
    note_sources(client, part, place, receipt);
}

/// Is it a result without its call? OpenAI's items hold both.
fn is_alone(choice: &Choice, part: &Part) -> bool {
    let PartKind::ServerResult(ServerResult { call, .. }) = &part.kind else { return false };
    let calls = |part: &Part| matches!(&part.kind, PartKind::ServerCall(ServerCall { id, .. }) if id == call);
    part.native_for(Dialect::OpenaiResponses).is_none() && !choice.parts.iter().any(calls)
}

/// Is it a call of a provider's tool that Google's grounding does not tell of? It has what was searched for, and the sources.
fn is_untold(kind: &PartKind) -> bool {
    let PartKind::ServerCall(ServerCall { tool, input, .. }) = kind else { return false };
    let grounded = matches!(tool, ServerTool::WebSearch | ServerTool::WebFetch | ServerTool::FileSearch);
    grounded && !crate::gemini::is_told(input)
}

/// OpenAI's responses cite addresses and files, and nobody's words.
fn note_sources(client: Dialect, part: &Part, place: &str, receipt: &mut Receipt) {
    if client == Dialect::OpenaiCompletions && !part.citations.is_empty() {
        receipt.dropped(format!("{place}.citations"), "completions cite nothing");
    }
    if client != Dialect::OpenaiResponses {
        return;
    }
    for citation in &part.citations {
        if citation.native.as_ref().is_some_and(|native| native.owner == client) {
            continue;
        }
        if citation.url.is_none() && citation.title.is_none() && citation.source.is_none() {
            receipt.dropped(format!("{place}.citations"), "this dialect cites what has a name alone");
        } else if citation.quote.is_some() {
            receipt.dropped(format!("{place}.citations.quote"), "this dialect does not quote its sources");
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::{Answered, Citation, Extra, Provenance};
    use serde_json::json;

    use super::*;
    use crate::EncodeOptions;

    fn lost(client: Dialect, choice: Choice) -> String {
        let answered = Answered::Chat(Box::new(Reply { choices: vec![choice], ..Reply::default() }));
        let mut receipt = Receipt::default();
        crate::write_reply(client, &answered, &EncodeOptions::default(), &mut receipt);
        receipt.to_string()
    }

    fn text() -> Part {
        Part::text("a", Provenance::Model)
    }

    #[test]
    fn an_end_without_a_word_is_named() {
        let ended = |finish| Choice { parts: vec![text()], finish, ..Choice::default() };
        let named = "choices[0].finish_reason";
        for (client, pause, malformed) in [
            (Dialect::OpenaiChat, named, named),
            (Dialect::OpenaiResponses, named, named),
            (Dialect::AnthropicMessages, "", named),
            (Dialect::GeminiGenerate, named, ""),
            (Dialect::BedrockConverse, named, ""),
            (Dialect::OllamaChat, named, named),
        ] {
            assert_eq!(lost(client, ended(Finish::Pause)), pause, "{client}");
            assert_eq!(lost(client, ended(Finish::MalformedCall)), malformed, "{client}");
            assert_eq!(lost(client, ended(Finish::StopSequence)), "", "{client}");
        }
    }

    #[test]
    fn fields_of_a_choice_and_beside_a_part_are_named_everywhere() {
        let fields = json!({"safetyRatings": [{"blocked": true}]}).as_object().cloned().unwrap_or_default();
        let extra = Extra { owner: Some(Dialect::GeminiGenerate), fields };
        let sidecar = json!({"partMetadata": {"k": 1}, "thoughtSignature": "s"});
        let parts = vec![text().with_native(Dialect::GeminiGenerate, sidecar)];
        let choice = Choice { parts, extra, ..Choice::default() };
        for client in [
            Dialect::OpenaiChat,
            Dialect::OpenaiResponses,
            Dialect::AnthropicMessages,
            Dialect::BedrockConverse,
            Dialect::CohereChat,
            Dialect::OllamaChat,
        ] {
            let named = "choices[0].safetyRatings, choices[0].content[0].partMetadata";
            assert_eq!(lost(client, choice.clone()), named, "{client}");
        }
        assert_eq!(lost(Dialect::GeminiGenerate, choice), "");
    }

    #[test]
    fn searches_and_sources_without_a_place_are_named() {
        let call = |tool, input: &str| {
            let (id, input) = ("c".to_owned(), input.to_owned());
            let kind = PartKind::ServerCall(ServerCall { id, tool, name: None, input });
            Choice { parts: vec![Part::new(kind, Provenance::Model), text()], ..Choice::default() }
        };
        let gemini = Dialect::GeminiGenerate;
        assert_eq!(lost(gemini, call(ServerTool::WebFetch, r#"{"url":"u"}"#)), "choices[0].content[0]");
        for input in [r#"{"query":"q"}"#, r#"{"queries":["q"]}"#] {
            assert_eq!(lost(gemini, call(ServerTool::WebSearch, input)), "");
        }
        let mut cited = text();
        let quote = Some("q".to_owned());
        cited.citations = vec![
            Citation { quote: quote.clone(), ..Citation::default() },
            Citation { quote, url: Some("https://e.test".into()), ..Citation::default() },
        ];
        let choice = Choice { parts: vec![cited], ..Choice::default() };
        let named = "choices[0].content[0].citations, choices[0].content[0].citations.quote";
        assert_eq!(lost(Dialect::OpenaiResponses, choice.clone()), named);
        assert_eq!(lost(Dialect::OpenaiCompletions, choice), "choices[0].content[0].citations");
    }
}
