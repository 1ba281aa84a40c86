//! What a generation of Claude accepts, told from its name.
//!
//! Anthropic refuses with a 400 what a model does not know, so a request that comes from another dialect must be cut to
//! fit. Rules from platform.claude.com: "Extended thinking", "Adaptive thinking", "Effort", "Structured outputs",
//! "Mid-conversation system messages" and the migration guides.
//! Names that are not Claude's (other vendors behind this dialect) get the rules of the first thinking models.

use contract::canon::Effort;

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It cannot.
    Unable,
    /// By a number of tokens.
    Budget,
    /// By itself, or by a number of tokens.
    Either,
    /// By itself only.
    Adaptive,
    /// By itself, and it cannot be switched off.
    Always,
}

/// What a model accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// How it is told to think.
    pub(super) thinking: Thinking,
    /// The levels `output_config.effort` takes, weakest first.
    pub(super) efforts: &'static [Effort],
    /// Are `temperature`, `top_p` and `top_k` accepted?
    pub(super) sampling: bool,
    /// Are `temperature` and `top_p` accepted together?
    pub(super) both_samplers: bool,
    /// Does it go on with an answer that the client began?
    pub(super) prefill: bool,
    /// Can its answers and calls be held to a schema?
    pub(super) schemas: bool,
    /// Does it take system messages between turns?
    pub(super) system_turns: bool,
    /// `max_tokens` when the client set none: within the output limit of every model of the generation, and not so
    /// small that an answer is cut short that another provider would have finished.
    pub(super) max_tokens: u64,
}

const TO_HIGH: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const WITH_MAX: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];
const ALL: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];

impl Traits {
    /// The traits of the model of this name, whatever prefix (`anthropic.`, a region) or suffix (a date) it carries.
    pub(super) fn of(model: &str) -> Self {
        let Some((before, name)) = model.split_once("claude") else {
            return Self { max_tokens: 8_192, schemas: true, ..Self::early(Thinking::Budget) };
        };
        let opus = name.contains("opus");
        let version = generation(name);
        // Anthropic's own service alone takes them; other clouds spell the name with a prefix or an @.
        let own = !before.ends_with("anthropic.") && !name.contains('@');
        let late = version >= (4, 6);
        Self {
            prefill: !late,
            schemas: version >= (4, 5),
            system_turns: own && version >= (4, 8),
            ..Self::of_generation(version, name, opus)
        }
    }

    fn of_generation(version: (u32, u32), name: &str, opus: bool) -> Self {
        match version {
            (0..=2, _) | (3, 0..=4) => Self { max_tokens: 4_096, ..Self::early(Thinking::Unable) },
            (3, 5..=6) => Self { max_tokens: 8_192, ..Self::early(Thinking::Unable) },
            (3, _) | (4, 0) => Self::early(Thinking::Budget),
            (4, 1..=4) => Self { both_samplers: false, ..Self::early(Thinking::Budget) },
            (4, 5) => {
                let efforts = if opus { TO_HIGH } else { &[] };
                Self { efforts, both_samplers: false, ..Self::early(Thinking::Budget) }
            }
            (4, 6) => Self { efforts: WITH_MAX, both_samplers: false, ..Self::early(Thinking::Either) },
            _ => {
                let always = name.contains("fable") || name.contains("mythos");
                let thinking = if always { Thinking::Always } else { Thinking::Adaptive };
                Self { efforts: ALL, sampling: false, both_samplers: false, ..Self::early(thinking) }
            }
        }
    }

    const fn early(thinking: Thinking) -> Self {
        Self {
            thinking,
            efforts: &[],
            sampling: true,
            both_samplers: true,
            prefill: true,
            schemas: false,
            system_turns: false,
            max_tokens: 32_000,
        }
    }

    /// The strongest level the model takes that is not above `asked`, or its weakest.
    pub(super) fn effort(&self, asked: Effort) -> Option<Effort> {
        self.efforts.iter().rev().find(|level| **level <= asked).or(self.efforts.first()).copied()
    }
}

/// Major and minor version in a name such as `-3-5-sonnet-20241022` or `-opus-4-5@20251101`. A name without a version
/// is an alias of the newest.
fn generation(name: &str) -> (u32, u32) {
    let mut numbers = name
        .split(['-', '.', '@', ':', '_'])
        .skip_while(|word| !is_version(word))
        .take_while(|word| is_version(word))
        .filter_map(|word| word.parse().ok());
    match numbers.next() {
        Some(major) => (major, numbers.next().unwrap_or(0)),
        None => (u32::MAX, 0),
    }
}

fn is_version(word: &str) -> bool {
    !word.is_empty() && word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_read_from_old_and_new_names() {
        for (name, version) in [
            ("-3-5-sonnet-20241022", (3, 5)),
            ("-3-opus-20240229", (3, 0)),
            ("-opus-4-20250514", (4, 0)),
            ("-opus-4-5@20251101", (4, 5)),
            ("-haiku-4-5-20251001-v1:0", (4, 5)),
            ("-sonnet-5", (5, 0)),
            ("-opus-latest", (u32::MAX, 0)),
        ] {
            assert_eq!(generation(name), version, "{name}");
        }
    }

    #[test]
    fn traits_follow_the_generation() {
        assert_eq!(Traits::of("anthropic.claude-3-7-sonnet-20250219-v1:0").thinking, Thinking::Budget);
        assert_eq!(Traits::of("claude-3-5-haiku-latest").thinking, Thinking::Unable);
        assert_eq!(Traits::of("claude-sonnet-4-6").thinking, Thinking::Either);
        assert!(!Traits::of("claude-opus-4-7").sampling);
        assert_eq!(Traits::of("claude-fable-5").thinking, Thinking::Always);
        assert_eq!(Traits::of("kimi-k2").thinking, Thinking::Budget);
        let (old, new) = (Traits::of("claude-sonnet-4-5"), Traits::of("claude-opus-4-8"));
        assert_eq!((old.prefill, old.schemas, old.system_turns), (true, true, false));
        assert_eq!((new.prefill, new.schemas, new.system_turns), (false, true, true));
        assert!(!Traits::of("us.anthropic.claude-opus-4-8").system_turns);
        assert!(!Traits::of("claude-3-7-sonnet-20250219").schemas);
    }

    #[test]
    fn effort_is_the_nearest_the_model_takes() {
        assert_eq!(Traits::of("claude-opus-4-6").effort(Effort::XHigh), Some(Effort::High));
        assert_eq!(Traits::of("claude-opus-4-8").effort(Effort::Minimal), Some(Effort::Low));
        assert_eq!(Traits::of("claude-haiku-4-5").effort(Effort::High), None);
    }
}
