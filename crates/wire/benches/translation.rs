//! What a translation costs, for each pair of dialects: a request of 1 KB and of 100 KB, and an event of a stream.
//!
//! The dialects are those of the hub, so that a new one is measured from its first day. A pair of the same dialect is the
//! way through canon too, which requests do not take when both sides speak it.

#![expect(clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contract::canon::{
    Asked, Event, Extra, Finish, Message, Part, PartKind, PartStart, Provenance, Receipt, Request, Role,
    Tool, ToolResult,
};
use contract::words::{Dialect, Operation, Usage};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use wire::{EncodeOptions, Quirks};

/// Tokens of a streamed answer.
const TOKENS: u64 = 200;

fn dialects() -> impl Iterator<Item = Dialect> {
    let chats = Dialect::ALL.iter().filter(|dialect| dialect.operation() == Operation::Chat);
    chats.copied().filter(|dialect| wire::decoder(*dialect).is_some())
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
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .sample_size(10)
        .without_plots()
}

criterion_group! { name = benches; config = short(); targets = requests, streams }
criterion_main!(benches);
