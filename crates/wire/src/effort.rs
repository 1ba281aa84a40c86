//! Levels of thinking: the words that OpenAI's dialects and their followers have for all of them, and the level that stands for
//! a number of tokens where a target takes no number. Claude's own scale is in `anthropic/thinking.rs`.

use contract::canon::{Effort, Reasoning};

/// The level of this name.
pub(crate) fn named(text: &str) -> Option<Effort> {
    Some(match text {
        "none" => Effort::None,
        "minimal" => Effort::Minimal,
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

/// Its name.
pub(crate) const fn word(effort: Effort) -> &'static str {
    match effort {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}

/// The level asked for, or the one that a number of thinking tokens comes nearest to.
pub(crate) fn level(asked: &Reasoning) -> Option<Effort> {
    let from_budget = |tokens| match tokens {
        0 => Effort::None,
        1..=4_095 => Effort::Low,
        4_096..=16_383 => Effort::Medium,
        _ => Effort::High,
    };
    asked.effort.or_else(|| asked.budget.map(from_budget))
}
