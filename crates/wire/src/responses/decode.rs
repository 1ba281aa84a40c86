//! A stream of response events → canon.
//!
//! Each event names its type in the data; the `event:` lines repeat it. What is not known is passed over. Items are told
//! apart by `output_index`: some servers give an item another id in every event. What events leave out is taken from the
//! whole item when it is done, and from the whole response at the end. Items in the making are `making.rs`.

use bytes::Bytes;
use contract::canon::{Event, Extra, PartStart};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::body::{self, Head};
use super::making::{Making, Place};
use super::{DIALECT, citation, finish, invalid, logprobs};
use crate::frames::sse::{Frame, Framer};
use crate::outgoing::ECHO;
use crate::usage::{Count, Ran};
use crate::{StreamDecoder, WireError};

/// The decoder of one stream.
pub(super) struct Decoder {
    framer: Framer,
    state: State,
}

#[derive(Default)]
struct State {
    /// What the first frame said beyond canon's words.
    first: Option<Extra>,
    ended: bool,
    /// An error was told, and not yet the response that failed with it.
    failing: bool,
    /// What items said that ran: some servers have no output in the last frame.
    ran: Ran,
    making: Making,
}

/// A frame of any type. Fields that differ between types are read as whatever they are.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    #[serde(rename = "type")]
    kind: Option<String>,
    output_index: Count,
    content_index: Count,
    summary_index: Count,
    delta: Value,
    text: Value,
    refusal: Value,
    arguments: Value,
    input: Value,
    part: Value,
    item: Value,
    annotation: Value,
    logprobs: Value,
    response: Value,
    error: Value,
    message: Value,
    code: Value,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub(super) fn new() -> Self {
        Self { framer: Framer::new(DIALECT), state: State::default() }
    }
}

impl StreamDecoder for Decoder {
    fn push(&mut self, bytes: &Bytes, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.feed(bytes, |frame| state.frame(&frame, events))
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), WireError> {
        let state = &mut self.state;
        self.framer.finish(|frame| state.frame(&frame, events))?;
        if state.ended { Ok(()) } else { Err(invalid("the stream ended before the response was complete")) }
    }

    fn is_over(&self) -> bool {
        !self.state.failing
    }
}

impl State {
    fn frame(&mut self, frame: &Frame<'_>, events: &mut Vec<Event>) -> Result<(), WireError> {
        let data = frame.data.trim_ascii();
        if self.ended {
            self.behind(data, events);
            return Ok(());
        }
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let mut data: Data = serde_json::from_slice(data).map_err(invalid)?;
        let named = data.kind.take().unwrap_or_else(|| String::from_utf8_lossy(frame.event).into_owned());
        let kind = named.strip_prefix("response.").unwrap_or(&named);
        match kind {
            "created" | "queued" | "in_progress" => {
                if self.first.is_none() {
                    let head = head(data.response);
                    self.start(head, events);
                }
            }
            "completed" | "incomplete" | "failed" | "cancelled" => self.end(kind, data.response, events)?,
            // How some servers call the last event, whatever the status (Open Responses, the Realtime API).
            "done" if data.response.is_object() => {
                let status = data.response.get("status").and_then(Value::as_str).map(str::to_owned);
                self.end(status.as_deref().unwrap_or("completed"), data.response, events)?;
            }
            "error" => {
                self.fail(&data, events);
                self.failing = true;
            }
            // A server that follows OpenAI's chat completions wraps its error in nothing else.
            "" if !data.error.is_null() => self.fail(&data, events),
            _ => self.item_event(kind, data, events)?,
        }
        Ok(())
    }

    /// What comes behind an error: the response that failed says what was consumed.
    fn behind(&mut self, data: &[u8], events: &mut Vec<Event>) {
        if !self.failing || data.is_empty() {
            return;
        }
        let data: Data = serde_json::from_slice(data).unwrap_or_default();
        if let Value::Object(response) = data.response {
            events.extend(body::read(response, self.ran).usage.map(Event::Usage));
        }
        self.failing = false;
    }

    /// Events of an item.
    fn item_event(&mut self, kind: &str, data: Data, events: &mut Vec<Event>) -> Result<(), WireError> {
        let item = data.output_index.get();
        let content = Place { item, raw: true, at: data.content_index.get() };
        let summary = Place { item, raw: false, at: data.summary_index.get() };
        let before = events.len();
        match kind {
            "output_item.added" => self.making.added(item, &object(data.item)?, events),
            "output_item.done" => {
                self.ran.add(&data.item);
                self.making.done(item, object(data.item)?, events)?;
            }
            "content_part.added" => {
                if let Some(start) = start_of(&data.part) {
                    self.making.open(content, start, events);
                }
            }
            "output_text.delta" => {
                self.making.say(content, PartStart::Text, &text(data.delta), events);
                self.making.tokens(content, logprobs::read(&data.logprobs).unwrap_or_default(), events);
            }
            "output_text.done" => self.making.said(content, PartStart::Text, &text(data.text), events),
            "output_text.annotation.added" => {
                self.making.cite(content, citation::read(data.annotation), events);
            }
            "refusal.delta" => self.making.say(content, PartStart::Refusal, &text(data.delta), events),
            "refusal.done" => self.making.said(content, PartStart::Refusal, &text(data.refusal), events),
            "reasoning_summary_part.added" => self.making.open(summary, PartStart::Reasoning, events),
            "reasoning_summary_text.delta" => {
                self.making.say(summary, PartStart::Reasoning, &text(data.delta), events);
            }
            "reasoning_summary_text.done" => {
                self.making.said(summary, PartStart::Reasoning, &text(data.text), events);
            }
            "reasoning_text.delta" | "reasoning.delta" => {
                self.making.say(content, PartStart::Reasoning, &text(data.delta), events);
            }
            "reasoning_text.done" => {
                self.making.said(content, PartStart::Reasoning, &text(data.text), events);
            }
            "function_call_arguments.delta" | "custom_tool_call_input.delta" | "mcp_call_arguments.delta" => {
                self.making.ask(item, &text(data.delta), events);
            }
            "function_call_arguments.done" | "mcp_call_arguments.done" => {
                self.making.asked(item, &text(data.arguments), events);
            }
            "custom_tool_call_input.done" => self.making.asked(item, &text(data.input), events),
            "code_interpreter_call_code.delta" => self.making.code(item, &text(data.delta), events),
            _ => {}
        }
        if self.first.is_none() && events.len() > before {
            let mut late = events.split_off(before);
            self.start(head(Value::Null), events);
            events.append(&mut late);
        }
        Ok(())
    }

    fn start(&mut self, head: Head, events: &mut Vec<Event>) {
        let Head { id, model, created, extra, .. } = head;
        self.first = Some(extra.clone());
        events.push(Event::Start { id, model, created, extra });
    }

    fn end(&mut self, kind: &str, response: Value, events: &mut Vec<Event>) -> Result<(), WireError> {
        let mut response = object(response).unwrap_or_default();
        let error = response.shift_remove("error").filter(|error| !error.is_null());
        let output = response.shift_remove("output");
        let whole = output.as_ref().and_then(Value::as_array).map(Ran::of).unwrap_or_default();
        let mut head = body::read(response, whole.or(self.ran));
        if self.first.is_none() {
            let extra = std::mem::take(&mut head.extra);
            let (id, model) = (head.id.clone(), head.model.clone());
            self.first = Some(extra.clone());
            events.push(Event::Start { id, model, created: head.created, extra });
        }
        if kind == "failed" || error.is_some() {
            events.extend(head.usage.map(Event::Usage));
            let data = Data { error: error.unwrap_or_default(), ..Data::default() };
            self.fail(&data, events);
            return Ok(());
        }
        if let Some(Value::Array(output)) = output {
            self.making.rest(output, events)?;
        }
        self.making.close(events);
        let later = later(self.first.as_ref(), head.extra);
        if !later.fields.is_empty() {
            events.push(Event::Extra { choice: None, extra: later });
        }
        let status = if kind == "completed" { head.status.as_str() } else { kind };
        let reason = finish(status, head.reason.as_deref(), self.making.content);
        events.push(Event::Finish { choice: 0, reason, stop_sequence: None });
        events.extend(head.usage.map(Event::Usage));
        events.push(Event::End);
        self.ended = true;
        Ok(())
    }

    /// `{"type": "error", code, message}`, or with an `error` object within.
    fn fail(&mut self, data: &Data, events: &mut Vec<Event>) {
        let within = |name: &str| data.error.get(name).and_then(Value::as_str);
        let kind = within("code").or_else(|| within("type")).or(data.code.as_str());
        let message = within("message").or(data.error.as_str()).or(data.message.as_str());
        events.push(Event::Error {
            kind: kind.map(str::to_owned),
            message: message.unwrap_or("The provider failed and did not say why.").to_owned(),
        });
        self.ended = true;
    }
}

/// Fields of the last frame that the first one lacked or told differently.
fn later(first: Option<&Extra>, last: Extra) -> Extra {
    let known = first.map(|first| &first.fields);
    let mut fields = changed(known, last.fields);
    if let Some(Value::Object(echo)) = fields.shift_remove(ECHO) {
        let echo = changed(known.and_then(|known| known.get(ECHO)?.as_object()), echo);
        if !echo.is_empty() {
            fields.insert(ECHO.to_owned(), Value::Object(echo));
        }
    }
    Extra { owner: (!fields.is_empty()).then_some(DIALECT), fields }
}

fn changed(known: Option<&Map<String, Value>>, mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|name, value| known.and_then(|known| known.get(name)) != Some(value));
    fields
}

fn head(response: Value) -> Head {
    let mut response = object(response).unwrap_or_default();
    for other in ["output", "error", "usage"] {
        response.shift_remove(other);
    }
    body::read(response, Ran::default())
}

fn object(value: Value) -> Result<Map<String, Value>, WireError> {
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(invalid("an event lacks its object")),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        _ => String::new(),
    }
}

/// What kind of part a content part begins.
fn start_of(part: &Value) -> Option<PartStart> {
    match part.get("type")?.as_str()? {
        "output_text" => Some(PartStart::Text),
        "refusal" => Some(PartStart::Refusal),
        "reasoning_text" => Some(PartStart::Reasoning),
        _ => None,
    }
}
