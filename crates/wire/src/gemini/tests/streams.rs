//! Streams written for clients, and streams that are no server-sent events.

use bytes::{Bytes, BytesMut};
use contract::canon::{Citation, Event, Extra, Finish, MediaKind, Native, PartKind, PartStart, ServerTool};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::encode::Encoder;
use super::super::stream::Decoder;
use super::{STREAM, decode, spelled};
use crate::{EncodeOptions, StreamDecoder, StreamEncoder};

fn encode(events: &[Event]) -> Vec<Value> {
    let options =
        EncodeOptions { id: "req".to_owned(), model: "shown".to_owned(), ..EncodeOptions::default() };
    let (mut encoder, mut out) = (Encoder::new(options), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    frames(&out)
}

fn frames(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    let frames = text.split("\r\n\r\n").filter(|frame| !frame.is_empty());
    frames.map(|frame| serde_json::from_str(frame.strip_prefix("data: ").unwrap()).unwrap()).collect()
}

fn start() -> Event {
    Event::Start { id: String::new(), model: "m".to_owned(), created: None, extra: Extra::default() }
}

fn begin(index: u32, part: PartStart) -> Event {
    Event::PartStart { choice: 0, index, part, native: None }
}

fn delta(index: u32, text: &str) -> Event {
    Event::Delta { choice: 0, index, text: text.to_owned() }
}

fn stop(index: u32) -> Event {
    Event::PartStop { choice: 0, index }
}

fn finish(reason: Finish) -> Event {
    Event::Finish { choice: 0, reason, stop_sequence: None }
}

fn call(id: &str) -> PartStart {
    PartStart::ToolCall { id: id.to_owned(), name: "f".to_owned(), custom: false }
}

fn frame(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}], "modelVersion": "shown", "responseId": "req"})
}

#[test]
fn text_goes_out_as_it_comes_and_the_rest_whole() {
    let usage = Usage { input: 3, output: 5, reasoning: 2, ..Usage::default() };
    let written = encode(&[
        start(),
        begin(0, PartStart::Reasoning),
        delta(0, "Hm"),
        stop(0),
        begin(1, PartStart::Text),
        delta(1, "Hal"),
        delta(1, "lo"),
        stop(1),
        // Calls that overlap, as some upstreams send them.
        begin(2, call("a")),
        begin(3, call("b")),
        delta(2, "{\"x\":"),
        delta(3, ""),
        delta(2, " 1}"),
        stop(2),
        stop(3),
        finish(Finish::ToolCalls),
        Event::Usage(usage),
        Event::End,
    ]);
    let expected = [
        frame(&json!([{"text": "Hm", "thought": true}])),
        frame(&json!([{"text": "Hal"}])),
        frame(&json!([{"text": "lo"}])),
        json!({"candidates": [{"content": {"parts": [
            {"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}},
            {"functionCall": {"id": "b", "name": "f", "args": {}}}], "role": "model"}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 8},
            "modelVersion": "shown", "responseId": "req"}),
    ];
    assert_eq!(written, expected);
}

#[test]
fn a_stream_of_text_ends_with_its_reason_and_counts() {
    let written = encode(&[
        start(),
        begin(0, PartStart::Refusal),
        delta(0, "No."),
        stop(0),
        finish(Finish::Refusal),
        Event::End,
    ]);
    assert_eq!(written.len(), 2);
    let last = &written[1]["candidates"][0];
    assert_eq!(last["finishReason"], "SAFETY");
    assert_eq!(last["content"]["parts"], json!([{"text": ""}]));
    assert_eq!(written[1]["usageMetadata"], json!({}));
}

#[test]
fn sound_streams_and_pictures_come_whole() {
    let sound = PartStart::Media { kind: MediaKind::Audio, mime: "audio/pcm".to_owned() };
    let picture = PartStart::Media { kind: MediaKind::Image, mime: "image/png".to_owned() };
    let written = encode(&[
        start(),
        begin(0, sound),
        delta(0, "QUJDRE"),
        delta(0, "VG"),
        stop(0),
        begin(1, picture),
        delta(1, "QU"),
        delta(1, "JD"),
        stop(1),
        finish(Finish::Stop),
        Event::End,
    ]);
    let data = |frame: &Value| frame["candidates"][0]["content"]["parts"][0]["inlineData"]["data"].clone();
    let sent: Vec<Value> = written.iter().map(data).collect();
    assert_eq!(sent, [json!("QUJD"), json!("REVG"), json!("QUJD")]);
}

#[test]
fn sources_and_foreign_code_are_told_at_the_end() {
    let url = Some("https://a".to_owned());
    let citation = Citation { range: Some(1..3), url, ..Citation::default() };
    let code = PartStart::ServerCall { id: "s".to_owned(), tool: ServerTool::Code, name: None };
    let foreign = Native { owner: Dialect::AnthropicMessages, value: json!({"signature": "x"}) };
    let written = encode(&[
        start(),
        begin(0, code),
        delta(0, r#"{"code":"1"}"#),
        stop(0),
        begin(1, PartStart::Text),
        Event::Citation { choice: 0, index: 1, citation },
        delta(1, "äöü"),
        Event::NativeDelta { choice: 0, index: 1, native: foreign },
        stop(1),
        begin(2, PartStart::Native),
        stop(2),
        finish(Finish::Stop),
        Event::End,
    ]);
    assert_eq!(
        written[0]["candidates"][0]["content"]["parts"],
        json!([{"executableCode": {"language": "PYTHON", "code": "1"}}, {"text": "äöü"}])
    );
    assert_eq!(
        written[1]["candidates"][0]["groundingMetadata"],
        json!({"groundingChunks": [{"web": {"uri": "https://a"}}],
            "groundingSupports": [{"segment": {"partIndex": 1, "startIndex": 2, "endIndex": 6}, "groundingChunkIndices": [0]}]})
    );
    assert_eq!(written.len(), 2);
}

#[test]
fn its_own_stream_comes_back() {
    let events = decode(&[STREAM.as_bytes()]).unwrap();
    let (mut encoder, mut out) = (Encoder::new(EncodeOptions::default()), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let again = decode(&[&out]).unwrap();
    assert_eq!(spelled(&again), spelled(&events));
}

#[test]
fn what_only_gemini_says_comes_back() {
    let stream = json!({"candidates": [{"content": {"parts": [{"text": "a"}], "role": "model"}, "finishReason": "RECITATION",
        "index": 0, "avgLogprobs": -1, "groundingMetadata": {"webSearchQueries": ["q"]},
        "logprobsResult": {"chosenCandidates": [{"token": "a", "tokenId": 1, "logProbability": -1}]}}],
        "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1, "trafficType": "ON_DEMAND"}, "createTime": "2025-01-01T00:00:00Z"});
    let events = decode(&[format!("data: {stream}\n\n").as_bytes()]).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::Logprobs { tokens, .. } if tokens.len() == 1)));
    let (mut encoder, mut out) = (Encoder::new(EncodeOptions::default()), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let [first, last] = frames(&out).try_into().unwrap();
    let (own, told) = (&stream["candidates"][0], &last["candidates"][0]);
    for field in ["finishReason", "avgLogprobs", "groundingMetadata", "logprobsResult"] {
        assert_eq!(told[field], own[field], "{field}");
    }
    assert_eq!(last["usageMetadata"], stream["usageMetadata"]);
    assert_eq!(first["createTime"], stream["createTime"]);
}

#[test]
fn a_blocked_prompt_has_no_candidate() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r"});
    let events = decode(&[format!("data: {blocked}\n\n").as_bytes()]).unwrap();
    let [only] = encode(&events).try_into().unwrap();
    assert_eq!((only.get("candidates"), &only["promptFeedback"]), (None, &blocked["promptFeedback"]));
    assert_eq!(decode(&[format!("data: {only}\n\n").as_bytes()]).unwrap().last(), Some(&Event::End));
}

#[test]
fn a_text_that_was_signed_does_not_go_on() {
    let frame = |part: &str| {
        format!(
            "data: {{\"candidates\":[{{\"index\":0,\"content\":{{\"role\":\"model\",\"parts\":[{part}]}}}}]}}\n\n"
        )
    };
    let stream = [
        frame(r#"{"text":"O"}"#),
        frame(r#"{"text":"ne","thoughtSignature":"QUFB"}"#),
        frame(r#"{"text":"two","thoughtSignature":"QkJC"}"#),
        "data: {\"candidates\":[{\"index\":0,\"finishReason\":\"STOP\"}]}\n\n".to_owned(),
    ];
    let (mut decoder, mut events) = (crate::decoder(Dialect::GeminiGenerate).unwrap(), Vec::new());
    decoder.push(&Bytes::from(stream.concat()), &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    let mut gather = crate::Gather::default();
    events.into_iter().for_each(|event| gather.push(event));
    let reply = gather.finish();
    let parts: Vec<_> = reply.choices[0]
        .parts
        .iter()
        .map(|part| {
            let PartKind::Text(text) = &part.kind else { panic!("{part:?}") };
            (text.as_str(), part.native.as_ref().unwrap().value["thoughtSignature"].as_str().unwrap())
        })
        .collect();
    assert_eq!(parts, [("One", "QUFB"), ("two", "QkJC")]);
}

#[test]
fn failures_end_the_stream_as_google_reports_them() {
    let error = Event::Error { kind: Some("overloaded_error".to_owned()), message: "busy".to_owned() };
    let written =
        encode(&[start(), begin(0, PartStart::Text), delta(0, "a"), error, delta(0, "b"), Event::End]);
    assert_eq!(written[1..], [json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}})]);
    let (mut encoder, mut out) = (Encoder::new(EncodeOptions::default()), BytesMut::new());
    encoder.fail(&Fault::new(Code::UpstreamInterrupted), &mut out);
    encoder.fail(&Fault::new(Code::Internal), &mut out);
    let [only] = frames(&out).try_into().unwrap();
    assert!(only["error"]["status"].is_string());
    assert!(matches!(decode(&[&out]).unwrap()[..], [Event::Error { .. }]));
}

#[test]
fn what_is_held_is_bounded() {
    let mut events = vec![start(), begin(0, call("a"))];
    events.extend((0..10).map(|_| delta(0, &"x".repeat(1 << 20))));
    let written = encode(&events);
    assert_eq!(written.last().unwrap()["error"]["status"], "INTERNAL");
}

#[test]
fn an_array_reads_as_events_do_however_it_is_cut() {
    let frames: Vec<&str> = STREAM.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let whole = decode(&[STREAM.as_bytes()]).unwrap();
    let array = format!("[{}\n]\n", frames.join("\n,\r\n"));
    let bytes = array.as_bytes();
    for at in 0..=bytes.len() {
        assert_eq!(decode(&[&bytes[..at], &bytes[at..]]).unwrap(), whole, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(decode(&single).unwrap(), whole);
    for at in 0..bytes.len() - 4 {
        assert!(decode(&[&bytes[..at]]).is_err(), "torn at {at}");
    }
    let odd =
        decode(&[br#"[{"candidates":[{"content":{"parts":[{"text":"}\\\"{"}]},"finishReason":"STOP"}]}]"#])
            .unwrap();
    assert_eq!(spelled(&odd)[2], r#"0 }\"{"#);
    assert!(decode(&[b"[{}, oops {}]"]).is_err());
    let error =
        decode(&[br#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#]).unwrap();
    assert!(matches!(&error[..], [Event::Error { kind: Some(kind), .. }] if kind == "RESOURCE_EXHAUSTED"));
}

#[test]
fn a_frame_without_end_is_bounded() {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    let piece = Bytes::from("{\"a\":\"".to_owned() + &"x".repeat(4 << 20));
    let result = (0..20).try_for_each(|_| decoder.push(&piece, &mut events));
    assert!(result.is_err());
}

/// What streams are made of, good and bad.
const SHREDS: &[&str] = &[
    "data: ",
    "\r\n\r\n",
    "\n",
    "[",
    "]",
    ",",
    "{\"candidates\":[{\"index\":1,",
    "\"content\":{\"parts\":[",
    "{\"text\":\"ö\"}",
    "{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}",
    "{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a[3]\",\"stringValue\":\"x\"}]}}",
    "{\"executableCode\":{\"code\":1}}",
    "{\"fileData\":{\"fileUri\":\"x\"}}",
    "]},",
    "\"finishReason\":\"STOP\",\"groundingMetadata\":{\"groundingSupports\":[{\"segment\":{\"endIndex\":9},\"groundingChunkIndices\":[0,7]}]}",
    "}]}",
    "}",
    "\\",
    "\"",
    "null",
];

proptest! {
    #[test]
    fn any_stream_reads_the_same_however_it_is_cut(
        shreds in proptest::collection::vec(proptest::sample::select(SHREDS), 0..40),
        at in any::<proptest::sample::Index>(),
    ) {
        let stream = shreds.concat();
        let at = at.index(stream.len() + 1);
        let whole = decode(&[stream.as_bytes()]);
        prop_assert_eq!(&decode(&[&stream.as_bytes()[..at], &stream.as_bytes()[at..]]), &whole);
        if let Ok(events) = whole {
            encode(&events);
        }
    }

    #[test]
    fn any_request_is_read_or_refused(shreds in proptest::collection::vec(proptest::sample::select(SHREDS), 0..20)) {
        let body = format!("{{\"contents\":[{{\"parts\":[{}]}}]}}", shreds.concat());
        let _read = super::super::read::read_chat(body.as_bytes());
    }
}
