//! `tools` and `tool_choice` ↔ canon.
//!
//! A definition without a type, or of type `custom`, is a function; any other type is a tool that Anthropic runs or knows
//! by itself, and stays verbatim. Another provider's search of the web or sandbox becomes Anthropic's: see `foreign.rs`.

use std::borrow::Cow;

use contract::Fault;
use contract::canon::{OutputFormat, Receipt, Request, Tool, ToolChoice};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::cache::{self, Breakpoints, Control};
use super::models::Traits;
use super::{DIALECT, foreign, schema, served};
use crate::emulate::{self, ANSWER_TOOL};
use crate::fields::{Fields, wrong};
use crate::outgoing::own_fields;
use crate::schemas;

/// Reads one definition; `at` is its place.
pub(super) fn read(tool: Value, at: usize) -> Result<Tool, Fault> {
    let kind = tool.get("type").and_then(Value::as_str);
    if let Some(kind) = kind.filter(|kind| *kind != "custom") {
        return Ok(Tool::Server { owner: DIALECT, tool: served::kind(kind), value: tool });
    }
    let mut fields = Fields::of(tool, format!("tools[{at}]"))?;
    let _default = fields.value("type");
    let (name, description) = (fields.need_text("name")?, fields.text("description")?);
    let (parameters, strict) = (fields.value("input_schema"), fields.flag("strict")?);
    let mut extra = fields.extra(DIALECT);
    let cache = cache::take(&mut extra.fields);
    extra.owner = extra.owner.filter(|_| !extra.fields.is_empty());
    Ok(Tool::Function { name, description, parameters, strict, cache, extra })
}

/// Reads `tool_choice` and what it says of parallel calls.
pub(super) fn read_choice(choice: &mut Fields) -> Result<(ToolChoice, Option<bool>), Fault> {
    let picked = match choice.text("type")?.as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("any") => ToolChoice::Required,
        Some("none") => ToolChoice::None,
        Some("tool") => ToolChoice::Named(choice.need_text("name")?),
        _ => return Err(wrong(&choice.path("type"), "one of 'auto', 'any', 'tool', 'none'")),
    };
    Ok((picked, choice.flag("disable_parallel_tool_use")?.map(|off| !off)))
}

/// A definition to be written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Out<'a> {
    /// A function.
    Function(Function<'a>),
    /// A tool of Anthropic's.
    Server(Cow<'a, Value>),
}

/// A function to be written.
#[derive(Serialize)]
pub(super) struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Cow<'a, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Control>,
    #[serde(flatten)]
    extra: Option<&'a Map<String, Value>>,
}

/// The definitions in Anthropic's form; those of other providers that it has nothing like are noted in the receipt.
pub(super) fn write<'a>(
    request: &'a Request,
    traits: &Traits,
    cache: &mut Breakpoints,
    receipt: &mut Receipt,
) -> Vec<Out<'a>> {
    let mut tools = Vec::with_capacity(request.tools.len());
    for (at, tool) in request.tools.iter().enumerate() {
        let at = format!("tools[{at}]");
        match tool {
            Tool::Server { owner, value, .. } if *owner == DIALECT => {
                tools.push(Out::Server(Cow::Borrowed(value)));
            }
            Tool::Server { owner, tool, value } => match foreign::tool(*tool, value, &at, receipt) {
                Some(tool) => tools.push(Out::Server(Cow::Owned(tool))),
                None => receipt.dropped(at, format!("only {owner} runs this tool")),
            },
            Tool::Custom { .. } => receipt.dropped(at, "this dialect has no tools that take any text"),
            Tool::Function { name, description, parameters, strict, cache: hint, extra } => {
                let extra = own_fields(DIALECT, extra, &format!("{at}."), receipt);
                let mut input_schema = input_schema(parameters.as_ref(), &at, receipt);
                let strict = held(*strict, traits, (&input_schema, &at), receipt);
                if strict == Some(true) {
                    input_schema = fitted(input_schema, &format!("{at}.parameters"), receipt);
                }
                tools.push(Out::Function(Function {
                    name,
                    description: description.as_deref(),
                    input_schema,
                    strict,
                    cache_control: cache.take(*hint, extra, &at, receipt),
                    extra,
                }));
            }
        }
    }
    tools
}

/// The tool that stands for a schema of the answer.
pub(super) fn answer<'a>(format: &'a OutputFormat, receipt: &mut Receipt) -> Out<'a> {
    let (description, schema) = emulate::answer_tool(format, receipt);
    Out::Function(Function {
        name: ANSWER_TOOL,
        description: Some(description),
        input_schema: Cow::Owned(schemas::flat(&schema, "response_format.schema", receipt).into_owned()),
        strict: None,
        cache_control: None,
        extra: None,
    })
}

/// The choice of that tool, once.
pub(super) fn answer_choice() -> Map<String, Value> {
    let choice =
        [("type", "tool".into()), ("name", ANSWER_TOOL.into()), ("disable_parallel_tool_use", true.into())];
    choice.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
}

/// `strict`, for models that can be held to a schema, and schemas they can be held to.
fn held(
    strict: Option<bool>,
    traits: &Traits,
    (input, at): (&Value, &str),
    receipt: &mut Receipt,
) -> Option<bool> {
    let reason = match strict {
        Some(true) if !traits.schemas => "the model cannot be held to a schema",
        Some(true) if schema::reshapes(input) => schema::SHAPELESS,
        _ => return strict,
    };
    receipt.dropped(format!("{at}.strict"), reason);
    None
}

/// Anthropic insists on a schema, and that its type is `object`; a union at its top it refuses.
fn input_schema<'a>(parameters: Option<&'a Value>, at: &str, receipt: &mut Receipt) -> Cow<'a, Value> {
    let flat = parameters.map(|schema| schemas::flat(schema, &format!("{at}.parameters"), receipt));
    match flat {
        Some(schema) if schema.get("type").is_some() => schema,
        Some(schema) if schema.is_object() => {
            let mut typed = schema.into_owned();
            if let Some(fields) = typed.as_object_mut() {
                fields.insert("type".to_owned(), "object".into());
            }
            Cow::Owned(typed)
        }
        _ => Cow::Owned(json!({"type": "object", "properties": {}})),
    }
}

/// A strict tool's schema is constrained like an answer's.
fn fitted<'a>(schema: Cow<'a, Value>, at: &str, receipt: &mut Receipt) -> Cow<'a, Value> {
    match schema {
        Cow::Borrowed(schema) => schema::fit(schema, at, receipt),
        Cow::Owned(schema) => Cow::Owned(schema::fit(&schema, at, receipt).into_owned()),
    }
}

/// `tool_choice`; empty when there is none. Without tools Anthropic refuses it.
pub(super) fn write_choice(
    request: &Request,
    tools: &[Out<'_>],
    receipt: &mut Receipt,
) -> Map<String, Value> {
    let mut object = Map::new();
    if tools.is_empty() {
        if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
            receipt.dropped("tool_choice", "there is no tool to choose");
        }
        return object;
    }
    let one_at_a_time = request.parallel_tools == Some(false);
    let kind = match &request.tool_choice {
        Some(ToolChoice::None) => "none",
        Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => "any",
        Some(ToolChoice::Named(name)) => {
            object.insert("name".to_owned(), name.as_str().into());
            "tool"
        }
        Some(ToolChoice::Auto | ToolChoice::Allowed { .. }) => "auto",
        None if one_at_a_time => "auto",
        None => return object,
    };
    object.insert("type".to_owned(), kind.into());
    if one_at_a_time && kind != "none" {
        object.insert("disable_parallel_tool_use".to_owned(), true.into());
    }
    object
}
