//! A form of the answer that the target has no word for: the model is asked for it in words, and nothing enforces it.

use std::borrow::Cow;

use contract::canon::{Message, OutputFormat, Part, PartKind, Provenance, Receipt, Request, Role};

use memchr::memmem::find;

use crate::Quirks;
use crate::hub::Has;
use crate::json::{self, Member};

/// In [`Quirks::refuses`]: JSON the target writes, but does not hold to a schema.
const SCHEMA: &str = "response_format.json_schema";

const JSON: &str = "Answer with one JSON object and nothing else: no words around it, no code fence.";

/// Does a request that would pass as it is hold the answer to a schema, which an account that refuses this does not?
pub(crate) fn refuses_schema(refuses: &[&str], body: &[u8]) -> bool {
    let mut asks = false;
    if refuses.contains(&SCHEMA) && find(body, b"\"json_schema\"").is_some() {
        json::members(body, |Member { name, value, .. }| {
            if name.as_deref() == Some(b"response_format") {
                asks = find(value, b"\"json_schema\"").is_some();
            }
        });
    }
    asks
}

/// Asks in words for what the target cannot be asked for otherwise.
pub(super) fn form<'a>(
    request: Cow<'a, Request>,
    (has, quirks): (Has, &Quirks),
    receipt: &mut Receipt,
) -> Cow<'a, Request> {
    let (text, format, reason) = match &request.format {
        OutputFormat::JsonObject if has.json_in_words => {
            (JSON.to_owned(), OutputFormat::Text, "not enforced: the model is told to answer with JSON")
        }
        OutputFormat::JsonSchema { description, schema, .. } if quirks.refuses.contains(&SCHEMA) => {
            let what = description.as_deref().map_or_else(String::new, |text| format!(" It is: {text}"));
            let text = format!("{JSON} The JSON follows this JSON Schema.{what}\n{schema}");
            (text, OutputFormat::JsonObject, "JSON is enforced, its schema only told to the model")
        }
        _ => return request,
    };
    receipt.dropped("response_format", reason);
    let mut request = request.into_owned();
    request.format = format;
    tell(&mut request, text);
    Cow::Owned(request)
}

/// Says it at the end of the instructions, or of what the user said last. No message gets another number by it.
fn tell(request: &mut Request, text: String) {
    let instructs = |message: &Message| matches!(message.role, Role::System | Role::Developer);
    let plain = |message: &Message| {
        let result = |part: &Part| matches!(part.kind, PartKind::ToolResult(_));
        message.role == Role::User && !message.parts.iter().any(result)
    };
    let found = request.messages.iter().position(instructs);
    let found = found.or_else(|| request.messages.iter().rposition(plain));
    let Some(message) = found.and_then(|at| request.messages.get_mut(at)) else {
        let part = Part::text(text, Provenance::System);
        return request.messages.push(Message::new(Role::User, vec![part]));
    };
    // Not every server takes a list of texts. What is to be cached stays as it is.
    match message.parts.last_mut() {
        Some(Part { kind: PartKind::Text(before), cache: None, .. }) => {
            *before = format!("{before}\n\n{text}");
        }
        _ => message.parts.push(Part::text(text, Provenance::System)),
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::Asked;
    use contract::words::Dialect;
    use serde_json::{Value, json};

    use super::*;

    const JSON_ONLY: Quirks = Quirks { refuses: &[SCHEMA], ..Quirks::NONE };

    fn written(target: Dialect, body: &Value, quirks: &Quirks) -> (Value, String) {
        let asked = crate::read_request(Dialect::OpenaiChat, body.to_string().as_bytes()).unwrap();
        let Asked::Chat(_) = &asked else { panic!() };
        let mut receipt = Receipt::default();
        let bytes = crate::write_request(target, &asked, quirks, &mut receipt).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
    }

    #[test]
    fn a_schema_is_told_where_only_json_is_enforced() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
        let system = json!({"role": "system", "content": "Be kind."});
        let user = json!({"role": "user", "content": "Hi"});
        let body = json!({"model": "m", "messages": [system, user], "response_format": format});
        let (out, receipt) = written(Dialect::OpenaiChat, &body, &JSON_ONLY);
        assert_eq!(out["response_format"], json!({"type": "json_object"}));
        let told = out["messages"][0]["content"].as_str().unwrap();
        assert!(told.contains("Be kind.") && told.contains("integer"), "{told}");
        assert_eq!(
            (out["messages"][1]["content"].as_str(), receipt.as_str()),
            (Some("Hi"), "response_format")
        );

        let body = json!({"model": "m", "messages": [user], "response_format": format});
        let (out, _) = written(Dialect::OpenaiChat, &body, &JSON_ONLY);
        assert!(out["messages"][0]["content"].to_string().contains("integer"));
        let (out, receipt) = written(Dialect::OpenaiChat, &body, &Quirks::NONE);
        assert_eq!((out["response_format"]["type"].as_str(), receipt.as_str()), (Some("json_schema"), ""));
    }

    #[test]
    fn a_body_that_asks_for_a_schema_is_known() {
        for (body, asks) in [
            (r#"{"response_format": {"type": "json_schema"}}"#, true),
            (r#"{"response_format": {"type": "json_object"}, "x": "json_schema"}"#, false),
            (r#"{"messages": [{"content": "\"json_schema\""}]}"#, false),
        ] {
            assert_eq!(refuses_schema(&[SCHEMA], body.as_bytes()), asks, "{body}");
            assert!(!refuses_schema(&["seed"], body.as_bytes()));
        }
    }

    #[test]
    fn json_is_asked_for_in_words_where_there_is_none_without_a_schema() {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let body = json!({"model": "claude-sonnet-4-5", "response_format": {"type": "json_object"}, "messages": [
            {"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "x"}]});
        for target in [Dialect::AnthropicMessages, Dialect::BedrockConverse] {
            let (out, receipt) = written(target, &body, &Quirks::NONE);
            assert_eq!(receipt, "response_format");
            assert!(out["messages"][0]["content"].to_string().contains("one JSON object"), "{out}");
        }
        let (_, receipt) = written(Dialect::GeminiGenerate, &body, &Quirks::NONE);
        assert_eq!(receipt, "");
    }
}
