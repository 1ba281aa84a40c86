//! Speech that Gemini's clients ask for, in the words of OpenAI's: there text comes along with it, and voice and format have to be
//! named (developers.openai.com, "Audio and speech"; SDK: `ChatCompletionAudioParam`).

use std::borrow::Cow;

use contract::canon::{Modality, Receipt, Request};
use contract::words::Dialect;

use super::contents::is_own;

/// Voices of OpenAI's; Gemini has none of these names.
pub(super) const VOICES: [&str; 13] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
    "verse",
];

/// The format that Gemini speaks, and that its clients know: raw samples.
const SAMPLES: &str = "pcm16";

/// A request of Gemini's own client that asks for speech as the target takes it.
pub(crate) fn spoken<'a>(target: Dialect, request: &'a Request, receipt: &mut Receipt) -> Cow<'a, Request> {
    let asked = request.modalities.contains(&Modality::Audio);
    if target != Dialect::OpenaiChat || !asked || !is_own(&request.messages) {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    if !request.modalities.contains(&Modality::Text) {
        request.modalities.insert(0, Modality::Text);
    }
    let voice = request.voice.get_or_insert_default();
    voice.format.get_or_insert_with(|| SAMPLES.to_owned());
    let known = |name: &&&str| voice.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let name = VOICES.iter().find(known);
    if voice.name.is_some() && name.is_none() {
        receipt.dropped("audio.voice", "the model has other voices");
    }
    voice.name = Some((*name.unwrap_or(&VOICES[0])).to_owned());
    Cow::Owned(request)
}

#[cfg(test)]
mod tests {
    use contract::canon::Receipt;
    use serde_json::{Value, json};

    use super::*;
    use crate::Quirks;

    fn written(target: Dialect, speech: &Value) -> (Value, String) {
        let mut config = json!({"responseModalities": ["AUDIO"]});
        config.as_object_mut().unwrap().extend(speech.as_object().unwrap().clone());
        let body =
            json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": config});
        let asked = crate::read_request(Dialect::GeminiGenerate, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let bytes = crate::write_request(target, &asked, &Quirks::NONE, &mut receipt).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
    }

    #[test]
    fn a_voice_of_openais_is_not_asked_for() {
        for (voice, format, lost, speech) in [
            ("alloy", "pcm16", "audio.voice", Value::Null),
            ("alloy", "wav", "audio.voice", Value::Null),
            ("Kore", "mp3", "audio.format", json!("Kore")),
        ] {
            let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}],
                "modalities": ["text", "audio"], "audio": {"voice": voice, "format": format}});
            let asked = crate::read_request(Dialect::OpenaiChat, body.to_string().as_bytes()).unwrap();
            let mut receipt = Receipt::default();
            let bytes =
                crate::write_request(Dialect::GeminiGenerate, &asked, &Quirks::NONE, &mut receipt).unwrap();
            let body: Value = serde_json::from_slice(&bytes).unwrap();
            let named =
                &body["generationConfig"]["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"];
            assert_eq!((named, receipt.to_string().as_str()), (&speech, lost));
        }
    }

    #[test]
    fn speech_is_asked_for_with_all_that_openai_needs() {
        let named = |name: &str| json!({"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": name}}}});
        for (speech, voice, lost) in
            [(json!({}), "alloy", ""), (named("Kore"), "alloy", "audio.voice"), (named("Verse"), "verse", "")]
        {
            let (body, noted) = written(Dialect::OpenaiChat, &speech);
            assert_eq!(body["modalities"], json!(["text", "audio"]));
            assert_eq!(body["audio"], json!({"voice": voice, "format": "pcm16"}));
            assert_eq!(noted, lost, "{speech}");
        }
        let (body, _) = written(Dialect::GeminiGenerate, &named("Kore"));
        assert_eq!(body["generationConfig"]["responseModalities"], json!(["AUDIO"]));
    }
}
