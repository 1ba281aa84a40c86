//! The two framings of streams: the same frames however the bytes are cut, bounded memory, and what is written can be read.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use wire::bedrock::InvokeStream;
use wire::eventstream::{self, EventStreamError, MessageKind, Reader};
use wire::sse::{Frame, FrameTooLarge, Splitter};

/// Small, so that inputs come up against it.
const CAP: usize = 1 << 10;

fn events(pieces: &[Bytes]) -> (Vec<Vec<u8>>, bool) {
    let (mut splitter, mut frames) = (Splitter::with_cap(CAP), Vec::new());
    let fine = pieces.iter().all(|piece| {
        let fed = splitter.feed::<FrameTooLarge>(piece, |piece| {
            let frame = piece.whole()?;
            assert!(frame.len() <= CAP, "memory is bounded");
            if let Some(frame) = Frame::parse(frame) {
                frames.push(frame.data.to_vec());
            }
            Ok(())
        });
        assert!(splitter.unfinished() <= CAP);
        fed.is_ok()
    });
    (frames, fine)
}

fn messages(pieces: &[Bytes]) -> (Vec<Vec<u8>>, bool) {
    let (mut reader, mut found) = (Reader::with_cap(CAP), Vec::new());
    let fine = pieces.iter().all(|piece| {
        let fed = reader.feed::<EventStreamError>(piece, |message| {
            found.push(format!("{:?}", message.kind).into_bytes());
            found.push(message.payload.to_vec());
            Ok(())
        });
        fed.is_ok()
    });
    (found, fine && reader.is_between())
}

fn invoked(pieces: &[Bytes]) -> (BytesMut, bool) {
    let (mut stream, mut out) = (InvokeStream::default(), BytesMut::new());
    let fine = pieces.iter().all(|piece| stream.push(piece, &mut out).is_ok());
    (out, fine)
}

/// Frames that end in CR LF belong to the cap with or without their last byte, depending on the cut.
fn events_however_cut(body: &[u8]) {
    let whole = events(&[Bytes::copy_from_slice(body)]);
    let cut = events(&pathgate_fuzz::cut(body));
    assert!(cut.1 == whole.1 || body.contains(&b'\r'));
    if cut.1 && whole.1 {
        assert_eq!(cut.0, whole.0);
    }
}

fn same_however_cut<T: PartialEq + std::fmt::Debug>(body: &[u8], read: impl Fn(&[Bytes]) -> (T, bool)) {
    let whole = read(&[Bytes::copy_from_slice(body)]);
    let cut = read(&pathgate_fuzz::cut(body));
    assert_eq!(cut.1, whole.1);
    if whole.1 {
        assert_eq!(cut.0, whole.0);
    }
}

/// The input's lines as messages, some of them spoilt: made-up bytes alone never have the right sums.
fn written(input: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for line in input.split(|byte| *byte == b'\n') {
        let kind = match line.first().map(|byte| byte % 4) {
            Some(1) => MessageKind::Exception("throttlingException"),
            Some(2) => MessageKind::Event("messageStart"),
            _ => MessageKind::Event("chunk"),
        };
        let begin = out.len();
        eventstream::write(kind, line, &mut out);
        if let [.., at, 0xff] = line {
            let spoilt = begin + usize::from(*at) % (out.len() - begin);
            out[spoilt] ^= 1;
        }
    }
    out.to_vec()
}

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    match first % 3 {
        0 => events_however_cut(body),
        1 => {
            same_however_cut(body, messages);
            same_however_cut(body, invoked);
        }
        _ => {
            let body = written(body);
            same_however_cut(&body, messages);
            same_however_cut(&body, invoked);
        }
    }
});
