//! What a client may send, read and written in every dialect: no panic, and what was read can be read again.

#![no_main]

use bytes::Bytes;
use contract::canon::Receipt;
use contract::ports::PathFacts;
use contract::words::Dialect;
use libfuzzer_sys::fuzz_target;
use wire::{Envelope, Quirks};

fuzz_target!(|input: &[u8]| {
    let Some((dialect, body)) = pathgate_fuzz::dialect(input) else { return };
    let path = PathFacts { model: dialect.path().contains("{model}").then(|| "m".to_owned()), ..PathFacts::default() };
    if let Ok(envelope) = Envelope::read(dialect, &path, Bytes::copy_from_slice(body)) {
        let edited: Vec<u8> = envelope.edited("other", true).iter().flatten().copied().collect();
        assert!(Envelope::read(dialect, &path, edited.into()).is_ok());
    }
    let Ok(asked) = wire::read_request(dialect, body) else { return };
    for target in Dialect::ALL.iter().filter(|target| target.operation() == dialect.operation()) {
        let mut receipt = Receipt::default();
        let Ok(written) = wire::write_request(*target, &asked, &Quirks::default(), &mut receipt) else { continue };
        wire::place(dialect, &asked, &receipt);
        if *target == dialect {
            assert!(wire::read_request(dialect, &written).is_ok(), "{}", String::from_utf8_lossy(&written));
        }
    }
});
