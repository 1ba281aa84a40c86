//! Canon's messages → `instructions` and `input`.

use std::collections::HashSet;

use contract::canon::{Message, Part, PartKind, Receipt, Role, ToolResult};
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::content::{self, Unwritable};
use super::read::{INPUT, INSTRUCTIONS, LISTED};
use super::written::Items;
use super::{DIALECT, object, sidecar};
use crate::Quirks;
use crate::outgoing::{merge, own_fields};

/// The conversation in this API's form.
pub(super) struct Turns<'a> {
    quirks: &'a Quirks,
    receipt: &'a mut Receipt,
    /// Ids of calls of custom tools, whose results are items of another type.
    custom: HashSet<&'a str>,
    input: Vec<Value>,
}

impl<'a> Turns<'a> {
    /// Arranges the conversation: the instructions, if the client gave them apart, and the items.
    ///
    /// # Errors
    /// [`Code::UnsupportedCapability`] for sound and film, which no model of this API takes as input.
    pub(super) fn of(
        messages: &'a [Message],
        quirks: &'a Quirks,
        receipt: &'a mut Receipt,
    ) -> Result<(Option<String>, Value), Fault> {
        let mut this = Self { quirks, receipt, custom: HashSet::new(), input: Vec::new() };
        let mut instructions = None;
        for (at, message) in messages.iter().enumerate() {
            if at == 0 && message.at.as_deref() == Some(INSTRUCTIONS) {
                instructions = texts(&message.parts);
                if instructions.is_some() {
                    continue;
                }
            }
            this.add(message, &format!("messages[{at}]"))?;
        }
        let rest = messages.get(usize::from(instructions.is_some())..).unwrap_or_default();
        let input = match (rest, this.input.as_slice()) {
            // The client's own short form.
            ([Message { at: Some(at), .. }], [only]) if **at == *INPUT && only["content"].is_string() => {
                only["content"].clone()
            }
            _ => Value::Array(this.input),
        };
        Ok((instructions, input))
    }

    fn add(&mut self, message: &'a Message, path: &str) -> Result<(), Fault> {
        if message.name.is_some() {
            self.receipt.dropped(format!("{path}.name"), "participants have no names here");
        }
        let role = match message.role {
            Role::Assistant => return self.said(message, path),
            Role::System => "system",
            Role::Developer if self.quirks.developer_as_system => "system",
            Role::Developer => "developer",
            Role::User | Role::Tool => "user",
        };
        let mut content = Vec::with_capacity(message.parts.len());
        let mut is_message = message.parts.is_empty();
        for (index, part) in message.parts.iter().enumerate() {
            let at = format!("{path}.content[{index}]");
            match (&part.kind, sidecar::item(part)) {
                (PartKind::ToolResult(result), own) => {
                    self.say(role, message, std::mem::take(&mut content), path);
                    self.result(result, own, &at)?;
                }
                (PartKind::Native, Some(item)) => {
                    self.say(role, message, std::mem::take(&mut content), path);
                    self.input.push(Value::Object(item.clone()));
                }
                _ => content.extend(self.noted(content::write_input(part), &at)?),
            }
        }
        is_message |= !content.is_empty();
        if is_message {
            self.message(role, message, content, path);
        }
        Ok(())
    }

    fn say(&mut self, role: &str, message: &Message, content: Vec<Value>, path: &str) {
        if !content.is_empty() {
            self.message(role, message, content, path);
        }
    }

    fn message(&mut self, role: &str, message: &Message, content: Vec<Value>, path: &str) {
        let content = match content.as_slice() {
            [] => json!(""),
            [Value::Object(only)] if only.len() == 2 && only.contains_key("text") => only["text"].clone(),
            _ => Value::Array(content),
        };
        let mut item = object([
            ("type", Some(json!("message"))),
            ("role", Some(json!(role))),
            ("content", Some(content)),
        ]);
        if let Some(extra) = own_fields(DIALECT, &message.extra, &format!("{path}."), self.receipt) {
            merge(&mut item, extra);
        }
        self.input.push(Value::Object(item));
    }

    fn said(&mut self, message: &'a Message, path: &str) -> Result<(), Fault> {
        let _noted = own_fields(DIALECT, &message.extra, &format!("{path}."), self.receipt);
        let mut items = Items::request(self.quirks.accepts.contains(&"reasoning_content"));
        for (index, part) in message.parts.iter().enumerate() {
            if let PartKind::ToolCall { id, custom: true, .. } = &part.kind {
                self.custom.insert(id);
            }
            let after = message.parts.get(index + 1..).unwrap_or_default();
            self.noted(items.write(part, after), &format!("{path}.content[{index}]"))?;
        }
        self.input.extend(items.finish());
        Ok(())
    }

    fn result(
        &mut self,
        result: &ToolResult,
        own: Option<&Map<String, Value>>,
        path: &str,
    ) -> Result<(), Fault> {
        if result.failed {
            self.receipt.dropped(format!("{path}.is_error"), "this dialect cannot say that a tool failed");
        }
        let mut parts = Vec::with_capacity(result.parts.len());
        for part in &result.parts {
            parts.extend(self.noted(content::write_input(part), path)?);
        }
        let listed = own.is_some_and(|own| own.contains_key(LISTED));
        let output = match parts.as_slice() {
            [] => json!(""),
            [Value::Object(only)] if only.len() == 2 && only.contains_key("text") && !listed => {
                only["text"].clone()
            }
            _ => Value::Array(parts),
        };
        let custom = self.custom.contains(result.call.as_str());
        let kind = if custom { "custom_tool_call_output" } else { "function_call_output" };
        let mut item = own.cloned().unwrap_or_default();
        item.shift_remove(LISTED);
        item.entry("type").or_insert_with(|| json!(kind));
        item.insert("call_id".to_owned(), json!(result.call));
        item.insert("output".to_owned(), output);
        self.input.push(Value::Object(item));
        Ok(())
    }

    /// What was written; what was not is noted, or refused if the model would answer without having seen it.
    fn noted<T>(&mut self, written: Result<T, Unwritable>, at: &str) -> Result<Option<T>, Fault> {
        match written {
            Ok(written) => Ok(Some(written)),
            Err(Unwritable::Foreign(what)) => {
                self.receipt.dropped(at.to_owned(), what);
                Ok(None)
            }
            Err(Unwritable::Unsupported(what)) => {
                let message = format!("The model cannot take {what} as input.");
                Err(Fault::saying(Code::UnsupportedCapability, message).at(at))
            }
        }
    }
}

/// The texts of a message, none if it holds anything else.
fn texts(parts: &[Part]) -> Option<String> {
    let texts: Option<Vec<&str>> = parts
        .iter()
        .map(|part| match &part.kind {
            PartKind::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.map(|texts| texts.join("\n\n"))
}
