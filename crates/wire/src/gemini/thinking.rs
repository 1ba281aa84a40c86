//! `thinkingConfig` ↔ canon's reasoning. Generations of Gemini are told in different ways: see `models.rs`.

use contract::Fault;
use contract::canon::{Effort, Reasoning, Receipt};
use serde_json::{Map, Value};

use super::models::Thinking;
use super::names;
use crate::effort;
use crate::fields::Fields;

const BUDGET: &str = "thinkingBudget";

/// Reads `thinkingConfig`, and what is left of it. A budget of -1 leaves the amount to the model, as canon's empty reasoning
/// does; that there was no budget at all is marked by a null.
pub(super) fn read(mut config: Fields) -> Result<(Reasoning, Map<String, Value>), Fault> {
    let mut asked = Reasoning { include: config.flag("includeThoughts")?, ..Reasoning::default() };
    let budget = names::integer(&mut config, BUDGET)?;
    asked.budget = budget.and_then(|budget| u64::try_from(budget).ok());
    if let Some(level) = names::word(&mut config, "thinkingLevel")? {
        asked.effort = match level.to_ascii_lowercase().as_str() {
            "minimal" => Some(Effort::Minimal),
            "low" => Some(Effort::Low),
            "medium" => Some(Effort::Medium),
            "high" => Some(Effort::High),
            "xhigh" => Some(Effort::XHigh),
            _ => {
                config.put_back("thinkingLevel", level.into());
                None
            }
        };
    }
    let mut left = config.left();
    if budget.is_none() {
        left.insert(BUDGET.to_owned(), Value::Null);
    }
    Ok((asked, left))
}

/// Writes what Gemini's own client asked for. `unset`: it named no budget.
pub(super) fn write_own(asked: &Reasoning, unset: bool) -> Map<String, Value> {
    let mut config = Map::new();
    config.extend(asked.include.map(|shown| ("includeThoughts".to_owned(), shown.into())));
    config.extend(asked.effort.map(|level| ("thinkingLevel".to_owned(), own_level(level).into())));
    match asked.budget {
        Some(budget) => {
            config.insert(BUDGET.to_owned(), budget.into());
        }
        None if !unset => {
            config.insert(BUDGET.to_owned(), (-1).into());
        }
        None => {}
    }
    config
}

/// `thinkingConfig`. A client that names a budget, or leaves the amount to the model, speaks a dialect whose thoughts are
/// shown unless it says otherwise; a level alone comes from one that hides them.
pub(super) fn write(asked: &Reasoning, takes: Thinking, receipt: &mut Receipt) -> Map<String, Value> {
    let mut config = Map::new();
    match takes {
        Thinking::Unable => {
            if asked.effort.is_some_and(|effort| effort > Effort::None)
                || asked.budget.is_some_and(|budget| budget > 0)
            {
                receipt.dropped("reasoning_effort", "the model cannot think");
            }
            return config;
        }
        Thinking::Budget { least, most } => {
            if let Some(wanted) = wanted_budget(asked) {
                let given = wanted.clamp(least, most);
                if given != wanted && wanted != u64::MAX {
                    receipt.dropped("reasoning_effort", format!("the model thinks {least} to {most} tokens"));
                }
                config.insert(BUDGET.to_owned(), given.into());
            } else {
                // The model decides.
                config.insert(BUDGET.to_owned(), (-1).into());
            }
        }
        Thinking::Levels(levels) => {
            if let Some(wanted) = effort::level(asked) {
                let given = levels.iter().find(|level| **level >= wanted).or(levels.last());
                let given = given.copied().unwrap_or(Effort::High);
                if given < wanted || wanted == Effort::None {
                    receipt
                        .dropped("reasoning_effort", format!("the nearest level is {}", level_name(given)));
                }
                config.insert("thinkingLevel".to_owned(), level_name(given).into());
            }
        }
    }
    let shown = asked.include.unwrap_or(match asked.budget {
        Some(budget) => budget > 0,
        None => asked.effort.is_none(),
    });
    if shown || asked.include.is_some() {
        config.insert("includeThoughts".to_owned(), shown.into());
    }
    config
}

/// The budget asked for; for a level the one of Google's own OpenAI surface (docs: "OpenAI compatibility").
fn wanted_budget(asked: &Reasoning) -> Option<u64> {
    match (asked.effort, asked.budget) {
        (_, Some(budget)) if budget > 0 => Some(budget),
        (Some(effort), _) => Some(match effort {
            Effort::None => 0,
            Effort::Minimal | Effort::Low => 1_024,
            Effort::Medium => 8_192,
            Effort::High => 24_576,
            Effort::XHigh | Effort::Max => u64::MAX,
        }),
        (None, budget) => budget,
    }
}

/// The level as its own client names it (SDK: `ThinkingLevel`).
const fn own_level(level: Effort) -> &'static str {
    match level {
        Effort::XHigh | Effort::Max => "xhigh",
        level => level_name(level),
    }
}

const fn level_name(level: Effort) -> &'static str {
    match level {
        Effort::None | Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}
