//! Token counts without a provider: exact for texts of OpenAI's models, estimated with a stated error for others.
//!
//! The port is [`contract::ports::TokenCounter`]; `docs/tokens.md` says what is exact. Loading a vocabulary and counting take
//! time and memory: a request that needs no count pays neither. Next: `request.rs` for conversations, `family.rs` for
//! names of models, `size.rs` for what a body weighs unread.

mod family;
mod functions;
mod media;
mod picture;
mod request;
mod size;
mod sum;
mod vocabulary;

use contract::canon::Request;
use contract::ports::{Count, InputSize, TokenCounter};

use family::Family;
use sum::Sum;

pub use size::{documents, input_size};
pub use vocabulary::loaded;

/// The counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter;

/// Bytes of a request for each token that it has at most: so it was in 96 of 100 recorded requests, with what follows.
const BYTES_A_TOKEN: u64 = 2;
/// What providers put around a request unseen: prompts that explain tools have up to 600 tokens.
const AROUND: u64 = 512;
/// Bytes of sound or film that are at least one token: sound at 6 kbit/s, of which models make 32 tokens a second at most.
const MEDIA_BYTES_A_TOKEN: u64 = 16;

/// Bytes of text for a token, usually: English in current vocabularies; half of the recorded requests of more than 1 KB have
/// 4 to 6, the JSON around their texts included.
const USUAL_BYTES: u64 = 4;
/// Bytes of sound for a token, usually: MP3 of 64 kbit/s at 25 tokens a second.
const USUAL_MEDIA_BYTES: u64 = 320;
/// Tokens of a picture, usually.
const USUAL_PICTURE: u64 = 1_000;

/// The tokens that an input or an output of this size usually has: for a call that ended before its provider could report.
#[must_use]
pub const fn likely(size: InputSize) -> u64 {
    let pictures = size.pictures.saturating_mul(USUAL_PICTURE);
    size.text
        .div_ceil(USUAL_BYTES)
        .saturating_add(size.media.div_ceil(USUAL_MEDIA_BYTES))
        .saturating_add(pictures)
}

impl TokenCounter for Counter {
    fn text(&self, model: &str, text: &str) -> Count {
        let family = Family::of(model);
        let mut sum = Sum::default();
        sum.add(family.scaled(family.vocabulary.count(text)), family.error);
        sum.count()
    }

    fn request(&self, request: &Request) -> Count {
        request::count(request)
    }

    fn most(&self, model: &str, size: InputSize) -> u64 {
        let pictures = if size.pictures == 0 { 0 } else { size.pictures.saturating_mul(media::most(model)) };
        (size.text / BYTES_A_TOKEN + AROUND)
            .saturating_add(size.media / MEDIA_BYTES_A_TOKEN)
            .saturating_add(pictures)
    }
}

/// Who this counts for, for tables of how well it does.
#[must_use]
pub fn family(model: &str) -> &'static str {
    Family::of(model).name
}

#[cfg(test)]
mod tests;
