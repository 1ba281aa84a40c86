//! The demo answers as a server of the dialect would.

use super::*;
use crate::conformance::{Script, built, now};
use contract::ports::Timeouts;
use http_body::Body as _;
use std::future::poll_fn;

fn ask(operation: Operation, model: &str, body: &Value) -> (StatusCode, Vec<String>) {
    let (provider, script) = (built(json!({ "kind": "demo" })), Script::answering(""));
    let dialect = match operation {
        Operation::Embeddings => Dialect::OpenaiEmbeddings,
        _ => Dialect::OpenaiChat,
    };
    let call = Call {
        dialect,
        model,
        stream: false,
        body: [Bytes::from(body.to_string())].into(),
        headers: &HeaderMap::new(),
        traceparent: None,
        timeouts: Timeouts::default(),
    };
    let mut reply = now(provider.call(call, &script)).unwrap();
    assert!(script.nothing_sent());
    let mut frames = Vec::new();
    while let Some(frame) = now(poll_fn(|cx| Pin::new(&mut reply.body).poll_frame(cx))) {
        frames.push(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap());
    }
    (reply.status, frames)
}

fn json_of(operation: Operation, model: &str, body: &Value) -> Value {
    let (status, frames) = ask(operation, model, body);
    assert_eq!((status, frames.len()), (StatusCode::OK, 1), "{frames:?}");
    serde_json::from_str(&frames[0]).unwrap()
}

fn echo(mut body: Value, text: &str) -> Value {
    body["messages"] =
        json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": text }]);
    body
}

#[test]
fn the_last_user_text_comes_back_with_usage() {
    let answer = json_of(Operation::Chat, "echo", &echo(json!({}), "one two  three"));
    assert_eq!(answer["choices"][0]["message"]["content"], "one two  three");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 }));
    assert!(answer["created"].as_u64().unwrap() > 1_600_000_000);
    let parts =
        json!([{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": { "url": "x" } }]);
    let body = json!({ "messages": [{ "role": "user", "content": parts }, { "role": "assistant", "content": null }] });
    assert_eq!(json_of(Operation::Chat, "echo", &body)["choices"][0]["message"]["content"], "a");
}

#[test]
fn the_output_limit_counts_words() {
    for field in ["max_tokens", "max_completion_tokens"] {
        let answer = json_of(Operation::Chat, "echo", &echo(json!({ field: 2 }), " one  two three"));
        assert_eq!(answer["choices"][0]["message"]["content"], " one  two");
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
    }
}

#[test]
fn streams_come_word_by_word_and_end_properly() {
    for usage in [false, true] {
        let options = json!({ "stream": true, "stream_options": { "include_usage": usage } });
        let (_, frames) = ask(Operation::Chat, "echo", &echo(options, "one two  three"));
        assert_eq!(frames.last().unwrap(), "data: [DONE]\n\n");
        let events: Vec<Value> = frames[..frames.len() - 1]
            .iter()
            .map(|frame| {
                let text = frame.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
                serde_json::from_str(text).unwrap()
            })
            .collect();
        let text: String =
            events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(text, "one two  three");
        assert!(events.iter().all(|event| event["id"] == events[0]["id"]));
        assert_eq!(events.last().unwrap()["usage"].is_object(), usage);
        assert_eq!(events[events.len() - 1 - usize::from(usage)]["choices"][0]["finish_reason"], "stop");
    }
}

#[test]
fn a_tool_is_called_when_told_and_its_result_is_repeated() {
    let tools =
        json!({ "tools": [{ "type": "function", "function": { "name": "weather", "parameters": {} } }] });
    let answer = json_of(Operation::Chat, "echo", &echo(tools.clone(), "call weather now"));
    let call = &answer["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(
        (&call["function"]["name"], &call["function"]["arguments"]),
        (&json!("weather"), &json!("{}"))
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");

    let mut body = echo(tools.clone(), "call weather");
    body["messages"].as_array_mut().unwrap().push(json!({ "role": "tool", "content": "sunny" }));
    assert_eq!(json_of(Operation::Chat, "echo", &body)["choices"][0]["message"]["content"], "sunny");

    let answer = json_of(Operation::Chat, "echo", &echo(tools.clone(), "call someone"));
    assert_eq!(answer["choices"][0]["message"]["content"], "call someone");

    let mut body = echo(tools, "call weather");
    body["stream"] = json!(true);
    let (_, frames) = ask(Operation::Chat, "echo", &body);
    assert!(frames[0].contains("\"weather\"") && frames[2].contains("\"tool_calls\"}"), "{frames:?}");
}

#[test]
fn vectors_are_stable_of_length_one_and_close_when_words_are_shared() {
    let input =
        json!({ "input": ["the red cat", "the red dog", "quarterly revenue report"], "dimensions": 256 });
    let answer = json_of(Operation::Embeddings, "embed", &input);
    assert_eq!(answer, json_of(Operation::Embeddings, "embed", &input));
    let vectors: Vec<Vec<f64>> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| serde_json::from_value(entry["embedding"].clone()).unwrap())
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert!((dot(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-5);
    assert!(dot(&vectors[0], &vectors[1]) > 0.5);
    assert!(dot(&vectors[0], &vectors[2]) < 0.3);
    assert_eq!(answer["usage"]["prompt_tokens"], 9);
}

#[test]
fn vectors_can_be_base64_and_inputs_tokens() {
    use base64::Engine;
    let body = json!({ "input": [[1, 2], [3]], "encoding_format": "base64" });
    let answer = json_of(Operation::Embeddings, "embed", &body);
    let text = answer["data"][1]["embedding"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    let expected: Vec<u8> =
        embeddings::vector("3", 64).iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(bytes, expected);
}

#[test]
fn what_it_cannot_do_it_refuses_in_its_dialect() {
    for (operation, model, body, status) in [
        (Operation::Chat, "gpt-5", echo(json!({}), "x"), 404),
        (Operation::Embeddings, "echo", json!({ "input": "x" }), 404),
        (Operation::Chat, "echo", json!({ "messages": 3 }), 400),
        (Operation::Embeddings, "embed", json!({ "input": "x", "dimensions": 0 }), 400),
    ] {
        let (given, frames) = ask(operation, model, &body);
        assert_eq!(given.as_u16(), status);
        let error: Value = serde_json::from_str(&frames[0]).unwrap();
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
}

#[test]
fn it_lists_its_two_models() {
    let cards = Script::answering("").discover(&*built(json!({ "kind": "demo" }))).unwrap();
    assert_eq!(cards.iter().map(|card| card.name.as_str()).collect::<Vec<_>>(), ["echo", "embed"]);
}
