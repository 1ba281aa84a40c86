//! `reasoning`, `text` and `include` ↔ canon.

use contract::Fault;
use contract::canon::{Effort, OutputFormat, Reasoning, Request, Verbosity};
use serde_json::{Map, Value, json};

use super::object;
use crate::effort;
use crate::fields::{Fields, wrong};

/// What asks for the likelihood of tokens.
const LOGPROBS: &str = "message.output_text.logprobs";
/// What asks for thoughts in a form that can be sent back.
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// Reads `reasoning`; what canon has no word for stays among the fields.
pub(super) fn read_reasoning(fields: &mut Fields) -> Result<Option<Reasoning>, Fault> {
    let Some(mut inner) = fields.object("reasoning")? else { return Ok(None) };
    let effort = inner.peek("effort").and_then(effort::named);
    if effort.is_some() {
        let _known = inner.value("effort");
    }
    let summary = inner.text("summary")?;
    let left = inner.left();
    if !left.is_empty() {
        fields.put_back("reasoning", Value::Object(left));
    }
    let include = summary.as_ref().map(|_| true);
    let reasoning = Reasoning { effort, budget: None, include, summary };
    Ok((reasoning != Reasoning::default()).then_some(reasoning))
}

/// `reasoning`: the level asked for, or the one that a number of thinking tokens comes nearest to.
pub(super) fn write_reasoning(reasoning: Option<&Reasoning>) -> Map<String, Value> {
    let Some(asked) = reasoning else { return Map::new() };
    let effort = effort::level(asked).map(effort::word);
    let shown = asked.include == Some(true) && effort != Some("none");
    let summary = asked.summary.as_deref().or(shown.then_some("auto"));
    object([("effort", effort.map(Value::from)), ("summary", summary.map(Value::from))])
}

/// Reads `text`: the shape of the answer and how much it says.
pub(super) fn read_text(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(mut inner) = fields.object("text")? else { return Ok(()) };
    if let Some(format) = inner.value("format") {
        match read_format(format, &inner.path("format"))? {
            Ok(format) => request.format = format,
            Err(format) => inner.put_back("format", format),
        }
    }
    request.verbosity = match inner.peek("verbosity") {
        Some("low") => Some(Verbosity::Low),
        Some("medium") => Some(Verbosity::Medium),
        Some("high") => Some(Verbosity::High),
        _ => None,
    };
    if request.verbosity.is_some() {
        let _known = inner.value("verbosity");
    }
    let left = inner.left();
    if !left.is_empty() {
        fields.put_back("text", Value::Object(left));
    }
    Ok(())
}

fn read_format(value: Value, path: &str) -> Result<Result<OutputFormat, Value>, Fault> {
    match value.get("type").and_then(Value::as_str) {
        Some("text") => Ok(Ok(OutputFormat::Text)),
        Some("json_object") => Ok(Ok(OutputFormat::JsonObject)),
        Some("json_schema") => {
            let mut fields = Fields::of(value, path)?;
            Ok(Ok(OutputFormat::JsonSchema {
                name: fields.text("name")?.unwrap_or_else(|| "answer".to_owned()),
                description: fields.text("description")?,
                schema: fields.value("schema").unwrap_or_else(|| json!({})),
                strict: fields.flag("strict")?,
            }))
        }
        _ if !value.is_object() => Err(wrong(path, "a JSON object")),
        _ => Ok(Err(value)),
    }
}

/// `text`; prose is the default and not written.
pub(super) fn write_text(request: &Request) -> Map<String, Value> {
    let format = match &request.format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(json!({"type": "json_object"})),
        OutputFormat::JsonSchema { name, description, schema, strict } => Some(Value::Object(object([
            ("type", Some(json!("json_schema"))),
            ("name", Some(json!(name))),
            ("description", description.as_ref().map(|text| json!(text))),
            ("schema", Some(schema.clone())),
            ("strict", strict.map(Value::Bool)),
        ]))),
    };
    let verbosity = request.verbosity.map(|verbosity| match verbosity {
        Verbosity::Low => "low",
        Verbosity::Medium => "medium",
        Verbosity::High => "high",
    });
    object([("format", format), ("verbosity", verbosity.map(Value::from))])
}

/// Reads `include`: what asks for likelihoods is canon's, the rest stays.
pub(super) fn read_include(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(mut list) = fields.list("include")? else { return Ok(()) };
    let all = list.len();
    list.retain(|entry| entry != LOGPROBS);
    request.sampling.logprobs = (list.len() < all).then_some(true);
    if !list.is_empty() {
        fields.put_back("include", Value::Array(list));
    }
    Ok(())
}

/// `include`: the client's own entries, and what else the answer needs.
pub(super) fn write_include(request: &Request, own: bool, encrypted: bool) -> Vec<Value> {
    let mut list = match request.extra.fields.get("include").filter(|_| own) {
        Some(Value::Array(list)) => list.clone(),
        _ => Vec::new(),
    };
    let wanted = [(LOGPROBS, request.sampling.logprobs == Some(true)), (ENCRYPTED, encrypted)];
    for (entry, _) in wanted.into_iter().filter(|(_, wanted)| *wanted) {
        if !list.iter().any(|there| there == entry) {
            list.push(json!(entry));
        }
    }
    list
}

/// Takes out what asks for likelihoods. Was it there?
pub(super) fn without_logprobs(include: &mut Vec<Value>) -> bool {
    let all = include.len();
    include.retain(|entry| entry != LOGPROBS);
    include.len() < all
}

/// Does the model think? Told from what is asked of it, from thoughts of an earlier turn, and from the names of OpenAI's
/// models (o1 and its successors, gpt-5 and later but for its chat variants; models page of the API's docs). A model that
/// does not would refuse to be asked for encrypted thoughts.
pub(super) fn thinks(request: &Request, thoughts: bool) -> bool {
    if let Some(asked) = &request.reasoning {
        return asked.effort != Some(Effort::None) && (asked.effort.is_some() || asked.budget != Some(0));
    }
    let name = request.model.rsplit('/').next().unwrap_or_default();
    let digits = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?;
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end)?.parse::<u32>().ok()
    };
    let generation = digits("gpt-").is_some_and(|number| (5..30).contains(&number));
    let reasoner = digits("o").is_some();
    thoughts || ((generation || reasoner || name.starts_with("codex")) && !name.contains("chat"))
}
