//! Names of tools that a target does not take: written in letters it takes, and given back to the client as its own.
//!
//! What is written for a name depends on the name alone, so that a conversation names its tools the same at every turn.

use std::borrow::Cow;

use bytes::Bytes;
use contract::canon::{Asked, Event, Part, PartKind, PartStart, Reply, Request, Tool, ToolChoice};
use contract::words::Dialect;
use sha2::{Digest, Sha256};

use crate::responses::namespaces;
use crate::{StreamDecoder, WireError};

/// Which names a dialect's inventor takes. Letters, digits and `_` everywhere.
struct Rule {
    longest: usize,
    also: &'static [char],
    /// May a name begin with anything of these?
    begins_freely: bool,
}

/// Sources: OpenAI's schema `FunctionObject`, Anthropic's tools guide, Google's `FunctionDeclaration`, AWS's `ToolName`; Cohere says it
/// in its error.
const fn rule(target: Dialect) -> Option<Rule> {
    Some(match target {
        Dialect::OpenaiChat
        | Dialect::OpenaiResponses
        | Dialect::OpenaiCount
        | Dialect::BedrockConverse
        | Dialect::BedrockCount => Rule { longest: 64, also: &['-'], begins_freely: true },
        Dialect::AnthropicMessages | Dialect::AnthropicCount => {
            Rule { longest: 128, also: &['-'], begins_freely: true }
        }
        Dialect::GeminiGenerate | Dialect::GeminiCount => {
            Rule { longest: 128, also: &['-', '.', ':'], begins_freely: false }
        }
        Dialect::CohereChat => Rule { longest: 128, also: &[], begins_freely: false },
        _ => return None,
    })
}

/// Servers take more than the inventor of their dialect does, and their clients know what.
fn rule_for(request: &Request, target: Dialect) -> Option<Rule> {
    rule(target).filter(|_| request.said_in != Some(target))
}

impl Rule {
    fn takes(&self, letter: char) -> bool {
        letter.is_ascii_alphanumeric() || letter == '_' || self.also.contains(&letter)
    }

    fn begins(&self, letter: char) -> bool {
        self.begins_freely || letter.is_ascii_alphabetic() || letter == '_'
    }

    /// What is written for a name that is not taken as it is. Two that differ only in what is lost stay apart.
    fn instead_of(&self, name: &str) -> Option<String> {
        let fits = name.len() <= self.longest && name.chars().all(|letter| self.takes(letter));
        if name.is_empty() || (fits && name.starts_with(|letter| self.begins(letter))) {
            return None;
        }
        let hash = Sha256::digest(name.as_bytes());
        let mark = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
        let lead =
            if name.starts_with(|letter| self.begins(letter) || !self.takes(letter)) { "" } else { "_" };
        let letters = name.chars().map(|letter| if self.takes(letter) { letter } else { '_' });
        let kept: String = lead.chars().chain(letters).take(self.longest - mark.len() - 1).collect();
        Some(format!("{kept}_{mark}"))
    }
}

/// A tool that a target knows under another name than the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    written: String,
    own: String,
}

/// The tools of a request that are written for a target with other names, for [`EncodeOptions::renamed`](crate::EncodeOptions).
pub(crate) fn renamed_tools(asked: &Asked, target: Dialect) -> Vec<Renamed> {
    let Asked::Chat(request) = asked else { return Vec::new() };
    let Some(rule) = rule_for(request, target) else { return Vec::new() };
    let renamed = |name: &str| Some(Renamed { written: rule.instead_of(name)?, own: name.to_owned() });
    let alone = request.tools.iter().filter_map(|tool| renamed(named(tool)?));
    let groups = request.tools.iter().filter_map(namespaces::spread).flat_map(|(tools, _)| tools);
    alone.chain(groups.filter_map(|(_, tool)| renamed(named(&tool)?))).collect()
}

fn named(tool: &Tool) -> Option<&str> {
    match tool {
        Tool::Function { name, .. } | Tool::Custom { name, .. } => Some(name),
        Tool::Server { .. } => None,
    }
}

/// The request with names that the target takes.
pub(crate) fn fitted(target: Dialect, request: &Request) -> Cow<'_, Request> {
    let Some(rule) = rule_for(request, target) else { return Cow::Borrowed(request) };
    let mut unfit = false;
    names(request, |name| unfit |= rule.instead_of(name).is_some());
    if !unfit {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    let fit = |name: &mut String| {
        if let Some(written) = rule.instead_of(name) {
            *name = written;
        }
    };
    for tool in &mut request.tools {
        if let Tool::Function { name, .. } | Tool::Custom { name, .. } = tool {
            fit(name);
        }
    }
    match &mut request.tool_choice {
        Some(ToolChoice::Named(name)) => fit(name),
        Some(ToolChoice::Allowed { names, .. }) => names.iter_mut().for_each(fit),
        _ => {}
    }
    for part in request.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match &mut part.kind {
            PartKind::ToolCall { name, .. } => fit(name),
            PartKind::ToolResult(result) => result.name.iter_mut().for_each(fit),
            _ => {}
        }
    }
    Cow::Owned(request)
}

/// Looks at each name of a tool in a request.
fn names(request: &Request, mut look: impl FnMut(&str)) {
    request.tools.iter().filter_map(named).for_each(&mut look);
    match &request.tool_choice {
        Some(ToolChoice::Named(name)) => look(name),
        Some(ToolChoice::Allowed { names, .. }) => names.iter().for_each(|name| look(name)),
        _ => {}
    }
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match &part.kind {
            PartKind::ToolCall { name, .. } => look(name),
            PartKind::ToolResult(result) => result.name.iter().for_each(|name| look(name)),
            _ => {}
        }
    }
}

/// Gives the calls of an answer the names that the client knows.
pub(crate) fn restore(reply: &mut Reply, renamed: &[Renamed]) {
    let parts = reply.choices.iter_mut().flat_map(|choice| &mut choice.parts);
    for Part { kind, .. } in parts {
        if let PartKind::ToolCall { name, .. } = kind {
            own(name, renamed);
        }
    }
}

fn own(name: &mut String, renamed: &[Renamed]) {
    if let Some(found) = renamed.iter().find(|renamed| renamed.written == *name) {
        name.clone_from(&found.own);
    }
}

/// A decoder of a stream whose calls have the names that the client knows.
pub(crate) struct Restoring {
    inner: Box<dyn StreamDecoder>,
    renamed: Vec<Renamed>,
}

impl Restoring {
    /// Behind this decoder.
    pub(crate) fn behind(inner: Box<dyn StreamDecoder>, renamed: Vec<Renamed>) -> Self {
        Self { inner, renamed }
    }

    fn restore(&self, events: &mut [Event]) {
        for event in events {
            if let Event::PartStart { part: PartStart::ToolCall { name, .. }, .. } = event {
                own(name, &self.renamed);
            }
        }
    }
}

impl StreamDecoder for Restoring {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let known = events.len();
        let pushed = self.inner.push(bytes, events);
        self.restore(events.get_mut(known..).unwrap_or_default());
        pushed
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let known = events.len();
        let finished = self.inner.finish(events);
        self.restore(events.get_mut(known..).unwrap_or_default());
        finished
    }

    fn is_over(&self) -> bool {
        self.inner.is_over()
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use contract::canon::Receipt;
    use serde_json::{Value, json};

    use crate::{EncodeOptions, Quirks, decoder_for, encoder, read_reply_for, read_request, write_reply};

    use super::*;

    /// Names that one target or another does not take, and a conversation that uses them.
    fn asked(name: &str) -> Asked {
        let body = json!({"model": "m", "max_tokens": 9,
            "tools": [{"name": name, "input_schema": {"type": "object"}}, {"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": name},
            "messages": [{"role": "user", "content": "x"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "c_1", "name": name, "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c_1", "content": "y"}]}]});
        read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap()
    }

    fn written(target: Dialect, asked: &Asked) -> Value {
        let mut receipt = Receipt::default();
        let body = crate::write_request(target, asked, &Quirks::NONE, &mut receipt).unwrap();
        assert!(!receipt.to_string().contains("name"), "{receipt}");
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn names_are_written_as_each_target_takes_them() {
        let long = "a".repeat(75);
        let kept: &[&str] = &["f", "get_weather-2"];
        for (name, target, begins) in [
            (long.as_str(), Dialect::OpenaiChat, "aaaa"),
            ("ns.f:x", Dialect::OpenaiResponses, "ns_f_x_"),
            ("ns.f:x", Dialect::AnthropicMessages, "ns_f_x_"),
            ("ns/f", Dialect::GeminiGenerate, "ns_f_"),
            ("2f", Dialect::GeminiGenerate, "_2f_"),
            ("f-x", Dialect::CohereChat, "f_x_"),
            ("größe", Dialect::BedrockConverse, "gr__e_"),
        ] {
            let rule = rule(target).unwrap();
            let instead = rule.instead_of(name).unwrap();
            assert!(instead.starts_with(begins) && instead.len() <= rule.longest, "{instead}");
            assert_eq!(rule.instead_of(&instead), None, "it is taken as it is");
            let others = [format!("{name}x"), format!("{name}!")];
            assert!(others.iter().all(|other| rule.instead_of(other).is_some_and(|other| other != instead)));
        }
        for (name, target) in [
            (long.as_str(), Dialect::AnthropicMessages),
            ("ns.f:x", Dialect::GeminiGenerate),
            ("größe", Dialect::OllamaChat),
        ] {
            assert!(rule(target).is_none_or(|rule| rule.instead_of(name).is_none()), "{name}");
        }
        for target in [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::GeminiGenerate] {
            assert!(kept.iter().all(|name| rule(target).unwrap().instead_of(name).is_none()));
        }
    }

    #[test]
    fn a_server_of_the_clients_own_dialect_takes_what_it_takes() {
        let asked = asked("ns.f:x");
        assert_eq!(written(Dialect::AnthropicMessages, &asked)["tools"][0]["name"], "ns.f:x");
        assert_eq!(renamed_tools(&asked, Dialect::AnthropicMessages), []);
        assert_eq!(renamed_tools(&asked, Dialect::OpenaiChat).len(), 1);
    }

    #[test]
    fn a_whole_conversation_has_the_written_name_and_the_client_its_own() {
        let long = "mcp__".to_owned() + &"a".repeat(75);
        let asked = asked(&long);
        let body = written(Dialect::OpenaiChat, &asked);
        let name = body["tools"][0]["function"]["name"].as_str().unwrap().to_owned();
        assert_eq!((name.len(), &body["tools"][1]["function"]["name"]), (64, &json!("f")));
        assert_eq!(body["tool_choice"]["function"]["name"], name);
        assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["name"], name);
        let google = written(Dialect::GeminiGenerate, &asked);
        assert_eq!(google["contents"][2]["parts"][0]["functionResponse"]["name"], long, "long enough there");

        let renamed = renamed_tools(&asked, Dialect::OpenaiChat);
        assert_eq!(renamed_tools(&asked, Dialect::GeminiGenerate), []);
        let call = json!({"id": "c_2", "type": "function", "function": {"name": name, "arguments": "{}"}});
        let answer = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": [call]}, "finish_reason": "tool_calls"}]});
        let options = EncodeOptions { renamed: renamed.clone(), ..EncodeOptions::default() };
        let answered = read_reply_for(Dialect::OpenaiChat, answer.to_string().as_bytes(), &options).unwrap();
        let whole =
            write_reply(Dialect::AnthropicMessages, &answered, &options, &mut Receipt::default()).unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(whole["content"][0]["name"], long);

        let delta = json!({"index": 0, "id": "c_2", "type": "function", "function": {"name": name, "arguments": "{}"}});
        let stream = format!(
            "data: {}\n\ndata: [DONE]\n\n",
            json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
                {"index": 0, "delta": {"role": "assistant", "tool_calls": [delta]}, "finish_reason": "tool_calls"}]})
        );
        let mut decoder = decoder_for(Dialect::OpenaiChat, Dialect::AnthropicMessages, renamed).unwrap();
        let mut encoder = encoder(Dialect::AnthropicMessages, options).unwrap();
        let (mut events, mut out) = (Vec::new(), BytesMut::new());
        decoder.push(&Bytes::from(stream), &mut events).unwrap();
        decoder.finish(&mut events).unwrap();
        events.iter().for_each(|event| encoder.write(event, &mut out));
        let said = String::from_utf8_lossy(&out).into_owned();
        assert!(
            said.contains(&format!("\"name\":\"{long}\"")) && !said.contains(&format!("\"{name}\"")),
            "{said}"
        );
    }
}
