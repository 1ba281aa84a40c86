//! What is read, what is refused, and that edits touch nothing else.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

fn read(dialect: Dialect, body: &str) -> Envelope {
    Envelope::read(dialect, &PathFacts::default(), Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn refused(body: &[u8]) -> (Code, Option<String>) {
    let fault =
        Envelope::read(Dialect::OpenaiChat, &PathFacts::default(), Bytes::copy_from_slice(body)).unwrap_err();
    (fault.code(), fault.param().map(str::to_owned))
}

fn joined(parts: &VecDeque<Bytes>) -> String {
    parts.iter().map(|part| std::str::from_utf8(part).unwrap()).collect()
}

#[test]
fn a_stream_is_the_default_where_the_dialect_says_so() {
    for (field, stream) in [("", true), (r#","stream":null"#, true), (r#","stream":false"#, false)] {
        let body = format!(r#"{{"model":"m","options":{{"num_predict":5}}{field}}}"#);
        for dialect in [Dialect::OllamaChat, Dialect::OllamaGenerate] {
            let seen = read(dialect, &body);
            assert_eq!((seen.stream, seen.max_output), (stream, Some(5)), "{body}");
        }
        assert!(!read(Dialect::OpenaiCompletions, &body).stream, "{body}");
    }
}

#[test]
fn the_outside_of_a_request_is_read() {
    let seen = read(
        Dialect::OpenaiChat,
        r#"{"messages":[{"role":"user","content":"\"model\":\"x\""}],"mod\u0065l":"a\/b","stream":true,"n":2,
            "max_tokens":5,"max_completion_tokens":7,"user":"u","service_tier":"flex","stream_options":{"include_usage":true}}"#,
    );
    assert_eq!((seen.model.as_str(), seen.stream, seen.include_usage), ("a/b", true, true));
    assert_eq!((seen.n, seen.max_output), (Some(2), Some(7)));
    assert_eq!((seen.user.as_deref(), seen.service_tier.as_deref()), (Some("u"), Some("flex")));

    let seen = read(Dialect::AnthropicMessages, r#"{"model":"c","max_tokens":9,"metadata":{"user_id":"u"}}"#);
    assert_eq!((seen.user.as_deref(), seen.max_output, seen.include_usage), (Some("u"), Some(9), true));
    assert!(!seen.stream);
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let deep = format!("{{\"model\":\"m\",\"messages\":{}", "[".repeat(1_000_000));
    for (body, code, param) in [
        (&b"{\"model\":\"\xff\"}"[..], Code::InvalidEncoding, None),
        (b"", Code::InvalidJson, None),
        (b"{\"model\":\"m\"", Code::InvalidJson, None),
        (b"{\"model\":\"m\"} x", Code::InvalidJson, None),
        (deep.as_bytes(), Code::InvalidJson, None),
        (b"[]", Code::InvalidRequest, None),
        (b"{}", Code::InvalidRequest, Some("model")),
        (b"{\"model\":7}", Code::InvalidRequest, Some("model")),
        (b"{\"model\":null}", Code::InvalidRequest, Some("model")),
        (b"{\"model\":\"a\",\"model\":\"b\"}", Code::InvalidRequest, Some("model")),
        (b"{\"model\":\"a\",\"\\u006dodel\":\"b\"}", Code::InvalidRequest, Some("model")),
        (b"{\"model\":\"a\",\"stream\":\"yes\"}", Code::InvalidRequest, Some("stream")),
        (b"{\"model\":\"a\",\"stream_options\":[]}", Code::InvalidRequest, Some("stream_options")),
        (
            b"{\"model\":\"a\",\"stream_options\":{\"include_usage\":true,\"include_usage\":false}}",
            Code::InvalidRequest,
            Some("stream_options.include_usage"),
        ),
    ] {
        let text = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert_eq!(refused(body), (code, param.map(str::to_owned)), "{text}");
    }
}

#[test]
fn deep_nesting_that_is_valid_passes() {
    let body = format!("{{\"model\":\"m\",\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(read(Dialect::OpenaiChat, &body).model, "m");
}

#[test]
fn without_an_edit_the_body_is_the_clients_own_buffer() {
    let body = Bytes::from_static(b" {\"model\" : \"m\", \"odd\":  1.0e5 } ");
    let seen = Envelope::read(Dialect::OpenaiChat, &PathFacts::default(), body.clone()).unwrap();
    let out = seen.edited("m", true);
    assert_eq!(out.len(), 1);
    assert_eq!((out[0].as_ptr(), out[0].len()), (body.as_ptr(), body.len()));
}

#[test]
fn the_model_is_replaced_and_nothing_else() {
    let seen = read(Dialect::AnthropicMessages, r#"{ "a":1, "model" : "old\n" ,"z":[1.50]}"#);
    assert_eq!(joined(&seen.edited("new\"name", true)), r#"{ "a":1, "model" : "new\"name" ,"z":[1.50]}"#);
}

#[test]
fn usage_is_asked_for_in_every_starting_position() {
    for options in [
        "",
        r#","stream_options":null"#,
        r#","stream_options":{}"#,
        r#","stream_options":{ "include_obfuscation" : false }"#,
        r#","stream_options":{"include_usage":false,"x":1}"#,
        r#","stream_options":{"x":1,"include_usage": null}"#,
    ] {
        for body in [
            format!(r#"{{"model":"m","stream":true{options}}}"#),
            format!(r#"{{"a":0{options},"stream":true,"model":"m"}}"#),
        ] {
            let seen = read(Dialect::OpenaiChat, &body);
            assert!(!seen.include_usage);
            assert_eq!(joined(&seen.edited("m", false)), body);
            let edited: Value = serde_json::from_str(&joined(&seen.edited("other", true))).unwrap();
            assert_eq!(edited["stream_options"]["include_usage"], json!(true), "{body}");
            assert_eq!(edited["model"], json!("other"));
            let before: Value = serde_json::from_str(&body).unwrap();
            if let Some(options) = before["stream_options"].as_object() {
                assert!(options.iter().all(|(key, value)| {
                    key == "include_usage" || edited["stream_options"][key] == *value
                }));
            }
        }
    }
}

#[test]
fn a_request_that_is_no_stream_is_not_asked_for_usage() {
    let body = r#"{"model":"m"}"#;
    assert_eq!(joined(&read(Dialect::OpenaiChat, body).edited("m", true)), body);
}

const SAMPLE: &str = r#"{"model":"a\/b", "messages":[{"role":"user","content":"é \"x\" \u6f6e\n"}],"n":1,
    "stream":true,"max_tokens":5,"user":"u","stream_options":{"x":[-1.5e3],"include_usage":false}}"#;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_damaged_body_is_refused_just_where_serde_refuses_it(
        edits in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        cut in any::<Option<Index>>(),
    ) {
        let mut body = SAMPLE.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body.truncate(cut.map_or(body.len(), |cut| cut.index(body.len())));
        let seen = Envelope::read(Dialect::OpenaiChat, &PathFacts::default(), body.clone().into());
        let code = seen.as_ref().map_or_else(|fault| Some(fault.code()), |_| None);
        match std::str::from_utf8(&body).map(serde_json::from_str::<Box<serde_json::value::RawValue>>) {
            Err(_) => prop_assert_eq!(code, Some(Code::InvalidEncoding)),
            Ok(Err(_)) => prop_assert_eq!(code, Some(Code::InvalidJson)),
            Ok(Ok(_)) => prop_assert!(matches!(code, None | Some(Code::InvalidRequest)), "{code:?}"),
        }
        // What is read is what serde reads there, and what leaves is still JSON.
        if let (Ok(seen), Ok(whole)) = (seen, serde_json::from_slice::<Value>(&body)) {
            prop_assert_eq!(Some(seen.model.as_str()), whole["model"].as_str());
            prop_assert_eq!(seen.stream, whole["stream"] == true);
            prop_assert_eq!(seen.user.as_deref(), whole["user"].as_str());
            prop_assert_eq!((seen.n, seen.max_output), (whole["n"].as_u64(), whole["max_tokens"].as_u64()));
            let edited: Value = serde_json::from_str(&joined(&seen.edited("other", true))).unwrap();
            prop_assert_eq!(&edited["model"], "other");
        }
    }
}

#[test]
fn a_fault_in_the_json_names_its_place() {
    let fault =
        Envelope::read(Dialect::OpenaiChat, &PathFacts::default(), Bytes::from_static(b"{\n  \"model\": x}"))
            .unwrap_err();
    assert!(fault.message().contains("line 2 column 12"), "{fault:?}");
}

#[test]
fn google_names_the_model_in_the_path_and_again_in_the_body() {
    let path = PathFacts { model: Some("fast".to_owned()), stream: Some(false), ..PathFacts::default() };
    let edited = |dialect, body: &'static str, to: &str| {
        let envelope = Envelope::read(dialect, &path, Bytes::from_static(body.as_bytes())).unwrap();
        let pieces: Vec<u8> = envelope.edited(to, false).into_iter().flatten().collect();
        String::from_utf8(pieces).unwrap()
    };
    let batch = r#"{"requests": [{"model": "models/fast", "content": {"model": 1}}, {"content": {}, "model":"models/fast"}]}"#;
    assert_eq!(
        edited(Dialect::GeminiEmbed, batch, "gemini-embedding-001"),
        batch.replace("models/fast", "models/gemini-embedding-001")
    );
    assert_eq!(edited(Dialect::GeminiEmbed, batch, "fast"), batch);
    // What the body says must not be another model than the one that was allowed.
    assert_eq!(edited(Dialect::GeminiGenerate, r#"{"model":"dear"}"#, "fast"), r#"{"model":"fast"}"#);
    assert_eq!(edited(Dialect::GeminiEmbed, r#"{"requests":7}"#, "x"), r#"{"requests":7}"#);
}

#[test]
fn google_spells_its_limits_in_two_ways() {
    let path = PathFacts { model: Some("m".to_owned()), stream: Some(false), ..PathFacts::default() };
    let read = |body: &'static str| {
        Envelope::read(Dialect::GeminiGenerate, &path, Bytes::from_static(body.as_bytes()))
    };
    for body in [
        r#"{"generationConfig":{"maxOutputTokens":9,"candidateCount":2}}"#,
        r#"{"generation_config":{"max_output_tokens":"9","candidate_count":2}}"#,
        r#"{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9,"candidateCount":2}}"#,
    ] {
        let envelope = read(body).unwrap();
        assert_eq!((envelope.max_output, envelope.n), (Some(9), Some(2)), "{body}");
    }
    assert!(read(r#"{"generationConfig":{},"generation_config":{}}"#).is_err());
}

#[test]
fn bedrock_names_a_model_that_ranks_deep_in_the_body() {
    let body = |model: &str| {
        let inner = format!(r#"{{"modelConfiguration":{{"modelArn":"{model}"}},"numberOfResults":1}}"#);
        format!(r#"{{"queries":[],"rerankingConfiguration":{{"bedrockRerankingConfiguration":{inner}}}}}"#)
    };
    let arn = "arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0";
    for (named, model) in [("aws/rank", "aws/rank"), (arn, "amazon.rerank-v1:0")] {
        let seen = read(Dialect::BedrockRerank, &body(named));
        assert_eq!(seen.model, model);
        assert_eq!(joined(&seen.edited("other", false)), body("other"));
    }
    let none = Bytes::from_static(br#"{"rerankingConfiguration":{}}"#);
    let fault = Envelope::read(Dialect::BedrockRerank, &PathFacts::default(), none).unwrap_err();
    let place = "rerankingConfiguration.bedrockRerankingConfiguration.modelConfiguration.modelArn";
    assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(place)));
}

#[test]
fn a_model_that_is_not_named_is_the_usual_one() {
    let (moderations, images) = (Dialect::OpenaiModerations, Dialect::OpenaiImages);
    for (dialect, body, model, sent) in [
        (moderations, r#"{"input":"x"}"#, "omni-moderation-latest", r#"{"input":"x"}"#),
        (
            moderations,
            r#"{"model":null,"input":"x"}"#,
            "omni-moderation-latest",
            r#"{"model":null,"input":"x"}"#,
        ),
        (images, r#"{"prompt":"x"}"#, "dall-e-2", r#"{"model":"dall-e-2","prompt":"x"}"#),
        (images, r#"{"prompt":"x","model":null}"#, "dall-e-2", r#"{"prompt":"x","model":"dall-e-2"}"#),
        (
            images,
            r#"{"prompt":"x","output_format":"webp"}"#,
            "gpt-image-1.5",
            r#"{"model":"gpt-image-1.5","prompt":"x","output_format":"webp"}"#,
        ),
        (Dialect::OpenaiImageEdits, "{ }", "gpt-image-1.5", r#"{"model":"gpt-image-1.5" }"#),
    ] {
        let seen = read(dialect, body);
        assert_eq!(seen.model, model, "{body}");
        assert_eq!(joined(&seen.edited(model, false)), sent);
        let other: Value = serde_json::from_str(&joined(&seen.edited("other", false))).unwrap();
        assert_eq!(other["model"], "other");
    }
    assert_eq!(refused(br#"{"messages":[]}"#), (Code::InvalidRequest, Some("model".to_owned())));
    assert_eq!(refused(br#"{"model":null}"#), (Code::InvalidRequest, Some("model".to_owned())));
}
