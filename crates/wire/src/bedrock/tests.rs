//! Requests, replies and streams of this dialect, small ones written for the purpose.

use bytes::{Bytes, BytesMut};
use contract::Fault;
use contract::canon::{
    CacheHint, Citation, Event, Finish, MediaKind, MediaSource, Part, PartKind, PartStart, Provenance,
    Receipt, Reply, Request, Role,
};
use contract::fault::Code;
use contract::words::{Dialect, Usage};
use serde_json::{Value, json};

use super::encode::Encoder;
use super::invoke::{InvokeStream, claude_body, claude_error, without_model};
use super::read::read_chat;
use super::reply::{read_reply, write_reply};
use super::request::write_chat;
use super::stream::Decoder;
use crate::frames::eventstream::{MessageKind, Reader, write as write_message};
use crate::{Quirks, StreamDecoder, StreamEncoder};

mod streams;

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA: &str = "eu.amazon.nova-2-lite-v1:0";

fn write(canon: &Request) -> Result<(Value, String), Fault> {
    let mut receipt = Receipt::default();
    let bytes = write_chat(canon, &Quirks::default(), &mut receipt)?;
    Ok((serde_json::from_slice(&bytes).unwrap(), receipt.to_string()))
}

/// What an OpenAI client's request becomes, with the receipt.
fn from_openai(model: &str, mut request: Value) -> Result<(Value, String), Fault> {
    request["model"] = json!(model);
    write(&crate::hub::chat(Dialect::OpenaiChat).unwrap().read_request(request.to_string().as_bytes())?)
}

fn read(request: &Value, model: &str) -> Request {
    let mut canon = read_chat(request.to_string().as_bytes()).unwrap();
    canon.model = model.to_owned();
    canon
}

#[track_caller]
fn comes_back(request: &Value, model: &str) {
    let (written, receipt) = write(&read(request, model)).unwrap();
    assert_eq!(receipt, "");
    assert_eq!(&written, request);
}

#[test]
fn every_block_comes_back() {
    comes_back(
        &json!({
            "system": [
                {"text": "Be kind."}, {"cachePoint": {"type": "default", "ttl": "1h"}},
                {"guardContent": {"text": {"text": "Guarded.", "qualifiers": ["guard_content"]}}},
            ],
            "messages": [
                {"role": "user", "content": [
                    {"text": "Look."},
                    {"image": {"format": "png", "source": {"bytes": "QUJD"}}},
                    {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/k.jpg", "bucketOwner": "123456789012"}}}},
                    {"document": {"format": "pdf", "name": "a", "source": {"bytes": "QUJD"}, "citations": {"enabled": true}}},
                    {"document": {"format": "txt", "name": "b", "context": "c", "source": {"text": "Words."}}},
                    {"document": {"name": "c", "source": {"content": [{"text": "One."}, {"text": "Two."}]}}},
                    {"document": {"name": "e", "source": {"bytes": "QUJD"}}},
                    {"document": {"name": "f", "source": {"s3Location": {"uri": "s3://b/without-ending"}}}},
                    {"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://b/v"}}}},
                    {"audio": {"format": "mka", "source": {"bytes": "QUJD"}}},
                    {"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}, {"text": "y"}], "citations": {"enabled": true}}},
                    {"guardContent": {"image": {"format": "png", "source": {"bytes": "QUJD"}}}},
                    {"cachePoint": {"type": "default", "ttl": "5m"}},
                    {"toolAddition": {"tool": {"name": "f"}}},
                ]},
                {"role": "assistant", "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "sig"}}},
                    {"reasoningContent": {"redactedContent": "b3BhcXVl"}},
                    {"citationsContent": {"content": [{"text": "It is."}], "citations": [
                        {"title": "b", "sourceContent": [{"text": "Words."}], "location": {"documentChar": {"documentIndex": 0, "start": 0, "end": 6}}}]}},
                    {"citationsContent": {"citations": [{"title": "b", "location": {"web": {"url": "https://example.com"}}}]}},
                    {"toolUse": {"toolUseId": "s1", "name": "nova_grounding", "input": {"q": 1}, "type": "server_tool_use"}},
                    {"toolResult": {"toolUseId": "s1", "content": [{"json": {"r": 1}}], "type": "nova_grounding_result", "status": "success"}},
                    {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"b": 1, "a": 2.5}}},
                    {"toolUse": {"toolUseId": "t2", "name": "g", "input": {}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "t1", "status": "error", "content": [{"text": "no"}]}},
                    {"toolResult": {"toolUseId": "t2", "status": "success", "content": [
                        {"json": {"n": 1.5}}, {"image": {"format": "webp", "source": {"bytes": "QUJD"}}},
                        {"document": {"format": "csv", "name": "d", "source": {"bytes": "QUJD"}}}]}},
                    {"cachePoint": {"type": "default"}},
                    {"text": "Go on."},
                ]},
            ],
            "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "stopSequences": ["END"]},
            "toolConfig": {"tools": [
                {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": {"type": "object", "additionalProperties": false}}, "strict": true}},
                {"cachePoint": {"type": "default"}},
                {"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object"}}}},
                {"systemTool": {"name": "nova_grounding"}},
            ], "toolChoice": {"auto": {}}},
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
            "additionalModelRequestFields": {"top_k": 5, "anthropic_beta": ["b"]},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
            "promptVariables": {"v": {"text": "x"}}, "requestMetadata": {"k": "v"},
            "performanceConfig": {"latency": "optimized"}, "serviceTier": {"type": "flex"},
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
                "schema": "{\"type\":\"object\",\"additionalProperties\":false}", "name": "n", "description": "d"}}}},
        }),
        CLAUDE,
    );
}

#[test]
fn canon_has_a_word_for_what_it_can() {
    let canon = read(
        &json!({
            "system": [{"text": "S"}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {"role": "user", "content": [{"document": {"name": "a", "source": {"text": "T"}}},
                    {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1.0}}}]},
                {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": []}}, {"text": "?"}]},
            ],
        }),
        CLAUDE,
    );
    let roles: Vec<(Role, Option<&str>)> =
        canon.messages.iter().map(|message| (message.role, message.at.as_deref())).collect();
    assert_eq!(
        roles,
        [
            (Role::System, Some("system")),
            (Role::User, Some("messages[0]")),
            (Role::Assistant, Some("messages[1]")),
            (Role::Tool, Some("messages[2]")),
            (Role::User, Some("messages[2]")),
        ]
    );
    assert_eq!(canon.messages[0].parts[0].cache, Some(CacheHint::Short));
    let parts = &canon.messages[1].parts;
    assert_eq!(
        (&parts[0].kind, parts[0].provenance),
        (&PartKind::Text("T".to_owned()), Provenance::Retrieved)
    );
    let s3 = MediaSource::Url("s3://b/k".to_owned());
    assert_eq!(parts[1].kind, PartKind::Media { kind: MediaKind::Image, source: s3 });
    let PartKind::ToolCall { arguments, .. } = &canon.messages[2].parts[0].kind else { panic!("a call") };
    assert_eq!(arguments, r#"{"a": 1.0}"#.replace(' ', "").as_str());
    let PartKind::ToolResult(result) = &canon.messages[3].parts[0].kind else { panic!("a result") };
    assert_eq!(result.name.as_deref(), Some("f"));
}

#[test]
fn thinking_comes_back_in_every_makers_form() {
    for (model, more) in [
        (
            CLAUDE,
            json!({"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}),
        ),
        (
            "anthropic.claude-sonnet-5",
            json!({"additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "summarized"}},
                "outputConfig": {"effort": "xhigh"}}),
        ),
        (CLAUDE, json!({"additionalModelRequestFields": {"thinking": {"type": "disabled"}}})),
        ("anthropic.claude-opus-4-5-20251101-v1:0", json!({"outputConfig": {"effort": "low"}})),
        (
            NOVA,
            json!({"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}}),
        ),
        (NOVA, json!({"additionalModelRequestFields": {"reasoningConfig": {"type": "disabled"}}})),
        (NOVA, json!({"additionalModelRequestFields": {"inferenceConfig": {"topK": 5}}})),
        ("openai.gpt-oss-120b-1:0", json!({"additionalModelRequestFields": {"reasoning_effort": "high"}})),
        (
            "",
            json!({"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}),
        ),
        (CLAUDE, json!({"additionalModelRequestFields": "odd"})),
    ] {
        let mut request = more;
        request["messages"] = json!([{"role": "user", "content": [{"text": "Hi"}]}]);
        comes_back(&request, model);
    }
}

#[test]
fn a_system_message_between_turns_stays_there() {
    comes_back(
        &json!({"messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "system", "content": [{"toolRemoval": {"tool": {"name": "f"}}}, {"text": "Now."}]},
            {"role": "assistant", "content": [{"text": "Yes."}]},
        ]}),
        CLAUDE,
    );
}

#[test]
fn wrong_requests_name_the_field() {
    for (body, code, param) in [
        ("", Code::InvalidJson, None),
        ("[]", Code::InvalidRequest, None),
        ("{}", Code::InvalidRequest, Some("messages")),
        (
            r#"{"messages":[{"role":"user","content":"x"}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content"),
        ),
        (r#"{"messages":[{"role":"tool","content":[]}]}"#, Code::InvalidRequest, Some("messages[0].role")),
        (r#"{"messages":[{"role":"user"}]}"#, Code::InvalidRequest, Some("messages[0].content")),
        (
            r#"{"messages":[{"role":"user","content":[{"text":"a"},{"text":1}]}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content[1]"),
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"toolResult":{"content":"x"}}]}]}"#,
            Code::InvalidRequest,
            Some("messages[0].content[0]"),
        ),
        (r#"{"messages":[],"system":[1]}"#, Code::InvalidRequest, Some("system[0]")),
        (
            r#"{"messages":[],"inferenceConfig":{"maxTokens":"1"}}"#,
            Code::InvalidRequest,
            Some("inferenceConfig.maxTokens"),
        ),
        (
            r#"{"messages":[],"toolConfig":{"tools":[{"toolSpec":{}}]}}"#,
            Code::InvalidRequest,
            Some("toolConfig.tools[0].toolSpec.name"),
        ),
        (
            r#"{"messages":[],"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{"}}}}}"#,
            Code::InvalidRequest,
            Some("outputConfig.textFormat.structure.jsonSchema.schema"),
        ),
    ] {
        let fault = read_chat(body.as_bytes()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (code, param), "{body}");
    }
    let empty = read(&json!({"messages": []}), CLAUDE);
    assert_eq!(write(&empty).unwrap_err().param(), Some("messages"));
}

#[test]
fn an_openai_conversation_is_arranged() {
    let request = json!({
        "max_completion_tokens": 50, "temperature": 1.5, "seed": 1, "user": "u", "metadata": {"a": "b"},
        "parallel_tool_calls": false, "service_tier": "auto", "stop": "X",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Look."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "x.pdf"}}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a/1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "oops"}}]},
            {"role": "tool", "tool_call_id": "a/1", "content": "1"},
            {"role": "tool", "tool_call_id": "b", "content": "2"},
            {"role": "user", "content": "  "},
            {"role": "user", "content": "So?"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {}}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    });
    let (written, receipt) = from_openai(CLAUDE, request).unwrap();
    assert_eq!(written["system"], json!([{"text": "Be kind."}]));
    let messages = written["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0]["content"][1], json!({"image": {"format": "png", "source": {"bytes": "QUJD"}}}));
    assert_eq!(messages[0]["content"][2]["document"]["format"], "pdf");
    assert!(messages[0]["content"][2]["document"]["name"].is_string());
    assert_eq!(
        messages[1]["content"],
        json!([{"toolUse": {"toolUseId": "a_2f1", "name": "f", "input": {"x": 1}}},
            {"toolUse": {"toolUseId": "b", "name": "f", "input": {"arguments": "oops"}}}])
    );
    assert_eq!(messages[2]["content"][0]["toolResult"]["toolUseId"], "a_2f1");
    assert_eq!(messages[2]["content"][2], json!({"text": "So?"}));
    assert_eq!(written["toolConfig"]["toolChoice"], json!({"tool": {"name": "f"}}));
    assert_eq!(
        written["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"],
        json!({"properties": {}, "type": "object"})
    );
    assert_eq!(
        written["inferenceConfig"],
        json!({"maxTokens": 50, "temperature": 1.0, "stopSequences": ["X"]})
    );
    assert_eq!(written["requestMetadata"], json!({"a": "b"}));
    for field in ["temperature", "parallel_tool_calls", "seed", "user"] {
        assert!(receipt.contains(field), "{field}: {receipt}");
    }
    assert!(written.get("model").is_none());
}

#[test]
fn a_conversation_that_the_model_began_is_greeted() {
    let messages = json!([{"role": "assistant", "content": "Welcome!"}, {"role": "user", "content": "hi"}]);
    let (written, receipt) = from_openai(CLAUDE, json!({"messages": messages})).unwrap();
    let turns = json!([{"role": "user", "content": [{"text": "Hello."}]},
        {"role": "assistant", "content": [{"text": "Welcome!"}]}, {"role": "user", "content": [{"text": "hi"}]}]);
    assert_eq!((&written["messages"], receipt.as_str()), (&turns, "messages[0].role"));
}

#[test]
fn what_bedrock_cannot_fetch_is_refused() {
    let request = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]});
    let fault = from_openai(CLAUDE, request).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("messages[0].content[0]")));
}

fn schema_request() -> Value {
    json!({
        "messages": [{"role": "user", "content": "Where?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema":
            {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}}},
    })
}

#[test]
fn a_schema_is_native_a_tool_or_named_in_the_receipt() {
    let (native, receipt) = from_openai(CLAUDE, schema_request()).unwrap();
    let definition = &native["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
    assert_eq!(definition["name"], "city");
    let schema: Value = serde_json::from_str(definition["schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["additionalProperties"], json!(false));
    assert_eq!(receipt, "response_format.schema.properties.n.minimum");

    let (tool, receipt) = from_openai("us.amazon.nova-pro-v1:0", schema_request()).unwrap();
    assert_eq!(tool["toolConfig"]["toolChoice"], json!({"tool": {"name": crate::emulate::ANSWER_TOOL}}));
    assert_eq!(tool["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["type"], "object");
    assert_eq!((tool.get("outputConfig"), receipt.as_str()), (None, ""));

    let (none, receipt) = from_openai("meta.llama3-8b-instruct-v1:0", schema_request()).unwrap();
    assert_eq!((none.get("outputConfig"), none.get("toolConfig")), (None, None));
    assert_eq!(receipt, "response_format");
}

#[test]
fn a_tool_stands_for_a_schema_where_the_model_takes_tools() {
    let any = json!({"any": {}});
    for (model, stream, choice, dropped) in [
        ("mistral.mistral-large-2407-v1:0", false, Some(&any), ""),
        // Not in a stream.
        ("mistral.mistral-large-2407-v1:0", true, None, "response_format"),
        ("cohere.command-r-plus-v1:0", true, None, "response_format"),
        ("us.meta.llama3-3-70b-instruct-v1:0", false, None, "response_format"),
    ] {
        let mut request = schema_request();
        request["stream"] = json!(stream);
        let (written, receipt) = from_openai(model, request).unwrap();
        let takes = !(stream && model.starts_with("mistral"));
        let tool = &written["toolConfig"]["tools"][0]["toolSpec"]["name"];
        assert_eq!(*tool == crate::emulate::ANSWER_TOOL, takes, "{model}");
        assert_eq!(written["toolConfig"].get("toolChoice"), choice, "{model}");
        assert_eq!(receipt, dropped, "{model}");
    }
    // Beside other tools the model could not be made to call it.
    let mut request = schema_request();
    request["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    let (written, receipt) = from_openai("mistral.mistral-large-2407-v1:0", request).unwrap();
    assert_eq!(written["toolConfig"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(receipt, "response_format");
}

#[test]
fn media_in_a_reply_come_back_wherever_they_lie() {
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k.png", "bucketOwner": "1"}}}},
            {"audio": {"format": "wav", "source": {"s3Location": {"uri": "s3://b/k"}}}},
            {"document": {"name": "d", "source": {"bytes": "QUJD"}}},
        ]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 5},
    });
    let mut receipt = Receipt::default();
    let written = write_reply(&read_reply(answer.to_string().as_bytes()).unwrap(), &mut receipt);
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), answer);
    assert!(receipt.is_empty());
}

#[test]
fn the_tool_that_stands_for_a_schema_is_read_as_the_answer() {
    let answer = json!({"output": {"message": {"role": "assistant", "content": [
        {"toolUse": {"toolUseId": "t", "name": crate::emulate::ANSWER_TOOL, "input": {"n": 1}}}]}}, "stopReason": "tool_use"});
    let reply = read_reply(answer.to_string().as_bytes()).unwrap();
    let choice = &reply.choices[0];
    assert_eq!(choice.finish, Finish::Stop);
    assert_eq!(choice.parts, [Part::text(r#"{"n":1}"#, Provenance::Model)]);
    let events = decode(&stream(&[
        ("messageStart", json!({"role": "assistant"})),
        ("contentBlockStart", json!({"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": crate::emulate::ANSWER_TOOL}}})),
        ("contentBlockDelta", json!({"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{\"n\":1}"}}})),
        ("contentBlockStop", json!({"contentBlockIndex": 0})),
        ("messageStop", json!({"stopReason": "tool_use"})),
    ]))
    .unwrap();
    assert!(events.contains(&Event::PartStart { choice: 0, index: 0, part: PartStart::Text, native: None }));
    assert!(events.contains(&Event::Finish { choice: 0, reason: Finish::Stop, stop_sequence: None }));
}

#[test]
fn tool_choices_are_said_in_what_the_model_takes() {
    let request = |choice: Value| {
        json!({"messages": [{"role": "user", "content": "Hi"}], "tool_choice": choice, "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]})
    };
    let named = json!({"type": "function", "function": {"name": "g"}});
    let (none, receipt) = from_openai(CLAUDE, request(json!("none"))).unwrap();
    assert_eq!((none.get("toolConfig"), receipt.as_str()), (None, ""));
    let (any, _) = from_openai(CLAUDE, request(json!("required"))).unwrap();
    assert_eq!(any["toolConfig"]["toolChoice"], json!({"any": {}}));
    let (one, receipt) = from_openai("mistral.mistral-large-3-675b-instruct", request(named)).unwrap();
    assert_eq!(one["toolConfig"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!((&one["toolConfig"]["toolChoice"], receipt.as_str()), (&json!({"any": {}}), ""));
    let (plain, receipt) = from_openai("cohere.command-r-v1:0", request(json!("required"))).unwrap();
    assert_eq!((plain["toolConfig"].get("toolChoice"), receipt.as_str()), (None, "tool_choice"));
}

#[test]
fn calls_without_tools_get_definitions() {
    let request = json!({"messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"}]});
    let (written, receipt) = from_openai(CLAUDE, request).unwrap();
    assert_eq!(written["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
    assert_eq!(receipt, "");
}

#[test]
fn efforts_become_what_the_model_takes() {
    let request = |tokens: u64| {
        json!({"messages": [{"role": "user", "content": "Hi"}], "reasoning_effort": "medium",
        "max_tokens": tokens, "temperature": 0.2})
    };
    let (budget, receipt) = from_openai("anthropic.claude-sonnet-4-20250514-v1:0", request(4000)).unwrap();
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 3000}});
    assert_eq!((&budget["additionalModelRequestFields"], receipt.as_str()), (&thinking, "temperature"));
    let (adaptive, _) = from_openai("anthropic.claude-sonnet-5", request(4000)).unwrap();
    assert_eq!(adaptive["additionalModelRequestFields"], json!({"thinking": {"type": "adaptive"}}));
    assert_eq!(adaptive["outputConfig"], json!({"effort": "medium"}));
    let (nova, receipt) = from_openai(NOVA, request(4000)).unwrap();
    let config = json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}});
    assert_eq!((&nova["additionalModelRequestFields"], receipt.as_str()), (&config, ""));
    let (unable, receipt) = from_openai("meta.llama3-8b-instruct-v1:0", request(4000)).unwrap();
    assert_eq!((unable.get("additionalModelRequestFields"), receipt.as_str()), (None, "reasoning_effort"));
}

#[test]
fn replies_come_back_with_all_they_say() {
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm."}}},
            {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": [{"source": "s", "location": {"web": {"url": "https://e/x", "domain": "e"}}}]}},
            {"toolUse": {"toolUseId": "t", "name": "f", "input": {"n": 12345678901234567890.5}, "type": "tool_use"}},
            {"image": {"format": "png", "source": {"bytes": "QUJD"}}}]}},
        "stopReason": "guardrail_intervened", "metrics": {"latencyMs": 5},
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "serverToolUsage": {}},
        "trace": {"guardrail": {"x": 1}}, "serviceTier": {"type": "flex"},
        "additionalModelResponseFields": {"stop_sequence": "END"},
    });
    let reply = read_reply(answer.to_string().as_bytes()).unwrap();
    let choice = &reply.choices[0];
    assert_eq!((&choice.finish, choice.stop_sequence.as_deref()), (&Finish::ContentFilter, Some("END")));
    assert_eq!(choice.parts[1].citations[0].url.as_deref(), Some("https://e/x"));
    assert_eq!(crate::service_tier(&reply.extra), Some("flex"));
    let mut receipt = Receipt::default();
    let written: Value = serde_json::from_slice(&write_reply(&reply, &mut receipt)).unwrap();
    assert_eq!((written, receipt.is_empty()), (answer, true));
    for broken in [
        "",
        "{}",
        r#"{"output":{}}"#,
        r#"{"output":{"message":{}}}"#,
        r#"{"output":{"message":{"content":[{"text":1}]}}}"#,
    ] {
        assert!(read_reply(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn a_reply_of_another_provider_is_complete() {
    let mut cited = Part::text("It is.", Provenance::Model);
    cited.citations = vec![Citation {
        url: Some("https://e/x".to_owned()),
        title: Some("X".to_owned()),
        ..Citation::default()
    }];
    let thoughts = Part::new(PartKind::Reasoning("Hm.".to_owned()), Provenance::Model);
    let choice = contract::canon::Choice {
        parts: vec![thoughts, cited],
        finish: Finish::StopSequence,
        stop_sequence: Some("END".to_owned()),
        ..Default::default()
    };
    let usage = Some(Usage { input: 1, cached: 2, output: 3, ..Usage::default() });
    let reply = Reply { choices: vec![choice], usage, ..Reply::default() };
    let mut receipt = Receipt::default();
    let written: Value = serde_json::from_slice(&write_reply(&reply, &mut receipt)).unwrap();
    assert_eq!(
        written,
        json!({
            "output": {"message": {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm."}}},
                {"citationsContent": {"content": [{"text": "It is."}], "citations": [{"title": "X", "location": {"web": {"url": "https://e/x"}}}]}}]}},
            "stopReason": "stop_sequence", "metrics": {"latencyMs": 0},
            "usage": {"inputTokens": 1, "outputTokens": 3, "totalTokens": 6, "cacheReadInputTokens": 2},
            "additionalModelResponseFields": {"stop_sequence": "END"},
        })
    );
}

fn stream(frames: &[(&str, Value)]) -> Bytes {
    let mut out = BytesMut::new();
    for (name, payload) in frames {
        write_message(MessageKind::Event(name), payload.to_string().as_bytes(), &mut out);
    }
    out.freeze()
}

fn decode(bytes: &Bytes) -> Result<Vec<Event>, crate::WireError> {
    let (mut decoder, mut events) = (Decoder::default(), Vec::new());
    decoder.push(bytes, &mut events)?;
    decoder.finish(&mut events)?;
    Ok(events)
}

fn frames(bytes: &[u8]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let read = Reader::default().feed(bytes, |message| {
        let name = match message.kind {
            MessageKind::Event(name) | MessageKind::Exception(name) => name,
            MessageKind::Error { code, .. } => code,
        };
        found.push((name.to_owned(), serde_json::from_slice(message.payload).unwrap()));
        Ok::<_, crate::frames::eventstream::EventStreamError>(())
    });
    read.unwrap();
    found
}

fn delta(index: u32, delta: &Value) -> (&'static str, Value) {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}))
}
