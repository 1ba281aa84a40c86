//! The configuration as it was written: values with the place of each. Not typed; that is [`super::validate`]'s work.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

/// A place in the file, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where.
    pub(crate) at: Position,
    /// What.
    pub(crate) kind: Kind,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<Entry>),
}

/// A text, and what is known about how it came to be.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// The text, `${…}` replaced.
    pub(crate) value: String,
    /// The text as the file has it; what messages may quote.
    pub(crate) written: String,
    /// Did `${…}` change it? Then it may still become a number or a boolean, if the schema wants one.
    pub(crate) interpolated: bool,
}

/// A key of a map with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key begins.
    pub(crate) key_at: Position,
    /// The value.
    pub(crate) value: Node,
}

impl Node {
    /// What it is, for a message: `the text \`abc\``.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(flag) => format!("`{flag}`"),
            Kind::Number(number) => format!("the number {number}"),
            Kind::Text(text) => format!("the text `{}`", shorten(&text.written)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }

    /// The same without positions.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.value.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Kind::Map(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value())).collect(),
            ),
        }
    }

    const fn is_scalar(&self) -> bool {
        matches!(self.kind, Kind::Bool(_) | Kind::Number(_) | Kind::Text(_))
    }
}

impl Entry {
    /// Where a fault in the value is shown: at a scalar itself, else at the key.
    pub(crate) const fn value_at(&self) -> Position {
        if self.value.is_scalar() { self.value.at } else { self.key_at }
    }
}

fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    if line.len() == text.len() && text.chars().count() <= MOST {
        return text.to_owned();
    }
    line.chars().take(MOST).chain(['…']).collect()
}

/// The way from the root to a value. Prints as `models.fast.route.targets[0].to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    /// The path of a value of this map.
    pub(crate) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    /// The path of an item of this list.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Finds the place of a path that somebody else wrote down, `a.b[0]` or `a.b.0`.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Position>);

impl Places {
    /// The places of everything in a tree.
    pub(crate) fn of(root: &Node) -> Self {
        let mut places = Self::default();
        places.note(root, &Path::default());
        places
    }

    /// Where this path is, or else the closest thing around it.
    pub(crate) fn find(&self, path: &str) -> Position {
        let mut path = normal(path);
        loop {
            if let Some(at) = self.0.get(&path) {
                return *at;
            }
            match path.rfind('.') {
                Some(dot) => path.truncate(dot),
                None => return Position { line: 1, column: 1 },
            }
        }
    }

    fn note(&mut self, node: &Node, path: &Path) {
        match &node.kind {
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = path.index(index);
                    self.0.insert(normal(&path.to_string()), item.at);
                    self.note(item, &path);
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    let path = path.key(&entry.key);
                    self.0.insert(normal(&path.to_string()), entry.value_at());
                    self.note(&entry.value, &path);
                }
            }
            _ => {}
        }
    }
}

fn normal(path: &str) -> String {
    path.chars().filter(|c| *c != ']').map(|c| if c == '[' { '.' } else { c }).collect()
}
