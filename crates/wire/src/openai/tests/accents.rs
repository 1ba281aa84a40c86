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
        let mut watch = crate::watch::watch(Dialect::OpenaiChat, false).unwrap();
        watch.feed(text.into(), &mut std::collections::VecDeque::new());
        assert_eq!(watch.usage(), Some(usage));
    }
}
