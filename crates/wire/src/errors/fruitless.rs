//! Turns of which nothing came, though the provider calls them answers: a call that cannot be read, a loop of tools that was
//! stopped, and not a word beside. A client whose dialect has no word for that would take them for done: for it they are errors.
//!
//! What the provider tells as an error is `first.rs` and `instead.rs`.

use bytes::Bytes;
use contract::canon::{Answered, Choice, Event, Extra, Finish, PartKind, PartStart};
use contract::fault::UpstreamError;
use contract::words::Dialect;

use super::first::by_its_name;
use crate::passing::seen::StreamError;
use crate::{StreamDecoder, WireError};

/// The error that an answer is for a client of another dialect, if nothing came of it.
#[must_use]
pub fn fruitless(from: Dialect, to: Dialect, answered: &Answered) -> Option<UpstreamError> {
    let Answered::Chat(reply) = answered else { return None };
    let first = reply.choices.first()?;
    let silent = |choice: &Choice| !choice.parts.iter().any(|part| says(&part.kind));
    let all = reply.choices.iter().all(|choice| is_failure(from, to, &choice.finish) && silent(choice));
    let told = || error(&first.finish, said(&first.extra, WORD), said(&first.extra, MESSAGE));
    all.then(|| by_its_name(from, &told()))
}

/// A decoder for a client of another dialect, whose stream ends in an error where nothing came of it.
pub(crate) fn judging(inner: Box<dyn StreamDecoder>, from: Dialect, to: Dialect) -> Box<dyn StreamDecoder> {
    let fails = matches!(from, Dialect::GeminiGenerate | Dialect::BedrockConverse | Dialect::OpenaiChat);
    if !fails {
        return inner;
    }
    // Others say something of themselves first, by which clients know that they are there.
    let begun = from != Dialect::GeminiGenerate;
    Box::new(Judging { inner, judge: Judge::of((from, to), begun) })
}

/// Under which names Gemini tells what went wrong (API reference: `Candidate`).
const WORD: &str = "finishReason";
const MESSAGE: &str = "finishMessage";

/// Does a reason say that the turn failed, where the client has no word for it?
fn is_failure(from: Dialect, to: Dialect, finish: &Finish) -> bool {
    let words = [Dialect::GeminiGenerate, Dialect::BedrockConverse, Dialect::CohereChat];
    match finish {
        Finish::MalformedCall => from != to && !words.contains(&to),
        Finish::Other(word) => {
            from != to
                && (from == Dialect::GeminiGenerate
                    // openrouter.ai/docs, "Finish reason".
                    || (from == Dialect::OpenaiChat && word == "error"))
        }
        _ => false,
    }
}

/// Does a part say anything? Thoughts, and what the provider's own tools said, are no answer.
fn says(kind: &PartKind) -> bool {
    match kind {
        PartKind::Text(text) | PartKind::Refusal(text) => !text.is_empty(),
        PartKind::ToolCall { .. } | PartKind::Media { .. } => true,
        _ => false,
    }
}

fn said<'a>(extra: &'a Extra, name: &str) -> Option<&'a str> {
    extra.fields.get(name)?.as_str()
}

fn error(finish: &Finish, word: Option<&str>, message: Option<&str>) -> StreamError {
    let word = word.unwrap_or(match finish {
        Finish::Other(word) => word,
        _ => "MALFORMED_FUNCTION_CALL",
    });
    let message = match message {
        Some(message) => format!("The model's turn failed ({word}): {message}"),
        None => format!("The model's turn failed ({word})."),
    };
    StreamError { kind: Some(word.to_owned()), message }
}

/// Reads a stream of which nothing may come. Until a part of Gemini's begins nothing is handed on, so that another provider can
/// be asked: its first frame mostly says something.
struct Judging {
    inner: Box<dyn StreamDecoder>,
    judge: Judge,
}

impl StreamDecoder for Judging {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        if self.judge.is_done() {
            return self.inner.push(bytes, events);
        }
        let mut read = Vec::new();
        let pushed = self.inner.push(bytes, &mut read);
        read.into_iter().for_each(|event| self.judge.take(event, events));
        pushed
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let mut read = Vec::new();
        let finished = self.inner.finish(&mut read);
        read.into_iter().for_each(|event| self.judge.take(event, events));
        events.append(&mut self.judge.held);
        finished
    }

    fn is_over(&self) -> bool {
        self.inner.is_over()
    }
}

/// What was seen of a stream.
struct Judge {
    /// From the provider's dialect to the client's.
    way: (Dialect, Dialect),
    /// What came before the first part.
    held: Vec<Event>,
    begun: bool,
    said: bool,
    /// The part that is no answer whatever it says.
    quiet: Option<(u32, u32)>,
    /// What the provider tells of the end.
    word: Option<String>,
    message: Option<String>,
    /// Ends that are failures if nothing was said.
    ends: Vec<Event>,
}

impl Judge {
    fn of(way: (Dialect, Dialect), begun: bool) -> Self {
        Self {
            way,
            held: Vec::new(),
            begun,
            said: false,
            quiet: None,
            word: None,
            message: None,
            ends: Vec::new(),
        }
    }

    /// Something came of it, whatever follows.
    fn is_done(&self) -> bool {
        self.said && self.ends.is_empty()
    }

    fn fails(&self, reason: &Finish) -> bool {
        is_failure(self.way.0, self.way.1, reason)
    }

    fn take(&mut self, event: Event, events: &mut Vec<Event>) {
        self.see(&event);
        match &event {
            Event::Finish { reason, .. } if self.fails(reason) && !self.said => {
                self.ends.push(event);
                return;
            }
            Event::End if !self.ends.is_empty() => {
                events.append(&mut self.held);
                let ends = std::mem::take(&mut self.ends);
                let first = match ends.first() {
                    Some(Event::Finish { reason, .. }) if !self.said => Some(reason),
                    _ => None,
                };
                if let Some(reason) = first {
                    let error = error(reason, self.word.as_deref(), self.message.as_deref());
                    events.push(Event::Error { kind: error.kind, message: error.message });
                    return;
                }
                events.extend(ends);
            }
            _ => {}
        }
        self.begun |= !matches!(event, Event::Start { .. } | Event::Extra { .. } | Event::Usage(_));
        if self.begun {
            events.append(&mut self.held);
            events.push(event);
        } else {
            self.held.push(event);
        }
    }

    fn see(&mut self, event: &Event) {
        match event {
            Event::PartStart { choice, index, part, .. } => match part {
                PartStart::Text | PartStart::Refusal => self.quiet = None,
                PartStart::ToolCall { .. } | PartStart::Media { .. } => self.said = true,
                _ => self.quiet = Some((*choice, *index)),
            },
            Event::Delta { choice, index, text } => {
                self.said |= !text.is_empty() && self.quiet != Some((*choice, *index));
            }
            Event::Finish { reason, .. } => {
                // Another choice that ended well.
                self.said |= !self.fails(reason);
            }
            Event::Extra { choice: Some(_), extra } => {
                self.word = said(extra, WORD).map(str::to_owned).or(self.word.take());
                self.message = said(extra, MESSAGE).map(str::to_owned).or(self.message.take());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decoder_for;

    const GEMINI: Dialect = Dialect::GeminiGenerate;

    fn answer(parts: &serde_json::Value, reason: &str) -> String {
        json!({"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": reason,
            "finishMessage": "why"}], "usageMetadata": {"promptTokenCount": 3}})
        .to_string()
    }

    fn whole(to: Dialect, body: &str) -> Option<(u16, String)> {
        let answered = crate::read_reply(GEMINI, body.as_bytes()).unwrap();
        fruitless(GEMINI, to, &answered).map(|error| (error.status.as_u16(), error.message))
    }

    fn streamed(to: Dialect, body: &str) -> Vec<Event> {
        let mut decoder = decoder_for(GEMINI, to, Vec::new()).unwrap();
        let mut events = Vec::new();
        decoder.push(&format!("data: {body}\n\n").into(), &mut events).unwrap();
        decoder.finish(&mut events).unwrap();
        events
    }

    #[test]
    fn a_turn_of_which_nothing_came_is_an_error() {
        let thought = json!([{"text": "Hm.", "thought": true}]);
        for reason in [
            "MALFORMED_FUNCTION_CALL",
            "UNEXPECTED_TOOL_CALL",
            "MISSING_THOUGHT_SIGNATURE",
            "TOO_MANY_TOOL_CALLS",
            "OTHER",
        ] {
            for to in [Dialect::AnthropicMessages, Dialect::OpenaiChat, Dialect::OpenaiResponses] {
                let message = format!("The model's turn failed ({reason}): why");
                for parts in [&json!([]), &thought] {
                    let body = answer(parts, reason);
                    assert_eq!(whole(to, &body), Some((500, message.clone())), "{body}");
                    let events = streamed(to, &body);
                    let told = Event::Error { kind: Some(reason.to_owned()), message: message.clone() };
                    assert_eq!(events.last(), Some(&told), "{body}");
                    assert!(matches!(events.first(), Some(Event::Start { .. })));
                    assert!(events.iter().any(|event| matches!(event, Event::Usage(_))), "it is paid for");
                }
            }
        }
    }

    #[test]
    fn nothing_is_handed_on_before_something_is_said() {
        let mut decoder = decoder_for(GEMINI, Dialect::AnthropicMessages, Vec::new()).unwrap();
        let mut events = Vec::new();
        let frame = format!("data: {}\n\n", answer(&json!([]), "OTHER"));
        decoder.push(&frame.into(), &mut events).unwrap();
        assert_eq!(events, []);
        let mut decoder = decoder_for(GEMINI, Dialect::AnthropicMessages, Vec::new()).unwrap();
        let frame = json!({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "index": 0}]});
        decoder.push(&format!("data: {frame}\n\n").into(), &mut events).unwrap();
        assert!(matches!(events.first(), Some(Event::Start { .. })), "{events:?}");
        let said = Event::Delta { choice: 0, index: 0, text: "Hi".to_owned() };
        assert!(events.contains(&said), "{events:?}");
    }

    #[test]
    fn what_said_something_or_has_a_word_is_an_answer() {
        let to = Dialect::AnthropicMessages;
        let text = json!([{"text": "Hi"}]);
        for (to, body) in [
            (to, answer(&text, "MALFORMED_FUNCTION_CALL")),
            (to, answer(&json!([]), "STOP")),
            (to, answer(&json!([]), "MAX_TOKENS")),
            (to, answer(&json!([]), "SAFETY")),
            (GEMINI, answer(&json!([]), "OTHER")),
            (Dialect::BedrockConverse, answer(&json!([]), "MALFORMED_FUNCTION_CALL")),
        ] {
            assert_eq!(whole(to, &body), None, "{body}");
            let events = streamed(to, &body);
            let ends = events.iter().filter(|event| matches!(event, Event::Finish { .. })).count();
            assert_eq!((ends, events.last()), (1, Some(&Event::End)), "{body}");
        }
    }
}
