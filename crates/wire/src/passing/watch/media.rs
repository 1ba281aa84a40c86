//! Pictures, speech, transcripts and moderations, read in passing: whole answers and streams of OpenAI and its followers.
//!
//! Events are known by their `type` (platform.openai.com/docs/api-reference/images-streaming, `/audio/speech-audio-done-event`,
//! `/audio/transcript-text-done-event`): the last one of an answer carries `usage`. Some servers stream transcripts in the
//! frames of chat completions, with `[DONE]` at the end. Answers need not be JSON: see [`super::is_opaque`].

use contract::words::{Dialect, Operation, Usage};
use serde::Deserialize;

use super::facts::malformed;
use super::scan::{self, WORDS};
use super::{Reader, ReplyFacts, is_done};
use crate::frames::sse::Frame;
use crate::shape::Shape;
use crate::usage::{Count, ticks};
use crate::{WireError, json};

/// Is it a dialect of OpenAI's for these?
pub(super) fn is_read_here(dialect: Dialect) -> bool {
    !dialect.operation().is_text() && Shape::of(dialect) == Shape::Openai
}

/// Does this dialect stream events that are read here?
pub(super) fn has_streams(dialect: Dialect) -> bool {
    is_read_here(dialect) && dialect.operation() != Operation::Moderation
}

/// May an answer be sound or plain text?
pub(super) fn is_sound_or_text(dialect: Dialect) -> bool {
    matches!(dialect.operation(), Operation::Speech | Operation::Transcription)
}

/// What a whole answer says of itself.
///
/// # Errors
/// It is not JSON, or was cut off.
pub(super) fn facts(dialect: Dialect, body: &[u8]) -> Result<ReplyFacts, WireError> {
    let mut facts = ReplyFacts::default();
    let mut said = false;
    let outer = json::members(body, |member| match member.name.as_deref() {
        Some(b"error") => facts.instead = member.value.starts_with(b"{"),
        // Pictures, transcripts, verdicts, outputs of any kind.
        Some(b"data" | b"text" | b"results" | b"output" | b"outputs") => said = member.value != b"null",
        Some(b"usage") => facts.usage = Counts::read(member.value).and_then(|counts| counts.canon(dialect)),
        Some(b"model") => facts.model = json::string(member.value).map(Into::into),
        _ => {}
    });
    match outer {
        Some(_) => {
            facts.instead &= !said;
            Ok(facts)
        }
        None => Err(WireError { dialect, reason: malformed(body) }),
    }
}

impl Reader {
    pub(super) fn media(&mut self, dialect: Dialect, raw: &[u8]) {
        #[derive(Deserialize)]
        struct Event {
            #[serde(default)]
            usage: Option<Counts>,
        }
        let kind = scan::values(raw, &WORDS.kind).next().and_then(|(_, value)| value.strip_prefix(b"\""));
        let kind = kind.map(|value| &value[..scan::string_len(value)]).unwrap_or_default();
        self.seen.content_started |= is_content(kind) || scan::text_bytes(raw, &WORDS.content) > 0;
        if scan::has_value(raw, &WORDS.usage)
            && let Some(frame) = Frame::parse(raw)
            && let Ok(event) = serde_json::from_slice::<Event>(&frame.data)
            && let Some(usage) = event.usage.and_then(|counts| counts.canon(dialect))
        {
            // Each picture is an answer of its own.
            let before =
                self.seen.usage.filter(|_| dialect.operation() == Operation::Images).unwrap_or_default();
            self.seen.reported(sum(before, usage));
        }
        self.seen.ended |= is_done(raw);
        self.seen.finished |= self.seen.ended
            || kind.ends_with(b".done")
            || kind.ends_with(b".completed")
            || scan::has_value(raw, &WORDS.finish_reason);
        if kind == b"error" || scan::has_value(raw, &WORDS.error) {
            self.parse_error(raw);
        }
    }
}

fn sum(mut left: Usage, right: Usage) -> Usage {
    let charged = right.charged.map(|cost| cost + left.charged.unwrap_or_default());
    left += right;
    Usage { charged, ..left }
}

fn is_content(kind: &[u8]) -> bool {
    [&b".delta"[..], b".partial_image", b".completed"].iter().any(|end| kind.ends_with(end))
}

/// `usage` of these answers: OpenAI's names, or those of chat completions. Transcripts may be billed by duration
/// (`{"type":"duration","seconds":9}`), pictures by the piece: then there are no tokens to report.
#[derive(Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Count,
    output_tokens: Count,
    prompt_tokens: Count,
    completion_tokens: Count,
    #[serde(alias = "input_token_details")]
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    /// xAI's.
    cost_in_usd_ticks: Count,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    audio_tokens: Count,
    cached_tokens: Count,
    image_tokens: Count,
}

impl Default for Counts {
    fn default() -> Self {
        let none = Count(None);
        Self {
            input_tokens: none,
            output_tokens: none,
            prompt_tokens: none,
            completion_tokens: none,
            input_tokens_details: None,
            output_tokens_details: None,
            cost_in_usd_ticks: none,
        }
    }
}

impl Counts {
    fn read(value: &[u8]) -> Option<Self> {
        // serde would take a list for the members in their order.
        serde_json::from_slice(value).ok().filter(|_| value.starts_with(b"{"))
    }

    /// Canon's form; none when neither tokens nor a cost are named.
    fn canon(&self, dialect: Dialect) -> Option<Usage> {
        let input = self.input_tokens.or(self.prompt_tokens);
        let output = self.output_tokens.or(self.completion_tokens);
        let charged = ticks(self.cost_in_usd_ticks);
        if input.0.is_none() && output.0.is_none() && charged.is_none() {
            return None;
        }
        let details = self.input_tokens_details.as_ref();
        let cached = details.map_or(0, |details| details.cached_tokens.get()).min(input.get());
        let audio = details.map_or(0, |details| details.audio_tokens.get()).min(input.get() - cached);
        let left = input.get() - cached - audio;
        let seen = details.map_or(0, |details| details.image_tokens.get()).min(left);
        let spoken = if dialect == Dialect::OpenaiSpeech { output.get() } else { 0 };
        // What an images model puts out is pictures, unless it says how much of it is.
        let drawn = match (&self.output_tokens_details, dialect.operation()) {
            (Some(details), _) => details.image_tokens.get().min(output.get() - spoken),
            (None, Operation::Images) => output.get(),
            (None, _) => 0,
        };
        Some(Usage {
            input: left - seen,
            cached,
            audio_input: audio,
            image_input: seen,
            output: output.get() - spoken - drawn,
            audio_output: spoken,
            image_output: drawn,
            charged,
            ..Usage::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;

    use super::*;
    use crate::{Watch, reply_facts, watch};

    fn usage(dialect: Dialect, body: &str) -> Option<Usage> {
        reply_facts(dialect, body.as_bytes()).unwrap().usage
    }

    #[test]
    fn whole_answers_tell_their_tokens_where_there_are_any() {
        let picture = r#"{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":14,"output_tokens":272,
            "total_tokens":286,"input_tokens_details":{"image_tokens":4,"text_tokens":10}}}"#;
        let expected = Usage { input: 10, image_input: 4, image_output: 272, ..Usage::default() };
        assert_eq!(usage(Dialect::OpenaiImages, picture), Some(expected));
        let text = r#"{"text":"hi","usage":{"type":"tokens","input_tokens":30,"output_tokens":5,"total_tokens":35,
            "input_token_details":{"text_tokens":10,"audio_tokens":20}}}"#;
        let expected = Usage { input: 10, audio_input: 20, output: 5, ..Usage::default() };
        assert_eq!(usage(Dialect::OpenaiTranscriptions, text), Some(expected));
        let moderated = r#"{"id":"m","results":[],"usage":{"prompt_tokens":7,"completion_tokens":0}}"#;
        assert_eq!(usage(Dialect::OpenaiModerations, moderated).map(|usage| usage.input), Some(7));
        for none in [
            r#"{"text":"hi","usage":{"type":"duration","seconds":9}}"#,
            r#"{"data":[],"usage":{"cost_in_usd_ticks":0}}"#,
            r#"{"data":[],"usage":null}"#,
            r#"{"data":[],"usage":[3]}"#,
            r#"{"data":[]}"#,
        ] {
            assert_eq!(usage(Dialect::OpenaiTranscriptions, none), None, "{none}");
        }
        for torn in ["", "{\"data\":[", "oops"] {
            assert!(reply_facts(Dialect::OpenaiImages, torn.as_bytes()).is_err(), "{torn}");
        }
    }

    #[test]
    fn sound_and_plain_text_are_not_looked_into() {
        let cases = [
            (Dialect::OpenaiSpeech, "audio/mpeg", true),
            (Dialect::OpenaiSpeech, "", true),
            (Dialect::OpenaiSpeech, "application/json", false),
            (Dialect::OpenaiTranscriptions, "text/plain; charset=utf-8", true),
            (Dialect::OpenaiTranslations, "Application/JSON; charset=utf-8", false),
            (Dialect::OpenaiImages, "text/plain", false),
            (Dialect::OpenaiChat, "text/plain", false),
        ];
        for (dialect, kind, opaque) in cases {
            assert_eq!(super::super::is_opaque(dialect, kind.as_bytes()), opaque, "{dialect} {kind}");
        }
    }

    fn watched(dialect: Dialect, stream: &str, size: usize) -> (Vec<u8>, Box<dyn Watch>) {
        let (mut watch, mut out) = (watch(dialect, true).unwrap(), VecDeque::new());
        for chunk in stream.as_bytes().chunks(size) {
            watch.feed(Bytes::copy_from_slice(chunk), &mut out);
        }
        watch.finish(&mut out);
        (out.iter().flat_map(|piece| piece.to_vec()).collect(), watch)
    }

    #[test]
    fn streams_pass_as_they_came_and_tell_their_end() {
        let usage = r#""usage":{"input_tokens":3,"output_tokens":5}"#;
        for (dialect, content, last, expected) in [
            (
                Dialect::OpenaiImages,
                r#"{"type":"image_generation.partial_image","b64_json":"AA","partial_image_index":0}"#,
                format!(r#"{{"type":"image_generation.completed","b64_json":"AB",{usage}}}"#),
                Usage { input: 3, image_output: 5, ..Usage::default() },
            ),
            (
                Dialect::OpenaiSpeech,
                r#"{"type":"speech.audio.delta","audio":"AA"}"#,
                format!(r#"{{"type":"speech.audio.done",{usage}}}"#),
                Usage { input: 3, audio_output: 5, ..Usage::default() },
            ),
            (
                Dialect::OpenaiTranscriptions,
                r#"{"type":"transcript.text.delta","delta":"hi"}"#,
                format!(r#"{{"type":"transcript.text.done","text":"hi",{usage}}}"#),
                Usage { input: 3, output: 5, ..Usage::default() },
            ),
        ] {
            let first = format!("event: x\ndata: {content}\n\n");
            let stream = format!("{first}data: {last}\n\n");
            for size in 1..stream.len() {
                let (bytes, watch) = watched(dialect, &stream, size);
                assert_eq!(bytes, stream.as_bytes(), "{dialect} {size}");
                assert_eq!(
                    (watch.seen().usage, watch.seen().complete()),
                    (Some(expected), true),
                    "{dialect} {size}"
                );
            }
            let (bytes, watch) = watched(dialect, &stream[..first.len() + 9], 4);
            assert_eq!(bytes, first.as_bytes());
            assert!(watch.seen().content_started && !watch.seen().complete() && watch.seen().usage.is_none());
        }
    }

    #[test]
    fn failures_within_a_stream_are_seen() {
        for frame in [
            r#"{"type":"error","error":{"type":"server_error","message":"no"}}"#,
            r#"{"error":{"type":"server_error","message":"no"}}"#,
        ] {
            let (_, watch) = watched(Dialect::OpenaiImages, &format!("data: {frame}\n\n"), 7);
            assert_eq!(watch.seen().error.as_ref().map(|error| error.message.as_str()), Some("no"));
            assert!(!watch.seen().complete());
        }
    }

    #[test]
    fn frames_of_chat_completions_end_a_transcript_as_well() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n";
        let (_, watch) = watched(Dialect::OpenaiTranscriptions, stream, 5);
        assert!(watch.seen().complete() && watch.seen().ended && watch.seen().content_started);
        let mut through = crate::through();
        let mut out = VecDeque::new();
        through.feed(Bytes::from_static(b"ID3"), &mut out);
        through.finish(&mut out);
        assert!(through.seen().unread && !through.seen().complete() && out == [Bytes::from_static(b"ID3")]);
    }
}
