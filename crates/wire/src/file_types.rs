//! The endings of file names ↔ MIME types, for dialects that tell what a document is by its name alone.
//!
//! Media of other kinds have tables of their own: `gemini/out.rs`, `bedrock/format.rs`.

// tidy: table
/// Ending and type (iana.org, "Media Types"). Of several endings of one type the first is written.
const ENDINGS: &[(&str, &str)] = &[
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("log", "text/plain"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("xml", "text/xml"),
    ("css", "text/css"),
    ("js", "text/javascript"),
    ("py", "text/x-python"),
    ("json", "application/json"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("rtf", "application/rtf"),
    ("zip", "application/zip"),
    ("epub", "application/epub+zip"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("mp3", "audio/mpeg"),
    ("wav", "audio/wav"),
    ("mp4", "video/mp4"),
];

/// What a file of this name holds: a PDF where its name does not tell.
pub(crate) fn mime_of(name: Option<&str>) -> &'static str {
    let ending = name.and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending);
    let known = ENDINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending));
    known.map_or("application/pdf", |(_, mime)| mime)
}

/// A name for a file of this type that has none.
pub(crate) fn name_for(mime: &str) -> String {
    let known = ENDINGS.iter().find(|(_, known)| *known == mime).map(|(ending, _)| *ending);
    let other = if mime.starts_with("text/") { "txt" } else { "pdf" };
    format!("document.{}", known.unwrap_or(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_types_and_types_make_names() {
        assert_eq!((mime_of(Some("a.b.CSV")), mime_of(Some("x.html"))), ("text/csv", "text/html"));
        assert_eq!((mime_of(None), mime_of(Some("pdf"))), ("application/pdf", "application/pdf"));
        assert_eq!(
            (name_for("image/jpeg"), name_for("text/x")),
            ("document.jpg".into(), "document.txt".into())
        );
    }
}
