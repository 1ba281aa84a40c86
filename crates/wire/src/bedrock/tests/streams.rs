//! Streams: cut at every byte, torn, failing, interleaved; and the envelope of Claude's own.

use super::*;

fn every_frame() -> Vec<(&'static str, Value)> {
    let start =
        |index: u32, start: Value| ("contentBlockStart", json!({"contentBlockIndex": index, "start": start}));
    let stop = |index: u32| ("contentBlockStop", json!({"contentBlockIndex": index}));
    vec![
        ("messageStart", json!({"role": "assistant"})),
        delta(0, &json!({"reasoningContent": {"text": "H"}})),
        delta(0, &json!({"reasoningContent": {"text": "m."}})),
        delta(0, &json!({"reasoningContent": {"signature": "sig"}})),
        stop(0),
        delta(1, &json!({"reasoningContent": {"redactedContent": "b3BhcXVl"}})),
        stop(1),
        delta(2, &json!({"text": "It"})),
        delta(2, &json!({"citation": {"title": "t", "location": {"documentChunk": {"start": 0, "end": 1}}}})),
        delta(2, &json!({"text": " is."})),
        stop(2),
        start(
            3,
            json!({"toolUse": {"toolUseId": "s", "name": "nova_code_interpreter", "type": "server_tool_use"}}),
        ),
        delta(3, &json!({"toolUse": {"input": "{}"}})),
        stop(3),
        start(
            4,
            json!({"toolResult": {"toolUseId": "s", "type": "nova_code_interpreter_result", "status": "success"}}),
        ),
        delta(4, &json!({"toolResult": [{"json": {"out": 1}}]})),
        stop(4),
        start(5, json!({"image": {"format": "png"}})),
        delta(5, &json!({"image": {"source": {"bytes": "QUJD"}}})),
        stop(5),
        start(6, json!({"image": {"format": "png", "more": 1}})),
        delta(6, &json!({"image": {"source": {"s3Location": {"uri": "s3://b/k.png"}}}})),
        delta(6, &json!({"image": {"error": {"message": "m"}}})),
        stop(6),
        start(7, json!({"novel": {"kind": "k"}})),
        delta(7, &json!({"novel": {"piece": "p"}})),
        stop(7),
        delta(8, &json!({"unheard": {"of": 1}})),
        stop(8),
        start(9, json!({"toolUse": {"toolUseId": "t", "name": "f"}})),
        delta(9, &json!({"toolUse": {"input": "{\"a\":"}})),
        delta(9, &json!({"toolUse": {"input": "1}"}})),
        stop(9),
        (
            "messageStop",
            json!({"stopReason": "malformed_model_output", "additionalModelResponseFields": {"x": null}}),
        ),
        (
            "metadata",
            json!({"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "cacheReadInputTokens": 0},
            "metrics": {"latencyMs": 5}, "trace": {"t": 1}}),
        ),
    ]
}

#[test]
fn a_stream_is_the_same_however_it_is_cut_and_comes_back() {
    let bytes = stream(&every_frame());
    let events = decode(&bytes).unwrap();
    for at in 0..bytes.len() {
        let (mut decoder, mut again) = (Decoder::default(), Vec::new());
        decoder.push(&bytes.slice(..at), &mut again).unwrap();
        decoder.push(&bytes.slice(at..), &mut again).unwrap();
        decoder.finish(&mut again).unwrap();
        assert_eq!(again, events, "{at}");
    }
    let mut encoder = Encoder::default();
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let sent: Vec<(String, Value)> =
        every_frame().into_iter().map(|(name, payload)| (name.to_owned(), payload)).collect();
    assert_eq!(frames(&out), sent);
}

#[test]
fn a_torn_or_wrong_stream_is_told() {
    let whole = every_frame();
    let torn = stream(&whole[..whole.len() - 2]);
    assert!(decode(&torn).is_err());
    let all = stream(&whole);
    assert!(decode(&all.slice(..all.len() - 1)).is_err());
    assert!(decode(&Bytes::from_static(b"HTTP/1.1 200 OK, hello there")).is_err());
    for wrong in [
        vec![delta(0, &json!({"toolUse": {"input": "x"}}))],
        vec![("contentBlockDelta", json!({"contentBlockIndex": "x", "delta": {}}))],
        vec![("contentBlockStart", json!({"start": {"toolUse": {}}}))],
        vec![delta(0, &json!({"toolResult": [{"text": "x"}]}))],
    ] {
        assert!(decode(&stream(&wrong)).is_err(), "{wrong:?}");
    }
    // Without metadata the answer is complete all the same, and blocks that never began may end.
    let short = [
        ("messageStart", json!({})),
        ("contentBlockStop", json!({"contentBlockIndex": 9})),
        ("messageStop", json!({"stopReason": "end_turn"})),
    ];
    assert_eq!(decode(&stream(&short)).unwrap().last(), Some(&Event::End));
}

#[test]
fn failures_in_a_stream_are_read_and_written() {
    let mut bytes = BytesMut::from(&stream(&every_frame()[..2])[..]);
    write_message(MessageKind::Exception("throttlingException"), b"{\"message\":\"slow\"}", &mut bytes);
    let events = decode(&bytes.freeze()).unwrap();
    let error = Event::Error { kind: Some("throttlingException".to_owned()), message: "slow".to_owned() };
    assert_eq!(events.last(), Some(&error));
    for (kind, name) in [
        (Some("throttlingException"), "throttlingException"),
        (Some("overloaded_error"), "serviceUnavailableException"),
        (Some("api_error"), "internalServerException"),
        (None, "modelStreamErrorException"),
    ] {
        let mut out = BytesMut::new();
        let error = Event::Error { kind: kind.map(str::to_owned), message: "m".to_owned() };
        Encoder::default().write(&error, &mut out);
        assert_eq!(frames(&out), [(name.to_owned(), json!({"message": "m"}))]);
    }
    let (mut encoder, mut out) = (Encoder::default(), BytesMut::new());
    encoder.fail(&Fault::new(Code::Overloaded), &mut out);
    encoder.write(&Event::End, &mut out);
    assert_eq!(frames(&out)[0].0, "serviceUnavailableException");
    assert_eq!(frames(&out).len(), 1);
}

#[test]
fn interleaved_calls_are_written_one_after_the_other() {
    let start = |index: u32| Event::PartStart {
        choice: 0,
        index,
        part: PartStart::ToolCall { id: format!("t{index}"), name: "f".to_owned(), custom: false },
        native: None,
    };
    let text = |index: u32, text: &str| Event::Delta { choice: 0, index, text: text.to_owned() };
    let stop = |index: u32| Event::PartStop { choice: 0, index };
    let events = [
        Event::PartStart { choice: 0, index: 0, part: PartStart::Text, native: None },
        stop(0),
        start(1),
        start(2),
        text(2, "b"),
        text(1, "a"),
        stop(2),
        stop(1),
        Event::End,
    ];
    let (mut encoder, mut out) = (Encoder::default(), BytesMut::new());
    events.iter().for_each(|event| encoder.write(event, &mut out));
    let found: Vec<(String, Value)> = frames(&out);
    let order: Vec<(&str, &Value)> =
        found.iter().map(|(name, payload)| (name.as_str(), &payload["contentBlockIndex"])).collect();
    let (one, two, none) = (json!(1), json!(2), Value::Null);
    assert_eq!(
        order,
        [
            ("messageStart", &none),
            ("contentBlockStart", &one),
            ("contentBlockDelta", &one),
            ("contentBlockStop", &one),
            ("contentBlockStart", &two),
            ("contentBlockDelta", &two),
            ("contentBlockStop", &two),
            ("messageStop", &none),
            ("metadata", &none),
        ]
    );
    // What waits is bounded.
    let (mut encoder, mut out) = (Encoder::default(), BytesMut::new());
    encoder.write(&start(1), &mut out);
    encoder.write(&start(2), &mut out);
    for _ in 0..9 {
        encoder.write(&text(2, &"x".repeat(1 << 20)), &mut out);
    }
    assert_eq!(frames(&out).last().unwrap().0, "modelStreamErrorException");
}

#[test]
fn a_stream_passes_and_is_watched() {
    let bytes = stream(&every_frame());
    let mut watch = crate::watch(Dialect::BedrockConverse, false).unwrap();
    let mut out = std::collections::VecDeque::new();
    for chunk in bytes.chunks(7) {
        watch.feed(Bytes::copy_from_slice(chunk), &mut out);
    }
    watch.finish(&mut out);
    assert_eq!(out.into_iter().flatten().collect::<Vec<u8>>(), bytes);
    assert_eq!(watch.seen().usage, Some(Usage { input: 1, output: 2, ..Usage::default() }));
    assert!(watch.seen().ended && watch.seen().content_started);
}

#[test]
fn claudes_own_dialect_goes_into_the_envelope_and_out_of_it() {
    let body =
        br#"{"model":"m","max_tokens":1, "stream":true,"messages":[ {"n":1.0} ],"anthropic_beta":["a"]}"#;
    let wrapped = claude_body(body, ["a, b", "c"].into_iter()).unwrap();
    assert_eq!(
        wrapped,
        r#"{"max_tokens":1,"messages":[ {"n":1.0} ],"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b","c"]}"#
    );
    let own = claude_body(br#"{"anthropic_version":"x"}"#, std::iter::empty()).unwrap();
    assert_eq!(own, r#"{"anthropic_version":"x"}"#);
    assert!(claude_body(b"[]", std::iter::empty()).is_err());
    assert_eq!(without_model(br#"{"model":"m","a":1}"#).unwrap(), r#"{"a":1}"#);

    let chunk = |data: &str| {
        use base64::Engine as _;
        json!({"bytes": base64::prelude::BASE64_STANDARD.encode(data), "p": "abc"})
    };
    let mut bytes =
        BytesMut::from(&stream(&[("chunk", chunk(r#"{"type":"ping"}"#)), ("other", json!({}))])[..]);
    write_message(MessageKind::Exception("throttlingException"), b"{\"message\":\"slow\"}", &mut bytes);
    let mut whole = BytesMut::new();
    InvokeStream::default().push(&bytes, &mut whole).unwrap();
    let error = r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#;
    assert_eq!(whole, format!("event: ping\ndata: {{\"type\":\"ping\"}}\n\nevent: error\ndata: {error}\n\n"));
    let (mut cut, mut stream_) = (BytesMut::new(), InvokeStream::default());
    for byte in &bytes {
        stream_.push(&[*byte], &mut cut).unwrap();
    }
    assert_eq!((cut, stream_.is_between()), (whole, true));
    let wrong = stream(&[("chunk", json!({"bytes": "!"}))]);
    assert!(InvokeStream::default().push(&wrong, &mut BytesMut::new()).is_err());

    let error = claude_error(
        http::StatusCode::BAD_REQUEST,
        Some("ValidationException:http://x"),
        &Bytes::from_static(b"{\"message\":\"bad\"}"),
    );
    assert_eq!(error, r#"{"type":"error","error":{"type":"invalid_request_error","message":"bad"}}"#);
}
