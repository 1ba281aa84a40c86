//! `thinking` and `output_config.effort` ↔ canon's reasoning.
//!
//! Canon has a level, a budget and whether to show; Anthropic has three modes and a level beside them:
//!
//! | Anthropic | canon |
//! |---|---|
//! | `{"type":"enabled","budget_tokens":n}` | budget `n` |
//! | `{"type":"adaptive"}` | neither level nor budget |
//! | adaptive and `effort: e` | level `e` |
//! | `effort: e` without `thinking` | level `e`, budget 0 |
//! | `{"type":"disabled"}` | budget 0; with an effort also `include: false` |
//!
//! `display: summarized | omitted` is `include`. What a model accepts of this is in `models.rs`.

use contract::Fault;
use contract::canon::{Effort, Message, Part, PartKind, Reasoning, Receipt, Request, Role, ToolChoice};
use serde_json::{Map, Value};

use super::DIALECT;
use super::models::{Thinking, Traits};
use crate::effort;
use crate::fields::{Fields, missing};

/// The least that `budget_tokens` may be (docs: "Extended thinking").
pub(crate) const LEAST_BUDGET: u64 = 1_024;
/// Room kept for the answer when a budget leaves none.
const ANSWER_ROOM: u64 = 4_096;

/// The budget for a level, for models that take only a budget.
pub(crate) const fn budget_for(effort: Effort) -> u64 {
    match effort {
        Effort::None => 0,
        Effort::Minimal => 1_024,
        Effort::Low => 2_048,
        Effort::Medium => 8_192,
        Effort::High => 16_000,
        Effort::XHigh | Effort::Max => 24_000,
    }
}

/// The level nearest to a budget, for models that take only a level: [`budget_for`] read backwards.
pub(crate) const fn effort_for(budget: u64) -> Effort {
    match budget {
        0..=4_095 => Effort::Low,
        4_096..=12_287 => Effort::Medium,
        12_288..=23_999 => Effort::High,
        _ => Effort::Max,
    }
}

/// The level of this name; there is none below `low`.
pub(super) fn effort_named(name: &str) -> Option<Effort> {
    effort::named(name).filter(|effort| !matches!(effort, Effort::None | Effort::Minimal))
}

/// The name of a level; there is none below `low`.
pub(crate) const fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => effort::word(Effort::Low),
        effort => effort::word(effort),
    }
}

/// Reads `thinking` and the effort beside it. A mode not known here stays among the fields.
pub(super) fn read(
    thinking: Option<&mut Fields>,
    effort: Option<Effort>,
) -> Result<Option<Reasoning>, Fault> {
    let level_only = effort.map(|effort| Reasoning {
        effort: Some(effort),
        budget: Some(0),
        include: None,
        summary: None,
    });
    let Some(thinking) = thinking else { return Ok(level_only) };
    let mut reasoning = Reasoning { effort, ..Reasoning::default() };
    match thinking.peek("type") {
        Some("enabled") => {
            let budget = thinking.count("budget_tokens")?;
            reasoning.budget = Some(budget.ok_or_else(|| missing(&thinking.path("budget_tokens")))?);
        }
        Some("adaptive") => {}
        Some("disabled") => {
            reasoning.budget = Some(0);
            reasoning.include = effort.map(|_| false);
        }
        _ => return Ok(level_only),
    }
    let _known = thinking.value("type");
    let shown = match thinking.peek("display") {
        Some("summarized") => Some(true),
        Some("omitted") => Some(false),
        _ => None,
    };
    if shown.is_some() {
        let _known = thinking.value("display");
        reasoning.include = shown;
    }
    Ok(Some(reasoning))
}

/// What to write.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    mode: Option<Mode>,
    effort: Option<Effort>,
    include: Option<bool>,
    /// The room the answer and its thoughts have together.
    pub(super) max_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Enabled(u64),
    Adaptive,
    Disabled,
}

impl Plan {
    /// Is the model told to think?
    pub(super) const fn thinks(&self) -> bool {
        matches!(self.mode, Some(Mode::Enabled(_) | Mode::Adaptive))
    }

    /// The level, in Anthropic's words.
    pub(super) fn effort(&self) -> Option<&'static str> {
        self.effort.map(effort_name)
    }

    /// The `thinking` object; empty when there is none.
    pub(super) fn thinking(&self) -> Map<String, Value> {
        let mut object = Map::new();
        let Some(mode) = self.mode else { return object };
        let kind = match mode {
            Mode::Enabled(_) => "enabled",
            Mode::Adaptive => "adaptive",
            Mode::Disabled => "disabled",
        };
        object.insert("type".to_owned(), kind.into());
        if let Mode::Enabled(budget) = mode {
            object.insert("budget_tokens".to_owned(), budget.into());
        }
        if let (true, Some(include)) = (self.thinks(), self.include) {
            object.insert("display".to_owned(), if include { "summarized" } else { "omitted" }.into());
        }
        object
    }

    /// Cuts what the request wants to what the model takes; `begun`: did the client begin the answer itself? None: there is
    /// no answer, so that nothing stands against thoughts in it.
    pub(super) fn of(request: &Request, traits: &Traits, begun: Option<bool>, receipt: &mut Receipt) -> Self {
        let mut plan =
            Self { max_tokens: request.max_output.unwrap_or(traits.max_tokens), ..Self::default() };
        let Some(reasoning) = &request.reasoning else { return plan };
        plan.include = reasoning.include;
        plan.choose(reasoning, traits, request.max_output, receipt);
        let Some(begun) = begun.filter(|_| plan.thinks()) else { return plan };
        let budgeted = matches!(plan.mode, Some(Mode::Enabled(_)));
        if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
            plan.give_up(receipt, "the model cannot think when a tool is forced");
        } else if budgeted && begun {
            plan.give_up(receipt, "the model cannot think when its answer was begun");
        } else if budgeted && resumes_without_thoughts(&request.messages) {
            plan.give_up(
                receipt,
                "the tool calls being answered were made without thoughts of this provider",
            );
        } else if request.tools.is_empty() {
            plan.make_room(receipt);
        }
        plan
    }

    /// A budget must lie below `max_tokens`, except where a model thinks between tool calls.
    fn make_room(&mut self, receipt: &mut Receipt) {
        let Some(Mode::Enabled(budget)) = self.mode else { return };
        if budget < LEAST_BUDGET || budget >= self.max_tokens {
            receipt.dropped("thinking.budget_tokens", "cut to what the model and max_tokens allow");
            self.spend(budget.max(LEAST_BUDGET), receipt);
        }
    }

    fn choose(&mut self, asked: &Reasoning, traits: &Traits, cap: Option<u64>, receipt: &mut Receipt) {
        match (asked.effort, asked.budget) {
            (Some(Effort::None), _) | (None, Some(0)) => self.switch_off(traits, receipt),
            (Some(effort), Some(0)) => {
                self.level(effort, traits, receipt);
                if asked.include == Some(false) {
                    self.switch_off(traits, receipt);
                }
            }
            (effort, Some(budget)) => match traits.thinking {
                Thinking::Adaptive | Thinking::Always => {
                    receipt
                        .dropped("thinking.budget_tokens", "the model takes an effort instead of a budget");
                    self.adapt(effort.unwrap_or(effort_for(budget)), traits, receipt);
                }
                Thinking::Unable => receipt.dropped("reasoning_effort", "the model cannot think"),
                Thinking::Budget | Thinking::Either => {
                    self.mode = Some(Mode::Enabled(budget));
                    if cap.is_none() {
                        self.max_tokens = self.max_tokens.max(budget.saturating_add(ANSWER_ROOM));
                    }
                    if let Some(effort) = effort {
                        self.level(effort, traits, receipt);
                    }
                }
            },
            (effort, None) => match traits.thinking {
                Thinking::Unable => receipt.dropped("reasoning_effort", "the model cannot think"),
                Thinking::Budget => self.spend(budget_for(effort.unwrap_or(Effort::Medium)), receipt),
                Thinking::Either | Thinking::Adaptive | Thinking::Always => match effort {
                    Some(effort) => self.adapt(effort, traits, receipt),
                    None => self.mode = Some(Mode::Adaptive),
                },
            },
        }
    }

    fn switch_off(&mut self, traits: &Traits, receipt: &mut Receipt) {
        match traits.thinking {
            Thinking::Unable => {}
            Thinking::Always => receipt.dropped("reasoning_effort", "the model always thinks"),
            Thinking::Budget | Thinking::Either | Thinking::Adaptive => self.mode = Some(Mode::Disabled),
        }
    }

    fn adapt(&mut self, effort: Effort, traits: &Traits, receipt: &mut Receipt) {
        self.mode = Some(Mode::Adaptive);
        self.level(effort, traits, receipt);
    }

    fn level(&mut self, asked: Effort, traits: &Traits, receipt: &mut Receipt) {
        self.effort = traits.effort(asked);
        match self.effort {
            None => receipt.dropped("reasoning_effort", "the model takes no effort"),
            Some(given) if given < asked => {
                receipt.dropped("reasoning_effort", format!("lowered to {}", effort_name(given)));
            }
            Some(_) => {}
        }
    }

    /// A budget of at most three quarters of the room, so that an answer fits beside it: OpenAI's limit, too, counts
    /// thoughts.
    fn spend(&mut self, budget: u64, receipt: &mut Receipt) {
        let budget = budget.min(self.max_tokens / 4 * 3);
        if budget < LEAST_BUDGET {
            self.mode = None;
            receipt.dropped("reasoning_effort", "max_tokens leaves no room to think");
        } else {
            self.mode = Some(Mode::Enabled(budget));
        }
    }

    fn give_up(&mut self, receipt: &mut Receipt, reason: &'static str) {
        self.mode = None;
        receipt.dropped("reasoning_effort", reason);
    }
}

/// Does the conversation end in tool results whose calls no signed thought precedes? With a budget Anthropic then
/// refuses to think (docs: "Extended thinking with tool use"). Messages of the model in a row are one turn to it.
fn resumes_without_thoughts(messages: &[Message]) -> bool {
    let (mut results, mut first) = (false, None);
    for message in messages.iter().rev() {
        match message.role {
            Role::User | Role::Tool if first.is_some() => break,
            Role::Tool => results = true,
            Role::User | Role::System | Role::Developer => {}
            Role::Assistant => first = message.parts.first().or(first),
        }
    }
    // What came from another provider has an empty signature.
    let is_empty = |native: &Value| native.get("signature").is_some_and(|signature| signature == "");
    let signed = |part: &Part| {
        is_thought(&part.kind) && part.native_for(DIALECT).is_some_and(|native| !is_empty(native))
    };
    results && first.is_some_and(|first| !signed(first))
}

const fn is_thought(kind: &PartKind) -> bool {
    // A redacted thought is native.
    matches!(kind, PartKind::Reasoning(_) | PartKind::Native)
}
