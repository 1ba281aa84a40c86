//! Requests and answers of legacy completions both ways, streams under every cut, and what cannot be carried.

use bytes::BytesMut;
use contract::Code;
use contract::canon::{Answered, Asked, Event};
use contract::words::Usage;
use serde_json::{Value, json};

use super::*;
use crate::hub;

fn read(dialect: Dialect, body: &Value) -> Result<Request, Fault> {
    match hub::read_request(dialect, body.to_string().as_bytes())? {
        Asked::Chat(request) => Ok(*request),
        other => panic!("{other:?}"),
    }
}

fn write(dialect: Dialect, request: &Request) -> Result<(Value, String), Fault> {
    let mut receipt = Receipt::default();
    let asked = Asked::Chat(Box::new(request.clone()));
    let accepts: &'static [&'static str] = if dialect == DIALECT { &["top_k"] } else { &[] };
    let quirks = Quirks { accepts, ..Quirks::default() };
    let bytes = hub::write_request(dialect, &asked, &quirks, &mut receipt)?;
    Ok((serde_json::from_slice(&bytes).unwrap(), receipt.to_string()))
}

#[test]
fn requests_come_back() {
    for prompt in [json!("a"), json!(["a"]), json!(["a", "b"]), json!([1, 2]), json!([[1], [2, 3]])] {
        let body = json!({"model": "m", "prompt": prompt, "max_tokens": 9, "temperature": 0.5, "top_p": 0.5,
            "top_k": 3, "frequency_penalty": 0.1, "presence_penalty": 0.2, "seed": 1, "stop": ["x"], "n": 2,
            "logprobs": 0, "user": "u", "stream": true, "stream_options": {"include_usage": true}, "suffix": "s",
            "echo": true, "best_of": 3, "logit_bias": {"1": 2}});
        let written = write(DIALECT, &read(DIALECT, &body).unwrap()).unwrap();
        assert_eq!(written, (body, String::new()));
    }
    let body = json!({"model": "m", "prompt": "a", "logprobs": true});
    assert_eq!(write(DIALECT, &read(DIALECT, &body).unwrap()).unwrap().0, body);
}

#[test]
fn requests_that_make_no_sense_name_the_field() {
    for (body, param) in [
        (json!({"prompt": "a"}), "model"),
        (json!({"model": "m"}), "prompt"),
        (json!({"model": "m", "prompt": []}), "prompt"),
        (json!({"model": "m", "prompt": {}}), "prompt"),
        (json!({"model": "m", "prompt": ["a", {}]}), "prompt[1]"),
        (json!({"model": "m", "prompt": "a", "logprobs": "x"}), "logprobs"),
        (json!({"model": "m", "prompt": "a", "stop": 1}), "stop"),
    ] {
        assert_eq!(read(DIALECT, &body).unwrap_err().param(), Some(param));
    }
}

#[test]
fn an_answer_in_the_form_of_a_chat_is_a_completion() {
    let body = json!({"id": "i", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}});
    let reply = Dialog.read_reply(body.to_string().as_bytes()).unwrap();
    let written = Dialog.write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!((&written["object"], &written["choices"][0]["text"]), (&json!(OBJECT), &json!("ab")));
    let frame = |delta: Value, end: Value| {
        json!({"id": "i", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}]})
    };
    let frames = [
        frame(json!({"role": "assistant", "content": "a"}), Value::Null),
        frame(json!({"content": [{"type": "text", "text": "b"}]}), json!("length")),
    ];
    let sent: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    let (mut decoder, mut events) = (Dialog.decoder(), Vec::new());
    decoder.push(&Bytes::from(sent + "data: [DONE]\n\n"), &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    let said: String = events
        .iter()
        .filter_map(|event| if let Event::Delta { text, .. } = event { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(said, "ab");
    assert!(events.iter().any(|event| matches!(event, Event::Finish { reason: Finish::Length, .. })));
}

#[test]
fn a_prompt_is_what_the_user_says() {
    let body = json!({"model": "m", "prompt": "Say hello", "max_tokens": 5, "logprobs": 2, "echo": true, "best_of": 2});
    let (written, dropped) = write(Dialect::OpenaiChat, &read(DIALECT, &body).unwrap()).unwrap();
    assert_eq!(
        written,
        json!({"model": "m", "messages": [{"role": "user", "content": "Say hello"}], "max_completion_tokens": 5,
            "logprobs": true, "top_logprobs": 2})
    );
    assert_eq!(dropped, "best_of, echo");
}

#[test]
fn an_answer_begins_with_its_prompt_where_that_is_asked_for() {
    let body = json!({"model": "m", "prompt": "Say ", "echo": true});
    let request = read(DIALECT, &body).unwrap();
    let (written, dropped) = write(Dialect::OpenaiChat, &request).unwrap();
    assert_eq!((written["messages"][0]["content"].as_str(), dropped.as_str()), (Some("Say "), ""));
    assert_eq!(write(DIALECT, &request).unwrap().0["echo"], true);
    let asked = Asked::Chat(Box::new(request));
    assert_eq!(super::echoed(&asked, DIALECT), None);
    let echo = super::echoed(&asked, Dialect::OpenaiChat);
    assert_eq!(echo.as_deref(), Some("Say "));
    for silent in [json!({"model": "m", "prompt": "a", "echo": false}), json!({"model": "m", "prompt": "a"})]
    {
        let request = read(DIALECT, &silent).unwrap();
        assert_eq!(write(Dialect::OpenaiChat, &request).unwrap().1, "");
        assert_eq!(super::echoed(&Asked::Chat(Box::new(request)), Dialect::OpenaiChat), None);
    }
    let options = EncodeOptions { echo, ..EncodeOptions::default() };
    let two = json!({"choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "b"}]});
    let answer = hub::write_reply(DIALECT, &reply(&two), &options, &mut Receipt::default()).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        (&answer["choices"][0]["text"], &answer["choices"][1]["text"]),
        (&json!("Say a"), &json!("Say b"))
    );

    let (mut encoder, mut out) = (hub::encoder(DIALECT, options).unwrap(), BytesMut::new());
    for (choice, index, text) in [(0, 0, "a"), (1, 0, "b"), (0, 0, "c")] {
        encoder.write(&Event::Delta { choice, index, text: text.to_owned() }, &mut out);
    }
    encoder.write(&Event::Finish { choice: 2, reason: Finish::Stop, stop_sequence: None }, &mut out);
    let frames = String::from_utf8(out.to_vec()).unwrap();
    let told: Vec<(u64, String)> = frames
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .map(|frame| {
            let choice = &frame["choices"][0];
            (choice["index"].as_u64().unwrap(), choice["text"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [(0, "Say "), (0, "a"), (1, "Say "), (1, "b"), (0, "c"), (2, "Say "), (2, "")];
    assert_eq!(told, expected.map(|(at, text)| (at, text.to_owned())));
}

#[test]
fn several_prompts_and_tokens_are_not_translated() {
    for prompt in [json!(["a", "b"]), json!([1, 2])] {
        let request = read(DIALECT, &json!({"model": "m", "prompt": prompt})).unwrap();
        for target in [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::GeminiGenerate] {
            let fault = write(target, &request).unwrap_err();
            let asked = Asked::Chat(Box::new(request.clone()));
            let fault = crate::place_fault(DIALECT, &asked, fault);
            assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("prompt")));
        }
    }
}

#[test]
fn a_question_becomes_a_prompt_and_a_conversation_does_not() {
    let mut body = json!({"model": "m", "messages": [{"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say hello"}], "max_tokens": 5, "top_k": 3, "reasoning_effort": "low",
        "tools": [{"type": "function", "function": {"name": "f"}}], "response_format": {"type": "json_object"}});
    let (written, dropped) = write(DIALECT, &read(Dialect::OpenaiChat, &body).unwrap()).unwrap();
    assert_eq!(
        written,
        json!({"model": "m", "prompt": "Be brief.\n\nSay hello", "max_tokens": 5,
        "top_k": 3})
    );
    assert_eq!(dropped, "tools, response_format, reasoning_effort");
    body["messages"][0]["role"] = json!("assistant");
    let fault = write(DIALECT, &read(Dialect::OpenaiChat, &body).unwrap()).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("messages[0]")));
}

fn reply(body: &Value) -> Answered {
    hub::read_reply(DIALECT, body.to_string().as_bytes()).unwrap()
}

fn rewritten(dialect: Dialect, answered: &Answered) -> Value {
    let mut receipt = Receipt::default();
    let bytes = hub::write_reply(dialect, answered, &EncodeOptions::default(), &mut receipt).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn whole() -> Value {
    json!({"id": "cmpl-1", "object": "text_completion", "created": 9, "model": "m", "choices": [
        {"text": "Hé!", "index": 0, "finish_reason": "length", "logprobs": {"tokens": ["Hé", "!"],
            "token_logprobs": [-0.5, -1.0], "top_logprobs": [{"Hé": -0.5, "Ho": -2.0}, {"!": -1.0}],
            "text_offset": [4, 6]}},
        {"text": "", "index": 1, "finish_reason": "stop", "logprobs": null, "seed": 5}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}},
        "system_fingerprint": "fp"})
}

#[test]
fn replies_come_back() {
    assert_eq!(rewritten(DIALECT, &reply(&whole())), whole());
    let mut odd = whole();
    odd["object"] = json!("text.completion");
    odd["choices"][0]["logprobs"]["token_logprobs"][0] = Value::Null;
    assert_eq!(rewritten(DIALECT, &reply(&odd)), odd);
    odd["choices"][0]["finish_reason"] = json!("abort");
    assert_eq!(rewritten(DIALECT, &reply(&odd)), odd);
    let foreign = rewritten(Dialect::OpenaiChat, &reply(&odd));
    assert_eq!(
        foreign["choices"][0]["finish_reason"],
        json!("stop"),
        "typed clients read OpenAI's words only"
    );
    for body in [r#"{"error":{"message":"x"}}"#, "{}", "[]", r#"{"choices":[{"text":1}]}"#] {
        assert!(hub::read_reply(DIALECT, body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn replies_change_places_with_those_of_chats() {
    let chat = rewritten(Dialect::OpenaiChat, &reply(&whole()));
    assert_eq!(chat["choices"][0]["message"]["content"], json!("Hé!"));
    assert_eq!(chat["choices"][0]["finish_reason"], json!("length"));
    let body = json!({"id": "c", "model": "m", "created": 1, "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}}]});
    let answered = hub::read_reply(Dialect::OpenaiChat, body.to_string().as_bytes()).unwrap();
    let mut receipt = Receipt::default();
    let bytes = hub::write_reply(DIALECT, &answered, &EncodeOptions::default(), &mut receipt).unwrap();
    let written: Value = serde_json::from_slice(&bytes).unwrap();
    let choice = json!({"text": "Hi", "index": 0, "logprobs": null, "finish_reason": "stop"});
    assert_eq!(written["choices"], json!([choice]));
    assert_eq!(receipt.to_string(), "choices[0].content[0]");
}

const STREAM: &str = concat!(
    "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":9,\"choices\":[{\"text\":\"Hé\",\"index\":0,\"logprobs\":{\"tokens\":[\"Hé\"],\"token_logprobs\":[-0.5],\"top_logprobs\":null,\"text_offset\":[0]},\"finish_reason\":null}],\"model\":\"m\",\"usage\":null}\n\n",
    "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":9,\"choices\":[{\"text\":\"other\",\"index\":1,\"logprobs\":null,\"finish_reason\":\"stop\"}],\"model\":\"m\",\"usage\":null}\n\n",
    "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":9,\"choices\":[{\"text\":\"!\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"length\"}],\"model\":\"m\",\"usage\":null}\n\n",
    "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":9,\"choices\":[],\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n",
    "data: [DONE]\n\n",
);

fn decode(chunks: &[&[u8]]) -> Result<Vec<Event>, WireError> {
    let (mut decoder, mut events) = (hub::decoder(DIALECT).unwrap(), Vec::new());
    for chunk in chunks {
        decoder.push(&Bytes::copy_from_slice(chunk), &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

fn encode(events: &[Event], usage: bool) -> String {
    let options = EncodeOptions { usage, asked: "asked".to_owned(), ..EncodeOptions::default() };
    let (mut encoder, mut out) = (hub::encoder(DIALECT, options).unwrap(), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    String::from_utf8(out.to_vec()).unwrap()
}

fn text(events: &[Event], number: u32) -> String {
    let deltas = events.iter().filter_map(|event| match event {
        Event::Delta { choice, text, .. } if *choice == number => Some(text.as_str()),
        _ => None,
    });
    deltas.collect()
}

#[test]
fn a_servers_own_members_and_reason_come_last_in_a_stream() {
    let stream = concat!(
        "data: {\"id\":\"c\",\"choices\":[{\"text\":\"a\",\"index\":0,\"stop_reason\":null,\"seed\":5}]}\n\n",
        "data: {\"id\":\"c\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"abort\",\"stop_reason\":7}]}\n\n",
        "data: [DONE]\n\n",
    );
    let written = encode(&decode(&[stream.as_bytes()]).unwrap(), false);
    let last = "\"index\":0,\"logprobs\":null,\"finish_reason\":\"abort\",\"seed\":5,\"stop_reason\":7}]}\n\ndata: [DONE]";
    assert!(written.contains(last), "{written}");
}

#[test]
fn streams_are_read_the_same_under_every_cut_and_come_back() {
    let bytes = STREAM.as_bytes();
    let events = decode(&[bytes]).unwrap();
    assert_eq!((text(&events, 0).as_str(), text(&events, 1).as_str()), ("Hé!", "other"));
    let finish = |choice, reason| Event::Finish { choice, reason, stop_sequence: None };
    assert!(events.contains(&finish(0, Finish::Length)) && events.contains(&finish(1, Finish::Stop)));
    assert!(events.contains(&Event::Usage(Usage { input: 3, output: 2, ..Usage::default() })));
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Logprobs { .. })).count(), 1);
    assert_eq!(events.last(), Some(&Event::End));
    for at in 0..=bytes.len() {
        assert_eq!(decode(&[&bytes[..at], &bytes[at..]]).unwrap(), events, "cut at {at}");
    }
    let again = encode(&events, true);
    assert!(again.ends_with("data: [DONE]\n\n") && again.contains("\"usage\":{"), "{again}");
    assert_eq!(decode(&[again.as_bytes()]).unwrap(), events);
    let silent = encode(&events, false);
    assert!(!silent.contains("usage"), "{silent}");
    assert!(decode(&[&bytes[..STREAM.find("data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":9,\"choices\":[{\"text\":\"!\"").unwrap()]]).is_err());
}

#[test]
fn frames_of_nothing_but_text_are_read_too() {
    let stream = "data: {\"value\":\"a\"}\n\ndata: {\"value\":\" b\"}\n\n";
    let events = decode(&[stream.as_bytes()]).unwrap();
    assert_eq!((text(&events, 0).as_str(), events.last()), ("a b", Some(&Event::End)));
    let mut watch = crate::watch(DIALECT, false).unwrap();
    let mut out = std::collections::VecDeque::new();
    watch.feed(Bytes::from_static(stream.as_bytes()), &mut out);
    watch.finish(&mut out);
    assert_eq!(
        (watch.seen().complete(), watch.seen().output.text, watch.seen().content_started),
        (true, 3, true)
    );
}

#[test]
fn what_passes_is_read_and_stripped_as_in_chats() {
    for strip in [false, true] {
        let mut watch = crate::watch(DIALECT, strip).unwrap();
        let mut out = std::collections::VecDeque::new();
        watch.feed(Bytes::from_static(STREAM.as_bytes()), &mut out);
        watch.finish(&mut out);
        let sent: Vec<u8> = out.iter().flatten().copied().collect();
        let sent = String::from_utf8(sent).unwrap();
        assert_eq!(watch.seen().usage, Some(Usage { input: 3, output: 2, ..Usage::default() }));
        assert_eq!((watch.seen().complete(), watch.seen().ended, watch.seen().output.text), (true, true, 9));
        assert_eq!(sent.contains("usage"), !strip, "{sent}");
        assert_eq!(sent == STREAM, !strip);
    }
    let facts = crate::reply_facts(DIALECT, br#"{"model":"m","choices":[{"text":"abc"}]}"#).unwrap();
    assert_eq!((facts.usage, facts.output_bytes, facts.model.as_deref()), (None, 3, Some("m")));
}

#[test]
fn thoughts_and_calls_have_no_place_in_a_stream() {
    let part = |index, part| Event::PartStart { choice: 0, index, part, native: None };
    let delta = |index, text: &str| Event::Delta { choice: 0, index, text: text.to_owned() };
    let call = contract::canon::PartStart::ToolCall { id: "c".into(), name: "f".into(), custom: false };
    let events = [
        part(0, contract::canon::PartStart::Reasoning),
        delta(0, "hm"),
        Event::PartStop { choice: 0, index: 0 },
        part(1, contract::canon::PartStart::Text),
        delta(1, "Hi"),
        part(2, call),
        delta(2, "{}"),
        Event::Finish { choice: 0, reason: Finish::ToolCalls, stop_sequence: None },
        Event::End,
    ];
    let out = encode(&events, false);
    assert_eq!(out.matches("data: {").count(), 2, "{out}");
    assert!(out.contains("\"model\":\"asked\"") && out.contains("\"text\":\"Hi\""), "{out}");
}

#[test]
fn failures_end_a_stream_without_done() {
    let stream = "data: {\"choices\":[{\"text\":\"a\",\"index\":0}]}\n\ndata: {\"error\":{\"message\":\"broke\",\"type\":\"server_error\"}}\n\n";
    let events = decode(&[stream.as_bytes()]).unwrap();
    let error = Event::Error { kind: Some("server_error".to_owned()), message: "broke".to_owned() };
    assert_eq!(events.last(), Some(&error));
    let out = encode(&events, true);
    assert!(out.contains("broke") && !out.contains("[DONE]"), "{out}");
    let (mut encoder, mut out) = (hub::encoder(DIALECT, EncodeOptions::default()).unwrap(), BytesMut::new());
    encoder.fail(&Code::UpstreamInterrupted.into(), &mut out);
    encoder.write(&Event::End, &mut out);
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.starts_with("data: {\"error\":") && !text.contains("[DONE]"), "{text}");
}
