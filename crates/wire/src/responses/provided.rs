//! Tools that the provider ran, on a stream → frames.
//!
//! An item of this API's own comes whole with its call. For the tool of another provider the item is begun with the call
//! and completed with its result, which may come much later.

use std::collections::BTreeMap;

use bytes::BytesMut;
use contract::canon::{ServerCall, ServerResult, ServerTool};
use serde_json::{Map, Value, json};

use super::emit::Emit;
use super::{object, server};

/// The tools at work.
#[derive(Default)]
pub(super) struct Provided {
    /// Calls whose input is still coming, by part.
    asking: BTreeMap<u32, Work>,
    /// Calls whose result is still coming.
    waiting: Vec<Work>,
}

/// Most calls without a result that are waited for; beyond it the first is taken for done.
const MOST_WAITING: usize = 64;

struct Work {
    at: usize,
    call: ServerCall,
    item: Map<String, Value>,
    own: bool,
}

impl Provided {
    /// A call begins.
    pub(super) fn start(
        &mut self,
        part: u32,
        (id, tool, name): (&str, ServerTool, Option<&str>),
        own: Option<Map<String, Value>>,
        emit: &mut Emit,
        out: &mut BytesMut,
    ) {
        let call =
            ServerCall { id: id.to_owned(), tool, name: name.map(str::to_owned), input: String::new() };
        let Some(mut item) = server::write(&call, None, "") else { return };
        item.shift_remove("id");
        let is_own = own.is_some();
        item.extend(own.unwrap_or_default());
        let at = emit.add_item(&mut item, out);
        let work = Work { at, call, item, own: is_own };
        work.step("in_progress", emit, out);
        if matches!(server::kind(&work.item), "web_search_call" | "file_search_call") {
            work.step("searching", emit, out);
        }
        self.asking.insert(part, work);
    }

    /// More of a call's input.
    pub(super) fn ask(&mut self, part: u32, text: &str) {
        if let Some(work) = self.asking.get_mut(&part) {
            work.call.input.push_str(text);
        }
    }

    /// More of an own item's fields.
    pub(super) fn more(&mut self, part: u32, fields: Map<String, Value>) {
        if let Some(work) = self.asking.get_mut(&part) {
            work.item.extend(fields);
        }
    }

    /// A call is complete: so is an own item, another waits for its result.
    pub(super) fn stop(&mut self, part: u32, emit: &mut Emit, out: &mut BytesMut) {
        let Some(work) = self.asking.remove(&part) else { return };
        if work.own {
            work.finish(None, emit, out);
            return;
        }
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.remove(0).finish(None, emit, out);
        }
        self.waiting.push(work);
    }

    /// A result has come.
    pub(super) fn result(&mut self, result: &ServerResult, emit: &mut Emit, out: &mut BytesMut) {
        if let Some(at) = self.waiting.iter().position(|work| work.call.id == result.call) {
            self.waiting.remove(at).finish(Some(result), emit, out);
        }
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self, emit: &mut Emit, out: &mut BytesMut) {
        let asking = std::mem::take(&mut self.asking).into_values();
        for work in asking.chain(std::mem::take(&mut self.waiting)) {
            work.finish(None, emit, out);
        }
    }
}

impl Work {
    fn id(&self) -> Value {
        self.item.get("id").cloned().unwrap_or_default()
    }

    fn step(&self, step: &str, emit: &mut Emit, out: &mut BytesMut) {
        let kind = format!("response.{}.{step}", server::kind(&self.item));
        emit.item_frame(&kind, (&self.id(), self.at), Map::new(), out);
    }

    fn finish(mut self, result: Option<&ServerResult>, emit: &mut Emit, out: &mut BytesMut) {
        let id = self.id();
        if !self.own {
            let id = id.as_str().unwrap_or_default();
            self.item = server::write(&self.call, result, id).unwrap_or_default();
        }
        let field = |name: &str| self.item.get(name).cloned().filter(Value::is_string);
        let place = (&id, self.at);
        match server::kind(&self.item) {
            "code_interpreter_call" => {
                let code = field("code").unwrap_or_else(|| json!(""));
                let delta = object([("delta", Some(code.clone()))]);
                emit.item_frame("response.code_interpreter_call_code.delta", place, delta, out);
                let whole = object([("code", Some(code))]);
                emit.item_frame("response.code_interpreter_call_code.done", place, whole, out);
                self.step("interpreting", emit, out);
            }
            "mcp_call" => {
                let asked = field("arguments").unwrap_or_else(|| json!(""));
                let delta = object([("delta", Some(asked.clone()))]);
                emit.item_frame("response.mcp_call_arguments.delta", place, delta, out);
                let whole = object([("arguments", Some(asked))]);
                emit.item_frame("response.mcp_call_arguments.done", place, whole, out);
            }
            _ => {}
        }
        // Of these tools only that one has an event for a failure.
        let failed = field("status") == Some(json!("failed")) && server::kind(&self.item) == "mcp_call";
        self.step(if failed { "failed" } else { "completed" }, emit, out);
        emit.item_done(self.at, self.item, out);
    }
}
