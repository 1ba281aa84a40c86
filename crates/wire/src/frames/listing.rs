//! A stream of events as one JSON array, written an element at a time: what Google sends to clients that do not ask for
//! server-sent events (`alt=sse`; ai.google.dev/api, "streamGenerateContent").

use bytes::BytesMut;

use crate::frames::sse::{Frame, FrameTooLarge, Splitter};

/// Turns the events of a stream into the elements of an array.
#[derive(Debug, Default)]
pub struct Listing {
    splitter: Splitter,
    begun: bool,
}

impl Listing {
    /// What may stand between two elements and says nothing.
    pub const BLANK: &[u8] = b"\r\n";

    /// Takes bytes of the stream and appends the elements they complete.
    ///
    /// # Errors
    /// An event is too large to be held until its end. What is fed after that begins a new one.
    pub fn feed(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), FrameTooLarge> {
        let Self { splitter, begun } = self;
        let fed = splitter.feed(bytes, |piece| {
            if let Some(frame) = Frame::parse(piece.whole()?).filter(|frame| !frame.data.is_empty()) {
                let before: &[u8] = if std::mem::replace(begun, true) { b",\r\n" } else { b"[" };
                out.extend_from_slice(before);
                out.extend_from_slice(&frame.data);
            }
            Ok(())
        });
        if fed.is_err() {
            *splitter = Splitter::default();
        }
        fed
    }

    /// Ends the array.
    pub fn finish(self, out: &mut BytesMut) {
        out.extend_from_slice(if self.begun { b"\r\n]\r\n" } else { b"[]\r\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_elements_whatever_the_chunking() {
        let stream = b"data: {\"a\":1}\r\n\r\n\r\n: nothing\n\ndata: {\"b\":\ndata: 2}\n\n";
        for size in 1..=stream.len() {
            let (mut listing, mut out) = (Listing::default(), BytesMut::new());
            for chunk in stream.chunks(size) {
                listing.feed(chunk, &mut out).unwrap();
            }
            out.extend_from_slice(Listing::BLANK);
            listing.finish(&mut out);
            let array: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(array, serde_json::json!([{"a": 1}, {"b": 2}]), "{size}");
        }
        let (mut listing, mut out) = (Listing::default(), BytesMut::new());
        listing.feed(b"data: {\"a\":1}\n\n", &mut out).unwrap();
        let large = [&b"data: "[..], &vec![b'x'; crate::frames::sse::FRAME_CAP]].concat();
        assert_eq!(listing.feed(&large, &mut out), Err(FrameTooLarge));
        listing.feed(b"data: {\"error\":2}\n\n", &mut out).unwrap();
        listing.finish(&mut out);
        let array: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(array, serde_json::json!([{"a": 1}, {"error": 2}]));
        let mut out = BytesMut::new();
        Listing::default().finish(&mut out);
        assert_eq!(out, "[]\r\n");
    }
}
