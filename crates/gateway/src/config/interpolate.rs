//! `${NAME}` and `${NAME:-default}` inside texts; `$${` stands for `${`.
//!
//! Done after YAML was parsed, so that no value of the environment can change the structure of the file. Because `{`
//! has a meaning in YAML's own `{ a: b }`, the inside of each `${…}` is hidden from the parser with [`mask`].

use super::problem::Found;
use super::tree::{Kind, Node, Path, Position};

/// Reads one variable of the environment; none when it is not set.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Masked characters are moved to this private-use plane, one for one, so that positions stay right.
const PLANE: u32 = 0xF_0000;

/// Hides `${…}` from the YAML grammar: its ASCII characters move to a private-use plane. A `${` whose brace does not
/// close before a quote, a backslash or the end of the line is left alone.
///
/// # Errors
/// The file already has characters of that plane.
pub(crate) fn mask(text: &str) -> Result<String, Found> {
    let mut out = String::with_capacity(text.len());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if let Some(column) = line.chars().position(|c| unmasked(c).is_some()) {
            let at = Position { line: number + 1, column: column + 1 };
            return Err(Found::whole(at, "private-use characters of plane 15 cannot stand in this file"));
        }
        mask_line(line, &mut out);
    }
    Ok(out)
}

fn mask_line(line: &str, out: &mut String) {
    let mut rest = line;
    while let Some(begin) = rest.find("${") {
        let (before, from) = rest.split_at(begin);
        out.push_str(before);
        let end = from.find(['}', '"', '\'', '\\', '\n', '\r']);
        match end {
            Some(end) if from[end..].starts_with('}') => {
                out.push('$');
                out.extend(from[1..=end].chars().map(masked));
                rest = &from[end + 1..];
            }
            _ => {
                out.push_str("${");
                rest = &from[2..];
            }
        }
    }
    out.push_str(rest);
}

fn masked(c: char) -> char {
    if c.is_ascii() { char::from_u32(PLANE + u32::from(c)).unwrap_or(c) } else { c }
}

fn unmasked(c: char) -> Option<char> {
    u32::from(c).checked_sub(PLANE).filter(|code| *code < 0x80).and_then(char::from_u32)
}

/// Undoes [`mask`] in a piece of the file.
pub(crate) fn unmask(text: &str) -> String {
    text.chars().map(|c| unmasked(c).unwrap_or(c)).collect()
}

/// Replaces `${…}` in every text of a tree. A text with a fault is left as written.
pub(crate) fn interpolate(node: &mut Node, path: &Path, env: Lookup<'_>, found: &mut Vec<Found>) {
    let at = node.at;
    match &mut node.kind {
        Kind::Text(text) if text.written.contains("${") => match replace(&text.written, env) {
            Ok(value) => {
                text.value = value;
                text.interpolated = true;
            }
            Err(messages) => {
                found.extend(messages.into_iter().map(|message| Found { at, path: path.clone(), message }));
            }
        },
        Kind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, &path.index(index), env, found);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                interpolate(&mut entry.value, &path.key(&entry.key), env, found);
            }
        }
        _ => {}
    }
}

/// The text with every `${…}` replaced.
///
/// # Errors
/// A message for each that cannot be.
pub(crate) fn replace(text: &str, env: Lookup<'_>) -> Result<String, Vec<String>> {
    let mut out = String::with_capacity(text.len());
    let mut messages = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("${") {
        let (before, from) = rest.split_at(begin);
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = from.find('}') else {
            messages.push("`${` without `}`; write `$${` for the characters themselves".to_owned());
            rest = "";
            break;
        };
        match expand(&from[2..end], env) {
            Ok(value) => out.push_str(&value),
            Err(message) => messages.push(message),
        }
        rest = &from[end + 1..];
    }
    out.push_str(rest);
    if messages.is_empty() { Ok(out) } else { Err(messages) }
}

/// The value of what stands between the braces. As in a shell, `:-` also covers a variable that is set but empty.
fn expand(inside: &str, env: Lookup<'_>) -> Result<String, String> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(format!(
            "`${{{inside}}}` does not name an environment variable; write `${{NAME}}`, `${{NAME:-default}}`, or `$${{` \
             for the characters themselves"
        ));
    }
    if default.is_some_and(|text| text.contains("${")) {
        return Err(format!("the default of `${{{name}}}` cannot contain another `${{`"));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => {
            Err(format!("environment variable {name} is not set; set it, or write `${{{name}:-default}}`"))
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
