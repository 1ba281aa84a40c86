//! Canon → a request for an Ollama server.

use bytes::Bytes;
use contract::canon::{Receipt, Request, Tool, ToolChoice};
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::turns::{self, Said};
use super::{Form, settings};
use crate::Quirks;
use crate::outgoing::{Outgoing, merge, own_fields};
use crate::single::Single;

/// Writes the body of `api/chat`.
///
/// # Errors
/// `invalid_request`: nothing of the conversation can be sent.
pub(super) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let form = Form::Chat;
    let messages = turns::write(&request.messages, receipt);
    // A request of Ollama's own without messages loads the model.
    if messages.is_empty() && !request.messages.is_empty() {
        let message = "There is no message that this model could be sent.";
        return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
    }
    let tools = write_tools(request, receipt);
    let think = settings::think(request, receipt);
    settings::note_inexpressible(request, receipt);
    let mut out = Outgoing::new(form.dialect(), &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    out.put("messages", &messages)?;
    out.put_some("tools", (!tools.is_empty()).then_some(&tools))?;
    settings::write(request, think.as_ref(), &mut out)?;
    out.finish()
}

/// Writes the body of `api/generate`.
///
/// # Errors
/// `unsupported_capability`: it is more than a prompt.
pub(super) fn write_generate(
    request: &Request,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    let form = Form::Generate;
    let single = Single::of(request)?;
    let (mut system, mut user) = (Said::default(), Said::default());
    for (said, parts) in [(&mut system, &single.system), (&mut user, &single.user)] {
        for (part, place) in parts {
            said.add(part, form, place, receipt);
        }
    }
    if !request.tools.is_empty() {
        receipt.dropped("tools", "a prompt goes without tools");
    }
    let think = settings::think(request, receipt);
    settings::note_inexpressible(request, receipt);
    let mut out = Outgoing::new(form.dialect(), &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    if !single.user.is_empty() {
        out.put("prompt", &user.content)?;
    }
    out.put_some("system", (!single.system.is_empty()).then_some(&system.content))?;
    out.put_some("images", (!user.images.is_empty()).then_some(&user.images))?;
    settings::write(request, think.as_ref(), &mut out)?;
    out.finish()
}

/// The tools, as far as the choice among them lets the model use them: there is no such choice here.
fn write_tools(request: &Request, receipt: &mut Receipt) -> Vec<Value> {
    let allowed = |name: &str| match &request.tool_choice {
        None | Some(ToolChoice::Auto | ToolChoice::Required) => true,
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Named(named)) => named == name,
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
    };
    if let Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. }) =
        &request.tool_choice
    {
        receipt.dropped("tool_choice", "Ollama cannot be made to call a tool");
    }
    let mut out = Vec::with_capacity(request.tools.len());
    for (at, tool) in request.tools.iter().enumerate() {
        match tool {
            Tool::Function { name, .. } if !allowed(name) => {}
            Tool::Function { .. } => out.push(write_function(tool, at, receipt)),
            Tool::Server { owner, value, .. } if *owner == Form::Chat.dialect() => out.push(value.clone()),
            Tool::Server { owner, .. } => {
                receipt.dropped(format!("tools[{at}]"), format!("only {owner} runs this tool"));
            }
            Tool::Custom { .. } => {
                receipt.dropped(format!("tools[{at}]"), "this dialect has no tools that take any text");
            }
        }
    }
    out
}

fn write_function(tool: &Tool, at: usize, receipt: &mut Receipt) -> Value {
    let Tool::Function { name, description, parameters, strict, extra, .. } = tool else {
        return Value::Null;
    };
    if *strict == Some(true) {
        receipt.dropped(format!("tools[{at}].strict"), "Ollama does not hold a model to a schema here");
    }
    let mut function = Map::new();
    function.insert("name".to_owned(), json!(name));
    if let Some(description) = description {
        function.insert("description".to_owned(), json!(description));
    }
    // Templates print the schema as it is.
    let parameters = parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    function.insert("parameters".to_owned(), parameters);
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("function"));
    out.insert("function".to_owned(), Value::Object(function));
    if let Some(own) = own_fields(Form::Chat.dialect(), extra, &format!("tools[{at}]."), receipt) {
        merge(&mut out, own);
    }
    Value::Object(out)
}
