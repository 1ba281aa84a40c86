//! Calls of custom tools on a stream for a client whose dialect has none: their text arrives as one string in an object.

use bytes::BytesMut;
use contract::Fault;
use contract::canon::{Event, PartStart};
use serde_json::json;

use super::INPUT;
use crate::StreamEncoder;

/// An encoder before which calls of custom tools become those of functions.
pub(crate) struct Wrapping {
    inner: Box<dyn StreamEncoder>,
    open: Vec<(u32, u32)>,
}

impl Wrapping {
    /// Before this encoder.
    pub(crate) fn before(inner: Box<dyn StreamEncoder>) -> Self {
        Self { inner, open: Vec::new() }
    }

    fn say(&mut self, choice: u32, index: u32, text: String, out: &mut BytesMut) {
        self.inner.write(&Event::Delta { choice, index, text }, out);
    }
}

impl StreamEncoder for Wrapping {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::PartStart {
                choice,
                index,
                part: PartStart::ToolCall { id, name, custom: true },
                native,
            } => {
                let (choice, index, native) = (*choice, *index, native.clone());
                self.open.push((choice, index));
                let part = PartStart::ToolCall { id: id.clone(), name: name.clone(), custom: false };
                self.inner.write(&Event::PartStart { choice, index, part, native }, out);
                self.say(choice, index, format!("{{\"{INPUT}\":\""), out);
            }
            Event::Delta { choice, index, text } if self.open.contains(&(*choice, *index)) => {
                let quoted = json!(text).to_string();
                let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
                self.say(*choice, *index, inside.to_owned(), out);
            }
            Event::PartStop { choice, index } => {
                if let Some(at) = self.open.iter().position(|open| *open == (*choice, *index)) {
                    self.open.swap_remove(at);
                    self.say(*choice, *index, "\"}".to_owned(), out);
                }
                self.inner.write(event, out);
            }
            _ => self.inner.write(event, out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut BytesMut) {
        self.inner.fail(fault, out);
    }
}
