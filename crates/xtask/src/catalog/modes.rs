//! What a model does, in one word of the book, from what each catalogue says of it.

use serde_json::Value;

// tidy: table
/// What Pathgate serves, in the book's words.
pub(super) const SERVED: &[&str] =
    &["chat", "embedding", "rerank", "image_generation", "audio_speech", "audio_transcription", "moderation"];

// tidy: table
/// Parts of names by which models are known that the second catalogue does not tell from those that converse: it names
/// only what goes in and what comes out, and says `text` of numbers as well.
const BY_NAME: &[(&str, &[&str])] = &[
    ("rerank", &["rerank"]),
    ("embedding", &["embed", "bge-", "gte-", "multilingual-e5", "e5-large", "e5-mistral", "voyage-"]),
    ("audio_speech", &["melotts"]),
];

/// The first catalogue's word. Those for one operation of ours are one.
pub(super) fn first(mode: &str) -> &str {
    match mode {
        "responses" => "chat",
        "image_edit" => "image_generation",
        mode => mode,
    }
}

/// What a model of the second catalogue does.
pub(super) fn second<'f>(name: &str, facts: &'f Value) -> &'f str {
    let kinds = |way: &str| -> Option<Vec<&'f str>> {
        Some(facts["modalities"][way].as_array()?.iter().filter_map(Value::as_str).collect())
    };
    let Some(outputs) = kinds("output") else { return by_name(name).unwrap_or("chat") };
    if outputs.contains(&"text") {
        return match kinds("input").as_deref() {
            Some(["audio"]) => "audio_transcription",
            _ => by_name(name).unwrap_or("chat"),
        };
    }
    match outputs.first() {
        // There is music too, which nobody here makes.
        Some(&"audio") if name.contains("tts") => "audio_speech",
        Some(kind) => kind,
        None => "other",
    }
}

fn by_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let known = BY_NAME.iter().find(|(_, parts)| parts.iter().any(|part| name.contains(part)));
    known.map(|(mode, _)| *mode)
}

/// Are these figures of another unit than tokens, such as pictures or minutes? That is what they are where what is sold costs
/// nothing, or where written words cost what sound does.
pub(super) fn is_other_unit(mode: &str, input: Option<&Value>, output: Option<&Value>) -> bool {
    let nothing = |figure: Option<&Value>| figure.is_some_and(|figure| figure == "0");
    match mode {
        "audio_transcription" if !nothing(input) && input == output => true,
        "image" | "image_generation" | "audio" | "audio_speech" | "audio_transcription" | "video" => {
            nothing(output) && !nothing(input)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_tell_apart_what_the_second_catalogue_does_not() {
        let facts = |input: &str, output: &str| json!({"modalities": {"input": [input], "output": [output]}});
        for (name, input, output, mode) in [
            ("a-model", "text", "text", "chat"),
            ("acme/Embed-2", "text", "text", "embedding"),
            ("acme/embed-rerank", "text", "text", "rerank"),
            ("whisper", "audio", "text", "audio_transcription"),
            ("acme-tts-1", "text", "audio", "audio_speech"),
            ("acme-music", "text", "audio", "audio"),
            ("acme-draws", "text", "image", "image"),
        ] {
            assert_eq!(second(name, &facts(input, output)), mode, "{name}");
        }
        assert_eq!(second("a-model", &json!({})), "chat");
    }

    #[test]
    fn prices_of_other_units_are_none_of_tokens() {
        for (mode, input, output, other) in [
            ("image", "0.08", "0", true),
            ("audio_transcription", "0.003", "0", true),
            ("audio_transcription", "0.003", "0.003", true),
            ("audio_transcription", "2.5", "10", false),
            ("image", "0", "0", false),
            ("image", "5", "40", false),
            ("embedding", "0.1", "0", false),
        ] {
            assert_eq!(
                is_other_unit(mode, Some(&json!(input)), Some(&json!(output))),
                other,
                "{mode} {input}"
            );
        }
    }
}
