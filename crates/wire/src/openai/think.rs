//! How hard to think ↔ canon, in the ways that servers of this dialect are told.
//!
//! | way | source |
//! |---|---|
//! | `reasoning_effort` | OpenAI's API reference |
//! | `reasoning: {effort, max_tokens, exclude, enabled}` | openrouter.ai/docs, "Reasoning Tokens" |
//! | `thinking: {type, budget_tokens}` | api-docs.deepseek.com, docs.z.ai, platform.moonshot.ai |
//! | `enable_thinking`, `thinking_budget` | help.aliyun.com/model-studio, "Deep thinking" |
//! | `chat_template_kwargs: {enable_thinking}` | docs.vllm.ai, "Reasoning Outputs" |
//!
//! All of them are read from clients; [`Quirks::thinking`](crate::Quirks) says which are written. "On" without a level is
//! [`Reasoning::default`], "off" the level `none`.

use contract::Fault;
use contract::canon::{Effort, Reasoning};
use serde_json::{Map, Value, json};

use super::content::object;
use crate::effort::{self, level, word};
use crate::fields::Fields;
use crate::outgoing::Outgoing;
use crate::{Quirks, Thinking};

/// Takes every form out of a request. What canon has no word for stays where it was.
pub(super) fn read(fields: &mut Fields) -> Result<Option<Reasoning>, Fault> {
    let mut found = Found::default();
    found.level(fields, "reasoning_effort");
    if fields.is_object("reasoning") {
        let mut inner = fields.need_object("reasoning")?;
        found.level(&mut inner, "effort");
        found.budget(inner.take_count("max_tokens"));
        found.switch(inner.take_flag("enabled"));
        if let Some(exclude) = inner.take_flag("exclude") {
            found.mut_reasoning().include = Some(!exclude);
        }
        keep(fields, "reasoning", inner);
    }
    if fields.is_object("thinking") {
        let mut inner = fields.need_object("thinking")?;
        match inner.peek("type") {
            Some("enabled") => found.switch(Some(true)),
            Some("disabled") => found.switch(Some(false)),
            _ => {}
        }
        if matches!(inner.peek("type"), Some("enabled" | "disabled")) {
            let _read = inner.value("type");
            found.budget(inner.take_count("budget_tokens"));
        }
        keep(fields, "thinking", inner);
    }
    found.switch(fields.take_flag("enable_thinking"));
    found.budget(fields.take_count("thinking_budget"));
    if fields.is_object("chat_template_kwargs") {
        let mut inner = fields.need_object("chat_template_kwargs")?;
        found.switch(inner.take_flag("enable_thinking"));
        keep(fields, "chat_template_kwargs", inner);
    }
    Ok(found.0)
}

fn keep(fields: &mut Fields, name: &str, inner: Fields) {
    let left = inner.left();
    if !left.is_empty() {
        fields.put_back(name, Value::Object(left));
    }
}

/// What the forms say together; the first that names a level or a budget wins.
#[derive(Default)]
struct Found(Option<Reasoning>);

impl Found {
    fn mut_reasoning(&mut self) -> &mut Reasoning {
        self.0.get_or_insert_default()
    }

    /// Levels that canon does not know stay where they were.
    fn level(&mut self, fields: &mut Fields, name: &str) {
        if let Some(level) = fields.peek(name).and_then(effort::named) {
            let _read = fields.value(name);
            self.mut_reasoning().effort.get_or_insert(level);
        }
    }

    fn budget(&mut self, budget: Option<u64>) {
        if let Some(budget) = budget {
            self.mut_reasoning().budget.get_or_insert(budget);
        }
    }

    fn switch(&mut self, on: Option<bool>) {
        if let Some(on) = on {
            let reasoning = self.mut_reasoning();
            if !on {
                reasoning.effort.get_or_insert(Effort::None);
            }
        }
    }
}

/// The number of thinking tokens asked for, or the usual one for a level.
fn budget(reasoning: &Reasoning) -> Option<u64> {
    let from_level = |level| match level {
        Effort::None => 0,
        Effort::Minimal => 1_024,
        Effort::Low => 2_048,
        Effort::Medium => 8_192,
        Effort::High => 16_384,
        Effort::XHigh | Effort::Max => 32_768,
    };
    reasoning.budget.or_else(|| reasoning.effort.map(from_level))
}

/// Writes it in the ways of the target.
pub(super) fn write(
    out: &mut Outgoing<'_>,
    reasoning: Option<&Reasoning>,
    quirks: &Quirks,
) -> Result<(), Fault> {
    let ways = if quirks.thinking.is_empty() { &[Thinking::Effort] } else { quirks.thinking };
    let Some(reasoning) = reasoning else { return Ok(()) };
    if reasoning.summary.is_some() {
        out.dropped("reasoning.summary", "the provider does not sum up thoughts on request");
    }
    let level = level(reasoning);
    let off = level == Some(Effort::None);
    for way in ways {
        match way {
            // Where there is a switch, a level is not what switches off.
            Thinking::Effort if off && ways.len() > 1 => {}
            Thinking::Effort => out.put_some("reasoning_effort", level.map(word))?,
            Thinking::Object => out.put_object("reasoning", as_object(reasoning))?,
            Thinking::Switch => out.put_object("thinking", switch(off))?,
            Thinking::Budget => {
                let mut thinking = switch(off);
                if let Some(tokens) = budget(reasoning).filter(|_| !off) {
                    thinking.insert("budget_tokens".to_owned(), json!(tokens));
                }
                out.put_object("thinking", thinking)?;
            }
            Thinking::Enable => {
                out.put("enable_thinking", &!off)?;
                out.put_some("thinking_budget", budget(reasoning).filter(|_| !off))?;
            }
            Thinking::Template => {
                let kwargs = object([("enable_thinking", Some(json!(!off)))]);
                out.put_object("chat_template_kwargs", kwargs)?;
            }
            Thinking::Never => {}
        }
    }
    if !ways.iter().any(|way| carries_level(*way)) && level.is_some_and(|level| level != Effort::None) {
        out.dropped("reasoning.effort", "the provider has no levels of thinking");
    }
    if ways == [Thinking::Never] && off {
        out.dropped("reasoning", "the provider cannot be told whether to think");
    }
    Ok(())
}

/// Can it say how much?
const fn carries_level(way: Thinking) -> bool {
    matches!(way, Thinking::Effort | Thinking::Object | Thinking::Budget | Thinking::Enable)
}

fn switch(off: bool) -> Map<String, Value> {
    object([("type", Some(json!(if off { "disabled" } else { "enabled" })))])
}

/// A level or a budget, not both (OpenRouter refuses both).
fn as_object(reasoning: &Reasoning) -> Map<String, Value> {
    let level = reasoning.effort.or_else(|| (reasoning.budget == Some(0)).then_some(Effort::None));
    let budget = reasoning.budget.filter(|_| level.is_none());
    let exclude = reasoning.include.map(|include| json!(!include));
    let bare = level.is_none() && budget.is_none() && exclude.is_none();
    object([
        ("effort", level.map(|level| json!(word(level)))),
        ("max_tokens", budget.map(|tokens| json!(tokens))),
        ("enabled", bare.then(|| json!(true))),
        ("exclude", exclude),
    ])
}
