//! Messages written, read, cut and broken.

use super::*;

type Owned = (String, Vec<u8>);

fn collect(chunks: &[&[u8]], cap: usize) -> Result<(Vec<Owned>, bool), EventStreamError> {
    let mut reader = Reader::with_cap(cap);
    let mut found = Vec::new();
    for chunk in chunks {
        reader.feed(chunk, |message| {
            found.push((format!("{:?}", message.kind), message.payload.to_vec()));
            Ok::<_, EventStreamError>(())
        })?;
    }
    Ok((found, reader.is_between()))
}

fn sample() -> Vec<u8> {
    let mut out = BytesMut::new();
    write(MessageKind::Event("messageStart"), b"{\"role\":\"assistant\"}", &mut out);
    write(MessageKind::Event("empty"), b"", &mut out);
    write(MessageKind::Exception("throttlingException"), b"{\"message\":\"slow\"}", &mut out);
    write(MessageKind::Error { code: "InternalError", message: "broken" }, b"", &mut out);
    out.to_vec()
}

/// The example of a message without headers and payload in the specification's test suite.
#[test]
fn the_documented_empty_message_is_read() {
    let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
    let (found, between) = collect(&[&empty], 1024).unwrap();
    assert_eq!(found, [("Event(\"\")".to_owned(), Vec::new())]);
    assert!(between);
}

/// `{"foo":"bar"}` with one 32-bit header, from the same suite.
#[test]
fn the_documented_message_with_an_integer_header_is_read() {
    let mut message = vec![
        0, 0, 0, 0x2d, 0, 0, 0, 0x10, 0x41, 0xc4, 0x24, 0xb8, 10, b'e', b'v', b'e', b'n', b't', b'-', b't',
        b'y', b'p', b'e', 4, 0, 0, 0xa0, 0x0c,
    ];
    message.extend_from_slice(b"{'foo':'bar'}");
    message.extend_from_slice(&[0x36, 0xf4, 0x80, 0xa0]);
    let (found, _) = collect(&[&message], 1024).unwrap();
    assert_eq!(found[0].1, b"{'foo':'bar'}");
}

#[test]
fn messages_are_the_same_however_they_are_cut() {
    let bytes = sample();
    let (whole, between) = collect(&[&bytes], 1024).unwrap();
    assert!(between);
    let kinds: Vec<&str> = whole.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "Event(\"messageStart\")",
            "Event(\"empty\")",
            "Exception(\"throttlingException\")",
            "Error { code: \"InternalError\", message: \"broken\" }"
        ]
    );
    for size in 1..bytes.len() {
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        assert_eq!(collect(&chunks, 1024).unwrap(), (whole.clone(), true), "{size}");
    }
    for at in 1..bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(collect(&[head, &[], tail], 1024).unwrap(), (whole.clone(), true), "{at}");
    }
}

#[test]
fn any_changed_byte_is_seen() {
    let mut one = BytesMut::new();
    write(MessageKind::Event("a"), b"{}", &mut one);
    for at in 0..one.len() {
        let mut bytes = one.to_vec();
        bytes[at] ^= 1;
        assert!(collect(&[&bytes], 1024).is_err(), "{at}");
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        assert!(collect(&singles, 1024).is_err(), "{at}");
    }
}

#[test]
fn size_is_bounded_and_a_torn_message_is_told() {
    let bytes = sample();
    assert_eq!(collect(&[&bytes], 40), Err(EventStreamError::TooLarge(40)));
    let (found, between) = collect(&[&bytes[..bytes.len() - 1]], 1024).unwrap();
    assert_eq!((found.len(), between), (3, false));
}

#[test]
fn impossible_lengths_and_headers_are_refused() {
    for (total, headers) in [(16_u32, 1_u32), (15, 0), (0, 0), (20, u32::MAX)] {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        assert_eq!(collect(&[&bytes], 1024), Err(EventStreamError::Lengths), "{total} {headers}");
    }
    // A header of a type that does not exist, and one that is cut off.
    for headers in [&[1, b'a', 10][..], &[1, b'a', 7, 0, 9, b'x'], &[9, b'a']] {
        let total = u32::try_from(PRELUDE + TRAILER + headers.len()).unwrap();
        let length = u32::try_from(headers.len()).unwrap();
        let mut bytes = [total.to_be_bytes(), length.to_be_bytes()].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        assert_eq!(collect(&[&bytes], 1024), Err(EventStreamError::Header), "{headers:?}");
    }
}
