//! Servers and clients that write the dialect with an accent: read, and written back as they came.

use contract::canon::Asked;

use super::*;
use crate::Gather;

/// A message of the user with one block.
fn with_block(block: &Value) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": [block]}]})
}

fn media_of(block: &Value) -> (MediaKind, MediaSource) {
    match read(&with_block(block)).messages.remove(0).parts.remove(0).kind {
        PartKind::Media { kind, source } => (kind, source),
        other => panic!("{other:?}"),
    }
}

fn comes_back(body: &Value) {
    let (written, receipt) = write(&read(body), &Quirks::NONE);
    assert_eq!(written, *body);
    assert!(receipt.is_empty(), "{receipt}");
}

#[test]
fn blocks_of_media_come_back_in_their_own_form() {
    let held = |mime: &str, data: &str| MediaSource::Base64 { mime: mime.into(), data: data.into() };
    let url = || MediaSource::Url("https://a.test/b.mp3".into());
    let sound = |value: Value| json!({"type": "input_audio", "input_audio": value});
    let file = |value: Value| json!({"type": "file", "file": value});
    let (audio, document) = (MediaKind::Audio, MediaKind::Document);
    for (block, kind, source) in [
        (sound(json!("UklGRg==")), audio, held("audio/wav", "UklGRg==")),
        (sound(json!("QUJD")), audio, held("audio/mpeg", "QUJD")),
        (sound(json!("https://a.test/b.mp3")), audio, url()),
        (sound(json!("data:audio/ogg;base64,QUJD")), audio, held("audio/ogg", "QUJD")),
        (sound(json!({"data": "https://a.test/b.mp3"})), audio, url()),
        (sound(json!({"data": "https://a.test/b.mp3", "format": "mp3"})), audio, url()),
        (sound(json!({"data": "data:;base64,QUJD", "format": "wav"})), audio, held("audio/wav", "QUJD")),
        (json!({"type": "file", "file_id": "f-1"}), document, MediaSource::File("f-1".into())),
        (file(json!({"file_data": "QUJD", "filename": "a.csv"})), document, held("text/csv", "QUJD")),
        (file(json!({"file_data": "QUJD", "filename": "a"})), document, held("application/pdf", "QUJD")),
        (file(json!({"file_data": "QUJD"})), document, held("application/pdf", "QUJD")),
    ] {
        assert_eq!(media_of(&block), (kind, source), "{block}");
        comes_back(&with_block(&block));
    }
    let fault = read_chat(with_block(&sound(json!({"data": "QUJD"}))).to_string().as_bytes()).unwrap_err();
    assert_eq!(fault.param(), Some("messages[0].content[0].input_audio.format"));
}

#[test]
fn what_shapes_and_choices_and_results_say_beside_comes_back() {
    comes_back(&json!({
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "video_url", "video_url": "https://a.test/b.mp4"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "t", "more": 1}]}]},
            {"role": "assistant", "content": null,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "r", "name": "f"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": {"type": "function", "function": {"name": "f", "more": 1}, "beside": [2]},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "more": 1}, "beside": 2},
    }));
    for kind in ["text", "json_object"] {
        comes_back(&json!({"model": "m", "messages": [{"role": "user", "content": "a"}],
            "response_format": {"type": kind, "beside": 2}}));
    }
}

#[test]
fn media_among_the_blocks_of_an_answer_come_back_there() {
    let content = json!([
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "https://a.test/b.png", "detail": "low"}},
        {"type": "video_url", "video_url": {"url": "https://a.test/b.mp4"}},
    ]);
    let answer = json!({"id": "i", "model": "m", "object": "chat.completion", "created": 1,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]});
    let (reply, written) = round_reply(&answer);
    let media = |part: &&Part| matches!(part.kind, PartKind::Media { .. });
    assert_eq!(reply.choices[0].parts.iter().filter(media).count(), 2);
    assert_eq!(written["choices"][0]["message"]["content"], content);
    assert_eq!(written["choices"][0]["message"].get("images"), None);
}

#[test]
fn what_a_stream_says_of_tokens_beyond_canon_comes_back_with_them() {
    let frame = |text: &str, id: u64| {
        let token =
            json!({"token": text, "logprob": -0.5, "bytes": null, "top_logprobs": [], "token_id": id});
        json!({"id": "i", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
            {"index": 0, "delta": {"content": text}, "logprobs": {"content": [token], "beside": id}, "finish_reason": null}]})
    };
    let end = chunk(json!({}), json!("stop"));
    let frames = [frame("a", 5), frame("b", 6), end];
    let events = decode(&[stream(&frames, true).as_bytes()]).unwrap();
    let sent = encode(&events, EncodeOptions::default());
    let told: Vec<Value> = sent
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|frame| frame.pointer("/choices/0/logprobs").filter(|it| !it.is_null()).cloned())
        .collect();
    assert_eq!(told.len(), 2, "{sent}");
    for (said, id) in told.iter().zip([5, 6]) {
        assert_eq!((&said["content"][0]["token_id"], &said["beside"]), (&json!(id), &json!(id)));
    }
    let mut gather = Gather::default();
    events.into_iter().for_each(|event| gather.push(event));
    let choice = gather.finish().choices.remove(0);
    assert_eq!(choice.extra.fields["logprobs"]["content"].as_array().unwrap().len(), 2);
}

#[test]
fn likelihoods_in_columns_and_alone_have_words_and_come_back() {
    let columns = json!({"tokens": ["a", "b"], "token_ids": [1, 2], "token_logprobs": [-0.5, -0.25],
        "top_logprobs": [{"a": -0.5, "x": -1.5}, {"b": -0.25}]});
    let answer = json!({"id": "i", "model": "m", "object": "chat.completion", "created": 1, "choices": [{"index": 0,
        "message": {"role": "assistant", "content": "ab"}, "logprobs": columns, "finish_reason": "stop"}]});
    let (reply, written) = round_reply(&answer);
    let told: Vec<_> = reply.choices[0].logprobs.iter().map(|it| (&*it.token.text, it.top.len())).collect();
    assert_eq!(told, [("a", 2), ("b", 1)]);
    assert_eq!(written["choices"][0]["logprobs"], columns);

    let frame = |text: &str, logprob: f64| {
        json!({"id": "i", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
            {"index": 0, "delta": {"content": text}, "logprobs": logprob, "finish_reason": null}]})
    };
    let frames = [frame("a", -0.5), frame("b", -0.25), chunk(json!({}), json!("stop"))];
    let events = decode(&[stream(&frames, true).as_bytes()]).unwrap();
    let sent = encode(&events, EncodeOptions::default());
    for logprob in ["\"logprobs\":-0.5,", "\"logprobs\":-0.25,"] {
        assert_eq!(sent.matches(logprob).count(), 1, "{sent}");
    }
    let mut gather = Gather::default();
    events.into_iter().for_each(|event| gather.push(event));
    let reply = gather.finish();
    let told: Vec<_> = reply.choices[0].logprobs.iter().map(|it| it.token.logprob).collect();
    assert_eq!(told, [-0.5, -0.25]);
}

#[test]
fn the_name_of_a_nameless_document_tells_its_type() {
    let data = json!({"type": "file", "file": {"file_data": "data:text/csv;base64,QUJD"}});
    let (written, _) = write(&read(&with_block(&data)), &Quirks::NONE);
    assert_eq!(written.pointer("/messages/0/content/0/file/filename"), Some(&json!("document.csv")));
}

#[test]
fn files_that_another_provider_keeps_are_refused() {
    for uri in ["gs://b/a.pdf", "https://generativelanguage.googleapis.com/v1beta/files/x"] {
        let body =
            json!({"contents": [{"role": "user", "parts": [{"text": "a"}, {"fileData": {"fileUri": uri}}]}]});
        let asked = crate::read_request(Dialect::GeminiGenerate, body.to_string().as_bytes()).unwrap();
        let Asked::Chat(mut request) = asked else { panic!() };
        request.model = "m".to_owned();
        for target in [Dialect::OpenaiChat, Dialect::OpenaiResponses] {
            let written = crate::write_request(
                target,
                &Asked::Chat(request.clone()),
                &Quirks::NONE,
                &mut Receipt::default(),
            );
            let fault = written.unwrap_err();
            assert_eq!(
                (fault.code(), fault.param()),
                (Code::UnsupportedCapability, Some("messages[0].content[1]"))
            );
        }
    }
}

#[test]
fn the_number_of_likely_tokens_may_stand_alone() {
    for (fields, top) in [
        (json!({"logprobs": 5}), Some(5)),
        (json!({"logprobs": 0}), Some(0)),
        (json!({"logprobs": 1, "top_logprobs": 3}), Some(3)),
    ] {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let request = read(&body);
        assert_eq!((request.sampling.logprobs, request.sampling.top_logprobs), (Some(true), top));
        comes_back(&body);
        let (asked, mut dropped) = (Asked::Chat(Box::new(request)), Receipt::default());
        let gemini =
            crate::write_request(Dialect::GeminiGenerate, &asked, &Quirks::NONE, &mut dropped).unwrap();
        let gemini: Value = serde_json::from_slice(&gemini).unwrap();
        assert_eq!(gemini.pointer("/generationConfig/responseLogprobs"), Some(&json!(true)), "{gemini}");
        assert!(dropped.is_empty(), "{dropped}");
    }
}

#[test]
fn refusals_among_blocks_come_back_as_blocks() {
    let refusal = |text: &str| json!({"type": "refusal", "refusal": text});
    for content in [json!([refusal("a")]), json!([{"type": "text", "text": "t"}, refusal("a"), refusal("b")])]
    {
        comes_back(&json!({"model": "m", "messages": [{"role": "assistant", "content": content}]}));
    }
    let part = |text: &str| Part::new(PartKind::Refusal(text.into()), Provenance::Model);
    let messages = vec![Message::new(Role::Assistant, vec![part("a"), part("b")])];
    let request = Request { model: "m".into(), messages, ..Request::default() };
    assert_eq!(write(&request, &Quirks::NONE).0.pointer("/messages/0/refusal"), Some(&json!("a\nb")));
}

#[test]
fn a_level_that_was_named_is_not_switched_off() {
    let request = read(&json!({"model": "m", "messages": [{"role": "user", "content": "a"}],
        "reasoning_effort": "high", "enable_thinking": false}));
    assert_eq!(request.reasoning.unwrap().effort, Some(Effort::High));
}

#[test]
fn usage_is_found_where_groq_and_moonshot_put_it() {
    let counts = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    let mut groq = chunk(json!({}), json!("stop"));
    groq["x_groq"] = json!({"id": "g", "usage": counts});
    let mut moonshot = chunk(json!({}), json!("stop"));
    moonshot["choices"][0]["usage"] = counts;
    for last in [groq, moonshot] {
        let text = stream(&[chunk(json!({"content": "a"}), Value::Null), last], true);
        let mut gather = Gather::default();
        decode(&[text.as_bytes()]).unwrap().into_iter().for_each(|event| gather.push(event));
        let usage = Usage { input: 3, output: 2, ..Usage::default() };
        assert_eq!(gather.finish().usage, Some(usage));
        let mut watch = crate::passing::watch::watch(Dialect::OpenaiChat, false).unwrap();
        watch.feed(text.into(), &mut std::collections::VecDeque::new());
        assert_eq!(watch.seen().usage, Some(usage));
    }
}

#[test]
fn arguments_as_an_object_and_calls_of_another_type_come_back() {
    let call = json!({"id": "c", "type": "builtin_function", "function": {"name": "f", "arguments": {"b": 1, "a": [2]}}});
    let body =
        json!({"model": "m", "messages": [{"role": "assistant", "content": null, "tool_calls": [call]}]});
    let request = read(&body);
    let PartKind::ToolCall { arguments, .. } = &request.messages[0].parts[0].kind else { panic!() };
    assert_eq!(arguments, r#"{"b":1,"a":[2]}"#);
    comes_back(&body);
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    let reply = json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let reply = read_reply(reply.to_string().as_bytes()).unwrap();
    let written = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written.pointer("/choices/0/message/tool_calls/0"), Some(&call));
}

#[test]
fn a_call_alone_with_its_number_as_a_text_and_its_id_as_a_number_is_a_call() {
    let part = |call: Value| chunk(json!({"tool_calls": call}), Value::Null);
    let text = stream(
        &[
            part(
                json!({"index": "1", "id": 7, "type": "builtin_function", "function": {"name": "f", "arguments": "{"}}),
            ),
            part(json!([{"index": "1", "function": {"arguments": "}"}}])),
            chunk(json!({}), json!("tool_calls")),
        ],
        true,
    );
    let events = decode(&[text.as_bytes()]).unwrap();
    let mut gather = Gather::default();
    events.iter().cloned().for_each(|event| gather.push(event));
    let kind = PartKind::ToolCall { id: "7".into(), name: "f".into(), arguments: "{}".into(), custom: false };
    assert_eq!(gather.finish().choices[0].parts[0].kind, kind);
    let written = encode(&events, EncodeOptions::default());
    assert!(written.contains(r#""type":"builtin_function""#), "{written}");
}

#[test]
fn the_tokens_of_a_refusal_stay_with_it() {
    let token = json!({"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []});
    let body = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": null, "refusal": "a"},
        "logprobs": {"content": [], "refusal": [token]}, "finish_reason": "stop"}]});
    let reply = read_reply(body.to_string().as_bytes()).unwrap();
    assert_eq!(reply.choices[0].logprobs.len(), 1);
    let written = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written.pointer("/choices/0/logprobs"), body.pointer("/choices/0/logprobs"));
}

#[test]
fn many_results_are_matched_in_order_and_endless_choices_and_calls_are_refused() {
    let call = |id: usize| json!({"id": format!("c{}", id / 2), "function": {"name": format!("f{id}"), "arguments": "{}"}});
    let calls: Vec<Value> = (0..20_000).map(call).collect();
    let mut messages = vec![json!({"role": "assistant", "content": null, "tool_calls": calls})];
    messages.extend(
        (0..10_000).rev().map(|id| json!({"role": "tool", "tool_call_id": format!("c{id}"), "content": ""})),
    );
    messages.extend((0..10_000).map(|_| json!({"role": "tool", "content": ""})));
    let request = read(&json!({"model": "m", "messages": messages}));
    let PartKind::ToolResult(result) = &request.messages[10_001].parts[0].kind else { panic!() };
    assert_eq!(result.call, "c0");
    let numbered = |index: usize| json!({"choices": [{"index": index, "delta": {"content": "a"}}]});
    let choices = stream(&(0..300).map(numbered).collect::<Vec<_>>(), true);
    assert!(decode(&[choices.as_bytes()]).is_err());
    let called = |index: usize| {
        chunk(
            json!({"tool_calls": [{"index": index, "id": format!("c{index}"), "function": {"name": "f", "arguments": "{}"}}]}),
            Value::Null,
        )
    };
    let calls = stream(&(0..5_000).map(called).collect::<Vec<_>>(), true);
    assert!(decode(&[calls.as_bytes()]).is_err());
}

#[test]
fn errors_within_a_stream_keep_their_message() {
    for (last, kind, message) in [
        (
            "data: {\"base_resp\": {\"status_code\": 1002, \"status_msg\": \"slow down\"}, \"choices\": null}\n\n",
            "1002",
            "slow down",
        ),
        (
            "error: {\"code\": 500, \"message\": \"broke\", \"type\": \"server_error\"}\n\n",
            "server_error",
            "broke",
        ),
    ] {
        let text = stream(&[chunk(json!({"content": "a"}), Value::Null)], false) + last;
        let error = Event::Error { kind: Some(kind.into()), message: message.into() };
        assert_eq!(decode(&[text.as_bytes()]).unwrap().last(), Some(&error));
    }
    let last = json!({"error": {"code": 502, "message": "m"}, "choices": [],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}});
    let events = decode(&[stream(&[last], false).as_bytes()]).unwrap();
    assert!(matches!(events[0], Event::Usage(usage) if (usage.input, usage.output) == (3, 1)));
    assert!(matches!(events[1], Event::Error { .. }));
}
