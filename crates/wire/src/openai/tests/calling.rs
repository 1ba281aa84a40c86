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
