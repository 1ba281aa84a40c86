//! Inputs of embeddings that are more than text, which OpenAI does not know and servers write in two ways: Jina an object
//! with one thing in it (`{"image": …}`, `{"pdf": …}`, `{"text": …}`), OpenRouter a list of blocks as in a chat (`{"content": […]}`).

use contract::Fault;
use contract::canon::{MediaKind, MediaSource, Part, PartKind, Provenance};
use contract::words::Dialect;
use serde_json::{Value, json};

use super::content;
use crate::Quirks;
use crate::fields::{Fields, wrong};

const DIALECT: Dialect = Dialect::OpenaiEmbeddings;
const PDF: &str = "application/pdf";

/// Reads one input.
pub(super) fn read(value: Value, path: &str) -> Result<Vec<Part>, Fault> {
    let mut fields = Fields::of(value, path)?;
    if let Some(blocks) = fields.value("content") {
        let parts = content::read(Some(blocks), &format!("{path}.content"), Provenance::User)?;
        let marked = |part: Part| match part.native {
            Some(_) => part,
            None => part.with_native(DIALECT, json!({"form": "content"})),
        };
        return Ok(parts.into_iter().map(marked).collect());
    }
    let kind = if let Some(text) = fields.text("text")? {
        PartKind::Text(text)
    } else if let Some(image) = fields.text("image")? {
        PartKind::Media { kind: MediaKind::Image, source: source(image) }
    } else if let Some(pdf) = fields.text("pdf")? {
        PartKind::Media { kind: MediaKind::Document, source: document(pdf) }
    } else {
        return Err(wrong(path, "a string, an object with text, image or pdf, or an array of token numbers"));
    };
    Ok(vec![Part::new(kind, Provenance::User).with_native(DIALECT, json!({"form": "object"}))])
}

/// An address, a `data:` URL, or bare base64.
fn source(image: String) -> MediaSource {
    match content::data_url(&image) {
        Some((mime, data)) => MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() },
        None if image.contains("://") => MediaSource::Url(image),
        None => MediaSource::Base64 { mime: String::new(), data: image },
    }
}

/// The same of a PDF, whose type is known.
fn document(pdf: String) -> MediaSource {
    match source(pdf) {
        MediaSource::Base64 { mime, data } if mime.is_empty() => {
            MediaSource::Base64 { mime: PDF.to_owned(), data }
        }
        other => other,
    }
}

/// Writes one input, in the way it came or the target wants; none if there is no way.
pub(super) fn write(parts: &[Part], quirks: &Quirks) -> Option<Value> {
    let came = |form: &str| {
        let own = parts.first().and_then(|part| part.native_for(DIALECT));
        own.and_then(|native| native.get("form")).is_some_and(|known| known == form)
    };
    if let [part] = parts
        && (came("object") || quirks.accepts.contains(&"input.image"))
    {
        return object(part);
    }
    if !came("content") && !quirks.accepts.contains(&"input.content") {
        return texts(parts);
    }
    let blocks: Option<Vec<Value>> = parts.iter().map(block).collect();
    Some(json!({"content": blocks?}))
}

fn object(part: &Part) -> Option<Value> {
    match &part.kind {
        PartKind::Text(text) => Some(json!({"text": text})),
        PartKind::Media { kind: MediaKind::Image, source } => Some(json!({"image": url(source)?})),
        // Jina takes an address or base64 alone.
        PartKind::Media { kind: MediaKind::Document, source: MediaSource::Base64 { mime, data } } => {
            (mime == PDF).then(|| json!({"pdf": data}))
        }
        PartKind::Media { kind: MediaKind::Document, source } => Some(json!({"pdf": url(source)?})),
        _ => None,
    }
}

fn block(part: &Part) -> Option<Value> {
    match &part.kind {
        PartKind::Text(text) => Some(json!({"type": "text", "text": text})),
        PartKind::Media { kind: MediaKind::Image, source } => {
            Some(json!({"type": "image_url", "image_url": {"url": url(source)?}}))
        }
        _ => None,
    }
}

/// Texts alone need no form of their own: they are one text.
fn texts(parts: &[Part]) -> Option<Value> {
    let text = |part: &Part| match &part.kind {
        PartKind::Text(text) => Some(text.clone()),
        _ => None,
    };
    let texts: Option<Vec<String>> = parts.iter().map(text).collect();
    texts.filter(|texts| !texts.is_empty()).map(|texts| json!(texts.join("\n")))
}

fn url(source: &MediaSource) -> Option<String> {
    match source {
        MediaSource::Url(url) => Some(url.clone()),
        MediaSource::Base64 { mime, data } if mime.is_empty() => Some(data.clone()),
        MediaSource::Base64 { mime, data } => Some(format!("data:{mime};base64,{data}")),
        MediaSource::File(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_come_back() {
        for body in [
            json!({"image": "https://a.test/b.png"}),
            json!({"image": "data:image/png;base64,AA=="}),
            json!({"image": "AA=="}),
            json!({"pdf": "https://a.test/b.pdf"}),
            json!({"pdf": "AA=="}),
            json!({"text": "a"}),
            json!({"content": [{"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}]}),
        ] {
            let parts = read(body.clone(), "input[0]").unwrap();
            assert_eq!(write(&parts, &Quirks::default()), Some(body));
        }
        assert_eq!(read(json!({"x": 1}), "input[0]").unwrap_err().param(), Some("input[0]"));
    }

    #[test]
    fn pictures_of_other_dialects_need_a_target_that_takes_them() {
        let source = MediaSource::Url("https://a.test/b.png".to_owned());
        let picture = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::User);
        let text = Part::text("a", Provenance::User);
        let object = Quirks { accepts: &["input.image"], ..Quirks::default() };
        let blocks = Quirks { accepts: &["input.content"], ..Quirks::default() };
        let alone = std::slice::from_ref(&picture);
        assert_eq!(write(alone, &Quirks::default()), None);
        assert_eq!(write(alone, &object), Some(json!({"image": "https://a.test/b.png"})));
        let source = MediaSource::Base64 { mime: "text/csv".to_owned(), data: "AA==".to_owned() };
        let table = Part::new(PartKind::Media { kind: MediaKind::Document, source }, Provenance::User);
        assert_eq!(write(&[table], &object), None);
        let both = [text.clone(), picture];
        assert_eq!(write(&both, &object), None);
        assert_eq!(write(&both, &blocks).unwrap()["content"][1]["type"], json!("image_url"));
        assert_eq!(write(&[text.clone(), text], &Quirks::default()), Some(json!("a\na")));
    }
}
