//! Citations ↔ canon. Cohere's stand beside the content, name a stretch of one of its blocks, and may rest on several
//! sources; canon's stand with their part and have one source each.

use contract::canon::{Citation, Native, Part, PartKind};
use serde_json::{Map, Value, json};

use super::DIALECT;

/// Where a citation belongs.
pub(super) enum Place {
    /// The content block of this number.
    Block(usize),
    /// The tool plan.
    Plan,
    /// It does not say: the text.
    Text,
}

/// The place a citation names (`type` and `content_index`).
pub(super) fn place(citation: &Value) -> Place {
    let block = citation.get("content_index").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok());
    match (citation.get("type").and_then(Value::as_str), block) {
        (Some("PLAN"), _) => Place::Plan,
        (_, Some(block)) => Place::Block(block),
        (_, None) => Place::Text,
    }
}

/// One citation of canon for each of its sources. The first keeps the whole, the others nothing, so that it is written once.
pub(super) fn read(citation: Value) -> Vec<Citation> {
    let sources = citation.get("sources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let number = |name: &str| citation.get(name).and_then(Value::as_u64);
    let range = number("start").zip(number("end")).map(|(start, end)| start..end);
    let nothing = [Value::Null];
    let sources = if sources.is_empty() { &nothing[..] } else { sources };
    let mut found: Vec<Citation> = sources
        .iter()
        .map(|source| {
            let native = Some(Native { owner: DIALECT, value: Value::Null });
            Citation { range: range.clone(), native, ..read_source(source) }
        })
        .collect();
    if let Some(first) = found.first_mut() {
        first.native = Some(Native { owner: DIALECT, value: citation });
    }
    found
}

/// A document (`{"type": "document", "id", "document": {…}}`) or the output of a tool (`{"type": "tool", "id",
/// "tool_output": {…}}`).
fn read_source(source: &Value) -> Citation {
    let said = source.get("document").or_else(|| source.get("tool_output"));
    let field = |name: &str| Some(said?.get(name)?.as_str()?.to_owned());
    Citation {
        url: field("url"),
        title: field("title"),
        quote: ["text", "snippet", "content"].into_iter().find_map(field),
        source: source.get("id").and_then(Value::as_str).map(str::to_owned),
        ..Citation::default()
    }
}

/// Writes a citation of a text; none where another one of the same place has written it.
pub(super) fn write(citation: &Citation, text: &str, block: usize) -> Option<Value> {
    if let Some(native) = citation.native.as_ref().filter(|native| native.owner == DIALECT) {
        return (!native.value.is_null()).then(|| native.value.clone());
    }
    let range = citation.range.clone().unwrap_or(0..text.chars().count() as u64);
    let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
    let cited: String = text.chars().skip(start).take(end.saturating_sub(start)).collect();
    let id = citation.source.as_ref().or(citation.url.as_ref());
    let mut document = Map::new();
    for (name, value) in [
        ("id", id),
        ("title", citation.title.as_ref()),
        ("url", citation.url.as_ref()),
        ("text", citation.quote.as_ref()),
    ] {
        if let Some(value) = value {
            document.insert(name.to_owned(), json!(value));
        }
    }
    Some(json!({
        "start": range.start, "end": range.end, "text": cited,
        "sources": [{"type": "document", "id": id.map_or("", String::as_str), "document": document}],
        "type": "TEXT_CONTENT", "content_index": block,
    }))
}

/// Gives each citation to its part; `blocks` are the places of the content blocks among the parts. Gives back those for
/// which there is no part.
pub(super) fn attach(citations: Vec<Value>, parts: &mut [Part], blocks: &[usize]) -> Vec<Value> {
    let text = parts.iter().position(|part| matches!(part.kind, PartKind::Text(_)));
    let plan = parts.iter().position(is_plan);
    let mut left = Vec::new();
    for citation in citations {
        let at = match place(&citation) {
            Place::Block(block) => blocks.get(block).copied(),
            Place::Plan => plan,
            Place::Text => text,
        };
        match at.and_then(|at| parts.get_mut(at)) {
            Some(part) => part.citations.extend(read(citation)),
            None => left.push(citation),
        }
    }
    left
}

/// Gives a message back what it said beyond canon's words. Citations of none of its parts follow those of its parts.
pub(super) fn merge(message: &mut Map<String, Value>, beside: &Map<String, Value>) {
    if let (Some(Value::Array(list)), Some(Value::Array(more))) =
        (message.get_mut("citations"), beside.get("citations"))
    {
        list.extend(more.iter().cloned());
    }
    crate::outgoing::merge(message, beside);
}

/// Is the part what the model said of the tools it would use?
pub(super) fn is_plan(part: &Part) -> bool {
    part.native_for(DIALECT).and_then(|native| native.get("field")).is_some_and(|field| field == PLAN)
}

/// The field of a message that holds the plan.
pub(super) const PLAN: &str = "tool_plan";
