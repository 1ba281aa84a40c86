//! What both forms of a request say beside the conversation: `options`, `format`, `think`, log-probabilities, streaming.

use contract::Fault;
use contract::canon::{Effort, OutputFormat, Reasoning, Receipt, Request};
use contract::words::Dialect;
use serde_json::{Map, Value, json};

use crate::effort;
use crate::fields::{Fields, wrong};
use crate::outgoing::{ECHO, Outgoing};

/// Reads them. What canon has no word for stays where it stood.
pub(super) fn read(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    read_options(fields, request)?;
    request.format = read_format(fields)?;
    request.reasoning = read_think(fields)?;
    request.sampling.logprobs = fields.flag("logprobs")?;
    request.sampling.top_logprobs = fields.count("top_logprobs")?;
    request.stream = fields.flag("stream")?.unwrap_or(true);
    request.stream_usage = true;
    Ok(())
}

fn read_options(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(value) = fields.value("options") else { return Ok(()) };
    let empty = value.as_object().is_some_and(Map::is_empty);
    let mut options = Fields::of(value, "options")?;
    let sampling = &mut request.sampling;
    sampling.temperature = options.float("temperature")?;
    sampling.top_p = options.float("top_p")?;
    sampling.frequency_penalty = options.float("frequency_penalty")?;
    sampling.presence_penalty = options.float("presence_penalty")?;
    sampling.top_k = whole(&mut options, "top_k")?;
    sampling.seed = options.integer("seed")?;
    request.max_output = whole(&mut options, "num_predict")?;
    sampling.stop = match options.value("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(value) => serde_json::from_value(value)
            .map_err(|_| wrong("options.stop", "a string or an array of strings"))?,
    };
    let left = options.left();
    if empty || !left.is_empty() {
        fields.put_back("options", Value::Object(left));
    }
    Ok(())
}

/// A count, which may be written as `40.0`. Numbers below 0 have meanings of their own (`num_predict: -1` is without end)
/// and stay where they are.
fn whole(options: &mut Fields, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = options.value(name) else { return Ok(None) };
    let Some(number) = value.as_f64() else { return Err(wrong(&options.path(name), "a whole number")) };
    if let Some(count) = value.as_u64() {
        return Ok(Some(count));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    if number.fract() == 0.0 && (0.0..=9e15).contains(&number) {
        return Ok(Some(number as u64));
    }
    options.put_back(name, value);
    Ok(None)
}

/// `json`, or a schema itself.
fn read_format(fields: &mut Fields) -> Result<OutputFormat, Fault> {
    match fields.value("format") {
        None => Ok(OutputFormat::Text),
        // Older clients say that they ask for nothing.
        Some(Value::String(text)) if text.is_empty() => {
            fields.put_back("format", Value::String(text));
            Ok(OutputFormat::Text)
        }
        Some(Value::String(text)) if text == "json" => Ok(OutputFormat::JsonObject),
        Some(schema @ Value::Object(_)) => Ok(OutputFormat::JsonSchema {
            name: "answer".to_owned(),
            description: None,
            schema,
            strict: None,
        }),
        Some(_) => Err(wrong("format", "\"json\" or a JSON schema")),
    }
}

/// `true`, `false` or a level. `true` is the usual effort with thoughts to be shown, which tells it from the level.
fn read_think(fields: &mut Fields) -> Result<Option<Reasoning>, Fault> {
    let (effort, include) = match fields.value("think") {
        None => return Ok(None),
        Some(Value::Bool(true)) => (Effort::Medium, Some(true)),
        Some(Value::Bool(false)) => (Effort::None, None),
        Some(Value::String(level)) => {
            let effort = match level.as_str() {
                "low" => Effort::Low,
                "medium" => Effort::Medium,
                "high" => Effort::High,
                "max" => Effort::Max,
                _ => {
                    fields.put_back("think", Value::String(level));
                    return Ok(None);
                }
            };
            // Clients of Ollama know what their model takes.
            fields.put_back(ECHO, json!({"think": level}));
            (effort, None)
        }
        Some(_) => return Err(wrong("think", "true, false or a level")),
    };
    Ok(Some(Reasoning { effort: Some(effort), include, ..Reasoning::default() }))
}

/// Writes them, and notes what has no place here.
pub(super) fn write(request: &Request, think: Option<&Value>, out: &mut Outgoing<'_>) -> Result<(), Fault> {
    match &request.format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => out.put("format", "json")?,
        OutputFormat::JsonSchema { schema, .. } => out.put("format", schema)?,
    }
    out.put_some("think", think)?;
    out.put_object("options", options(request))?;
    out.put_some("logprobs", request.sampling.logprobs)?;
    out.put_some("top_logprobs", request.sampling.top_logprobs)?;
    // Without it the answer would be a stream.
    out.put("stream", &request.stream)
}

fn options(request: &Request) -> Map<String, Value> {
    let sampling = &request.sampling;
    let pairs = [
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        ("top_k", sampling.top_k.map(Value::from)),
        ("seed", sampling.seed.map(Value::from)),
        ("num_predict", request.max_output.map(Value::from)),
        ("frequency_penalty", sampling.frequency_penalty.map(Value::from)),
        ("presence_penalty", sampling.presence_penalty.map(Value::from)),
        ("stop", (!sampling.stop.is_empty()).then(|| json!(sampling.stop))),
    ];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// `think` for what was asked. gpt-oss takes levels, all other models yes or no (docs.ollama.com/capabilities/thinking).
pub(super) fn think(request: &Request, receipt: &mut Receipt) -> Option<Value> {
    let asked = request.reasoning.as_ref()?;
    let own = matches!(request.extra.owner, Some(Dialect::OllamaChat | Dialect::OllamaGenerate));
    if let Some(said) = request.extra.fields.get(ECHO).and_then(|echo| echo.get("think")).filter(|_| own) {
        return Some(said.clone());
    }
    let Some(effort) = effort::level(asked) else {
        return (asked.include == Some(true)).then_some(Value::Bool(true));
    };
    if asked.effort.is_none() && asked.budget.is_some_and(|tokens| tokens > 0) {
        receipt.dropped("thinking.budget_tokens", "Ollama takes no number of tokens to think");
    }
    let level = match effort {
        Effort::None => return Some(Value::Bool(false)),
        Effort::Medium if asked.include == Some(true) => return Some(Value::Bool(true)),
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    };
    if !request.model.contains("gpt-oss") {
        if asked.effort.is_some() && effort != Effort::Medium {
            receipt.dropped("reasoning_effort", "the model thinks or does not");
        }
        return Some(Value::Bool(true));
    }
    if effort > Effort::High {
        receipt.dropped("reasoning_effort", "lowered to high");
    }
    Some(json!(level))
}

/// Notes what Ollama has no parameter for.
pub(super) fn note_inexpressible(request: &Request, receipt: &mut Receipt) {
    let asked = [
        ("n", request.sampling.n.is_some_and(|n| n > 1)),
        ("parallel_tool_calls", request.parallel_tools == Some(false)),
        ("user", request.user.is_some()),
        ("metadata", request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty())),
        ("service_tier", request.service_tier.as_deref().is_some_and(|tier| tier != "auto")),
        ("modalities", request.modalities.iter().any(|it| *it != contract::canon::Modality::Text)),
        ("audio", request.voice.is_some()),
        ("verbosity", request.verbosity.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("prompt_cache_retention", request.cache_retention.is_some()),
        ("safety_identifier", request.safety_id.is_some()),
        ("store", request.store == Some(true)),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Ollama has no such parameter");
    }
}
