//! Canon → a chat completion request.
//!
//! Canon may hold several tool results in one message and media within them; here each result is a message of its own
//! that holds text alone, and its media follow in a message of the user.

use bytes::Bytes;
use contract::canon::{
    MediaKind, MediaSource, Message, Modality, Part, PartKind, Receipt, Request, Role, ServerTool, Tool,
    ToolChoice, ToolResult, Verbosity,
};
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use super::content::{Target, object, texts_and_media};
use super::read::{MISTRALS_SEED, refuse};
use super::written::is_block;
use super::{DIALECT, documents, format, is_kept_elsewhere, media, think, thoughts, tools};
use crate::emulate::mistral;
use crate::outgoing::{ECHO, Outgoing, merge, own_fields};
use crate::receipts::unsaid;
use crate::{Lack, Quirks};

/// Writes a request body.
///
/// A stream always asks for usage: without it nobody would know what the answer cost.
pub(crate) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    refuse_kept_elsewhere(&request.messages)?;
    documents::refuse_addresses(&request.messages, quirks)?;
    let caches = quirks.accepts.contains(&"cache_control");
    let turns = Turns { quirks, caches, receipt: &mut *receipt, out: Vec::new(), media: Vec::new() };
    let mut messages = turns.write(request);
    if mistral::asks_for(Lack::WordsAfterResults, &request.model, quirks) {
        mistral::answer_results(&mut messages);
    }
    documents::put_in_blocks(&mut messages, quirks);
    if messages.is_empty() {
        return Err(refuse("messages".to_owned(), "There is no message that this model could be sent."));
    }
    let tools = write_tools(request, quirks, receipt);
    let top_k = request.sampling.top_k.filter(|_| quirks.accepts.contains(&"top_k"));
    if request.sampling.top_k.is_some() && top_k.is_none() {
        receipt.dropped("top_k", "the provider has no such setting");
    }
    if !caches {
        unsaid::note_hints(DIALECT, request, receipt);
    }
    let mut out = Outgoing::new(DIALECT, &request.extra, quirks, receipt).of_model(request);
    out.put("model", &request.model)?;
    out.put("messages", &messages)?;
    out.put_some("tools", (!tools.list.is_empty()).then_some(&tools.list))?;
    out.put_some(tools::SEARCH, tools.search.as_ref())?;
    // Without a tool that is left, a choice among them would be refused.
    if !tools.list.is_empty() || request.tools.is_empty() {
        out.put_some("parallel_tool_calls", request.parallel_tools)?;
        let choice = request.tool_choice.as_ref();
        out.put_value("tool_choice", choice.map(|it| tools::write_choice(it, &request.tools)))?;
    } else if request.tool_choice.as_ref().is_some_and(ToolChoice::forces) {
        out.dropped("tool_choice", "there is no tool to choose");
    }
    out.put_value("response_format", format::write(&request.format))?;
    out.put_some("max_completion_tokens", request.max_output)?;
    let reasoning = out.fitted(request.reasoning.as_ref());
    think::write(&mut out, reasoning.as_ref(), quirks)?;
    write_sampling(&mut out, request, top_k)?;
    write_settings(&mut out, request)?;
    if request.stream {
        out.put("stream", &true)?;
    }
    // Where it is refused, streams carry their usage unasked; the client has lost nothing.
    if request.stream && !quirks.refuses.contains(&"stream_options") {
        out.put_object("stream_options", object([("include_usage", Some(Value::Bool(true)))]))?;
    }
    out.finish()
}

/// A file that another provider keeps cannot be read here, and the model would answer without it.
fn refuse_kept_elsewhere(messages: &[Message]) -> Result<(), Fault> {
    let kept = |part: &Part| matches!(&part.kind, PartKind::Media { source: MediaSource::File(id), .. } if is_kept_elsewhere(id));
    for (at, message) in messages.iter().enumerate() {
        let found = message.parts.iter().position(|part| match &part.kind {
            PartKind::ToolResult(result) => result.parts.iter().any(kept),
            _ => kept(part),
        });
        if let Some(part) = found {
            let message = "The model cannot take a file that another provider keeps as input.";
            let fault = Fault::saying(Code::UnsupportedCapability, message);
            return Err(fault.at(format!("messages[{at}].content[{part}]")));
        }
    }
    Ok(())
}

/// Settings that other dialects have too.
fn write_settings(out: &mut Outgoing<'_>, request: &Request) -> Result<(), Fault> {
    let modalities = request.modalities.iter().map(|modality| match modality {
        Modality::Text => "text",
        Modality::Audio => "audio",
        Modality::Image => "image",
    });
    let modalities: Vec<&str> = modalities.collect();
    out.put_some("modalities", (!modalities.is_empty()).then_some(modalities))?;
    let voice = request.voice.clone().unwrap_or_default();
    let voice =
        object([("voice", voice.name.map(Value::String)), ("format", voice.format.map(Value::String))]);
    out.put_object("audio", voice)?;
    let verbosity = request.verbosity.map(|verbosity| match verbosity {
        Verbosity::Low => "low",
        Verbosity::Medium => "medium",
        Verbosity::High => "high",
    });
    out.put_some("verbosity", verbosity)?;
    out.put_some("prompt_cache_key", request.cache_key.as_ref())?;
    out.put_some("prompt_cache_retention", request.cache_retention.as_ref())?;
    out.put_some("safety_identifier", request.safety_id.as_ref())?;
    out.put_some("store", request.store)?;
    out.put_user(request.user.as_deref())?;
    out.put_some("metadata", request.metadata.as_ref())?;
    out.put_some("service_tier", request.service_tier.as_deref().map(service_tier))
}

fn write_sampling(out: &mut Outgoing<'_>, request: &Request, top_k: Option<u64>) -> Result<(), Fault> {
    let sampling = &request.sampling;
    out.put_some("temperature", sampling.temperature)?;
    out.put_some("top_p", sampling.top_p)?;
    out.put_some("top_k", top_k)?;
    out.put_some("frequency_penalty", sampling.frequency_penalty)?;
    out.put_some("presence_penalty", sampling.presence_penalty)?;
    let form = request.extra.fields.get(ECHO).filter(|_| request.extra.owner == Some(DIALECT));
    let has = |name: &str| form.filter(|form| form.get(name).is_some());
    out.put_some(if has(MISTRALS_SEED).is_some() { MISTRALS_SEED } else { "seed" }, sampling.seed)?;
    out.put_stop(&sampling.stop)?;
    out.put_some("n", sampling.n)?;
    // The client's own short form says both.
    if let Some(number) = has("logprobs") {
        out.put_some("logprobs", number.get("logprobs"))?;
        return out.put_some("top_logprobs", number.get("top_logprobs"));
    }
    out.put_some("logprobs", sampling.logprobs)?;
    out.put_some("top_logprobs", sampling.top_logprobs)
}

/// The tools of a request, and the search of the web, which is a field of its own here.
#[derive(Default)]
struct Tools {
    list: Vec<Value>,
    search: Option<Value>,
}

fn write_tools(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Tools {
    let mut out = Tools::default();
    let caches = quirks.accepts.contains(&"cache_control");
    let searches = quirks.accepts.contains(&tools::SEARCH);
    for (at, tool) in request.tools.iter().enumerate() {
        if let Tool::Function { extra, .. } | Tool::Custom { extra, .. } = tool {
            let _noted = own_fields(DIALECT, extra, &format!("tools[{at}]."), receipt);
        }
        match tool {
            Tool::Server { owner, tool: ServerTool::WebSearch, value }
                if value.get(tools::SEARCH).is_some() && *owner == DIALECT
                    || *owner != DIALECT && searches && out.search.is_none() =>
            {
                let at = format!("tools[{at}]");
                out.search = Some(tools::write_search(*owner == DIALECT, value, &at, receipt));
            }
            _ => match tools::write_tool(tool, caches) {
                Some(value) => out.list.push(value),
                None => receipt.dropped(format!("tools[{at}]"), "only its own provider runs this tool"),
            },
        }
    }
    out
}

/// Anthropic's `standard_only` is OpenAI's `default`; every other tier keeps its name.
fn service_tier(tier: &str) -> &str {
    if tier == "standard_only" { "default" } else { tier }
}

/// Writes the messages. Media that a tool returned wait until the results of their turn are written.
struct Turns<'a> {
    quirks: &'a Quirks,
    caches: bool,
    receipt: &'a mut Receipt,
    out: Vec<Value>,
    media: Vec<Part>,
}

impl Turns<'_> {
    fn write(mut self, request: &Request) -> Vec<Value> {
        for (at, message) in request.messages.iter().enumerate() {
            let path = format!("messages[{at}]");
            let mut rest = Vec::with_capacity(message.parts.len());
            for part in &message.parts {
                match &part.kind {
                    PartKind::ToolResult(result) => self.result((part, result), message, &path),
                    _ => rest.push(part),
                }
            }
            let had_results = rest.len() < message.parts.len();
            if !had_results || !rest.is_empty() {
                self.flush_media();
                self.message(message, &rest, &path);
            }
        }
        self.flush_media();
        self.out
    }

    fn content(&mut self, parts: &[&Part], path: &str) -> Option<Value> {
        Target { caches: self.caches, receipt: self.receipt }.write(parts, path)
    }

    fn message(&mut self, message: &Message, parts: &[&Part], path: &str) {
        let role = match message.role {
            Role::System => "system",
            Role::Developer if self.quirks.developer_as_system => "system",
            Role::Developer => "developer",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let mut out = object([("role", Some(json!(role)))]);
        if message.role == Role::Assistant {
            self.answer(&mut out, parts, path);
        } else {
            let content = self.content(parts, &format!("{path}.content"));
            let Some(content) = content.or_else(|| parts.is_empty().then(|| json!(""))) else { return };
            out.insert("content".to_owned(), content);
        }
        if let Some(name) = &message.name {
            out.insert("name".to_owned(), json!(name));
        }
        if let Some(extra) = own_fields(DIALECT, &message.extra, &format!("{path}."), self.receipt) {
            merge(&mut out, extra);
        }
        self.out.push(Value::Object(out));
    }

    /// What a model said: content, thoughts, calls and a refusal each have a field of their own.
    fn answer(&mut self, out: &mut Map<String, Value>, parts: &[&Part], path: &str) {
        let (mut said, mut calls, mut refusal) = (Vec::new(), Vec::new(), None::<Vec<&str>>);
        for &part in parts {
            match &part.kind {
                PartKind::Reasoning(_) if is_block(part) => said.push(part),
                PartKind::Reasoning(text) => {
                    thoughts::give_back(out, part, text, (self.quirks, self.receipt), path);
                }
                PartKind::Media { kind: MediaKind::Audio, .. } if media::refer(part).is_some() => {
                    out.extend(media::refer(part).map(|id| (media::AUDIO.to_owned(), id)));
                }
                PartKind::Refusal(_) if part.native_for(DIALECT).is_some() => said.push(part),
                PartKind::Refusal(text) => refusal.get_or_insert_with(Vec::new).push(text.as_str()),
                PartKind::ToolCall { .. } => calls.extend(tools::write_call(part)),
                PartKind::Native if part.native_for(DIALECT).is_some_and(tools::is_call) => {
                    calls.extend(tools::write_call(part));
                }
                _ => said.push(part),
            }
        }
        let content = self.content(&said, &format!("{path}.content"));
        out.insert("content".to_owned(), content.unwrap_or(Value::Null));
        if let Some(refusal) = refusal {
            out.insert("refusal".to_owned(), json!(refusal.join("\n")));
        }
        if !calls.is_empty() {
            out.insert("tool_calls".to_owned(), Value::Array(calls));
        }
    }

    fn result(&mut self, (part, result): (&Part, &ToolResult), message: &Message, path: &str) {
        if result.failed {
            self.receipt.dropped(format!("{path}.is_error"), "this dialect cannot say that a tool failed");
        }
        let (texts, media) = texts_and_media(&result.parts);
        let content = self.content(&texts, &format!("{path}.content"));
        let content = content.unwrap_or_else(|| {
            json!(if media.is_empty() { "" } else { "The result follows in the next message of the user." })
        });
        let mut out = object([
            ("role", Some(json!("tool"))),
            ("tool_call_id", Some(json!(result.call))),
            ("content", Some(content)),
            ("name", part.native_for(DIALECT).and_then(|native| native.get("name")).cloned()),
        ]);
        if let Some(extra) = own_fields(DIALECT, &message.extra, &format!("{path}."), self.receipt) {
            merge(&mut out, extra);
        }
        self.media.extend(media.into_iter().cloned());
        self.out.push(Value::Object(out));
    }

    /// A message of the user with the media that the tools before it returned.
    fn flush_media(&mut self) {
        let media = std::mem::take(&mut self.media);
        if media.is_empty() {
            return;
        }
        let parts: Vec<&Part> = media.iter().collect();
        if let Some(content) = self.content(&parts, "tool_result") {
            self.out.push(json!({"role": "user", "content": content}));
        }
    }
}
