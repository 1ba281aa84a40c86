//! Clients that offer `functions`, as OpenAI's did before there were tools, find their call where they look for it.

use serde_json::{Value, json};
use testkit::upstream::Reply;

use crate::kinds::Kind;
use crate::setup::Bench;

#[tokio::test]
async fn a_call_comes_back_in_function_call() {
    let bench = Bench::start().await;
    let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "f", "input": { "a": 1 } });
    let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [call],
        "stop_reason": "tool_use", "stop_sequence": null, "usage": { "input_tokens": 9, "output_tokens": 2 } });
    let parameters = json!({ "type": "object" });
    let function = json!({ "name": "f", "parameters": parameters });
    for legacy in [true, false] {
        let mut asks =
            json!({ "model": Kind::Claude.model(), "messages": [{ "role": "user", "content": "go" }] });
        if legacy {
            asks["functions"] = json!([function]);
        } else {
            asks["tools"] = json!([{ "type": "function", "function": function }]);
        }
        bench.upstream.then(Reply::json(200, &message));
        let answer = bench.openai().post("/v1/chat/completions", &asks).await.json().await;
        let choice = &answer["choices"][0];
        let (call, reason) = if legacy {
            (&choice["message"]["function_call"], "function_call")
        } else {
            (&choice["message"]["tool_calls"][0]["function"], "tool_calls")
        };
        let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
        assert_eq!((&call["name"], arguments), (&json!("f"), json!({ "a": 1 })));
        assert_eq!(choice["finish_reason"], reason);
        assert_eq!(choice["message"].get("tool_calls").is_none(), legacy);
    }
}
