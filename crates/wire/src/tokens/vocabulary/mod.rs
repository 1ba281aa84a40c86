//! The vocabularies that are known: those of OpenAI's models, byte for byte as tiktoken (MIT) publishes them.
//!
//! They lie compressed within the program (2.4 MB) and are unpacked when a text is first counted, so nothing here is touched
//! before that. A text is cut into words by a pattern (`words.rs`), and a word is merged from its bytes (`merge.rs`).

mod merge;
mod ranks;
mod words;

use std::sync::OnceLock;

use merge::Merger;
use ranks::Ranks;
use words::Words;

/// A vocabulary of OpenAI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// `o200k_base`, from GPT-4o on. `o200k_harmony` of gpt-oss differs in its special tokens alone.
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5 and the embedding models.
    Cl100k,
}

/// An unpacked vocabulary with its pattern.
struct Tokenizer {
    words: Words,
    ranks: Ranks,
}

static O200K: OnceLock<Tokenizer> = OnceLock::new();
static CL100K: OnceLock<Tokenizer> = OnceLock::new();

/// As published: openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken.
const O200K_FILE: &[u8] = include_bytes!("../../../data/o200k_base.tiktoken.gz");
/// As published: openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken.
const CL100K_FILE: &[u8] = include_bytes!("../../../data/cl100k_base.tiktoken.gz");

impl Vocabulary {
    /// The tokens of a text. Names of special tokens in it are text, as they are for the API.
    ///
    /// Time grows with the text's length and no faster than that of its longest word times its logarithm; words beyond
    /// [`merge::LONGEST`] are cut, so that the memory it takes is bounded.
    pub(super) fn count(self, text: &str) -> u64 {
        let Tokenizer { words, ranks } = self.tokenizer();
        let mut merger = Merger::new(ranks);
        words.of(text).map(|word| merger.count(word.as_bytes())).sum()
    }

    fn tokenizer(self) -> &'static Tokenizer {
        match self {
            Self::O200k => {
                O200K.get_or_init(|| Tokenizer { words: Words::o200k(), ranks: Ranks::read(O200K_FILE) })
            }
            Self::Cl100k => {
                CL100K.get_or_init(|| Tokenizer { words: Words::cl100k(), ranks: Ranks::read(CL100K_FILE) })
            }
        }
    }
}

/// Has this process counted anything yet, and so unpacked a vocabulary?
#[must_use]
pub fn loaded() -> bool {
    O200K.get().is_some() || CL100K.get().is_some()
}

#[cfg(test)]
mod tests;
