//! How hard to think ↔ `additionalModelRequestFields` and `outputConfig.effort`.
//!
//! | Bedrock | canon |
//! |---|---|
//! | `thinking: {"type":"enabled","budget_tokens":n}` (Claude) | budget `n` |
//! | `thinking: {"type":"adaptive"}` (Claude) | neither level nor budget |
//! | `thinking: {"type":"disabled"}` | budget 0 |
//! | `outputConfig.effort`, `output_config.effort` (Claude), `reasoning_effort` (gpt-oss) | level |
//! | `reasoningConfig: {"type":"enabled","maxReasoningEffort":e}` (Nova 2) | level `e` |
//!
//! A level without `thinking` has budget 0 with Claude, as in Anthropic's own dialect.

use contract::Fault;
use contract::canon::{Effort, Reasoning, Receipt, Request, ToolChoice};
use serde_json::{Map, Value, json};

use super::family::Family;
use super::single;
use crate::anthropic::{Claude, LEAST_BUDGET, budget_for, effort_for, effort_name};
use crate::effort;
use crate::fields::Fields;

/// The name of a level for models that know three.
const fn of_three(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

/// Takes the level out of an object, if it is one known here.
pub(super) fn take_effort(fields: &mut Fields, field: &str) -> Option<Effort> {
    let effort = fields.peek(field).and_then(effort::named)?;
    let _known = fields.value(field);
    Some(effort)
}

/// Reads what the additional fields say; `effort` is what stood in `outputConfig`.
pub(super) fn read(fields: &mut Fields, mut effort: Option<Effort>) -> Result<Option<Reasoning>, Fault> {
    if let Some(mut config) = fields.object("output_config")? {
        effort = take_effort(&mut config, "effort").or(effort);
        put_back(fields, "output_config", config.left());
    }
    if let Some(effort) = take_effort(fields, "reasoning_effort") {
        return Ok(Some(Reasoning { effort: Some(effort), ..Reasoning::default() }));
    }
    if let Some(mut config) = fields.object("reasoningConfig")? {
        let found = read_nova(&mut config);
        put_back(fields, "reasoningConfig", config.left());
        if found.is_some() {
            return Ok(found);
        }
    }
    let Some(mut thinking) = fields.object("thinking")? else {
        return Ok(effort.map(|level| Reasoning {
            effort: Some(level),
            budget: Some(0),
            ..Reasoning::default()
        }));
    };
    let found = read_claude(&mut thinking, effort);
    put_back(fields, "thinking", thinking.left());
    Ok(found.or_else(|| effort.map(|level| Reasoning { effort: Some(level), ..Reasoning::default() })))
}

fn put_back(fields: &mut Fields, name: &str, left: Map<String, Value>) {
    if !left.is_empty() {
        fields.put_back(name, Value::Object(left));
    }
}

fn read_nova(config: &mut Fields) -> Option<Reasoning> {
    match config.peek("type")? {
        "enabled" => {
            let effort = take_effort(config, "maxReasoningEffort");
            let _known = config.value("type");
            Some(Reasoning { effort: Some(effort.unwrap_or(Effort::Medium)), ..Reasoning::default() })
        }
        "disabled" => {
            let _known = config.value("type");
            Some(Reasoning { effort: Some(Effort::None), ..Reasoning::default() })
        }
        _ => None,
    }
}

fn read_claude(thinking: &mut Fields, effort: Option<Effort>) -> Option<Reasoning> {
    let mut reasoning = Reasoning { effort, ..Reasoning::default() };
    match thinking.peek("type")? {
        "enabled" => reasoning.budget = Some(thinking.count("budget_tokens").ok()??),
        "adaptive" => {}
        "disabled" => {
            reasoning.budget = Some(0);
            reasoning.include = effort.map(|_| false);
        }
        _ => return None,
    }
    let _known = thinking.value("type");
    reasoning.include = match thinking.peek("display") {
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        _ => return Some(reasoning),
    };
    let _known = thinking.value("display");
    Some(reasoning)
}

/// What to write.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Additional fields.
    pub(super) fields: Map<String, Value>,
    /// `outputConfig.effort`.
    pub(super) effort: Option<&'static str>,
    /// Is the model told to think?
    pub(super) thinks: bool,
    /// May samplers and the output limit be set beside it? Nova 2 refuses them at its highest level.
    pub(super) alone: bool,
    /// The output limit, where thinking needs one.
    pub(super) max_tokens: Option<u64>,
}

impl Plan {
    /// Cuts what the request wants to what the model takes.
    pub(super) fn of(request: &Request, family: Family, receipt: &mut Receipt) -> Self {
        let mut plan = Self { max_tokens: request.max_output, ..Self::default() };
        let Some(asked) = &request.reasoning else { return plan };
        match family {
            Family::Claude(claude) => plan.claude(asked, claude, request, receipt),
            Family::Nova { reasons: true } => plan.nova(asked),
            Family::Gpt => plan.gpt(asked, receipt),
            Family::Opaque => plan.opaque(asked),
            _ if is_off(asked) => {}
            _ => receipt.dropped("reasoning_effort", "the model cannot be told to think"),
        }
        plan
    }

    fn claude(&mut self, asked: &Reasoning, claude: Claude, request: &Request, receipt: &mut Receipt) {
        let forced = matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })
        );
        if !claude.thinks {
            if !is_off(asked) {
                receipt.dropped("reasoning_effort", "the model cannot think");
            }
            return;
        }
        let level = asked.effort.filter(|effort| *effort != Effort::None);
        let off = matches!(asked.effort, Some(Effort::None))
            || (asked.budget == Some(0) && (level.is_none() || asked.include == Some(false)));
        if off {
            if claude.stops {
                self.fields = single("thinking", json!({"type": "disabled"}));
            } else {
                receipt.dropped("reasoning_effort", "the model always thinks");
            }
        } else if forced && asked.budget != Some(0) {
            receipt.dropped("reasoning_effort", "the model cannot think when a tool is forced");
            return;
        } else if asked.budget != Some(0) {
            self.think(asked, claude, receipt);
        }
        self.level(asked, level, claude, receipt);
        if let (true, Some(include), Some(Value::Object(thinking))) =
            (self.thinks, asked.include, self.fields.get_mut("thinking"))
        {
            let shown = if include { "summarized" } else { "omitted" };
            thinking.insert("display".to_owned(), shown.into());
        }
    }

    fn think(&mut self, asked: &Reasoning, claude: Claude, receipt: &mut Receipt) {
        let budget = match asked.budget {
            Some(budget) if claude.budgets => Some(budget),
            Some(_) => {
                receipt.dropped("reasoning.budget", "the model takes an effort instead of a budget");
                None
            }
            None if claude.adapts => None,
            None => {
                let room = self.max_tokens.unwrap_or(claude.max_tokens);
                let budget = budget_for(asked.effort.unwrap_or(Effort::Medium)).min(room / 4 * 3);
                if budget < LEAST_BUDGET {
                    receipt.dropped("reasoning_effort", "max_tokens leaves no room to think");
                    return;
                }
                Some(budget)
            }
        };
        self.thinks = true;
        let thinking = match budget {
            Some(budget) => json!({"type": "enabled", "budget_tokens": budget}),
            None => json!({"type": "adaptive"}),
        };
        self.fields = single("thinking", thinking);
    }

    fn level(&mut self, asked: &Reasoning, level: Option<Effort>, claude: Claude, receipt: &mut Receipt) {
        let instead = asked.budget.filter(|budget| *budget > 0 && !claude.budgets).map(effort_for);
        let Some(level) = level.or(instead) else { return };
        match claude.effort(level) {
            Some(given) => {
                if given < level {
                    receipt.dropped("reasoning_effort", format!("lowered to {}", effort_name(given)));
                }
                self.effort = Some(effort_name(given));
            }
            // A budget says it as well.
            None if self.thinks => {}
            None => receipt.dropped("reasoning_effort", "the model takes no effort"),
        }
    }

    fn nova(&mut self, asked: &Reasoning) {
        let config = if is_off(asked) {
            json!({"type": "disabled"})
        } else {
            let effort = of_three(level_of(asked));
            self.thinks = true;
            self.alone = effort == "high";
            json!({"type": "enabled", "maxReasoningEffort": effort})
        };
        self.fields = single("reasoningConfig", config);
    }

    fn gpt(&mut self, asked: &Reasoning, receipt: &mut Receipt) {
        if is_off(asked) {
            receipt.dropped("reasoning_effort", "the model always thinks");
        }
        self.fields = single("reasoning_effort", of_three(level_of(asked)));
    }

    /// Written in the form it has with most models: a budget as Claude's, a level as OpenAI's.
    fn opaque(&mut self, asked: &Reasoning) {
        match (asked.effort, asked.budget) {
            (Some(effort), Some(0)) => self.effort = Some(effort_name(effort)),
            (Some(effort), None) => self.fields = single("reasoning_effort", of_three(effort)),
            (effort, Some(budget)) if budget > 0 => {
                self.effort = effort.map(effort_name);
                self.fields = single("thinking", json!({"type": "enabled", "budget_tokens": budget}));
            }
            (_, Some(_)) => self.fields = single("thinking", json!({"type": "disabled"})),
            (None, None) => self.fields = single("thinking", json!({"type": "adaptive"})),
        }
        if let (Some(include), Some(Value::Object(thinking))) =
            (asked.include, self.fields.get_mut("thinking"))
        {
            let shown = if include { "summarized" } else { "omitted" };
            thinking.insert("display".to_owned(), shown.into());
        }
    }
}

fn is_off(asked: &Reasoning) -> bool {
    match asked.effort {
        Some(effort) => effort == Effort::None,
        None => asked.budget == Some(0),
    }
}

fn level_of(asked: &Reasoning) -> Effort {
    asked.effort.or_else(|| asked.budget.map(effort_for)).unwrap_or(Effort::Medium)
}
