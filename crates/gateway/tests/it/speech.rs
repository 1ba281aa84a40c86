//! What a client of either dialect says and hears: requests, whole answers, streams. Written after the API references,
//! not after the code under test.

use serde_json::{Value, json};
use testkit::client::Client;

use crate::setup::Bench;

/// The dialect a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Openai,
    Anthropic,
}

/// An answer, whatever the dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
    /// Why it ended, in OpenAI's words.
    pub(crate) finish: Option<String>,
    pub(crate) usage: Option<Figures>,
    /// The error that ended a stream.
    pub(crate) error: Option<Value>,
    /// Has the dialect's last event come (`[DONE]`, `message_stop`)?
    pub(crate) ended: bool,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// Token counts as OpenAI understands them: cached within input, reasoning within output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
}

impl Speech {
    pub(crate) const ALL: [Self; 2] = [Self::Openai, Self::Anthropic];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Openai => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    pub(crate) const fn dialect(self) -> &'static str {
        match self {
            Self::Openai => "openai.chat",
            Self::Anthropic => "anthropic.messages",
        }
    }

    pub(crate) fn client(self, bench: &Bench) -> Client {
        match self {
            Self::Openai => bench.openai(),
            Self::Anthropic => bench.anthropic(),
        }
    }

    /// A system text, a question, at most 64 tokens of answer.
    pub(crate) fn ask(self, model: &str, question: &str, stream: bool) -> Value {
        let user = json!({ "role": "user", "content": question });
        match self {
            Self::Openai => json!({
                "model": model,
                "messages": [{ "role": "system", "content": "Be brief." }, user],
                "max_completion_tokens": 64,
                "stream": stream
            }),
            Self::Anthropic => json!({
                "model": model,
                "system": "Be brief.",
                "messages": [user],
                "max_tokens": 64,
                "stream": stream
            }),
        }
    }

    /// Offers the tool `lookup`.
    pub(crate) fn offer_tool(self, request: &mut Value) {
        let schema =
            json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
        request["tools"] = match self {
            Self::Openai => json!([{ "type": "function",
                "function": { "name": "lookup", "description": "Weather of a city", "parameters": schema } }]),
            Self::Anthropic => {
                json!([{ "name": "lookup", "description": "Weather of a city", "input_schema": schema }])
            }
        };
    }

    /// Adds the model's call of `lookup` and the tool's result to the conversation.
    pub(crate) fn add_result(self, request: &mut Value, call: &Call, result: &str) {
        let turns = match self {
            Self::Openai => vec![
                json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": call.id, "type": "function",
                    "function": { "name": call.name, "arguments": call.arguments.to_string() } }] }),
                json!({ "role": "tool", "tool_call_id": call.id, "content": result }),
            ],
            Self::Anthropic => vec![
                json!({ "role": "assistant", "content": [{ "type": "tool_use", "id": call.id, "name": call.name,
                    "input": call.arguments }] }),
                json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": call.id,
                    "content": result }] }),
            ],
        };
        request["messages"].as_array_mut().expect("messages").extend(turns);
    }

    /// Puts a picture in front of the question.
    pub(crate) fn add_image(self, request: &mut Value, mime: &str, data: &str) {
        let question = request["messages"].as_array_mut().and_then(|all| all.last_mut()).expect("a question");
        let text = question["content"].take();
        let text = json!({ "type": "text", "text": text });
        question["content"] = match self {
            Self::Openai => {
                json!([{ "type": "image_url", "image_url": { "url": format!("data:{mime};base64,{data}") } }, text])
            }
            Self::Anthropic => json!([
                { "type": "image", "source": { "type": "base64", "media_type": mime, "data": data } }, text
            ]),
        };
    }

    /// Asks for an answer that follows a schema.
    pub(crate) fn ask_for(self, request: &mut Value, schema: &Value) {
        match self {
            Self::Openai => {
                request["response_format"] = json!({ "type": "json_schema",
                    "json_schema": { "name": "weather", "schema": schema, "strict": true } });
            }
            Self::Anthropic => {
                request["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
            }
        }
    }

    /// Reads a whole answer.
    pub(crate) fn read(self, body: &Value) -> Said {
        match self {
            Self::Openai => openai_whole(body),
            Self::Anthropic => anthropic_whole(body),
        }
    }

    /// The text of a stream that goes on.
    pub(crate) fn hear_so_far(self, events: &[String]) -> String {
        let datas = events.iter().filter_map(|event| event.split_once("data: "));
        let values = datas.filter_map(|(_, data)| serde_json::from_str::<Value>(data).ok());
        let text = |value: Value| match self {
            Self::Openai => text(&value["choices"][0]["delta"]["content"]),
            Self::Anthropic => text(&value["delta"]["text"]),
        };
        values.map(text).collect()
    }

    /// Reads a stream, and checks that its events are in the order a client relies on.
    pub(crate) fn hear(self, events: &[String]) -> Said {
        match self {
            Self::Openai => openai_stream(events),
            Self::Anthropic => anthropic_stream(events),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn arguments(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("arguments are not JSON ({error}): {text}"))
}

fn openai_usage(usage: &Value) -> Option<Figures> {
    Some(Figures {
        input: usage.get("prompt_tokens")?.as_u64()?,
        cached: usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or_default(),
        output: usage["completion_tokens"].as_u64()?,
    })
}

fn openai_whole(body: &Value) -> Said {
    assert_eq!(body["object"], "chat.completion", "{body}");
    let choice = &body["choices"][0];
    let message = &choice["message"];
    assert_eq!(message["role"], "assistant", "{body}");
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| Call {
        id: text(&call["id"]),
        name: text(&call["function"]["name"]),
        arguments: arguments(call["function"]["arguments"].as_str().expect("arguments")),
    });
    Said {
        text: text(&message["content"]),
        calls: calls.collect(),
        finish: choice["finish_reason"].as_str().map(str::to_owned),
        usage: openai_usage(&body["usage"]),
        ended: true,
        ..Said::default()
    }
}

fn openai_stream(events: &[String]) -> Said {
    let mut said = Said::default();
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for event in events {
        assert!(!said.ended && said.error.is_none(), "after the end: {event}");
        let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("not a data event: {event:?}"));
        if data == "[DONE]" {
            said.ended = true;
            continue;
        }
        let chunk: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        if !chunk["error"].is_null() {
            said.error = Some(chunk["error"].clone());
            continue;
        }
        assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
        said.usage = openai_usage(&chunk["usage"]).or(said.usage);
        let Some(choice) = chunk["choices"].get(0) else { continue };
        said.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().expect("an index")).unwrap();
            if index == calls.len() {
                calls.push((text(&call["id"]), text(&call["function"]["name"]), String::new()));
            }
            calls[index].2.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            said.finish = Some(reason.to_owned());
        }
    }
    // A stream that failed may leave half a call.
    if said.error.is_none() {
        let whole = |(id, name, text): (_, _, String)| Call { id, name, arguments: arguments(&text) };
        said.calls = calls.into_iter().map(whole).collect();
    }
    said
}

fn anthropic_finish(reason: &Value) -> Option<String> {
    Some(match reason.as_str()? {
        "end_turn" | "stop_sequence" => "stop".to_owned(),
        "tool_use" => "tool_calls".to_owned(),
        "max_tokens" => "length".to_owned(),
        other => other.to_owned(),
    })
}

fn anthropic_usage(usage: &Value) -> Option<Figures> {
    let count = |name: &str| usage[name].as_u64().unwrap_or_default();
    let cached = count("cache_read_input_tokens");
    Some(Figures {
        input: usage.get("input_tokens")?.as_u64()? + cached + count("cache_creation_input_tokens"),
        cached,
        output: count("output_tokens"),
    })
}

fn anthropic_whole(body: &Value) -> Said {
    assert_eq!((&body["type"], &body["role"]), (&json!("message"), &json!("assistant")), "{body}");
    let mut said = Said {
        finish: anthropic_finish(&body["stop_reason"]),
        usage: anthropic_usage(&body["usage"]),
        ended: true,
        ..Said::default()
    };
    for block in body["content"].as_array().expect("content") {
        match block["type"].as_str() {
            Some("text") => said.text.push_str(block["text"].as_str().expect("text")),
            Some("tool_use") => said.calls.push(Call {
                id: text(&block["id"]),
                name: text(&block["name"]),
                arguments: block["input"].clone(),
            }),
            _ => {}
        }
    }
    said
}

fn anthropic_stream(events: &[String]) -> Said {
    let mut said = Said::default();
    let mut usage = json!({});
    let mut open: Option<(u64, String)> = None;
    let mut next = 0;
    for (at, event) in events.iter().enumerate() {
        assert!(!said.ended && said.error.is_none(), "after the end: {event}");
        let (name, data) = event
            .strip_prefix("event: ")
            .and_then(|rest| rest.split_once("\ndata: "))
            .unwrap_or_else(|| panic!("not an Anthropic event: {event:?}"));
        let data: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
        assert_eq!(data["type"], name, "{event}");
        assert!(matches!(name, "error" | "ping") || (at == 0) == (name == "message_start"), "{events:?}");
        match name {
            "message_start" => usage = data["message"]["usage"].clone(),
            "content_block_start" => {
                assert!(open.is_none() && data["index"] == next, "{events:?}");
                open = Some((next, String::new()));
                if data["content_block"]["type"] == "tool_use" {
                    let block = &data["content_block"];
                    said.calls.push(Call {
                        id: text(&block["id"]),
                        name: text(&block["name"]),
                        arguments: Value::Null,
                    });
                }
            }
            "content_block_delta" => {
                let (index, partial) = open.as_mut().expect("an open block");
                assert_eq!(data["index"], *index, "{event}");
                let delta = &data["delta"];
                said.text.push_str(delta["text"].as_str().unwrap_or_default());
                partial.push_str(delta["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" => {
                let (index, partial) = open.take().expect("an open block");
                assert_eq!(data["index"], index, "{event}");
                next += 1;
                if let Some(call) = said.calls.last_mut().filter(|call| call.arguments.is_null()) {
                    call.arguments = if partial.is_empty() { json!({}) } else { arguments(&partial) };
                }
            }
            "message_delta" => {
                said.finish = anthropic_finish(&data["delta"]["stop_reason"]);
                let fresh = data["usage"].as_object().cloned().unwrap_or_default();
                usage.as_object_mut().expect("usage").extend(fresh);
            }
            "message_stop" => {
                assert!(open.is_none(), "{events:?}");
                said.ended = true;
            }
            "error" => said.error = Some(data["error"].clone()),
            _ => {}
        }
    }
    said.usage = anthropic_usage(&usage);
    said
}
