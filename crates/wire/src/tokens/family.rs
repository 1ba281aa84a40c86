//! Which vocabulary counts for a model, by its name: OpenAI's models have their own, for others OpenAI's newest is a
//! yardstick.
//!
//! The names of OpenAI's are those of tiktoken's table (github.com/openai/tiktoken, `model.py`). The figures of other
//! families were measured: see `docs/tokens.md`.

use super::vocabulary::Vocabulary;

/// How the tokens of a family of models are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// Its name, for tables.
    pub(super) name: &'static str,
    /// What counts its texts.
    pub(super) vocabulary: Vocabulary,
    /// Its tokens for each hundred of the vocabulary's.
    pub(super) percent: u64,
    /// By how many percent nine of ten counts of texts are off at most; 0: the vocabulary is its own.
    pub(super) error: u64,
    /// What frames a conversation.
    pub(super) frame: Frame,
}

/// Tokens around the texts of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Of all of it: what a template begins and ends with, a prompt of the provider's own.
    pub(super) all: u64,
    /// Of each message.
    pub(super) message: u64,
    /// Of a message of the model's, besides.
    pub(super) reply: u64,
    /// Of the prompt of a model that is told to think.
    pub(super) thinking: u64,
    /// Of the prompt that explains tools, when there are any.
    pub(super) tools: u64,
    /// Of each tool's definition, besides its texts.
    pub(super) tool: u64,
    /// Of each call and each result, besides their texts.
    pub(super) call: u64,
    /// Of a schema for the answer, besides itself; none where it is no part of the prompt.
    pub(super) schema: Option<u64>,
    /// By how many percent the frame of messages is off.
    pub(super) error: u64,
}

/// OpenAI's cookbook ("How to count tokens with tiktoken"): 3 tokens and the role for a message, 3 before the answer; for
/// tools, "Counting tokens for tool calls".
const CHAT: Frame = Frame {
    all: 3,
    message: 4,
    reply: 0,
    thinking: 0,
    tools: 12,
    tool: 7,
    call: 7,
    schema: Some(10),
    error: 0,
};
/// OpenAI's harmony format (github.com/openai/harmony), of the models that reason: a channel before each answer.
const HARMONY: Frame = Frame { all: 2, reply: 2, tools: 55, ..CHAT };
/// The same with the system message that servers of gpt-oss put before it.
const OPEN_HARMONY: Frame = Frame { all: 66, tools: 70, error: 15, ..HARMONY };

const fn own(name: &'static str, vocabulary: Vocabulary, frame: Frame) -> Family {
    Family { name, vocabulary, percent: 100, error: 0, frame }
}

/// A template of which a few figures were measured: around all and each message; of the prompt of tools and each tool.
const fn template((all, message): (u64, u64), (tools, tool): (u64, u64)) -> Frame {
    Frame { all, message, reply: 0, thinking: 0, tools, tool, call: 15, schema: None, error: 60 }
}

const fn measured(name: &'static str, (percent, error): (u64, u64), frame: Frame) -> Family {
    Family { name, vocabulary: Vocabulary::O200k, percent, error, frame }
}

const O200K: Family = own("openai-o200k", Vocabulary::O200k, CHAT);
const HARMONIC: Family = own("openai-harmony", Vocabulary::O200k, HARMONY);
const OSS: Family = own("gpt-oss", Vocabulary::O200k, OPEN_HARMONY);
const CL100K: Family = own("openai-cl100k", Vocabulary::Cl100k, CHAT);
const CLAUDE: Family = measured("claude", (115, 20), CLAUDE_FRAME);
/// From Opus 4.7 on: "up to 35 % more tokens" (platform.claude.com, "Migration guide").
const CLAUDE_NEW: Family = measured("claude-new", (140, 30), Frame { tools: 600, ..CLAUDE_FRAME });
const CLAUDE_FRAME: Frame =
    Frame { schema: Some(150), call: 30, thinking: 29, ..template((3, 4), (430, 60)) };
const GEMINI: Family = measured("gemini", (100, 15), Frame { call: 10, ..template((0, 0), (10, 10)) });
const GEMMA: Family = measured("gemma", (100, 15), template((4, 5), (150, 20)));
const MISTRAL: Family = measured("mistral", (105, 15), template((4, 2), (0, 40)));
const LLAMA: Family = measured("llama", (100, 15), template((5, 5), (150, 20)));
const SONAR: Family = measured("sonar", (100, 15), template((0, 0), (150, 20)));
const QWEN: Family = measured("qwen", (100, 15), template((3, 5), (110, 15)));
const DEEPSEEK: Family = measured("deepseek", (100, 15), template((2, 2), (290, 15)));
const COHERE: Family = measured("cohere", (100, 15), template((0, 0), (0, 0)));
const GROK: Family = measured("grok", (100, 25), Frame { error: 100, ..template((150, 2), (100, 25)) });
const GLM: Family = measured("glm", (100, 15), template((3, 4), (120, 15)));
const KIMI: Family = measured("kimi", (100, 15), template((2, 4), (20, 20)));
const NOVA: Family = measured("nova", (100, 15), template((2, 0), (350, 15)));
const OTHER: Family = measured("other", (100, 30), template((2, 4), (150, 20)));

// tidy: table
/// What the name of a model has at the start of one of its words → its family; the first that fits counts.
const NAMES: &[(&str, Family)] = &[
    ("gpt-4o", O200K),
    ("gpt-4.1", O200K),
    ("gpt-4.5", O200K),
    ("gpt-5", HARMONIC),
    ("gpt-oss", OSS),
    ("chatgpt-4o", O200K),
    ("codex-mini", HARMONIC),
    ("gpt-4", CL100K),
    ("gpt-3.5", CL100K),
    // Azure's spelling.
    ("gpt-35", CL100K),
    ("text-embedding-3", CL100K),
    ("text-embedding-ada-002", CL100K),
    ("davinci-002", CL100K),
    ("babbage-002", CL100K),
    // Models that were taught by another one have the vocabulary of what they were made from.
    ("distill-llama", LLAMA),
    ("distill-qwen", QWEN),
    ("claude-opus-4-7", CLAUDE_NEW),
    ("claude-opus-4.7", CLAUDE_NEW),
    ("claude-opus-4-8", CLAUDE_NEW),
    ("claude-opus-4.8", CLAUDE_NEW),
    ("claude-opus-5", CLAUDE_NEW),
    ("claude-sonnet-5", CLAUDE_NEW),
    ("claude-haiku-5", CLAUDE_NEW),
    ("claude", CLAUDE),
    ("gemini", GEMINI),
    ("gemma", GEMMA),
    ("mistral", MISTRAL),
    ("mixtral", MISTRAL),
    ("ministral", MISTRAL),
    ("magistral", MISTRAL),
    ("devstral", MISTRAL),
    ("codestral", MISTRAL),
    ("pixtral", MISTRAL),
    ("voxtral", MISTRAL),
    ("deepseek", DEEPSEEK),
    ("qwen", QWEN),
    ("qwq", QWEN),
    ("command", COHERE),
    ("c4ai", COHERE),
    ("aya", COHERE),
    ("grok", GROK),
    ("glm", GLM),
    ("kimi", KIMI),
    ("moonshot", KIMI),
    ("nova", NOVA),
    ("llama", LLAMA),
    ("sonar", SONAR),
    ("nemotron", LLAMA),
    ("hermes", LLAMA),
];

/// Names that are words of their own at the start of a model's name: `o3`, `o4-mini`, not `foo3`.
const REASONERS: &[&str] = &["o1", "o3", "o4"];

impl Family {
    /// The family of a model: its name may have a provider, a region or a path before it (`openai/…`,
    /// `us.anthropic.claude-…`, `accounts/…/models/…`, `ft:…`) and a version, a date or a tag behind.
    pub(super) fn of(model: &str) -> Self {
        let last = model.rsplit(['/', '\\']).next().unwrap_or(model);
        let last = strip(last, "ft:");
        if REASONERS.iter().any(|name| is_word(last, name)) {
            return HARMONIC;
        }
        NAMES.iter().find(|(name, _)| has_word(model, name)).map_or(OTHER, |(_, family)| *family)
    }

    /// Tokens of the vocabulary as tokens of this family.
    pub(super) const fn scaled(&self, tokens: u64) -> u64 {
        tokens.saturating_mul(self.percent).div_ceil(100)
    }
}

fn strip<'a>(name: &'a str, prefix: &str) -> &'a str {
    match name.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &name[prefix.len()..],
        _ => name,
    }
}

/// Is it this word, or does it begin with it?
fn is_word(name: &str, word: &str) -> bool {
    let rest = strip(name, word);
    rest.len() < name.len() && !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '.')
}

/// Does one of its words begin so?
fn has_word(name: &str, start: &str) -> bool {
    let (name, start) = (name.as_bytes(), start.as_bytes());
    name.windows(start.len()).enumerate().any(|(at, window)| {
        let within = at > 0 && name[at - 1].is_ascii_alphanumeric();
        !within && window.eq_ignore_ascii_case(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // tidy: table
    #[test]
    fn names_of_models_tell_their_family() {
        for (model, family) in [
            ("gpt-4o-2024-08-06", "openai-o200k"),
            ("openai/gpt-4.1-mini", "openai-o200k"),
            ("ft:gpt-4o-mini-2024-07-18:acme::abc", "openai-o200k"),
            ("FT:GPT-3.5-turbo-0125:acme", "openai-cl100k"),
            ("chatgpt-4o-latest", "openai-o200k"),
            ("gpt-5.1-codex", "openai-harmony"),
            ("o1", "openai-harmony"),
            ("openrouter/openai/o3-mini:free", "openai-harmony"),
            ("o4-mini-2025-04-16", "openai-harmony"),
            ("openai/gpt-oss-120b", "gpt-oss"),
            ("openai.gpt-oss-20b-1:0", "gpt-oss"),
            ("gpt-4", "openai-cl100k"),
            ("gpt-4-turbo", "openai-cl100k"),
            ("gpt-4-32k-0613", "openai-cl100k"),
            ("gpt-35-turbo", "openai-cl100k"),
            ("text-embedding-3-large", "openai-cl100k"),
            ("text-embedding-ada-002", "openai-cl100k"),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", "claude"),
            ("publishers/google/models/gemini-2.5-pro", "gemini"),
            ("accounts/fireworks/models/llama-v3p3-70b-instruct", "llama"),
            ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "llama"),
            ("us.meta.llama3-3-70b-instruct-v1:0", "llama"),
            ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen"),
            ("deepseek-r1-distill-llama-70b", "llama"),
            ("deepseek-chat", "deepseek"),
            ("qwen2.5:7b", "qwen"),
            ("command-a-03-2025", "cohere"),
            ("grok-4-fast", "grok"),
            ("zai-org/GLM-4.6", "glm"),
            ("moonshotai/Kimi-K2", "kimi"),
            ("amazon.nova-lite-v1:0", "nova"),
            ("echo", "other"),
            ("foo3", "other"),
            ("o1x", "other"),
            ("o3.5", "other"),
            ("ünïcode-o1", "other"),
            ("", "other"),
        ] {
            assert_eq!(Family::of(model).name, family, "{model}");
        }
    }
}
