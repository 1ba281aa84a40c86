//! Where an answer ends: at its last event, whatever comes behind it or does not come; and not at an event that cannot be read.

use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::shapes::{Tokens, anthropic, gemini, openai};
use testkit::upstream::{Break, Reply};

use super::{KINDS, PIECES, TOKENS};
use crate::kinds::{Kind, Tongue};
use crate::setup::{Bench, Setup, request_id};
use crate::speech::Speech;

const RESPONSES: &str = "/v1/responses";

fn frames(kind: Kind) -> Vec<String> {
    match kind.tongue() {
        Tongue::Openai => openai::text_stream(&PIECES, Some(TOKENS)),
        Tongue::Anthropic => anthropic::text_stream(&PIECES, TOKENS),
        Tongue::Gemini => gemini::text_stream(&PIECES, TOKENS),
    }
}

/// An answer of `/v1/responses` with something in between.
fn response(between: &str, output: &Value) -> Vec<String> {
    let event = |kind: &str, status: &str, output: &Value, usage: &Value| {
        let response = json!({ "id": "resp_7", "object": "response", "status": status, "model": "m", "output": output, "usage": usage });
        let data = json!({ "type": kind, "response": response, "sequence_number": 0 });
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let usage = json!({ "input_tokens": 7, "output_tokens": 1234, "total_tokens": 1241 });
    vec![
        event("response.created", "in_progress", &json!([]), &Value::Null),
        between.to_owned(),
        event("response.completed", "completed", output, &usage),
    ]
}

fn asks_response() -> Value {
    json!({"model": Kind::Openai.model(), "input": "Hello", "stream": true, "store": false})
}

fn contents() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}]})
}

fn google_path(query: &str) -> String {
    format!("/v1beta/models/{}:streamGenerateContent{query}", Kind::Google.model())
}

/// The answer was a whole one, with the usage that the provider told.
async fn check_answered(bench: &Bench, id: &str, tokens: (u64, u64), what: &str) {
    let kept = bench.kept_of(id).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.request["error"]),
        (&json!("answered"), &Value::Null),
        "{what}"
    );
    let attempt = &kept.attempts[0];
    assert_eq!(attempt["usage_source"], "reported", "{what}");
    assert_eq!(
        (&attempt["usage"]["input"], &attempt["usage"]["output"]),
        (&json!(tokens.0), &json!(tokens.1)),
        "{what}"
    );
}

#[tokio::test]
async fn nothing_is_waited_for_behind_the_last_event() {
    let bench = Bench::start().await;
    for kind in [Kind::Openai, Kind::Claude] {
        for speech in Speech::ALL {
            let what = format!("{speech:?} → {kind:?}");
            let frames = frames(kind);
            let len = frames.iter().map(String::len).sum();
            bench.upstream.then(Reply::sse(frames).broken_at(len, Break::Hang));
            let request = speech.ask(&kind.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            let id = request_id(&answer);
            let said = speech.hear(&answer.try_events().await.unwrap());
            assert_eq!((said.text.as_str(), said.ended), ("Say hello", true), "{what}");
            check_answered(&bench, &id, (12, 9), &what).await;
            // Its provider is let go of.
            bench.upstream.seen().pop().unwrap().gone().await;
        }
    }
    let frames = response(": nothing\n\n", &json!([]));
    let len = frames.iter().map(String::len).sum();
    bench.upstream.then(Reply::sse(frames).broken_at(len, Break::Hang));
    let answer = bench.openai().post(RESPONSES, &asks_response()).await;
    let id = request_id(&answer);
    assert!(answer.text().await.contains("response.completed"));
    check_answered(&bench, &id, (7, 1234), "a response").await;
}

#[tokio::test]
async fn nothing_passes_behind_the_last_event() {
    let bench = Bench::start().await;
    for kind in [Kind::Openai, Kind::Claude] {
        for speech in Speech::ALL {
            let what = format!("{speech:?} → {kind:?}");
            let more = match kind.tongue() {
                Tongue::Openai => openai::text_stream(&["more"], Some(Tokens::new(900, 900))),
                _ => anthropic::text_stream(&["more"], Tokens::new(900, 900)),
            };
            bench.upstream.then(Reply::sse(frames(kind).into_iter().chain(more)));
            let request = speech.ask(&kind.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            let id = request_id(&answer);
            let text = answer.text().await;
            assert!(text.contains("lo") && !text.contains("more"), "{what}: {text}");
            check_answered(&bench, &id, (12, 9), &what).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_has_its_finish_reason_is_complete_however_its_stream_ends() {
    let bench = Setup::new().accounts("timeouts: { idle: 250ms }").start().await;
    for how in [Break::Hang, Break::Close, Break::Reset] {
        let says = || {
            let frames = frames(Kind::Google);
            let len = frames.iter().map(String::len).sum();
            Reply::sse(frames).broken_at(len, how)
        };
        let mut ids = Vec::new();
        for speech in Speech::ALL {
            bench.upstream.then(says());
            let request = speech.ask(&Kind::Google.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            ids.push(request_id(&answer));
            let said = speech.hear(&answer.try_events().await.unwrap());
            assert_eq!((said.text.as_str(), said.ended), ("Say hello", true), "{how:?} {speech:?}");
        }
        for query in ["", "?alt=sse"] {
            bench.upstream.then(says());
            let answer = bench.openai().post(&google_path(query), &contents()).await;
            ids.push(request_id(&answer));
            let text = answer.text().await;
            assert!(text.contains("finishReason") && !text.contains("\"error\""), "{how:?}: {text}");
            assert_eq!(
                serde_json::from_str::<Vec<Value>>(&text).is_ok(),
                query.is_empty(),
                "{how:?}: {text}"
            );
        }
        for id in ids {
            check_answered(&bench, &id, (12, 9), &format!("{how:?}")).await;
        }
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_harms_no_other() {
    let bench = Bench::start().await;
    let odd = [
        "data: hello\n\n",
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\"}\n\n",
        "data: [\n\n",
    ];
    for between in odd {
        bench.upstream.then(Reply::sse(response(between, &json!([]))));
        let answer = bench.openai().post(RESPONSES, &asks_response()).await;
        let id = request_id(&answer);
        let text = answer.text().await;
        assert!(text.contains(between) && text.contains("response.completed"), "{text}");
        assert!(!text.contains("event: error"), "{text}");
        check_answered(&bench, &id, (7, 1234), between).await;
    }
}

#[tokio::test]
async fn what_is_no_event_at_all_harms_no_other_where_it_is_translated() {
    let bench = Bench::start().await;
    for kind in KINDS {
        for speech in Speech::ALL {
            let what = format!("{speech:?} → {kind:?}");
            let mut frames = frames(kind);
            frames.insert(1, "data: hello\n\n".to_owned());
            bench.upstream.then(Reply::sse(frames));
            let request = speech.ask(&kind.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            let id = request_id(&answer);
            let events = answer.try_events().await.unwrap();
            let events: Vec<_> = events.into_iter().filter(|event| event != "data: hello").collect();
            assert_eq!(speech.hear(&events).text, "Say hello", "{what}");
            check_answered(&bench, &id, (12, 9), &what).await;
        }
    }
}

/// How much of an answer there is, and its end.
async fn end_of(answer: Answer) -> (usize, String) {
    let text = answer.bytes().await;
    (text.len(), String::from_utf8_lossy(&text[text.len().saturating_sub(400)..]).into_owned())
}

#[tokio::test]
async fn a_picture_in_one_event_is_no_failure() {
    let bench = Bench::start().await;
    let picture = "A".repeat(9 << 20);
    let part = json!({"inlineData": {"mimeType": "image/png", "data": picture}});
    let first = json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]});
    let says = || {
        let mut frames = frames(Kind::Google);
        frames.insert(0, format!("data: {first}\r\n\r\n"));
        Reply::sse(frames)
    };
    for query in ["", "?alt=sse"] {
        bench.upstream.then(says());
        let answer = bench.openai().post(&google_path(query), &contents()).await;
        let id = request_id(&answer);
        let (len, end) = end_of(answer).await;
        assert!(len > picture.len() && end.contains("STOP") && !end.contains("\"error\""), "{end}");
        check_answered(&bench, &id, (12, 9), query).await;
    }
    let made =
        json!([{"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": picture}]);
    bench.upstream.then(Reply::sse(response(": nothing\n\n", &made)));
    let answer = bench.openai().post(RESPONSES, &asks_response()).await;
    let id = request_id(&answer);
    let (len, end) = end_of(answer).await;
    assert!(len > picture.len() && !end.contains("event: error"), "{end}");
    check_answered(&bench, &id, (7, 1234), "a response").await;
}

#[tokio::test]
async fn an_array_says_that_an_element_is_too_large() {
    let bench = Bench::start().await;
    let mut frames = frames(Kind::Google);
    frames.insert(1, format!("data: {{\"a\":\"{}\"}}\r\n\r\n", "A".repeat(65 << 20)));
    bench.upstream.then(Reply::sse(frames));
    let answer = bench.openai().post(&google_path(""), &contents()).await;
    let id = request_id(&answer);
    let list: Vec<Value> = serde_json::from_slice(&answer.bytes().await).unwrap();
    assert_eq!(list.len(), 2, "{list:?}");
    assert!(list[0]["candidates"].is_array() && list[1]["error"]["message"].is_string(), "{list:?}");
    assert_eq!(bench.kept_of(&id).await.attempts[0]["error"], "upstream_invalid");
}

#[tokio::test]
async fn a_connection_whose_last_event_came_is_used_again() {
    let bench = Bench::start().await;
    for kind in KINDS {
        let mut connections = Vec::new();
        for _ in 0..3 {
            bench.upstream.then(kind.says(true, &PIECES, TOKENS));
            let request = Speech::Openai.ask(&kind.model(), "Say hello", true);
            bench.openai().post(Speech::Openai.path(), &request).await.bytes().await;
            let call = bench.upstream.seen().pop().unwrap();
            call.end().await;
            connections.push(call.connection);
        }
        connections.dedup();
        assert_eq!(connections.len(), 1, "{kind:?}");
    }
}
