//! Definitions of a schema that contain themselves: which references lead back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// References by what they stand in and what they name, as `#/$defs/a`; the schema itself is `#`. Without them nothing
/// contains itself.
pub(super) type Loops<'a> = BTreeSet<(&'a str, &'a str)>;

const PLACES: [&str; 2] = ["$defs", "definitions"];

/// The reference to a definition.
pub(super) fn pointer(place: &str, name: &str) -> String {
    format!("#/{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Does it name a definition of the schema itself?
pub(super) fn is_definition(reference: &str) -> bool {
    let name =
        PLACES.iter().find_map(|place| reference.strip_prefix("#/")?.strip_prefix(place)?.strip_prefix('/'));
    name.is_some_and(|name| !name.contains('/'))
}

/// Finds the references that lead back, one for each way round.
pub(super) fn find(schema: &Value) -> Loops<'_> {
    let mut edges = BTreeMap::from([("#", Vec::new())]);
    collect(schema, true, edges.entry("#").or_default());
    let mut waiting: Vec<&str> = edges.values().flatten().copied().collect();
    while let Some(name) = waiting.pop() {
        if edges.contains_key(name) {
            continue;
        }
        let mut found = Vec::new();
        if is_definition(name)
            && let Some(definition) = name.get(1..).and_then(|pointer| schema.pointer(pointer))
        {
            collect(definition, false, &mut found);
        }
        waiting.extend(found.iter().copied());
        edges.insert(name, found);
    }
    walk(&edges)
}

/// Goes along all references, each once; one to where the way came from leads back.
fn walk<'a>(edges: &BTreeMap<&'a str, Vec<&'a str>>) -> Loops<'a> {
    let (mut loops, mut seen, mut open) = (Loops::new(), BTreeSet::from(["#"]), BTreeSet::from(["#"]));
    let of = |node: &str| edges.get(node).map(Vec::as_slice).unwrap_or_default().iter();
    let mut way = vec![("#", of("#"))];
    while let Some((node, rest)) = way.last_mut() {
        let node = *node;
        match rest.next() {
            Some(to) if open.contains(to) => drop(loops.insert((node, to))),
            Some(to) => {
                if seen.insert(to) {
                    open.insert(to);
                    way.push((to, of(to)));
                }
            }
            None => {
                open.remove(node);
                way.pop();
            }
        }
    }
    loops
}

/// The references in a schema, those in its definitions apart.
fn collect<'a>(value: &'a Value, top: bool, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(to) if key == "$ref" => found.push(to),
                    _ if top && PLACES.contains(&key.as_str()) => {}
                    value => collect(value, false, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, false, found)),
        _ => {}
    }
}
