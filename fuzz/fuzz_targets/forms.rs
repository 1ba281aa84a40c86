//! A form that a client uploads: its model is the only thing that an edit changes, and its files become JSON.

#![no_main]

use bytes::Bytes;
use contract::ports::PathFacts;
use contract::words::Dialect;
use libfuzzer_sys::fuzz_target;
use wire::Envelope;

const NAME: &str = "another-model";

fn read(kind: &[u8], body: Bytes) -> Option<Envelope> {
    Envelope::receive(Dialect::OpenaiImageEdits, &PathFacts::default(), Some(kind), body).ok()
}

fuzz_target!(|input: &[u8]| {
    // Half of the inputs name their boundary themselves.
    let Some((first, rest)) = input.split_first() else { return };
    let (kind, body) = match rest.iter().position(|byte| *byte == b'\n').filter(|_| first & 1 == 1) {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (&b"multipart/form-data; boundary=b"[..], rest),
    };
    let Some(form) = read(kind, Bytes::copy_from_slice(body)) else { return };
    let edited: Vec<u8> = form.edited(NAME, false).iter().flatten().copied().collect();
    if kind.starts_with(b"multipart/form-data") {
        let again = read(kind, edited.into()).expect("an edited form is a form");
        assert_eq!(again.model, NAME);
        let outside = |form: &Envelope| (form.stream, form.user.clone(), form.n, form.file_bytes);
        assert_eq!(outside(&again), outside(&form), "the model is all that was changed");
    }
    if let Ok(json) = form.as_json() {
        drop(wire::read_request(Dialect::OpenaiImageEdits, &json));
    }
});
