//! Parts of an answer as they stand in JSON, told apart for `reply.rs` and `stream.rs`.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::partial::PartialArg;
use crate::split::Split;
use crate::usage::Gemini;

/// A `GenerateContentResponse`: a whole answer, or one chunk of a stream.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) candidates: Vec<Candidate>,
    pub(super) usage_metadata: Option<Gemini>,
    pub(super) model_version: Option<String>,
    pub(super) response_id: Option<String>,
    pub(super) prompt_feedback: Option<Feedback>,
    pub(super) error: Option<super::error::Detail>,
}

impl Answer {
    /// Was the prompt refused, so that there is no candidate?
    pub(super) fn is_blocked(&self) -> bool {
        self.prompt_feedback.as_ref().is_some_and(|feedback| feedback.block_reason.is_some())
    }
}

/// What is said of the prompt.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Feedback {
    block_reason: Option<String>,
}

/// One of the answers.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate {
    pub(super) index: u32,
    content: Option<Content>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Content {
    parts: Vec<Raw>,
}

impl Candidate {
    /// Its parts, told apart.
    pub(super) fn take_pieces(&mut self) -> impl Iterator<Item = Piece> + use<> {
        self.content.take().unwrap_or_default().parts.into_iter().map(Raw::piece)
    }
}

struct Raw {
    call: Option<Call>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (call, fields) = Split::at("functionCall").deserialize(from)?;
        Ok(Self { call, fields })
    }
}

/// A function call. Its arguments are kept as written.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) args: Option<Box<RawValue>>,
    pub(super) partial_args: Vec<PartialArg>,
    pub(super) will_continue: bool,
}

impl Call {
    /// The arguments as text.
    pub(super) fn arguments(&self) -> String {
        self.args.as_ref().map_or("{}", |args| args.get()).to_owned()
    }
}

/// A part by what canon makes of it. What is left of its fields (signatures) comes along.
pub(super) enum Piece {
    /// Prose, or a thought.
    Text { text: String, thought: bool, left: Option<Value> },
    /// A function call.
    Call { call: Call, left: Option<Value> },
    /// Anything else, whole.
    Other(Map<String, Value>),
}

impl Raw {
    fn piece(self) -> Piece {
        let mut fields = self.fields;
        let left = |fields: Map<String, Value>| (!fields.is_empty()).then_some(Value::Object(fields));
        if let Some(call) = self.call {
            return Piece::Call { call, left: left(fields) };
        }
        let thought = fields.get("thought") == Some(&Value::Bool(true));
        match fields.shift_remove("text") {
            Some(Value::String(text)) => {
                fields.shift_remove("thought");
                Piece::Text { text, thought, left: left(fields) }
            }
            // A signature may come alone.
            None if fields.len() == 1 && fields.contains_key("thoughtSignature") => {
                Piece::Text { text: String::new(), thought: false, left: left(fields) }
            }
            _ => Piece::Other(fields),
        }
    }
}

/// Makes up ids for calls that come without: stable within an answer, distinct between answers.
#[derive(Default)]
pub(super) struct Ids {
    answer: String,
    made: u32,
}

impl Ids {
    /// Ids of the answer of this id.
    pub(super) fn of(answer: &str) -> Self {
        let fits = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        Self { answer: answer.chars().filter(fits).collect(), made: 0 }
    }

    /// The id of a call.
    pub(super) fn pick(&mut self, call: &mut Call) -> String {
        if let Some(id) = call.id.take().filter(|id| !id.is_empty()) {
            return id;
        }
        self.made += 1;
        if !self.answer.is_empty() {
            return format!("call_{}_{}", self.answer, self.made);
        }
        // Servers that do not number their answers: told apart by what they call.
        let mut hasher = DefaultHasher::new();
        (&call.name, call.arguments()).hash(&mut hasher);
        format!("call_{:016x}_{}", hasher.finish(), self.made)
    }
}
