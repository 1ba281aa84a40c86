//! YAML text to a [`Node`] tree: YAML 1.2 core schema, one document, text keys, no duplicates, bounded.
//!
//! It reads the parser's events rather than its tree, because a tree would already have unrolled the aliases of a
//! "billion laughs" file. Not here: `${…}` is only kept out of the YAML grammar's way; [`super::interpolate`] replaces it.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::interpolate::{mask, unmask};
use super::problem::Found;
use super::tree::{Entry, Kind, Node, Path, Position, Text};

/// Most bytes a file may have.
pub(crate) const MOST_BYTES: usize = 4 << 20;
/// Most values a file may have, aliases unrolled.
const MOST_NODES: usize = 200_000;
/// How deep values may be nested, aliases unrolled.
const MOST_DEPTH: usize = 48;

/// Parses a whole file. An empty one is an empty map.
///
/// # Errors
/// Everything that is wrong: one syntax error, or all duplicate keys.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<Found>> {
    if text.len() > MOST_BYTES {
        return Err(vec![Found::whole(START, format!("the file is larger than {} MiB", MOST_BYTES >> 20))]);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let masked = mask(text).map_err(|found| vec![found])?;
    let mut builder = Builder::default();
    for event in Parser::new_from_str(&masked) {
        let (event, span) =
            event.map_err(|error| vec![Found::whole(position(*error.marker()), unmask(error.info()))])?;
        builder.take(event, position(span.start)).map_err(|found| vec![found])?;
    }
    builder.finish()
}

const START: Position = Position { line: 1, column: 1 };

/// The parser counts lines from 1 and columns from 0.
fn position(marker: Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Finished>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    duplicates: Vec<Found>,
}

/// A list or map that is being read.
struct Open {
    at: Position,
    anchor: usize,
    body: Body,
    /// Values and levels below it so far.
    size: usize,
    depth: usize,
}

enum Body {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The key whose value comes next.
        key: Option<(String, Position)>,
        /// The lines of the keys so far.
        lines: HashMap<String, usize>,
    },
}

/// A complete value with its cost.
#[derive(Clone)]
struct Finished {
    node: Node,
    size: usize,
    depth: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Found> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Found::whole(
                        at,
                        "a second document begins here; the file must be one document",
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), at),
            Event::SequenceStart(anchor, tag) => {
                no_tag(tag.as_deref(), at)?;
                self.begin(Body::List(Vec::new()), anchor, at)
            }
            Event::MappingStart(anchor, tag) => {
                no_tag(tag.as_deref(), at)?;
                self.begin(Body::Map { entries: Vec::new(), key: None, lines: HashMap::new() }, anchor, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some(finished) = self.anchors.get(&anchor) else {
                    return Err(Found::whole(at, "this alias stands inside the value it names"));
                };
                // Checked before the copy, so that what is refused was never made.
                if self.nodes + finished.size > MOST_NODES {
                    return Err(too_many(at));
                }
                let mut finished = finished.clone();
                finished.node.at = at;
                self.add(finished)
            }
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), Found> {
        let forced = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if !forced {
            no_tag(tag, at)?;
        }
        let text = unmask(text);
        if let Some(Open { body: Body::Map { key: key @ None, .. }, .. }) = self.open.last_mut() {
            *key = Some((text, at));
            return Ok(());
        }
        let kind = if style == ScalarStyle::Plain && !forced { resolve(&text) } else { None };
        let kind = kind
            .unwrap_or_else(|| Kind::Text(Text { value: text.clone(), written: text, interpolated: false }));
        let finished = Finished { node: Node { at, kind }, size: 1, depth: 0 };
        if anchor != 0 {
            self.anchors.insert(anchor, finished.clone());
        }
        self.add(finished)
    }

    fn begin(&mut self, body: Body, anchor: usize, at: Position) -> Result<(), Found> {
        if let Some(Open { body: Body::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(Found::whole(at, "a key must be a text, not a list or a map"));
        }
        if self.open.len() >= MOST_DEPTH {
            return Err(too_deep(at));
        }
        self.open.push(Open { at, anchor, body, size: 1, depth: 0 });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Found> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.body {
            Body::List(items) => Kind::List(items),
            Body::Map { entries, .. } => Kind::Map(entries),
        };
        let finished = Finished { node: Node { at: open.at, kind }, size: open.size, depth: open.depth + 1 };
        // The values inside were counted when they were added.
        self.nodes -= open.size - 1;
        if open.anchor != 0 {
            self.anchors.insert(open.anchor, finished.clone());
        }
        self.add(finished)
    }

    fn add(&mut self, finished: Finished) -> Result<(), Found> {
        let Finished { node, size, depth } = finished;
        self.nodes += size;
        if self.nodes > MOST_NODES {
            return Err(too_many(node.at));
        }
        if self.open.len() + depth > MOST_DEPTH {
            return Err(too_deep(node.at));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.size += size;
        open.depth = open.depth.max(depth);
        match &mut open.body {
            Body::List(items) => items.push(node),
            Body::Map { entries, key, lines } => {
                let Some((key, key_at)) = key.take() else {
                    return Err(Found::whole(node.at, "a key must be a text; an alias cannot be one"));
                };
                let Some(first) = lines.get(&key) else {
                    lines.insert(key.clone(), key_at.line);
                    entries.push(Entry { key, key_at, value: node });
                    return Ok(());
                };
                let message = format!("key `{key}` stands twice; the first is on line {first}");
                let path = self.path().key(&key);
                self.duplicates.push(Found { at: key_at, path, message });
            }
        }
        Ok(())
    }

    /// The way to the innermost list or map that is being read.
    fn path(&self) -> Path {
        let outer = self.open.split_last().map_or(&[][..], |(_, outer)| outer);
        outer.iter().fold(Path::default(), |path, open| match &open.body {
            Body::List(items) => path.index(items.len()),
            Body::Map { key: Some((key, _)), .. } => path.key(key),
            Body::Map { key: None, .. } => path,
        })
    }

    fn finish(self) -> Result<Node, Vec<Found>> {
        if !self.duplicates.is_empty() {
            return Err(self.duplicates);
        }
        match self.root {
            None | Some(Node { kind: Kind::Null, .. }) => Ok(Node { at: START, kind: Kind::Map(Vec::new()) }),
            Some(node) => Ok(node),
        }
    }
}

fn too_many(at: Position) -> Found {
    Found::whole(at, format!("the file has more than {MOST_NODES} values, aliases unrolled"))
}

fn too_deep(at: Position) -> Found {
    Found::whole(at, format!("values are nested deeper than {MOST_DEPTH} levels"))
}

fn no_tag(tag: Option<&Tag>, at: Position) -> Result<(), Found> {
    match tag {
        None => Ok(()),
        Some(tag) => Err(Found::whole(at, format!("tag `{}{}` has no meaning here", tag.handle, tag.suffix))),
    }
}

/// What an unquoted scalar is under the core schema (YAML 1.2.2, 10.3.2); none for a text.
fn resolve(text: &str) -> Option<Kind> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Kind::Null),
        "true" | "True" | "TRUE" => return Some(Kind::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Kind::Bool(false)),
        _ => {}
    }
    number(text).map(Kind::Number)
}

/// A number of the core schema. Infinities and what is not a number have no JSON form and stay texts.
pub(crate) fn number(text: &str) -> Option<serde_json::Number> {
    let radix = |digits: &str, radix| {
        let fits = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
        u64::from_str_radix(digits, radix).ok().filter(|_| fits).map(serde_json::Number::from)
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+');
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !begins || !unsigned.bytes().all(numeric) {
        return None;
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = plain.parse::<u64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = plain.parse::<i64>() {
        return Some(whole.into());
    }
    plain.parse::<f64>().ok().and_then(serde_json::Number::from_f64)
}
