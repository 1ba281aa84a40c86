//! Prompts and scripts, predictions, streams cut anywhere.

use bytes::BytesMut;
use contract::Code;
use contract::canon::{
    Event, Finish, MediaKind, MediaSource, Message, Part, PartKind, Provenance, Role, Sampling,
};
use serde_json::{Value, json};

use super::*;

fn turn(role: Role, text: &str) -> Message {
    Message::new(role, vec![Part::text(text, Provenance::User)])
}

fn written(request: &Request) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = Dialog.write_request(request, &Quirks::default(), &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

#[test]
fn one_turn_is_the_prompt_and_several_are_a_script() {
    let system = turn(Role::System, "be brief");
    let one = Request { messages: vec![system, turn(Role::User, "hi")], stream: true, ..Request::default() };
    let expected = json!({ "input": { "prompt": "hi", "system_prompt": "be brief" }, "stream": true });
    assert_eq!(written(&one), (expected, String::new()));
    let messages = vec![turn(Role::User, "a"), turn(Role::Assistant, "b"), turn(Role::User, "c")];
    let several = Request { messages, ..Request::default() };
    let script = "User: a\n\nAssistant: b\n\nUser: c\n\nAssistant:";
    assert_eq!(written(&several).0, json!({ "input": { "prompt": script } }));
}

#[test]
fn settings_are_inputs_and_losses_are_noted() {
    let sampling = Sampling {
        temperature: Some(0.5),
        stop: vec!["END".to_owned(), "a,b".to_owned()],
        logprobs: Some(true),
        ..Sampling::default()
    };
    let request = Request {
        model: "openai/gpt-x".to_owned(),
        messages: vec![turn(Role::User, "hi")],
        sampling,
        max_output: Some(9),
        user: Some("u".to_owned()),
        ..Request::default()
    };
    let (body, lost) = written(&request);
    let expected = json!({ "input": { "prompt": "hi", "max_completion_tokens": 9, "temperature": 0.5,
        "stop_sequences": "END" } });
    assert_eq!(body, expected);
    for field in ["logprobs", "user", "stop"] {
        assert!(lost.contains(field), "{lost}");
    }
}

#[test]
fn what_a_text_cannot_say_is_refused() {
    let image =
        PartKind::Media { kind: MediaKind::Image, source: MediaSource::Url("https://a.test/b".to_owned()) };
    let message = Message::new(Role::User, vec![Part::new(image, Provenance::User)]);
    let request = Request { messages: vec![message], ..Request::default() };
    let fault = Dialog.write_request(&request, &Quirks::default(), &mut Receipt::default()).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("messages[0].content[0]")));
    let empty = Request::default();
    assert!(Dialog.write_request(&empty, &Quirks::default(), &mut Receipt::default()).is_err());
}

#[test]
fn requests_come_back_as_they_were() {
    for body in [
        json!({ "input": { "prompt": "hi" } }),
        json!({ "input": { "prompt": "hi", "system_prompt": "s", "max_tokens": 5, "temperature": 0.1, "top_p": 0.5,
            "top_k": 3, "frequency_penalty": 0.25, "presence_penalty": 0.5, "seed": 7, "stop_sequences": "a,b",
            "prompt_template": "{prompt}" }, "stream": true, "webhook": "https://a.test" }),
    ] {
        let request = Dialog.read_request(body.to_string().as_bytes()).unwrap();
        assert_eq!(written(&request), (body, String::new()));
    }
    assert_eq!(Dialog.read_request(b"{\"input\":{}}").unwrap_err().param(), Some("input.prompt"));
}

#[test]
fn replies_are_read_and_written() {
    let body = json!({ "id": "p-1", "model": "meta/llama", "status": "succeeded", "output": ["a", "b"], "error": null,
        "metrics": { "input_token_count": 3, "output_token_count": 2, "predict_time": 0.1 } });
    let reply = Dialog.read_reply(body.to_string().as_bytes()).unwrap();
    assert_eq!(reply.choices[0].parts[0].kind, PartKind::Text("ab".to_owned()));
    let usage = reply.usage.unwrap();
    assert_eq!((usage.input, usage.output), (3, 2));
    let again = Dialog.write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    assert_eq!(Dialog.read_reply(&again).unwrap(), reply);
    let failed =
        Dialog.read_reply(br#"{"status":"failed","output":null,"error":"out of memory"}"#).unwrap_err();
    assert!(failed.reason.contains("out of memory"), "{failed}");
}

const STREAM: &str = "event: output\nid: 1:0\ndata: Hi\n\nevent: logs\ndata: x\n\n: keep\n\nevent: output\ndata:  the\ndata: re\n\nevent: done\ndata: {}\n\n";

fn decoded(stream: &str, cut: usize) -> Result<Vec<Event>, WireError> {
    let (mut decoder, mut events) = (Dialog.decoder(), Vec::new());
    let (head, tail) = stream.as_bytes().split_at(cut);
    for piece in [head, tail] {
        decoder.push(&Bytes::copy_from_slice(piece), &mut events)?;
    }
    decoder.finish(&mut events)?;
    Ok(events)
}

#[test]
fn streams_mean_the_same_however_they_are_cut() {
    let whole = decoded(STREAM, 0).unwrap();
    let text: String = whole
        .iter()
        .filter_map(|event| match event {
            Event::Delta { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(text, "Hi the\nre");
    assert_eq!(
        whole[whole.len() - 2..],
        [Event::Finish { choice: 0, reason: Finish::Stop, stop_sequence: None }, Event::End,]
    );
    for cut in 0..STREAM.len() {
        assert_eq!(decoded(STREAM, cut).unwrap(), whole, "{cut}");
    }
    assert!(decoded("event: output\ndata: Hi\n\n", 3).is_err(), "it broke off");
}

#[test]
fn streams_say_when_they_fail() {
    for (stream, message) in [
        (
            "event: error\ndata: {\"detail\": \"no GPU\"}\n\nevent: done\ndata: {\"reason\": \"error\"}\n\n",
            "no GPU",
        ),
        ("event: done\ndata: {\"reason\": \"canceled\"}\n\n", "The prediction ended early: canceled."),
    ] {
        let events = decoded(stream, 0).unwrap();
        assert!(matches!(&events[..], [Event::Error { message: said, .. }] if said == message), "{events:?}");
    }
}

#[test]
fn what_is_encoded_can_be_decoded() {
    let events = decoded(STREAM, 0).unwrap();
    let (mut encoder, mut out) = (Dialog.encoder(EncodeOptions::default()), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert_eq!(decoded(&text, 0).unwrap(), events);
    encoder.fail(&Fault::new(Code::Internal), &mut out);
    assert_eq!(out.len(), text.len(), "nothing follows the end");
}
