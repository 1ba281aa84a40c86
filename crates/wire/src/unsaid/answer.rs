//! What of a whole answer a client of another dialect is not told, and its writer passes over: what stands beside a part, and
//! an end that the dialect has no word for.

use contract::canon::{Choice, Finish, Receipt, Reply};
use contract::words::Dialect;

use super::beside::foreign;

/// Notes it.
pub(crate) fn note_reply(client: Dialect, reply: &Reply, receipt: &mut Receipt) {
    for (number, choice) in reply.choices.iter().enumerate() {
        let path = format!("choices[{number}]");
        note_parts(client, (choice, &path), receipt);
        if let Some(end) = unsaid_end(client, &choice.finish)
            && reply.extra.owner != Some(client)
        {
            let reason = format!("the dialect has no word for an answer that ends with '{end}'");
            receipt.dropped(format!("{path}.finish_reason"), reason);
        }
    }
}

fn note_parts(client: Dialect, (choice, path): (&Choice, &str), receipt: &mut Receipt) {
    for (index, part) in choice.parts.iter().enumerate() {
        let Some(mut members) = foreign(client, part) else { continue };
        // Where canon has the sources, the writer tells them or names them.
        members.retain(|name| *name != "citations" || part.citations.is_empty());
        let path = format!("{path}.content[{index}]");
        if receipt.entries().iter().any(|entry| entry.field == path) {
            continue;
        }
        for member in members {
            receipt.dropped(format!("{path}.{member}"), "the client's dialect has no place for it");
        }
    }
}

/// The word for an end that a client would take for a usual one.
fn unsaid_end(client: Dialect, finish: &Finish) -> Option<&str> {
    use Dialect::{
        AnthropicMessages, BedrockConverse, CohereChat, GeminiGenerate, OpenaiChat, OpenaiCompletions,
        OpenaiResponses,
    };
    match finish {
        Finish::Pause if client != AnthropicMessages => Some("pause"),
        Finish::MalformedCall if !matches!(client, GeminiGenerate | BedrockConverse | CohereChat) => {
            Some("malformed_call")
        }
        // Words in small letters are handed on.
        Finish::Other(word) if matches!(client, OpenaiChat | OpenaiCompletions | AnthropicMessages) => {
            Some(word.as_str()).filter(|word| !crate::openai::is_a_follower_s(word))
        }
        Finish::Other(word) if client == OpenaiResponses => {
            Some(word.as_str()).filter(|word| !matches!(*word, "in_progress" | "queued" | "cancelled"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::{Answered, Part, Provenance};
    use serde_json::json;

    use super::*;
    use crate::EncodeOptions;

    fn lost(client: Dialect, reply: &Reply) -> String {
        let mut receipt = Receipt::default();
        let answered = Answered::Chat(Box::new(reply.clone()));
        crate::write_reply(client, &answered, &EncodeOptions::default(), &mut receipt).unwrap();
        receipt.to_string()
    }

    fn reply(part: Part, finish: Finish) -> Reply {
        Reply { choices: vec![Choice { parts: vec![part], finish, ..Choice::default() }], ..Reply::default() }
    }

    #[test]
    fn what_stands_beside_a_part_is_named() {
        let sidecar =
            json!({"thoughtSignature": "x", "speechMetadata": {"speaker": "A"}, "partMetadata": {}});
        let part = Part::text("a", Provenance::Model).with_native(Dialect::GeminiGenerate, sidecar);
        let reply = reply(part, Finish::Stop);
        assert_eq!(lost(Dialect::GeminiGenerate, &reply), "");
        for client in [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::AnthropicMessages] {
            assert_eq!(lost(client, &reply), "choices[0].content[0].speechMetadata", "{client}");
        }
    }

    #[test]
    fn an_end_without_a_word_is_named() {
        let reply = |finish| reply(Part::text("a", Provenance::Model), finish);
        let named = "choices[0].finish_reason";
        for (client, finish, expected) in [
            (Dialect::OpenaiChat, Finish::Other("LANGUAGE".into()), named),
            (Dialect::OpenaiChat, Finish::Other("eos_soon".into()), ""),
            (Dialect::OpenaiChat, Finish::MalformedCall, named),
            (Dialect::OpenaiChat, Finish::ContextWindow, ""),
            (Dialect::OpenaiResponses, Finish::Other("LANGUAGE".into()), named),
            (Dialect::OpenaiResponses, Finish::Pause, named),
            (Dialect::AnthropicMessages, Finish::Other("LANGUAGE".into()), named),
            (Dialect::AnthropicMessages, Finish::Pause, ""),
            (Dialect::GeminiGenerate, Finish::Other("LANGUAGE".into()), ""),
            (Dialect::GeminiGenerate, Finish::Pause, named),
            (Dialect::BedrockConverse, Finish::MalformedCall, ""),
        ] {
            assert_eq!(lost(client, &reply(finish.clone())), expected, "{client} {finish:?}");
        }
    }
}
