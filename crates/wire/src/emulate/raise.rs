//! Calls on a stream that come back as calls of custom tools: the text is taken out of its JSON as it arrives.

use bytes::BytesMut;
use contract::Fault;
use contract::canon::{Event, PartStart};

use super::INPUT;
use crate::StreamEncoder;

/// An encoder before which calls become those of custom tools.
pub(crate) struct Raising {
    inner: Box<dyn StreamEncoder>,
    names: Vec<String>,
    open: Vec<(u32, u32, Input)>,
}

impl Raising {
    /// Before this encoder, for these tools.
    pub(crate) fn before(inner: Box<dyn StreamEncoder>, names: Vec<String>) -> Self {
        Self { inner, names, open: Vec::new() }
    }

    fn place(&self, choice: u32, index: u32) -> Option<usize> {
        self.open.iter().rposition(|(of, part, _)| (*of, *part) == (choice, index))
    }

    fn say(&mut self, choice: u32, index: u32, text: String, out: &mut BytesMut) {
        if !text.is_empty() {
            self.inner.write(&Event::Delta { choice, index, text }, out);
        }
    }
}

impl StreamEncoder for Raising {
    fn write(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::PartStart {
                choice,
                index,
                part: PartStart::ToolCall { id, name, custom: false },
                native,
            } if self.names.contains(name) => {
                self.open.push((*choice, *index, Input::default()));
                let part = PartStart::ToolCall { id: id.clone(), name: name.clone(), custom: true };
                let (choice, index, native) = (*choice, *index, native.clone());
                self.inner.write(&Event::PartStart { choice, index, part, native }, out);
            }
            Event::Delta { choice, index, text } => match self.place(*choice, *index) {
                Some(at) => {
                    let mut said = String::new();
                    if let Some((.., input)) = self.open.get_mut(at) {
                        input.push(text, &mut said);
                    }
                    self.say(*choice, *index, said, out);
                }
                None => self.inner.write(event, out),
            },
            Event::PartStop { choice, index } => {
                if let Some(at) = self.place(*choice, *index) {
                    let (.., input) = self.open.swap_remove(at);
                    let mut said = String::new();
                    input.finish(&mut said);
                    self.say(*choice, *index, said, out);
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

/// Most bytes that are looked at for the beginning of the text.
const HEAD: usize = 4096;

/// Reads `{"input": "…"}` in pieces and gives out the text as it comes. Anything else goes out as it stands.
#[derive(Debug, Default)]
pub(super) struct Input {
    state: State,
    /// What is not decided: the beginning before the text, or an escape that is not complete.
    kept: String,
    /// The first half of a pair of surrogates.
    half: Option<u16>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the text.
    #[default]
    Head,
    /// Within it.
    Text,
    /// After it: nothing more is said.
    Done,
    /// It is something else.
    Other,
}

impl Input {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) {
        match self.state {
            State::Done => {}
            State::Other => out.push_str(piece),
            State::Head => {
                self.kept.push_str(piece);
                match head(&self.kept) {
                    Head::Text(at) => {
                        let rest = self.kept.split_off(at);
                        self.kept.clear();
                        self.state = State::Text;
                        self.text(&rest, out);
                    }
                    Head::Open if self.kept.len() <= HEAD => {}
                    Head::Open | Head::Other => {
                        self.state = State::Other;
                        out.push_str(&std::mem::take(&mut self.kept));
                    }
                }
            }
            State::Text => self.text(piece, out),
        }
    }

    /// The call is complete. Arguments that never came to the text go out as they are; none at all are an empty text.
    pub(super) fn finish(mut self, out: &mut String) {
        match self.state {
            State::Head if matches!(self.kept.trim(), "" | "{}") => {}
            State::Head => out.push_str(&self.kept),
            State::Text => self.lone(out),
            State::Done | State::Other => {}
        }
    }

    fn text(&mut self, piece: &str, out: &mut String) {
        for letter in piece.chars() {
            if self.kept.is_empty() {
                match letter {
                    '"' => {
                        self.lone(out);
                        self.state = State::Done;
                        return;
                    }
                    '\\' => self.kept.push(letter),
                    _ => {
                        self.lone(out);
                        out.push(letter);
                    }
                }
            } else {
                self.kept.push(letter);
                self.escape(letter, out);
            }
        }
    }

    /// Ends an escape if it is complete (RFC 8259 §7).
    fn escape(&mut self, letter: char, out: &mut String) {
        let hex = self.kept.strip_prefix("\\u");
        match hex {
            Some(hex) if hex.len() < 4 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {}
            Some(hex) => {
                let unit = u16::from_str_radix(hex, 16);
                self.kept.clear();
                match unit {
                    Ok(unit) => self.unit(unit, out),
                    Err(_) => out.push(char::REPLACEMENT_CHARACTER),
                }
            }
            None => {
                self.kept.clear();
                self.lone(out);
                out.push(match letter {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    other => other,
                });
            }
        }
    }

    /// A unit of UTF-16: a character, or half of one.
    fn unit(&mut self, unit: u16, out: &mut String) {
        let pair = [self.half.take().unwrap_or_default(), unit];
        let both = char::decode_utf16(pair).next().and_then(Result::ok).filter(|_| pair[0] != 0);
        if let Some(letter) = both {
            out.push(letter);
            return;
        }
        if pair[0] != 0 {
            out.push(char::REPLACEMENT_CHARACTER);
        }
        match char::from_u32(u32::from(unit)) {
            Some(letter) => out.push(letter),
            None if (0xD800..0xDC00).contains(&unit) => self.half = Some(unit),
            None => out.push(char::REPLACEMENT_CHARACTER),
        }
    }

    /// Half a character whose other half does not come.
    fn lone(&mut self, out: &mut String) {
        if self.half.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// What the beginning of arguments is.
enum Head {
    /// Up to here; then the text begins.
    Text(usize),
    /// It is not decided.
    Open,
    /// Not what was asked for.
    Other,
}

/// Reads `{"input":"` with any space between.
fn head(text: &str) -> Head {
    let mut rest = text;
    if text.trim() == "{}" {
        return Head::Open;
    }
    let key = ["\"", INPUT, "\""].concat();
    for token in ["{", key.as_str(), ":", "\""] {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        match rest.strip_prefix(token) {
            Some(after) => rest = after,
            None if token.starts_with(rest) => return Head::Open,
            None => return Head::Other,
        }
    }
    Head::Text(text.len() - rest.len())
}
