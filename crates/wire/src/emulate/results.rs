//! Where results of tools are messages of their own, they follow the calls at once. A client's turn may mix them with other
//! parts, in any order: Gemini's does.

use std::borrow::Cow;

use contract::canon::{Message, Request, Role};
use contract::words::Dialect;

/// The request with the results of each turn before what else the turn says, if the target wants it so.
pub(crate) fn first(target: Dialect, request: &Request) -> Cow<'_, Request> {
    let wants = matches!(target, Dialect::OpenaiChat | Dialect::OllamaChat | Dialect::CohereChat);
    let late = |pair: &[Message]| matches!(pair, [before, next] if is_one_turn(before, next) && before.role == Role::User && next.role == Role::Tool);
    if !wants || !request.messages.windows(2).any(late) {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    for turn in request.messages.chunk_by_mut(is_one_turn) {
        turn.sort_by_key(|message| message.role != Role::Tool);
    }
    Cow::Owned(request)
}

/// Do both stand in one turn of the client's?
fn is_one_turn(one: &Message, next: &Message) -> bool {
    one.at.is_some() && one.at == next.at
}

#[cfg(test)]
mod tests {
    use contract::canon::{Asked, Receipt};
    use serde_json::{Value, json};

    use super::*;
    use crate::Quirks;

    #[test]
    fn results_follow_their_calls() {
        let call = |name: &str| json!({"functionCall": {"name": name, "args": {}}});
        let result = |name: &str| json!({"functionResponse": {"name": name, "response": {"output": name}}});
        let body = json!({"contents": [
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [call("f"), call("g")]},
            {"role": "user", "parts": [result("g"), {"text": "note"}, result("f")]},
            {"role": "user", "parts": [{"text": "so"}]}]});
        let asked = crate::read_request(Dialect::GeminiGenerate, body.to_string().as_bytes()).unwrap();
        let Asked::Chat(request) = &asked else { panic!() };
        assert!(matches!(first(Dialect::GeminiGenerate, request), Cow::Borrowed(_)));
        let written =
            crate::write_request(Dialect::OpenaiChat, &asked, &Quirks::NONE, &mut Receipt::default())
                .unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        let said: Vec<_> =
            written["messages"].as_array().unwrap().iter().skip(2).map(|it| &it["content"]).collect();
        assert_eq!(said, ["g", "f", "note", "so"]);
    }
}
