//! What Mistral's models ask of a conversation that was begun elsewhere: ids of calls in their form, and an answer between
//! results of tools and the next word of the user.
//!
//! Ids are made to fit before a dialect writes the request (`emulate.rs`), the answer is put in where results are messages
//! of their own (`openai/request.rs`).

use std::borrow::Cow;

use contract::canon::{Part, PartKind, Request};
use serde_json::{Value, json};

use crate::{Lack, Quirks, fnv1a};

/// The length of an id of Mistral's (its error 3280: "must be a-z, A-Z, 0-9, with a length of 9").
const LENGTH: usize = 9;

/// What Mistral's models are named by at services that offer those of many and pass each maker's rules on: OpenRouter and
/// its like, and Bedrock.
const NAMES: [&str; 2] = ["mistralai/", "mistral."];

/// Between results and the user's next word: Mistral refuses the one right after the other (its error 3230), and newer
/// models that take it take this as well.
const ANSWER: &str = "I have the results.";

/// Does the target lack this, or is the model one of Mistral's?
pub(crate) fn asks_for(lack: Lack, model: &str, quirks: &Quirks) -> bool {
    let is_one = |model: &str| NAMES.iter().any(|name| model.contains(name));
    quirks.lacks.contains(&lack) || is_one(&model.to_ascii_lowercase())
}

/// Gives every call an id of nine letters and digits, the same in its result; those that fit stay.
pub(crate) fn fit_ids(request: &mut Cow<'_, Request>) {
    let strange = |part: &Part| match &part.kind {
        PartKind::ToolCall { id, .. } => !fits(id),
        PartKind::ToolResult(result) => !fits(&result.call),
        _ => false,
    };
    if !request.messages.iter().flat_map(|message| &message.parts).any(strange) {
        return;
    }
    for part in request.to_mut().messages.iter_mut().flat_map(|message| &mut message.parts) {
        let id = match &mut part.kind {
            PartKind::ToolCall { id, .. } => id,
            PartKind::ToolResult(result) => &mut result.call,
            _ => continue,
        };
        if !fits(id) {
            *id = nine_letters(id);
        }
    }
}

fn fits(id: &str) -> bool {
    id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A hash of the id (FNV-1a, 64 bits) in letters and digits: the same in every turn, so that what is cached stays.
fn nine_letters(id: &str) -> String {
    let hash = fnv1a(0, id.as_bytes());
    let mut left = hash ^ (hash >> 32);
    let mut next = || {
        let digit = u32::try_from(left % 36).unwrap_or_default();
        left /= 36;
        char::from_digit(digit, 36).unwrap_or('0')
    };
    (0..LENGTH).map(|_| next()).collect()
}

/// Puts an answer of the model between results and a message of the user that follows them.
pub(crate) fn answer_results(messages: &mut Vec<Value>) {
    let is_late = |before: &Value, next: &Value| before["role"] == "tool" && next["role"] == "user";
    let late: Vec<usize> = (1..)
        .zip(messages.windows(2))
        .filter(|(_, pair)| matches!(pair, [before, next] if is_late(before, next)))
        .map(|(at, _)| at)
        .collect();
    if late.is_empty() {
        return;
    }
    let mut late = late.into_iter().peekable();
    let mut out = Vec::with_capacity(messages.len() + 1);
    for (at, message) in std::mem::take(messages).into_iter().enumerate() {
        if late.next_if_eq(&at).is_some() {
            out.push(json!({"role": "assistant", "content": ANSWER}));
        }
        out.push(message);
    }
    *messages = out;
}

#[cfg(test)]
mod tests {
    use contract::canon::{Asked, Receipt};
    use contract::words::Dialect;

    use super::*;

    fn written(body: &Value, (from, to): (Dialect, Dialect), quirks: &Quirks) -> Value {
        let mut asked = crate::read_request(from, body.to_string().as_bytes()).unwrap();
        if let (Asked::Chat(request), Some(model)) = (&mut asked, body["model"].as_str()) {
            model.clone_into(&mut request.model);
        }
        let bytes = crate::write_request(to, &asked, quirks, &mut Receipt::default()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn of_claude(model: &str) -> Value {
        json!({"model": model, "max_tokens": 9, "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "toolu_01AbCd", "name": "f", "input": {}},
                {"type": "tool_use", "id": "D681PevKs", "name": "f", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "D681PevKs", "content": "2"},
                {"type": "tool_result", "tool_use_id": "toolu_01AbCd", "content": "1"},
                {"type": "text", "text": "a reminder"}]}]})
    }

    const TO_CHAT: (Dialect, Dialect) = (Dialect::AnthropicMessages, Dialect::OpenaiChat);

    #[test]
    fn a_conversation_begun_elsewhere_goes_on_at_mistral() {
        let lacks = Quirks { lacks: &[Lack::CallIds, Lack::WordsAfterResults], ..Quirks::NONE };
        for (model, quirks) in [("ft:x", &lacks), ("mistralai/Mistral-Small-3", &Quirks::NONE)] {
            let body = written(&of_claude(model), TO_CHAT, quirks);
            let calls = &body["messages"][1]["tool_calls"];
            let made = calls[0]["id"].as_str().unwrap();
            assert!(fits(made) && made != "D681PevKs", "{made}");
            assert_eq!(calls[1]["id"], "D681PevKs");
            let messages: Vec<_> = body["messages"]
                .as_array()
                .unwrap()
                .iter()
                .skip(2)
                .map(|it| (&it["role"], &it["tool_call_id"]))
                .collect();
            let expected = [
                (&json!("tool"), &json!("D681PevKs")),
                (&json!("tool"), &json!(made)),
                (&json!("assistant"), &Value::Null),
                (&json!("user"), &Value::Null),
            ];
            assert_eq!(messages, expected);
        }
    }

    #[test]
    fn made_up_ids_and_those_of_bedrocks_mistral_fit() {
        let body = json!({"model": "codestral-latest", "contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}}}]}]});
        let lacks = Quirks { lacks: &[Lack::CallIds], ..Quirks::NONE };
        let body = written(&body, (Dialect::GeminiGenerate, Dialect::OpenaiChat), &lacks);
        let id = &body["messages"][1]["tool_calls"][0]["id"];
        assert!(fits(id.as_str().unwrap()), "{id}");
        assert_eq!(&body["messages"][2]["tool_call_id"], id);

        let body = of_claude("mistral.ministral-3-8b-instruct");
        let body = written(&body, (Dialect::AnthropicMessages, Dialect::BedrockConverse), &Quirks::NONE);
        let id = &body["messages"][1]["content"][0]["toolUse"]["toolUseId"];
        assert!(fits(id.as_str().unwrap()), "{id}");
        assert_eq!(&body["messages"][2]["content"][1]["toolResult"]["toolUseId"], id);
    }

    #[test]
    fn others_are_sent_what_the_client_sent() {
        let body = written(&of_claude("gpt-4o"), TO_CHAT, &Quirks::NONE);
        assert_eq!(body["messages"][1]["tool_calls"][0]["id"], "toolu_01AbCd");
        assert_eq!(body["messages"][4]["role"], "user");
    }

    #[test]
    fn ids_that_differ_stay_apart() {
        let made: std::collections::HashSet<String> =
            (0..2000).map(|at| nine_letters(&format!("call_{at}"))).collect();
        assert!(made.len() == 2000 && made.iter().all(|id| fits(id)));
    }
}
