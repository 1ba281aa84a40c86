//! Frames of every shape, cut at every place.

use super::*;

type Seen = Vec<(String, String)>;

fn note(seen: &mut Seen, frame: &Frame<'_>) -> Result<(), WireError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    seen.push((text(frame.event), text(&frame.data)));
    Ok(())
}

fn frames(chunks: &[&[u8]]) -> Seen {
    let (mut framer, mut seen) = (Framer::new(Dialect::OpenaiChat), Seen::new());
    for chunk in chunks {
        framer.feed(chunk, |frame| note(&mut seen, &frame)).unwrap();
    }
    framer.finish(|frame| note(&mut seen, &frame)).unwrap();
    seen
}

const STREAMS: &[&str] = &[
    "data: a\n\ndata: b\n\n",
    "data: a\r\n\r\ndata: b\r\n\r\n",
    "data: a\r\rdata: b\r\r",
    "data: a\r\n\rdata: b\n\r\n",
    "\u{feff}data: a\n\n: keep-alive\n\nid: 7\nretry: 10\n\ndata: b\n\n",
    "event: x\ndata: a\n\nevent:y\ndata:b\n\n",
    "data: one\ndata: two\ndata\ndata:  three\n\n",
    "data: grüße 🎉\n\ndata: [DONE]\n\n",
    "\n\n\ndata: a\n\n\n\ndata: b",
    "",
];

#[test]
fn any_cut_gives_the_same_frames() {
    for stream in STREAMS {
        let bytes = stream.as_bytes();
        let whole = frames(&[bytes]);
        for at in 0..=bytes.len() {
            assert_eq!(frames(&[&bytes[..at], &bytes[at..]]), whole, "{stream:?} cut at {at}");
        }
        assert_eq!(frames(&bytes.chunks(1).collect::<Vec<_>>()), whole, "{stream:?} byte by byte");
    }
}

#[test]
fn line_ends_comments_names_and_joined_lines() {
    let pair = |event: &str, data: &str| (event.to_owned(), data.to_owned());
    for stream in &STREAMS[..5] {
        assert_eq!(frames(&[stream.as_bytes()]), [pair("", "a"), pair("", "b")], "{stream:?}");
    }
    assert_eq!(frames(&[STREAMS[5].as_bytes()]), [pair("x", "a"), pair("y", "b")]);
    assert_eq!(frames(&[STREAMS[6].as_bytes()]), [pair("", "one\ntwo\n\n three")]);
}

#[test]
fn a_splitter_loses_no_byte() {
    for stream in STREAMS {
        let (mut splitter, mut all) = (Splitter::default(), Vec::new());
        for chunk in stream.as_bytes().chunks(3) {
            splitter
                .feed(chunk, |piece| {
                    all.extend_from_slice(piece.whole()?);
                    Ok::<_, FrameTooLarge>(())
                })
                .unwrap();
        }
        all.extend(splitter.rest());
        assert_eq!(all, stream.as_bytes());
    }
}

#[test]
fn a_frame_over_the_cap_is_refused_whether_it_ends_or_not() {
    for stream in ["data: 0123456789\n\n", "data: 0123456789"] {
        for size in [1, 5, 100] {
            let mut framer = Framer::with_cap(Dialect::OpenaiChat, 10);
            let result = stream.as_bytes().chunks(size).try_for_each(|chunk| framer.feed(chunk, |_| Ok(())));
            assert!(result.unwrap_err().reason.contains("larger than is accepted"));
        }
    }
}

#[test]
fn a_frame_over_the_cap_goes_by_in_parts_and_the_next_is_whole() {
    let stream = b"data: a\n\ndata: 0123456789\ndata: 1\r\n\r\ndata: b\n\n";
    for size in 1..=stream.len() {
        let (mut splitter, mut all, mut whole) = (Splitter::with_cap(11), Vec::new(), Vec::new());
        for chunk in stream.chunks(size) {
            splitter
                .feed(chunk, |piece| {
                    let (Piece::Frame(raw) | Piece::Part(raw)) = piece;
                    all.extend_from_slice(raw);
                    whole.extend(piece.whole().ok().and_then(Frame::parse).map(|frame| frame.data.to_vec()));
                    Ok::<_, FrameTooLarge>(())
                })
                .unwrap();
            assert!(splitter.unfinished() <= 11);
        }
        assert!(!splitter.is_parting());
        assert_eq!((&all[..], &whole[..]), (&stream[..], &[b"a".to_vec(), b"b".to_vec()][..]), "{size}");
    }
}

#[test]
fn what_is_no_value_at_all_is_passed_over() {
    let invalid = || WireError { dialect: Dialect::OpenaiChat, reason: "no JSON".to_owned() };
    for (odd, passes) in [("hello", true), ("{\"a\":", false), ("[", false)] {
        let (mut framer, mut read) = (Framer::new(Dialect::OpenaiChat), 0);
        let stream = format!("data: {{}}\n\ndata: {odd}\n\ndata: {{}}\n\n");
        let fed = framer.feed(stream.as_bytes(), |frame| {
            (*frame.data == b"{}"[..]).then(|| read += 1).ok_or_else(invalid)
        });
        assert_eq!((fed.is_ok(), read), if passes { (true, 2) } else { (false, 1) }, "{odd}");
    }
}
