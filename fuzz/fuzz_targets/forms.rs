//! A form that a client uploads: its model is the only thing that an edit changes, and its files become JSON.

#![no_main]

use bytes::Bytes;
use contract::ports::PathFacts;
use contract::words::Dialect;
use libfuzzer_sys::fuzz_target;
use wire::Envelope;

const NAME: &str = "another-model";
/// Most parts of a form that are read.
const MOST_PARTS: usize = 256;

fn read(kind: &[u8], body: Bytes) -> Option<Envelope> {
    Envelope::receive(Dialect::OpenaiImageEdits, &PathFacts::default(), Some(kind), body).ok()
}

/// The input's lines as the fields of a form, which made-up bytes alone hardly ever are.
fn built(input: &[u8]) -> Vec<u8> {
    let heads = [
        "name=\"model\"",
        "name=\"stream\"",
        "name=\"user\"",
        "name=n",
        "name=\"prompt\"",
        "name=\"image[]\"; filename=\"a.png\"\r\ncontent-type: image/png",
    ];
    let mut out = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Some((first, value)) = line.split_first() else { continue };
        out.extend_from_slice(b"--b\r\nContent-Disposition: form-data; ");
        out.extend_from_slice(heads[usize::from(*first) % heads.len()].as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"--b--\r\n");
    out
}

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let usual = &b"multipart/form-data; boundary=b"[..];
    let form;
    // Some inputs name their boundary themselves.
    let (kind, body) = match (first % 3, rest.iter().position(|byte| *byte == b'\n')) {
        (0, _) => {
            form = built(rest);
            (usual, form.as_slice())
        }
        (1, Some(end)) => (&rest[..end], &rest[end + 1..]),
        _ => (usual, rest),
    };
    let Some(form) = read(kind, Bytes::copy_from_slice(body)) else { return };
    let edited: Vec<u8> = form.edited(NAME, false).iter().flatten().copied().collect();
    if kind.starts_with(b"multipart/form-data") {
        let Some(again) = read(kind, edited.into()) else {
            // The model that was added is one part more than are read; nobody reads it again.
            let parts = body.windows(4).filter(|four| four.eq_ignore_ascii_case(b"form")).count();
            assert!(parts >= MOST_PARTS, "an edited form is a form");
            return;
        };
        assert_eq!(again.model, NAME);
        let outside = |form: &Envelope| (form.stream, form.user.clone(), form.n, form.file_bytes);
        assert_eq!(outside(&again), outside(&form), "the model is all that was changed");
    }
    if let Ok(json) = form.as_json() {
        drop(wire::read_request(Dialect::OpenaiImageEdits, &json));
    }
});
