//! Requests in canon → a filled template. What a client said and the template does not take is named in the receipt.

use bytes::Bytes;
use contract::canon::{
    Asked, EmbedInput, EmbedRequest, Message, PartKind, Prediction, Receipt, Request, Role,
};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Map, Value};

use super::quirks::QUIRKS;
use super::template::{Hole, Name, Template};

const LOST: &str = "the template of this account does not take it";

/// What placeholders stand for in one request.
#[derive(Default)]
struct Values {
    model: Value,
    prompt: Value,
    system: Value,
    inputs: Value,
    input: Value,
    body: Value,
}

impl Values {
    fn get(&self, hole: &Hole) -> Option<&Value> {
        let value = match hole.name {
            Name::Model => Some(&self.model),
            Name::Prompt => Some(&self.prompt),
            Name::System => Some(&self.system),
            Name::Inputs => Some(&self.inputs),
            Name::Input => Some(&self.input),
            Name::Messages => self.body.get("messages"),
            Name::Temperature => self.body.get("temperature"),
            Name::MaxTokens => self.body.get("max_tokens"),
            Name::Body => self.body.pointer(&hole.pointer),
        };
        value.filter(|value| !value.is_null())
    }

    fn fill(&self, template: &Template) -> Result<Bytes, Fault> {
        let filled = template.fill(&|hole| self.get(hole));
        let bytes = serde_json::to_vec(&filled).map_err(|error| Fault::new(Code::Internal).because(error))?;
        Ok(wire::exact::released(&bytes).into_owned().into())
    }
}

/// A conversation.
pub(super) fn chat(template: &Template, asked: &Asked, request: &Request) -> Result<(Bytes, Receipt), Fault> {
    let mut receipt = Receipt::default();
    let body = written(Dialect::OpenaiChat, asked, &mut receipt)?;
    if !request.tools.is_empty() && !template.takes("tools") {
        return Err(cannot("call tools").at("tools"));
    }
    if !template.uses(Name::Messages) && !template.takes("messages") {
        check_spoken(template, request, &mut receipt)?;
    }
    for (member, value) in &body {
        let taken = match member.as_str() {
            "model" | "messages" | "stream" | "stream_options" => true,
            "temperature" => template.uses(Name::Temperature),
            "max_tokens" => template.uses(Name::MaxTokens),
            _ => value.is_null(),
        };
        if !taken && !template.takes(member) {
            let field = if member == "max_tokens" { "max_completion_tokens" } else { member };
            receipt.dropped(field.to_owned(), LOST);
        }
    }
    let prompt = last_user(request).map(|(_, message)| Value::String(text(message)));
    let system: Vec<String> =
        request.messages.iter().filter(|message| instructs(message)).map(text).collect();
    let values = Values {
        model: Value::String(request.model.clone()),
        prompt: prompt.unwrap_or_default(),
        system: if system.is_empty() { Value::Null } else { Value::String(system.join("\n\n")) },
        body: Value::Object(body),
        ..Values::default()
    };
    Ok((values.fill(template)?, receipt))
}

/// Checks a conversation of which only the last question and the instructions are taken.
fn check_spoken(template: &Template, request: &Request, receipt: &mut Receipt) -> Result<(), Fault> {
    let Some((last, question)) = last_user(request) else {
        let message = "This model answers the user's last message, and there is none.";
        return Err(Fault::saying(Code::InvalidRequest, message).at("messages"));
    };
    let takes_prompt = template.uses(Name::Prompt);
    let other = question.parts.iter().position(|part| !matches!(part.kind, PartKind::Text(_)));
    if let Some(part) = other.filter(|_| takes_prompt) {
        return Err(cannot("take anything but text").at(format!("messages[{last}].content[{part}]")));
    }
    for (at, message) in request.messages.iter().enumerate() {
        let taken = (at == last && takes_prompt) || (instructs(message) && template.uses(Name::System));
        if !taken {
            receipt.dropped(format!("messages[{at}]"), LOST);
        }
    }
    Ok(())
}

/// Texts to be embedded.
pub(super) fn embeddings(
    template: &Template,
    asked: &Asked,
    request: &EmbedRequest,
) -> Result<(Bytes, Receipt), Fault> {
    let mut receipt = Receipt::default();
    let many = template.uses(Name::Inputs) || template.takes("input");
    if !many && request.inputs.len() > 1 {
        return Err(cannot("embed more than one text at a time").at("input"));
    }
    let inputs = request.inputs.iter().enumerate().map(|(at, input)| match input {
        EmbedInput::Text(text) => Ok(Value::String(text.clone())),
        _ => Err(cannot("embed anything but texts").at(format!("input[{at}]"))),
    });
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let body = written(Dialect::OpenaiEmbeddings, asked, &mut receipt)?;
    for member in body.keys() {
        // The form of the numbers is made here, whatever the model's is.
        let taken = matches!(member.as_str(), "model" | "input" | "encoding_format");
        if !taken && !template.takes(member) {
            receipt.dropped(member.clone(), LOST);
        }
    }
    let values = Values {
        model: Value::String(request.model.clone()),
        input: inputs.first().cloned().unwrap_or_default(),
        inputs: Value::Array(inputs),
        body: Value::Object(body),
        ..Values::default()
    };
    Ok((values.fill(template)?, receipt))
}

/// Anything.
pub(super) fn predict(template: &Template, request: &Prediction) -> Result<(Bytes, Receipt), Fault> {
    let mut receipt = Receipt::default();
    for member in request.body.keys().filter(|member| !template.takes(member)) {
        receipt.dropped(member.clone(), LOST);
    }
    let values = Values {
        model: Value::String(request.model.clone()),
        body: Value::Object(request.body.clone()),
        ..Values::default()
    };
    Ok((values.fill(template)?, receipt))
}

/// The request as OpenAI's clients write it.
fn written(dialect: Dialect, asked: &Asked, receipt: &mut Receipt) -> Result<Map<String, Value>, Fault> {
    let bytes = wire::write_request(dialect, asked, &QUIRKS, receipt)?;
    serde_json::from_slice(&bytes).map_err(|error| Fault::new(Code::Internal).because(error))
}

fn cannot(what: &str) -> Fault {
    Fault::saying(Code::UnsupportedCapability, format!("This model cannot {what}."))
}

fn last_user(request: &Request) -> Option<(usize, &Message)> {
    request.messages.iter().enumerate().rfind(|(_, message)| message.role == Role::User)
}

fn instructs(message: &Message) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

/// The texts of a message.
fn text(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match &part.kind {
        PartKind::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}
