//! As a client's dialect: what becomes of requests and answers, and that nothing of Gemini's own is lost on the way.

use contract::canon::{
    Alternative, Answered, Asked, Choice, Citation, Effort, Finish, MediaKind, MediaSource, Message,
    Modality, OutputFormat, Part, PartKind, Provenance, Receipt, Reply, Request, Role, ServerCall,
    ServerResult, ServerTool, TokenLogprob, Tool, ToolChoice,
};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde_json::{Value, json};

use super::super::read::read_chat;
use super::super::reply::{read_reply, write_reply};
use super::super::request::write_chat;
use crate::{EncodeOptions, Quirks};

fn read(request: &Value) -> Request {
    read_chat(request.to_string().as_bytes()).unwrap()
}

fn written(request: &Request) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = write_chat(request, &Quirks::default(), &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}

/// A request in the usual spelling and order, with about all that one can say.
fn everything() -> Value {
    json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [
                {"text": "Look."},
                {"inlineData": {"mimeType": "image/png", "data": "QUJD", "displayName": "a"}, "mediaResolution": {"level": "LOW"}},
                {"fileData": {"mimeType": "video/x-flv", "fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}},
                {"fileData": {"mimeType": "audio/mpeg", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}},
                {"fileData": {"fileUri": "gs://bucket/a.pdf"}}]},
            {"role": "user", "parts": [{"text": "Really."}]},
            {"role": "model", "parts": [
                {"text": "Hm.", "thought": true, "thoughtSignature": "s0"},
                {"functionCall": {"name": "f", "args": {"n": 12_345_678_901_i64}}, "thoughtSignature": "s1"},
                {"functionCall": {"name": "g", "args": {}}},
                {"functionCall": {"id": "own", "name": "f", "args": {}}},
                {"executableCode": {"language": "PYTHON", "code": "1+1"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "2"}},
                {"toolCall": {"id": "t", "toolType": "FILE_SEARCH"}, "thoughtSignature": "s2"},
                {"hologram": {"x": 1}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "g", "response": {"output": "fine"}}},
                {"functionResponse": {"name": "f", "response": {"sum": [1, 2]}, "scheduling": "SILENT"}},
                {"functionResponse": {"id": "own", "name": "f", "response": {"error": "dark"},
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]}},
                {"text": "So?"}]}],
        "tools": [
            {"functionDeclarations": [
                {"name": "f", "description": "d", "behavior": "BLOCKING", "parameters": {"type": "OBJECT",
                    "properties": {"n": {"type": "INTEGER", "nullable": true}}}},
                {"name": "g", "parametersJsonSchema": {"type": "object", "patternProperties": {"^x": {}}}}]},
            {"googleSearch": {"timeRangeFilter": {}}},
            {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]},
            "retrievalConfig": {"languageCode": "de"}},
        "generationConfig": {
            "temperature": 0.5, "topP": 0.9, "topK": 40, "candidateCount": 2, "stopSequences": ["a", "b", "c", "d", "e", "f"],
            "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": true, "logprobs": 3,
            "maxOutputTokens": 100, "responseMimeType": "application/json", "responseSchema": {"type": "STRING"},
            "responseModalities": ["TEXT", "AUDIO"],
            "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "languageCode": "de-DE"},
            "thinkingConfig": {"includeThoughts": true, "thinkingBudget": -1}, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "cachedContent": "cachedContents/c", "labels": {"team": "a"}, "serviceTier": "flex", "store": false,
    })
}

#[test]
fn everything_becomes_canon() {
    let request = read(&everything());
    let places: Vec<_> =
        request.messages.iter().map(|message| (message.role, message.at.as_deref().unwrap())).collect();
    assert_eq!(
        places,
        [
            (Role::System, "systemInstruction"),
            (Role::User, "contents[0]"),
            (Role::User, "contents[1]"),
            (Role::Assistant, "contents[2]"),
            (Role::Tool, "contents[3]"),
            (Role::User, "contents[3]"),
        ]
    );
    let media: Vec<_> = request.messages[1].parts[1..].iter().map(|part| &part.kind).collect();
    let file = |uri: &str| MediaSource::File(uri.to_owned());
    let expected = [
        (MediaKind::Image, MediaSource::Base64 { mime: "image/png".to_owned(), data: "QUJD".to_owned() }),
        (MediaKind::Video, MediaSource::Url("https://youtu.be/x".to_owned())),
        (MediaKind::Audio, file("https://generativelanguage.googleapis.com/v1beta/files/a")),
        (MediaKind::Document, file("gs://bucket/a.pdf")),
    ];
    for (part, (kind, source)) in media.into_iter().zip(expected) {
        assert_eq!(*part, PartKind::Media { kind, source });
    }
    let calls: Vec<&str> = results(&request);
    assert_eq!(calls, ["call_g_2", "call_g_1", "own"]);
    let said = &request.messages[3].parts;
    assert!(matches!(&said[4].kind, PartKind::ServerCall(ServerCall { tool: ServerTool::Code, .. })));
    assert!(
        matches!(&said[5].kind, PartKind::ServerResult(ServerResult { failed: true, output, .. }) if output == "2")
    );
    assert!(matches!(&said[6].kind, PartKind::ServerCall(ServerCall { tool: ServerTool::FileSearch, .. })));
    assert!(matches!(&said[7].kind, PartKind::Native));
    let Tool::Function { parameters: Some(parameters), .. } = &request.tools[0] else { panic!() };
    assert_eq!(*parameters, json!({"type": "object", "properties": {"n": {"type": ["integer", "null"]}}}));
    assert!(matches!(&request.tools[2], Tool::Server { tool: ServerTool::WebSearch, .. }));
    let names = vec!["f".to_owned(), "g".to_owned()];
    assert_eq!(request.tool_choice, Some(ToolChoice::Allowed { names, required: true }));
    assert!(
        matches!(&request.format, OutputFormat::JsonSchema { schema, .. } if *schema == json!({"type": "string"}))
    );
    assert_eq!(request.modalities, [Modality::Text, Modality::Audio]);
    assert_eq!(request.voice.as_ref().unwrap().name.as_deref(), Some("Kore"));
    assert_eq!(
        (request.max_output, request.sampling.top_k, request.sampling.n),
        (Some(100), Some(40), Some(2))
    );
    assert_eq!((request.sampling.logprobs, request.sampling.top_logprobs), (Some(true), Some(3)));
    assert_eq!((request.service_tier.as_deref(), request.store), (Some("flex"), Some(false)));
    let reasoning = request.reasoning.unwrap();
    assert_eq!((reasoning.include, reasoning.budget, reasoning.effort), (Some(true), None, None));
}

fn results(request: &Request) -> Vec<&str> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match &part.kind {
            PartKind::ToolResult(result) => Some(result.call.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn everything_comes_back() {
    let (out, receipt) = written(&read(&everything()));
    assert_eq!(out, everything());
    assert_eq!(receipt, "");
}

#[test]
fn the_other_spellings_are_read() {
    let request = read(&json!({
        "model": "models/m",
        "system_instruction": {"parts": {"text": "s"}},
        "contents": {"parts": {"inline_data": {"mime_type": "image/png", "data": "QUJD"}}},
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]},
        "tool_config": {"function_calling_config": {"mode": "validated"}},
        "generation_config": {"max_output_tokens": "5", "top_k": 4.0, "thinking_config": {"thinking_level": "HIGH"},
            "response_mime_type": "application/json"},
        "safety_settings": [],
    }));
    assert_eq!(request.model, "m");
    assert_eq!((request.messages[0].role, request.messages[1].role), (Role::System, Role::User));
    assert!(matches!(request.messages[1].parts[0].kind, PartKind::Media { .. }));
    assert!(matches!(&request.tools[0], Tool::Function { strict: Some(true), .. }));
    assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
    assert_eq!((request.max_output, request.sampling.top_k), (Some(5), Some(4)));
    assert_eq!(request.reasoning.as_ref().unwrap().effort, Some(Effort::High));
    assert_eq!(request.format, OutputFormat::JsonObject);
    let (out, receipt) = written(&request);
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
        "generationConfig": {"topK": 4, "maxOutputTokens": 5, "responseMimeType": "application/json",
            "thinkingConfig": {"thinkingLevel": "high"}},
        "safetySettings": [],
    });
    assert_eq!((out, receipt.as_str()), (expected, ""));
}

#[test]
fn choices_of_tools_have_their_words() {
    let config = |calling: Value| {
        json!({"contents": [{"parts": [{"text": "x"}]}], "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": calling}})
    };
    let names = || vec!["f".to_owned(), "g".to_owned()];
    for (calling, choice) in [
        (json!({"mode": "AUTO"}), Some(ToolChoice::Auto)),
        (json!({"mode": "NONE"}), Some(ToolChoice::None)),
        (json!({"mode": "ANY"}), Some(ToolChoice::Required)),
        (json!({"allowedFunctionNames": ["f"], "mode": "ANY"}), Some(ToolChoice::Named("f".to_owned()))),
        (
            json!({"allowedFunctionNames": ["f", "g"], "mode": "VALIDATED"}),
            Some(ToolChoice::Allowed { names: names(), required: false }),
        ),
        (json!({"mode": "AUTO", "streamFunctionCallArguments": true}), Some(ToolChoice::Auto)),
        (json!({"mode": "LATER"}), None),
    ] {
        let request = read(&config(calling.clone()));
        assert_eq!(request.tool_choice, choice, "{calling}");
        assert_eq!(written(&request).0["toolConfig"], json!({"functionCallingConfig": calling}));
    }
}

#[test]
fn faults_name_the_place() {
    let user = json!([{"role": "user", "parts": [{"text": "x"}]}]);
    for (request, param) in [
        (json!({}), "contents"),
        (json!({"contents": "x"}), "contents"),
        (json!({"contents": [{"role": "user", "parts": "x"}]}), "contents[0].parts"),
        (json!({"contents": [{"role": "system", "parts": []}]}), "contents[0].role"),
        (json!({"contents": user, "systemInstruction": 1}), "systemInstruction"),
        (
            json!({"contents": user, "tools": [{"functionDeclarations": [{"name": 1}]}]}),
            "tools[0].functionDeclarations[0].name",
        ),
        (json!({"contents": user, "generationConfig": {"topK": "x"}}), "generationConfig.topK"),
        (
            json!({"contents": user, "generation_config": {"max_output_tokens": -1}}),
            "generationConfig.maxOutputTokens",
        ),
        (
            json!({"contents": user, "generationConfig": {"thinkingConfig": 1}}),
            "generationConfig.thinkingConfig",
        ),
    ] {
        let fault: Fault = read_chat(request.to_string().as_bytes()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)), "{request}");
    }
    assert_eq!(read_chat(b"{\"contents\":[").unwrap_err().code(), Code::InvalidJson);
    assert_eq!(read_chat(b"\xff").unwrap_err().code(), Code::InvalidEncoding);
    let deep = format!("{{\"contents\":{}", "[".repeat(100_000));
    assert!(read_chat(deep.as_bytes()).is_err());
}

#[test]
fn other_dialects_are_told_what_is_lost_and_nothing_else() {
    let plain = json!({"contents": [{"role": "user", "parts": [{"text": "x"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"},
            "thinkingConfig": {"includeThoughts": true}}});
    let mut asked = Asked::Chat(Box::new(read(&plain)));
    asked.model_mut().push('m');
    let mut receipt = Receipt::default();
    crate::write_request(Dialect::OpenaiChat, &asked, &Quirks::default(), &mut receipt).unwrap();
    assert_eq!(receipt.to_string(), "");
}

#[test]
fn a_source_of_a_whole_text_is_told_with_the_text() {
    let cited = |text: &str, url: &str| {
        json!({"type": "text", "text": text, "citations": [{"type": "web_search_result_location",
            "url": url, "title": "T", "cited_text": "c", "encrypted_index": "e"}]})
    };
    let body = json!({"id": "i", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [cited("Größe", "https://a"), {"type": "text", "text": " ist "}, cited("5 m", "https://b")],
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    let answered = crate::read_reply(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
    let Answered::Chat(reply) = answered else { panic!("no conversation") };
    let bytes = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    let written: Value = serde_json::from_slice(&bytes).unwrap();
    let support = |part: u32, bytes: u32, chunk: u32| json!({"segment": {"partIndex": part, "startIndex": 0, "endIndex": bytes}, "groundingChunkIndices": [chunk]});
    let supports = &written["candidates"][0]["groundingMetadata"]["groundingSupports"];
    assert_eq!(supports, &json!([support(0, 7, 0), support(2, 3, 1)]));
}

#[test]
fn tools_of_other_providers_become_googles() {
    let server = |owner, tool, value| Tool::Server { owner, tool, value };
    let request = Request {
        model: "gemini-3.5-flash".to_owned(),
        messages: vec![Message::new(Role::User, vec![Part::text("x", Provenance::User)])],
        tools: vec![
            server(
                Dialect::AnthropicMessages,
                ServerTool::WebSearch,
                json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 3}),
            ),
            server(
                Dialect::OpenaiResponses,
                ServerTool::Code,
                json!({"type": "code_interpreter", "container": {}}),
            ),
            server(Dialect::OpenaiResponses, ServerTool::Mcp, json!({"type": "mcp"})),
            Tool::Custom {
                name: "patch".to_owned(),
                description: None,
                format: None,
                extra: Default::default(),
            },
        ],
        ..Request::default()
    };
    let (out, receipt) = written(&request);
    let patch = json!({"name": "patch", "parametersJsonSchema": {"type": "object",
        "properties": {"input": {"type": "string"}}, "required": ["input"]}});
    assert_eq!(
        out["tools"],
        json!([{"functionDeclarations": [patch]}, {"googleSearch": {}}, {"codeExecution": {}}])
    );
    assert_eq!(receipt, "tools[0].max_uses, tools[2]");
}

fn answer() -> Value {
    json!({
        "candidates": [{
            "content": {"parts": [
                {"text": "Hm.", "thought": true},
                {"text": "Größe: 5 m"},
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s"},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}], "role": "model"},
            "finishReason": "STOP", "index": 0,
            "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}],
            "avgLogprobs": -0.5, "tokenCount": 3, "finishMessage": "Model generated function call(s).",
            "logprobsResult": {"chosenCandidates": [{"token": "G", "tokenId": 5, "logProbability": -0.5}]},
            "citationMetadata": {"citationSources": [{"startIndex": 0, "endIndex": 7, "uri": "https://c", "license": "mit"}]},
            "groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"web": {"uri": "https://b"}}],
                "groundingSupports": [{"segment": {"partIndex": 1, "startIndex": 9, "endIndex": 12}, "groundingChunkIndices": [0]}]},
            "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://a"}, {"retrievedUrl": "https://d",
                "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}]}}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "totalTokenCount": 15,
            "trafficType": "ON_DEMAND"},
        "modelVersion": "gemini-x", "createTime": "2025-08-19T14:55:12.290295Z", "responseId": "r1",
    })
}

#[test]
fn an_answer_comes_back() {
    let reply = read_reply(answer().to_string().as_bytes()).unwrap();
    assert_eq!(reply.created, Some(1_755_615_312));
    assert_eq!(reply.usage, Some(Usage { input: 5, output: 10, reasoning: 3, ..Usage::default() }));
    let choice = &reply.choices[0];
    assert_eq!((choice.finish.clone(), choice.logprobs[0].token.logprob), (Finish::ToolCalls, -0.5));
    let cited: Vec<_> =
        choice.parts[1].citations.iter().map(|it| (it.url.as_deref().unwrap(), it.range.clone())).collect();
    // Bytes become characters: ö and ß are two bytes each.
    let expected =
        [("https://a", Some(7..10)), ("https://b", None), ("https://c", Some(0..5)), ("https://d", None)];
    assert_eq!(cited, expected);
    let mut receipt = Receipt::default();
    let bytes = write_reply(&reply, &EncodeOptions::default(), &mut receipt);
    let out: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(out, answer());
    assert!(receipt.is_empty());
}

#[test]
fn reasons_come_back_as_they_were() {
    for (reason, finish) in [
        (json!("SAFETY"), Finish::ContentFilter),
        (json!("RECITATION"), Finish::ContentFilter),
        (json!("UNEXPECTED_TOOL_CALL"), Finish::MalformedCall),
        (json!("MALFORMED_FUNCTION_CALL"), Finish::MalformedCall),
        (json!("MAX_TOKENS"), Finish::Length),
        (json!(2), Finish::Length),
        (json!("LANGUAGE"), Finish::ContentFilter),
        (json!("CONTINUATION"), Finish::Length),
        (json!("NO_IMAGE"), Finish::Other("NO_IMAGE".to_owned())),
        (json!(9), Finish::Other("9".to_owned())),
    ] {
        let answer = json!({"candidates": [{"finishReason": reason, "index": 0}]});
        let reply = read_reply(answer.to_string().as_bytes()).unwrap();
        assert_eq!(reply.choices[0].finish, finish);
        let bytes = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), answer);
    }
}

#[test]
fn a_blocked_prompt_comes_back_as_such() {
    let blocked = json!({"usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4},
        "promptFeedback": {"blockReason": "SAFETY", "safetyRatings": []}});
    let reply = read_reply(blocked.to_string().as_bytes()).unwrap();
    let bytes = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
    assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), blocked);
}

#[test]
fn an_answer_of_another_dialect_is_written_as_gemini_would() {
    let mut text = Part::text("Grüße.", Provenance::Model);
    let url = Some("https://a".to_owned());
    text.citations =
        vec![Citation { range: Some(2..5), url, title: Some("A".to_owned()), ..Citation::default() }];
    let search = ServerCall {
        id: "s".to_owned(),
        tool: ServerTool::WebSearch,
        name: None,
        input: r#"{"query":"q"}"#.to_owned(),
    };
    let run = ServerCall {
        id: "r".to_owned(),
        tool: ServerTool::Code,
        name: None,
        input: r#"{"code":"1"}"#.to_owned(),
    };
    let ran =
        ServerResult { call: "r".to_owned(), tool: ServerTool::Code, output: "1".to_owned(), failed: false };
    let call = |arguments: &str, custom| PartKind::ToolCall {
        id: "c".to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        custom,
    };
    let kinds = [
        PartKind::ServerCall(search),
        PartKind::Reasoning("Hm.".to_owned()),
        PartKind::ServerCall(run),
        PartKind::ServerResult(ran),
        PartKind::Refusal("No.".to_owned()),
        call("{\"a\": 1}", false),
        call("plain", true),
        PartKind::Native,
    ];
    let mut parts: Vec<Part> = kinds.into_iter().map(|kind| Part::new(kind, Provenance::Model)).collect();
    parts.push(text);
    let token = Alternative { text: "G".to_owned(), logprob: -1.0, bytes: None };
    let logprobs = vec![TokenLogprob { token: token.clone(), top: vec![token] }];
    let choice = Choice { parts, finish: Finish::ToolCalls, logprobs, ..Choice::default() };
    let reply = Reply { model: "m".to_owned(), created: Some(0), choices: vec![choice], ..Reply::default() };
    let options =
        EncodeOptions { id: "req".to_owned(), model: "shown".to_owned(), ..EncodeOptions::default() };
    let mut receipt = Receipt::default();
    let out: Value = serde_json::from_slice(&write_reply(&reply, &options, &mut receipt)).unwrap();
    let one = json!({"token": "G", "logProbability": -1.0});
    let expected = json!({
        "candidates": [{
            "content": {"parts": [
                {"text": "Hm.", "thought": true},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
                {"text": "No."},
                {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}},
                {"functionCall": {"id": "c", "name": "f", "args": {"input": "plain"}}},
                {"text": "Grüße."}], "role": "model"},
            "finishReason": "STOP", "index": 0,
            "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
                "groundingSupports": [{"segment": {"partIndex": 6, "startIndex": 2, "endIndex": 7}, "groundingChunkIndices": [0]}],
                "webSearchQueries": ["q"]},
            "logprobsResult": {"chosenCandidates": [one], "topCandidates": [{"candidates": [one]}]}}],
        "modelVersion": "shown", "createTime": "1970-01-01T00:00:00Z", "responseId": "req",
    });
    assert_eq!(out, expected);
    assert_eq!(receipt.to_string(), "choices[0].content[7]");
}
