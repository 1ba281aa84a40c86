//! Documents and search results whose words stand in the request: their text becomes canon's, which every dialect can
//! carry and every guard can read; the rest of the block is its sidecar.
//!
//! A source of several text blocks becomes one text. The sidecar keeps each block with the length of its text in place of
//! the text, so that the blocks come back; a text that was changed on the way comes back in the first of them.

use serde_json::{Map, Value, json};

use crate::aside::Source;

/// What stands between the texts of several blocks.
const BETWEEN: &str = "\n\n";

/// Takes the text out of a `document` or `search_result` block. None: it has none, or more than text.
pub(super) fn take_text(fields: &mut Map<String, Value>) -> Option<String> {
    match text_place(fields)? {
        Value::String(text) => Some(std::mem::take(text)),
        Value::Array(blocks) => take_texts(blocks),
        _ => None,
    }
}

/// The block with its text back in place; none if the sidecar is no document's.
pub(super) fn with_text(native: &Map<String, Value>, text: &str) -> Option<Map<String, Value>> {
    let mut whole = native.clone();
    match text_place(&mut whole)? {
        Value::Array(blocks) => put_texts(blocks, text),
        place => *place = text.into(),
    }
    Some(whole)
}

/// The block of a document or a search's result that came in another dialect.
pub(super) fn of(source: Source<'_>, text: &str) -> Option<Map<String, Value>> {
    let block = match (source.found, source.title) {
        _ if text.trim().is_empty() => return None,
        // Anthropic needs both.
        (Some(_), Some(_)) => json!({"type": "search_result", "content": [{"type": "text", "text": text}]}),
        (Some(_), None) => return None,
        (None, _) => {
            let source = json!({"type": "text", "media_type": "text/plain", "data": text});
            json!({"type": "document", "source": source})
        }
    };
    let Value::Object(mut block) = block else { return None };
    block.append(&mut fields(source));
    Some(block)
}

/// What another dialect said beside it.
pub(super) fn fields(source: Source<'_>) -> Map<String, Value> {
    let mut fields = source.fields();
    fields.extend(source.title.map(|title| ("title".to_owned(), title.into())));
    fields
}

/// Where a block has its text.
fn text_place(fields: &mut Map<String, Value>) -> Option<&mut Value> {
    match fields.get("type")?.as_str()? {
        "search_result" => fields.get_mut("content"),
        "document" => {
            let source = fields.get_mut("source")?.as_object_mut()?;
            match source.get("type")?.as_str()? {
                "text" => source.get_mut("data"),
                "content" => source.get_mut("content"),
                _ => None,
            }
        }
        _ => None,
    }
}

fn take_texts(blocks: &mut [Value]) -> Option<String> {
    let is_text = |block: &Value| block.get("type").is_some_and(|kind| kind == "text");
    let texts = blocks.iter().map(|block| block.get("text")?.as_str().filter(|_| is_text(block)));
    let joined = texts.collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())?.join(BETWEEN);
    for block in blocks {
        if let Some(text) = block.get_mut("text") {
            *text = text.as_str().map_or(0, str::len).into();
        }
    }
    Some(joined)
}

fn put_texts(blocks: &mut Vec<Value>, text: &str) {
    let Some(texts) = cut(blocks, text) else {
        blocks.truncate(1);
        if let Some(only) = blocks.first_mut().and_then(Value::as_object_mut) {
            only.insert("text".to_owned(), text.into());
        }
        return;
    };
    for (block, text) in blocks.iter_mut().zip(texts) {
        if let Some(block) = block.as_object_mut() {
            block.insert("text".to_owned(), text.into());
        }
    }
}

/// The text cut where it was joined; none if it is not what it was.
fn cut<'a>(blocks: &[Value], text: &'a str) -> Option<Vec<&'a str>> {
    let (mut rest, mut texts) = (text, Vec::with_capacity(blocks.len()));
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(BETWEEN)?;
        }
        let length = usize::try_from(block.get("text")?.as_u64()?).ok()?;
        let (one, after) = rest.split_at_checked(length)?;
        texts.push(one);
        rest = after;
    }
    rest.is_empty().then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    #[test]
    fn texts_are_taken_and_come_back() {
        for (block, text) in [
            (
                json!({"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}),
                "a",
            ),
            (json!({"type": "document", "source": {"type": "content", "content": "b"}}), "b"),
            (
                json!({"type": "search_result", "source": "s", "title": "t", "content": [
                    {"type": "text", "text": "é\n\n", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": ""}]}),
                "é\n\n\n\n",
            ),
        ] {
            let mut fields = object(block.clone());
            assert_eq!(take_text(&mut fields).as_deref(), Some(text));
            assert_eq!(with_text(&fields, text), Some(object(block)));
        }
    }

    #[test]
    fn a_changed_text_comes_back_whole() {
        let mut fields = object(json!({"type": "search_result", "source": "s", "title": "t", "content": [
            {"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}));
        assert_eq!(take_text(&mut fields).as_deref(), Some("one\n\ntwo"));
        let whole = with_text(&fields, "[removed]").unwrap();
        assert_eq!(whole["content"], json!([{"type": "text", "text": "[removed]"}]));
    }

    #[test]
    fn pictures_and_files_are_left_alone() {
        for block in [
            json!({"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": {}}]}}),
            json!({"type": "document", "source": {"type": "url", "url": "https://e/x"}}),
            json!({"type": "search_result", "content": []}),
            json!({"type": "document"}),
        ] {
            let mut fields = object(block.clone());
            assert_eq!((take_text(&mut fields), Value::Object(fields)), (None, block));
        }
    }
}
