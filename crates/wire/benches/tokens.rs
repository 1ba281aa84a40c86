//! What a token costs to count, and what a body costs to weigh for a hold.

use std::hint::black_box;

use contract::ports::TokenCounter as _;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wire::tokens::{Counter, input_size};

const PROSE: &str =
    "The tide tables say \"low water at 04:12\"; by then the boats lie dry.\nTake the north path. ";
const CODE: &str =
    "    fn level(&self, at: u64) -> Option<f64> {\n        self.table.get(&at).copied()\n    }\n";
const KANJI: &str = "潮汐表によると、干潮は四時十二分です。その頃には船は浜に上がっています。";

/// Time for each token: the throughput is in tokens.
fn counting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count");
    for (name, text) in [("prose", PROSE), ("code", CODE), ("kanji", KANJI), ("one letter", "x")] {
        let text = text.repeat(100_000 / text.len());
        for model in ["gpt-4o", "gpt-4"] {
            let tokens = Counter.text(model, &text).tokens;
            group.throughput(Throughput::Elements(tokens));
            group.bench_function(format!("{name}/{model}"), |bencher| {
                bencher.iter(|| Counter.text(model, black_box(&text)));
            });
        }
    }
    group.finish();
}

/// Time for each byte: done for every request.
fn weighing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("weigh");
    let picture = format!("{{\"data\":\"iVBORw0KGgo{}\"}}", "QmFzZTY0".repeat(125_000));
    let bodies = [
        ("1 KB of prose", PROSE.repeat(11)),
        ("100 KB of prose", PROSE.repeat(1_100)),
        ("1 MB of picture", picture),
    ];
    for (name, body) in bodies {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| Counter.most("gpt-4o", input_size(black_box(body.as_bytes()), 0)));
        });
    }
    group.finish();
}

criterion_group!(benches, counting, weighing);
criterion_main!(benches);
