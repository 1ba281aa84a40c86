//! A whole answer ↔ canon.

use bytes::Bytes;
use contract::canon::{Choice, Finish, Part, PartKind, Provenance, Receipt, Reply};
use serde::Serialize;
use serde::de::{Deserialize, DeserializeSeed, Deserializer};
use serde_json::{Map, Value, json};

use super::block::Block;
use super::written::{Documents, Out, Unwritable, continues};
use super::{DIALECT, finish, invalid, own, single, stop_reason, take_text, usage};
use crate::outgoing::{merge, own_fields};
use crate::split::Split;
use crate::{WireError, emulate};

/// `output`.
struct Output {
    message: Option<Said>,
    fields: Map<String, Value>,
}

/// `output.message`.
struct Said {
    content: Option<Vec<Block>>,
    fields: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (message, fields) = Split::at("message").deserialize(from)?;
        Ok(Self { message, fields })
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (content, fields) = Split::at("content").deserialize(from)?;
        Ok(Self { content, fields })
    }
}

/// Reads an answer.
pub(crate) fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let (output, mut rest) = Split::<Output>::at("output").deserialize(&mut json).map_err(invalid)?;
    json.end().map_err(invalid)?;
    let Output { message, fields: mut output } = output.ok_or_else(|| invalid("no output"))?;
    let Said { content, fields: mut message } = message.ok_or_else(|| invalid("no message"))?;
    let mut parts = Vec::new();
    for block in content.ok_or_else(|| invalid("no content"))? {
        block.read(Provenance::Model, &mut parts).map_err(invalid)?;
    }
    let _constant = take_text(&mut message, "role");
    if !message.is_empty() {
        output.insert("message".to_owned(), Value::Object(message));
    }
    if !output.is_empty() {
        rest.insert("output".to_owned(), Value::Object(output));
    }
    let reason = take_text(&mut rest, "stopReason").unwrap_or_else(|| "end_turn".to_owned());
    let (finish, extra) = finish(&reason);
    let finish = emulate::read_answer(&mut parts, finish);
    let stop_sequence = stop_sequence(&rest);
    let choice = Choice { parts, finish, stop_sequence, extra, ..Choice::default() };
    let usage = usage::take(&mut rest);
    Ok(Reply { choices: vec![choice], usage, extra: own(rest), ..Reply::default() })
}

/// The stop text, where the client asked for it (`additionalModelResponseFieldPaths: ["/stop_sequence"]`).
pub(super) fn stop_sequence(fields: &Map<String, Value>) -> Option<String> {
    let own = fields.get("additionalModelResponseFields")?;
    own.get("stop_sequence")?.as_str().map(str::to_owned)
}

#[derive(Serialize)]
struct Answer<'a> {
    output: OutputOut<'a>,
    #[serde(rename = "stopReason")]
    stop_reason: &'a str,
    usage: Map<String, Value>,
    metrics: Value,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

#[derive(Serialize)]
struct OutputOut<'a> {
    message: MessageOut<'a>,
    #[serde(flatten)]
    left: Map<String, Value>,
}

#[derive(Serialize)]
struct MessageOut<'a> {
    role: &'static str,
    content: Vec<Out<'a>>,
    #[serde(flatten)]
    left: Map<String, Value>,
}

/// Writes an answer: its first choice, there is no place for others.
pub(crate) fn write_reply(reply: &Reply, receipt: &mut Receipt) -> Bytes {
    if reply.choices.len() > 1 {
        receipt.dropped("choices[1]", "an answer has one choice here");
    }
    let none = Choice::default();
    let choice = reply.choices.first().unwrap_or(&none);
    if !choice.logprobs.is_empty() {
        receipt.dropped("choices[0].logprobs", "an answer tells no likelihoods here");
    }
    let mut extra = own_fields(DIALECT, &reply.extra, "reply.", receipt).cloned().unwrap_or_default();
    let mut take = |name: &str| match extra.shift_remove(name) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (usage_left, mut output, mut metrics) = (take("usage"), take("output"), take("metrics"));
    let message = match output.shift_remove("message") {
        Some(Value::Object(left)) => left,
        _ => Map::new(),
    };
    // SDKs insist on a number; what took how long is in our own headers.
    merge(&mut metrics, &single("latencyMs", 0));
    if choice.finish == Finish::StopSequence
        && let (Some(text), false) =
            (&choice.stop_sequence, extra.contains_key("additionalModelResponseFields"))
    {
        extra.insert("additionalModelResponseFields".to_owned(), json!({"stop_sequence": text}));
    }
    let answer = Answer {
        output: OutputOut {
            message: MessageOut {
                role: "assistant",
                content: write_parts(&choice.parts, receipt),
                left: message,
            },
            left: output,
        },
        stop_reason: own_reason(&choice.extra.fields, choice).unwrap_or_else(|| stop_reason(&choice.finish)),
        usage: usage::write(&reply.usage.unwrap_or_default(), usage_left),
        metrics: Value::Object(metrics),
        extra,
    };
    // Texts, numbers and maps with text keys always have a JSON form.
    serde_json::to_vec(&answer).unwrap_or_default().into()
}

fn own_reason<'a>(fields: &'a Map<String, Value>, choice: &Choice) -> Option<&'a str> {
    (choice.extra.owner == Some(DIALECT)).then(|| fields.get("stopReason")?.as_str()).flatten()
}

fn write_parts<'a>(parts: &'a [Part], receipt: &mut Receipt) -> Vec<Out<'a>> {
    let mut blocks: Vec<Out<'a>> = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        if continues(part, &mut blocks) {
            continue;
        }
        match write_part(part) {
            Ok(block) => blocks.push(block),
            Err(Unwritable::Blank) => {}
            Err(Unwritable::Foreign(what) | Unwritable::Unsupported(what)) => {
                receipt.dropped(format!("choices[0].content[{at}]"), what);
            }
        }
    }
    blocks
}

fn write_part(part: &Part) -> Result<Out<'_>, Unwritable> {
    match (&part.kind, Out::of(part, &mut Documents::default())) {
        // An answer may hold thoughts that nobody signed; `written.rs` leaves them out on the way back.
        (PartKind::Reasoning(text), Err(Unwritable::Foreign(_))) => {
            let thoughts = single("reasoningText", single("text", text.as_str()));
            Ok(Out::Object(single("reasoningContent", thoughts)))
        }
        (PartKind::Text(text), Ok(Out::Text { .. })) if !part.citations.is_empty() => {
            Ok(Out::cited(part, text))
        }
        (_, written) => written,
    }
}
