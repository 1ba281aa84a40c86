//! Checks a tree against the published JSON Schema, collecting every fault. The schema says what a value may be; this
//! says what is wrong in words for the person who wrote it.
//!
//! On the way it does what only the schema can decide: it reads `file:` secrets, turns a text that came from `${…}` into
//! the number or boolean the schema wants, and takes out what is wrong, so that the rest can still be checked further.
//! Only the keywords in [`KEYWORDS`] are understood; a test holds the schema to them. [`super::branch`] picks among
//! alternatives.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::Path as FilePath;

use serde_json::{Map, Value};

use super::branch::{self, Choice};
use super::facets::{
    Facets, allowed_types, branches, check_number, format_of, is_of, list, member, spoken, unknown_key,
    unsigned,
};
use super::problem::Found;
use super::tree::{Entry, Kind, Node, Path, Position};
use super::yaml::number;

/// The schema keywords that are checked, and from `pattern` on those that only help editors: who owns a setting with a
/// `pattern` checks it.
#[cfg(test)]
pub(crate) const KEYWORDS: [&str; 31] = [
    "$ref",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "allOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minLength",
    "minItems",
    "maxItems",
    "format",
    "pattern",
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "writeOnly",
    "readOnly",
];

/// Reads a file that a secret is kept in.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&FilePath) -> io::Result<String>;

/// Checks a text against a `format`; the error follows "`text` is".
pub(crate) type CheckText = fn(format: &str, text: &str) -> Result<(), String>;

/// The schema and the world, as far as a configuration may see it.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// The whole schema, for `$ref`.
    pub(crate) schema: &'a Value,
    /// Knows the formats.
    pub(crate) check_text: CheckText,
    /// Reads `file:` secrets.
    pub(crate) read: ReadFile<'a>,
    /// What relative `file:` paths are relative to.
    pub(crate) folder: &'a FilePath,
}

/// What a validation found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Everything that is wrong.
    pub(crate) found: Vec<Found>,
    /// What something was taken out of: its owner may miss it.
    pub(crate) spoiled: BTreeSet<String>,
}

/// A value with its place, as it is handed down the tree.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    /// Where in the configuration.
    pub(crate) path: &'p Path,
    /// Where in the file.
    pub(crate) at: Position,
}

impl<'a> Rules<'a> {
    /// Checks a value against a schema. What is wrong inside is taken out; the result says whether the value itself
    /// may stay.
    pub(crate) fn check(
        self,
        node: &mut Node,
        schema: &'a Value,
        place: Place<'_>,
        report: &mut Report,
    ) -> bool {
        if matches!(&node.kind, Kind::Text(text) if text.written.contains("${") && !text.interpolated) {
            return false; // Its `${…}` failed and was reported.
        }
        let mut facets = Vec::new();
        if let Err(found) = self.facets(node, schema, place, &mut facets) {
            report.found.push(found);
            return false;
        }
        let types = allowed_types(&facets);
        coerce(node, &types);
        if !types.is_empty() && !types.iter().any(|name| is_of(node, name)) {
            report.found.push(place.says(self.wrong_type(node, &types, &facets)));
            return false;
        }
        match &mut node.kind {
            Kind::Map(entries) => self.check_map(entries, &facets, place, report),
            Kind::List(items) => self.check_list(items, &facets, place, report),
            _ => self.check_scalar(node, &facets, place, report),
        }
    }

    fn wrong_type(self, node: &Node, types: &[&str], facets: Facets<'a, '_>) -> String {
        if let Kind::Number(number) = &node.kind
            && let Err(hint) = (self.check_text)(format_of(facets), &number.to_string())
        {
            return format!("`{number}` is {hint}");
        }
        let wanted = list(types.iter().filter(|name| **name != "null").map(|name| spoken(name)), " or ");
        match node.kind {
            Kind::Null => format!("has no value; expected {wanted}"),
            _ => format!("expected {wanted}, found {}", node.describe()),
        }
    }

    /// The schema itself and all that applies beside it: `$ref`, `allOf`, and the branch of `oneOf` or `anyOf` meant.
    fn facets(
        self,
        node: &Node,
        schema: &'a Value,
        place: Place<'_>,
        facets: &mut Vec<&'a Map<String, Value>>,
    ) -> Result<(), Found> {
        let Value::Object(rules) = schema else { return Ok(()) };
        facets.push(rules);
        if let Some(target) = self.target(rules) {
            self.facets(node, target, place, facets)?;
        }
        for part in branches(rules, "allOf") {
            self.facets(node, part, place, facets)?;
        }
        for keyword in ["oneOf", "anyOf"] {
            let among = branches(rules, keyword);
            if among.is_empty() {
                continue;
            }
            match branch::choose(self, node, among, place) {
                Choice::Branch(branch) => self.facets(node, branch, place, facets)?,
                Choice::Fault(found) => return Err(found),
            }
        }
        Ok(())
    }

    /// Where a `$ref` leads; schemas refer to `#/$defs/…` only.
    pub(crate) fn target(self, rules: &Map<String, Value>) -> Option<&'a Value> {
        let name = rules.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        self.schema.get("$defs")?.get(name)
    }

    fn check_map(
        self,
        entries: &mut Vec<Entry>,
        facets: Facets<'a, '_>,
        place: Place<'_>,
        report: &mut Report,
    ) -> bool {
        let keys: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        let key_format = facets.iter().find_map(|rules| rules.get("propertyNames")?.get("format")?.as_str());
        let mut meant = Vec::new();
        entries.retain_mut(|entry| {
            let path = place.path.key(&entry.key);
            let key_place = Place { path: &path, at: entry.key_at };
            if let Err(message) = (self.check_text)(key_format.unwrap_or_default(), &entry.key) {
                report.found.push(key_place.says(format!("`{}` is {message}", entry.key)));
            }
            let Some(schema) = member(facets, &entry.key) else {
                let (message, suggestion) = unknown_key(&entry.key, facets, &keys);
                meant.extend(suggestion);
                report.found.push(key_place.says(message));
                report.spoiled.insert(place.path.to_string());
                return false;
            };
            if matches!(entry.value.kind, Kind::Null) && self.is_section(schema) {
                return false;
            }
            let inner = Place { path: &path, at: entry.value_at() };
            let stays = self.check(&mut entry.value, schema, inner, report);
            if !stays {
                report.spoiled.insert(place.path.to_string());
            }
            stays
        });
        let required = facets.iter().filter_map(|rules| rules.get("required")?.as_array()).flatten();
        for key in required.filter_map(Value::as_str) {
            if !keys.contains(key) && !meant.contains(&key) {
                report.found.push(place.says(format!("key `{key}` is missing")));
            }
        }
        true
    }

    /// Is this a map or a list and nothing else? Such a key without a value is a section whose lines are all comments.
    fn is_section(self, schema: &'a Value) -> bool {
        let Some(rules) = schema.as_object() else { return false };
        match self.target(rules) {
            Some(target) => self.is_section(target),
            None => matches!(rules.get("type").and_then(Value::as_str), Some("object" | "array")),
        }
    }

    fn check_list(
        self,
        items: &mut Vec<Node>,
        facets: Facets<'a, '_>,
        place: Place<'_>,
        report: &mut Report,
    ) -> bool {
        let count = items.len();
        for (keyword, ordering, word) in [
            ("minItems", std::cmp::Ordering::Less, "at least"),
            ("maxItems", std::cmp::Ordering::Greater, "at most"),
        ] {
            if let Some(bound) = unsigned(facets, keyword)
                && count.cmp(&bound) == ordering
            {
                report.found.push(place.says(format!("expected {word} {bound} items, found {count}")));
            }
        }
        let Some(schema) = facets.iter().find_map(|rules| rules.get("items")) else { return true };
        let mut index = 0;
        items.retain_mut(|item| {
            let path = place.path.index(index);
            index += 1;
            let at = item.at;
            self.check(item, schema, Place { path: &path, at }, report)
        });
        // A list with a hole would shift the places of what follows.
        items.len() == count
    }

    fn check_scalar(
        self,
        node: &mut Node,
        facets: Facets<'a, '_>,
        place: Place<'_>,
        report: &mut Report,
    ) -> bool {
        let value = node.to_value();
        for rules in facets {
            let choices = branch::choices(rules);
            if !choices.is_empty() && !choices.contains(&&value) {
                report.found.push(place.says(branch::not_among(node, &choices)));
                return false;
            }
        }
        let result = match &mut node.kind {
            Kind::Number(number) => check_number(number, facets),
            Kind::Text(_) => self.check_text(node, facets),
            _ => Ok(()),
        };
        match result {
            Ok(()) => true,
            Err(message) => {
                report.found.push(place.says(message));
                false
            }
        }
    }

    fn check_text(self, node: &mut Node, facets: Facets<'a, '_>) -> Result<(), String> {
        let Kind::Text(text) = &mut node.kind else { return Ok(()) };
        let format = format_of(facets);
        if format == "secret" {
            // Only what the file itself says names a file; the value of a variable is never taken for one.
            if text.written.starts_with("file:") {
                let file = self.folder.join(text.value.trim_start_matches("file:").trim());
                let content = (self.read)(&file)
                    .map_err(|error| format!("cannot read the secret from {}: {error}", file.display()))?;
                text.value = content.trim_end_matches(['\n', '\r']).to_owned();
            }
            return Ok(());
        }
        (self.check_text)(format, &text.value).map_err(|error| format!("`{}` is {error}", text.written))?;
        match unsigned(facets, "minLength") {
            Some(1) if text.value.is_empty() => Err("must not be empty".to_owned()),
            Some(least) if text.value.chars().count() < least => {
                Err(format!("must have at least {least} characters"))
            }
            _ => Ok(()),
        }
    }
}

impl Place<'_> {
    /// A problem of this place.
    pub(crate) fn says(self, message: impl Into<String>) -> Found {
        Found { at: self.at, path: self.path.clone(), message: message.into() }
    }
}

/// A text from `${…}` becomes the number or boolean that is wanted, if it reads as one.
fn coerce(node: &mut Node, types: &[&str]) {
    let Kind::Text(text) = &node.kind else { return };
    if !text.interpolated || types.is_empty() || types.contains(&"string") {
        return;
    }
    let wanted = match text.value.as_str() {
        "true" if types.contains(&"boolean") => Some(Kind::Bool(true)),
        "false" if types.contains(&"boolean") => Some(Kind::Bool(false)),
        other if types.contains(&"integer") || types.contains(&"number") => number(other).map(Kind::Number),
        _ => None,
    };
    if let Some(kind) = wanted {
        node.kind = kind;
    }
}
