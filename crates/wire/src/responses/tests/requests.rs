//! Requests in both directions.

use contract::Code;
use contract::canon::{
    Effort, MediaKind, MediaSource, Message, OutputFormat, Provenance, Role, ServerTool, Tool, ToolChoice,
    Verbosity,
};
use serde_json::json;

use super::*;

fn round_trip(value: &Value) -> Value {
    let (written, dropped) = write(&read(value), &Quirks::default());
    assert_eq!(dropped, "");
    written
}

#[test]
fn what_canon_has_words_for_is_read() {
    let request = read(&json!({
        "model": "m", "instructions": "Be kind.", "input": "Hi",
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true},
            "verbosity": "low"},
        "reasoning": {"effort": "high", "summary": "auto"}, "max_output_tokens": 99, "temperature": 0.5,
        "top_p": 0.9, "top_logprobs": 3, "include": ["message.output_text.logprobs"], "store": false,
        "metadata": {"a": "b"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k",
        "prompt_cache_retention": "24h", "service_tier": "flex", "stream": true, "parallel_tool_calls": false,
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true},
            {"type": "custom", "name": "c", "format": {"type": "text"}},
            {"type": "web_search_preview_2025_03_11", "search_context_size": "low"}]
    }));
    let places: Vec<_> =
        request.messages.iter().map(|message| (message.role, message.at.as_deref())).collect();
    assert_eq!(places, [(Role::System, Some("instructions")), (Role::User, Some("input"))]);
    assert!(matches!(request.format, OutputFormat::JsonSchema { strict: Some(true), .. }));
    assert_eq!(request.verbosity, Some(Verbosity::Low));
    let reasoning = request.reasoning.as_ref().unwrap();
    assert_eq!((reasoning.effort, reasoning.include), (Some(Effort::High), Some(true)));
    assert_eq!((request.sampling.logprobs, request.sampling.top_logprobs), (Some(true), Some(3)));
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Allowed { names: vec!["f".to_owned()], required: true })
    );
    let kinds: Vec<_> = request
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function { .. } => "function",
            Tool::Custom { .. } => "custom",
            Tool::Server { tool: ServerTool::WebSearch, .. } => "search",
            Tool::Server { .. } => "other",
        })
        .collect();
    assert_eq!(kinds, ["function", "custom", "search"]);
    assert!(request.stream && request.stream_usage);
    assert_eq!(request.extra.owner, None);
}

#[test]
fn items_of_the_models_become_one_message() {
    let request = read(&json!({"model": "m", "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
            {"type": "input_file", "file_id": "file_1"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"},
            {"type": "summary_text", "text": "b"}], "encrypted_content": "e"},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{\"x\": 1}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "text"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        {"type": "item_reference", "id": "msg_0"}
    ]}));
    let roles: Vec<_> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool, Role::User]);
    assert_eq!(request.messages[1].at.as_deref(), Some("input[1]"));
    assert_eq!(request.messages[1].parts.len(), 4);
    assert!(matches!(&request.messages[0].parts[1].kind,
        PartKind::Media { kind: MediaKind::Image, source: MediaSource::Base64 { mime, .. } } if mime == "image/png"));
    let PartKind::ToolResult(result) = &request.messages[3].parts[0].kind else { panic!() };
    assert_eq!((result.call.as_str(), result.name.as_deref()), ("c2", Some("g")));
}

#[test]
fn a_request_comes_back_as_it_was() {
    let input = json!([
        {"type": "message", "role": "developer", "content": "terse", "id": "msg_0"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"},
            {"type": "input_image", "file_id": "file_1", "detail": "low"},
            {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
            {"type": "input_unheard", "x": 1}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"},
            {"type": "summary_text", "text": "t"}], "encrypted_content": "e", "status": "completed"},
        {"type": "reasoning", "summary": []},
        {"type": "reasoning", "id": "rs_3", "summary": [],
            "content": [{"type": "reasoning_text", "text": "raw"}]},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "phase": "commentary",
            "content": [{"type": "output_text", "text": "x", "logprobs": [], "annotations": [
                    {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}]},
                {"type": "refusal", "refusal": "no"}]},
        {"type": "message", "role": "assistant", "content": "easy"},
        {"type": "message", "role": "assistant", "content": "again"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{ }", "namespace": "n"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c2", "name": "g", "input": "in"},
        {"type": "function_call_output", "call_id": "c1", "id": "fco_1", "output": "out"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "out"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "code_interpreter_call", "id": "ci_1", "container_id": "k", "code": "1", "status": "completed"},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AAAA"},
        {"type": "image_generation_call", "id": "ig_2"},
        {"type": "mcp_list_tools", "id": "l", "server_label": "s", "tools": [{"name": "t"}]},
        {"type": "mcp_call", "id": "m", "server_label": "s", "name": "t", "arguments": "{}", "output": "o"},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": true},
        {"type": "computer_call_output", "call_id": "c3", "output": {"type": "computer_screenshot", "file_id": "f"}},
        {"type": "apply_patch_call", "call_id": "c4", "operation": {"type": "delete_file", "path": "p"}},
        {"type": "compaction", "encrypted_content": "e"},
        {"type": "item_reference", "id": "msg_9"},
        {"id": "msg_10"}
    ]);
    let value = json!({"model": "m", "instructions": "i", "input": input,
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"},
                "defer_loading": true},
            {"type": "custom", "name": "g", "description": "d", "format": {"type": "text"}},
            {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "h"}]},
            {"type": "mcp", "server_label": "s", "server_url": "u"}],
        "tool_choice": {"type": "web_search_preview"},
        "text": {"format": {"type": "json_object"}, "verbosity": "high", "stop": ["x"]},
        "reasoning": {"effort": "low", "context": "all_turns"},
        "max_output_tokens": 4, "temperature": 1.0, "presence_penalty": 0.5,
        "include": ["file_search_call.results"], "store": true, "metadata": {},
        "prompt_cache_key": "k", "service_tier": "unheard", "stream": true,
        "stream_options": {"include_obfuscation": false}, "truncation": "auto",
        "previous_response_id": "resp_0", "conversation": {"id": "conv_1"}, "background": true,
        "max_tool_calls": 3, "prompt": {"id": "pmpt_1"}});
    assert_eq!(round_trip(&value), value);
}

#[test]
fn short_forms_come_back() {
    let value = json!({"model": "m", "input": "Hi"});
    assert_eq!(round_trip(&value), value);
    let value = json!({"model": "m", "prompt": {"id": "pmpt_1"}});
    assert_eq!(round_trip(&value), value);
    let plain = json!({"model": "m", "input": [{"role": "user", "content": "Hi"}],
        "text": {"format": {"type": "text"}}, "reasoning": {"effort": null}, "tools": [], "store": null});
    let expected = json!({"model": "m", "input": [{"type": "message", "role": "user", "content": "Hi"}]});
    assert_eq!(round_trip(&plain), expected);
}

#[test]
fn chat_requests_are_stateless_and_not_strict() {
    let request = read_as(
        Dialect::OpenaiChat,
        &json!({"model": "gpt-5-mini", "max_completion_tokens": 5, "stop": "x", "seed": 1, "n": 2,
            "frequency_penalty": 0.0,
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "messages": [
                {"role": "system", "content": "kind"},
                {"role": "user", "content": "hi", "name": "Ann"},
                {"role": "assistant", "content": "calling", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "done"}]}),
    );
    let (written, dropped) = write(&request, &Quirks::default());
    let expected = json!({"model": "gpt-5-mini",
        "input": [
            {"type": "message", "role": "system", "content": "kind"},
            {"type": "message", "role": "user", "content": "hi"},
            {"type": "message", "role": "assistant", "content": "calling"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "done"}],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}},
            "strict": false}],
        "tool_choice": {"type": "function", "name": "f"}, "max_output_tokens": 16,
        "include": ["reasoning.encrypted_content"], "store": false});
    assert_eq!(written, expected);
    assert_eq!(dropped, "messages[1].name, max_completion_tokens, seed, n, stop");
}

#[test]
fn encrypted_thoughts_are_asked_for_where_there_may_be_some() {
    let ask = |model: &str, effort: Option<Effort>| {
        let mut request = Request { model: model.to_owned(), ..Request::default() };
        request.messages.push(Message::new(Role::User, vec![Part::text("hi", Provenance::User)]));
        request.reasoning =
            effort.map(|effort| contract::canon::Reasoning { effort: Some(effort), ..Default::default() });
        write(&request, &Quirks::default()).0.get("include").is_some()
    };
    for model in ["gpt-5", "gpt-5.1-codex", "openai/o4-mini", "o3", "codex-mini-latest"] {
        assert!(ask(model, None), "{model}");
    }
    for model in ["gpt-4o", "gpt-5-chat-latest", "gpt-35-turbo", "omni", "grok-4", ""] {
        assert!(!ask(model, None), "{model}");
    }
    assert!(ask("deployment", Some(Effort::Low)));
    assert!(!ask("gpt-5.1", Some(Effort::None)));
}

#[test]
fn thoughts_go_back_to_their_owner_alone() {
    let thought = |text: &str| Part::new(PartKind::Reasoning(text.to_owned()), Provenance::Model);
    let own =
        thought("mine").with_native(DIALECT, json!({"item": {"id": "rs_1", "encrypted_content": "sealed"}}));
    let signed = thought("theirs").with_native(Dialect::AnthropicMessages, json!({"signature": "s"}));
    let mut request = Request { model: "gpt-4.1".to_owned(), ..Request::default() };
    request.messages = vec![
        Message::new(Role::Assistant, vec![own, signed, Part::text("so", Provenance::Model)]),
        Message::new(Role::User, vec![Part::text("and?", Provenance::User)]),
    ];
    let (written, dropped) = write(&request, &Quirks::default());
    assert_eq!(
        written["input"][0],
        json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "sealed",
        "summary": [{"type": "summary_text", "text": "mine"}]})
    );
    assert_eq!(written["input"][1]["content"], json!("so"));
    assert_eq!(written["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(dropped, "messages[0].content[1]");
    let open = Quirks { accepts: &["reasoning_content"], ..Quirks::default() };
    let (written, dropped) = write(&request, &open);
    assert_eq!(written["input"][1]["content"], json!([{"type": "reasoning_text", "text": "theirs"}]));
    assert_eq!(dropped, "");
}

#[test]
fn tools_of_other_providers_are_replaced_or_noted() {
    let request = read_as(
        Dialect::AnthropicMessages,
        &json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}],
            "system": "kind", "thinking": {"type": "enabled", "budget_tokens": 5000},
            "tools": [{"type": "memory_20250818", "name": "memory"}, {"name": "f", "input_schema": {"type": "object"}}]}),
    );
    let (written, dropped) = write(&request, &Quirks::default());
    assert_eq!(written["tools"].as_array().unwrap().len(), 1);
    assert_eq!(written["reasoning"], json!({"effort": "medium"}));
    assert_eq!(written["input"][0], json!({"type": "message", "role": "system", "content": "kind"}));
    assert_eq!(dropped, "tools[0]");
    let mut request = request;
    request.tools = vec![Tool::Server {
        owner: Dialect::GeminiGenerate,
        tool: ServerTool::WebSearch,
        value: json!({"googleSearch": {}}),
    }];
    let (written, dropped) = write(&request, &Quirks::default());
    assert_eq!((written["tools"].clone(), dropped.as_str()), (json!([{"type": "web_search"}]), ""));
}

#[test]
fn results_carry_media_and_sound_is_refused() {
    let image = MediaSource::Base64 { mime: "image/png".to_owned(), data: "AAAA".to_owned() };
    let media = |kind, source| Part::new(PartKind::Media { kind, source }, Provenance::Tool);
    let result = contract::canon::ToolResult {
        call: "c".to_owned(),
        name: None,
        parts: vec![Part::text("see", Provenance::Tool), media(MediaKind::Image, image.clone())],
        failed: true,
    };
    let custom = PartKind::ToolCall {
        id: "c".to_owned(),
        name: "g".to_owned(),
        arguments: "x".to_owned(),
        custom: true,
    };
    let mut request = Request { model: "m".to_owned(), ..Request::default() };
    request.messages = vec![
        Message::new(Role::Assistant, vec![Part::new(custom, Provenance::Model)]),
        Message::new(Role::Tool, vec![Part::new(PartKind::ToolResult(result), Provenance::Tool)]),
    ];
    let (written, dropped) = write(&request, &Quirks::default());
    assert_eq!(
        written["input"][1],
        json!({"type": "custom_tool_call_output", "call_id": "c", "output": [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}]})
    );
    assert_eq!(dropped, "messages[1].content[0].is_error");
    request.messages.push(Message::new(Role::User, vec![media(MediaKind::Audio, image)]));
    let fault = Dialog.write_request(&request, &Quirks::default(), &mut Receipt::default()).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("messages[2].content[0]")));
}

#[test]
fn faults_name_the_field() {
    for (value, param) in [
        (json!({"model": "m", "input": 3}), "input"),
        (json!({"model": "m", "input": [3]}), "input[0]"),
        (json!({"model": "m", "input": [{"role": "king", "content": ""}]}), "input[0].role"),
        (json!({"model": "m", "input": [{"content": "x"}]}), "input[0].role"),
        (json!({"model": "m", "input": [{"role": "user", "content": [{}]}]}), "input[0].content[0].type"),
        (json!({"model": "m", "input": [{"type": "function_call", "call_id": "c"}]}), "input[0].name"),
        (json!({"model": "m", "input": [{"type": "function_call_output"}]}), "input[0].call_id"),
        (json!({"model": "m", "input": "x", "tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"model": "m", "input": "x", "tool_choice": 1}), "tool_choice"),
        (json!({"model": "m", "input": "x", "text": {"format": 1}}), "text.format"),
        (json!({"model": "m", "input": "x", "reasoning": []}), "reasoning"),
    ] {
        let fault = Dialog.read_request(value.to_string().as_bytes()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)), "{value}");
    }
}
