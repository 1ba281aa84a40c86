//! Requests without a question: they ask for the model to be loaded, or with `keep_alive: 0` to be put away, and get an answer
//! at once, in one piece also where a stream was asked for (docs.ollama.com/api, "Load a model", "Unload a model").

use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{Choice, Finish, Receipt, Reply};
use contract::words::Dialect;
use serde_json::Value;

use super::{Form, reply};
use crate::{EncodeOptions, member};

/// The answer to such a request, for models that are always there. None: it asks for something, or is not of Ollama's.
/// `options`: the model that was asked for, and the time.
#[must_use]
pub fn loaded(client: Dialect, body: &Bytes, options: &EncodeOptions) -> Option<Bytes> {
    let (form, questions): (_, &[&str]) = match client {
        Dialect::OllamaChat => (Form::Chat, &["messages"]),
        Dialect::OllamaGenerate => (Form::Generate, &["prompt", "images"]),
        _ => return None,
    };
    let body = VecDeque::from([body.clone()]);
    let said = |name: &str| serde_json::from_slice::<Value>(&member(&body, name)?).ok();
    let asks = |value: Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    };
    if questions.iter().any(|name| said(name).is_some_and(asks)) {
        return None;
    }
    let done = if said("keep_alive").is_some_and(|time| is_nothing(&time)) { "unload" } else { "load" };
    let choice = Choice { finish: Finish::Other(done.to_owned()), ..Choice::default() };
    let told = Reply { model: options.asked.clone(), choices: vec![choice], ..Reply::default() };
    Some(reply::write_reply(form, &told, options, &mut Receipt::default()))
}

/// A model's name without the tag that Ollama's clients add where there is none. None: it has another, or the client is not one
/// of them.
#[must_use]
pub fn untagged(client: Dialect, model: &str) -> Option<&str> {
    let ollama = matches!(
        client,
        Dialect::OllamaChat | Dialect::OllamaGenerate | Dialect::OllamaEmbed | Dialect::OllamaEmbedOne
    );
    model.strip_suffix(":latest").filter(|_| ollama)
}

/// Is it no time at all? Numbers are seconds, texts are Go's durations (`0`, `0s`, `0h0m`).
fn is_nothing(time: &Value) -> bool {
    match time {
        Value::Number(seconds) => seconds.as_f64() == Some(0.0),
        Value::String(text) => {
            let digits = |sign: char| sign.is_ascii_digit() && sign != '0';
            text.starts_with(|sign: char| sign.is_ascii_digit()) && !text.contains(digits)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_usual_tag_is_left_out() {
        assert_eq!(untagged(Dialect::OllamaEmbed, "fast:latest"), Some("fast"));
        assert_eq!(untagged(Dialect::OllamaChat, "fast:8b"), None);
        assert_eq!(untagged(Dialect::OpenaiChat, "fast:latest"), None);
    }

    #[test]
    fn a_request_without_a_question_is_answered_at_once() {
        let options = EncodeOptions { asked: "m".to_owned(), ..EncodeOptions::default() };
        for (client, body, expected) in [
            (Dialect::OllamaGenerate, json!({"model": "m"}), Some("load")),
            (Dialect::OllamaGenerate, json!({"model": "m", "prompt": "", "keep_alive": 0}), Some("unload")),
            (
                Dialect::OllamaGenerate,
                json!({"model": "m", "prompt": null, "keep_alive": "0s"}),
                Some("unload"),
            ),
            (Dialect::OllamaGenerate, json!({"model": "m", "keep_alive": "10m"}), Some("load")),
            (Dialect::OllamaGenerate, json!({"model": "m", "prompt": "Hi"}), None),
            (Dialect::OllamaGenerate, json!({"model": "m", "images": ["AAAA"]}), None),
            (Dialect::OllamaChat, json!({"model": "m", "messages": []}), Some("load")),
            (Dialect::OllamaChat, json!({"model": "m", "keep_alive": 0}), Some("unload")),
            (
                Dialect::OllamaChat,
                json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]}),
                None,
            ),
            (Dialect::OpenaiChat, json!({"model": "m", "messages": []}), None),
        ] {
            let told = loaded(client, &Bytes::from(body.to_string()), &options);
            let told: Option<Value> = told.map(|told| serde_json::from_slice(&told).unwrap());
            assert_eq!(told.as_ref().and_then(|told| told["done_reason"].as_str()), expected, "{body}");
            if let Some(told) = told {
                assert_eq!((&told["model"], &told["done"]), (&json!("m"), &json!(true)));
                let text = ["/response", "/message/content"].iter().find_map(|place| told.pointer(place));
                assert_eq!(text, Some(&json!("")), "{told}");
            }
        }
    }
}
