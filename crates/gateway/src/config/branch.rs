//! Which alternative of a `oneOf` or `anyOf` is meant: by the type, by the value of a tag such as `kind`, or by trial.

use serde_json::{Map, Value};

use super::facets::{branches, is_of, list, type_names};
use super::problem::Found;
use super::suggest::closest;
use super::tree::{Kind, Node};
use super::validate::{Place, Report, Rules};

/// What was found out.
pub(crate) enum Choice<'a> {
    /// Go on with this schema.
    Branch(&'a Value),
    /// None fits.
    Fault(Found),
}

/// Picks the alternative that the author meant.
pub(crate) fn choose<'a>(rules: Rules<'a>, node: &Node, among: &'a [Value], place: Place<'_>) -> Choice<'a> {
    let types = |schema: &'a Value| types_of(rules, schema);
    if let Kind::Null = node.kind
        && let Some(branch) = among.iter().find(|schema| types(schema).contains(&"null"))
    {
        return Choice::Branch(branch);
    }
    let real: Vec<&Value> = among.iter().filter(|schema| types(schema) != ["null"]).collect();
    if let [only] = real.as_slice() {
        return Choice::Branch(only);
    }
    let texts: Vec<&Value> = real.iter().flat_map(|schema| all_choices(rules, schema)).collect();
    if let Kind::Text(_) = node.kind
        && !texts.is_empty()
        && !real.iter().any(|schema| is_free_text(rules, schema))
    {
        let value = node.to_value();
        return match real.iter().find(|schema| all_choices(rules, schema).contains(&&value)) {
            Some(branch) => Choice::Branch(branch),
            None => Choice::Fault(place.says(not_among(node, &texts))),
        };
    }
    if let Kind::Map(_) = node.kind
        && let Some(choice) = by_tag(rules, node, &real, place)
    {
        return choice;
    }
    let fitting: Vec<&Value> = real
        .iter()
        .copied()
        .filter(|schema| {
            let types = types_of(rules, schema);
            types.is_empty() || types.iter().any(|name| is_of(node, name))
        })
        .collect();
    by_trial(rules, node, if fitting.is_empty() { &real } else { &fitting }, place)
}

/// The values a schema allows by `enum` or `const`, for itself only.
pub(crate) fn choices(rules: &Map<String, Value>) -> Vec<&Value> {
    match (rules.get("const"), rules.get("enum").and_then(Value::as_array)) {
        (Some(value), _) => vec![value],
        (None, Some(values)) => values.iter().collect(),
        (None, None) => Vec::new(),
    }
}

/// The message for a value that is not one of those allowed.
pub(crate) fn not_among(node: &Node, allowed: &[&Value]) -> String {
    let names: Vec<&str> = allowed.iter().filter_map(|value| value.as_str()).collect();
    let typed = match &node.kind {
        Kind::Text(text) => text.written.as_str(),
        _ => "",
    };
    if let Some(meant) = closest(typed, names.iter().copied()) {
        return format!("`{typed}` is not known here, did you mean `{meant}`?");
    }
    let all = list(allowed.iter().map(|value| format!("`{}`", value.as_str().unwrap_or_default())), " or ");
    format!("expected {all}, found {}", node.describe())
}

/// By a key whose value is a constant of its own in every alternative.
fn by_tag<'a>(rules: Rules<'a>, node: &Node, among: &[&'a Value], place: Place<'_>) -> Option<Choice<'a>> {
    let first = properties(rules, among.first()?)?;
    let tag =
        first.keys().find(|key| among.iter().all(|schema| !tag_values(rules, schema, key).is_empty()))?;
    let Kind::Map(entries) = &node.kind else { return None };
    let known: Vec<&Value> = among.iter().flat_map(|schema| tag_values(rules, schema, tag)).collect();
    let Some(entry) = entries.iter().find(|entry| entry.key == *tag) else {
        let all = list(known.iter().map(|value| format!("`{}`", value.as_str().unwrap_or_default())), " or ");
        return Some(Choice::Fault(place.says(format!("key `{tag}` is missing: {all}"))));
    };
    let value = entry.value.to_value();
    let path = place.path.key(tag);
    let inner = Place { path: &path, at: entry.value.at };
    Some(match among.iter().find(|schema| tag_values(rules, schema, tag).contains(&&value)) {
        Some(branch) => Choice::Branch(branch),
        None => Choice::Fault(inner.says(not_among(&entry.value, &known))),
    })
}

/// The first alternative without a fault, or else the one with the fewest.
fn by_trial<'a>(rules: Rules<'a>, node: &Node, among: &[&'a Value], place: Place<'_>) -> Choice<'a> {
    let faults = |schema: &'a Value| {
        let mut report = Report::default();
        rules.check(&mut node.clone(), schema, place, &mut report);
        report.found.len()
    };
    match among.iter().min_by_key(|schema| faults(schema)) {
        Some(branch) => Choice::Branch(branch),
        None => Choice::Fault(place.says("nothing is allowed here")),
    }
}

fn resolved<'a>(rules: Rules<'a>, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    let object = schema.as_object()?;
    match rules.target(object) {
        Some(target) => resolved(rules, target),
        None => Some(object),
    }
}

fn types_of<'a>(rules: Rules<'a>, schema: &'a Value) -> Vec<&'a str> {
    let Some(object) = resolved(rules, schema) else { return Vec::new() };
    let own = type_names(object);
    if !own.is_empty() {
        return own;
    }
    ["oneOf", "anyOf"]
        .iter()
        .flat_map(|keyword| branches(object, keyword))
        .flat_map(|schema| types_of(rules, schema))
        .collect()
}

fn all_choices<'a>(rules: Rules<'a>, schema: &'a Value) -> Vec<&'a Value> {
    let Some(object) = resolved(rules, schema) else { return Vec::new() };
    let mut all = choices(object);
    for keyword in ["oneOf", "anyOf"] {
        all.extend(branches(object, keyword).iter().flat_map(|schema| all_choices(rules, schema)));
    }
    all
}

/// May it be any text?
fn is_free_text<'a>(rules: Rules<'a>, schema: &'a Value) -> bool {
    types_of(rules, schema).contains(&"string") && all_choices(rules, schema).is_empty()
}

fn properties<'a>(rules: Rules<'a>, schema: &'a Value) -> Option<&'a Map<String, Value>> {
    resolved(rules, schema)?.get("properties")?.as_object()
}

/// The constants a key may have in one alternative.
fn tag_values<'a>(rules: Rules<'a>, schema: &'a Value, key: &str) -> Vec<&'a Value> {
    properties(rules, schema)
        .and_then(|properties| properties.get(key)?.as_object())
        .map(choices)
        .unwrap_or_default()
}
