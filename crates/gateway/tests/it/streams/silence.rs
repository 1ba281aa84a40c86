//! What the gateway says itself on a stream: signs of life while the provider is silent, an array for those who read one, and
//! the end of one that breaks off.

use serde_json::{Value, json};
use testkit::upstream::{Break, Gate, Reply};

use super::{KINDS, PIECES, TOKENS, frames_to_first_text, kind_bytes};
use crate::kinds::Kind;
use crate::setup::{Bench, Setup};
use crate::speech::Speech;

const ALIVE: &str = "timeouts: { silence: 30ms }";

/// What Google's clients send.
fn contents() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]})
}

fn google_path(kind: Kind, query: &str) -> String {
    format!("/v1beta/models/{}:streamGenerateContent{query}", kind.model())
}

/// The text of a list of Google's answers.
fn said(list: &[Value]) -> String {
    let texts = list.iter().filter_map(|one| one["candidates"][0]["content"]["parts"][0]["text"].as_str());
    texts.collect()
}

#[tokio::test]
async fn a_silent_provider_does_not_look_like_a_dead_gateway() {
    let bench = Setup::new().server(ALIVE).start().await;
    for kind in KINDS {
        for speech in Speech::ALL {
            let what = format!("{speech:?} → {kind:?}");
            let gate = Gate::new();
            bench.upstream.then(kind.says(true, &PIECES, TOKENS).gated(&gate));
            let request = speech.ask(&kind.model(), "Say hello", true);
            let mut answer = speech.client(&bench).post(speech.path(), &request).await;
            for _ in 0..frames_to_first_text(kind) {
                gate.release();
            }
            let sign = match speech {
                Speech::Openai => ": keep-alive",
                Speech::Anthropic => "event: ping\ndata: {\"type\": \"ping\"}",
            };
            let mut events = Vec::new();
            let mut signs = 0;
            while signs < 2 {
                let event = answer.event().await.expect("the stream goes on");
                if event == sign {
                    signs += 1;
                } else {
                    events.push(event);
                }
            }
            gate.open();
            while let Some(event) = answer.event().await {
                if event != sign {
                    events.push(event);
                }
            }
            let said = speech.hear(&events);
            assert_eq!((said.text.as_str(), said.ended), ("Say hello", true), "{what}");
        }
    }
}

#[tokio::test]
async fn signs_of_life_can_be_left_out_and_never_split_an_event() {
    let bench = Setup::new().server(ALIVE).start().await;
    // The provider falls silent within its second event.
    let at = kind_bytes(Kind::Openai, 1) + 9;
    bench.upstream.then(Kind::Openai.says(true, &PIECES, TOKENS).broken_at(at, Break::Hang));
    let request = Speech::Openai.ask(&Kind::Openai.model(), "Say hello", true);
    let mut answer = bench.openai().post(Speech::Openai.path(), &request).await;
    assert!(answer.event().await.unwrap().starts_with("data: {"));
    for _ in 0..2 {
        assert_eq!(answer.event().await.unwrap(), ": keep-alive");
    }
    drop(answer);

    let bench =
        Setup::new().server("timeouts: { silence: 0s }").accounts("timeouts: { idle: 250ms }").start().await;
    bench.upstream.then(Kind::Openai.says(true, &PIECES, TOKENS).broken_at(at, Break::Hang));
    let answer = bench.openai().post(Speech::Openai.path(), &request).await;
    let events = answer.try_events().await.unwrap();
    assert!(events.len() == 2 && events[1].starts_with("data: {\"error\""), "{events:?}");
}

#[tokio::test]
async fn google_clients_that_do_not_ask_for_events_get_an_array() {
    let bench = Setup::new().server(ALIVE).start().await;
    for kind in KINDS {
        let gate = Gate::new();
        bench.upstream.then(kind.says(true, &PIECES, TOKENS).gated(&gate));
        let mut answer = bench.openai().post(&google_path(kind, ""), &contents()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "application/json"),
            "{kind:?}"
        );
        for _ in 0..frames_to_first_text(kind) {
            gate.release();
        }
        let mut text = Vec::new();
        // An element and blanks behind it are there before the next.
        while !text.ends_with(b"}\r\n") {
            text.extend_from_slice(&answer.try_frame().await.unwrap().expect("the stream goes on"));
        }
        assert!(text.trim_ascii_start().starts_with(b"[{"), "{kind:?}");
        gate.open();
        text.extend_from_slice(&answer.bytes().await);
        let list: Vec<Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(said(&list), "Say hello", "{kind:?}");
        assert!(list.last().unwrap()["usageMetadata"]["promptTokenCount"].is_number(), "{kind:?}");

        for query in ["?alt=sse", "?a=b&$alt=sse"] {
            bench.upstream.then(kind.says(true, &PIECES, TOKENS));
            let answer = bench.openai().post(&google_path(kind, query), &contents()).await;
            assert_eq!(answer.header("content-type"), "text/event-stream", "{kind:?}");
            assert!(answer.text().await.starts_with("data: {"), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn an_array_that_breaks_off_ends_with_the_error() {
    let bench = Bench::start().await;
    for kind in KINDS {
        let at = kind_bytes(kind, frames_to_first_text(kind));
        bench.upstream.then(kind.says(true, &PIECES, TOKENS).broken_at(at, Break::Close));
        let answer = bench.openai().post(&google_path(kind, ""), &contents()).await;
        let list: Vec<Value> = serde_json::from_slice(&answer.bytes().await).unwrap();
        assert_eq!(said(&list), "Say", "{kind:?}");
        assert!(list.last().unwrap()["error"]["message"].is_string(), "{kind:?}: {list:?}");
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_does_not_begin_again() {
    let bench = Bench::start().await;
    let response =
        json!({"id": "resp_7", "object": "response", "status": "in_progress", "model": "m", "output": []});
    let frames: Vec<String> = ["response.created", "response.in_progress"]
        .iter()
        .enumerate()
        .map(|(number, kind)| {
            let data = json!({"type": kind, "response": response, "sequence_number": number});
            format!("event: {kind}\ndata: {data}\n\n")
        })
        .collect();
    let len = frames.iter().map(String::len).sum();
    bench.upstream.then(Reply::sse(frames).broken_at(len, Break::Close));
    let request = json!({"model": Kind::Openai.model(), "input": "Hello", "stream": true, "store": false});
    let answer = bench.openai().post("/v1/responses", &request).await;
    let events: Vec<Value> = answer
        .try_events()
        .await
        .unwrap()
        .iter()
        .filter_map(|event| serde_json::from_str(event.split_once("data: ")?.1).ok())
        .collect();
    let told: Vec<(&str, u64)> = events
        .iter()
        .map(|event| (event["type"].as_str().unwrap(), event["sequence_number"].as_u64().unwrap()))
        .collect();
    let expected =
        [("response.created", 0), ("response.in_progress", 1), ("error", 2), ("response.failed", 3)];
    assert_eq!(told, expected);
    assert_eq!(events[3]["response"]["id"], events[0]["response"]["id"]);
}
