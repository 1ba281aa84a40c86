//! Nothing is lost in silence: requests and answers of all of canon's words, through every dialect and every pair of dialects.
//!
//! A fact of what went in is found in what comes out, or the receipt names it. Streams say what whole answers say, however they
//! are cut. Values are drawn by proptest; `properties/make.rs` makes them, `properties/facts.rs` compares them.

#![expect(clippy::expect_used, clippy::panic, reason = "a failed step of a test is a failed test")]

#[path = "properties/dice.rs"]
mod dice;
#[path = "properties/facts.rs"]
mod facts;
#[path = "properties/make.rs"]
mod make;

use bytes::{Bytes, BytesMut};
use contract::Code;
use contract::canon::{Answered, Asked, Event, Part, PartKind, PartStart, Receipt, Reply, Request};
use contract::words::Dialect;
use proptest::prelude::*;
use wire::{EncodeOptions, Quirks};

use dice::Dice;

/// The dialects of conversations that are spoken to providers and by clients.
const DIALECTS: [Dialect; 7] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
    Dialect::BedrockConverse,
    Dialect::CohereChat,
    Dialect::OllamaChat,
];

/// A model whose family takes what it is asked: some dialects write what a model is known to take.
const fn model(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::AnthropicMessages => "claude-opus-4-6",
        Dialect::GeminiGenerate => "gemini-3-pro",
        Dialect::BedrockConverse => "us.anthropic.claude-opus-4-6-v1",
        _ => "m",
    }
}

/// The request after it went through a dialect; none where that cannot be.
fn through(dialect: Dialect, request: &Request, receipt: &mut Receipt) -> Option<Request> {
    let request = Request { model: model(dialect).to_owned(), ..request.clone() };
    let bytes =
        match wire::write_request(dialect, &Asked::Chat(Box::new(request.clone())), &Quirks::NONE, receipt) {
            Ok(bytes) => bytes,
            Err(fault) => {
                let refuses = matches!(fault.code(), Code::UnsupportedCapability | Code::InvalidRequest);
                assert!(refuses && fault.param().is_some(), "{dialect} refuses {request:#?}: {fault:?}");
                return None;
            }
        };
    match wire::read_request(dialect, &bytes) {
        Ok(Asked::Chat(read)) => Some(*read),
        other => {
            panic!("{dialect} cannot read what it wrote ({other:?}): {}", String::from_utf8_lossy(&bytes))
        }
    }
}

fn check(dialect: Dialect, request: &Request) -> Result<Option<Request>, TestCaseError> {
    let mut receipt = Receipt::default();
    let Some(read) = through(dialect, request, &mut receipt) else { return Ok(None) };
    let mut said = facts::of_request(request);
    // A signature says nothing but to its owner.
    said.retain(|fact| dialect == Dialect::AnthropicMessages || !fact.what.starts_with("signed"));
    // Who asks for thoughts without saying how much asks for what most models do anyway.
    let much = request.reasoning.as_ref().is_some_and(|it| it.effort.is_some() || it.budget.is_some());
    said.retain(|fact| much || fact.what != "reasoning");
    let usual = matches!(request.service_tier.as_deref(), Some("auto" | "default"));
    said.retain(|fact| !usual || !fact.what.starts_with("service_tier"));
    let lost = facts::lost(&said, &facts::of_request(&read), &receipt);
    prop_assert!(
        lost.is_empty(),
        "{dialect} lost {lost:#?}\nreceipt: {receipt}\nrequest: {request:#?}\nread: {read:#?}"
    );
    Ok(Some(read))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_lose_nothing_in_silence(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        for dialect in DIALECTS {
            check(dialect, &make::request(&mut Dice::new(&bytes), dialect))?;
        }
    }

    #[test]
    fn what_a_dialect_has_read_it_writes_again(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        for dialect in DIALECTS {
            let request = make::request(&mut Dice::new(&bytes), dialect);
            let Some(read) = through(dialect, &request, &mut Receipt::default()) else { continue };
            let mut receipt = Receipt::default();
            let again = through(dialect, &read, &mut receipt).expect("it was written before");
            prop_assert!(receipt.is_empty(), "{dialect} lost {receipt} of its own: {read:#?}");
            let (before, after) = (facts::of_request(&read), facts::of_request(&again));
            prop_assert_eq!(before, after, "{}", dialect);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pairs_of_dialects_lose_nothing_in_silence(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        for client in DIALECTS {
            let made = make::request(&mut Dice::new(&bytes), client);
            let Some(asked) = through(client, &made, &mut Receipt::default()) else { continue };
            for target in DIALECTS {
                if let Some(read) = check(target, &asked)? {
                    check(client, &read)?;
                }
            }
        }
    }
}

/// The answer after it went through a dialect, and what was noted on the way.
fn answered(dialect: Dialect, reply: &Reply) -> (Reply, Receipt) {
    let mut receipt = Receipt::default();
    let answered = Answered::Chat(Box::new(reply.clone()));
    let bytes =
        wire::write_reply(dialect, &answered, &EncodeOptions::default(), &mut receipt).expect("it answers");
    match wire::read_reply(dialect, &bytes) {
        Ok(Answered::Chat(read)) => (*read, receipt),
        other => {
            panic!("{dialect} cannot read what it wrote ({other:?}): {}", String::from_utf8_lossy(&bytes))
        }
    }
}

/// The events of a stream that says what the answer says, its texts in pieces of so many characters.
fn events(reply: &Reply, piece: usize) -> Vec<Event> {
    let (id, model) = (reply.id.clone(), reply.model.clone());
    let mut events = vec![Event::Start { id, model, created: reply.created, extra: reply.extra.clone() }];
    let answer = &reply.choices[0];
    for (index, part) in (0..).zip(&answer.parts) {
        let Part { kind, native, citations, .. } = part;
        let (start, text) = match kind {
            PartKind::Text(text) => (PartStart::Text, text),
            PartKind::Reasoning(text) => (PartStart::Reasoning, text),
            PartKind::Refusal(text) => (PartStart::Refusal, text),
            PartKind::ToolCall { id, name, arguments, custom } => {
                let (id, name) = (id.clone(), name.clone());
                (PartStart::ToolCall { id, name, custom: *custom }, arguments)
            }
            other => panic!("answers here have no {other:?}"),
        };
        events.push(Event::PartStart { choice: 0, index, part: start, native: native.clone() });
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(piece) {
            events.push(Event::Delta { choice: 0, index, text: piece.iter().collect() });
        }
        if matches!(kind, PartKind::Text(_)) && !answer.logprobs.is_empty() {
            events.push(Event::Logprobs { choice: 0, tokens: answer.logprobs.clone() });
        }
        events.extend(citations.iter().map(|it| Event::Citation { choice: 0, index, citation: it.clone() }));
        events.push(Event::PartStop { choice: 0, index });
    }
    events.push(Event::Finish { choice: 0, reason: answer.finish.clone(), stop_sequence: None });
    events.extend(reply.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

/// The answer after it was streamed in a dialect, the bytes cut into pieces of these lengths again and again.
fn streamed(dialect: Dialect, events: &[Event], cuts: &[usize]) -> Reply {
    let options = EncodeOptions { usage: true, ..EncodeOptions::default() };
    let mut encoder = wire::encoder(dialect, options).expect("it streams");
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let (mut rest, mut cuts) = (out.freeze(), cuts.iter().cycle());
    let mut decoder = wire::decoder(dialect).expect("it streams");
    let mut read = Vec::new();
    while !rest.is_empty() {
        let cut = cuts.next().map_or(rest.len(), |cut| (*cut).clamp(1, rest.len()));
        let piece: Bytes = rest.split_to(cut);
        decoder.push(&piece, &mut read).unwrap_or_else(|error| panic!("{error}: {events:#?}"));
    }
    decoder.finish(&mut read).unwrap_or_else(|error| panic!("{error}: {events:#?}"));
    let mut gather = wire::Gather::default();
    read.into_iter().for_each(|event| gather.push(event));
    assert!(gather.complete(), "{dialect} did not end: {events:#?}");
    gather.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_lose_nothing_in_silence(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let reply = make::reply(&mut Dice::new(&bytes));
        for dialect in DIALECTS {
            let (read, receipt) = answered(dialect, &reply);
            let lost = facts::lost(&facts::of_reply(&reply), &facts::of_reply(&read), &receipt);
            prop_assert!(lost.is_empty(), "{dialect} lost {lost:#?}\nreceipt: {receipt}\nanswer: {reply:#?}\nread: {read:#?}");
        }
    }

    #[test]
    fn streams_say_what_answers_say_however_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        piece in 1_usize..20,
        cuts in prop::collection::vec(1_usize..40, 1..6),
    ) {
        let reply = make::reply(&mut Dice::new(&bytes));
        let events = events(&reply, piece);
        for dialect in DIALECTS {
            let whole = streamed(dialect, &events, &[usize::MAX]);
            prop_assert_eq!(&streamed(dialect, &events, &cuts), &whole, "{} cut", dialect);
            let (unstreamed, lost) = answered(dialect, &reply);
            let (stream, answer) = (facts::of_reply(&whole), facts::of_reply(&unstreamed));
            prop_assert_eq!(stream, answer, "{} streamed: {:#?}", dialect, reply);
            let mut untold = wire::Untold::to(dialect);
            events.iter().for_each(|event| untold.note(event));
            prop_assert_eq!(untold.take(), lost, "{} told of: {:#?}", dialect, reply);
        }
    }
}
