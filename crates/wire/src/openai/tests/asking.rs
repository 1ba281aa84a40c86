//! Requests with everything that canon has words for, and servers that want it said otherwise.

use contract::canon::{
    CacheHint, Effort, Modality, Reasoning, ServerTool, Tool, ToolChoice, Verbosity, Voice,
};

use super::*;
use crate::{Lack, Thinking};

fn asked(fields: &Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

/// What is written of these fields, without the model and the messages.
fn again(fields: &Value, quirks: &Quirks) -> (Value, Receipt) {
    let (mut written, receipt) = write(&read(&asked(fields)), quirks);
    let map = written.as_object_mut().unwrap();
    map.remove("model");
    map.remove("messages");
    (written, receipt)
}

#[test]
fn settings_have_words_and_come_back() {
    let fields = json!({
        "modalities": ["text", "audio"], "audio": {"voice": "v", "format": "wav"}, "verbosity": "low",
        "prompt_cache_key": "k", "prompt_cache_retention": "24h", "safety_identifier": "s", "store": true,
        "web_search_options": {"search_context_size": "low"}, "prediction": {"type": "content", "content": "c"}});
    let request = read(&asked(&fields));
    assert_eq!(request.modalities, [Modality::Text, Modality::Audio]);
    assert_eq!(request.voice, Some(Voice { name: Some("v".into()), format: Some("wav".into()) }));
    assert_eq!((request.verbosity, request.store), (Some(Verbosity::Low), Some(true)));
    assert_eq!((request.cache_key.as_deref(), request.cache_retention.as_deref()), (Some("k"), Some("24h")));
    assert_eq!(request.safety_id.as_deref(), Some("s"));
    assert!(matches!(request.tools[0], Tool::Server { tool: ServerTool::WebSearch, .. }));
    let (written, receipt) = again(&fields, &Quirks::NONE);
    assert_eq!(written, fields);
    assert!(receipt.is_empty());
}

#[test]
fn values_that_canon_has_no_word_for_stay_as_they_are() {
    let fields = json!({
        "modalities": ["smell"], "audio": {"voice": {"id": "v"}, "format": "wav"}, "verbosity": "epic",
        "reasoning_effort": "default", "reasoning": "yes", "thinking": {"type": "auto"}, "enable_thinking": "on",
        "chat_template_kwargs": {"x": 1}, "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "odd"}}});
    let request = read(&asked(&fields));
    assert_eq!((request.reasoning.clone(), request.verbosity), (None, None));
    assert_eq!(again(&fields, &Quirks::NONE).0, fields);
}

#[test]
fn custom_and_allowed_tools_have_words_and_come_back() {
    let grammar = json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}});
    let fields = json!({
        "tools": [
            {"type": "function", "function": {"name": "f"}},
            {"type": "custom", "custom": {"name": "g", "description": "d", "format": grammar}},
            {"type": "openrouter:web_search", "parameters": {"max_uses": 1}}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}]}}});
    let request = read(&asked(&fields));
    let Tool::Custom { format, .. } = &request.tools[1] else { panic!("not custom") };
    assert_eq!(format, &Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: A"})));
    assert!(matches!(request.tools[2], Tool::Server { tool: ServerTool::WebSearch, .. }));
    let names = vec!["f".to_owned(), "g".to_owned()];
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { names, required: true }));
    assert_eq!(again(&fields, &Quirks::NONE).0, fields);

    let fields = json!({"tools": [{"type": "custom", "custom": {"name": "g"}}],
        "tool_choice": {"type": "custom", "custom": {"name": "g"}}});
    assert_eq!(read(&asked(&fields)).tool_choice, Some(ToolChoice::Named("g".into())));
    assert_eq!(again(&fields, &Quirks::NONE).0, fields);
}

#[test]
fn a_server_without_custom_tools_is_sent_functions() {
    let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "x"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "ok"}],
        "tools": [{"type": "custom", "custom": {"name": "g"}}]});
    let asked = crate::read_request(Dialect::OpenaiChat, body.to_string().as_bytes()).unwrap();
    let quirks = Quirks { lacks: &[Lack::CustomTools], ..Quirks::NONE };
    let mut receipt = Receipt::default();
    let written = crate::write_request(Dialect::OpenaiChat, &asked, &quirks, &mut receipt).unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
    assert_eq!(written["messages"][1]["tool_calls"][0]["function"]["arguments"], json!(r#"{"input":"x"}"#));
    assert!(receipt.is_empty());

    let reply = json!({"choices": [{"message": {"role": "assistant", "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "g", "arguments": r#"{"input":"a\nb"}"#}}]},
        "finish_reason": "tool_calls"}]});
    let options = EncodeOptions { custom: crate::emulate::custom_tools(&asked), ..EncodeOptions::default() };
    let (from, reply) = (Dialect::OpenaiChat, reply.to_string());
    let answered = crate::read_reply_for(from, reply.as_bytes(), &options).unwrap();
    let back = crate::write_reply(from, &answered, &options, &mut receipt).unwrap();
    let back: Value = serde_json::from_slice(&back).unwrap();
    let call = &back["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(*call, json!({"id": "c", "type": "custom", "custom": {"name": "g", "input": "a\nb"}}));
}

#[test]
fn cache_hints_go_to_those_who_take_them_and_are_noted_once_for_others() {
    let control = json!({"type": "ephemeral", "ttl": "1h"});
    let body = json!({"model": "m",
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "b", "cache_control": {"type": "other"}}]}],
        "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": control}]});
    let request = read(&body);
    assert_eq!(request.messages[0].parts[0].cache, Some(CacheHint::Short));
    assert!(matches!(request.tools[0], Tool::Function { cache: Some(CacheHint::Long), .. }));
    let quirks = Quirks { accepts: &["cache_control"], ..Quirks::NONE };
    assert_eq!(write(&request, &quirks).0, body);
    let (written, receipt) = write(&request, &Quirks::NONE);
    assert_eq!(written["messages"][0]["content"][0], json!({"type": "text", "text": "a"}));
    assert_eq!(receipt.to_string(), "tools[0].cache_control, messages[0].content[0].cache_control");
}

#[test]
fn every_way_to_ask_for_thoughts_is_read() {
    let level = |effort| Some(Reasoning { effort: Some(effort), ..Reasoning::default() });
    let budget = |tokens| Some(Reasoning { budget: Some(tokens), ..Reasoning::default() });
    let on = Some(Reasoning::default());
    for (fields, expected) in [
        (json!({"reasoning_effort": "xhigh"}), level(Effort::XHigh)),
        (json!({"reasoning": {"effort": "low", "enabled": true}}), level(Effort::Low)),
        (json!({"reasoning": {"max_tokens": 9}}), budget(9)),
        (
            json!({"reasoning": {"exclude": true}}),
            Some(Reasoning { include: Some(false), ..Reasoning::default() }),
        ),
        (json!({"reasoning": {"enabled": false}}), level(Effort::None)),
        (json!({"thinking": {"type": "enabled"}}), on.clone()),
        (json!({"thinking": {"type": "disabled"}}), level(Effort::None)),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 7}}), budget(7)),
        (json!({"enable_thinking": true, "thinking_budget": 5}), budget(5)),
        (json!({"enable_thinking": false}), level(Effort::None)),
        (json!({"chat_template_kwargs": {"enable_thinking": true}}), on),
    ] {
        let request = read(&asked(&fields));
        assert_eq!(request.reasoning, expected, "{fields}");
        assert!(request.extra.fields.is_empty(), "{fields}");
    }
}

#[test]
fn each_server_is_asked_for_thoughts_in_its_way() {
    const BOTH: &[Thinking] = &[Thinking::Switch, Thinking::Effort];
    let high = json!({"reasoning_effort": "high"});
    let off = json!({"reasoning_effort": "none"});
    let on = json!({"enable_thinking": true});
    let tokens = json!({"thinking_budget": 20000});
    let kept = json!({"chat_template_kwargs": {"x": 1}, "reasoning_effort": "high"});
    for (thinking, fields, expected, lost) in [
        (&[][..], &tokens, json!({"reasoning_effort": "high"}), ""),
        (&[], &on, json!({}), ""),
        (&[Thinking::Object], &high, json!({"reasoning": {"effort": "high"}}), ""),
        (&[Thinking::Object], &tokens, json!({"reasoning": {"max_tokens": 20000}}), ""),
        (&[Thinking::Object], &on, json!({"reasoning": {"enabled": true}}), ""),
        (&[Thinking::Object], &off, json!({"reasoning": {"effort": "none"}}), ""),
        (&[Thinking::Switch], &high, json!({"thinking": {"type": "enabled"}}), "reasoning.effort"),
        (&[Thinking::Switch], &off, json!({"thinking": {"type": "disabled"}}), ""),
        (BOTH, &high, json!({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}), ""),
        (BOTH, &off, json!({"thinking": {"type": "disabled"}}), ""),
        (&[Thinking::Budget], &tokens, json!({"thinking": {"type": "enabled", "budget_tokens": 20000}}), ""),
        (&[Thinking::Enable], &tokens, json!({"enable_thinking": true, "thinking_budget": 20000}), ""),
        (&[Thinking::Enable], &off, json!({"enable_thinking": false}), ""),
        (&[Thinking::Template], &on, json!({"chat_template_kwargs": {"enable_thinking": true}}), ""),
        (
            &[Thinking::Template],
            &kept,
            json!({"chat_template_kwargs": {"enable_thinking": true, "x": 1}}),
            "reasoning.effort",
        ),
        (&[Thinking::Never], &off, json!({}), "reasoning"),
    ] {
        let (written, receipt) = again(fields, &Quirks { thinking, ..Quirks::NONE });
        assert_eq!((written, receipt.to_string().as_str()), (expected, lost), "{fields} {thinking:?}");
    }
}

#[test]
fn thoughts_and_sounds_of_earlier_turns_go_back_to_where_they_came_from() {
    let details = json!([
        {"type": "reasoning.text", "text": "h", "signature": "s", "format": "x", "index": 0},
        {"type": "reasoning.summary", "summary": "m", "index": 1},
        {"type": "reasoning.encrypted", "data": "e", "index": 2}]);
    for message in [
        json!({"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_details": details}),
        json!({"role": "assistant", "content": "a", "reasoning_details": details}),
        json!({"role": "assistant", "content": "a", "reasoning": "other", "reasoning_details": details}),
        json!({"role": "assistant", "content": "a", "reasoning_content": "x", "reasoning": "x"}),
        json!({"role": "assistant", "content": "a", "reasoning_content": "x", "reasoning": "y"}),
        json!({"role": "assistant", "content": null, "audio": {"id": "audio_1"}}),
        json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"type": "text", "text": "c"}]}),
    ] {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"}, message]});
        let (written, receipt) = write(&read(&body), &Quirks::NONE);
        assert_eq!(written, body);
        assert!(receipt.is_empty(), "{receipt}");
    }
}

#[test]
fn another_dialects_search_becomes_ours_where_it_is_taken() {
    let place = json!({"type": "approximate", "city": "c", "region": null});
    let value = json!({"type": "web_search_20250305", "name": "web_search", "user_location": place});
    let tool = Tool::Server { owner: Dialect::AnthropicMessages, tool: ServerTool::WebSearch, value };
    let request = Request { tools: vec![tool], ..read(&asked(&json!({}))) };
    let quirks = Quirks { accepts: &["web_search_options"], ..Quirks::NONE };
    let (written, receipt) = write(&request, &quirks);
    let expected = json!({"user_location": {"type": "approximate", "approximate": {"city": "c"}}});
    assert_eq!(written["web_search_options"], expected);
    assert!(receipt.is_empty());
    assert_eq!(write(&request, &Quirks::NONE).1.to_string(), "tools[0]");
}

#[test]
fn mistrals_name_of_the_seed_is_read_and_kept() {
    let body = json!({"model": "m", "random_seed": 7, "logprobs": 2,
        "messages": [{"role": "user", "content": "a"}]});
    let asked = crate::read_request(Dialect::OpenaiChat, body.to_string().as_bytes()).unwrap();
    let contract::canon::Asked::Chat(request) = &asked else { panic!("a conversation") };
    assert_eq!(request.sampling.seed, Some(7));
    for (target, name) in
        [(Dialect::OpenaiChat, "/random_seed"), (Dialect::GeminiGenerate, "/generationConfig/seed")]
    {
        let mut receipt = Receipt::default();
        let bytes = crate::write_request(target, &asked, &Quirks::NONE, &mut receipt).unwrap();
        let written: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((written.pointer(name), receipt.to_string().as_str()), (Some(&json!(7)), ""), "{target}");
    }
}
