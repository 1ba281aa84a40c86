//! Canon → a `generateContent` request.
//!
//! Schemas of tools and answers go out as JSON Schema (`parametersJsonSchema`, `responseJsonSchema`), which needs no
//! rewriting to Gemini's older subset of OpenAPI. What has no place is named in the receipt.

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Effort, OutputFormat, Reasoning, Receipt, Request, Sampling, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::contents::Contents;
use super::models::{Thinking, Traits};
use crate::Quirks;
use crate::outgoing::{Outgoing, own_fields};

/// The most stop sequences that are taken.
const STOPS: usize = 5;

/// Writes a request.
///
/// # Errors
/// The conversation cannot be put in Gemini's form: see [`Contents::of`].
pub(crate) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let traits = Traits::of(&request.model);
    let contents = Contents::of(&request.messages, traits, receipt)?;
    let tools = tools(request, receipt);
    let choice = tool_config(request, receipt);
    let mut config = sampling(&request.sampling, receipt);
    config.extend(request.max_output.map(|most| ("maxOutputTokens".to_owned(), most.into())));
    config.extend(format(&request.format));
    let thinking = request.reasoning.as_ref().map(|asked| thinking(asked, traits.thinking, receipt));
    config
        .extend(thinking.filter(|map| !map.is_empty()).map(|map| ("thinkingConfig".to_owned(), map.into())));
    note_inexpressible(request, receipt);

    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    if !contents.system.is_empty() {
        body.put("systemInstruction", &json!({"parts": contents.system}))?;
    }
    body.put("contents", &contents.turns)?;
    if !tools.is_empty() {
        body.put("tools", &tools)?;
    }
    body.put_object("toolConfig", choice)?;
    body.put_object("generationConfig", config)?;
    body.finish()
}

fn tools(request: &Request, receipt: &mut Receipt) -> Vec<Value> {
    let (mut functions, mut own) = (Vec::new(), Vec::new());
    for (at, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Server { owner, value, .. } if *owner == DIALECT => own.push(value.clone()),
            Tool::Server { owner, .. } => {
                receipt.dropped(format!("tools[{at}]"), format!("only {owner} runs this tool"));
            }
            Tool::Custom { .. } => {
                receipt.dropped(format!("tools[{at}]"), "this dialect has no tools that take any text")
            }
            Tool::Function { name, description, parameters, extra, .. } => {
                let mut function = Map::new();
                function.insert("name".to_owned(), name.as_str().into());
                function.extend(description.as_deref().map(|text| ("description".to_owned(), text.into())));
                function.extend(parameters.clone().map(|schema| ("parametersJsonSchema".to_owned(), schema)));
                let left = own_fields(DIALECT, extra, &format!("tools[{at}]."), receipt);
                function.extend(left.cloned().unwrap_or_default());
                functions.push(Value::Object(function));
            }
        }
    }
    if !functions.is_empty() {
        own.insert(0, json!({"functionDeclarations": functions}));
    }
    own
}

fn tool_config(request: &Request, receipt: &mut Receipt) -> Map<String, Value> {
    let mut config = Map::new();
    let mut functions = request.tools.iter().filter(|tool| matches!(tool, Tool::Function { .. })).peekable();
    if functions.peek().is_none() {
        if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
            receipt.dropped("tool_choice", "there is no function to choose");
        }
        return config;
    }
    if request.parallel_tools == Some(false) {
        receipt.dropped("parallel_tool_calls", "Gemini decides how many functions it calls");
    }
    let strict = functions.any(|tool| matches!(tool, Tool::Function { strict: Some(true), .. }));
    let mut calling = Map::new();
    let mode = match &request.tool_choice {
        // Calls that follow their schema, or prose.
        Some(ToolChoice::Auto) | None if strict => "VALIDATED",
        Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => "AUTO",
        Some(ToolChoice::None) => "NONE",
        Some(ToolChoice::Required | ToolChoice::Allowed { .. }) => "ANY",
        Some(ToolChoice::Named(name)) => {
            calling.insert("allowedFunctionNames".to_owned(), json!([name]));
            "ANY"
        }
        None => return config,
    };
    calling.insert("mode".to_owned(), mode.into());
    config.insert("functionCallingConfig".to_owned(), Value::Object(calling));
    config
}

fn sampling(asked: &Sampling, receipt: &mut Receipt) -> Map<String, Value> {
    let mut stops = asked.stop.as_slice();
    if stops.len() > STOPS {
        receipt.dropped(format!("stop[{STOPS}]"), "Gemini takes five stop sequences");
        stops = &stops[..STOPS];
    }
    // A 32-bit number in the API reference.
    let seed = asked.seed.filter(|seed| i32::try_from(*seed).is_ok());
    if seed != asked.seed {
        receipt.dropped("seed", "Gemini takes a 32-bit seed");
    }
    let fields = [
        ("temperature", asked.temperature.map(Value::from)),
        ("topP", asked.top_p.map(Value::from)),
        ("topK", asked.top_k.map(Value::from)),
        ("candidateCount", asked.n.map(Value::from)),
        ("stopSequences", (!stops.is_empty()).then(|| stops.into())),
        ("seed", seed.map(Value::from)),
        ("presencePenalty", asked.presence_penalty.map(Value::from)),
        ("frequencyPenalty", asked.frequency_penalty.map(Value::from)),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn format(format: &OutputFormat) -> Map<String, Value> {
    let mut fields = Map::new();
    if *format != OutputFormat::Text {
        fields.insert("responseMimeType".to_owned(), "application/json".into());
    }
    if let OutputFormat::JsonSchema { schema, .. } = format {
        fields.insert("responseJsonSchema".to_owned(), schema.clone());
    }
    fields
}

/// `thinkingConfig`. A client that names a budget, or leaves the amount to the model, speaks a dialect whose thoughts are
/// shown unless it says otherwise; a level alone comes from one that hides them.
fn thinking(asked: &Reasoning, takes: Thinking, receipt: &mut Receipt) -> Map<String, Value> {
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
                config.insert("thinkingBudget".to_owned(), given.into());
            } else {
                // The model decides.
                config.insert("thinkingBudget".to_owned(), (-1).into());
            }
        }
        Thinking::Levels(levels) => {
            if let Some(wanted) = wanted_level(asked) {
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

/// The level asked for; for a budget the one whose budget it is.
fn wanted_level(asked: &Reasoning) -> Option<Effort> {
    asked.effort.or_else(|| {
        Some(match asked.budget? {
            0 => Effort::None,
            1..=4_095 => Effort::Low,
            4_096..=16_383 => Effort::Medium,
            _ => Effort::High,
        })
    })
}

const fn level_name(level: Effort) -> &'static str {
    match level {
        Effort::None | Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

/// What Gemini cannot be told, or what its answer has no way back for.
fn note_inexpressible(request: &Request, receipt: &mut Receipt) {
    let asked = [
        ("logprobs", request.sampling.logprobs == Some(true)),
        ("top_logprobs", request.sampling.top_logprobs.is_some_and(|top| top > 0)),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty())),
        (
            "service_tier",
            request.service_tier.as_deref().is_some_and(|tier| !matches!(tier, "auto" | "default")),
        ),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Gemini has no such parameter");
    }
}
