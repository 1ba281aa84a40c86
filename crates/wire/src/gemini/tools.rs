//! `tools` and `toolConfig` ↔ canon.
//!
//! An entry of `tools` holds functions and Google's own tools side by side; canon has each for itself. Tools that other
//! providers run become Google's of the same kind.

use contract::Fault;
use contract::canon::{Extra, Receipt, Request, ServerTool, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::beside::{ALONE, Beside, TELL};
use super::names;
use super::out::CUSTOM;
use super::schema::{fit, from_openapi, to_openapi};
use crate::fields::Fields;
use crate::outgoing::{is_setting, own_fields};

/// Under which of its two names a schema stood: kept as a null among what is left.
const OLDER: &str = "parameters";
const JSON_SCHEMA: &str = "parametersJsonSchema";

/// Reads `tools`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Tool>, Fault> {
    let mut tools = Vec::new();
    for (at, entry) in names::list(fields, "tools").into_iter().enumerate() {
        let mut entry = names::fields(entry, format!("tools[{at}]"))?;
        let path = entry.path("functionDeclarations");
        for (at, function) in names::list(&mut entry, "functionDeclarations").into_iter().enumerate() {
            tools.push(read_function(names::fields(function, format!("{path}[{at}]"))?)?);
        }
        for (name, config) in entry.left() {
            let tool = server_tool(&name);
            tools.push(Tool::Server { owner: DIALECT, tool, value: json!({ name: config }) });
        }
    }
    Ok(tools)
}

fn read_function(mut fields: Fields) -> Result<Tool, Fault> {
    let name = fields.need_text("name")?;
    let description = fields.text("description")?;
    let parameters = match (fields.value(JSON_SCHEMA), fields.value(OLDER)) {
        (Some(schema), _) => Some((JSON_SCHEMA, schema)),
        (None, older) => older.map(|schema| (OLDER, from_openapi(schema))),
    };
    let mut left = fields.left();
    let parameters = parameters.map(|(key, schema)| {
        left.insert(key.to_owned(), Value::Null);
        schema
    });
    let extra = Extra { owner: (!left.is_empty()).then_some(DIALECT), fields: left };
    Ok(Tool::Function { name, description, parameters, strict: None, cache: None, extra })
}

fn server_tool(name: &str) -> ServerTool {
    match name {
        "googleSearch" | "googleSearchRetrieval" | "enterpriseWebSearch" => ServerTool::WebSearch,
        "urlContext" => ServerTool::WebFetch,
        "codeExecution" => ServerTool::Code,
        "fileSearch" | "retrieval" => ServerTool::FileSearch,
        "mcpServers" => ServerTool::Mcp,
        _ => ServerTool::Other,
    }
}

/// Are the names of documents read? Google's own tools alone do (API reference: `Blob.displayName`).
pub(crate) fn reads_names(request: &Request) -> bool {
    let reads = |tool: &Tool| match tool {
        Tool::Server { tool, .. } => {
            matches!(tool, ServerTool::WebSearch | ServerTool::WebFetch | ServerTool::Code)
        }
        _ => false,
    };
    request.tools.iter().any(reads)
}

/// Reads `toolConfig`; what canon has no word for is put back.
pub(super) fn read_config(fields: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let Some(mut config) = names::object(fields, "toolConfig")? else { return Ok(()) };
    let functions = request.tools.iter().any(|tool| matches!(tool, Tool::Function { .. }));
    if functions && let Some(mut calling) = names::object(&mut config, "functionCallingConfig")? {
        read_calling(&mut calling, request)?;
        put_back(&mut config, "functionCallingConfig", calling.left());
    }
    put_back(fields, "toolConfig", config.left());
    Ok(())
}

fn read_calling(calling: &mut Fields, request: &mut Request) -> Result<(), Fault> {
    let mode = names::word(calling, "mode")?;
    let names = names::texts(calling, "allowedFunctionNames")?;
    let mut strict = false;
    let choice = match mode.as_deref().map(str::to_ascii_uppercase).as_deref() {
        Some("NONE") => {
            calling.extend_back("allowedFunctionNames", (!names.is_empty()).then_some(names));
            Some(ToolChoice::None)
        }
        Some("ANY") => Some(match <[String; 1]>::try_from(names) {
            Ok([name]) => ToolChoice::Named(name),
            Err(names) if names.is_empty() => ToolChoice::Required,
            Err(names) => ToolChoice::Allowed { names, required: true },
        }),
        Some(word @ ("AUTO" | "VALIDATED")) => {
            strict = word == "VALIDATED";
            Some(if names.is_empty() {
                ToolChoice::Auto
            } else {
                ToolChoice::Allowed { names, required: false }
            })
        }
        _ => {
            calling.extend_back("mode", mode);
            calling.extend_back("allowedFunctionNames", (!names.is_empty()).then_some(names));
            None
        }
    };
    request.tool_choice = choice;
    for tool in request.tools.iter_mut().filter(|_| strict) {
        if let Tool::Function { strict, .. } = tool {
            *strict = Some(true);
        }
    }
    Ok(())
}

trait ExtendBack {
    fn extend_back<T: Into<Value>>(&mut self, name: &str, value: Option<T>);
}

impl ExtendBack for Fields {
    fn extend_back<T: Into<Value>>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put_back(name, value.into());
        }
    }
}

/// What canon had no word for in an object goes on as extra.
pub(super) fn put_back(fields: &mut Fields, key: &str, left: Map<String, Value>) {
    if !left.is_empty() {
        fields.put_back(key, Value::Object(left));
    }
}

/// Writes `tools`: the functions in one entry, Google's own tools each in its own.
pub(super) fn write(request: &Request, beside: Beside, receipt: &mut Receipt) -> Vec<Value> {
    let (mut functions, mut own): (_, Vec<Value>) = (Vec::new(), Vec::new());
    for (at, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Server { owner, value, .. } if *owner == DIALECT => own.push(value.clone()),
            Tool::Server { owner, tool, value } => match googles(*tool) {
                Some(_) if beside == Beside::Refused => receipt.dropped(format!("tools[{at}]"), ALONE),
                Some(name) => {
                    note_settings(value, at, receipt);
                    if !own.iter().any(|entry| entry.get(name).is_some()) {
                        own.push(json!({ name: {} }));
                    }
                }
                None => receipt.dropped(format!("tools[{at}]"), format!("only {owner} runs this tool")),
            },
            Tool::Custom { name, description, format, extra } => {
                own_fields(DIALECT, extra, &format!("tools[{at}]."), receipt);
                if format.as_ref().is_some_and(|format| format.get("type") != Some(&"text".into())) {
                    receipt.dropped(format!("tools[{at}].format"), "Gemini knows no grammars");
                }
                functions.push(custom(name, description.as_deref()));
            }
            Tool::Function { name, description, parameters, extra, .. } => {
                let mut function = Map::new();
                function.insert("name".to_owned(), name.as_str().into());
                function.extend(description.as_deref().map(|text| ("description".to_owned(), text.into())));
                let left = own_fields(DIALECT, extra, &format!("tools[{at}]."), receipt);
                let stood = |key: &str| left.is_some_and(|left| left.contains_key(key));
                function.extend(parameters.clone().map(|schema| {
                    let (key, schema) = if stood(OLDER) {
                        (OLDER, to_openapi(schema))
                    } else if stood(JSON_SCHEMA) {
                        (JSON_SCHEMA, schema)
                    } else {
                        (JSON_SCHEMA, fit(schema, &format!("tools[{at}].parameters"), receipt))
                    };
                    (key.to_owned(), schema)
                }));
                let left = left.into_iter().flatten().filter(|(_, value)| !value.is_null());
                function.extend(left.map(|(key, value)| (key.clone(), value.clone())));
                functions.push(Value::Object(function));
            }
        }
    }
    if !functions.is_empty() {
        own.insert(0, json!({"functionDeclarations": functions}));
    }
    own
}

/// A tool that takes any text: a function of one text.
fn custom(name: &str, description: Option<&str>) -> Value {
    let schema = json!({"type": "object", "properties": {CUSTOM: {"type": "string"}}, "required": [CUSTOM]});
    match description {
        Some(description) => json!({"name": name, "description": description, JSON_SCHEMA: schema}),
        None => json!({"name": name, JSON_SCHEMA: schema}),
    }
}

/// Google's tool of a kind.
pub(super) const fn googles(tool: ServerTool) -> Option<&'static str> {
    match tool {
        ServerTool::WebSearch => Some("googleSearch"),
        ServerTool::WebFetch => Some("urlContext"),
        ServerTool::Code => Some("codeExecution"),
        _ => None,
    }
}

/// Settings of another provider's tool, which Google's has no place for.
fn note_settings(value: &Value, at: usize, receipt: &mut Receipt) {
    for (key, value) in value.as_object().into_iter().flatten() {
        if is_setting(key, value) {
            receipt.dropped(format!("tools[{at}].{key}"), "Google's tool has no such setting");
        }
    }
}

/// Writes `toolConfig`.
pub(super) fn write_config(
    request: &Request,
    (own, beside): (bool, Beside),
    receipt: &mut Receipt,
) -> Map<String, Value> {
    let mut config = Map::new();
    let told = beside == Beside::Told;
    if told {
        config.insert(TELL.to_owned(), true.into());
    }
    let is_function = |tool: &&Tool| matches!(tool, Tool::Function { .. } | Tool::Custom { .. });
    let mut functions = request.tools.iter().filter(is_function).peekable();
    if functions.peek().is_none() {
        if matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
            receipt.dropped("tool_choice", "there is no function to choose");
        }
        return config;
    }
    if request.parallel_tools == Some(false) && !own {
        receipt.dropped("parallel_tool_calls", "Gemini decides how many functions it calls");
    }
    let strict = functions.any(|tool| matches!(tool, Tool::Function { strict: Some(true), .. }));
    let mut calling = Map::new();
    let mode = match &request.tool_choice {
        // Calls that follow their schema, or prose.
        Some(ToolChoice::Auto) | None if strict => "VALIDATED",
        // The default beside Google's own tools, where there is no `AUTO`.
        Some(ToolChoice::Auto) if told => "VALIDATED",
        Some(ToolChoice::Auto) => "AUTO",
        Some(ToolChoice::None) => "NONE",
        Some(ToolChoice::Required) => "ANY",
        Some(ToolChoice::Named(name)) => {
            calling.insert("allowedFunctionNames".to_owned(), json!([name]));
            "ANY"
        }
        // An empty list would allow them all.
        Some(ToolChoice::Allowed { names, .. }) if names.is_empty() => "NONE",
        // Names may be given in two modes only; what a client of Gemini says otherwise is for Gemini to judge.
        Some(ToolChoice::Allowed { names, required }) => {
            calling.insert("allowedFunctionNames".to_owned(), json!(names));
            match required {
                true => "ANY",
                false if own && !strict => "AUTO",
                false => "VALIDATED",
            }
        }
        None => return config,
    };
    calling.insert("mode".to_owned(), mode.into());
    config.insert("functionCallingConfig".to_owned(), Value::Object(calling));
    config
}
