//! A `GenerateContentResponse` as it stands in JSON: a whole answer, or one frame of a stream.

use contract::words::Usage;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer};
use serde_json::{Map, Value};

use super::part::{Parts, Raw};
use super::{counts, time};
use crate::split::Split;

/// An answer.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) candidates: Vec<Candidate>,
    pub(super) fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (candidates, fields) = Split::at("candidates").deserialize(from)?;
        Ok(Self { candidates: candidates.unwrap_or_default(), fields: said(fields) })
    }
}

/// One of the answers.
pub(super) struct Candidate {
    content: Option<Content>,
    pub(super) fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Candidate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (content, fields) = Split::at("content").deserialize(from)?;
        Ok(Self { content, fields: said(fields) })
    }
}

struct Content {
    parts: Vec<Raw>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (parts, fields) = Split::<Parts>::at("parts").deserialize(from)?;
        Ok(Self { parts: parts.unwrap_or_default().0, fields: said(fields) })
    }
}

/// Nulls say nothing.
fn said(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|_, value| !value.is_null());
    fields
}

impl Answer {
    /// Takes a text out.
    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        match self.fields.shift_remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// What an error in place of an answer says.
    pub(super) fn error_message(&self) -> Option<&str> {
        let error = self.fields.get("error")?;
        Some(error.get("message").and_then(Value::as_str).unwrap_or_default())
    }

    /// The status word of such an error.
    pub(super) fn error_kind(&self) -> Option<&str> {
        self.fields.get("error")?.get("status")?.as_str()
    }

    /// Was the prompt refused, so that there is no candidate?
    pub(super) fn is_blocked(&self) -> bool {
        self.fields.get("promptFeedback").is_some_and(|feedback| feedback.get("blockReason").is_some())
    }

    /// Takes the counts out; what else stands beside them stays.
    pub(super) fn take_usage(&mut self) -> Option<Usage> {
        let Some(Value::Object(metadata)) = self.fields.get_mut("usageMetadata") else { return None };
        let usage = counts::take(metadata);
        if metadata.is_empty() {
            self.fields.shift_remove("usageMetadata");
        }
        usage
    }

    /// When it was made, where the service tells (Vertex does).
    pub(super) fn created(&self) -> Option<i64> {
        time::read(self.fields.get("createTime")?.as_str()?)
    }
}

impl Candidate {
    /// Its number.
    pub(super) fn take_index(&mut self) -> u32 {
        let index = self.fields.shift_remove("index").and_then(|index| index.as_u64());
        index.and_then(|index| u32::try_from(index).ok()).unwrap_or_default()
    }

    /// Its parts. What else its content says stays.
    pub(super) fn take_parts(&mut self) -> Vec<Raw> {
        self.fields.shift_remove("index");
        let Some(Content { parts, mut fields }) = self.content.take() else { return Vec::new() };
        if let Some(role) = fields.get_mut("role").filter(|role| **role == "model") {
            // That there was a content at all, where nothing is in it, is marked.
            *role = Value::Null;
            if !parts.is_empty() {
                fields.shift_remove("role");
            }
        }
        if !fields.is_empty() {
            self.fields.insert("content".to_owned(), Value::Object(fields));
        }
        parts
    }
}
