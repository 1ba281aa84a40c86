//! A stream of an upstream: read as the same however it is cut, and written in every dialect.

#![no_main]

use bytes::{Bytes, BytesMut};
use contract::canon::Event;
use contract::words::Dialect;
use libfuzzer_sys::fuzz_target;
use wire::{EncodeOptions, Gather};

fn decode(dialect: Dialect, pieces: &[Bytes]) -> Option<(Vec<Event>, bool)> {
    let (mut decoder, mut events) = (wire::decoder(dialect)?, Vec::new());
    let fed = pieces.iter().all(|piece| decoder.push(piece, &mut events).is_ok());
    let ended = fed && decoder.finish(&mut events).is_ok();
    Some((events, ended))
}

fuzz_target!(|input: &[u8]| {
    let Some((dialect, body)) = pathgate_fuzz::dialect(input) else { return };
    let Some(whole) = decode(dialect, &[Bytes::copy_from_slice(body)]) else { return };
    let cut = decode(dialect, &pathgate_fuzz::cut(body));
    assert_eq!(cut.as_ref().map(|(_, ended)| *ended), Some(whole.1));
    if whole.1 {
        assert_eq!(cut.as_ref(), Some(&whole));
    }
    for target in Dialect::ALL {
        let Some(mut encoder) = wire::encoder(*target, EncodeOptions::default()) else { continue };
        let mut out = BytesMut::new();
        whole.0.iter().for_each(|event| encoder.write(event, &mut out));
    }
    let mut gather = Gather::default();
    whole.0.into_iter().for_each(|event| gather.push(event));
    gather.finish();
});
