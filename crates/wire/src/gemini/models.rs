//! What a generation of Gemini accepts, told from its name (docs: "Gemini thinking", "Thought signatures").

use contract::canon::Effort;

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It cannot.
    Unable,
    /// By a number of tokens in this range. Unless the least is 0 it cannot be switched off.
    Budget {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// By one of these levels, weakest first. It cannot be switched off.
    Levels(&'static [Effort]),
}

/// What a model accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// How it is told to think.
    pub(super) thinking: Thinking,
    /// From Gemini 3: calls in the conversation must carry a signature, and results may hold media.
    pub(super) signed_calls: bool,
    /// From Gemini 3: functions may stand beside Google's own tools.
    pub(super) both_tools: bool,
}

const LOW_HIGH: &[Effort] = &[Effort::Low, Effort::High];
const FROM_LOW: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const FROM_MINIMAL: &[Effort] = &[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];

impl Traits {
    /// The traits of the model of this name.
    pub(super) fn of(model: &str) -> Self {
        let Some((_, name)) = model.split_once("gemini-") else {
            return Self { thinking: Thinking::Unable, signed_calls: false, both_tools: false };
        };
        let pro = name.contains("pro");
        let major = name.split(['.', '-']).next().and_then(|word| word.parse::<u32>().ok());
        let thinking = match major {
            Some(0..=1) => Thinking::Unable,
            Some(2) if !name.starts_with("2.5") => Thinking::Unable,
            // Aliases such as `gemini-flash-latest`: a budget is understood by every generation that thinks.
            Some(2) | None if pro => Thinking::Budget { least: 128, most: 32_768 },
            Some(2) | None => Thinking::Budget { least: 0, most: 24_576 },
            Some(_) if name.starts_with("3-pro") => Thinking::Levels(LOW_HIGH),
            Some(_) if pro => Thinking::Levels(FROM_LOW),
            Some(_) => Thinking::Levels(FROM_MINIMAL),
        };
        // Aliases lead to the latest generation.
        let third = major.is_none_or(|major| major >= 3);
        Self { thinking, signed_calls: third, both_tools: third }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_follow_the_name() {
        assert_eq!(Traits::of("gemini-2.0-flash").thinking, Thinking::Unable);
        assert_eq!(
            Traits::of("models/gemini-2.5-pro").thinking,
            Thinking::Budget { least: 128, most: 32_768 }
        );
        assert_eq!(Traits::of("gemini-3-pro-preview").thinking, Thinking::Levels(LOW_HIGH));
        assert_eq!(Traits::of("gemini-3.1-pro-preview").thinking, Thinking::Levels(FROM_LOW));
        assert!(Traits::of("gemini-3.5-flash").signed_calls && !Traits::of("gemini-2.5-flash").signed_calls);
        assert!(Traits::of("gemini-flash-latest").signed_calls);
        assert_eq!(Traits::of("gemma-3-27b-it").thinking, Thinking::Unable);
    }
}
