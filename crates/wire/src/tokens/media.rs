//! What pictures and other media cost in tokens, by the rules that providers document. Not their text.
//!
//! Sources: platform.openai.com/docs/guides/images-vision ("Calculating costs"), platform.claude.com "Vision",
//! ai.google.dev "Understand and count tokens". The rules change with each model and are not always what is billed, so that
//! every figure here is doubted.

use contract::canon::{MediaKind, MediaSource};

use super::family::Family;
use super::picture::Pixels;
use super::sum::Sum;

/// A picture of which nothing is known: what a screen of 1024 × 768 costs with most providers.
const PICTURE: u64 = 1_000;
/// A document of which nothing is known: a few pages.
const DOCUMENT: u64 = 2_000;
/// The least that a document has: one page with little on it.
const PAGE: u64 = 250;
/// Bytes of base64 for a token of a document.
const DOCUMENT_BYTES: u64 = 20;
/// Bytes of base64 for a token of sound: MP3 of 64 kbit/s at 25 tokens a second.
const SOUND_BYTES: u64 = 430;
/// By how many percent documented rules are off.
const RULE_ERROR: u64 = 25;

/// Adds what a medium costs.
pub(super) fn add(
    family: &Family,
    model: &str,
    (kind, source, low): (MediaKind, &MediaSource, bool),
    sum: &mut Sum,
) {
    let bytes = match source {
        MediaSource::Base64 { data, .. } => Some(data.len() as u64),
        _ => None,
    };
    match (kind, source) {
        (MediaKind::Image, MediaSource::Base64 { data, .. }) => match Pixels::of_base64(data) {
            Some(pixels) => sum.add(picture(family, model, pixels, low), RULE_ERROR),
            None => sum.add(PICTURE, 100),
        },
        (MediaKind::Image, _) if low => sum.add(PICTURE / 10, 100),
        (MediaKind::Image, _) => sum.add(PICTURE, 100),
        (MediaKind::Audio | MediaKind::Video, _) => {
            sum.add(bytes.map_or(PICTURE, |bytes| bytes / SOUND_BYTES), 100);
        }
        (MediaKind::Document, _) => {
            sum.add(bytes.map_or(DOCUMENT, |bytes| (bytes / DOCUMENT_BYTES).max(PAGE)), 100);
        }
    }
}

/// The tokens of a picture of this size. `low`: the client wants few details.
fn picture(family: &Family, model: &str, pixels: Pixels, low: bool) -> u64 {
    match family.name {
        "claude-new" => (pixels.within(2576).area() / 750).clamp(1, 4_784),
        "claude" => (pixels.within(1568).area() / 750).clamp(1, 1_600),
        // `media_resolution` of images is high unless told otherwise.
        "gemini" if model.contains("gemini-3") => 1_120,
        "gemini" if pixels.wide.max(pixels.high) <= 384 => 258,
        "gemini" => 258 * pixels.squares(768),
        "qwen" => pixels.squares(28).min(1_280),
        "mistral" => pixels.within(1024).squares(16),
        "openai-o200k" | "openai-harmony" | "openai-cl100k" => openai(model, pixels, low),
        _ => pixels.within(1568).area().div_ceil(750),
    }
}

// tidy: table
/// Models whose pictures are cut into patches of 32 pixels, at most 1,536: hundredths of a token for each.
const PATCHED: &[(&str, u64)] = &[
    ("gpt-4.1-mini", 162),
    ("gpt-4.1-nano", 246),
    ("gpt-5-mini", 162),
    ("gpt-5-nano", 246),
    ("o4-mini", 172),
];

// tidy: table
/// Models whose pictures are cut into tiles of 512 pixels: tokens for the picture and for each tile. The last is for all
/// others.
const TILED: &[(&str, u64, u64)] =
    &[("4o-mini", 2_833, 5_667), ("gpt-5", 70, 140), ("o1", 75, 150), ("o3", 75, 150), ("", 85, 170)];

fn openai(model: &str, pixels: Pixels, low: bool) -> u64 {
    if let Some((_, hundredths)) = PATCHED.iter().find(|(name, _)| model.contains(name)) {
        return (pixels.squares(32).min(1_536) * hundredths).div_ceil(100);
    }
    let tiled = TILED.iter().find(|(name, ..)| model.contains(name));
    let (base, tile) = tiled.map_or((85, 170), |(_, base, tile)| (*base, *tile));
    if low { base } else { base + tile * pixels.within(2048).shorter(768).squares(512) }
}

/// The most tokens that a picture can have with a model.
pub(super) fn most(model: &str) -> u64 {
    match model.contains("4o-mini") {
        // Eight tiles: 768 × 2048.
        true => 2_833 + 8 * 5_667,
        // 12 million pixels with the newest models of all providers, by their documentation.
        false => 16_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of OpenAI's and Anthropic's documentation.
    #[test]
    fn rules_give_their_documented_examples() {
        let tokens =
            |model: &str, wide, high, low| picture(&Family::of(model), model, Pixels { wide, high }, low);
        assert_eq!(tokens("gpt-4o", 1024, 1024, false), 765);
        assert_eq!(tokens("gpt-4o", 2048, 4096, false), 1105);
        assert_eq!(tokens("gpt-4o", 4096, 8192, true), 85);
        assert_eq!(tokens("gpt-4o-mini", 1024, 1024, false), 25_501);
        assert_eq!(tokens("gpt-5", 1024, 1024, false), 630);
        assert_eq!(tokens("gpt-4.1-mini", 1024, 1024, false), 1_659);
        assert_eq!(tokens("claude-sonnet-4-5", 1000, 1000, false), 1_333);
        assert_eq!(tokens("claude-sonnet-4-5", 200, 200, false), 53);
        assert_eq!(tokens("gemini-2.5-flash", 384, 384, false), 258);
        assert!(most("gpt-4o-mini") >= tokens("gpt-4o-mini", 8000, 3000, false));
    }
}
