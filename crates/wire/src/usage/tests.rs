//! Counts as providers report them.

use super::*;
use serde_json::json;

fn openai(value: serde_json::Value) -> Usage {
    serde_json::from_value::<Openai>(value).unwrap().canon()
}

#[test]
fn openai_counts_become_disjoint_and_come_back() {
    let usage = openai(json!({
        "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 5}}));
    let expected = Usage {
        input: 30,
        cached: 60,
        audio_input: 10,
        output: 45,
        reasoning: 20,
        audio_output: 5,
        ..Usage::default()
    };
    assert_eq!(usage, expected);
    let out = serde_json::to_value(OpenaiOut::from(&usage)).unwrap();
    assert_eq!(openai(out), expected);
}

#[test]
fn hidden_thoughts_are_output() {
    let usage = openai(json!({"prompt_tokens": 291, "completion_tokens": 26, "total_tokens": 506,
        "completion_tokens_details": {"reasoning_tokens": 189}}));
    assert_eq!((usage.input, usage.output, usage.reasoning), (291, 215, 189));
    let silent = openai(json!({"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109}));
    assert_eq!((silent.output, silent.reasoning), (74, 62));
    let alone = openai(json!({"total_tokens": 18}));
    assert_eq!((alone.input, alone.output), (18, 0));
}

#[test]
fn odd_figures_do_no_harm() {
    let usage = openai(json!({"prompt_tokens": 5.0, "completion_tokens": null, "total_tokens": "x",
        "prompt_tokens_details": {"cached_tokens": 99, "audio_tokens": -4}, "completion_tokens_details": null}));
    assert_eq!((usage.input, usage.cached, usage.total()), (0, 5, 5));
}

#[test]
fn what_is_read_in_passing_is_what_serde_reads() {
    let odd = json!({"prompt_tokens": 5.0, "completion_tokens": null, "total_tokens": "x", "cached_tokens": [1, {}],
        "num_cached_tokens": -3, "reasoning_tokens": 18_446_744_073_709_551_615_u64, "queue_time": {"a": [0.1]},
        "prompt_tokens_details": {"cached_tokens": 99, "audio_tokens": 1e3, "cache_write_tokens": true},
        "completion_tokens_details": null});
    let plain = json!({"prompt_tokens": 9_999_999_999_999_999_999_u64, "completion_tokens": 7, "total_tokens": 0,
        "completion_tokens_details": {"reasoning_tokens": 20, "accepted_prediction_tokens": 1}});
    for value in [odd, plain, json!({})] {
        let text = serde_json::to_vec_pretty(&value).unwrap();
        assert_eq!(
            Openai::read(&text),
            serde_json::from_value(value).ok(),
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
    assert_eq!(Openai::read(b"[1]"), None);
    assert_eq!(Openai::read(b"null"), None);
}

#[test]
fn anthropic_figures_are_replaced_one_by_one() {
    let read = |value| serde_json::from_value::<Anthropic>(value).unwrap();
    let start = read(json!({"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 7,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}}));
    let usage = read(json!({"output_tokens": 42})).over(start).canon();
    let expected =
        Usage { input: 3, cached: 7, cache_write: 10, cache_write_long: 20, output: 42, ..Usage::default() };
    assert_eq!(usage, expected);
}

#[test]
fn gemini_thoughts_and_tool_prompts_are_added() {
    let usage = serde_json::from_value::<Gemini>(json!({"promptTokenCount": 50, "cachedContentTokenCount": 20,
        "candidatesTokenCount": 9, "thoughtsTokenCount": 11, "toolUsePromptTokenCount": 4, "totalTokenCount": 74,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 42}, {"modality": "AUDIO", "tokenCount": 8}]}))
    .unwrap()
    .canon();
    let expected =
        Usage { input: 26, cached: 20, audio_input: 8, output: 20, reasoning: 11, ..Usage::default() };
    assert_eq!(usage, expected);
    assert_eq!(usage.total(), 74);
}

#[test]
fn a_sum_says_what_is_missing() {
    let is_partial = |value| serde_json::from_value::<Openai>(value).unwrap().reported().unwrap().partial;
    assert!(is_partial(json!({"prompt_tokens": 5})));
    assert!(is_partial(json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0})));
    assert!(!is_partial(json!({"prompt_tokens": 0, "completion_tokens": 7, "total_tokens": null})));
    assert!(!is_partial(json!({"prompt_tokens": 5, "completion_tokens": 0})));
    assert!(!is_partial(json!({"prompt_tokens": 5, "total_tokens": 5})));
    assert!(!is_partial(json!({"total_tokens": 5})));
    assert!(!is_partial(json!({"cost_in_usd_ticks": 5})), "a cost needs no counts");
    let read = |value| serde_json::from_value::<Anthropic>(value).unwrap().reported();
    let cached = read(json!({"cache_read_input_tokens": 5, "output_tokens": 0})).unwrap();
    assert!(!cached.partial);
    assert_eq!(read(json!({"server_tool_use": {}})), None);
}

#[test]
fn vertex_names_its_tier_by_the_traffic() {
    for (traffic, tier) in [
        ("ON_DEMAND", None),
        ("ON_DEMAND_PRIORITY", Some("priority")),
        ("ON_DEMAND_FLEX", Some("flex")),
        ("PROVISIONED_THROUGHPUT", None),
    ] {
        let counts = json!({"promptTokenCount": 1, "trafficType": traffic});
        let read = serde_json::from_value::<Gemini>(counts.clone()).unwrap();
        assert_eq!(read.service_tier().as_deref(), tier);
        let Value::Object(fields) = json!({"usageMetadata": counts}) else { panic!() };
        assert_eq!(service_tier(&Extra { owner: None, fields }), tier);
    }
}

#[test]
fn cached_audio_is_told_apart() {
    let read = |value| serde_json::from_value::<Gemini>(value).unwrap().canon();
    let usage = read(
        json!({"promptTokenCount": 50, "cachedContentTokenCount": 20, "candidatesTokenCount": 1,
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 15}, {"modality": "TEXT", "tokenCount": 5}],
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 18}]}),
    );
    assert_eq!((usage.input, usage.cached, usage.cached_audio, usage.audio_input), (27, 20, 15, 3));
}

#[test]
fn what_came_out_is_known_at_the_end_of_a_stream() {
    let read = |value| serde_json::from_value::<Anthropic>(value).unwrap();
    let start = read(json!({"input_tokens": 9, "output_tokens": 1}));
    let is_partial = |latest: &Anthropic, last| {
        let all = latest.over(start);
        latest.so_far(&all, last).map(|usage| (usage.input, usage.output, usage.partial))
    };
    assert_eq!(is_partial(&start, false), Some((9, 1, true)));
    assert_eq!(is_partial(&read(json!({})), true), Some((9, 1, true)));
    assert_eq!(is_partial(&read(json!({"output_tokens": 4})), true), Some((9, 4, false)));
}
