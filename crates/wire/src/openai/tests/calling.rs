//! Calls of tools: why an answer with them ended.

use super::*;
use crate::Gather;

fn call(arguments: &str) -> Value {
    json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}})
}

fn finish_of(events: &[Event]) -> Option<&Finish> {
    events.iter().find_map(|event| if let Event::Finish { reason, .. } = event { Some(reason) } else { None })
}

#[test]
fn an_answer_with_calls_ends_for_them_whatever_its_server_says() {
    for (said, meant) in [
        ("stop", Finish::ToolCalls),
        ("eos", Finish::ToolCalls),
        ("tool_calls", Finish::ToolCalls),
        ("length", Finish::Length),
        ("content_filter", Finish::ContentFilter),
    ] {
        let body = json!({"id": "i", "object": "chat.completion", "created": 5, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": null, "refusal": null,
                "tool_calls": [call("{}")]}, "logprobs": null, "finish_reason": said}]});
        let (reply, written) = round_reply(&body);
        assert_eq!((&reply.choices[0].finish, &written), (&meant, &body), "{said}");

        let mut begun = call("{}");
        begun["index"] = json!(0);
        let frames = [chunk(json!({"tool_calls": [begun]}), Value::Null), chunk(json!({}), json!(said))];
        let events = decode(&[stream(&frames, true).as_bytes()]).unwrap();
        assert_eq!(finish_of(&events), Some(&meant), "{said}");
        let again = encode(&events, EncodeOptions::default());
        assert!(again.contains(&format!("\"finish_reason\":\"{said}\"")), "{again}");

        let mut gather = Gather::default();
        events.into_iter().for_each(|event| gather.push(event));
        let mut message = Vec::new();
        message.extend(crate::hub::chat(Dialect::AnthropicMessages).unwrap().write_reply(
            &gather.finish(),
            &EncodeOptions::default(),
            &mut Receipt::default(),
        ));
        let message: Value = serde_json::from_slice(&message).unwrap();
        assert_eq!(message["stop_reason"] == "tool_use", meant == Finish::ToolCalls, "{said}");
    }
}

/// What a client that offered functions is answered, whole and on a stream, by Claude.
fn answered(calls: &[&str], options: &EncodeOptions) -> (Value, String, String) {
    let blocks: Vec<Value> = calls
        .iter()
        .map(|name| json!({"type": "tool_use", "id": name, "name": name, "input": {"a": 1}}))
        .collect();
    let body = json!({"id": "i", "type": "message", "role": "assistant", "model": "m", "content": blocks,
        "stop_reason": if calls.is_empty() { "end_turn" } else { "tool_use" }, "usage": {"input_tokens": 1, "output_tokens": 1}});
    let reply = crate::hub::chat(Dialect::AnthropicMessages)
        .unwrap()
        .read_reply(body.to_string().as_bytes())
        .unwrap();
    let mut receipt = Receipt::default();
    let whole = serde_json::from_slice(&write_reply(&reply, options, &mut receipt)).unwrap();
    let mut events = vec![Event::Start {
        id: "i".to_owned(),
        model: "m".to_owned(),
        created: None,
        extra: Extra::default(),
    }];
    for (index, name) in (0..).zip(calls) {
        let part = PartStart::ToolCall { id: (*name).to_owned(), name: (*name).to_owned(), custom: false };
        events.push(start(0, index, part));
        events.extend([delta(index, "{\"a\""), delta(index, ":1}")]);
        events.push(Event::PartStop { choice: 0, index });
    }
    let reason = reply.choices[0].finish.clone();
    events.extend([Event::Finish { choice: 0, reason, stop_sequence: None }, Event::End]);
    (whole, encode(&events, options.clone()), receipt.to_string())
}

#[test]
fn who_offers_functions_is_answered_in_function_call() {
    let offered = json!({"model": "m", "messages": [{"role": "user", "content": "go"}], "seed": 1,
        "functions": [{"name": "f", "parameters": {"type": "object"}}]});
    let functions = |body: &Value| {
        let asked = crate::read_request(DIALECT, body.to_string().as_bytes()).unwrap();
        crate::openai::offers_functions(&asked)
    };
    assert!(functions(&offered));
    let mut both = offered.clone();
    both["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    assert!(!functions(&both));
    both.as_object_mut().unwrap().shift_remove("functions");
    assert!(!functions(&both));
    let (written, receipt) = write(&read(&offered), &Quirks::default());
    assert_eq!((written.get("(echo)"), receipt.is_empty()), (None, true), "{receipt}");

    let options = EncodeOptions { functions: true, ..EncodeOptions::default() };
    let (whole, streamed, receipt) = answered(&["f", "g"], &options);
    let choice = &whole["choices"][0];
    let arguments: Value =
        serde_json::from_str(choice["message"]["function_call"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!((&choice["message"]["function_call"]["name"], &arguments["a"]), (&json!("f"), &json!(1)));
    assert_eq!(
        (&choice["finish_reason"], choice["message"].get("tool_calls")),
        (&json!("function_call"), None)
    );
    assert_eq!(receipt, "choices[0].message.tool_calls[1]");
    let deltas: Vec<Value> = streamed
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .map(|frame| frame["choices"][0].clone())
        .collect();
    let told: String =
        deltas.iter().filter_map(|it| it["delta"]["function_call"]["arguments"].as_str()).collect();
    let names = deltas.iter().filter_map(|it| it["delta"]["function_call"]["name"].as_str());
    assert_eq!((told.as_str(), names.collect::<Vec<_>>()), (r#"{"a":1}"#, vec!["f"]));
    assert_eq!(deltas.last().unwrap()["finish_reason"], "function_call");
    assert!(!streamed.contains("tool_calls"), "{streamed}");

    let (whole, streamed, _) = answered(&[], &options);
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert!(
        whole["choices"][0]["message"].get("function_call").is_none() && !streamed.contains("function_call")
    );
    let (whole, streamed, _) = answered(&["f"], &EncodeOptions::default());
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert!(streamed.contains("tool_calls") && !streamed.contains("function_call"));
}
