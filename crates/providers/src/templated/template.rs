//! Templates of JSON: a value in whose texts placeholders stand. It is compiled once, when the configuration is read.
//!
//! A text that is nothing but a placeholder is replaced by the value itself, whatever its type; without a value, a member
//! of an object is left out and anything else is null. Within a longer text a value stands as text. There is no
//! logic, and nothing is put together from pieces of JSON: what a client sends cannot leave its place.

use contract::settings::Faults;
use serde_json::{Map, Value};

/// The deepest a template is nested.
const DEEPEST: usize = 32;
/// The most placeholders in a template: each may put a whole request body in its place.
const MOST: usize = 64;

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Model,
    Prompt,
    System,
    Messages,
    Inputs,
    Input,
    Temperature,
    MaxTokens,
    Body,
}

impl Name {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::System => "system",
            Self::Messages => "messages",
            Self::Inputs => "inputs",
            Self::Input => "input",
            Self::Temperature => "temperature",
            Self::MaxTokens => "max_tokens",
            Self::Body => "body",
        }
    }
}

/// A placeholder: what it stands for, and for the body where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) name: Name,
    pub(super) pointer: String,
}

enum Node {
    Fixed(Value),
    Whole(Hole),
    Text(Vec<Piece>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

enum Piece {
    Fixed(String),
    Hole(Hole),
}

/// A compiled template.
pub(super) struct Template {
    root: Node,
    holes: Vec<Hole>,
}

impl Template {
    /// Compiles a template in which these placeholders may stand; notes what is wrong with it under `path`.
    pub(super) fn new(value: &Value, allowed: &[Name], path: &str, faults: &mut Faults) -> Self {
        let mut compiler = Compiler { allowed, holes: Vec::new(), faults };
        let root = compiler.node(value, path, 0);
        let holes = compiler.holes;
        if holes.len() > MOST {
            faults.add(path, format!("has {} placeholders; at most {MOST} can be filled", holes.len()));
        }
        Self { root, holes }
    }

    /// Does this placeholder stand in it?
    pub(super) fn uses(&self, name: Name) -> bool {
        self.holes.iter().any(|hole| hole.name == name)
    }

    /// Does it take this member of the body, or a part of it?
    pub(super) fn takes(&self, member: &str) -> bool {
        self.holes.iter().filter(|hole| hole.name == Name::Body).any(|hole| {
            let first = hole.pointer.strip_prefix('/').map(|rest| rest.split('/').next().unwrap_or_default());
            first.is_none_or(|first| first.replace("~1", "/").replace("~0", "~") == member)
        })
    }

    /// The template with these values in it.
    pub(super) fn fill<'v>(&self, value: &dyn Fn(&Hole) -> Option<&'v Value>) -> Value {
        self.root.fill(value).unwrap_or_default()
    }
}

impl Node {
    /// None: there is no value.
    fn fill<'v>(&self, value: &dyn Fn(&Hole) -> Option<&'v Value>) -> Option<Value> {
        Some(match self {
            Self::Fixed(fixed) => fixed.clone(),
            Self::Whole(hole) => return value(hole).cloned(),
            Self::Text(pieces) => Value::String(pieces.iter().fold(String::new(), |mut text, piece| {
                match piece {
                    Piece::Fixed(fixed) => text.push_str(fixed),
                    Piece::Hole(hole) => match value(hole) {
                        None => {}
                        Some(Value::String(value)) => text.push_str(value),
                        Some(value) => text.push_str(&value.to_string()),
                    },
                }
                text
            })),
            Self::List(nodes) => nodes.iter().map(|node| node.fill(value).unwrap_or_default()).collect(),
            Self::Object(members) => {
                let filled = members.iter().filter_map(|(key, node)| Some((key.clone(), node.fill(value)?)));
                Value::Object(filled.collect::<Map<_, _>>())
            }
        })
    }
}

struct Compiler<'a> {
    allowed: &'a [Name],
    holes: Vec<Hole>,
    faults: &'a mut Faults,
}

impl Compiler<'_> {
    fn node(&mut self, value: &Value, path: &str, depth: usize) -> Node {
        match value {
            Value::Array(_) | Value::Object(_) if depth == DEEPEST => {
                self.faults.add(path, format!("is nested deeper than {DEEPEST} levels"));
                Node::Fixed(Value::Null)
            }
            Value::String(text) => self.text(text, path),
            Value::Array(items) => {
                let nodes = items.iter().enumerate();
                Node::List(
                    nodes.map(|(at, item)| self.node(item, &format!("{path}[{at}]"), depth + 1)).collect(),
                )
            }
            Value::Object(members) => {
                let mut nodes = Vec::with_capacity(members.len());
                for (key, value) in members {
                    let path = format!("{path}.{key}");
                    if key.contains("{{") {
                        self.faults.add(path.clone(), "a placeholder cannot stand in a key");
                    }
                    nodes.push((key.clone(), self.node(value, &path, depth + 1)));
                }
                Node::Object(nodes)
            }
            fixed => Node::Fixed(fixed.clone()),
        }
    }

    fn text(&mut self, text: &str, path: &str) -> Node {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inside, behind)) = after.split_once("}}") else {
                self.faults.add(path, "a placeholder is not closed: write {{name}}");
                return Node::Fixed(Value::Null);
            };
            if !before.is_empty() {
                pieces.push(Piece::Fixed(before.to_owned()));
            }
            match self.hole(inside.trim()) {
                Ok(hole) => {
                    self.holes.push(hole.clone());
                    pieces.push(Piece::Hole(hole));
                }
                Err(reason) => self.faults.add(path, reason),
            }
            rest = behind;
        }
        if pieces.is_empty() {
            return Node::Fixed(Value::String(rest.to_owned()));
        }
        if !rest.is_empty() {
            pieces.push(Piece::Fixed(rest.to_owned()));
        }
        match pieces.as_slice() {
            [Piece::Hole(hole)] => Node::Whole(hole.clone()),
            _ => Node::Text(pieces),
        }
    }

    fn hole(&self, inside: &str) -> Result<Hole, String> {
        let (word, pointer) = inside.split_once(':').unwrap_or((inside, ""));
        let Some(name) = self.allowed.iter().copied().find(|name| name.as_str() == word) else {
            let known: Vec<_> =
                self.allowed.iter().map(|name| format!("{{{{{}}}}}", name.as_str())).collect();
            return Err(format!("no placeholder {{{{{word}}}}} here; there are {}", known.join(", ")));
        };
        if name != Name::Body && inside.contains(':') {
            return Err(format!("only {{{{body:/…}}}} can point into its value, not {{{{{word}}}}}"));
        }
        check_pointer(pointer)?;
        Ok(Hole { name, pointer: pointer.to_owned() })
    }
}

/// Is it a JSON pointer (RFC 6901 §3)?
pub(super) fn check_pointer(text: &str) -> Result<(), String> {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (text.is_empty() || text.starts_with('/')) && escapes {
        return Ok(());
    }
    Err(format!("`{text}` is not a JSON pointer: write it as /field/0/field, with ~1 for / and ~0 for ~"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: &[Name] = &[Name::Model, Name::Prompt, Name::Temperature, Name::Body];

    fn compiled(value: &Value) -> Result<Template, String> {
        let mut faults = Faults::default();
        let template = Template::new(value, ALL, "t", &mut faults);
        if faults.is_empty() { Ok(template) } else { Err(faults.to_string()) }
    }

    fn filled(template: &Value) -> Value {
        let (prompt, body) = (json!("say \"hi\"}}"), json!({"rows": [[1, 2]], "unit": "m", "a/b": {"c": 7}}));
        compiled(template).unwrap().fill(&|hole| match hole.name {
            Name::Prompt => Some(&prompt),
            Name::Body => body.pointer(&hole.pointer),
            _ => None,
        })
    }

    #[test]
    fn values_take_the_place_of_whole_texts_and_stand_as_text_within_others() {
        for (template, expected) in [
            (json!("{{prompt}}"), json!("say \"hi\"}}")),
            (json!("Q: {{ prompt }}\nA:"), json!("Q: say \"hi\"}}\nA:")),
            (json!({"x": "{{body:/rows}}"}), json!({"x": [[1, 2]]})),
            (json!("{{body:/rows}} {{body:/unit}}{{temperature}}"), json!("[[1,2]] m")),
            (json!(["{{body:/a~1b/c}}", "{{body:/gone}}", 1, true, null]), json!([7, null, 1, true, null])),
            (json!({"t": "{{temperature}}", "n": {"t": "{{temperature}}"}}), json!({"n": {}})),
            (json!("{{temperature}}"), json!(null)),
            (json!({"{": "}", "a": "{x}"}), json!({"{": "}", "a": "{x}"})),
        ] {
            assert_eq!(filled(&template), expected, "{template}");
        }
        assert_eq!(filled(&json!("{{body}}"))["unit"], "m");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (template, told) in [
            (
                json!({"a": ["{{promt}}"]}),
                "t.a[0]: no placeholder {{promt}} here; there are {{model}}, {{prompt}}",
            ),
            (json!({"a": "{{prompt"}), "t.a: a placeholder is not closed"),
            (json!({"{{prompt}}": 1}), "t.{{prompt}}: a placeholder cannot stand in a key"),
            (json!("{{body:rows}}"), "t: `rows` is not a JSON pointer"),
            (json!("{{body:/a~2}}"), "t: `/a~2` is not a JSON pointer"),
            (json!("{{prompt:/a}}"), "t: only {{body:/…}} can point into its value"),
            (json!(vec!["{{prompt}}"; MOST + 1]), "t: has 65 placeholders"),
        ] {
            let faults = compiled(&template).err().unwrap();
            assert!(faults.starts_with(told), "{faults}");
        }
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        assert!(compiled(&deep).err().unwrap().contains("deeper than 32"));
    }

    #[test]
    fn what_is_taken_of_a_body_is_known() {
        let template = compiled(&json!({"a": "{{body:/rows/0}}", "b": "x {{body:/a~1b}}"})).unwrap();
        let taken = ["rows", "a/b", "unit", ""].map(|member| template.takes(member));
        assert_eq!(taken, [true, true, false, false]);
        assert!(compiled(&json!("{{body}}")).unwrap().takes("unit"));
        assert!(!template.uses(Name::Prompt));
    }
}
