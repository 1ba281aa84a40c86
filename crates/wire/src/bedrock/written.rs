//! Parts of canon → content blocks, for requests and replies.
//!
//! Which block may stand where, and who is told of what is lost, is `turns.rs` and `reply.rs`.

use std::borrow::Cow;

use contract::canon::{CacheHint, Part, PartKind, ServerCall, ToolResult};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::family::Family;
use super::format::member;
use super::{DIALECT, citation, media, single};
use crate::arguments::Arguments;
use crate::aside::{self, Source};
use crate::outgoing::merge;

/// A block to be written.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Out<'a> {
    /// `text`.
    Text {
        /// What it says.
        text: &'a str,
    },
    /// `toolUse`, its input byte for byte.
    Call {
        #[serde(rename = "toolUse")]
        call: CallOut<'a>,
    },
    /// `toolResult`.
    Result {
        #[serde(rename = "toolResult")]
        result: ResultOut<'a>,
    },
    /// Any other.
    Object(Map<String, Value>),
}

/// A call to be written.
#[derive(Serialize)]
pub(super) struct CallOut<'a> {
    #[serde(rename = "toolUseId")]
    pub(super) id: Cow<'a, str>,
    name: &'a str,
    input: Arguments<'a>,
    #[serde(flatten)]
    left: Option<&'a Map<String, Value>>,
}

/// A result to be written.
#[derive(Serialize)]
pub(super) struct ResultOut<'a> {
    #[serde(rename = "toolUseId")]
    pub(super) call: Cow<'a, str>,
    content: Vec<Out<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(flatten)]
    left: Option<&'a Map<String, Value>>,
}

/// Why a part has no block here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// It holds nothing. Bedrock refuses blank texts.
    Blank,
    /// It means something to its own dialect only; the text says what is lost.
    Foreign(&'static str),
    /// The model would answer without having seen it; the text names it.
    Unsupported(&'static str),
}

/// A name for a document, in the letters that Bedrock takes (API reference: `DocumentBlock`), told apart from others by its
/// number.
fn document_name(title: Option<&str>, number: u32) -> String {
    let fits =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '-' | '(' | ')' | '[' | ']');
    let letters = title.unwrap_or_default().chars().take(LONGEST_NAME);
    let spelled: String = letters.map(|letter| if fits(letter) { letter } else { '-' }).collect();
    let words: Vec<&str> = spelled.split_whitespace().collect();
    match (words.join(" "), number) {
        (name, _) if !name.contains(|letter: char| letter.is_ascii_alphanumeric()) => {
            format!("Document {number}")
        }
        (name, 1) => name,
        (name, _) => format!("{name} ({number})"),
    }
}

/// The documents so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Documents {
    named: u32,
    /// Does the model know texts as documents, with a context and citations?
    cites: bool,
}

impl Documents {
    /// None so far, for a model.
    pub(super) const fn of(family: Family) -> Self {
        Self { named: 0, cites: family.cites() }
    }

    fn name(&mut self, title: Option<&str>) -> String {
        self.named += 1;
        document_name(title, self.named)
    }

    /// A document or a search's result that came in another dialect, in words.
    fn block(&mut self, source: Source<'_>, text: &str) -> Out<'static> {
        let mut fields = source.fields();
        if source.found.is_some() {
            fields.insert("title".to_owned(), source.title.unwrap_or_default().into());
            fields.insert("content".to_owned(), json!([{"text": text}]));
            return Out::Object(single("searchResult", fields));
        }
        fields.insert("format".to_owned(), "txt".into());
        fields.insert("name".to_owned(), self.name(source.title).into());
        fields.insert("source".to_owned(), json!({"text": text}));
        Out::Object(single("document", fields))
    }
}

/// Letters of a document's name that are kept: Bedrock takes 200 in all.
const LONGEST_NAME: usize = 180;

/// What is left of the block under one of its members.
fn left<'a>(part: &'a Part, name: &str) -> Option<&'a Map<String, Value>> {
    part.native_for(DIALECT)?.get(name)?.as_object()
}

impl<'a> Out<'a> {
    /// The block of a part that stands alone: anything but a tool result.
    ///
    /// # Errors
    /// The part cannot be written, and why.
    pub(super) fn of(part: &'a Part, documents: &mut Documents) -> Result<Self, Unwritable> {
        let others = Source::of(part).filter(|_| documents.cites && part.native_for(DIALECT).is_none());
        match &part.kind {
            PartKind::Text(text) => {
                let words = others.filter(|_| !text.trim().is_empty());
                words.map_or_else(|| Self::text(part, text), |source| Ok(documents.block(source, text)))
            }
            PartKind::Refusal(text) if text.trim().is_empty() => Err(Unwritable::Blank),
            PartKind::Refusal(text) => Ok(Self::Text { text }),
            PartKind::Media { kind, source } => {
                let guarded = left(part, "guardContent").and_then(|left| left.get("image")?.as_object());
                let fields = media::write(*kind, source, guarded.or_else(|| left(part, member(*kind))));
                let mut fields = fields.map_err(Unwritable::Unsupported)?;
                if member(*kind) == "document" && !fields.contains_key("name") {
                    fields.insert("name".to_owned(), documents.name(aside::title(part)).into());
                    fields.extend(others.map(|source| source.fields()).into_iter().flatten());
                }
                let block = single(member(*kind), fields);
                Ok(Self::Object(if guarded.is_some() { single("guardContent", block) } else { block }))
            }
            PartKind::ToolCall { id, name, arguments, .. } => Ok(Self::call(part, id, name, arguments)),
            PartKind::ServerCall(ServerCall { id, name: Some(name), input, .. })
                if left(part, "toolUse").is_some() =>
            {
                Ok(Self::call(part, id, name, input))
            }
            PartKind::Reasoning(text) => {
                let Some(left) = left(part, "reasoningContent") else {
                    return Err(Unwritable::Foreign("thoughts that another provider signed, or nobody"));
                };
                let mut fields = single("reasoningText", single("text", text.as_str()));
                merge(&mut fields, left);
                Ok(Self::Object(single("reasoningContent", fields)))
            }
            PartKind::ToolResult(_) => Err(Unwritable::Unsupported("a tool result in this place")),
            PartKind::Native | PartKind::ServerCall(_) | PartKind::ServerResult(_) => whole(part),
        }
    }

    fn text(part: &'a Part, text: &'a str) -> Result<Self, Unwritable> {
        let native = part.native_for(DIALECT);
        if let Some(left) = left(part, "document") {
            let listed = left.get("source").and_then(|source| source.get("content")).is_some();
            let text = if listed { json!({"content": [{"text": text}]}) } else { json!({"text": text}) };
            let mut fields = single("source", text);
            merge(&mut fields, left);
            return Ok(Self::Object(single("document", fields)));
        }
        if let Some(left) = left(part, "searchResult") {
            let mut fields = single("content", json!([{"text": text}]));
            merge(&mut fields, left);
            return Ok(Self::Object(single("searchResult", fields)));
        }
        if let Some(left) = left(part, "guardContent") {
            let mut fields = single("text", single("text", text));
            merge(&mut fields, left);
            return Ok(Self::Object(single("guardContent", fields)));
        }
        if native.is_some_and(|native| native.get("json").is_some())
            && let Ok(value) = serde_json::from_str::<Value>(text)
        {
            return Ok(Self::Object(single("json", value)));
        }
        if text.trim().is_empty() {
            return Err(Unwritable::Blank);
        }
        if left(part, "citationsContent").is_some() {
            return Ok(Self::cited(part, text));
        }
        Ok(Self::Text { text })
    }

    /// A text with the sources it rests on.
    pub(super) fn cited(part: &'a Part, text: &'a str) -> Self {
        let mut fields = single("content", json!([{"text": text}]));
        let citations: Vec<Value> = part.citations.iter().map(citation::write).collect();
        fields.insert("citations".to_owned(), Value::Array(citations));
        if let Some(left) = left(part, "citationsContent") {
            merge(&mut fields, left);
        }
        Self::Object(single("citationsContent", fields))
    }

    fn call(part: &'a Part, id: &'a str, name: &'a str, arguments: &'a str) -> Self {
        let (id, input) = (call_id(id), Arguments::of(arguments));
        Self::Call { call: CallOut { id, name, input, left: left(part, "toolUse") } }
    }

    /// A tool's result, its content written already.
    pub(super) fn result(part: &'a Part, result: &'a ToolResult, content: Vec<Self>) -> Self {
        let status = result.failed.then_some("error");
        let left = left(part, "toolResult");
        Self::Result { result: ResultOut { call: call_id(&result.call), content, status, left } }
    }

    /// The cache point behind a part.
    pub(super) fn cache_point(part: &Part, hint: CacheHint) -> Self {
        // A block whose sidecar holds only this is itself a cache point.
        let beside = |native: &Value| native.as_object().is_some_and(|native| native.len() > 1);
        let beside = part.kind != PartKind::Native || part.native_for(DIALECT).is_some_and(beside);
        let kept = left(part, "cachePoint").filter(|_| beside);
        let point = kept.cloned().unwrap_or_else(|| cache_fields(hint));
        Self::Object(single("cachePoint", point))
    }
}

/// The fields of a cache point.
pub(super) fn cache_fields(hint: CacheHint) -> Map<String, Value> {
    let mut fields = single("type", "default");
    if hint == CacheHint::Long {
        fields.insert("ttl".to_owned(), "1h".into());
    }
    fields
}

/// Appends a text to the list of the block before it, where the part says that it stands there.
pub(super) fn continues(part: &Part, blocks: &mut [Out<'_>]) -> bool {
    let PartKind::Text(text) = &part.kind else { return false };
    if part.native_for(DIALECT).and_then(|native| native.get("more")).is_none() {
        return false;
    }
    let Some(Out::Object(block)) = blocks.last_mut() else { return false };
    let list = block.iter_mut().find_map(|(name, fields)| match name.as_str() {
        "document" => fields.get_mut("source")?.get_mut("content")?.as_array_mut(),
        "searchResult" | "citationsContent" => fields.get_mut("content")?.as_array_mut(),
        _ => None,
    });
    match list {
        Some(list) => {
            list.push(json!({"text": text}));
            true
        }
        None => false,
    }
}

/// A block that its sidecar holds whole.
fn whole<'a>(part: &Part) -> Result<Out<'a>, Unwritable> {
    let foreign = Unwritable::Foreign("a block that only its own provider understands");
    let mut fields = part.native_for(DIALECT).and_then(Value::as_object).ok_or(foreign)?.clone();
    if part.cache.is_some() && fields.len() > 1 {
        fields.shift_remove("cachePoint");
    }
    Ok(Out::Object(fields))
}

/// The most bytes of a call's id.
const LONGEST_ID: usize = 64;

/// The id of a call in the alphabet Bedrock takes (`[a-zA-Z0-9_.:-]{1,64}`); other bytes are spelled in hex, and what is
/// too long ends in a hash of the whole, the same way in the call and in its result.
pub(super) fn call_id(id: &str) -> Cow<'_, str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    if id.len() <= LONGEST_ID && id.bytes().all(fits) {
        return Cow::Borrowed(id);
    }
    let mut spelled = String::with_capacity(id.len() + 8);
    for byte in id.bytes() {
        if fits(byte) {
            spelled.push(char::from(byte));
        } else {
            spelled.push_str(&format!("_{byte:02x}"));
        }
    }
    if spelled.len() > LONGEST_ID {
        // FNV-1a, 64 bits.
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        spelled.truncate(LONGEST_ID - 17);
        spelled.push_str(&format!("_{hash:016x}"));
    }
    Cow::Owned(spelled)
}
