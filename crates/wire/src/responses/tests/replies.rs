//! Whole answers in both directions.

use contract::canon::{
    Choice, Citation, MediaKind, MediaSource, Provenance, ServerCall, ServerResult, ServerTool,
};
use contract::words::Usage;
use serde_json::json;

use super::*;

fn reply(value: &Value) -> Reply {
    Dialog.read_reply(value.to_string().as_bytes()).unwrap()
}

fn written(reply: &Reply) -> (Value, String) {
    let mut receipt = Receipt::default();
    let options = EncodeOptions { id: "req_1".to_owned(), created: 7, ..EncodeOptions::default() };
    let bytes = Dialog.write_reply(reply, &options, &mut receipt);
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

fn full() -> Value {
    let output = json!([
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "e"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search",
                "query": "q", "sources": [{"type": "url", "url": "http://a"}, {"type": "url", "url": "http://b"}]}},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "so", "annotations": [
                        {"type": "url_citation", "url": "http://a", "title": "A", "start_index": 0, "end_index": 2}],
                    "logprobs": [{"token": "so", "logprob": -0.5, "bytes": [115, 111], "top_logprobs": [
                        {"token": "no", "logprob": -1.5, "bytes": [110, 111]}]}]},
                {"type": "output_text", "text": "!", "annotations": [], "logprobs": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{ }",
                "status": "completed"},
            {"type": "computer_call", "id": "cu_1", "call_id": "c2", "action": {"type": "wait"}}]);
    json!({"id": "resp_1", "object": "response", "created_at": 5, "status": "completed", "error": null,
        "incomplete_details": null, "instructions": "i", "model": "m", "parallel_tool_calls": true,
        "previous_response_id": null, "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto",
        "tools": [{"type": "web_search"}], "metadata": {}, "text": {"format": {"type": "text"}},
        "truncation": "disabled", "service_tier": "default", "billing": {"payer": "developer"},
        "output": output,
        "usage": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
            "output_tokens": 8, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 18,
            "cost": 0.5}})
}

#[test]
fn an_answer_is_read_and_comes_back() {
    let value = full();
    let read = reply(&value);
    let choice = &read.choices[0];
    assert_eq!(choice.finish, Finish::ToolCalls);
    assert_eq!(choice.parts.len(), 7);
    assert_eq!(choice.parts[0].kind, PartKind::Reasoning("hm".to_owned()));
    let PartKind::ServerCall(call) = &choice.parts[1].kind else { panic!() };
    assert_eq!((call.tool, call.input.as_str()), (ServerTool::WebSearch, r#"{"query":"q"}"#));
    let PartKind::ServerResult(result) = &choice.parts[2].kind else { panic!() };
    assert_eq!((result.output.as_str(), result.failed), ("http://a\nhttp://b", false));
    assert_eq!(choice.parts[3].citations[0].range, Some(0..2));
    assert_eq!(choice.logprobs.len(), 1);
    let usage = Usage {
        input: 5,
        cached: 4,
        cache_write: 1,
        output: 8,
        reasoning: 3,
        searches: 1,
        ..Usage::default()
    };
    assert_eq!(read.usage, Some(usage));
    assert_eq!(crate::service_tier(&read.extra), Some("default"));
    let (mut again, dropped) = written(&read);
    assert_eq!(dropped, "");
    for (again, value) in
        again["output"].as_array_mut().unwrap().iter_mut().zip(value["output"].as_array().unwrap())
    {
        assert_eq!(again, value);
    }
    assert_eq!(again, value);
}

#[test]
fn what_it_repeats_of_the_request_is_no_loss() {
    let mut receipt = Receipt::default();
    let answered = contract::canon::Answered::Chat(Box::new(reply(&full())));
    let options = EncodeOptions::default();
    crate::write_reply(Dialect::AnthropicMessages, &answered, &options, &mut receipt).unwrap();
    assert!(!receipt.to_string().contains("echo"), "{receipt}");
    assert!(receipt.to_string().contains("reply.billing"), "{receipt}");
}

#[test]
fn endings_are_told() {
    let ended = |status: &str, details: Value, output: Value| {
        reply(&json!({"id": "r", "status": status, "incomplete_details": details, "output": output}))
    };
    let text = json!([{"type": "message", "content": [{"type": "output_text", "text": "x"}]}]);
    let no = json!([{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]);
    for (status, reason, output, finish) in [
        ("completed", None, &text, Finish::Stop),
        ("completed", None, &no, Finish::Refusal),
        ("incomplete", Some("max_output_tokens"), &text, Finish::Length),
        ("incomplete", Some("content_filter"), &text, Finish::ContentFilter),
        ("incomplete", Some("new_reason"), &text, Finish::Other("new_reason".to_owned())),
        ("queued", None, &json!([]), Finish::Other("queued".to_owned())),
    ] {
        let details = reason.map(|reason| json!({"reason": reason})).unwrap_or_default();
        let read = ended(status, details.clone(), output.clone());
        assert_eq!(read.choices[0].finish, finish, "{status}");
        let (again, _) = written(&read);
        assert_eq!((&again["status"], &again["incomplete_details"]), (&json!(status), &details));
    }
}

#[test]
fn an_error_is_no_answer() {
    for value in [
        json!({"id": "r", "status": "failed", "error": {"code": "server_error", "message": "broke"}, "output": []}),
        json!({"id": "r", "status": "failed", "error": null, "output": []}),
        json!({"id": "r"}),
        json!({"output": 1}),
        json!({"output": [1]}),
        json!({"output": [{"type": "function_call", "name": "f"}]}),
        json!([]),
    ] {
        let error = Dialog.read_reply(value.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.dialect, DIALECT);
    }
}

#[test]
fn answers_of_others_get_what_the_sdks_need() {
    let part = |kind| Part::new(kind, Provenance::Model);
    let mut text = Part::text("see", Provenance::Model);
    text.citations = vec![
        Citation { url: Some("http://a".to_owned()), ..Citation::default() },
        Citation { source: Some("file_1".to_owned()), range: Some(1..2), ..Citation::default() },
        Citation { quote: Some("no address".to_owned()), ..Citation::default() },
    ];
    let call = ServerCall {
        id: "s1".to_owned(),
        tool: ServerTool::Code,
        name: None,
        input: r#"{"code":"1+1"}"#.to_owned(),
    };
    let result =
        ServerResult { call: "s1".to_owned(), tool: ServerTool::Code, output: "2".to_owned(), failed: false };
    let image = MediaSource::Base64 { mime: "image/png".to_owned(), data: "AAAA".to_owned() };
    let sound = MediaSource::Base64 { mime: "audio/wav".to_owned(), data: "AAAA".to_owned() };
    let tool = PartKind::ToolCall {
        id: "c1".to_owned(),
        name: "f".to_owned(),
        arguments: String::new(),
        custom: false,
    };
    let parts = vec![
        part(PartKind::Reasoning("hm".to_owned()))
            .with_native(Dialect::AnthropicMessages, json!({"signature": "s"})),
        text,
        Part::text("more", Provenance::Model),
        part(PartKind::ServerCall(call)),
        part(PartKind::ServerResult(result)),
        part(tool),
        part(PartKind::Media { kind: MediaKind::Image, source: image }),
        part(PartKind::Media { kind: MediaKind::Audio, source: sound }),
    ];
    let reply = Reply {
        id: "chatcmpl-9".to_owned(),
        model: "m".to_owned(),
        choices: vec![Choice { parts, finish: Finish::Length, ..Choice::default() }, Choice::default()],
        usage: Some(Usage { input: 3, output: 2, ..Usage::default() }),
        ..Reply::default()
    };
    let (value, dropped) = written(&reply);
    assert_eq!(dropped, "choices[1], choices[0].content[7]");
    assert_eq!((&value["id"], &value["created_at"]), (&json!("resp_chatcmpl-9"), &json!(7)));
    assert_eq!(value["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(
        value["output"],
        json!([
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "id": "rs_chatcmpl-9_pg0"},
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "see", "annotations": [
                    {"type": "url_citation", "url": "http://a", "title": "", "start_index": 0, "end_index": 3},
                    {"type": "file_citation", "file_id": "file_1", "filename": "", "index": 2}], "logprobs": []},
                {"type": "output_text", "text": "more", "annotations": [], "logprobs": []}],
                "id": "msg_chatcmpl-9_pg1", "status": "completed"},
            {"type": "code_interpreter_call", "status": "completed", "container_id": "", "code": "1+1",
                "outputs": [{"type": "logs", "logs": "2"}], "id": "ci_chatcmpl-9_pg2"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "fc_chatcmpl-9_pg3",
                "status": "completed"},
            {"type": "image_generation_call", "result": "AAAA", "id": "ig_chatcmpl-9_pg4", "status": "completed"}
        ])
    );
    for field in
        ["error", "instructions", "metadata", "parallel_tool_calls", "tool_choice", "tools", "temperature"]
    {
        assert!(value.get(field).is_some(), "{field}");
    }
    assert_eq!(
        value["usage"],
        json!({"input_tokens": 3, "output_tokens": 2, "total_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0}})
    );
}

#[test]
fn a_text_that_was_cut_off_is_incomplete() {
    let choice = Choice {
        parts: vec![Part::text("half", Provenance::Model)],
        finish: Finish::Length,
        ..Choice::default()
    };
    let (value, _) = written(&Reply { choices: vec![choice], ..Reply::default() });
    assert_eq!((&value["id"], &value["output"][0]["status"]), (&json!("resp_req_1"), &json!("incomplete")));
}

#[test]
fn odd_items_do_no_harm() {
    let read = reply(&json!({"output": [
        {"type": "message", "content": []}, {"type": "message", "role": "user", "content": "x"},
        {"type": "reasoning"}, {"type": "web_search_call"}, {"type": "code_interpreter_call", "arguments": "{}"},
        {"type": "file_search_call", "results": [{"text": "t"}, 3]}, {"type": "mcp_call", "error": {"type": "e"}},
        {"type": "function_call", "id": "fc_1", "name": "f", "arguments": {"a": 1}}, {"type": "unheard"},
        {}], "usage": "none", "created_at": 5.9}));
    assert_eq!((read.created, read.usage), (Some(5), None));
    let calls: Vec<_> = read.choices[0]
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            PartKind::ToolCall { id, arguments, .. } => Some((id.as_str(), arguments.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("fc_1", r#"{"a":1}"#)]);
}
