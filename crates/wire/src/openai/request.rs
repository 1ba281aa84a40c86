//! Canon → a chat completion request.
//!
//! Canon may hold several tool results in one message and media within them; here each result is a message of its own
//! that holds text alone, and its media follow in a message of the user.

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Effort, Message, Part, PartKind, Reasoning, Receipt, Request, Role, ToolResult};
use serde_json::{Map, Value, json};

use super::content::{self, object, texts_and_media};
use super::read::refuse;
use super::{DIALECT, tools};
use crate::Quirks;
use crate::outgoing::{Outgoing, merge, own_fields};

/// Writes a request body.
///
/// A stream always asks for usage: without it nobody would know what the answer cost.
pub(crate) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let messages =
        Turns { quirks, receipt: &mut *receipt, out: Vec::new(), media: Vec::new() }.write(request);
    if messages.is_empty() {
        return Err(refuse("messages".to_owned(), "There is no message that this model could be sent."));
    }
    let tools = write_tools(request, receipt);
    let top_k = request.sampling.top_k.filter(|_| quirks.accepts.contains(&"top_k"));
    if request.sampling.top_k.is_some() && top_k.is_none() {
        receipt.dropped("top_k", "the provider has no such setting");
    }
    let effort = request.reasoning.as_ref().and_then(effort);
    let mut out = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    out.put("messages", &messages)?;
    out.put_some("tools", (!tools.is_empty()).then_some(&tools))?;
    // Without a tool that is left, a choice among them would be refused.
    if tools.is_empty() == request.tools.is_empty() {
        out.put_some("parallel_tool_calls", request.parallel_tools)?;
        out.put_some("tool_choice", request.tool_choice.as_ref().map(tools::write_choice))?;
    }
    out.put_some("response_format", tools::write_format(&request.format))?;
    out.put_some("max_completion_tokens", request.max_output)?;
    out.put_some("reasoning_effort", effort)?;
    write_sampling(&mut out, request, top_k)?;
    out.put_some("user", request.user.as_ref())?;
    out.put_some("metadata", request.metadata.as_ref())?;
    out.put_some("service_tier", request.service_tier.as_deref().map(service_tier))?;
    if request.stream {
        out.put("stream", &true)?;
        out.put_object("stream_options", object([("include_usage", Some(Value::Bool(true)))]))?;
    }
    out.finish()
}

fn write_sampling(out: &mut Outgoing<'_>, request: &Request, top_k: Option<u64>) -> Result<(), Fault> {
    let sampling = &request.sampling;
    out.put_some("temperature", sampling.temperature)?;
    out.put_some("top_p", sampling.top_p)?;
    out.put_some("top_k", top_k)?;
    out.put_some("frequency_penalty", sampling.frequency_penalty)?;
    out.put_some("presence_penalty", sampling.presence_penalty)?;
    out.put_some("seed", sampling.seed)?;
    out.put_some("stop", (!sampling.stop.is_empty()).then_some(&sampling.stop))?;
    out.put_some("n", sampling.n)?;
    out.put_some("logprobs", sampling.logprobs)?;
    out.put_some("top_logprobs", sampling.top_logprobs)
}

fn write_tools(request: &Request, receipt: &mut Receipt) -> Vec<Value> {
    let mut out = Vec::with_capacity(request.tools.len());
    for (at, tool) in request.tools.iter().enumerate() {
        match tools::write_tool(tool) {
            Some(value) => out.push(value),
            None => receipt.dropped(format!("tools[{at}]"), "only its own provider runs this tool"),
        }
    }
    out
}

/// Anthropic's `standard_only` is OpenAI's `default`; every other tier keeps its name.
fn service_tier(tier: &str) -> &str {
    if tier == "standard_only" { "default" } else { tier }
}

/// The level asked for, or the one that a number of thinking tokens comes nearest to.
fn effort(reasoning: &Reasoning) -> Option<&'static str> {
    let from_budget = |tokens| match tokens {
        0 => Effort::None,
        1..=4_095 => Effort::Low,
        4_096..=16_383 => Effort::Medium,
        _ => Effort::High,
    };
    let level = reasoning.effort.or_else(|| reasoning.budget.map(from_budget))?;
    Some(match level {
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    })
}

/// Writes the messages. Media that a tool returned wait until the results of their turn are written.
struct Turns<'a> {
    quirks: &'a Quirks,
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
                    PartKind::ToolResult(result) => self.result(result, message, &path),
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
            let content = content::write(parts, &format!("{path}.content"), self.receipt);
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
        let (mut said, mut calls, mut refusal) = (Vec::new(), Vec::new(), None);
        for &part in parts {
            match &part.kind {
                PartKind::Reasoning(text) => self.thoughts(out, part, text, path),
                PartKind::Refusal(text) => refusal = Some(json!(text)),
                PartKind::ToolCall { .. } => calls.extend(tools::write_call(part)),
                PartKind::Native if part.native_for(DIALECT).is_some_and(tools::is_call) => {
                    calls.extend(tools::write_call(part));
                }
                _ => said.push(part),
            }
        }
        let content = content::write(&said, &format!("{path}.content"), self.receipt);
        out.insert("content".to_owned(), content.unwrap_or(Value::Null));
        if let Some(refusal) = refusal {
            out.insert("refusal".to_owned(), refusal);
        }
        if !calls.is_empty() {
            out.insert("tool_calls".to_owned(), Value::Array(calls));
        }
    }

    /// Thoughts go back to the server they came from, and to any that takes them.
    fn thoughts(&mut self, out: &mut Map<String, Value>, part: &Part, text: &str, path: &str) {
        let own = part.native_for(DIALECT).and_then(|native| native.get("field")).and_then(Value::as_str);
        let accepted = self.quirks.accepts.contains(&"reasoning_content").then_some("reasoning_content");
        match own.or(accepted) {
            Some(field) => match out.get_mut(field) {
                Some(Value::String(before)) => before.push_str(text),
                _ => {
                    out.insert(field.to_owned(), json!(text));
                }
            },
            None => self.receipt.dropped(format!("{path}.reasoning"), "the provider takes no thoughts back"),
        }
    }

    fn result(&mut self, result: &ToolResult, message: &Message, path: &str) {
        if result.failed {
            self.receipt.dropped(format!("{path}.is_error"), "this dialect cannot say that a tool failed");
        }
        let (texts, media) = texts_and_media(&result.parts);
        let content = content::write(&texts, &format!("{path}.content"), self.receipt);
        let content = content.unwrap_or_else(|| {
            json!(if media.is_empty() { "" } else { "The result follows in the next message of the user." })
        });
        let mut out = object([
            ("role", Some(json!("tool"))),
            ("tool_call_id", Some(json!(result.call))),
            ("content", Some(content)),
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
        if let Some(content) = content::write(&parts, "tool_result", self.receipt) {
            self.out.push(json!({"role": "user", "content": content}));
        }
    }
}
