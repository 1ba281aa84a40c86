//! What an upstream may answer, read and written in every dialect.

#![no_main]

use contract::canon::Receipt;
use contract::words::Dialect;
use libfuzzer_sys::fuzz_target;
use wire::EncodeOptions;

fuzz_target!(|input: &[u8]| {
    let Some((dialect, body)) = pathgate_fuzz::dialect(input) else { return };
    wire::reply_facts(dialect, body).ok();
    let Ok(answered) = wire::read_reply(dialect, body) else { return };
    for target in Dialect::ALL.iter().filter(|target| target.operation() == dialect.operation()) {
        let options = EncodeOptions::default();
        let written = wire::write_reply(*target, &answered, &options, &mut Receipt::default());
        if let Some(written) = written.filter(|_| *target == dialect) {
            assert!(wire::read_reply(dialect, &written).is_ok(), "{}", String::from_utf8_lossy(&written));
        }
    }
});
