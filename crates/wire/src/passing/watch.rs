//! Reading a stream in passing, when client and upstream speak the same dialect: bytes go through, figures stay here.
//!
//! Each frame is searched for a few words; only one that reports usage or an error is parsed. Bytes leave
//! as they came, a frame at a time, so that a stream that breaks off can still be ended with a whole frame. The one edit
//! takes out the usage that we asked for and the client did not. A watch never fails: what it cannot read it lets pass, and
//! reads on behind it.
//! Next: `watch/scan.rs` for the searching, `watch/facts.rs` for answers that are no stream.

mod facts;
mod media;
mod scan;
mod strip;
mod through;

use std::collections::VecDeque;
use std::convert::Infallible;

use bytes::Bytes;
use contract::words::{Dialect, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::frames::sse::{Frame, Piece, Splitter};
use crate::gemini::grounded;
use crate::passing::ending::Begun;
use crate::passing::follow::Follow;
use crate::passing::seen::{Seen, StreamError};
use crate::usage::{Anthropic, Gemini, Openai};
use scan::WORDS;
use strip::Strip;

pub use facts::{ReplyFacts, reply_facts};
pub use through::through;

/// Frames of Gemini's that are smaller have no picture in them, and no sound worth counting.
const MEDIA: usize = 4 << 10;

/// Reads a stream of an upstream in passing: bytes go through, figures stay here.
pub trait Watch: Send {
    /// Takes the next bytes and appends the frames they complete.
    fn feed(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>);
    /// The stream has ended. Appends the last event if only its end is missing; half an event is left out, for the error that
    /// follows would run into it.
    fn finish(&mut self, out: &mut VecDeque<Bytes>);
    /// What has been seen so far.
    fn seen(&self) -> &Seen;
    /// May what was passed on end within a frame?
    fn unfinished(&self) -> bool {
        false
    }
    /// How far the answer has come, in dialects in which an error has to go on from there.
    fn begun(&self) -> Option<Begun> {
        None
    }
}

/// The watch of a dialect; none where it has no streams. `strip_usage`: the client did not ask for the usage that we asked
/// for; only `openai.chat` and `openai.completions` know this, elsewhere it is ignored.
#[must_use]
pub fn watch(dialect: Dialect, strip_usage: bool) -> Option<Box<dyn Watch>> {
    match dialect {
        Dialect::OpenaiChat
        | Dialect::OpenaiCompletions
        | Dialect::AnthropicMessages
        | Dialect::GeminiGenerate => Some(Box::new(StreamWatch::new(dialect, strip_usage))),
        _ if media::has_streams(dialect) => Some(Box::new(StreamWatch::new(dialect, false))),
        _ => Follow::new(dialect).map(|follow| Box::new(follow) as Box<dyn Watch>),
    }
}

/// Is an answer of this media type bytes, sound or plain text, in which there is nothing to be read?
#[must_use]
pub fn is_opaque(dialect: Dialect, content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let json = kind.eq_ignore_ascii_case(b"application/json") || kind.ends_with(b"+json");
    // What does not say what it is may be JSON, where JSON is what is usual.
    (dialect.takes_bytes() && !json && !kind.is_empty()) || (media::is_sound_or_text(dialect) && !json)
}

/// Watches one stream by searching its frames.
#[derive(Debug)]
pub(crate) struct StreamWatch {
    dialect: Dialect,
    strip: Option<Strip>,
    splitter: Splitter,
    reader: Reader,
}

/// Searches frames.
#[derive(Debug, Default)]
struct Reader {
    seen: Seen,
    anthropic: Anthropic,
}

impl StreamWatch {
    /// A watch at the start of a stream. `strip_usage`: the client did not ask for the usage that we asked for; only
    /// `openai.chat` and `openai.completions` know this, elsewhere it is ignored.
    #[must_use]
    pub(crate) fn new(dialect: Dialect, strip_usage: bool) -> Self {
        let strips = matches!(dialect, Dialect::OpenaiChat | Dialect::OpenaiCompletions);
        let strip = (strip_usage && strips).then(Strip::default);
        Self { dialect, strip, splitter: Splitter::default(), reader: Reader::default() }
    }
}

impl Watch for StreamWatch {
    fn feed(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) {
        let Self { dialect, strip, splitter, reader } = self;
        if chunk.is_empty() {
            return;
        }
        let Some(strip) = strip else {
            // What an earlier chunk left unfinished stands before what this one completes.
            let before = splitter.unfinished();
            let (mut begun, mut lent) = (None, 0);
            let Ok(()) = splitter.feed(&chunk, |piece| {
                // Behind its end there is nothing.
                if reader.seen.ended {
                    return Ok(());
                }
                let (Piece::Frame(raw) | Piece::Part(raw)) = piece;
                if before > 0 && lent == 0 {
                    begun = Some(Bytes::copy_from_slice(raw));
                }
                lent += raw.len();
                reader.piece(*dialect, piece);
                Ok::<_, Infallible>(())
            });
            let from = begun.as_ref().map_or(0, |begun| begun.len() - before);
            out.extend(begun);
            let whole = chunk.slice(from..lent.saturating_sub(before).max(from));
            out.extend((!whole.is_empty()).then_some(whole));
            return;
        };
        let mut kept = Vec::with_capacity(chunk.len() + 64);
        let Ok(()) = splitter.feed(&chunk, |piece| {
            if reader.seen.ended {
                return Ok(());
            }
            reader.piece(*dialect, piece);
            match piece {
                Piece::Frame(raw) => strip.copy(raw, &mut kept),
                Piece::Part(raw) => kept.extend_from_slice(raw),
            }
            Ok::<_, Infallible>(())
        });
        push(kept, out);
    }

    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        let mut rest = self.splitter.rest();
        if rest.is_empty() {
            return;
        }
        if !rest.trim_ascii().is_empty() {
            if !is_whole(&rest) {
                return;
            }
            // Behind a CR the first LF is part of the same line end.
            rest.extend_from_slice(if rest.ends_with(b"\n") { b"\n" } else { b"\n\n" });
            self.reader.frame(self.dialect, &rest);
        }
        match &mut self.strip {
            None => out.push_back(rest.into()),
            Some(strip) => {
                let mut kept = Vec::with_capacity(rest.len());
                strip.copy(&rest, &mut kept);
                push(kept, out);
            }
        }
    }

    fn seen(&self) -> &Seen {
        &self.reader.seen
    }

    fn unfinished(&self) -> bool {
        self.splitter.is_parting()
    }
}

fn push(kept: Vec<u8>, out: &mut VecDeque<Bytes>) {
    if !kept.is_empty() {
        out.push_back(kept.into());
    }
}

impl Reader {
    fn piece(&mut self, dialect: Dialect, piece: Piece<'_>) {
        match piece {
            Piece::Frame(raw) => {
                self.seen.unread = false;
                self.frame(dialect, raw);
            }
            Piece::Part(_) => {
                self.seen.too_large(!self.seen.unread);
            }
        }
    }

    fn frame(&mut self, dialect: Dialect, raw: &[u8]) {
        match dialect {
            Dialect::AnthropicMessages => self.anthropic(raw),
            Dialect::GeminiGenerate => self.gemini(raw),
            Dialect::OpenaiCompletions => self.completions(raw),
            _ if media::has_streams(dialect) => self.media(dialect, raw),
            _ => self.openai(raw),
        }
    }

    fn openai(&mut self, raw: &[u8]) {
        let thoughts = thoughts(raw);
        self.say(thoughts);
        if !self.count(raw, &openai_texts()) && thoughts == 0 {
            if scan::values(raw, &WORDS.content).any(|(_, value)| value.starts_with(b"[{")) {
                self.count(raw, &[&WORDS.text]);
            }
            // The text for a custom tool, and sound.
            self.count(raw, &[&WORDS.input, &WORDS.transcript]);
            self.seen.content_started |= scan::has_value(raw, &WORDS.audio);
        }
        self.openai_end(raw);
    }

    /// Frames of nothing but `value`, which are Writer's, never say that the answer is complete.
    fn completions(&mut self, raw: &[u8]) {
        self.count(raw, &[&WORDS.text]);
        if is_value(raw) {
            self.count(raw, &[&WORDS.value]);
            self.seen.finished = true;
        }
        self.openai_end(raw);
    }

    fn openai_end(&mut self, raw: &[u8]) {
        if scan::has_value(raw, &WORDS.usage) {
            self.openai_usage(raw);
        }
        self.seen.ended |= is_done(raw);
        self.seen.finished |= self.seen.ended || scan::has_value(raw, &WORDS.finish_reason);
        if scan::has_value(raw, &WORDS.error) {
            self.parse_error(raw);
        }
    }

    fn openai_usage(&mut self, raw: &[u8]) {
        #[derive(Deserialize)]
        struct Chunk {
            #[serde(default)]
            usage: Option<Openai>,
            #[serde(default)]
            service_tier: Value,
            #[serde(default)]
            x_groq: Option<Groq>,
            #[serde(default)]
            choices: Value,
        }
        #[derive(Deserialize)]
        struct Groq {
            #[serde(default)]
            usage: Option<Openai>,
        }
        let Some(frame) = Frame::parse(raw) else { return };
        let Ok(chunk) = serde_json::from_slice::<Chunk>(&frame.data) else { return };
        let groq = || chunk.x_groq?.usage?.reported();
        let moonshot = || Openai::deserialize(chunk.choices.get(0)?.get("usage")?).ok()?.reported();
        let usage = chunk.usage.and_then(|usage| usage.reported());
        if let Some(usage) = usage.or_else(groq).or_else(moonshot) {
            self.seen.reported(usage);
        }
        if let Value::String(tier) = chunk.service_tier {
            self.seen.service_tier = Some(tier);
        }
    }

    fn anthropic(&mut self, raw: &[u8]) {
        match scan::anthropic_event(raw) {
            b"content_block_delta" => {
                self.count(raw, &[&WORDS.text, &WORDS.thinking, &WORDS.partial_json]);
            }
            // A call may have no arguments that would come as deltas.
            b"content_block_start" => self.seen.content_started |= scan::has_value(raw, &WORDS.input),
            b"message_start" | b"message_delta" => self.anthropic_usage(raw),
            b"message_stop" => {
                self.seen.finished = true;
                self.seen.ended = true;
            }
            b"error" => self.parse_error(raw),
            _ => {}
        }
    }

    fn anthropic_usage(&mut self, raw: &[u8]) {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(default)]
            message: Option<Inner>,
            #[serde(default)]
            usage: Option<Reported>,
        }
        #[derive(Deserialize)]
        struct Inner {
            #[serde(default)]
            usage: Option<Reported>,
        }
        #[derive(Deserialize)]
        struct Reported {
            #[serde(flatten)]
            figures: Anthropic,
            #[serde(default)]
            service_tier: Option<String>,
        }
        let Some(frame) = Frame::parse(raw) else { return };
        let Ok(outer) = serde_json::from_slice::<Outer>(&frame.data) else { return };
        if let Some(reported) = outer.usage.or_else(|| outer.message?.usage) {
            let last = scan::anthropic_event(raw) == b"message_delta";
            self.anthropic = reported.figures.over(self.anthropic);
            if let Some(usage) = reported.figures.so_far(&self.anthropic, last) {
                self.seen.reported(usage);
            }
            self.seen.service_tier = reported.service_tier.or_else(|| self.seen.service_tier.take());
        }
    }

    fn gemini(&mut self, raw: &[u8]) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Chunk<'f> {
            usage_metadata: Gemini,
            #[serde(default, borrow)]
            candidates: Option<&'f RawValue>,
        }
        self.count(raw, &[&WORDS.text]);
        self.seen.content_started =
            self.seen.content_started || gemini_parts().iter().any(|word| scan::has_value(raw, word));
        if raw.len() > MEDIA {
            self.gemini_media(raw);
        }
        if scan::has_value(raw, &WORDS.usage_metadata)
            && let Some(frame) = Frame::parse(raw)
            && let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(&frame.data)
        {
            let before = self.seen.usage.unwrap_or_default();
            let searched = |usage| Usage { searches: before.searches, tools: before.tools, ..usage };
            let candidates = chunk.candidates.map_or("", RawValue::get).as_bytes();
            if let Some(usage) = chunk.usage_metadata.reported() {
                self.seen.reported(grounded(searched(usage), candidates));
            } else if let Some(usage) = self.seen.usage {
                self.seen.usage = Some(grounded(usage, candidates));
            }
            self.seen.service_tier = chunk.usage_metadata.service_tier().or(self.seen.service_tier.take());
        }
        self.seen.finished |=
            scan::has_value(raw, &WORDS.finish_reason_camel) || scan::has_value(raw, &WORDS.block_reason);
        if scan::has_value(raw, &WORDS.error) {
            self.parse_error(raw);
        }
    }

    /// Pictures and sound, which are large.
    fn gemini_media(&mut self, raw: &[u8]) {
        for (_, value) in scan::values(raw, &WORDS.inline_data) {
            let bytes = scan::text_bytes(value, &WORDS.data);
            let kind = scan::values(value, &WORDS.mime_type).next().map(|(_, kind)| kind).unwrap_or_default();
            if kind.starts_with(b"\"audio/") || kind.starts_with(b"\"video/") {
                self.seen.output.media += bytes / 4 * 3;
            } else {
                self.seen.output.pictures += 1;
            }
        }
    }

    /// Adds the texts of these members; tells whether there were any.
    fn count(&mut self, raw: &[u8], words: &[&scan::Word]) -> bool {
        let bytes = words.iter().map(|word| scan::text_bytes(raw, word)).sum();
        self.say(bytes);
        bytes > 0
    }

    /// So many bytes of text are said.
    const fn say(&mut self, bytes: u64) {
        self.seen.output.text += bytes;
        self.seen.content_started |= bytes > 0;
        // If a choice was finished before, this is of another one.
        self.seen.finished &= bytes == 0;
    }

    /// An `error` that is a member of the frame itself, not of something within it.
    fn parse_error(&mut self, raw: &[u8]) {
        #[derive(Deserialize)]
        struct Outer {
            error: Value,
        }
        let Some(frame) = Frame::parse(raw) else { return };
        let Ok(outer) = serde_json::from_slice::<Outer>(&frame.data) else { return };
        if matches!(&outer.error, Value::Null | Value::Bool(false))
            || outer.error.as_object().is_some_and(Map::is_empty)
        {
            return;
        }
        let text = |name: &str| outer.error.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = outer.error.as_str().map(str::to_owned).or_else(|| text("message")).unwrap_or_default();
        self.seen.error = Some(StreamError { kind: text("type").or_else(|| text("status")), message });
        self.seen.ended = true;
    }
}

/// The members of a Gemini answer that are said and no text.
fn gemini_parts() -> [&'static scan::Word; 7] {
    [
        &WORDS.function_call,
        &WORDS.inline_data,
        &WORDS.executable_code,
        &WORDS.code_result,
        &WORDS.file_data,
        &WORDS.tool_call,
        &WORDS.tool_response,
    ]
}

/// The members of an OpenAI answer that hold what the model said, thoughts aside.
fn openai_texts() -> [&'static scan::Word; 3] {
    [&WORDS.content, &WORDS.arguments, &WORDS.refusal]
}

/// The bytes of the thoughts in an OpenAI answer. Some servers tell them under both names.
fn thoughts(raw: &[u8]) -> u64 {
    scan::text_bytes(raw, &WORDS.reasoning_content).max(scan::text_bytes(raw, &WORDS.reasoning))
}

/// Is this the frame `data: [DONE]`? Within JSON the five characters may stand in a text, so the whole data is compared.
fn is_done(raw: &[u8]) -> bool {
    raw.len() < 64 && Frame::parse(raw).is_some_and(|frame| frame.data.trim_ascii() == b"[DONE]")
}

/// Is this a frame that begins with `value`?
fn is_value(raw: &[u8]) -> bool {
    let data = raw.trim_ascii_start().strip_prefix(b"data:").map(<[u8]>::trim_ascii_start);
    data.is_some_and(|data| data.starts_with(b"{\"value\":"))
}

/// Is what the end of the stream left unfinished an event but for its blank line? Its data tells.
fn is_whole(rest: &[u8]) -> bool {
    let whole = |data: &[u8]| {
        data.trim_ascii() == b"[DONE]" || serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok()
    };
    Frame::parse(rest).is_some_and(|frame| whole(&frame.data))
}

#[cfg(test)]
mod tests;
