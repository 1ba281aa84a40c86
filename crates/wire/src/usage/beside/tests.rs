//! Searches, tools and costs are the same read whole, in passing, and as the stream goes by.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::Event;
use contract::words::Dialect;
use serde_json::json;

use super::*;

/// The usage of a whole answer: read in passing, which canon agrees with.
fn whole(dialect: Dialect, body: &Value) -> Usage {
    let body = body.to_string();
    let passing = crate::reply_facts(dialect, body.as_bytes()).unwrap().usage.unwrap();
    let read = crate::read_reply(dialect, body.as_bytes()).unwrap();
    assert_eq!(read.usage(), Some(passing), "{body}");
    passing
}

/// The usage of a stream: seen in passing, which the decoder agrees with.
fn streamed(dialect: Dialect, frames: &[Value]) -> Usage {
    let named = |frame: &Value| match frame["type"].as_str() {
        Some(name) => format!("event: {name}\ndata: {frame}\n\n"),
        None => format!("data: {frame}\n\n"),
    };
    let text = Bytes::from(frames.iter().map(named).collect::<String>());
    let mut watch = crate::watch(dialect, false).unwrap();
    watch.feed(text.clone(), &mut VecDeque::new());
    let mut events = Vec::new();
    crate::decoder(dialect).unwrap().push(&text, &mut events).unwrap();
    let last = events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    });
    assert_eq!(watch.seen().usage, last);
    last.unwrap()
}

fn chat(usage: &Value) -> Usage {
    let answer = json!({"id": "c", "model": "m", "usage": usage,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]});
    let chunks = [
        json!({"id": "c", "model": "m",
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}]}),
        json!({"id": "c", "model": "m", "choices": [], "usage": usage}),
    ];
    let found = whole(Dialect::OpenaiChat, &answer);
    assert_eq!(streamed(Dialect::OpenaiChat, &chunks), found);
    found
}

fn responses(output: &Value, fields: &Value) -> Usage {
    let mut response = json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m",
        "output": output, "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}});
    for (name, value) in fields.as_object().into_iter().flatten() {
        response[name] = value.clone();
    }
    let found = whole(Dialect::OpenaiResponses, &response);
    let last = json!({"type": "response.completed", "response": response});
    assert_eq!(streamed(Dialect::OpenaiResponses, &[last]), found);
    found
}

fn beside(usage: Usage) -> (u64, u64, Option<i64>) {
    (usage.searches, usage.tools, usage.charged.map(|cost| cost.0))
}

#[test]
fn what_an_answer_of_chat_completions_says_it_costs_is_kept() {
    let with = |mut fields: Value| {
        fields["prompt_tokens"] = json!(3);
        fields["completion_tokens"] = json!(5);
        beside(chat(&fields))
    };
    // Perplexity's, xAI's, OpenRouter's, and with one's own account there.
    assert_eq!(
        with(json!({"cost": {"request_cost": 0.005, "total_cost": 0.00501}})),
        (0, 0, Some(5_010_000))
    );
    assert_eq!(
        with(json!({"cost_in_usd_ticks": 160_708_509, "num_sources_used": 2})),
        (0, 2, Some(16_070_851))
    );
    let details = json!({"upstream_inference_cost": 0.003});
    let searched = json!({"cost": 0.0133, "cost_details": details, "is_byok": false,
        "server_tool_use_details": {"web_search_requests": 1}});
    assert_eq!(with(searched), (1, 0, Some(13_300_000)));
    assert_eq!(
        with(json!({"cost": 0.0002, "cost_details": details, "is_byok": true})),
        (0, 0, Some(3_200_000))
    );
    assert_eq!(with(json!({"cost": 0, "cost_details": details})), (0, 0, Some(0)));
}

#[test]
fn a_cost_of_an_unknown_unit_is_none() {
    for fields in [
        json!({"cost": 0.5}),
        json!({"cost": 0.5, "cost_details": null}),
        json!({"cost": -0.5, "cost_details": {}}),
        json!({"cost": "0.5", "cost_details": {}}),
        json!({"cost": 0.5, "cost_details": {}, "is_byok": true}),
        json!({"cost": {"total_cost": 0.5, "currency": "EUR"}}),
        json!({"cost": [1], "cost_details": 7, "is_byok": "yes", "server_tool_use_details": [],
            "server_side_tool_usage_details": "x"}),
        // What Azure writes for the models of others.
        json!({"cost_in_usd_ticks": 0}),
    ] {
        let mut usage = fields.clone();
        usage["prompt_tokens"] = json!(3);
        let found = chat(&usage);
        assert_eq!((found.input, beside(found)), (3, (0, 0, None)), "{fields}");
    }
}

#[test]
fn anthropics_searches_are_counted() {
    let usage = |searches: u64| {
        json!({"input_tokens": 3, "output_tokens": 5,
        "server_tool_use": {"web_search_requests": searches, "web_fetch_requests": 4}})
    };
    let message = |usage: Value| {
        json!({"id": "m", "type": "message", "role": "assistant", "model": "c", "usage": usage,
        "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn", "stop_sequence": null})
    };
    let found = whole(Dialect::AnthropicMessages, &message(usage(3)));
    assert_eq!(beside(found), (3, 0, None));
    let mut start = message(json!({"input_tokens": 3, "output_tokens": 1}));
    start["content"] = json!([]);
    let frames = [
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage(3)}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(streamed(Dialect::AnthropicMessages, &frames), found);
}

#[test]
fn tools_that_a_response_ran_are_counted() {
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "a _search_call\"", "annotations": []}]});
    let search = |action: &str| {
        json!({"type": "web_search_call", "id": format!("ws_{action}"), "status": "completed",
        "action": {"type": action, "query": "q", "url": "u"}})
    };
    let code = json!({"type": "code_interpreter_call", "id": "ci_1", "status": "completed", "code": "1", "outputs": []});
    let none = json!({});
    assert_eq!(beside(responses(&json!([message]), &none)), (0, 0, None));
    let ran = json!([search("search"), search("open_page"), search("search"), code, message]);
    assert_eq!(beside(responses(&ran, &none)), (2, 1, None));
    // What the provider counts itself goes before.
    let told = json!({"tool_usage": {"web_search": {"num_requests": 1}}});
    assert_eq!(beside(responses(&ran, &told)), (1, 1, None));
    let xai = json!({"usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8, "cost_in_usd_ticks": 50_000,
        "server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1, "code_interpreter_calls": 1}}});
    assert_eq!(beside(responses(&json!([message]), &xai)), (3, 1, Some(5_000)));
}

#[test]
fn items_count_where_the_last_frame_has_no_output() {
    let item =
        json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}});
    let response = json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [],
        "usage": {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}});
    let frames = [
        json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": response}),
    ];
    assert_eq!(beside(streamed(Dialect::OpenaiResponses, &frames)), (1, 0, None));
}

#[test]
fn googles_queries_are_counted() {
    let answer = |grounding: Value, more: &str| {
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]},
        "finishReason": more, "groundingMetadata": grounding}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}})
    };
    let two = answer(
        json!({"webSearchQueries": ["a", "", "b"], "groundingChunks": [{"web": {"uri": "u"}}]}),
        "STOP",
    );
    let found = whole(Dialect::GeminiGenerate, &two);
    assert_eq!(beside(found), (2, 0, None));
    let before = answer(json!({"webSearchQueries": ["a"]}), "");
    assert_eq!(streamed(Dialect::GeminiGenerate, &[before, two.clone()]), found);
    // Told once, before the end.
    assert_eq!(beside(streamed(Dialect::GeminiGenerate, &[two, answer(Value::Null, "STOP")])), (2, 0, None));
    let maps = json!({"groundingChunks": [{"maps": {"uri": "u"}}]});
    assert_eq!(beside(whole(Dialect::GeminiGenerate, &answer(maps, "STOP"))), (0, 1, None));
    assert_eq!(beside(whole(Dialect::GeminiGenerate, &answer(json!(7), "STOP"))), (0, 0, None));
}

#[test]
fn pictures_and_reranks_say_what_they_cost() {
    let pictures = json!({"created": 1, "data": [{"url": "u"}], "usage": {"cost_in_usd_ticks": 700_000_000}});
    let facts = crate::reply_facts(Dialect::OpenaiImages, pictures.to_string().as_bytes()).unwrap();
    assert_eq!(facts.usage.map(beside), Some((0, 0, Some(70_000_000))));
    let ranked = json!({"id": "r", "results": [{"index": 0, "relevance_score": 0.5}],
        "usage": {"cost": 0.001, "search_units": 1}});
    let facts = crate::reply_facts(Dialect::CohereRerank, ranked.to_string().as_bytes()).unwrap();
    assert_eq!(facts.usage.map(beside), Some((1, 0, Some(1_000_000))));
}
