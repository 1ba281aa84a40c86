//! Tools, the choice among them and tool calls ↔ canon.

use contract::Fault;
use contract::canon::{CacheHint, Extra, Part, PartKind, Provenance, Receipt, ServerTool, Tool, ToolChoice};
use serde_json::{Map, Value, json};

use super::DIALECT;
use super::accents::FORM;
use super::content::{object, take_cache, with_left, with_sidecar, write_cache};
use crate::fields::Fields;
use crate::outgoing::{is_empty, merge};
use crate::searches::Search;

/// The form of a call whose arguments are an object and not the text of one, as Mistral takes them and TGI makes them.
const OBJECT: &str = "object";

/// The field of a request that asks for a search of the web, which is no entry of `tools`.
pub(super) const SEARCH: &str = "web_search_options";

/// Reads one entry of `tools`; anything but a function or a custom tool is the provider's own.
pub(super) fn read_tool(value: Value, path: &str) -> Result<Tool, Fault> {
    let mut fields = Fields::of(value, path)?;
    match fields.peek("type") {
        None | Some("function") => {}
        Some("custom") if fields.is_object("custom") => return read_custom(fields),
        Some(kind) => {
            let tool = server_tool(kind);
            return Ok(Tool::Server { owner: DIALECT, tool, value: Value::Object(fields.left()) });
        }
    }
    let _function = fields.value("type");
    let cache = take_cache(&mut fields);
    let mut function = fields.need_object("function")?;
    let name = function.need_text("name")?;
    let description = function.text("description")?;
    let parameters = function.value("parameters");
    let strict = function.flag("strict")?;
    keep(&mut fields, "function", function);
    Ok(Tool::Function { name, description, parameters, strict, cache, extra: fields.extra(DIALECT) })
}

/// What servers of this dialect call the tools they run.
fn server_tool(kind: &str) -> ServerTool {
    let kind = kind.rsplit(':').next().unwrap_or(kind);
    match kind {
        "web_search" | "web_search_preview" | "browser_search" | "live_search" | "web_search_premium" => {
            ServerTool::WebSearch
        }
        "web_fetch" | "visit_website" => ServerTool::WebFetch,
        "code_interpreter" | "code_execution" => ServerTool::Code,
        "file_search" | "retrieval" | "document_library" => ServerTool::FileSearch,
        "image_generation" => ServerTool::ImageGeneration,
        "mcp" => ServerTool::Mcp,
        "tool_search" => ServerTool::ToolSearch,
        _ => ServerTool::Other,
    }
}

fn read_custom(mut fields: Fields) -> Result<Tool, Fault> {
    let _custom = fields.value("type");
    let mut custom = fields.need_object("custom")?;
    let name = custom.need_text("name")?;
    let description = custom.text("description")?;
    let format = custom.value("format").map(flat_format);
    keep(&mut fields, "custom", custom);
    Ok(Tool::Custom { name, description, format, extra: fields.extra(DIALECT) })
}

/// Canon has the words of OpenAI's newer dialect, in which the grammar is not an object of its own.
fn flat_format(mut format: Value) -> Value {
    if let Some(Value::Object(grammar)) = format.as_object_mut().and_then(|it| it.shift_remove("grammar"))
        && let Some(outer) = format.as_object_mut()
    {
        outer.extend(grammar);
    }
    format
}

fn nested_format(format: &Value) -> Value {
    match format {
        Value::Object(flat) if format["type"] == "grammar" && !flat.contains_key("grammar") => {
            let grammar: Map<_, _> =
                flat.iter().filter(|(key, _)| *key != "type").map(|(k, v)| (k.clone(), v.clone())).collect();
            json!({"type": "grammar", "grammar": grammar})
        }
        _ => format.clone(),
    }
}

/// Puts what is left of an inner object back in its place.
fn keep(fields: &mut Fields, name: &str, inner: Fields) {
    let left = inner.left();
    if !left.is_empty() {
        fields.put_back(name, Value::Object(left));
    }
}

/// Reads one entry of the legacy `functions`.
pub(super) fn read_function(value: Value, path: &str) -> Result<Tool, Fault> {
    let mut function = Fields::of(value, path)?;
    Ok(Tool::Function {
        name: function.need_text("name")?,
        description: function.text("description")?,
        parameters: function.value("parameters"),
        strict: None,
        cache: None,
        extra: Extra::default(),
    })
}

/// The tool that `web_search_options` asks for.
pub(super) fn read_search(options: &Value) -> Tool {
    Tool::Server { owner: DIALECT, tool: ServerTool::WebSearch, value: json!({SEARCH: options}) }
}

/// `web_search_options` for a tool: this dialect's own, or another's with what both can say (`user_location`,
/// `search_context_size`; developers.openai.com, "Web search"). `at` is its place.
pub(super) fn write_search(owner_is_us: bool, value: &Value, at: &str, receipt: &mut Receipt) -> Value {
    if owner_is_us {
        return value.get(SEARCH).cloned().unwrap_or_else(|| json!({}));
    }
    let search = Search::of(value, at);
    let lost = [
        ("allowed_domains", search.allowed.is_some()),
        ("blocked_domains", search.blocked.is_some()),
        ("max_uses", search.uses.is_some()),
    ];
    let lost = lost.into_iter().filter(|(_, said)| *said).map(|(name, _)| format!("{at}.{name}"));
    for place in search.unknown.iter().cloned().chain(lost) {
        receipt.dropped(place, "the search has no such setting here");
    }
    let place = search.location.map(|mut place| {
        if let Some(place) = place.as_object_mut() {
            place.shift_remove("type");
        }
        json!({"type": "approximate", "approximate": place})
    });
    Value::Object(object([("user_location", place), ("search_context_size", search.size)]))
}

/// Writes an entry of `tools`; none when another dialect owns it.
pub(super) fn write_tool(tool: &Tool, caches: bool) -> Option<Value> {
    match tool {
        Tool::Server { owner, value, .. } => (*owner == DIALECT).then(|| value.clone()),
        Tool::Custom { name, description, format, extra } => {
            let custom = object([
                ("name", Some(json!(name))),
                ("description", description.as_ref().map(|text| json!(text))),
                ("format", format.as_ref().map(nested_format)),
            ]);
            Some(entry("custom", custom, extra, None))
        }
        Tool::Function { name, description, parameters, strict, cache, extra } => {
            let function = object([
                ("name", Some(json!(name))),
                ("description", description.as_ref().map(|text| json!(text))),
                ("parameters", parameters.clone()),
                ("strict", strict.map(Value::Bool)),
            ]);
            Some(entry("function", function, extra, cache.filter(|_| caches)))
        }
    }
}

fn entry(kind: &str, inner: Map<String, Value>, extra: &Extra, cache: Option<CacheHint>) -> Value {
    let mut out = object([("type", Some(json!(kind))), (kind, Some(Value::Object(inner)))]);
    if extra.owner == Some(DIALECT) {
        merge(&mut out, &extra.fields);
    }
    write_cache(&mut out, cache);
    Value::Object(out)
}

/// Reads `tool_choice` or the legacy `function_call`, with what else it says; gives the value back when canon has no word
/// for it.
pub(super) fn read_choice(value: Value) -> Result<(ToolChoice, Map<String, Value>), Value> {
    let named = value
        .pointer("/function/name")
        .or_else(|| value.pointer("/custom/name"))
        .or_else(|| value.get("name").filter(|_| value.get("type").is_none()));
    if let Some(Value::String(name)) = named {
        let choice = ToolChoice::Named(name.clone());
        return Ok((choice, beside_choice(value)));
    }
    if let Some(allowed) = value.get("allowed_tools") {
        let choice = read_allowed(allowed);
        return choice.map(|choice| (choice, beside_choice(value.clone()))).ok_or(value);
    }
    let choice = match value.as_str() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required" | "any") => ToolChoice::Required,
        _ => return Err(value),
    };
    Ok((choice, Map::new()))
}

/// What a choice says beside the tools it names.
fn beside_choice(choice: Value) -> Map<String, Value> {
    let Value::Object(mut fields) = choice else { return Map::new() };
    for known in ["type", "name", "allowed_tools"] {
        fields.shift_remove(known);
    }
    for kind in ["function", "custom"] {
        if let Some(inner) = fields.get_mut(kind).and_then(Value::as_object_mut) {
            inner.shift_remove("name");
        }
    }
    fields.retain(|_, value| !is_empty(value));
    fields
}

/// `{"mode": "auto" | "required", "tools": [{"type": "function", "function": {"name": …}}, …]}`.
fn read_allowed(allowed: &Value) -> Option<ToolChoice> {
    let name = |tool: &Value| {
        let name = tool.pointer("/function/name").or_else(|| tool.pointer("/custom/name"))?;
        name.as_str().map(str::to_owned)
    };
    let names = allowed.get("tools")?.as_array()?.iter().map(name).collect::<Option<_>>()?;
    let required = match allowed.get("mode")?.as_str()? {
        "auto" => false,
        "required" => true,
        _ => return None,
    };
    Some(ToolChoice::Allowed { names, required })
}

/// Writes `tool_choice`. Whether a name is a function's or a custom tool's, the tools say.
pub(super) fn write_choice(choice: &ToolChoice, tools: &[Tool]) -> Value {
    let entry = |wanted: &String| {
        let custom = tools.iter().any(|tool| matches!(tool, Tool::Custom { name, .. } if name == wanted));
        let kind = if custom { "custom" } else { "function" };
        json!({"type": kind, kind: {"name": wanted}})
    };
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => entry(name),
        ToolChoice::Allowed { names, required } => {
            let tools: Vec<Value> = names.iter().map(entry).collect();
            let mode = if *required { "required" } else { "auto" };
            json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}})
        }
    }
}

/// Reads one entry of an assistant's `tool_calls`. A call without an id gets `made_up`.
pub(super) fn read_call(value: Value, path: &str, made_up: String) -> Result<Part, Fault> {
    let mut fields = Fields::of(value, path)?;
    let custom = !fields.has("function") && fields.is_object("custom");
    if !custom && !fields.has("function") && fields.peek("type").is_some_and(|kind| kind != "function") {
        let native = json!({"call": fields.left()});
        return Ok(Part::new(PartKind::Native, Provenance::Model).with_native(DIALECT, native));
    }
    // Moonshot's own functions (platform.moonshot.ai, "Use Web Search Tool").
    if matches!(fields.peek("type"), Some("function" | "custom")) || fields.peek("type").is_none() {
        let _known = fields.value("type");
    }
    let id = fields.text("id")?.filter(|id| !id.is_empty()).unwrap_or(made_up);
    let kind = if custom { "custom" } else { "function" };
    let mut inner = fields.need_object(kind)?;
    let name = inner.need_text("name")?;
    let arguments = inner.value(if custom { "input" } else { "arguments" });
    if matches!(arguments, Some(Value::Object(_))) {
        fields.put_back(FORM, json!(OBJECT));
    }
    let arguments = read_arguments(arguments);
    keep(&mut fields, kind, inner);
    let call = PartKind::ToolCall { id, name, arguments, custom };
    Ok(with_left(Part::new(call, Provenance::Model), fields))
}

/// Arguments are a string; some servers write the object itself, some nothing.
pub(super) fn read_arguments(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

/// Writes a call as an entry of `tool_calls`; none when the part is no call of this dialect's.
pub(super) fn write_call(part: &Part) -> Option<Value> {
    let PartKind::ToolCall { id, name, arguments, custom } = &part.kind else {
        return part.native_for(DIALECT).and_then(|native| native.get("call")).cloned();
    };
    let call = if *custom {
        json!({"id": id, "type": "custom", "custom": {"name": name, "input": arguments}})
    } else {
        let arguments = if arguments.is_empty() { "{}" } else { arguments };
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    };
    let mut call = with_sidecar(call, part);
    let own = |name: &str| part.native_for(DIALECT)?.get(name)?.as_str();
    if let Some(kind) = own("type") {
        call["type"] = json!(kind);
    }
    if own(FORM) == Some(OBJECT)
        && let Some(value) = crate::arguments::object(arguments)
        && let Ok(value) = serde_json::from_str::<Value>(value.get())
    {
        call[if *custom { "custom" } else { "function" }][if *custom { "input" } else { "arguments" }] =
            value;
    }
    Some(call)
}

/// Does a native part hold a tool call of a kind canon does not know, rather than content?
pub(super) fn is_call(native: &Value) -> bool {
    native.get("call").is_some()
}
