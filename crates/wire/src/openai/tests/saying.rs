//! Answers with everything that canon has words for, and with what it has none for.

use contract::canon::{Choice, Citation};

use super::*;

/// An answer of one choice whose message has these fields beside its role.
fn answer(message: &Value, beside: &Value) -> Value {
    let mut body = json!({"id": "i", "object": "chat.completion", "created": 5, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": null, "refusal": null}, "logprobs": null, "finish_reason": "stop"}]});
    body["choices"][0]["message"].as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    for (name, value) in beside.as_object().unwrap() {
        let target = if ["logprobs", "finish_reason", "content_filter_results", "native_finish_reason"]
            .contains(&name.as_str())
        {
            &mut body["choices"][0]
        } else {
            &mut body
        };
        target[name] = value.clone();
    }
    body
}

#[test]
fn what_a_text_rests_on_comes_back() {
    let inner = json!({"url": "u", "title": "t", "start_index": 1, "end_index": 3, "content": "q"});
    let unknown = json!({"url": "u", "title": "t", "start_index": 0, "end_index": 0});
    let file = json!({"type": "file", "file": {"hash": "h"}});
    let cite = |inner: &Value| json!({"type": "url_citation", "url_citation": inner});
    let body =
        answer(&json!({"content": "abcd", "annotations": [cite(&inner), cite(&unknown), file]}), &json!({}));
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    let citations = &reply.choices[0].parts[0].citations;
    let expected = Citation {
        range: Some(1..3),
        url: Some("u".into()),
        title: Some("t".into()),
        quote: Some("q".into()),
        ..Citation::default()
    };
    assert_eq!((citations.len(), &citations[0], &citations[1].range), (2, &expected, &None));

    let beside = json!({"citations": ["u"], "search_results": [{"url": "u", "title": "t", "snippet": "s"}]});
    let body = answer(&json!({"content": "abcd"}), &beside);
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    let citation = &reply.choices[0].parts[0].citations[0];
    assert_eq!((citation.title.as_deref(), citation.quote.as_deref()), (Some("t"), Some("s")));
}

#[test]
fn citations_of_several_texts_are_counted_from_the_beginning() {
    let text = |text: &str, citation: Citation| Part {
        citations: vec![citation],
        ..Part::text(text, Provenance::Model)
    };
    let url = |range| Citation { range, url: Some("u".into()), ..Citation::default() };
    let document = Citation { title: Some("d".into()), ..Citation::default() };
    let parts = vec![text("grün", url(None)), text("ab", url(Some(1..2))), text("c", document)];
    let reply = Reply { choices: vec![Choice { parts, ..Choice::default() }], ..Reply::default() };
    let mut receipt = Receipt::default();
    let written: Value =
        serde_json::from_slice(&write_reply(&reply, &EncodeOptions::default(), &mut receipt)).unwrap();
    let message = &written["choices"][0]["message"];
    let places: Vec<_> = message["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|annotation| &annotation["url_citation"])
        .collect();
    assert_eq!((&places[0]["start_index"], &places[0]["end_index"]), (&json!(0), &json!(4)));
    assert_eq!((&places[1]["start_index"], &places[1]["end_index"]), (&json!(5), &json!(6)));
    assert_eq!((message["content"].as_str(), places.len()), (Some("grünabc"), 2));
    assert_eq!(receipt.to_string(), "choices[0].citations");
}

#[test]
fn likelihoods_come_back() {
    let token = |text: &str| {
        json!({"token": text, "logprob": -0.5, "bytes": [97], "top_logprobs": [
        {"token": "b", "logprob": -1.5, "bytes": null}]})
    };
    let said = json!({"logprobs": {"content": [token("a")], "refusal": null}});
    let body = answer(&json!({"content": "a"}), &said);
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    assert_eq!(reply.choices[0].logprobs[0].top[0].text, "b");
    assert!(reply.choices[0].extra.fields.is_empty());

    let refused = json!({"logprobs": {"content": null, "refusal": [token("n")]}});
    let body = answer(&json!({"refusal": "n"}), &refused);
    let (reply, written) = round_reply(&body);
    assert_eq!((written, reply.choices[0].logprobs.len()), (body, 1));

    let more = json!({"logprobs": {"content": [{"id": 7, "token": "a", "logprob": -0.5}], "refusal": null}});
    let body = answer(&json!({"content": "a"}), &more);
    let (reply, written) = round_reply(&body);
    assert_eq!((written, reply.choices[0].logprobs.len()), (body, 1));

    let legacy = json!({"logprobs": {"tokens": ["a"], "token_logprobs": [-0.5]}});
    let body = answer(&json!({"content": "a"}), &legacy);
    assert_eq!(round_reply(&body).1, body);
}

#[test]
fn sounds_and_pictures_come_back() {
    let sound = json!({"id": "audio_1", "data": "UklGRg==", "expires_at": 9, "transcript": "hi"});
    let body = answer(&json!({"audio": sound}), &json!({}));
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    let source = MediaSource::Base64 { mime: "audio/wav".into(), data: "UklGRg==".into() };
    assert_eq!(reply.choices[0].parts[0].kind, PartKind::Media { kind: MediaKind::Audio, source });
    let spoken = Message::new(Role::Assistant, reply.choices[0].parts.clone());
    let request = Request { messages: vec![spoken], ..Request::default() };
    assert_eq!(write(&request, &Quirks::NONE).0["messages"][0]["audio"], json!({"id": "audio_1"}));

    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}, "index": 0});
    let body = answer(&json!({"content": "see", "images": [image]}), &json!({}));
    let (reply, written) = round_reply(&body);
    assert_eq!((written, reply.choices[0].parts.len()), (body, 2));
    let body =
        answer(&json!({"content": "see", "images": [{"image_url": {"url": "https://x/y.png"}}]}), &json!({}));
    assert_eq!(round_reply(&body).1, body);
}

#[test]
fn what_canon_has_no_word_for_comes_back() {
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "cost": 0.5,
        "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 1, "video_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 1, "accepted_prediction_tokens": 2}});
    let beside = json!({"usage": usage, "prompt_filter_results": [{"prompt_index": 0}], "provider": "p",
        "content_filter_results": {"hate": {"filtered": false}}, "native_finish_reason": "end",
        "finish_reason": "model_length"});
    let body = answer(
        &json!({"content": "a", "executed_tools": [{"index": 0, "type": "search"}], "reasoning_opaque": "o"}),
        &beside,
    );
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    assert_eq!(reply.choices[0].finish, Finish::ContextWindow);
    let expected = Usage {
        input: 2,
        cached: 2,
        audio_input: 1,
        output: 2,
        reasoning: 1,
        audio_output: 1,
        ..Usage::default()
    };
    assert_eq!(reply.usage, Some(expected));
    assert_eq!(reply.extra.fields["usage"]["cost"], json!(0.5));
}

#[test]
fn content_in_blocks_comes_back() {
    let content = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": true},
        {"type": "text", "text": "a"},
        {"type": "tool_reference", "tool": "web_search", "title": "t", "url": "u"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "b"}]);
    let body = answer(&json!({"content": content}), &json!({}));
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    let parts = &reply.choices[0].parts;
    assert_eq!(parts[0].kind, PartKind::Reasoning("hm".into()));
    assert_eq!(parts[1].citations[0].url.as_deref(), Some("u"));

    let details = json!([{"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "e", "index": 1}]);
    let body = answer(&json!({"content": "a", "reasoning": "hm", "reasoning_details": details}), &json!({}));
    let (reply, written) = round_reply(&body);
    assert_eq!((written, reply.choices[0].parts.len()), (body, 3));
}

#[test]
fn custom_calls_have_words_and_come_back() {
    let calls = json!([{"id": "c", "type": "custom", "custom": {"name": "g", "input": "not json"}},
        {"id": "d", "type": "teleport", "teleport": {"to": "x"}}]);
    let body = answer(&json!({"tool_calls": calls}), &json!({"finish_reason": "tool_calls"}));
    let (reply, written) = round_reply(&body);
    assert_eq!(written, body);
    let call =
        PartKind::ToolCall { id: "c".into(), name: "g".into(), arguments: "not json".into(), custom: true };
    assert_eq!(reply.choices[0].parts[0].kind, call);
}
