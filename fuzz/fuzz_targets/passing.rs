//! A stream that passes through: the client gets what came, whatever it is.

#![no_main]

use std::collections::VecDeque;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((dialect, body)) = pathgate_fuzz::dialect(input) else { return };
    for strip in [false, true] {
        let Some(mut watch) = wire::watch(dialect, strip) else { return };
        let mut out = VecDeque::new();
        for piece in pathgate_fuzz::cut(body) {
            watch.feed(piece, &mut out);
        }
        let passed: Vec<u8> = out.iter().flatten().copied().collect();
        assert!(strip || body.starts_with(&passed), "what passes is what came");
        watch.finish(&mut out);
    }
});
