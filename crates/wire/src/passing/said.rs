//! What of an answer has been said, by what it weighs in an estimate: text by its bytes, a picture as one, sound by its length.
//!
//! Pictures and sound come as base64, which is large as text and small in tokens.

use contract::canon::{Event, MediaKind, PartStart};
use contract::ports::InputSize;

/// The parts of an answer that are under way and no text.
#[derive(Debug, Default)]
pub struct Media(Vec<Under>);

#[derive(Debug)]
struct Under {
    choice: u32,
    index: u32,
    sound: bool,
}

impl Media {
    /// Adds what an event says.
    pub fn weigh(&mut self, event: &Event, said: &mut InputSize) {
        match event {
            Event::Delta { choice, index, text } => {
                let bytes = text.len() as u64;
                match self.0.iter().find(|part| (part.choice, part.index) == (*choice, *index)) {
                    None => said.text += bytes,
                    Some(part) if part.sound => said.media += bytes / 4 * 3,
                    Some(_) => {}
                }
            }
            Event::PartStart { choice, index, part: PartStart::Media { kind, .. }, .. } => {
                let sound = matches!(kind, MediaKind::Audio | MediaKind::Video);
                said.pictures += u64::from(!sound);
                self.0.push(Under { choice: *choice, index: *index, sound });
            }
            Event::PartStop { choice, index } => {
                self.0.retain(|part| (part.choice, part.index) != (*choice, *index));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_sound_are_no_text() {
        let (mut media, mut said) = (Media::default(), InputSize::default());
        let delta = |index, text: &str| Event::Delta { choice: 0, index, text: text.to_owned() };
        let start = |index, kind| {
            let part = PartStart::Media { kind, mime: String::new() };
            Event::PartStart { choice: 0, index, part, native: None }
        };
        for event in [
            delta(0, "word"),
            start(1, MediaKind::Image),
            delta(1, &"A".repeat(4000)),
            Event::PartStop { choice: 0, index: 1 },
            start(2, MediaKind::Audio),
            delta(2, &"A".repeat(4000)),
            Event::PartStop { choice: 0, index: 2 },
            delta(1, "more"),
        ] {
            media.weigh(&event, &mut said);
        }
        assert_eq!(said, InputSize { text: 8, media: 3000, pictures: 1 });
    }
}
