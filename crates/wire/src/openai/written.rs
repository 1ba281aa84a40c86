//! Canon → a whole chat completion.
//!
//! The content of an answer is one string, whatever the number of texts canon has; only what came as a list of blocks
//! (Mistral) goes out as one.

use bytes::Bytes;
use contract::canon::{Choice, Extra, MediaKind, MediaSource, Part, PartKind, Receipt, Reply};
use serde_json::{Map, Value, json};

use super::reply::has_refusal;
use super::{DIALECT, annotations, content, finish_reason, legacy, likely, media, thoughts, tools};
use crate::EncodeOptions;
use crate::outgoing::{merge, own_fields};
use crate::usage::OpenaiOut;

/// Writes an answer.
pub(crate) fn write_reply(reply: &Reply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    let pick = |own: &str, other: &str| if own.is_empty() { other.to_owned() } else { own.to_owned() };
    let mut choices: Vec<Value> =
        reply.choices.iter().enumerate().map(|(at, choice)| write_choice(choice, at, receipt)).collect();
    if options.functions {
        for (at, choice) in choices.iter_mut().enumerate() {
            legacy::put(choice, &format!("choices[{at}].message"), receipt);
        }
    }
    let mut out = content::object([
        ("id", Some(json!(pick(&reply.id, &options.id)))),
        ("object", Some(json!("chat.completion"))),
        ("created", Some(json!(reply.created.unwrap_or(options.created)))),
        ("model", Some(json!(pick(&options.model, &reply.model)))),
        ("choices", Some(Value::Array(choices))),
        ("usage", reply.usage.as_ref().map(|usage| json!(OpenaiOut::from(usage)))),
    ]);
    merge_own(&mut out, &reply.extra, "reply.", receipt);
    Value::Object(out).to_string().into()
}

fn merge_own(out: &mut Map<String, Value>, extra: &Extra, prefix: &str, receipt: &mut Receipt) {
    if let Some(own) = own_fields(DIALECT, extra, prefix, receipt) {
        merge(out, own);
    }
}

fn write_choice(choice: &Choice, at: usize, receipt: &mut Receipt) -> Value {
    let path = format!("choices[{at}]");
    let declined = has_refusal(&choice.parts);
    let mut message = Written { message: Map::new(), refusal: Value::Null, calls: Vec::new(), receipt, path };
    message.begin(&choice.parts);
    choice.parts.iter().enumerate().for_each(|(index, part)| message.part(index, part));
    let (message, receipt, path) = message.end(&choice.parts);
    let refused = declined && !choice.parts.iter().any(|part| matches!(part.kind, PartKind::Text(_)));
    let own_reason = choice.extra.fields.get("finish_reason").filter(|_| choice.extra.owner == Some(DIALECT));
    let reason = own_reason.cloned().unwrap_or_else(|| json!(finish_reason(&choice.finish, declined)));
    let mut out = content::object([
        ("index", Some(json!(at))),
        ("message", Some(Value::Object(message))),
        ("finish_reason", Some(reason)),
    ]);
    out.insert("logprobs".to_owned(), logprobs(choice, refused));
    merge_own(&mut out, &choice.extra, &format!("{path}."), receipt);
    append_annotations(&mut out, &choice.extra);
    Value::Object(out)
}

/// What the server said of its tokens in its own words goes first.
fn logprobs(choice: &Choice, refused: bool) -> Value {
    let own = choice.extra.fields.get("logprobs").filter(|_| choice.extra.owner == Some(DIALECT));
    likely::whole(own, &choice.logprobs, refused)
}

/// Annotations of kinds that canon does not know follow the citations.
fn append_annotations(out: &mut Map<String, Value>, extra: &Extra) {
    let others = extra.fields.get("message").and_then(|message| message.get("annotations"));
    let others = others.filter(|_| extra.owner == Some(DIALECT)).and_then(Value::as_array);
    let written = out.get_mut("message").and_then(|message| message.get_mut("annotations"));
    if let (Some(others), Some(Value::Array(written))) = (others, written)
        && written != others
    {
        written.extend(others.iter().cloned());
    }
}

/// A message in the making.
struct Written<'a> {
    message: Map<String, Value>,
    refusal: Value,
    calls: Vec<Value>,
    receipt: &'a mut Receipt,
    path: String,
}

impl<'a> Written<'a> {
    /// The role and the content, with what it rests on.
    fn begin(&mut self, parts: &[Part]) {
        let content = if parts.iter().any(is_block) {
            let blocks: Vec<Value> =
                parts.iter().filter(|part| is_said(part)).filter_map(content::write_block).collect();
            Value::Array(blocks)
        } else {
            let texts: String = parts.iter().filter_map(text).collect();
            if parts.iter().any(|part| text(part).is_some()) { json!(texts) } else { Value::Null }
        };
        self.message = content::object([("role", Some(json!("assistant"))), ("content", Some(content))]);
        let annotations = self.annotations(parts);
        if !annotations.is_empty() {
            self.message.insert("annotations".to_owned(), Value::Array(annotations));
        }
    }

    /// The annotations of all texts, counted from the beginning of the content.
    fn annotations(&mut self, parts: &[Part]) -> Vec<Value> {
        let (mut out, mut before) = (Vec::new(), 0);
        if parts.iter().all(|part| part.citations.is_empty()) {
            return out;
        }
        for part in parts {
            let Some(text) = text(part) else { continue };
            let end = before + text.chars().count() as u64;
            out.extend(
                part.citations.iter().filter_map(|citation| annotations::write(citation, before..end)),
            );
            if part.citations.iter().any(annotations::is_lost) {
                let field = format!("{}.citations", self.path);
                self.receipt.dropped(field, "this dialect cites addresses only");
            }
            before = end;
        }
        out
    }

    fn part(&mut self, index: usize, part: &Part) {
        match &part.kind {
            PartKind::Text(_) => {}
            PartKind::Reasoning(_) if is_block(part) => {}
            PartKind::Reasoning(text) => {
                // OpenAI's own answers have no place for thoughts; this is where clients look for them.
                thoughts::write(&mut self.message, part, text, Some(thoughts::FIELDS[0]));
            }
            PartKind::Refusal(text) => self.refusal = json!(text),
            PartKind::ToolCall { .. } => self.calls.extend(tools::write_call(part)),
            PartKind::Native if part.native_for(DIALECT).is_some_and(tools::is_call) => {
                self.calls.extend(tools::write_call(part));
            }
            PartKind::Native | PartKind::Media { .. } if is_block(part) => {}
            PartKind::Media { kind: MediaKind::Audio, source: MediaSource::Base64 { data, .. } } => {
                self.message.insert(media::AUDIO.to_owned(), media::write_audio(part, data));
            }
            PartKind::Media { kind: MediaKind::Image, source } => match media::write_image(part, source) {
                Some(image) => self.image(image),
                None => self.lost(index),
            },
            PartKind::Media { .. }
            | PartKind::ToolResult(_)
            | PartKind::ServerCall(_)
            | PartKind::ServerResult(_)
            | PartKind::Native => self.lost(index),
        }
    }

    fn image(&mut self, image: Value) {
        match self.message.get_mut(media::IMAGES) {
            Some(Value::Array(images)) => images.push(image),
            _ => {
                self.message.insert(media::IMAGES.to_owned(), json!([image]));
            }
        }
    }

    fn lost(&mut self, index: usize) {
        self.receipt.dropped(format!("{}.content[{index}]", self.path), "this dialect has no such content");
    }

    fn end(mut self, parts: &[Part]) -> (Map<String, Value>, &'a mut Receipt, String) {
        let silent =
            self.calls.is_empty() && self.refusal.is_null() && !self.message.contains_key(media::AUDIO);
        if silent && !parts.iter().any(|part| text(part).is_some() || is_block(part)) {
            self.message.insert("content".to_owned(), json!(""));
        }
        self.message.insert("refusal".to_owned(), self.refusal);
        if !self.calls.is_empty() {
            self.message.insert("tool_calls".to_owned(), Value::Array(self.calls));
        }
        (self.message, self.receipt, self.path)
    }
}

fn text(part: &Part) -> Option<&str> {
    if let PartKind::Text(text) = &part.kind { Some(text) } else { None }
}

/// Did it come as a block of content that no string can hold?
pub(super) fn is_block(part: &Part) -> bool {
    let Some(native) = part.native_for(DIALECT) else { return false };
    match part.kind {
        PartKind::Reasoning(_) => native.get("block").is_some(),
        PartKind::Native => native.get("type").is_some(),
        PartKind::Text(_) => true,
        PartKind::Media { .. } => native.get(media::CONTENT).is_some(),
        _ => false,
    }
}

/// Does it stand in the content?
fn is_said(part: &Part) -> bool {
    is_block(part) || matches!(part.kind, PartKind::Text(_))
}
