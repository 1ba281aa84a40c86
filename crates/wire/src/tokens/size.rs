//! What a body weighs, without parsing it: text, pictures, sound. For holds, which take the most it can come to.
//!
//! A picture in base64 is large as text and small in tokens. Such texts are long runs of a small alphabet, so they are
//! looked for at a few places of a large body; their first bytes say what they are.

use contract::ports::InputSize;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Runs that are shorter count as text. A run of twice this length has a probe in it.
const STEP: usize = 4 << 10;
/// Bytes that are looked at where nothing is found.
const PROBE: usize = 64;

/// What this body weighs; `files`: bytes in it that are known to be sound or film.
#[must_use]
pub fn input_size(body: &[u8], files: u64) -> InputSize {
    let mut size = InputSize { text: (body.len() as u64).saturating_sub(files), media: files, pictures: 0 };
    if files > 0 || body.len() < 2 * STEP {
        return size;
    }
    let mut at = STEP;
    let mut last = 0;
    while at + PROBE <= body.len() {
        if !is_run(&body[at..at + PROBE]) {
            at += STEP;
            continue;
        }
        let from = at - body[last..at].iter().rev().take_while(|byte| IS_BASE64[usize::from(**byte)]).count();
        let to = end_of_run(body, at);
        let bytes = (to - from) as u64;
        match kind(&body[from..to]) {
            Kind::Picture => {
                size.pictures += 1;
                size.text = size.text.saturating_sub(bytes);
            }
            Kind::Sound => {
                size.media += bytes / 4 * 3;
                size.text = size.text.saturating_sub(bytes);
            }
            Kind::Other => {}
        }
        last = to;
        at = to + STEP;
    }
    size
}

/// How many documents are to be ordered; 0 where this cannot be told. The names are those of the dialects of reranking, and
/// Hugging Face's.
#[must_use]
pub fn documents(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Ranked {
        #[serde(default, alias = "sources", alias = "texts")]
        documents: Vec<IgnoredAny>,
    }
    serde_json::from_slice::<Ranked>(body).map_or(0, |ranked| ranked.documents.len() as u64)
}

/// What a run is.
#[derive(Clone, Copy)]
enum Kind {
    Picture,
    Sound,
    /// A document, whose text counts, or no base64 at all.
    Other,
}

// tidy: table
/// The first bytes of files, in base64. Both of RIFF are told apart by what follows.
const STARTS: &[(&[u8], Kind)] = &[
    (b"iVBORw0KGgo", Kind::Picture),
    (b"/9j/", Kind::Picture),
    (b"R0lGOD", Kind::Picture),
    // ID3, and frames of MPEG sound without it.
    (b"SUQz", Kind::Sound),
    (b"//u", Kind::Sound),
    (b"//v", Kind::Sound),
    // OggS, fLaC.
    (b"T2dnUw", Kind::Sound),
    (b"ZkxhQw", Kind::Sound),
];

fn kind(run: &[u8]) -> Kind {
    // Some writers of JSON escape each slash.
    let mut start = [0; 16];
    let plain = run.iter().filter(|byte| **byte != b'\\').take(16);
    for (slot, byte) in start.iter_mut().zip(plain) {
        *slot = *byte;
    }
    if start.starts_with(b"UklGR") {
        // RIFF, four bytes of length, then WEBP, WAVE or AVI.
        return if start.ends_with(b"RUJQ") { Kind::Picture } else { Kind::Sound };
    }
    // The box of MPEG-4 files: a length below 64 KiB, then `ftyp`.
    if start.starts_with(b"AAAA") && &start[6..10] == b"Z0eX" {
        return Kind::Sound;
    }
    STARTS.iter().find(|(bytes, _)| start.starts_with(bytes)).map_or(Kind::Other, |(_, kind)| *kind)
}

fn end_of_run(body: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(next) = body.get(at..at + PROBE).filter(|bytes| is_run(bytes)) {
        at += next.len();
    }
    at + body[at..].iter().take_while(|byte| IS_BASE64[usize::from(**byte)]).count()
}

/// Without a branch for each byte, so that many are compared at once.
fn is_run(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, byte| {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit = byte.wrapping_sub(b'0') < 10;
        all & (letter | digit | matches!(byte, b'+' | b'/' | b'-' | b'_' | b'\\'))
    })
}

/// The alphabets of base64 and the backslash that may stand before a slash in JSON.
const IS_BASE64: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let here = byte as u8;
        table[byte] = here.is_ascii_alphanumeric() || matches!(here, b'+' | b'/' | b'-' | b'_' | b'\\');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn encoded(start: &[u8], length: usize) -> String {
        let mut file = start.to_vec();
        // Bytes of no pattern.
        let mut state = 1_u32;
        file.resize_with(length, || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        base64::prelude::BASE64_STANDARD.encode(file)
    }

    #[test]
    fn text_is_text() {
        for body in ["{}".to_owned(), "plain words, again and again. ".repeat(10_000), "x".repeat(100_000)] {
            let expected = InputSize { text: body.len() as u64, ..InputSize::default() };
            assert_eq!(input_size(body.as_bytes(), 0), expected);
        }
        assert_eq!(input_size(&[b'-'; 1000], 900), InputSize { text: 100, media: 900, pictures: 0 });
    }

    #[test]
    fn documents_are_counted_in_every_dialect() {
        for body in
            [r#"{"documents":["a",{"text":"b"}]}"#, r#"{"sources":[{},{}]}"#, r#"{"texts":["a","b"]}"#]
        {
            assert_eq!(documents(body.as_bytes()), 2, "{body}");
        }
        for body in ["{}", "[", r#"{"documents":3}"#] {
            assert_eq!(documents(body.as_bytes()), 0, "{body}");
        }
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let starts: [(&[u8], u64); 7] = [
            (b"\x89PNG\r\n\x1a\n", 1),
            (b"\xff\xd8\xff\xe0", 1),
            (b"GIF89a", 1),
            (b"RIFF\x01\x02\x03\x04WEBP", 1),
            (b"RIFF\x01\x02\x03\x04WAVE", 0),
            (b"ID3", 0),
            (b"\0\0\0\x20ftypisom", 0),
        ];
        for (start, pictures) in starts {
            for length in [9_000, 100_000, 1_000_001] {
                let body = format!("{{\"text\":\"what is it?\",\"data\":\"{}\"}}", encoded(start, length));
                let size = input_size(body.as_bytes(), 0);
                assert_eq!(size.pictures, pictures, "{start:?} {length}");
                assert!(size.text < 100, "{start:?} {length} {size:?}");
                assert_eq!(size.media > 0, pictures == 0);
            }
        }
        let document = format!("{{\"data\":\"{}\"}}", encoded(b"%PDF-1.7", 50_000));
        assert_eq!(input_size(document.as_bytes(), 0).text, document.len() as u64);
    }

    #[test]
    fn several_are_counted_and_words_between_them_stay() {
        let picture = encoded(b"\x89PNG\r\n\x1a\n", 30_000).replace('/', "\\/");
        let words = "some words about it ".repeat(1_000);
        let body = format!("[\"{picture}\",\"{words}\",\"{picture}\",\"{words}\"]");
        let size = input_size(body.as_bytes(), 0);
        assert_eq!(size.pictures, 2);
        let text = 2 * words.len() as u64;
        assert!((text..text + 200).contains(&size.text), "{size:?}");
    }
}
