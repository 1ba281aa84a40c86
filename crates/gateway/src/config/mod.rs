//! The configuration file: YAML with places → `${…}` → the published schema → types → what each crate checks itself.
//!
//! Every step collects all that is wrong, with line and column. [`load`] knows no setting; [`root`] composes those the
//! crates define. Reading files and the environment is handed in. Reloading is not here.

mod accounts;
mod branch;
mod facets;
mod interpolate;
mod problem;
mod root;
mod suggest;
mod tree;
mod validate;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::path::Path as FilePath;

use contract::settings::Faults;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use accounts::provider_configs;
pub(crate) use interpolate::Lookup;
pub(crate) use problem::LoadError;
pub(crate) use root::{Config, check, check_text, egress_settings, files};
pub(crate) use validate::{CheckText, ReadFile};

use problem::Found;
use tree::{Node, Path, Places, Position};
use validate::{Place, Report, Rules};

/// A file to load, and the world as far as it may see it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The file as messages name it.
    pub(crate) name: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// What relative `file:` paths are relative to.
    pub(crate) folder: &'a FilePath,
    /// Reads an environment variable.
    pub(crate) env: Lookup<'a>,
    /// Reads a file that holds a secret.
    pub(crate) read: ReadFile<'a>,
    /// Checks texts against the formats that the schema names.
    pub(crate) check_text: CheckText,
}

/// Loads a configuration of any type. `finish` puts in what stands above the file (command line) and says what a schema
/// cannot.
///
/// # Errors
/// All that is wrong, in the order of the lines.
pub(crate) fn load<T: JsonSchema + DeserializeOwned>(
    source: Source<'_>,
    finish: impl FnOnce(&mut T, &mut Faults),
) -> Result<T, LoadError> {
    let fail = |found: Vec<Found>| -> LoadError { error(source.name, found) };
    let mut root = yaml::parse(source.text).map_err(fail)?;
    let places = Places::of(&root);
    let report = validate(source, &schema::<T>(), &mut root);
    let mut parsed: Result<T, _> = serde_path_to_error::deserialize(root.to_value());
    let mut found = report.found;
    match &mut parsed {
        Ok(config) => {
            let mut faults = Faults::default();
            finish(config, &mut faults);
            found.extend(semantic(&faults, &found, &report.spoiled, &places));
        }
        // What was taken out because it is wrong may be missed here; that is reported already.
        Err(error) if found.is_empty() => found.push(untyped(error, &places)),
        Err(_) => {}
    }
    match parsed {
        Ok(config) if found.is_empty() => Ok(config),
        _ => Err(fail(found)),
    }
}

/// The schema of a configuration type, as it is published.
pub(crate) fn schema<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

fn validate(source: Source<'_>, schema: &Value, root: &mut Node) -> Report {
    let mut report = Report::default();
    let top = Path::default();
    interpolate::interpolate(root, &top, source.env, &mut report.found);
    let rules = Rules { schema, check_text: source.check_text, read: source.read, folder: source.folder };
    let place = Place { path: &top, at: Position { line: 1, column: 1 } };
    rules.check(root, schema, place, &mut report);
    report
}

/// What the crates found wrong, without what only follows from a fault that was found before: a value that was taken
/// out must not be called missing.
fn semantic(faults: &Faults, before: &[Found], spoiled: &BTreeSet<String>, places: &Places) -> Vec<Found> {
    let known: HashSet<String> = before.iter().map(|found| found.path.to_string()).collect();
    let within = |path: &str, outer: &str| {
        path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let follows = |path: &str| {
        known.contains(path) || spoiled.iter().any(|outer| !outer.is_empty() && within(path, outer))
    };
    faults
        .problems()
        .iter()
        .filter(|problem| !follows(&problem.path))
        .map(|problem| Found {
            at: places.find(&problem.path),
            path: Path::default().key(&problem.path),
            message: problem.message.clone(),
        })
        .collect()
}

/// What the types refused although the schema did not: rare, and worth a better schema.
fn untyped(error: &serde_path_to_error::Error<serde_json::Error>, places: &Places) -> Found {
    let path = error.path().to_string();
    let at = places.find(&path);
    let path = if path == "." { Path::default() } else { Path::default().key(&path) };
    Found { at, path, message: error.inner().to_string() }
}

fn error(file: &str, mut found: Vec<Found>) -> LoadError {
    found.sort_by_key(|problem| problem.at);
    LoadError { problems: found.into_iter().map(|problem| problem.in_file(file)).collect() }
}
