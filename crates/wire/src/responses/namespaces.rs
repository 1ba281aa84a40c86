//! Tools in groups. Codex offers the tools of each MCP server as one entry of type `namespace`, and a call names the group
//! beside the tool (github.com/openai/codex, codex-rs/tools/src/responses_api.rs). No other dialect knows groups: there a tool
//! has its group's name before its own, which is what canon calls it too. The way back needs [`Grouped`].

use contract::Fault;
use contract::canon::{Asked, Request, ServerTool, Tool};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{DIALECT, tools};

/// The field of a call, and the type of an entry of `tools`.
pub(super) const NAMESPACE: &str = "namespace";

/// The longest name of a function that others take.
const LONGEST: usize = 64;

/// A tool of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouped {
    /// What canon and other dialects call it.
    pub flat: String,
    /// Its group.
    pub namespace: String,
    /// Its name within the group.
    pub name: String,
}

impl Grouped {
    fn of(namespace: &str, name: &str) -> Self {
        Self { flat: flat(namespace, name), namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// One name for a tool and its group. A long one is cut, and told apart by a digest. A tool alone, found by a search, is in a
/// group of its own name.
fn flat(namespace: &str, name: &str) -> String {
    if namespace == name {
        return name.to_owned();
    }
    let between = if namespace.is_empty() || namespace.ends_with("__") { "" } else { "__" };
    let mut whole = format!("{namespace}{between}{name}");
    if whole.len() > LONGEST {
        let digest = Sha256::digest(whole.as_bytes());
        whole.truncate(whole.floor_char_boundary(LONGEST - 9));
        whole.push('_');
        digest.iter().take(4).for_each(|byte| whole.push_str(&format!("{byte:02x}")));
    }
    whole
}

/// Canon's name of the function that an item calls.
pub(super) fn called(name: &str, namespace: Option<&Value>) -> String {
    match namespace.and_then(Value::as_str) {
        Some(namespace) => flat(namespace, name),
        None => name.to_owned(),
    }
}

/// Gives a call that is written for a client the name and the group by which it knows the tool.
pub(super) fn regroup(call: &mut Map<String, Value>, groups: &[Grouped]) {
    let Some(Value::String(name)) = call.get_mut("name") else { return };
    if let Some(grouped) = groups.iter().find(|grouped| grouped.flat == *name) {
        name.clone_from(&grouped.name);
        call.insert(NAMESPACE.to_owned(), grouped.namespace.as_str().into());
    }
}

/// What is in a group: its tools, each with its names and with the one that other dialects know as its own; and what the
/// group itself says.
pub(crate) type Spread<'a> = (Vec<(Grouped, Tool)>, Option<&'a str>);

/// A group's tools; none if it is no group.
pub(crate) fn spread(tool: &Tool) -> Option<Spread<'_>> {
    let Tool::Server { owner: DIALECT, tool: ServerTool::Other, value } = tool else { return None };
    if value.get("type")?.as_str()? != NAMESPACE {
        return None;
    }
    let namespace = value.get("name")?.as_str()?;
    let inner = |tool: &Value| -> Result<Tool, Fault> { tools::read_tool(tool.clone(), String::new()) };
    let inner = value.get("tools")?.as_array()?.iter().map(inner).collect::<Result<Vec<_>, _>>().ok()?;
    let named = |mut tool: Tool| {
        let (Tool::Function { name, .. } | Tool::Custom { name, .. }) = &mut tool else { return None };
        let grouped = Grouped::of(namespace, name);
        name.clone_from(&grouped.flat);
        Some((grouped, tool))
    };
    let description = value.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
    Some((inner.into_iter().map(named).collect::<Option<_>>()?, description))
}

/// The tools of a request that are in groups, for [`EncodeOptions::grouped`](crate::EncodeOptions).
pub(crate) fn grouped_tools(asked: &Asked) -> Vec<Grouped> {
    let Asked::Chat(request) = asked else { return Vec::new() };
    let groups = request.tools.iter().filter_map(spread);
    groups.flat_map(|(tools, _)| tools).map(|(grouped, _)| grouped).collect()
}

/// Does a request have groups of tools?
pub(crate) fn has_groups(request: &Request) -> bool {
    request.tools.iter().any(|tool| spread(tool).is_some())
}
