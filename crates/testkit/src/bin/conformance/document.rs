//! What the gateway writes in OpenAI's dialects, held against OpenAI's own OpenAPI document.

use std::path::Path;

use anyhow::Result;
use contract::words::Dialect;
use serde_json::{Value, json};

use crate::checks::Verdict;
use crate::proxy::Got;
use crate::{said, sdk};

/// What was written for one client.
pub(crate) struct Written {
    /// Which exchange, by its place in the list.
    pub(crate) exchange: usize,
    pub(crate) client: Dialect,
    /// Each with its schema.
    values: Vec<(&'static str, Value)>,
}

impl Written {
    /// Nothing yet.
    pub(crate) const fn new(exchange: usize, client: Dialect) -> Self {
        Self { exchange, client, values: Vec::new() }
    }

    /// Adds an answer.
    pub(crate) fn more(&mut self, schema: &'static str, got: Result<Got>) {
        let body = got.map(|got| serde_json::from_slice(&got.body).unwrap_or_default());
        self.values.push((schema, body.unwrap_or_default()));
    }
}

/// An error, unless it passes as the provider wrote it.
pub(crate) fn refusal(exchange: usize, client: Dialect, (passes, body): (bool, &[u8])) -> Option<Written> {
    let described = client.as_str().starts_with("openai.") && !passes;
    let value = || serde_json::from_slice(body).unwrap_or_default();
    described.then(|| Written { exchange, client, values: vec![("ErrorResponse", value())] })
}

/// An answer to be checked; none where the document does not describe it.
pub(crate) fn written(exchange: usize, client: Dialect, stream: bool, body: &[u8]) -> Option<Written> {
    let schema = match (client, stream) {
        (Dialect::OpenaiChat, false) => "CreateChatCompletionResponse",
        (Dialect::OpenaiChat, true) => "CreateChatCompletionStreamResponse",
        (Dialect::OpenaiCompletions, _) => "CreateCompletionResponse",
        (Dialect::OpenaiResponses, false) => "Response",
        (Dialect::OpenaiResponses, true) => "ResponseStreamEvent",
        (Dialect::OpenaiEmbeddings, _) => "CreateEmbeddingResponse",
        (Dialect::OpenaiCount, _) => "TokenCountsResource",
        (Dialect::OpenaiImages | Dialect::OpenaiImageEdits, _) => "ImagesResponse",
        _ => return None,
    };
    let values = if stream {
        said::frames(client, body)
    } else {
        vec![serde_json::from_slice(body).unwrap_or_default()]
    };
    // How a stream breaks off, and calls of custom tools on one, which OpenAI sends, the document does not describe.
    let beyond = |value: &Value| {
        let calls = value["choices"][0]["delta"]["tool_calls"].as_array();
        value.get("error").is_some() || calls.into_iter().flatten().any(|call| call["type"] == "custom")
    };
    let values = values.into_iter().filter(|value| !(stream && beyond(value)));
    // It describes whole completions alone: on a stream the reason is null until the end.
    let plain = |mut value: Value| {
        if let Some(reason @ Value::Null) = value.pointer_mut("/choices/0/finish_reason")
            && client == Dialect::OpenaiCompletions
        {
            *reason = json!("stop");
        }
        value
    };
    let values = values.map(|value| (schema, plain(value))).collect();
    Some(Written { exchange, client, values })
}

/// Checks them all.
pub(crate) fn check(
    (program, script, document): (&Path, &Path, &Path),
    written: &[Written],
) -> Result<Vec<Verdict>> {
    let all = || {
        written
            .iter()
            .enumerate()
            .flat_map(|(at, one)| one.values.iter().map(move |(schema, value)| (at, *schema, value)))
    };
    let questions = all()
        .enumerate()
        .map(|(case, (_, schema, value))| json!({"case": case, "schema": schema, "value": value}));
    let arguments = [script.display().to_string(), document.display().to_string()];
    let answers = sdk::talk(program, &arguments.each_ref().map(String::as_str), questions)?;
    let mut verdicts: Vec<Verdict> = written.iter().map(|_| Ok(())).collect();
    for (case, (at, ..)) in all().enumerate() {
        let answer = answers.get(&(case as u64)).cloned().unwrap_or_else(|| json!({"error": "no answer"}));
        if let Some(error) = answer["error"].as_str() {
            verdicts[at] = Err(error.to_owned());
        }
    }
    Ok(verdicts)
}
