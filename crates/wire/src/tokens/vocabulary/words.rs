//! Texts into words, as tiktoken's patterns cut them (github.com/openai/tiktoken, `tiktoken_ext/openai_public.py`).
//!
//! Each pattern there ends with `\s+(?!\S)|\s+`: of several white characters the last one goes with the word behind them.
//! An automaton has no look-ahead, so that this is done by hand: what `\s+` matched before a word is given back by one.

use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input, PatternID};

/// Of the pattern for white space between words; the first is for all else.
const SPACE: PatternID = PatternID::new_unchecked(1);

const CL100K: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+";

/// Words, whose capitals come first and which may have an English ending; up to three digits; signs; ends of lines.
const O200K: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+",
);

/// A pattern that cuts texts into words.
pub(super) struct Words {
    /// None if the pattern were no pattern: then a text is one word. Tests use both.
    regex: Option<Regex>,
}

impl Words {
    pub(super) fn o200k() -> Self {
        Self::new(O200K)
    }

    pub(super) fn cl100k() -> Self {
        Self::new(CL100K)
    }

    fn new(pattern: &str) -> Self {
        Self { regex: Regex::new_many(&[pattern, r"\s+"]).ok() }
    }

    /// The words of a text, which together are the text.
    pub(super) fn of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (word, after) = rest.split_at(self.first(rest));
            rest = after;
            Some(word)
        })
    }

    /// The length of the first word, at least one character.
    fn first(&self, text: &str) -> usize {
        let found =
            self.regex.as_ref().and_then(|regex| regex.find(Input::new(text).anchored(Anchored::Yes)));
        let Some(found) = found.filter(|found| !found.is_empty()) else { return text.len() };
        let end = found.end();
        if found.pattern() != SPACE || end == text.len() {
            return end;
        }
        match text[..end].char_indices().next_back() {
            Some((last, _)) if last > 0 => last,
            _ => end,
        }
    }
}
