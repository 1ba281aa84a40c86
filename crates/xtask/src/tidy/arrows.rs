//! Which crate may depend on which, and who owns the heavy third-party crates.

use anyhow::{Context, Result};
use toml::Table;

use super::Breach;
use super::tree::Manifest;

/// Crates nothing depends on, which may depend on everything.
const TOPS: [&str; 3] = ["gateway", "testkit", "xtask"];

/// Crates that may know `wire` beside `contract`.
const ON_WIRE: [&str; 2] = ["providers", "engine"];

/// Crates that know `contract` only.
const FEATURES: [&str; 18] = [
    "wire",
    "egress",
    "embed",
    "routing",
    "metering",
    "identity",
    "cache",
    "guard",
    "context",
    "prompts",
    "telemetry",
    "mcp",
    "plugins",
    "storage",
    "edge",
    "admin",
    "console",
    "contract",
];

/// Third-party crates by the beginning of their names, and the only crates of ours that may ship them.
const OWNED: [(&str, &[&str]); 7] = [
    ("sqlx", &["storage"]),
    ("rusqlite", &["storage"]),
    ("redis", &["storage"]),
    ("opentelemetry", &["telemetry"]),
    ("wasmtime", &["plugins"]),
    ("hyper", &["edge", "egress"]),
    ("openssl", &[]),
];

/// Checks all manifests.
pub(super) fn check(manifests: &[Manifest]) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for manifest in manifests {
        let table: Table = manifest.text.parse().with_context(|| manifest.path.clone())?;
        check_one(manifest, &table, &mut breaches);
    }
    Ok(breaches)
}

fn check_one(manifest: &Manifest, table: &Table, breaches: &mut Vec<Breach>) {
    let name = table.get("package").and_then(|package| package.get("name")?.as_str()).unwrap_or_default();
    let mut breach = |says: String| breaches.push(Breach { path: manifest.path.clone(), line: 0, says });
    if !TOPS.contains(&name) && !ON_WIRE.contains(&name) && !FEATURES.contains(&name) {
        breach(format!("crate `{name}` is not in the plan of crates (ARCHITECTURE.md)"));
    }
    let lints = table.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
    if lints != Some(true) {
        breach("must say `[lints] workspace = true`".to_owned());
    }
    for (section, dependency) in dependencies(table) {
        let for_tests = section == "dev-dependencies";
        if is_ours(dependency) && !may_depend(name, dependency, for_tests) {
            breach(format!("`{name}` may not depend on `{dependency}` ({section})"));
        }
        let owner = OWNED.iter().find(|(prefix, _)| is_of_family(dependency, prefix));
        if let Some((prefix, owners)) = owner
            && !for_tests
            && !TOPS.contains(&name)
            && !owners.contains(&name)
        {
            breach(format!("`{prefix}` belongs to {owners:?}; `{name}` may not depend on `{dependency}`"));
        }
    }
}

/// May a crate of ours depend on another?
fn may_depend(from: &str, to: &str, for_tests: bool) -> bool {
    if from == to || (for_tests && to == "testkit") {
        return true;
    }
    if TOPS.contains(&to) {
        return false;
    }
    let on_wire = ON_WIRE.contains(&from) && to == "wire";
    TOPS.contains(&from) || on_wire || (to == "contract" && from != "contract")
}

fn is_ours(name: &str) -> bool {
    TOPS.contains(&name) || ON_WIRE.contains(&name) || FEATURES.contains(&name)
}

fn is_of_family(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

/// Every dependency with the section it stands in, those of `[target.…]` included.
fn dependencies(table: &Table) -> Vec<(&str, &str)> {
    const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = table.get("target").and_then(|targets| targets.as_table());
    let per_target = targets.into_iter().flat_map(Table::values).filter_map(|target| target.as_table());
    let mut all = Vec::new();
    for holder in std::iter::once(table).chain(per_target) {
        for section in SECTIONS {
            let entries = holder.get(section).and_then(|entries| entries.as_table());
            for (key, value) in entries.into_iter().flatten() {
                // A renamed dependency counts under its real name.
                let real = value.get("package").and_then(|package| package.as_str());
                all.push((section, real.unwrap_or(key)));
            }
        }
    }
    all
}
