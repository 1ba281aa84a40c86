//! The facts are those that a typed serde parse of the whole answer finds, which is slower and kept here to compare with.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::value::RawValue;

use serde::Deserialize;

use super::*;

const DIALECTS: [Dialect; 4] =
    [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::GeminiGenerate, Dialect::GeminiEmbed];

const SAMPLES: [&str; 3] = [
    r#"{"id":"c","model":"gpt","choices":[{"index":0,"message":{"content":"a\nb \"usage\": é","refusal":null}}],
        "usage":{"prompt_tokens":9,"completion_tokens":4.0,"prompt_tokens_details":{"cached_tokens":2}},"service_tier":"flex"}"#,
    r#"{"type":"message","mod\u0065l":"claude","content":[{"type":"text","text":"潮汐 \u6f6e"},{"type":"thinking","thinking":"x"}],
        "usage":{"input_tokens":3,"output_tokens":7,"service_tier":"priority","cache_creation":null}}"#,
    r#"{"candidates": [{"content": {"parts": [{"text": "hey"}]}}], "modelVersion": "gem\tini",
        "usageMetadata": {"promptTokenCount": 4, "thoughtsTokenCount": 1e1, "promptTokensDetails": [{"modality":"AUDIO","tokenCount":1}]}}"#,
];

const VALUES: [&str; 12] = [
    "null",
    "true",
    "-0.5e-3",
    "\"flex\"",
    "\"a\\nb\"",
    "\"\\ud800\"",
    "{}",
    "[]",
    "[1, 2]",
    r#"{"prompt_tokens":5,"input_tokens":6,"promptTokenCount":7,"service_tier":"batch"}"#,
    r#"{"prompt_tokens_details":3,"input_tokens":"x"}"#,
    r#"[{"content":"abc","text":"de","x":{"thinking":"f"}}]"#,
];

const NAMES: [&str; 10] = [
    "model",
    "usage",
    "choices",
    "content",
    "candidates",
    "usageMetadata",
    "modelVersion",
    "service_tier",
    "\\u0075sage",
    "x",
];

/// Compares with the typed parse wherever that finds the types it wants.
fn compare(dialect: Dialect, body: &[u8]) {
    let facts = reply_facts(dialect, body);
    let valid = serde_json::from_slice::<IgnoredAny>(body).is_ok();
    assert_eq!(facts.is_ok(), valid, "{}", String::from_utf8_lossy(body));
    let expected = match dialect {
        Dialect::AnthropicMessages => anthropic(body),
        Dialect::GeminiGenerate | Dialect::GeminiEmbed => gemini(body),
        _ => openai(body),
    };
    // A typed parse takes an array for an object, by position, and stops at what is not UTF-8.
    if let (Ok(facts), Ok(expected)) = (facts, expected)
        && body.trim_ascii_start().starts_with(b"{")
        && std::str::from_utf8(body).is_ok()
    {
        assert_eq!(facts, expected, "{}", String::from_utf8_lossy(body));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn facts_are_those_of_a_typed_parse(
        members in prop::collection::vec((select(&NAMES[..]), select(&VALUES[..])), 0..6),
        dialect in select(&DIALECTS[..]),
    ) {
        let members: Vec<String> = members.iter().map(|(name, value)| format!(" \"{name}\" :{value}")).collect();
        compare(dialect, format!("{{{} }}", members.join(",")).as_bytes());
    }

    #[test]
    fn damaged_answers_fail_just_where_serde_says(
        sample in select(&SAMPLES[..]),
        dialect in select(&DIALECTS[..]),
        edits in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        cut in any::<Option<Index>>(),
    ) {
        let mut body = sample.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body.truncate(cut.map_or(body.len(), |cut| cut.index(body.len())));
        compare(dialect, &body);
    }
}

#[test]
fn samples_are_read() {
    let [chat, message, content] = SAMPLES.map(str::as_bytes);
    let facts = reply_facts(Dialect::OpenaiChat, chat).unwrap();
    assert_eq!((facts.model.as_deref(), facts.service_tier.as_deref()), (Some("gpt"), Some("flex")));
    assert_eq!(facts.usage, Some(Usage { input: 7, cached: 2, output: 4, ..Usage::default() }));
    let facts = reply_facts(Dialect::AnthropicMessages, message).unwrap();
    assert_eq!((facts.model.as_deref(), facts.service_tier.as_deref()), (Some("claude"), Some("priority")));
    assert_eq!(facts.usage, Some(Usage { input: 3, output: 7, ..Usage::default() }));
    let facts = reply_facts(Dialect::GeminiGenerate, content).unwrap();
    assert_eq!(facts.model.as_deref(), Some("gem\tini"));
    assert_eq!(
        facts.usage,
        Some(Usage { input: 3, audio_input: 1, output: 10, reasoning: 10, ..Usage::default() })
    );
}

#[test]
fn an_odd_member_takes_no_other_with_it() {
    let body = br#"{"model":5,"service_tier":[],"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2}}"#;
    let facts = reply_facts(Dialect::OpenaiChat, body).unwrap();
    assert_eq!(
        facts,
        ReplyFacts {
            usage: Some(Usage { input: 2, partial: true, ..Usage::default() }),
            ..ReplyFacts::default()
        }
    );
    let body = br#"{"usage":{"prompt_tokens_details":7},"choices":[{"message":{"content":"abc"}}]}"#;
    assert_eq!(reply_facts(Dialect::OpenaiChat, body).unwrap().output_bytes, 3);
    assert!(
        reply_facts(Dialect::OpenaiChat, br#"{"model":5,"choices":["#).is_err(),
        "cut off behind an odd member"
    );
}

/// Is some of the usage left open?
fn is_open(usage: Option<&Usage>) -> bool {
    usage.is_none_or(|usage| usage.partial)
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

/// Serde would take an array too, by position.
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> serde_json::Result<Option<T>> {
    if raw.get().starts_with('[') { Ok(None) } else { serde_json::from_str(raw.get()) }
}

fn openai(body: &[u8]) -> serde_json::Result<ReplyFacts> {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(default, borrow)]
        model: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        service_tier: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        usage: Option<&'a RawValue>,
        #[serde(default, borrow)]
        choices: Option<&'a RawValue>,
    }
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let usage = reply.usage.map(object::<Openai>).transpose()?.flatten().and_then(|usage| usage.reported());
    let output_bytes = match (&usage, reply.choices) {
        (usage, Some(choices)) if is_open(usage.as_ref()) => super::super::openai_texts()
            .iter()
            .map(|word| scan::text_bytes(choices.get().as_bytes(), word))
            .sum(),
        _ => 0,
    };
    Ok(ReplyFacts {
        usage,
        service_tier: owned(reply.service_tier),
        model: owned(reply.model),
        output_bytes,
        instead: false,
    })
}

fn anthropic(body: &[u8]) -> serde_json::Result<ReplyFacts> {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(default, borrow)]
        model: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        usage: Option<&'a RawValue>,
        #[serde(default, borrow)]
        content: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Tier {
        service_tier: Option<String>,
    }
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let usage = reply.usage.and_then(|raw| object::<Anthropic>(raw).ok()??.reported());
    let tier = reply.usage.and_then(|raw| serde_json::from_str::<Tier>(raw.get()).ok()?.service_tier);
    let output_bytes = match (&usage, reply.content) {
        (usage, Some(content)) if is_open(usage.as_ref()) => [&WORDS.text, &WORDS.thinking]
            .iter()
            .map(|word| scan::text_bytes(content.get().as_bytes(), word))
            .sum(),
        _ => 0,
    };
    Ok(ReplyFacts { usage, service_tier: tier, model: owned(reply.model), output_bytes, instead: false })
}

fn gemini(body: &[u8]) -> serde_json::Result<ReplyFacts> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply<'a> {
        #[serde(default, borrow)]
        model_version: Option<Cow<'a, str>>,
        #[serde(default)]
        usage_metadata: Option<Gemini>,
        #[serde(default, borrow)]
        candidates: Option<&'a RawValue>,
    }
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let counts = reply.usage_metadata.as_ref();
    let (usage, service_tier) = (counts.and_then(Gemini::reported), counts.and_then(Gemini::service_tier));
    let output_bytes = match (usage, reply.candidates) {
        (usage, Some(candidates)) if is_open(usage.as_ref()) => {
            scan::text_bytes(candidates.get().as_bytes(), &WORDS.text)
        }
        _ => 0,
    };
    Ok(ReplyFacts { usage, service_tier, model: owned(reply.model_version), output_bytes, instead: false })
}

#[test]
fn figures_are_read_beside_what_is_not_utf8() {
    let body =
        b"{\"usage\":{\"input_tokens\":3,\"output_tokens\":7,\"service_tier\":\"\xff\"},\"id\":\"\xff\"}";
    let usage = reply_facts(Dialect::AnthropicMessages, body).unwrap().usage.unwrap();
    assert_eq!((usage.input, usage.output), (3, 7));
}

#[test]
fn counts_that_are_missing_are_none_and_what_was_said_is_weighed_then() {
    let chat = |usage: &str| format!(r#"{{"choices":[{{"message":{{"content":"abcd"}}}}],"usage":{usage}}}"#);
    let claude = |usage: &str| format!(r#"{{"content":[{{"type":"text","text":"abcd"}}],"usage":{usage}}}"#);
    let response =
        |usage: &str| format!(r#"{{"output":[{{"content":[{{"text":"abcd"}}]}}],"usage":{usage}}}"#);
    let gemini = |usage: &str| {
        format!(r#"{{"candidates":[{{"content":{{"text":"abcd"}}}}],"usageMetadata":{usage}}}"#)
    };
    let all = [
        (Dialect::OpenaiChat, &chat as &dyn Fn(&str) -> String, ["prompt_tokens", "completion_tokens"]),
        (Dialect::AnthropicMessages, &claude, ["input_tokens", "output_tokens"]),
        (Dialect::OpenaiResponses, &response, ["input_tokens", "output_tokens"]),
        (Dialect::GeminiGenerate, &gemini, ["promptTokenCount", "candidatesTokenCount"]),
    ];
    for (dialect, body, [input, output]) in all {
        let foreign = if input == "input_tokens" { "prompt_tokens" } else { "input_tokens" };
        let facts = |usage: String| reply_facts(dialect, body(&usage).as_bytes()).unwrap();
        for none in ["{}".to_owned(), format!(r#"{{"{input}":null}}"#), format!(r#"{{"{foreign}":9}}"#)] {
            assert_eq!((facts(none).usage, 4), (None, facts("{}".to_owned()).output_bytes), "{dialect}");
        }
        for partial in [
            format!(r#"{{"{input}":5}}"#),
            format!(r#"{{"{output}":5}}"#),
            format!(r#"{{"{input}":0,"{output}":0}}"#),
        ] {
            let facts = facts(partial);
            assert!(facts.usage.is_some_and(|usage| usage.partial), "{dialect} {facts:?}");
            assert_eq!(facts.output_bytes, 4);
        }
        let whole = facts(format!(r#"{{"{input}":5,"{output}":1}}"#));
        assert_eq!(whole.usage, Some(Usage { input: 5, output: 1, ..Usage::default() }), "{dialect}");
    }
}
