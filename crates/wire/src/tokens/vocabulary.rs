//! The vocabularies that are known: those of OpenAI's models (github.com/openai/tiktoken), by way of `bpe-openai`.
//!
//! Each is 32 or 15 MB of the program file and takes about twice that of memory from its first use on, so nothing here
//! is touched before a text has to be counted.

use std::sync::OnceLock;

use bpe_openai::Tokenizer;

/// A vocabulary of OpenAI's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// `o200k_base`, from GPT-4o on. `o200k_harmony` of gpt-oss differs in its special tokens alone.
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5 and the embedding models.
    Cl100k,
}

static O200K: OnceLock<&'static Tokenizer> = OnceLock::new();
static CL100K: OnceLock<&'static Tokenizer> = OnceLock::new();

impl Vocabulary {
    /// The tokens of a text. Names of special tokens in it are text, as they are for the API. Linear time whatever the
    /// text is; memory for it is at most a few times the text's.
    pub(super) fn count(self, text: &str) -> u64 {
        let tokenizer = match self {
            Self::O200k => O200K.get_or_init(bpe_openai::o200k_base),
            Self::Cl100k => CL100K.get_or_init(bpe_openai::cl100k_base),
        };
        tokenizer.count(text) as u64
    }
}

/// Has this process counted anything yet, and so loaded a vocabulary?
#[must_use]
pub fn loaded() -> bool {
    O200K.get().is_some() || CL100K.get().is_some()
}
