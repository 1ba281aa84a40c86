//! A schema for the answer, for models that take none: a tool that must be called stands for it, and a call of it is read as
//! the answer's text (docs: Anthropic, "Tool use", JSON mode; Amazon Nova, "Structured output").
//!
//! Which models are asked so is their dialect's business: `anthropic/request.rs`, `bedrock/request.rs`.

use contract::canon::{Finish, OutputFormat, Part, PartKind, Receipt};
use serde_json::{Value, json};

/// The tool's name; nobody else has a tool of this name.
pub(crate) const ANSWER_TOOL: &str = "pathgate_json_answer";

/// What it is for, where the client does not say.
const PURPOSE: &str = "Gives the answer to the user.";

/// What the tool is for, and the schema of its input.
pub(crate) fn answer_tool<'a>(format: &'a OutputFormat, receipt: &mut Receipt) -> (&'a str, Value) {
    let (mut schema, description) = match format {
        OutputFormat::JsonSchema { schema, description, .. } => (schema.clone(), description.as_deref()),
        _ => (json!({}), None),
    };
    if let Some(object) = schema.as_object_mut() {
        object.shift_remove("$schema");
        // A tool's input is an object, and so is almost every answer.
        if object.entry("type").or_insert_with(|| "object".into()) != "object" {
            receipt.dropped("response_format", "the model answers with an object only");
        }
    }
    (description.unwrap_or(PURPOSE), schema)
}

/// What an answer called.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Called {
    answered: bool,
    others: bool,
}

impl Called {
    /// Notes a call; is it the answer?
    pub(crate) fn is_answer(&mut self, name: &str) -> bool {
        let answer = name == ANSWER_TOOL;
        self.answered |= answer;
        self.others |= !answer;
        answer
    }

    /// Why the model stopped, as far as the client is concerned.
    pub(crate) fn finish(self, reason: Finish) -> Finish {
        if reason == Finish::ToolCalls && self.answered && !self.others { Finish::Stop } else { reason }
    }
}

/// Turns calls of the tool into the text they hold; gives back why the model then stopped.
pub(crate) fn read_answer(parts: &mut [Part], reason: Finish) -> Finish {
    let mut called = Called::default();
    for part in parts {
        if let PartKind::ToolCall { name, arguments, .. } = &mut part.kind
            && called.is_answer(name)
        {
            part.kind = PartKind::Text(std::mem::take(arguments));
            part.native = None;
        }
    }
    called.finish(reason)
}
