//! `format` of media blocks ↔ MIME types (docs: "ImageBlock", "DocumentBlock", "VideoBlock", "AudioBlock").

use contract::canon::MediaKind;

// tidy: table
/// Kind, format, MIME type. Of several with one MIME type the first is written; of several with one format the first is
/// read.
const FORMATS: &[(MediaKind, &str, &str)] = &[
    (MediaKind::Image, "png", "image/png"),
    (MediaKind::Image, "jpeg", "image/jpeg"),
    (MediaKind::Image, "jpeg", "image/jpg"),
    (MediaKind::Image, "gif", "image/gif"),
    (MediaKind::Image, "webp", "image/webp"),
    (MediaKind::Document, "pdf", "application/pdf"),
    (MediaKind::Document, "csv", "text/csv"),
    (MediaKind::Document, "csv", "application/csv"),
    (MediaKind::Document, "doc", "application/msword"),
    (MediaKind::Document, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (MediaKind::Document, "xls", "application/vnd.ms-excel"),
    (MediaKind::Document, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (MediaKind::Document, "html", "text/html"),
    (MediaKind::Document, "txt", "text/plain"),
    (MediaKind::Document, "md", "text/markdown"),
    (MediaKind::Document, "md", "text/x-markdown"),
    (MediaKind::Video, "mkv", "video/x-matroska"),
    (MediaKind::Video, "mov", "video/quicktime"),
    (MediaKind::Video, "mp4", "video/mp4"),
    (MediaKind::Video, "webm", "video/webm"),
    (MediaKind::Video, "flv", "video/x-flv"),
    (MediaKind::Video, "mpeg", "video/mpeg"),
    (MediaKind::Video, "mpg", "video/mpg"),
    (MediaKind::Video, "wmv", "video/x-ms-wmv"),
    (MediaKind::Video, "three_gp", "video/3gpp"),
    (MediaKind::Audio, "mp3", "audio/mpeg"),
    (MediaKind::Audio, "mp3", "audio/mp3"),
    (MediaKind::Audio, "wav", "audio/wav"),
    (MediaKind::Audio, "wav", "audio/x-wav"),
    (MediaKind::Audio, "wav", "audio/wave"),
    (MediaKind::Audio, "flac", "audio/flac"),
    (MediaKind::Audio, "ogg", "audio/ogg"),
    (MediaKind::Audio, "opus", "audio/opus"),
    (MediaKind::Audio, "aac", "audio/aac"),
    (MediaKind::Audio, "x-aac", "audio/x-aac"),
    (MediaKind::Audio, "mp4", "audio/mp4"),
    (MediaKind::Audio, "m4a", "audio/x-m4a"),
    (MediaKind::Audio, "m4a", "audio/m4a"),
    (MediaKind::Audio, "mkv", "audio/x-matroska"),
    (MediaKind::Audio, "webm", "audio/webm"),
    (MediaKind::Audio, "pcm", "audio/pcm"),
    (MediaKind::Audio, "pcm", "audio/l16"),
    (MediaKind::Audio, "mka", "audio/x-mka"),
    (MediaKind::Audio, "mpeg", "audio/x-mpeg"),
    (MediaKind::Audio, "mpga", "audio/mpga"),
];

/// The MIME type of a format.
pub(super) fn mime(kind: MediaKind, format: &str) -> Option<&'static str> {
    FORMATS.iter().find(|(of, name, _)| *of == kind && *name == format).map(|(_, _, mime)| *mime)
}

/// The format of a MIME type, whose parameters and case do not matter.
pub(super) fn format(kind: MediaKind, mime: &str) -> Option<&'static str> {
    let mime = mime.split(';').next().unwrap_or_default().trim();
    let found = FORMATS.iter().find(|(of, _, name)| *of == kind && name.eq_ignore_ascii_case(mime));
    found.map(|(_, format, _)| *format)
}

/// The format that the end of an address names.
pub(super) fn format_of_address(kind: MediaKind, address: &str) -> Option<&'static str> {
    let (_, ending) = address.rsplit_once('.')?;
    let ending = match ending.to_ascii_lowercase().as_str() {
        "jpg" => "jpeg".to_owned(),
        "3gp" => "three_gp".to_owned(),
        "htm" => "html".to_owned(),
        other => other.to_owned(),
    };
    FORMATS.iter().find(|(of, name, _)| *of == kind && *name == ending).map(|(_, format, _)| *format)
}

/// The member that a block of this kind has.
pub(super) const fn member(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    }
}
