//! The shape of the answer, how tokens are drawn, how hard to think, and what is said about the request itself.

use anyhow::Result;
use contract::canon::{Effort, Modality, OutputFormat, Reasoning, Request, Verbosity, Voice};
use contract::words::Dialect;
use serde_json::{Value, json};

use super::{Case, read, text};

const SHAPE: &str = "The shape of the answer";
const SAMPLING: &str = "How tokens are drawn";
const THINKING: &str = "How hard to think";
const ABOUT: &str = "About the request";

/// A case of one field.
macro_rules! field {
    ($topic:expr, $name:expr, $($path:ident).+ = $value:expr) => {
        Case::new($topic, $name, |it: &mut Request| it.$($path).+ = $value, |it| text(&it.$($path).+))
    };
}

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = shape();
    cases.extend(sampling());
    cases.extend(thinking());
    cases.extend(about()?);
    Ok(cases)
}

fn shape() -> Vec<Case> {
    let schema = |name: &'static str, schema: Value, strict: Option<bool>| {
        let format =
            OutputFormat::JsonSchema { name: "animal".to_owned(), description: None, schema, strict };
        // Names and descriptions of schemas are not what is asked here.
        let seen = |it: &Request| match &it.format {
            OutputFormat::JsonSchema { schema, .. } => sorted(schema),
            format => text(format),
        };
        Case::new(SHAPE, name, move |it: &mut Request| it.format = format.clone(), seen)
    };
    let plain = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
        "additionalProperties": false});
    let bounded = json!({"type": "object", "properties": {
            "name": {"type": "string", "minLength": 1, "pattern": "^[a-z]+$"},
            "legs": {"type": "integer", "minimum": 0, "multipleOf": 2},
            "kind": {"$ref": "#/$defs/kind"}},
        "required": ["name", "legs", "kind"], "additionalProperties": false,
        "$defs": {"kind": {"enum": ["pet", "wild"]}}});
    vec![
        field!(SHAPE, "any JSON object", format = OutputFormat::JsonObject),
        schema("a JSON Schema", plain.clone(), None),
        schema("a strict schema", plain, Some(true)),
        schema("a strict schema with bounds and references", bounded, Some(true)),
        field!(SHAPE, "the most tokens", max_output = Some(123)),
        field!(SHAPE, "how much to say (`verbosity`)", verbosity = Some(Verbosity::Low)),
        field!(SHAPE, "pictures in the answer", modalities = vec![Modality::Text, Modality::Image]),
        field!(SHAPE, "speech in the answer", modalities = vec![Modality::Text, Modality::Audio]).within(
            |it| {
                it.voice = Some(Voice { name: Some("alloy".to_owned()), format: Some("wav".to_owned()) });
            },
        ),
    ]
}

/// A value whose members have no order.
fn sorted(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> =
                map.iter().map(|(name, value)| format!("{name}:{}", sorted(value))).collect();
            members.sort();
            members.join(",")
        }
        other => other.to_string(),
    }
}

fn sampling() -> Vec<Case> {
    vec![
        field!(SAMPLING, "temperature", sampling.temperature = Some(0.5)),
        field!(SAMPLING, "temperature above 1", sampling.temperature = Some(1.5)),
        field!(SAMPLING, "top_p", sampling.top_p = Some(0.5)),
        field!(SAMPLING, "top_k", sampling.top_k = Some(40)),
        field!(SAMPLING, "frequency_penalty", sampling.frequency_penalty = Some(0.5)),
        field!(SAMPLING, "presence_penalty", sampling.presence_penalty = Some(0.5)),
        field!(SAMPLING, "seed", sampling.seed = Some(7)),
        field!(SAMPLING, "stop", sampling.stop = vec!["END".to_owned()]),
        field!(
            SAMPLING,
            "five stop texts",
            sampling.stop = ["A", "B", "C", "D", "E"].map(str::to_owned).to_vec()
        ),
        field!(SAMPLING, "n (several answers)", sampling.n = Some(2)),
        field!(SAMPLING, "logprobs", sampling.logprobs = Some(true)),
        Case::new(
            SAMPLING,
            "top_logprobs",
            |it: &mut Request| it.sampling.top_logprobs = Some(3),
            |it| text(&it.sampling.top_logprobs),
        )
        .within(|it| it.sampling.logprobs = Some(true)),
    ]
}

fn thinking() -> Vec<Case> {
    let effort = |name: &'static str, effort: Effort| {
        let say = move |it: &mut Request| {
            it.reasoning = Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
        };
        Case::new(THINKING, name, say, |it: &Request| text(&it.reasoning.as_ref().and_then(|it| it.effort)))
    };
    let budget = |name: &'static str, budget: u64| {
        let say = move |it: &mut Request| {
            it.reasoning = Some(Reasoning { budget: Some(budget), ..Reasoning::default() });
        };
        Case::new(THINKING, name, say, |it: &Request| text(&it.reasoning.as_ref().and_then(|it| it.budget)))
    };
    let high = |it: &mut Request| {
        it.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
    };
    vec![
        effort("effort: none", Effort::None).harmless(),
        effort("effort: minimal", Effort::Minimal),
        effort("effort: low", Effort::Low),
        effort("effort: medium", Effort::Medium),
        effort("effort: high", Effort::High),
        effort("effort: xhigh", Effort::XHigh),
        effort("effort: max", Effort::Max),
        budget("a budget of tokens", 2000),
        budget("a budget of 0 (do not think)", 0).harmless(),
        Case::new(
            THINKING,
            "show the thoughts",
            |it: &mut Request| it.reasoning.iter_mut().for_each(|it| it.include = Some(true)),
            |it| text(&it.reasoning.as_ref().and_then(|it| it.include)),
        )
        .within(high)
        .harmless(),
        Case::new(
            THINKING,
            "how detailed their summary is",
            |it: &mut Request| {
                it.reasoning.iter_mut().for_each(|it| it.summary = Some("detailed".to_owned()));
            },
            |it| text(&it.reasoning.as_ref().and_then(|it| it.summary.clone())),
        )
        .within(high),
    ]
}

fn about() -> Result<Vec<Case>> {
    let mut cases = vec![
        field!(ABOUT, "the end user (`user`)", user = Some("user-1".to_owned())),
        field!(ABOUT, "a name for abuse checks (`safety_identifier`)", safety_id = Some("user-1".to_owned())),
        Case::new(
            ABOUT,
            "metadata",
            |it: &mut Request| it.metadata = json!({"order": "17"}).as_object().cloned(),
            |it| text(&it.metadata),
        ),
        field!(ABOUT, "`store`: true", store = Some(true)),
        field!(ABOUT, "`store`: false", store = Some(false)).harmless(),
    ];
    for tier in ["auto", "default", "flex", "priority"] {
        let say = move |it: &mut Request| it.service_tier = Some(tier.to_owned());
        let case =
            Case::new(ABOUT, format!("service tier: {tier}"), say, |it: &Request| text(&it.service_tier));
        let usual = ["auto", "default"].contains(&tier);
        cases.push(if usual { case.harmless() } else { case });
    }
    for (owner, field, body) in [
        (
            Dialect::OpenaiChat,
            "logit_bias",
            json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"50256": -100}}),
        ),
        (
            Dialect::AnthropicMessages,
            "context_management",
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}],
                "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}),
        ),
        (
            Dialect::GeminiGenerate,
            "safetySettings",
            json!({"contents": [{"parts": [{"text": "x"}]}], "safetySettings":
                [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}),
        ),
    ] {
        let extra = read(owner, &body)?.extra;
        let say = move |it: &mut Request| it.extra = extra.clone();
        let seen = move |it: &Request| text(&it.extra.fields.get(field));
        cases.push(Case::new(ABOUT, format!("fields that only `{owner}` has (`{field}`)"), say, seen));
    }
    Ok(cases)
}
