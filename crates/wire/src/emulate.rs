//! What a target lacks, in words it has: so that no dialect does it by itself.
//!
//! A custom tool, whose input is any text, becomes a function with one string `input`; the model's calls of it come back
//! with the bare text. Tools in groups stand apart, the group's name before theirs. A choice among some tools becomes a list
//! of only these. JSON that cannot be asked for otherwise is asked for in words. Each dialect says what it has
//! ([`Chat::has`](crate::hub::Chat::has)), a target's quirks what it lacks of that. The way back needs the names of the
//! custom tools, from [`EncodeOptions::custom`].

mod answer;
mod chosen;
pub(crate) mod mistral;
mod names;
mod raise;
mod results;
mod sound;
mod told;
mod wrapping;

use std::borrow::Cow;

use contract::canon::{Asked, Extra, Part, PartKind, Receipt, Reply, Request, Tool, ToolChoice};
use serde_json::{Value, json};

pub(crate) use answer::{ANSWER_TOOL, Called, answer_tool, read_answer};
pub(crate) use chosen::chosen;
pub use names::Renamed;
pub(crate) use names::{Restoring, fitted, renamed_tools, restore};
pub(crate) use raise::Raising;
pub(crate) use results::first as results_first;
pub(crate) use sound::{WAV, sounds};
pub(crate) use told::refuses_schema;
pub(crate) use wrapping::Wrapping;

use crate::hub::Has;
use crate::responses::namespaces;
use crate::{Lack, Quirks};

/// The parameter of a function that stands for a custom tool.
const INPUT: &str = "input";

/// The names of a request's custom tools, for [`EncodeOptions::custom`](crate::EncodeOptions).
pub(crate) fn custom_tools(asked: &Asked) -> Vec<String> {
    let Asked::Chat(request) = asked else { return Vec::new() };
    let name = |tool: &Tool| if let Tool::Custom { name, .. } = tool { Some(name.clone()) } else { None };
    let alone = request.tools.iter().filter_map(name);
    let groups = request.tools.iter().filter_map(namespaces::spread);
    alone.chain(groups.flat_map(|(tools, _)| tools).filter_map(|(_, tool)| name(&tool))).collect()
}

/// The request in words that the target has, written by `write`; what is noted of its tools has the client's numbers.
pub(crate) fn lowered<T>(
    request: &Request,
    (has, quirks): (Has, &Quirks),
    receipt: &mut Receipt,
    write: impl FnOnce(&Request, &mut Receipt) -> T,
) -> T {
    let allowed = has.allowed_tools && !quirks.lacks.contains(&Lack::AllowedTools);
    let Some(ToolChoice::Allowed { names, .. }) = request.tool_choice.as_ref().filter(|_| !allowed) else {
        return write(&lower(request, has, quirks, receipt), receipt);
    };
    let kept: Vec<usize> =
        (0..).zip(&request.tools).filter(|(_, tool)| is_among(tool, names)).map(|(at, _)| at).collect();
    let mut noted = Receipt::default();
    let written = write(&lower(request, has, quirks, &mut noted), &mut noted);
    for lost in noted.entries() {
        receipt.dropped(renumbered(&lost.field, &kept), lost.reason.clone());
    }
    written
}

/// The name of a tool's field where the tool had another number before others were left out.
fn renumbered(field: &str, kept: &[usize]) -> String {
    let numbered = || {
        let (number, rest) = field.strip_prefix("tools[")?.split_once(']')?;
        Some(format!("tools[{}]{rest}", kept.get(number.parse::<usize>().ok()?)?))
    };
    numbered().unwrap_or_else(|| field.to_owned())
}

fn lower<'a>(request: &'a Request, has: Has, quirks: &Quirks, receipt: &mut Receipt) -> Cow<'a, Request> {
    let custom = has.custom_tools && !quirks.lacks.contains(&Lack::CustomTools);
    let allowed = has.allowed_tools && !quirks.lacks.contains(&Lack::AllowedTools);
    let mut out = told::form(Cow::Borrowed(request), (has, quirks), receipt);
    if !allowed && matches!(request.tool_choice, Some(ToolChoice::Allowed { .. })) {
        allow(out.to_mut());
    }
    if !has.groups && namespaces::has_groups(&out) {
        let among = match &request.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) if !allowed => Some(names.as_slice()),
            _ => None,
        };
        ungroup(out.to_mut(), among, receipt);
    }
    if !custom && uses_custom(&out) {
        let request = out.to_mut();
        for (at, tool) in request.tools.iter_mut().enumerate() {
            if let Some(function) = as_function(tool, at, receipt) {
                *tool = function;
            }
        }
        request.messages.iter_mut().flat_map(|message| &mut message.parts).for_each(wrap);
    }
    if mistral::asks_for(Lack::CallIds, &out.model, quirks) {
        mistral::fit_ids(&mut out);
    }
    out
}

/// Does the request name or call a custom tool?
fn uses_custom(request: &Request) -> bool {
    let called = |part: &Part| matches!(part.kind, PartKind::ToolCall { custom: true, .. });
    request.tools.iter().any(|tool| matches!(tool, Tool::Custom { .. }))
        || request.messages.iter().flat_map(|message| &message.parts).any(called)
}

/// Puts the tools of each group in its place; those beyond the first come last, so that the others keep their numbers.
///
/// Only those `among` the tools that may be called, if these are told.
fn ungroup(request: &mut Request, among: Option<&[String]>, receipt: &mut Receipt) {
    let mut beyond = Vec::new();
    for (at, tool) in request.tools.iter_mut().enumerate() {
        let Some((tools, description)) = namespaces::spread(tool) else { continue };
        if description.is_some() {
            receipt.dropped(format!("tools[{at}].description"), "the target has no groups of tools");
        }
        let mut tools = tools
            .into_iter()
            .map(|(_, tool)| tool)
            .filter(|tool| among.is_none_or(|names| is_among(tool, names)));
        if let Some(first) = tools.next() {
            *tool = first;
            beyond.extend(tools);
        }
    }
    request.tools.append(&mut beyond);
}

/// Leaves only the functions that may be called. Tools that the provider runs stay: they are not chosen by a name.
fn allow(request: &mut Request) {
    let Some(ToolChoice::Allowed { names, required }) = request.tool_choice.take() else { return };
    request.tools.retain(|tool| is_among(tool, &names));
    if !request.tools.is_empty() {
        request.tool_choice = Some(if required { ToolChoice::Required } else { ToolChoice::Auto });
    }
}

fn is_among(tool: &Tool, names: &[String]) -> bool {
    match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => names.contains(name),
        Tool::Server { .. } => match namespaces::spread(tool) {
            Some((tools, _)) => tools.iter().any(|(_, tool)| is_among(tool, names)),
            None => true,
        },
    }
}

/// The function that stands for a custom tool. A grammar cannot be enforced; the model is told of it.
fn as_function(tool: &Tool, at: usize, receipt: &mut Receipt) -> Option<Tool> {
    let Tool::Custom { name, description, format, extra } = tool else { return None };
    let mut input = json!({"type": "string", "description": "The input of the tool, as plain text."});
    let text = |name: &str| format.as_ref().and_then(|format| format.get(name)).and_then(Value::as_str);
    if text("type").is_some_and(|kind| kind != "text") {
        receipt.dropped(format!("tools[{at}].format"), "the target cannot hold the model to a grammar");
        if let Some(grammar) = text("definition") {
            let syntax = text("syntax").unwrap_or("given");
            input["description"] = json!(format!(
                "The input of the tool, as plain text that follows this {syntax} grammar:\n{grammar}"
            ));
        }
    }
    for name in extra.fields.keys() {
        receipt.dropped(format!("tools[{at}].{name}"), "the target has no custom tools");
    }
    let parameters = json!({
        "type": "object", "properties": {INPUT: input}, "required": [INPUT], "additionalProperties": false
    });
    Some(Tool::Function {
        name: name.clone(),
        description: description.clone(),
        parameters: Some(parameters),
        strict: None,
        cache: None,
        extra: Extra::default(),
    })
}

/// A call of a custom tool becomes one of the function.
fn wrap(part: &mut Part) {
    if let PartKind::ToolCall { arguments, custom, .. } = &mut part.kind
        && *custom
    {
        *custom = false;
        *arguments = json!({INPUT: arguments}).to_string();
    }
}

/// An answer for a client whose dialect lacks custom tools: calls of them hold an object. Without one it could not be read.
pub(crate) fn wrap_calls(reply: &Reply, has: Has) -> Cow<'_, Reply> {
    let custom = |part: &Part| matches!(part.kind, PartKind::ToolCall { custom: true, .. });
    if has.custom_tools || !reply.choices.iter().flat_map(|choice| &choice.parts).any(custom) {
        return Cow::Borrowed(reply);
    }
    let mut reply = reply.clone();
    reply.choices.iter_mut().flat_map(|choice| &mut choice.parts).for_each(wrap);
    Cow::Owned(reply)
}

/// Calls of functions that stand for custom tools become calls of these.
pub(crate) fn raise(reply: &mut Reply, names: &[String]) {
    if names.is_empty() {
        return;
    }
    for part in reply.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
        if let PartKind::ToolCall { name, arguments, custom, .. } = &mut part.kind
            && !*custom
            && names.contains(name)
        {
            *custom = true;
            *arguments = unwrap(arguments);
        }
    }
}

/// The text within the arguments. What a model wrote otherwise than it was told goes on as it is.
fn unwrap(arguments: &str) -> String {
    let mut out = String::new();
    let mut input = raise::Input::default();
    input.push(arguments, &mut out);
    input.finish(&mut out);
    out
}

#[cfg(test)]
mod tests;
