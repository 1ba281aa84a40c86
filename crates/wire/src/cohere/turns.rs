//! Canon's messages → `messages` and `documents`.
//!
//! Each tool result is a message of its own that holds texts and documents; pictures that a tool returned follow in a
//! message of the user.

use contract::Fault;
use contract::canon::{Message, Part, PartKind, Receipt, Role, ToolResult};
use serde_json::{Map, Value, json};

use super::citation::{self, PLAN};
use super::content::{self, Unwritable};
use super::{DIALECT, tools};
use crate::outgoing::{merge, own_fields};

/// What becomes of a conversation.
pub(super) struct Turns<'a> {
    receipt: &'a mut Receipt,
    /// `messages`.
    pub(super) messages: Vec<Value>,
    /// `documents`.
    pub(super) documents: Vec<Value>,
    media: Vec<Value>,
}

impl<'a> Turns<'a> {
    /// Arranges the conversation.
    ///
    /// # Errors
    /// `unsupported_capability` for sound, film and files, which no model of Cohere's takes.
    pub(super) fn of(messages: &[Message], receipt: &'a mut Receipt) -> Result<Self, Fault> {
        let mut this = Self { receipt, messages: Vec::new(), documents: Vec::new(), media: Vec::new() };
        for (at, message) in messages.iter().enumerate() {
            let path = format!("messages[{at}]");
            this.add(message, &path)?;
        }
        this.flush_media();
        Ok(this)
    }

    fn add(&mut self, message: &Message, path: &str) -> Result<(), Fault> {
        let mut rest = Vec::with_capacity(message.parts.len());
        for (at, part) in message.parts.iter().enumerate() {
            match &part.kind {
                PartKind::ToolResult(result) => self.result(result, message, path)?,
                _ if message.at.as_deref() == Some("documents") && content::document_of(part).is_some() => {
                    self.documents.extend(content::document_of(part));
                }
                _ => rest.push((at, part)),
            }
        }
        if rest.is_empty() && !message.parts.is_empty() {
            return Ok(());
        }
        self.flush_media();
        let role = match message.role {
            Role::System | Role::Developer => "system",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let mut out = Map::new();
        out.insert("role".to_owned(), json!(role));
        if message.role == Role::Assistant {
            self.answer(&mut out, &rest, path)?;
        } else {
            let blocks = self.blocks(&rest, path)?;
            match content::write(blocks) {
                Some(content) => drop(out.insert("content".to_owned(), content)),
                None if message.parts.is_empty() => drop(out.insert("content".to_owned(), json!(""))),
                None => return Ok(()),
            }
        }
        self.beside(&mut out, message, path);
        if out.len() > 1 {
            self.messages.push(Value::Object(out));
        }
        Ok(())
    }

    /// The name and the leftovers of a message.
    fn beside(&mut self, out: &mut Map<String, Value>, message: &Message, path: &str) {
        if message.name.is_some() {
            self.receipt.dropped(format!("{path}.name"), "participants have no names here");
        }
        if let Some(extra) = own_fields(DIALECT, &message.extra, &format!("{path}."), self.receipt) {
            citation::merge(out, extra);
        }
    }

    fn blocks(&mut self, parts: &[(usize, &Part)], path: &str) -> Result<Vec<Value>, Fault> {
        let mut blocks = Vec::with_capacity(parts.len());
        for (at, part) in parts {
            match content::write_block(part) {
                Ok(block) => blocks.push(block),
                Err(why) => self.unwritable(&why, format!("{path}.content[{at}]"))?,
            }
        }
        Ok(blocks)
    }

    fn unwritable(&mut self, why: &Unwritable, path: String) -> Result<(), Fault> {
        match why {
            Unwritable::Foreign => {
                self.receipt.dropped(path, "a block that only its own provider understands");
                Ok(())
            }
            Unwritable::Unsupported(what) => Err(Unwritable::fault(what, path)),
        }
    }

    /// What a model said: plan, content, calls and citations each have a field of their own.
    fn answer(
        &mut self,
        out: &mut Map<String, Value>,
        parts: &[(usize, &Part)],
        path: &str,
    ) -> Result<(), Fault> {
        let (mut blocks, mut calls, mut citations) = (Vec::new(), Vec::new(), Vec::new());
        let mut plan = String::new();
        for (at, part) in parts {
            match &part.kind {
                PartKind::Reasoning(text) if citation::is_plan(part) => plan.push_str(text),
                PartKind::ToolCall { .. } => {
                    calls.extend(tools::write_call(part));
                    continue;
                }
                _ => match content::write_block(part) {
                    Ok(block) => blocks.push(block),
                    Err(why) => self.unwritable(&why, format!("{path}.content[{at}]"))?,
                },
            }
            if let PartKind::Text(text) | PartKind::Reasoning(text) = &part.kind {
                let block = blocks.len().saturating_sub(1);
                citations.extend(part.citations.iter().filter_map(|it| citation::write(it, text, block)));
            }
        }
        if !plan.is_empty() {
            out.insert(PLAN.to_owned(), json!(plan));
        }
        for (name, list) in [("tool_calls", calls), ("citations", citations)] {
            if !list.is_empty() {
                out.insert(name.to_owned(), Value::Array(list));
            }
        }
        if let Some(content) = content::write(blocks) {
            out.insert("content".to_owned(), content);
        }
        Ok(())
    }

    fn result(&mut self, result: &ToolResult, message: &Message, path: &str) -> Result<(), Fault> {
        if result.failed {
            self.receipt.dropped(format!("{path}.is_error"), "this dialect cannot say that a tool failed");
        }
        let (media, texts): (Vec<_>, Vec<_>) = result
            .parts
            .iter()
            .enumerate()
            .partition(|(_, part)| matches!(part.kind, PartKind::Media { .. }));
        let media = self.blocks(&media, path)?;
        let blocks = self.blocks(&texts, path)?;
        let content = content::write(blocks).unwrap_or_else(|| {
            json!(if media.is_empty() { "" } else { "The result follows in the next message of the user." })
        });
        self.media.extend(media);
        let mut out = Map::new();
        out.insert("role".to_owned(), json!("tool"));
        out.insert("tool_call_id".to_owned(), json!(result.call));
        out.insert("content".to_owned(), content);
        if let Some(extra) = own_fields(DIALECT, &message.extra, &format!("{path}."), self.receipt) {
            merge(&mut out, extra);
        }
        self.messages.push(Value::Object(out));
        Ok(())
    }

    /// A message of the user with the pictures that the tools before it returned.
    fn flush_media(&mut self) {
        let media = std::mem::take(&mut self.media);
        if !media.is_empty() {
            self.messages.push(json!({"role": "user", "content": media}));
        }
    }
}
