//! What an answer rests on: `groundingMetadata`, `citationMetadata` and `urlContextMetadata` ↔ canon's citations.
//!
//! Google counts bytes of UTF-8, canon characters: [`Ruler`] knows both. Google's own objects stay in the choice's extra as
//! well, and are what its own dialect gets back.

use std::ops::Range;

use contract::canon::{Citation, ServerCall, ServerResult, ServerTool};
use serde_json::{Map, Value, json};

use super::ruler::Ruler;

/// Fields of a candidate that hold sources.
pub(super) const FIELDS: [&str; 3] = ["groundingMetadata", "citationMetadata", "urlContextMetadata"];

/// A text part of an answer: its place in canon and its characters.
pub(super) type Text = (u32, Ruler);

/// A citation and the part it belongs to.
pub(super) type Placed = (u32, Citation);

/// The citations of a candidate's fields. Google's offsets are those of one text part: the one it names where that is
/// prose, else the first that is long enough.
pub(super) fn read(fields: &Map<String, Value>, texts: &[Text]) -> Vec<Placed> {
    let Some(last) = texts.last().map(|(part, _)| *part) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(grounding) = fields.get("groundingMetadata") {
        read_grounding(grounding, texts, last, &mut found);
    }
    if let Some(metadata) = fields.get("citationMetadata") {
        // The one name is the Gemini API's, the other Vertex's.
        let list = metadata.get("citationSources").or_else(|| metadata.get("citations"));
        for source in list.and_then(Value::as_array).into_iter().flatten() {
            let (part, range) = place(source, texts, last);
            let citation = Citation {
                range,
                url: text(source, "uri"),
                title: text(source, "title"),
                ..Citation::default()
            };
            found.push((part, citation));
        }
    }
    let pages = fields.get("urlContextMetadata").and_then(|metadata| metadata.get("urlMetadata")?.as_array());
    for page in pages.into_iter().flatten() {
        let url = text(page, "retrievedUrl");
        let failed =
            text(page, "urlRetrievalStatus").is_some_and(|status| status != "URL_RETRIEVAL_STATUS_SUCCESS");
        if url.is_some() && !failed && found.iter().all(|(_, citation)| citation.url != url) {
            found.push((last, Citation { url, ..Citation::default() }));
        }
    }
    found
}

fn read_grounding(grounding: &Value, texts: &[Text], last: u32, found: &mut Vec<Placed>) {
    let chunks = grounding.get("groundingChunks").and_then(Value::as_array);
    let chunks: Vec<Citation> = chunks.into_iter().flatten().map(chunk).collect();
    let mut cited = vec![false; chunks.len()];
    let supports = grounding.get("groundingSupports").and_then(Value::as_array);
    for support in supports.into_iter().flatten() {
        let nothing = Value::Null;
        let (part, range) = place(support.get("segment").unwrap_or(&nothing), texts, last);
        let indices = support.get("groundingChunkIndices").and_then(Value::as_array);
        for at in indices.into_iter().flatten().filter_map(Value::as_u64) {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            if let (Some(chunk), Some(cited)) = (chunks.get(at), cited.get_mut(at)) {
                *cited = true;
                found.push((part, Citation { range: range.clone(), ..chunk.clone() }));
            }
        }
    }
    // Sources that no place is told of hold for the whole text.
    let rest = chunks.into_iter().zip(cited).filter(|(_, cited)| !cited);
    found.extend(rest.map(|(chunk, _)| (last, chunk)));
}

/// One source (API reference: `GroundingChunk`).
fn chunk(chunk: &Value) -> Citation {
    let Some(inner) = ["web", "retrievedContext", "maps", "image"].iter().find_map(|kind| chunk.get(*kind))
    else {
        return Citation::default();
    };
    Citation {
        url: text(inner, "uri").or_else(|| text(inner, "sourceUri")),
        title: text(inner, "title"),
        quote: text(inner, "text"),
        source: text(inner, "documentName")
            .or_else(|| text(inner, "fileSearchStore"))
            .or_else(|| text(inner, "placeId")),
        ..Citation::default()
    }
}

/// The part and the characters that a piece of the answer is.
fn place(segment: &Value, texts: &[Text], last: u32) -> (u32, Option<Range<u64>>) {
    let number = |name: &str| segment.get(name).and_then(Value::as_u64);
    let Some(end) = number("endIndex").and_then(|end| usize::try_from(end).ok()) else { return (last, None) };
    let start = usize::try_from(number("startIndex").unwrap_or_default()).unwrap_or(usize::MAX).min(end);
    let named = number("partIndex").unwrap_or_default();
    let fits = |text: &&Text| text.1.bytes() >= end;
    // Answers have few texts; a bound on what many would cost.
    let texts = texts.get(..texts.len().min(64)).unwrap_or_default();
    let text =
        texts.iter().filter(fits).find(|text| u64::from(text.0) == named).or_else(|| texts.iter().find(fits));
    match text {
        Some((part, ruler)) => (*part, Some(ruler.characters(start)..ruler.characters(end))),
        None => (last, None),
    }
}

fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field).and_then(Value::as_str).map(str::to_owned)
}

/// Is it told what the call of another provider's tool with this input asked for?
pub(crate) fn is_told(input: &str) -> bool {
    !queries(input).is_empty()
}

/// What was searched for.
fn queries(input: &str) -> Vec<Value> {
    let mut input: Map<String, Value> = serde_json::from_str(input).unwrap_or_default();
    match (input.shift_remove("query"), input.shift_remove("queries")) {
        (Some(query @ Value::String(_)), _) => vec![query],
        (_, Some(Value::Array(list))) => list.into_iter().filter(Value::is_string).collect(),
        _ => Vec::new(),
    }
}

/// Writes citations of another dialect as `groundingMetadata`. Each comes with the text part it belongs to, as far as that
/// is known, for the way from characters to bytes.
#[derive(Default)]
pub(super) struct Grounding {
    chunks: Vec<Value>,
    supports: Vec<Value>,
    queries: Vec<Value>,
    /// Pages that were read, each with the id of its call.
    pages: Vec<(String, Value)>,
}

/// The bytes of a text that rest on a source: those it names, or all.
pub(super) fn rests(citation: &Citation, ruler: &Ruler) -> Range<usize> {
    match &citation.range {
        Some(range) => ruler.bytes_of(range.start)..ruler.bytes_of(range.end),
        None => 0..ruler.bytes(),
    }
}

/// The most sources that are written: a bound on what is kept of a stream.
const MOST: usize = 1024;

impl Grounding {
    /// Adds a citation. `bytes` is its range in bytes.
    pub(super) fn add(&mut self, part: u32, citation: &Citation, bytes: Option<Range<usize>>) {
        if self.supports.len() >= MOST || self.chunks.len() >= MOST {
            return;
        }
        let mut source = Map::new();
        let fields = [
            ("uri", &citation.url),
            ("title", &citation.title),
            ("text", &citation.quote),
            ("documentName", &citation.source),
        ];
        for (key, value) in fields {
            source.extend(value.as_ref().map(|value| (key.to_owned(), value.as_str().into())));
        }
        let kind = if citation.url.is_some() { "web" } else { "retrievedContext" };
        let chunk = json!({ kind: source });
        let at = self.chunks.iter().rposition(|known| *known == chunk).unwrap_or_else(|| {
            self.chunks.push(chunk);
            self.chunks.len() - 1
        });
        if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
            let segment = json!({"partIndex": part, "startIndex": bytes.start, "endIndex": bytes.end});
            self.supports.push(json!({"segment": segment, "groundingChunkIndices": [at]}));
        }
    }

    /// Adds what was searched for.
    pub(super) fn searched(&mut self, input: &str) {
        let room = MOST.saturating_sub(self.queries.len());
        self.queries.extend(queries(input).into_iter().take(room));
    }

    /// Adds what a tool of another provider was asked for: the query of a search, the page to be read.
    pub(super) fn asked(&mut self, call: &ServerCall) {
        if call.tool != ServerTool::WebFetch {
            return self.searched(&call.input);
        }
        let input: Map<String, Value> = serde_json::from_str(&call.input).unwrap_or_default();
        if let Some(url) = input.get("url").filter(|url| url.is_string() && self.pages.len() < MOST) {
            let page = json!({"retrievedUrl": url, "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"});
            self.pages.push((call.id.clone(), page));
        }
    }

    /// Notes that a page could not be read.
    pub(super) fn answered(&mut self, result: &ServerResult) {
        let known = self.pages.iter_mut().find(|(call, _)| result.failed && *call == result.call);
        if let Some((_, page)) = known {
            page["urlRetrievalStatus"] = "URL_RETRIEVAL_STATUS_ERROR".into();
        }
    }

    /// The fields of a candidate that tell it.
    pub(super) fn written(self) -> Map<String, Value> {
        let lists = [
            ("groundingChunks", self.chunks),
            ("groundingSupports", self.supports),
            ("webSearchQueries", self.queries),
        ];
        let grounding: Map<String, Value> = lists
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(key, list)| (key.to_owned(), Value::Array(list)))
            .collect();
        let pages: Vec<Value> = self.pages.into_iter().map(|(_, page)| page).collect();
        let mut told = Map::new();
        if !grounding.is_empty() {
            told.insert("groundingMetadata".to_owned(), grounding.into());
        }
        if !pages.is_empty() {
            told.insert("urlContextMetadata".to_owned(), json!({"urlMetadata": pages}));
        }
        told
    }
}
