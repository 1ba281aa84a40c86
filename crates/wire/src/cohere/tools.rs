//! Tools, the choice among them and tool calls ↔ canon. Cohere writes definitions and calls as OpenAI does; a choice it
//! knows two words for, and strictness it has once for all tools.

use contract::Fault;
use contract::canon::{Part, PartKind, Provenance, Receipt, Request, ServerTool, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::{DIALECT, schema};
use crate::fields::Fields;
use crate::outgoing::{merge, own_fields};

/// Reads one entry of `tools`.
pub(super) fn read_tool(value: Value, path: &str, strict: Option<bool>) -> Result<Tool, Fault> {
    let mut fields = Fields::of(value, path)?;
    if !fields.has("function") {
        let value = Value::Object(fields.left());
        return Ok(Tool::Server { owner: DIALECT, tool: ServerTool::Other, value });
    }
    let _function = fields.value("type");
    let mut function = fields.need_object("function")?;
    let name = function.need_text("name")?;
    let description = function.text("description")?;
    let parameters = function.value("parameters");
    let left = function.left();
    if !left.is_empty() {
        fields.put_back("function", Value::Object(left));
    }
    Ok(Tool::Function { name, description, parameters, strict, cache: None, extra: fields.extra(DIALECT) })
}

/// Reads `tool_choice`; gives the value back when canon has no word for it.
pub(super) fn read_choice(value: Value) -> Result<ToolChoice, Value> {
    match value.as_str() {
        Some("REQUIRED") => Ok(ToolChoice::Required),
        Some("NONE") => Ok(ToolChoice::None),
        Some("AUTO") => Ok(ToolChoice::Auto),
        _ => Err(value),
    }
}

/// What to write of tools.
#[derive(Default)]
pub(super) struct Plan {
    /// The definitions.
    pub(super) tools: Vec<Value>,
    /// `tool_choice`.
    pub(super) choice: Option<&'static str>,
    /// `strict_tools`.
    pub(super) strict: Option<bool>,
}

/// The definitions in Cohere's form. There is no word for one certain tool: then the model is shown no other, and must use
/// one.
pub(super) fn write(request: &Request, receipt: &mut Receipt) -> Plan {
    let mut plan = Plan::default();
    let mut strict = Vec::new();
    for (at, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Server { owner, value, .. } if *owner == DIALECT => plan.tools.push(value.clone()),
            Tool::Server { owner, .. } => {
                receipt.dropped(format!("tools[{at}]"), format!("only {owner} runs this tool"));
            }
            Tool::Custom { .. } => {
                receipt.dropped(format!("tools[{at}]"), "this dialect has no tools that take any text");
            }
            Tool::Function { name, strict: one, .. } if is_offered(request.tool_choice.as_ref(), name) => {
                plan.tools.push(write_tool(tool, at, receipt));
                strict.push((at, *one));
            }
            Tool::Function { .. } => {}
        }
    }
    if plan.tools.is_empty() {
        if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
            receipt.dropped("tool_choice", "there is no tool to choose");
        }
        return plan;
    }
    plan.choice = match &request.tool_choice {
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }) => {
            Some("REQUIRED")
        }
        Some(ToolChoice::Auto | ToolChoice::Allowed { .. }) | None => None,
    };
    plan.strict = all_strict(&strict, receipt);
    if plan.strict == Some(true) {
        for (tool, (at, _)) in
            plan.tools.iter_mut().filter(|tool| tool.get("function").is_some()).zip(&strict)
        {
            if let Some(parameters) = tool.pointer_mut("/function/parameters") {
                *parameters = schema::fit(parameters, &format!("tools[{at}].parameters"), receipt);
            }
        }
    }
    plan
}

fn is_offered(choice: Option<&ToolChoice>, name: &str) -> bool {
    match choice {
        Some(ToolChoice::Named(only)) => only == name,
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        _ => true,
    }
}

/// Strictness is for all tools or for none.
fn all_strict(tools: &[(usize, Option<bool>)], receipt: &mut Receipt) -> Option<bool> {
    if tools.iter().all(|(_, strict)| *strict == Some(true)) {
        return (!tools.is_empty()).then_some(true);
    }
    for (at, _) in tools.iter().filter(|(_, strict)| *strict == Some(true)) {
        receipt.dropped(format!("tools[{at}].strict"), "all tools are strict here, or none");
    }
    let said = |(_, strict): &(usize, Option<bool>)| *strict == Some(false);
    (!tools.is_empty() && tools.iter().all(said)).then_some(false)
}

fn write_tool(tool: &Tool, at: usize, receipt: &mut Receipt) -> Value {
    let Tool::Function { name, description, parameters, extra, .. } = tool else { return Value::Null };
    let mut function = Map::new();
    function.insert("name".to_owned(), json!(name));
    if let Some(description) = description {
        function.insert("description".to_owned(), json!(description));
    }
    // Required of a definition (docs: "Tool use", parameter types).
    let parameters = parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    function.insert("parameters".to_owned(), parameters);
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("function"));
    out.insert("function".to_owned(), Value::Object(function));
    if let Some(own) = own_fields(DIALECT, extra, &format!("tools[{at}]."), receipt) {
        merge(&mut out, own);
    }
    Value::Object(out)
}

/// Reads one entry of `tool_calls`. A call without an id gets `made_up`.
pub(super) fn read_call(value: Value, path: &str, made_up: String) -> Result<Part, Fault> {
    let mut fields = Fields::of(value, path)?;
    let _function = fields.value("type");
    let id = fields.text("id")?.filter(|id| !id.is_empty()).unwrap_or(made_up);
    let mut function = fields.need_object("function")?;
    let name = function.need_text("name")?;
    let arguments = arguments(function.value("arguments"));
    let left = function.left();
    if !left.is_empty() {
        fields.put_back("function", Value::Object(left));
    }
    let part = Part::new(PartKind::ToolCall { id, name, arguments, custom: false }, Provenance::Model);
    let left = fields.left();
    Ok(if left.is_empty() { part } else { part.with_native(DIALECT, Value::Object(left)) })
}

/// Arguments are a string; an object is taken as well.
pub(super) fn arguments(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

/// Writes a call as an entry of `tool_calls`.
pub(super) fn write_call(part: &Part) -> Option<Value> {
    let PartKind::ToolCall { id, name, arguments, .. } = &part.kind else { return None };
    let arguments = if arguments.is_empty() { "{}" } else { arguments };
    let mut call = Map::new();
    call.insert("id".to_owned(), json!(id));
    call.insert("type".to_owned(), json!("function"));
    call.insert("function".to_owned(), json!({"name": name, "arguments": arguments}));
    if let Some(Value::Object(native)) = part.native_for(DIALECT) {
        merge(&mut call, native);
    }
    Some(Value::Object(call))
}
