//! What a translation costs, for each pair of dialects: a request of 1 KB and of 100 KB, and an event of a stream.
//!
//! The dialects are those of the hub, so that a new one is measured from its first day; those that complete a prompt and hold
//! no conversation are left out. A pair of the same dialect is the way through canon too, which requests do not take when
//! both sides speak it. At the end the medians stand in one table.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench, whose product is a table")]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Asked, Event, Extra, Finish, Message, Part, PartKind, PartStart, Provenance, Receipt, Request, Role,
    Tool, ToolResult,
};
use contract::words::{Dialect, Operation, Usage};
use criterion::{Criterion, Throughput};
use serde_json::json;
use wire::{EncodeOptions, Quirks};

/// Tokens of a streamed answer.
const TOKENS: u64 = 200;

/// Where criterion keeps what it has measured.
const MEASURED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/translation");

fn dialects() -> Vec<Dialect> {
    let asked = Asked::Chat(Box::new(conversation(1_000)));
    let converses = |dialect: &Dialect| {
        let body = wire::write_request(*dialect, &asked, &Quirks::default(), &mut Receipt::default());
        body.is_ok_and(|body| wire::read_request(*dialect, &body).is_ok())
            && wire::decoder(*dialect).is_some()
    };
    let chats = Dialect::ALL.iter().filter(|dialect| dialect.operation() == Operation::Chat);
    chats.copied().filter(converses).collect()
}

/// A conversation of about so many bytes, with a tool and a call in it.
fn conversation(bytes: usize) -> Request {
    let mut request = Request { model: "a-model".to_owned(), max_output: Some(512), ..Request::default() };
    let say = |role, from, text: &str| Message::new(role, vec![Part::text(text, from)]);
    request.messages.push(say(Role::System, Provenance::System, "Be brief, and say where you know it from."));
    request.tools.push(Tool::Function {
        name: "weather".to_owned(),
        description: Some("Tells the weather of a town.".to_owned()),
        parameters: Some(json!({"type": "object", "properties": {"town": {"type": "string"}}})),
        strict: None,
        cache: None,
        extra: Extra::default(),
    });
    let call = PartKind::ToolCall {
        id: "call_1".to_owned(),
        name: "weather".to_owned(),
        arguments: r#"{"town":"Bern"}"#.to_owned(),
        custom: false,
    };
    let result = ToolResult {
        call: "call_1".to_owned(),
        name: Some("weather".to_owned()),
        parts: vec![Part::text("rain", Provenance::Tool)],
        failed: false,
    };
    request.messages.push(say(Role::User, Provenance::User, "How is the weather in Bern?"));
    request.messages.push(Message::new(Role::Assistant, vec![Part::new(call, Provenance::Model)]));
    let result = Part::new(PartKind::ToolResult(result), Provenance::Tool);
    request.messages.push(Message::new(Role::Tool, vec![result]));
    let turn =
        "Rain, and \"more\" of it to come; take an umbrella along, or stay at home with a book.\n".repeat(4);
    let mut room = bytes.saturating_sub(500);
    let mut speakers =
        [(Role::Assistant, Provenance::Model), (Role::User, Provenance::User)].into_iter().cycle();
    while room > 0 {
        let (role, from) = speakers.next().unwrap();
        let text = &turn[..turn.len().min(room)];
        request.messages.push(say(role, from, text));
        room -= text.len();
    }
    request.messages.push(say(Role::User, Provenance::User, "And tomorrow?"));
    request
}

fn written(dialect: Dialect, asked: &Asked) -> Bytes {
    wire::write_request(dialect, asked, &Quirks::default(), &mut Receipt::default()).unwrap()
}

fn requests(criterion: &mut Criterion) {
    for (name, bytes) in [("1k", 1_000), ("100k", 100_000)] {
        let asked = Asked::Chat(Box::new(conversation(bytes)));
        let mut group = criterion.benchmark_group(format!("request_{name}"));
        for from in dialects() {
            let body = written(from, &asked);
            group.throughput(Throughput::Bytes(body.len() as u64));
            for to in dialects() {
                group.bench_function(format!("{from} to {to}"), |bencher| {
                    bencher.iter(|| {
                        let mut asked = wire::read_request(from, black_box(&body)).unwrap();
                        "a-model".clone_into(asked.model_mut());
                        written(to, &asked)
                    });
                });
            }
        }
    }
}

fn answer() -> Vec<Event> {
    let (id, model) = ("id".to_owned(), "a-model".to_owned());
    let mut events = vec![
        Event::Start { id, model, created: Some(1), extra: Extra::default() },
        Event::PartStart { choice: 0, index: 0, part: PartStart::Text, native: None },
    ];
    events.extend((0..TOKENS).map(|_| Event::Delta { choice: 0, index: 0, text: " token".to_owned() }));
    events.extend([
        Event::PartStop { choice: 0, index: 0 },
        Event::Finish { choice: 0, reason: Finish::Stop, stop_sequence: None },
        Event::Usage(Usage { input: 100, output: TOKENS, ..Usage::default() }),
        Event::End,
    ]);
    events
}

fn encoded(dialect: Dialect, events: &[Event]) -> BytesMut {
    let options = EncodeOptions { usage: true, ..EncodeOptions::default() };
    let (mut encoder, mut out) = (wire::encoder(dialect, options).unwrap(), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    out
}

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream_event");
    // The time of an element is that of one token on its way.
    group.throughput(Throughput::Elements(TOKENS));
    for from in dialects() {
        let body = encoded(from, &answer()).freeze();
        for to in dialects() {
            group.bench_function(format!("{from} to {to}"), |bencher| {
                bencher.iter(|| {
                    let (mut decoder, mut events) = (wire::decoder(from).unwrap(), Vec::new());
                    decoder.push(black_box(&body), &mut events).unwrap();
                    decoder.finish(&mut events).unwrap();
                    encoded(to, &events)
                });
            });
        }
    }
}

fn short() -> Criterion {
    Criterion::default()
        .output_directory(Path::new(MEASURED))
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .sample_size(10)
        .without_plots()
        .configure_from_args()
}

/// The median of a pair in nanoseconds; none where it was not measured.
fn median(group: &str, from: Dialect, to: Dialect) -> Option<f64> {
    let file = format!("{MEASURED}/{group}/{from} to {to}/new/estimates.json");
    let text = std::fs::read(file).ok()?;
    serde_json::from_slice::<serde_json::Value>(&text).ok()?["median"]["point_estimate"].as_f64()
}

/// A dialect by the part of its name that tells it from the others.
fn short_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiResponses => "responses",
        other => other.as_str().split('.').next().unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn table() {
    println!("\ncost of a translation, medians: from the dialect of the row to that of the column");
    for (group, title, each) in [
        ("request_1k", "a request of 1 KB, µs", 1_000.0),
        ("request_100k", "a request of 100 KB, µs", 1_000.0),
        ("stream_event", "an event of a stream, ns", TOKENS as f64),
    ] {
        let dialects = dialects();
        print!("\n{title:26}");
        dialects.iter().for_each(|to| print!("{:>11}", short_name(*to)));
        for from in &dialects {
            print!("\n{:26}", short_name(*from));
            for to in &dialects {
                match median(group, *from, *to) {
                    Some(nanos) => print!("{:>11.1}", nanos / each),
                    None => print!("{:>11}", "–"),
                }
            }
        }
        println!();
    }
}

fn main() {
    // What an earlier run measured says nothing of this one.
    std::fs::remove_dir_all(MEASURED).ok();
    let mut criterion = short();
    requests(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
    table();
}
