//! Responses (platform.openai.com/docs/api-reference/responses-streaming): items added, filled and done.

use serde_json::{Value, json};

use super::{Made, Turn, pieces};
use crate::shapes::named;
use crate::upstream::Reply;

struct Stream {
    events: Vec<Value>,
    output: Vec<Value>,
}

impl Stream {
    fn push(&mut self, kind: &str, fields: Value) {
        let mut event = json!({ "type": kind, "sequence_number": self.events.len() });
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        self.events.push(event);
    }

    /// An item that begins like this, is filled by these events and ends like that.
    fn item(&mut self, first: &Value, deltas: Vec<(&str, Value)>, last: Value) {
        let at = self.output.len();
        self.push("response.output_item.added", json!({ "output_index": at, "item": first }));
        for (kind, mut fields) in deltas {
            fields["output_index"] = at.into();
            fields["item_id"] = last["id"].clone();
            self.push(kind, fields);
        }
        self.push("response.output_item.done", json!({ "output_index": at, "item": last }));
        self.output.push(last);
    }

    fn thought(&mut self, thought: &str, seal: &str) {
        let part = |text: &str| json!({ "type": "summary_text", "text": text });
        let mut deltas =
            vec![("response.reasoning_summary_part.added", json!({ "summary_index": 0, "part": part("") }))];
        for piece in pieces(thought) {
            let fields = json!({ "summary_index": 0, "delta": piece });
            deltas.push(("response.reasoning_summary_text.delta", fields));
        }
        deltas.push(("response.reasoning_summary_text.done", json!({ "summary_index": 0, "text": thought })));
        let done = json!({ "summary_index": 0, "part": part(thought) });
        deltas.push(("response.reasoning_summary_part.done", done));
        let first = json!({ "id": "rs_turn", "type": "reasoning", "summary": [] });
        let last = json!({ "id": "rs_turn", "type": "reasoning", "summary": [part(thought)], "encrypted_content": seal });
        self.item(&first, deltas, last);
    }

    fn text(&mut self, text: &str) {
        let part =
            |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
        let mut deltas =
            vec![("response.content_part.added", json!({ "content_index": 0, "part": part("") }))];
        for piece in pieces(text) {
            let fields = json!({ "content_index": 0, "delta": piece, "logprobs": [] });
            deltas.push(("response.output_text.delta", fields));
        }
        let done = json!({ "content_index": 0, "text": text, "logprobs": [] });
        deltas.push(("response.output_text.done", done));
        deltas.push(("response.content_part.done", json!({ "content_index": 0, "part": part(text) })));
        let item = |status: &str, content: Value| json!({ "id": "msg_turn", "type": "message", "role": "assistant", "status": status, "content": content });
        self.item(&item("in_progress", json!([])), deltas, item("completed", json!([part(text)])));
    }

    fn call(&mut self, call: &Made) {
        let (kind, field, delta, done) = match call.custom {
            true => (
                "custom_tool_call",
                "input",
                "response.custom_tool_call_input.delta",
                "response.custom_tool_call_input.done",
            ),
            false => (
                "function_call",
                "arguments",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
            ),
        };
        let item = |status: &str, text: &str| {
            json!({ "id": format!("fc_{}", call.id), "type": kind, "status": status, "call_id": call.id,
                "name": call.name, field: text })
        };
        let mut deltas: Vec<(&str, Value)> =
            pieces(&call.arguments).into_iter().map(|piece| (delta, json!({ "delta": piece }))).collect();
        deltas.push((done, json!({ field: call.arguments })));
        self.item(&item("in_progress", ""), deltas, item("completed", &call.arguments));
    }
}

/// The turn as `/v1/responses` streams it.
#[must_use]
pub fn responses(turn: &Turn) -> Reply {
    let response = |status: &str, output: &[Value], usage: Value| {
        json!({ "id": "resp_turn", "object": "response", "created_at": 1_735_689_600, "status": status, "model": "m",
            "output": output, "error": null, "incomplete_details": null, "usage": usage })
    };
    let mut stream = Stream { events: Vec::new(), output: Vec::new() };
    for kind in ["response.created", "response.in_progress"] {
        stream.push(kind, json!({ "response": response("in_progress", &[], Value::Null) }));
    }
    if let Some(thought) = &turn.thought {
        stream.thought(thought, &turn.seal);
    }
    if !turn.text.is_empty() {
        stream.text(&turn.text);
    }
    for call in &turn.calls {
        stream.call(call);
    }
    let tokens = turn.tokens;
    let usage = json!({
        "input_tokens": tokens.input, "input_tokens_details": { "cached_tokens": tokens.cached },
        "output_tokens": tokens.output, "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
        "total_tokens": tokens.input + tokens.output
    });
    let output = std::mem::take(&mut stream.output);
    stream.push("response.completed", json!({ "response": response("completed", &output, usage) }));
    Reply::sse(stream.events.iter().map(|event| named(event["type"].as_str().unwrap_or_default(), event)))
}
