//! What of a streamed answer a client's dialect has no place for. The answer's head is gone by then, so it is told to the request
//! log alone.
//!
//! What a whole answer would have lost, its writer knows: the answer is kept without its texts, and written once at the end
//! for the receipt alone. Only what streams lack beside that stands here.

use contract::canon::{Answered, Event, MediaKind, PartKind, PartStart, Receipt, ServerCall};
use contract::words::Dialect;

use crate::{EncodeOptions, Gather};

/// What streams of the dialect have no place for, though whole answers do.
const fn passed_over(client: Dialect) -> &'static [MediaKind] {
    match client {
        Dialect::BedrockConverse => &[MediaKind::Audio],
        _ => &[],
    }
}

/// Listens to a stream and remembers what was lost of it.
#[derive(Debug)]
pub struct Untold {
    client: Dialect,
    receipt: Receipt,
    bones: Gather,
    /// Parts whose text has not begun: a writer passes over empty ones.
    silent: Vec<(u32, u32)>,
    /// Choices whose likelihoods have begun.
    likely: Vec<u32>,
}

/// The most bytes of an answer without its texts that are kept.
const BONES: usize = 256 << 10;

impl Untold {
    /// At the start of a stream for a client of a dialect.
    #[must_use]
    pub fn to(client: Dialect) -> Self {
        Self {
            client,
            receipt: Receipt::default(),
            bones: Gather::with_cap(BONES),
            silent: Vec::new(),
            likely: Vec::new(),
        }
    }

    /// Takes the next event.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::PartStart { choice, index, part, .. } => {
                if let PartStart::Media { kind, .. } = part
                    && passed_over(self.client).contains(kind)
                {
                    let place = format!("choices[{choice}].content[{index}]");
                    self.receipt.dropped(place, "streams have no place for it here");
                }
                if !matches!(part, PartStart::ToolCall { .. } | PartStart::ServerCall { .. }) {
                    self.silent.push((*choice, *index));
                }
                self.bones.push(event.clone());
            }
            Event::Delta { choice, index, text } => {
                if let Some(at) = self.silent.iter().position(|it| *it == (*choice, *index)) {
                    self.silent.swap_remove(at);
                    let text = text.chars().take(1).collect();
                    self.bones.push(Event::Delta { choice: *choice, index: *index, text });
                }
            }
            Event::PartStop { choice, index } => self.silent.retain(|it| it != &(*choice, *index)),
            Event::Logprobs { choice, tokens } => {
                if !self.likely.contains(choice) {
                    self.likely.push(*choice);
                    let tokens = tokens.iter().take(1).cloned().collect();
                    self.bones.push(Event::Logprobs { choice: *choice, tokens });
                }
            }
            Event::Error { .. } | Event::End => {}
            event => self.bones.push(event.clone()),
        }
    }

    /// What was lost so far; nothing is remembered of it.
    #[must_use]
    pub fn take(&mut self) -> Receipt {
        let untold = std::mem::replace(self, Self::to(self.client));
        let (mut receipt, mut reply) = (untold.receipt, untold.bones.finish());
        for part in reply.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
            if let PartKind::ToolCall { arguments: text, .. }
            | PartKind::ServerCall(ServerCall { input: text, .. }) = &mut part.kind
                && text.is_empty()
            {
                text.push_str("{}");
            }
        }
        let answered = Answered::Chat(Box::new(reply));
        crate::write_reply(untold.client, &answered, &EncodeOptions::default(), &mut receipt);
        receipt
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::TokenLogprob;

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
            Event::Logprobs { choice: 0, tokens: vec![TokenLogprob::default(); 2] },
            Event::Logprobs { choice: 0, tokens: vec![TokenLogprob::default(); 2] },
            start(0, 2, call),
            start(1, 0, PartStart::Text),
        ];
        assert_eq!(lost(Dialect::OpenaiChat, &events), "");
        assert_eq!(lost(Dialect::AnthropicMessages, &events), "choices[1], choices[0].logprobs");
        assert_eq!(lost(Dialect::OpenaiCompletions, &events), "choices[0].content[0], choices[0].content[2]");
    }

    #[test]
    fn fields_of_another_dialect_and_sources_without_a_place_are_named() {
        use contract::canon::{Citation, Extra};
        let fields = |value: serde_json::Value| value.as_object().unwrap().clone();
        let extra = |value| Extra { owner: Some(Dialect::AnthropicMessages), fields: fields(value) };
        let citation = Citation { quote: Some("q".into()), ..Citation::default() };
        let events = [
            Event::Start {
                id: "i".into(),
                model: "m".into(),
                created: None,
                extra: extra(serde_json::json!({"a": 1})),
            },
            Event::PartStart { choice: 0, index: 0, part: PartStart::Text, native: None },
            Event::Delta { choice: 0, index: 0, text: "hm".into() },
            Event::Citation { choice: 0, index: 0, citation },
            Event::PartStop { choice: 0, index: 0 },
            Event::Extra { choice: None, extra: extra(serde_json::json!({"b": 2})) },
            Event::End,
        ];
        assert_eq!(lost(Dialect::AnthropicMessages, &events), "");
        assert_eq!(lost(Dialect::OpenaiChat, &events), "choices[0].citations, reply.a, reply.b");
    }

    #[test]
    fn what_streams_alone_lack_is_named() {
        for (client, kind) in
            [(Dialect::CohereChat, MediaKind::Image), (Dialect::BedrockConverse, MediaKind::Audio)]
        {
            let part = PartStart::Media { kind, mime: "image/png".into() };
            let event = Event::PartStart { choice: 0, index: 0, part, native: None };
            assert_eq!(lost(client, &[event]), "choices[0].content[0]");
        }
    }

    #[test]
    fn a_block_of_the_clients_own_is_carried() {
        let native = |owner| contract::canon::Native { owner, value: serde_json::json!({}) };
        let event = |owner| Event::PartStart {
            choice: 0,
            index: 0,
            part: PartStart::Native,
            native: Some(native(owner)),
        };
        assert_eq!(lost(Dialect::AnthropicMessages, &[event(Dialect::AnthropicMessages)]), "");
        let foreign = lost(Dialect::AnthropicMessages, &[event(Dialect::GeminiGenerate)]);
        assert_eq!(foreign, "choices[0].content[0]");
    }
}
