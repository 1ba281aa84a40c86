//! Cache hints, citations, documents, tools of providers, and what other dialects ask for.

use contract::canon::{
    CacheHint, Citation, Message, Modality, ServerCall, ServerTool, Tool, ToolResult, Verbosity,
};

use super::*;
use crate::Gather;

fn ask(model: &str, messages: Vec<Message>) -> Request {
    Request { model: model.to_owned(), messages, ..Request::default() }
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text, Provenance::User)])
}

#[test]
fn cache_hints_come_back_as_they_were_written() {
    let (short, spelled, long) = (
        json!({"type": "ephemeral"}),
        json!({"type": "ephemeral", "ttl": "5m"}),
        json!({"type": "ephemeral", "ttl": "1h"}),
    );
    let request = json!({
        "model": "claude-haiku-4-5", "max_tokens": 9, "cache_control": spelled,
        "system": [{"type": "text", "text": "Be kind.", "cache_control": long}],
        "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": "https://e/x"}, "cache_control": spelled}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": short}],
    });
    let canon = read_chat(request.to_string().as_bytes()).unwrap();
    assert_eq!(canon.messages[0].parts[0].cache, Some(CacheHint::Long));
    assert_eq!(canon.messages[1].parts[0].cache, Some(CacheHint::Short));
    assert!(matches!(&canon.tools[0], Tool::Function { cache: Some(CacheHint::Short), .. }));
    assert_eq!(again(&request), request);
}

#[test]
fn only_four_breakpoints_go_out() {
    let hinted = |text: &str| Part { cache: Some(CacheHint::Short), ..Part::text(text, Provenance::User) };
    let parts = ["a", "b", "c", "d", "e", "f"].map(hinted).to_vec();
    let (written, receipt) = write(&ask("claude-haiku-4-5", vec![Message::new(Role::User, parts)])).unwrap();
    let blocks = written["messages"][0]["content"].as_array().unwrap();
    let kept: Vec<bool> = blocks.iter().map(|block| block.get("cache_control").is_some()).collect();
    assert_eq!(kept, [false, false, true, true, true, true]);
    assert_eq!(receipt, "messages[0].content[0].cache, messages[0].content[1].cache");
}

#[test]
fn citations_of_every_kind_come_back() {
    let places = json!([
        {"type": "char_location", "cited_text": "q", "document_index": 0, "document_title": "T",
            "start_char_index": 0, "end_char_index": 1},
        {"type": "page_location", "cited_text": "q", "document_index": 0, "document_title": null,
            "start_page_number": 1, "end_page_number": 2, "file_id": "file_1"},
        {"type": "content_block_location", "cited_text": "q", "document_index": 0, "document_title": "T",
            "start_block_index": 0, "end_block_index": 1},
        {"type": "search_result_location", "cited_text": "q", "source": "s", "title": "t",
            "search_result_index": 0, "start_block_index": 0, "end_block_index": 1},
        {"type": "web_search_result_location", "cited_text": "q", "url": "https://e/x", "title": "t",
            "encrypted_index": "opaque"},
    ]);
    let request = json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "Yo", "citations": places}]},
        {"role": "user", "content": "And?"}]});
    let canon = read_chat(request.to_string().as_bytes()).unwrap();
    let citations = &canon.messages[1].parts[0].citations;
    assert_eq!(citations[1].source.as_deref(), Some("file_1"));
    assert_eq!((citations[2].title.as_deref(), citations[2].quote.as_deref()), (Some("T"), Some("q")));
    assert_eq!(citations[4].url.as_deref(), Some("https://e/x"));
    let mut expected = request.clone();
    expected["messages"][0]["content"] = "Hi".into();
    assert_eq!(again(&request), expected);
}

#[test]
fn citations_of_others_are_shown_and_do_not_go_back() {
    let citation = Citation { url: Some("https://e/x".to_owned()), range: Some(0..2), ..Citation::default() };
    let part = Part { citations: vec![citation], ..Part::text("Yo", Provenance::Model) };
    let choice = contract::canon::Choice { parts: vec![part.clone()], ..Default::default() };
    let reply = Reply { choices: vec![choice], ..Reply::default() };
    let bytes = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    let shown = serde_json::from_slice::<Value>(&bytes).unwrap();
    assert_eq!(shown["content"][0]["citations"][0]["url"], "https://e/x");
    let returned = json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": shown["content"]},
        {"role": "user", "content": "And?"}]});
    for canon in [
        read_chat(returned.to_string().as_bytes()).unwrap(),
        ask("m", vec![user("Hi"), Message::new(Role::Assistant, vec![part]), user("And?")]),
    ] {
        let (written, receipt) = write(&canon).unwrap();
        assert_eq!(written["messages"][1]["content"], "Yo");
        assert_eq!(receipt, "messages[1].content[0].citations");
    }
}

#[test]
fn documents_are_read_as_text() {
    let request = json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "document", "title": "T", "context": "C", "citations": {"enabled": true},
            "cache_control": {"type": "ephemeral"},
            "source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}},
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "found"}],
            "citations": {"enabled": true}}]}]});
    let canon = read_chat(request.to_string().as_bytes()).unwrap();
    let texts: Vec<&PartKind> = canon.messages[0].parts.iter().map(|part| &part.kind).collect();
    assert_eq!(texts, [&PartKind::Text("a\n\nb".to_owned()), &PartKind::Text("found".to_owned())]);
    assert_eq!(again(&request), request);
}

#[test]
fn tools_that_anthropic_runs_come_back_and_have_a_kind() {
    let request = json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": "https://e/x", "title": "T", "encrypted_content": "o", "page_age": null}]},
            {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "echo", "server_name": "s", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": false, "content": []},
            {"type": "text", "text": "Done."}]},
        {"role": "user", "content": "And?"}],
        "tools": [{"type": "code_execution_20250825", "name": "code_execution"},
            {"type": "mcp_toolset", "mcp_server_name": "s"},
            {"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}}],
        "mcp_servers": [{"type": "url", "url": "https://e/mcp", "name": "s"}]});
    let canon = read_chat(request.to_string().as_bytes()).unwrap();
    let kinds: Vec<ServerTool> = canon.tools.iter().filter_map(kind_of).collect();
    assert_eq!(kinds, [ServerTool::Code, ServerTool::Mcp, ServerTool::Other]);
    let call = ServerCall {
        id: "srvtoolu_1".to_owned(),
        tool: ServerTool::WebSearch,
        name: None,
        input: r#"{"query":"q"}"#.to_owned(),
    };
    assert_eq!(canon.messages[1].parts[0].kind, PartKind::ServerCall(call));
    let PartKind::ServerResult(result) = &canon.messages[1].parts[1].kind else { panic!("a result") };
    assert_eq!((result.output.as_str(), result.call.as_str()), ("https://e/x\nT", "srvtoolu_1"));
    assert_eq!(again(&request), request);
}

fn kind_of(tool: &Tool) -> Option<ServerTool> {
    match tool {
        Tool::Server { tool, .. } => Some(*tool),
        _ => None,
    }
}

#[test]
fn what_other_dialects_ask_for_is_noted() {
    let mut request = ask("claude-sonnet-4-5", vec![user("Hi")]);
    request.modalities = vec![Modality::Text, Modality::Audio];
    request.verbosity = Some(Verbosity::Low);
    request.cache_key = Some("k".to_owned());
    request.store = Some(true);
    request.safety_id = Some("s".to_owned());
    let (written, receipt) = write(&request).unwrap();
    assert_eq!(receipt, "modalities, verbosity, prompt_cache_key, store");
    assert_eq!(written["metadata"]["user_id"], "s");
}

#[test]
fn an_answer_that_was_begun_goes_to_models_that_go_on_with_it() {
    let begun = Message::new(Role::Assistant, vec![Part::text("{ ", Provenance::Model)]);
    let (written, receipt) = write(&ask("claude-haiku-4-5", vec![user("Hi"), begun.clone()])).unwrap();
    assert_eq!((&written["messages"][1]["content"], receipt.as_str()), (&json!("{"), "messages[1].content"));
    let (written, receipt) = write(&ask("claude-opus-4-6", vec![user("Hi"), begun])).unwrap();
    assert_eq!((written["messages"].as_array().unwrap().len(), receipt.as_str()), (1, "messages[1]"));
}

#[test]
fn system_messages_stay_where_the_model_takes_them() {
    let system = Message::new(Role::Developer, vec![Part::text("Now.", Provenance::System)]);
    let answer = Message::new(Role::Assistant, vec![Part::text("Yo", Provenance::Model)]);
    let messages = vec![user("Hi"), system.clone(), answer, user("And?"), system];
    let (written, receipt) = write(&ask("claude-opus-4-8", messages.clone())).unwrap();
    let roles = |written: &Value| -> Vec<String> {
        let list = written["messages"].as_array().unwrap().iter();
        list.map(|message| message["role"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(roles(&written), ["user", "system", "assistant", "user", "system"]);
    assert_eq!((written.get("system"), receipt.as_str()), (None, ""));
    let (written, receipt) = write(&ask("claude-haiku-4-5", messages)).unwrap();
    assert_eq!(roles(&written), ["user", "assistant", "user"]);
    assert_eq!(receipt, "messages[1].role, messages[4].role");
}

#[test]
fn what_cannot_be_enforced_in_its_shape_is_asked_for_by_a_tool() {
    let tree = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
    let mut request = ask("claude-sonnet-4-5", vec![user("Hi")]);
    request.format = contract::canon::OutputFormat::JsonSchema {
        name: "n".to_owned(),
        description: None,
        schema: tree.clone(),
        strict: Some(true),
    };
    let (written, receipt) = write(&request).unwrap();
    assert_eq!((written.get("output_config"), receipt.as_str()), (None, ""));
    assert_eq!(written["tools"][0]["input_schema"], tree);
    // Beside other tools it is cut.
    request.tools.push(Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: Some(json!({"anyOf": [{"properties": {"a": {}}}, tree]})),
        strict: Some(true),
        cache: None,
        extra: contract::canon::Extra::default(),
    });
    let (written, receipt) = write(&request).unwrap();
    let schema = &written["output_config"]["format"]["schema"];
    assert_eq!(schema["properties"]["next"]["additionalProperties"], false);
    let tool = &written["tools"][0];
    assert_eq!((tool.get("strict"), &tool["input_schema"]["type"]), (None, &json!("object")));
    let lost =
        ["tools[0].parameters.anyOf", "tools[0].strict", "response_format.schema.properties.next.$ref"];
    assert_eq!(receipt, lost.join(", "));
}

#[test]
fn schemas_are_for_models_that_can_be_held_to_them() {
    let mut request = ask("claude-3-7-sonnet-20250219", vec![user("Hi")]);
    request.format = contract::canon::OutputFormat::JsonSchema {
        name: "n".to_owned(),
        description: None,
        schema: json!({"type": "object"}),
        strict: None,
    };
    let (by_tool, receipt) = write(&request).unwrap();
    assert_eq!((by_tool.get("output_config"), receipt.as_str()), (None, ""));
    assert_eq!(by_tool["tools"][0]["name"], by_tool["tool_choice"]["name"]);
    assert_eq!(by_tool["tools"][0]["input_schema"], json!({"type": "object"}));
    // A tool that must be called leaves no room for thoughts or other tools.
    let mut thinks = request.clone();
    thinks.reasoning = Some(contract::canon::Reasoning { budget: Some(2048), ..Default::default() });
    let mut calls = request.clone();
    calls.tools.push(Tool::Function {
        name: "f".to_owned(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
        extra: contract::canon::Extra::default(),
    });
    for request in [thinks, calls] {
        let (written, receipt) = write(&request).unwrap();
        assert_eq!((written.get("output_config"), receipt.as_str()), (None, "response_format"));
        assert_eq!(written.get("tool_choice"), None);
    }
    request.model = "claude-sonnet-4-5".to_owned();
    let (native, _) = write(&request).unwrap();
    assert_eq!(
        (native.get("tools"), &native["output_config"]["format"]["type"]),
        (None, &json!("json_schema"))
    );
}

#[test]
fn the_tool_that_stands_for_a_schema_is_read_as_the_answer() {
    use crate::emulate::ANSWER_TOOL;
    let call = json!({"type": "tool_use", "id": "t", "name": ANSWER_TOOL, "input": {"n": 1}});
    let whole = |blocks: Value| json!({"content": blocks, "stop_reason": "tool_use"}).to_string();
    let reply = read_reply(whole(json!([call])).as_bytes()).unwrap();
    assert_eq!(reply.choices[0].parts, [Part::text(r#"{"n":1}"#, Provenance::Model)]);
    assert_eq!(reply.choices[0].finish, Finish::Stop);
    let other = json!({"type": "tool_use", "id": "u", "name": "f", "input": {}});
    let both = read_reply(whole(json!([call, other])).as_bytes()).unwrap();
    assert_eq!(both.choices[0].finish, Finish::ToolCalls);

    let begun = json!({"type": "tool_use", "id": "t", "name": ANSWER_TOOL, "input": {}});
    let frames = [
        json!({"type": "message_start", "message": {"id": "m", "model": "c"}}),
        json!({"type": "content_block_start", "index": 0, "content_block": begun}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"n\""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ":1}"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
        json!({"type": "message_stop"}),
    ];
    let stream: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
    let mut decoder = crate::decoder(Dialect::AnthropicMessages).unwrap();
    let mut events = Vec::new();
    decoder.push(&stream.into(), &mut events).unwrap();
    decoder.finish(&mut events).unwrap();
    let mut gather = Gather::default();
    events.into_iter().for_each(|event| gather.push(event));
    assert_eq!(gather.finish().choices, reply.choices);
}

#[test]
fn places_in_the_clients_request_are_named() {
    let canon = read_chat(
        br#"{"model":"m","max_tokens":1,"system":"s","messages":[{"role":"user","content":[{"type":"tool_result",
        "tool_use_id":"t","content":"x"},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]}"#,
    )
    .unwrap();
    let places: Vec<Option<&str>> = canon.messages.iter().map(|message| message.at.as_deref()).collect();
    assert_eq!(places, [Some("system"), Some("messages[0]"), Some("messages[0]"), Some("messages[1]")]);
}

#[test]
fn a_budget_that_leaves_no_room_is_cut() {
    let mut request = ask("claude-haiku-4-5", vec![user("Hi")]);
    request.max_output = Some(4_000);
    request.reasoning = Some(contract::canon::Reasoning { budget: Some(8_000), ..Default::default() });
    let (written, receipt) = write(&request).unwrap();
    assert_eq!(
        (&written["thinking"]["budget_tokens"], receipt.as_str()),
        (&json!(3_000), "thinking.budget_tokens")
    );
}

#[test]
fn what_a_reply_says_beyond_canon_comes_back() {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": "\n\n"}, {"type": "compaction", "content": "Before."}],
        "stop_reason": "model_context_window_exceeded", "stop_sequence": null,
        "stop_details": {"type": "refusal", "category": "bio"},
        "container": {"id": "c", "expires_at": "2030-01-01T00:00:00Z"},
        "context_management": {"applied_edits": []},
        "usage": {"input_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 2, "server_tool_use": {"web_search_requests": 1}, "inference_geo": "eu",
            "speed": "fast", "service_tier": "standard"}});
    let reply = read_reply(message.to_string().as_bytes()).unwrap();
    assert_eq!(reply.choices[0].finish, Finish::ContextWindow);
    let mut receipt = Receipt::default();
    let written = write_reply(&reply, &EncodeOptions::default(), &mut receipt);
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), message);
    assert!(receipt.is_empty());
}

/// Frames of one block each, with what begins and ends a message around them.
fn stream(blocks: &[(Value, &[Value])]) -> String {
    let mut frames = vec![json!({"type": "message_start", "message": {"id": "msg_1", "model": "m",
        "usage": {"input_tokens": 1, "output_tokens": 1, "service_tier": "standard"}}})];
    for (index, (block, deltas)) in blocks.iter().enumerate() {
        frames.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        let deltas = deltas.iter();
        frames.extend(
            deltas.map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        frames.push(json!({"type": "content_block_stop", "index": index}));
    }
    frames.push(json!({"type": "message_delta", "context_management": {"applied_edits": []},
        "delta": {"stop_reason": "refusal", "stop_details": {"type": "refusal"}, "container": {"id": "c"}},
        "usage": {"output_tokens": 5, "server_tool_use": {"web_search_requests": 1}}}));
    frames.push(json!({"type": "message_stop"}));
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
}

fn gather(text: &str) -> Reply {
    let mut gather = Gather::default();
    decode(&[text.as_bytes()]).unwrap().into_iter().for_each(|event| gather.push(event));
    gather.finish()
}

#[test]
fn a_stream_makes_the_answer_it_would_be_whole() {
    let text = stream(&[
        (
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            &[
                json!({"type": "thinking_delta", "thinking": "Hm."}),
                json!({"type": "signature_delta", "signature": "sig"}),
            ],
        ),
        (
            json!({"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}),
            &[
                json!({"type": "input_json_delta", "partial_json": "{\"query\":"}),
                json!({"type": "input_json_delta", "partial_json": "\"q\"}"}),
            ],
        ),
        (json!({"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}), &[]),
        (
            json!({"type": "compaction", "content": null}),
            &[json!({"type": "compaction_delta", "content": "Before."})],
        ),
        (
            json!({"type": "text", "text": "", "citations": []}),
            &[
                json!({"type": "text_delta", "text": "Yo"}),
                json!({"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "q"}}),
            ],
        ),
        (
            json!({"type": "novelty_use", "input": {}}),
            &[json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"})],
        ),
        (json!({"type": "tool_use", "id": "t1", "name": "f", "input": {}}), &[]),
    ]);
    let whole = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
            {"type": "compaction", "content": "Before."},
            {"type": "text", "text": "Yo", "citations": [{"type": "char_location", "cited_text": "q"}]},
            {"type": "novelty_use", "input": {"a": 1}},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}}],
        "stop_reason": "refusal", "stop_details": {"type": "refusal"}, "container": {"id": "c"},
        "context_management": {"applied_edits": []},
        "usage": {"input_tokens": 1, "output_tokens": 5, "service_tier": "standard",
            "server_tool_use": {"web_search_requests": 1}}});
    let expected = read_reply(whole.to_string().as_bytes()).unwrap();
    assert_eq!(gather(&text), expected);
    let again = encode(&decode(&[text.as_bytes()]).unwrap(), EncodeOptions::default());
    assert_eq!(gather(&again), expected, "{again}");
    for kind in ["signature_delta", "compaction_delta", "citations_delta"] {
        assert_eq!(again.matches(kind).count(), 1, "{kind}");
    }
}

#[test]
fn deltas_of_blocks_that_are_not_open_are_refused() {
    for frame in [
        json!({"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "x"}}),
        json!({"type": "content_block_stop", "index": 3}),
    ] {
        assert!(decode(&[format!("data: {frame}\n\n").as_bytes()]).is_err());
    }
}

#[test]
fn counting_takes_a_request_without_a_limit() {
    let request = json!({"model": "claude-opus-4-6", "messages": [{"role": "user", "content": "Hi"}],
        "thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"},
        "tools": [{"name": "f", "input_schema": {"type": "object"}}]});
    let asked = crate::read_request(Dialect::AnthropicCount, request.to_string().as_bytes()).unwrap();
    let mut receipt = Receipt::default();
    let written =
        crate::write_request(Dialect::AnthropicCount, &asked, &Quirks::default(), &mut receipt).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), request);
    assert!(receipt.is_empty());
    let counted = crate::read_reply(Dialect::AnthropicCount, br#"{"input_tokens":7}"#).unwrap();
    assert_eq!(counted.usage(), Some(Usage::default()));
    let shown = crate::write_reply(Dialect::GeminiCount, &counted, &EncodeOptions::default(), &mut receipt);
    assert_eq!(shown.unwrap(), r#"{"totalTokens":7}"#);
}

#[test]
fn pictures_in_results_are_carried_and_sound_is_refused() {
    let result = |kind| {
        let source = contract::canon::MediaSource::Url("https://e/x".to_owned());
        let media = Part::new(PartKind::Media { kind, source }, Provenance::Tool);
        let result = ToolResult { call: "t".to_owned(), name: None, parts: vec![media], failed: false };
        let call = PartKind::ToolCall {
            id: "t".to_owned(),
            name: "f".to_owned(),
            arguments: String::new(),
            custom: false,
        };
        write(&ask(
            "m",
            vec![
                Message::new(Role::Assistant, vec![Part::new(call, Provenance::Model)]),
                Message::new(Role::Tool, vec![Part::new(PartKind::ToolResult(result), Provenance::Tool)]),
            ],
        ))
    };
    let (written, _) = result(contract::canon::MediaKind::Image).unwrap();
    assert_eq!(written["messages"][1]["content"][0]["content"][0]["type"], "image");
    let fault = result(contract::canon::MediaKind::Audio).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("messages[1].content[0]")));
}
