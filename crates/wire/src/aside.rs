//! What is said of a medium or a document beside it, in whatever dialect it came: its name, its context, whether it is to be
//! cited, how closely a picture is to be looked at.
//!
//! Each dialect keeps such words in its sidecar; here they are found again for the others. What of them a target is not told is
//! noted in `unsaid/beside.rs`.

use contract::canon::{MediaKind, Part, PartKind};
use serde_json::{Map, Value, json};

use crate::file_types;

/// The places of a document's name.
const TITLES: [&str; 7] = [
    "/title",
    "/file/filename",
    "/part/filename",
    "/document/name",
    "/searchResult/title",
    "/inlineData/displayName",
    "/fileData/displayName",
];

/// The places of a picture's detail: OpenAI's two dialects, and Cohere's.
const DETAILS: [&str; 2] = ["/image_url/detail", "/part/detail"];

fn find<'a>(part: &'a Part, places: &[&str]) -> Option<&'a Value> {
    let native = &part.native.as_ref()?.value;
    places.iter().find_map(|place| native.pointer(place)).filter(|value| !value.is_null())
}

fn text<'a>(part: &'a Part, places: &[&str]) -> Option<&'a str> {
    find(part, places)?.as_str().filter(|text| !text.trim().is_empty())
}

/// The name of a document that is sent as a medium.
pub(crate) fn title(part: &Part) -> Option<&str> {
    matches!(part.kind, PartKind::Media { kind: MediaKind::Document, .. }).then(|| text(part, &TITLES))?
}

/// The same as the name of a file, with the ending of its type: some tell the type by it.
pub(crate) fn file_name(part: &Part, mime: &str) -> Option<String> {
    let title = title(part)?;
    let usual = file_types::name_for(mime);
    let ending = usual.rsplit_once('.').map_or("", |(_, ending)| ending);
    let has_one = title.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty()
            && (2..=5).contains(&ending.len())
            && ending.bytes().all(|it| it.is_ascii_alphanumeric())
    });
    Some(if has_one || ending.is_empty() { title.to_owned() } else { format!("{title}.{ending}") })
}

/// How closely to look at a picture: `low`, `high`, `original`. `auto` is what is done anyway.
pub(crate) fn detail(part: &Part) -> Option<&str> {
    let picture = matches!(part.kind, PartKind::Media { kind: MediaKind::Image, .. });
    text(part, &DETAILS).filter(|detail| picture && *detail != "auto")
}

/// The same for those who know no `original`.
pub(crate) fn closest_detail(part: &Part) -> Option<&str> {
    detail(part).map(|detail| if detail == "original" { "high" } else { detail })
}

/// What a client says of a document or of a result of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source<'a> {
    /// Its name.
    pub(crate) title: Option<&'a str>,
    /// What it is about.
    pub(crate) context: Option<&'a str>,
    /// Is the answer to cite it?
    pub(crate) cites: Option<bool>,
    /// Where it was found; documents of the client's have none.
    pub(crate) found: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// What is said of this part, if it is a document, a search's result or the words of one.
    pub(crate) fn of(part: &'a Part) -> Option<Self> {
        let native = &part.native.as_ref()?.value;
        let kind = native.get("type").and_then(Value::as_str).unwrap_or_default();
        let found = kind == "search_result" || native.get("searchResult").is_some();
        let words = found || kind == "document" || native.get("document").is_some_and(Value::is_object);
        let document = match part.kind {
            PartKind::Text(_) => words,
            PartKind::Media { kind, .. } => kind == MediaKind::Document,
            _ => false,
        };
        document.then(|| Self {
            title: text(part, &TITLES),
            context: text(part, &["/context", "/document/context"]),
            cites: find(
                part,
                &["/citations/enabled", "/document/citations/enabled", "/searchResult/citations/enabled"],
            )
            .and_then(Value::as_bool),
            found: text(part, &["/source", "/searchResult/source"]).filter(|_| found),
        })
    }

    /// The fields of it that Anthropic and Bedrock have in common, but for the name.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.extend(self.found.map(|found| ("source".to_owned(), found.into())));
        fields.extend(self.context.map(|context| ("context".to_owned(), context.into())));
        fields.extend(self.cites.map(|cites| ("citations".to_owned(), json!({"enabled": cites}))));
        fields
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::{MediaSource, Provenance};
    use contract::words::Dialect;

    use super::*;

    fn medium(kind: MediaKind, native: Value) -> Part {
        let source = MediaSource::Url("https://e.test/a".into());
        Part::new(PartKind::Media { kind, source }, Provenance::User).with_native(Dialect::OpenaiChat, native)
    }

    #[test]
    fn names_of_files_have_an_ending() {
        for (title, name) in [("a.pdf", "a.pdf"), ("Tides 3.5", "Tides 3.5.pdf"), ("b", "b.pdf")] {
            let part = medium(MediaKind::Document, json!({"title": title}));
            assert_eq!(file_name(&part, "application/pdf").as_deref(), Some(name));
        }
        assert_eq!(file_name(&medium(MediaKind::Document, json!({"title": " "})), "text/csv"), None);
    }

    #[test]
    fn details_are_of_pictures_alone() {
        let detail_of = |kind, said: &str| {
            let part = medium(kind, json!({"image_url": {"detail": said}}));
            (detail(&part).map(str::to_owned), closest_detail(&part).map(str::to_owned))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(detail_of(MediaKind::Image, "original"), (some("original"), some("high")));
        assert_eq!(detail_of(MediaKind::Image, "auto"), (None, None));
        assert_eq!(detail_of(MediaKind::Document, "low"), (None, None));
    }
}
