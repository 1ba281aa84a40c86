//! What of a streamed answer a client's dialect has no place for. The answer's head is gone by then, so it is told to the request
//! log alone. Encoders pass over it; which dialect passes over what stands here, once for all.

use contract::canon::{Event, Finish, MediaKind, PartStart, Receipt};
use contract::words::Dialect;

/// Something that can be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// Choices beyond the first.
    Choices,
    Thoughts,
    Calls,
    Pictures,
    Sound,
    /// Tools that the provider ran.
    Tools,
    Sources,
    Likelihoods,
    /// That an answer was held back.
    HeldBack,
}

// tidy: table
/// What a stream of the dialect has no place for.
const fn passed_over(client: Dialect) -> &'static [Word] {
    match client {
        Dialect::OpenaiChat => &[Word::Tools],
        Dialect::OpenaiResponses => &[Word::Choices, Word::Sound],
        Dialect::OpenaiCompletions => {
            &[Word::Thoughts, Word::Calls, Word::Pictures, Word::Sound, Word::Tools, Word::Sources]
        }
        Dialect::AnthropicMessages => {
            &[Word::Choices, Word::Pictures, Word::Sound, Word::Tools, Word::Likelihoods]
        }
        Dialect::OllamaChat => {
            &[Word::Choices, Word::Pictures, Word::Sound, Word::Tools, Word::Sources, Word::HeldBack]
        }
        Dialect::OllamaGenerate => &[
            Word::Choices,
            Word::Calls,
            Word::Pictures,
            Word::Sound,
            Word::Tools,
            Word::Sources,
            Word::HeldBack,
        ],
        Dialect::CohereChat => &[Word::Choices, Word::Pictures, Word::Sound, Word::Tools],
        Dialect::BedrockConverse => {
            &[Word::Choices, Word::Pictures, Word::Sound, Word::Tools, Word::Likelihoods]
        }
        _ => &[],
    }
}

/// Listens to a stream and remembers what was lost of it.
#[derive(Debug)]
pub struct Untold {
    client: Dialect,
    words: &'static [Word],
    receipt: Receipt,
}

impl Untold {
    /// At the start of a stream for a client of a dialect.
    #[must_use]
    pub fn to(client: Dialect) -> Self {
        Self { client, words: passed_over(client), receipt: Receipt::default() }
    }

    /// Takes the next event.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::PartStart { choice, .. } if *choice > 0 && self.has(Word::Choices) => {
                self.lose(format!("choices[{choice}]"), "an answer has one choice here");
            }
            Event::PartStart { choice, index, part, native } => {
                let foreign = native.as_ref().is_none_or(|native| native.owner != self.client);
                if let Some((word, why)) = word(part).filter(|_| foreign)
                    && self.has(word)
                {
                    self.lose(format!("choices[{choice}].content[{index}]"), why);
                }
            }
            Event::Citation { choice, index, .. } if self.has(Word::Sources) => {
                self.lose(
                    format!("choices[{choice}].content[{index}].citations"),
                    "this dialect cites nothing",
                );
            }
            Event::Logprobs { choice, .. } if self.has(Word::Likelihoods) => {
                self.lose(format!("choices[{choice}].logprobs"), "an answer tells no likelihoods here");
            }
            Event::Finish { choice, reason: Finish::ContentFilter | Finish::Refusal, .. }
                if self.has(Word::HeldBack) =>
            {
                let why = "this dialect knows no answer that was held back";
                self.lose(format!("choices[{choice}].finish_reason"), why);
            }
            _ => {}
        }
    }

    /// What was lost so far.
    #[must_use]
    pub fn take(&mut self) -> Receipt {
        std::mem::take(&mut self.receipt)
    }

    fn has(&self, word: Word) -> bool {
        self.words.contains(&word)
    }

    fn lose(&mut self, field: String, why: &'static str) {
        self.receipt.dropped(field, why);
    }
}

/// The word for a part that not all have, and why it is lost.
const fn word(part: &PartStart) -> Option<(Word, &'static str)> {
    Some(match part {
        PartStart::Reasoning => (Word::Thoughts, "completions are text alone"),
        PartStart::ToolCall { .. } => (Word::Calls, "this dialect has no calls"),
        PartStart::Media { kind: MediaKind::Audio, .. } => {
            (Word::Sound, "there is no sound on a stream here")
        }
        PartStart::Media { .. } => (Word::Pictures, "there are no pictures on a stream here"),
        PartStart::ServerCall { .. } | PartStart::ServerResult(_) | PartStart::Native => {
            (Word::Tools, "a tool that another provider ran")
        }
        PartStart::Text | PartStart::Refusal => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(client: Dialect, events: &[Event]) -> String {
        let mut untold = Untold::to(client);
        events.iter().for_each(|event| untold.note(event));
        untold.take().to_string()
    }

    #[test]
    fn each_loss_is_named_once_where_it_stood() {
        let start = |choice, index, part| Event::PartStart { choice, index, part, native: None };
        let call = PartStart::ToolCall { id: "c".into(), name: "f".into(), custom: false };
        let events = [
            start(0, 0, PartStart::Reasoning),
            Event::Delta { choice: 0, index: 0, text: "hm".into() },
            start(0, 1, PartStart::Text),
            Event::Logprobs { choice: 0, tokens: Vec::new() },
            Event::Logprobs { choice: 0, tokens: Vec::new() },
            start(0, 2, call),
            start(1, 0, PartStart::Text),
        ];
        assert_eq!(lost(Dialect::OpenaiChat, &events), "");
        assert_eq!(lost(Dialect::AnthropicMessages, &events), "choices[0].logprobs, choices[1]");
        assert_eq!(lost(Dialect::OpenaiCompletions, &events), "choices[0].content[0], choices[0].content[2]");
    }

    #[test]
    fn a_block_of_the_clients_own_is_carried() {
        let native = |owner| contract::canon::Native { owner, value: serde_json::json!({}) };
        let event = |owner| Event::PartStart {
            choice: 0,
            index: 3,
            part: PartStart::Native,
            native: Some(native(owner)),
        };
        assert_eq!(lost(Dialect::AnthropicMessages, &[event(Dialect::AnthropicMessages)]), "");
        let foreign = lost(Dialect::AnthropicMessages, &[event(Dialect::GeminiGenerate)]);
        assert_eq!(foreign, "choices[0].content[3]");
    }
}
