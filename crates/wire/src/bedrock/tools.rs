//! `toolConfig` ↔ canon.

use std::borrow::Cow;
use std::collections::BTreeSet;

use contract::Fault;
use contract::canon::{CacheHint, Message, OutputFormat, PartKind, Receipt, Request, Role, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::block::{cache_hint, system_tool};
use super::family::{Choices, Family};
use super::read::put_back;
use super::written::cache_fields;
use super::{DIALECT, single};
use crate::anthropic::{SHAPELESS, fit_schema, reshapes_schema};
use crate::emulate::{self, ANSWER_TOOL};
use crate::fields::{Fields, wrong};
use crate::outgoing::{merge, own_fields};
use crate::schemas;

/// In a tool's leftovers: the fields of the cache point behind it, where they are not the usual ones.
const POINT: &str = "(cachePoint)";

/// Reads `toolConfig`.
pub(super) fn read(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(mut config) = fields.object("toolConfig")? else { return Ok(()) };
    for (at, tool) in config.list("tools")?.unwrap_or_default().into_iter().enumerate() {
        read_tool(tool, at, &mut request.tools)?;
    }
    if let Some(mut choice) = config.object("toolChoice")? {
        request.tool_choice = read_choice(&mut choice)?;
        put_back(&mut config, "toolChoice", choice.left());
    }
    put_back(fields, "toolConfig", config.left());
    Ok(())
}

fn read_tool(tool: Value, at: usize, tools: &mut Vec<Tool>) -> Result<(), Fault> {
    let path = format!("toolConfig.tools[{at}]");
    let Value::Object(mut tool) = tool else { return Err(wrong(&path, "an object")) };
    tool.retain(|_, value| !value.is_null());
    if let Some(point) = tool.get("cachePoint")
        && let Some((hint, plain)) = cache_hint(point)
        && let Some(Tool::Function { cache: cache @ None, extra, .. }) = tools.last_mut()
    {
        *cache = Some(hint);
        if !plain {
            extra.owner = Some(DIALECT);
            extra.fields.insert(POINT.to_owned(), point.clone());
        }
        return Ok(());
    }
    if let Some(spec) = tool.shift_remove("toolSpec") {
        let mut fields = Fields::of(spec, format!("{path}.toolSpec"))?;
        let mut schema = fields.object("inputSchema")?;
        let parameters = schema.as_mut().and_then(|schema| schema.value("json"));
        put_back(&mut fields, "inputSchema", schema.map(Fields::left).unwrap_or_default());
        tools.push(Tool::Function {
            name: fields.need_text("name")?,
            description: fields.text("description")?,
            parameters,
            strict: fields.flag("strict")?,
            cache: None,
            extra: fields.extra(DIALECT),
        });
        return Ok(());
    }
    let name = tool.get("systemTool").and_then(|tool| tool.get("name")).and_then(Value::as_str);
    let kind = system_tool(name.unwrap_or_default());
    tools.push(Tool::Server { owner: DIALECT, tool: kind, value: Value::Object(tool) });
    Ok(())
}

fn read_choice(choice: &mut Fields) -> Result<Option<ToolChoice>, Fault> {
    if let Some(mut tool) = choice.object("tool")? {
        return tool.need_text("name").map(ToolChoice::Named).map(Some);
    }
    for (name, canon) in [("auto", ToolChoice::Auto), ("any", ToolChoice::Required)] {
        if choice.value(name).is_some() {
            return Ok(Some(canon));
        }
    }
    Ok(None)
}

/// How the model is told to answer with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// In no way of `toolConfig`.
    Free,
    /// By a tool that stands for it.
    Tool,
}

/// Writes `toolConfig`; empty when there is none.
pub(super) fn write(
    request: &Request,
    (family, structures): (Family, bool),
    answer: Answer,
    receipt: &mut Receipt,
) -> Map<String, Value> {
    let mut tools = Vec::with_capacity(request.tools.len() + 1);
    let mut wanted = Wanted::of(request, family, receipt);
    for (at, tool) in request.tools.iter().enumerate().filter(|_| !wanted.no_tools) {
        write_tool(tool, at, &wanted, (family, structures), (&mut tools, &mut *receipt));
    }
    let left_out = tools.is_empty() && !request.tools.is_empty();
    if answer == Answer::Tool {
        tools.push(answer_tool(&request.format, family, receipt));
    } else if tools.is_empty() {
        tools.extend(called(&request.messages));
    }
    // Tools that were only called before are no choice.
    if left_out
        && wanted.choice.take().is_some()
        && request.tool_choice.as_ref().is_some_and(ToolChoice::forces)
    {
        receipt.dropped("tool_choice", "there is no tool to choose");
    }
    if tools.is_empty() {
        return Map::new();
    }
    let choice = match (answer, &wanted.choice) {
        (Answer::Tool, _) if family.choices() == Choices::Auto => None,
        (Answer::Tool, _) if tools.len() == 1 && family.choices() == Choices::Tool => {
            Some(json!({"tool": {"name": ANSWER_TOOL}}))
        }
        (Answer::Tool, _) => Some(json!({"any": {}})),
        (Answer::Free, choice) => choice.clone(),
    };
    let mut config = single("tools", tools);
    if let Some(choice) = choice {
        config.insert("toolChoice".to_owned(), choice);
    }
    config
}

/// What the choice comes to with this family.
#[derive(Default)]
struct Wanted<'a> {
    choice: Option<Value>,
    /// Only these are sent: that is how a choice is said that has no word.
    only: Option<Vec<&'a str>>,
    no_tools: bool,
}

impl<'a> Wanted<'a> {
    fn of(request: &'a Request, family: Family, receipt: &mut Receipt) -> Self {
        if request.parallel_tools == Some(false) && !request.tools.is_empty() {
            receipt.dropped("parallel_tool_calls", "calls cannot be kept to one here");
        }
        let mut wanted = Self::default();
        let Some(choice) = &request.tool_choice else { return wanted };
        let any = |receipt: &mut Receipt| match family.choices() {
            Choices::Auto => {
                receipt.dropped("tool_choice", "the model takes no tool choice");
                None
            }
            _ => Some(json!({"any": {}})),
        };
        match choice {
            ToolChoice::Auto => wanted.choice = Some(json!({"auto": {}})),
            ToolChoice::None if called(&request.messages).is_empty() => wanted.no_tools = true,
            ToolChoice::None => {
                receipt.dropped("tool_choice", "there is no 'none', and earlier calls need their tools");
            }
            ToolChoice::Required => wanted.choice = any(receipt),
            ToolChoice::Named(name) if family.choices() == Choices::Tool => {
                wanted.choice = Some(json!({"tool": {"name": name}}));
            }
            ToolChoice::Named(name) => {
                wanted.only = Some(vec![name]);
                wanted.choice = any(receipt);
            }
            ToolChoice::Allowed { names, required } => {
                wanted.only = Some(names.iter().map(String::as_str).collect());
                wanted.choice = if *required { any(receipt) } else { Some(json!({"auto": {}})) };
            }
        }
        wanted
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&name))
    }
}

fn write_tool(
    tool: &Tool,
    at: usize,
    wanted: &Wanted<'_>,
    (family, structures): (Family, bool),
    (tools, receipt): (&mut Vec<Value>, &mut Receipt),
) {
    match tool {
        Tool::Server { owner, value, .. } if *owner == DIALECT => tools.push(value.clone()),
        Tool::Server { owner, .. } => {
            receipt.dropped(format!("tools[{at}]"), format!("only {owner} runs this tool"));
        }
        Tool::Custom { .. } => {
            receipt.dropped(format!("tools[{at}]"), "this dialect has no tools that take any text");
        }
        Tool::Function { name, .. } if !wanted.wants(name) => {}
        Tool::Function { name, description, parameters, strict, cache, extra } => {
            let mut spec = single("name", name.as_str());
            if let Some(description) = description.as_deref().filter(|text| !text.is_empty()) {
                spec.insert("description".to_owned(), description.into());
            }
            let mut schema = input_schema(parameters.as_ref());
            // Claude takes no union at the top of it.
            if matches!(family, Family::Claude(_))
                && let Cow::Owned(flat) = schemas::flat(&schema, &format!("tools[{at}].parameters"), receipt)
            {
                schema = Cow::Owned(flat);
            }
            let shapeless = matches!(family, Family::Claude(_)) && reshapes_schema(&schema);
            if *strict == Some(true) && structures && !shapeless {
                let fitted = fit_schema(&schema, &format!("tools[{at}].parameters"), receipt).into_owned();
                schema = Cow::Owned(fitted);
            }
            spec.insert("inputSchema".to_owned(), json!({"json": schema}));
            match strict {
                Some(true) if structures && shapeless => {
                    receipt.dropped(format!("tools[{at}].strict"), SHAPELESS);
                }
                Some(strict) if structures => drop(spec.insert("strict".to_owned(), (*strict).into())),
                Some(true) => {
                    receipt.dropped(format!("tools[{at}].strict"), "the model takes no strict tools");
                }
                _ => {}
            }
            let left = own_fields(DIALECT, extra, &format!("tools[{at}]."), receipt);
            if let Some(left) = left {
                merge(&mut spec, left);
            }
            spec.shift_remove(POINT);
            tools.push(json!({"toolSpec": spec}));
            match cache {
                Some(hint) if family.caches() => {
                    let kept = left.and_then(|left| left.get(POINT)).cloned();
                    tools.push(kept.map_or_else(|| cache_point(*hint), |kept| json!({"cachePoint": kept})));
                }
                Some(_) => receipt.dropped(format!("tools[{at}].cache"), "the model has no prompt cache"),
                None => {}
            }
        }
    }
}

fn cache_point(hint: CacheHint) -> Value {
    json!({"cachePoint": cache_fields(hint)})
}

/// Bedrock insists on a schema, and models on an object.
fn input_schema(parameters: Option<&Value>) -> Cow<'_, Value> {
    match parameters {
        Some(whole @ Value::Object(schema)) if schema.contains_key("type") => Cow::Borrowed(whole),
        Some(Value::Object(schema)) => {
            let mut typed = schema.clone();
            typed.insert("type".to_owned(), "object".into());
            Cow::Owned(Value::Object(typed))
        }
        _ => Cow::Owned(json!({"type": "object", "properties": {}})),
    }
}

/// Definitions of the tools that earlier turns called: without one Bedrock refuses the turns ("The toolConfig field must
/// be defined when using toolUse and toolResult content blocks").
fn called(messages: &[Message]) -> Vec<Value> {
    let calls = messages.iter().flat_map(|message| &message.parts).filter_map(|part| match &part.kind {
        PartKind::ToolCall { name, .. } => Some(name.as_str()),
        PartKind::ToolResult(result) => result.name.as_deref(),
        _ => None,
    });
    let mut names: BTreeSet<&str> = calls.collect();
    if names.is_empty() && messages.iter().any(|message| message.role == Role::Tool) {
        names.insert("tool");
    }
    let schema = json!({"type": "object"});
    let spec = |name: &str| json!({"toolSpec": {"name": name, "inputSchema": {"json": schema}}});
    names.into_iter().map(spec).collect()
}

/// Did earlier turns call tools?
pub(super) fn called_any(messages: &[Message]) -> bool {
    !called(messages).is_empty()
}

/// The tool that stands for a schema.
fn answer_tool(format: &OutputFormat, family: Family, receipt: &mut Receipt) -> Value {
    let (description, mut schema) = emulate::answer_tool(format, receipt);
    if matches!(family, Family::Claude(_)) {
        schema = schemas::flat(&schema, "response_format.schema", receipt).into_owned();
    }
    json!({"toolSpec": {"name": ANSWER_TOOL, "description": description, "inputSchema": {"json": schema}}})
}
