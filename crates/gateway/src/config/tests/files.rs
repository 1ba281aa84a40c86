//! The real configuration: sample files that load, that do not, and that were released and must load for ever.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::validate::KEYWORDS;
use super::super::{Config, LoadError, Source, check, check_text, load, schema};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The YAML files of a folder, sorted; never none, so that a moved folder does not pass.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(here(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

fn load_file(path: &Path) -> Result<Config, LoadError> {
    load_text(&path.file_name().unwrap().to_string_lossy(), &fs::read_to_string(path).unwrap())
}

fn load_text(name: &str, text: &str) -> Result<Config, LoadError> {
    let env = |name: &str| (!name.starts_with("UNSET")).then(|| format!("value-of-{}", name.to_lowercase()));
    let read = |path: &Path| match path.starts_with("/etc/secrets") {
        true => Ok("a-secret-from-a-file\n".to_owned()),
        false => Err(std::io::ErrorKind::NotFound.into()),
    };
    let source = Source { name, text, folder: Path::new("/etc"), env: &env, read: &read, check_text };
    load(source, |config: &mut Config, faults| check(config, faults))
}

#[test]
fn good_files_load() {
    for path in files("tests/configs/good") {
        if let Err(error) = load_file(&path) {
            panic!("{}:\n{error}", path.display());
        }
    }
}

/// What the README tells to paste: with no variable set and no file of secrets.
#[test]
fn examples_load_where_nothing_is_set() {
    for path in files("../../examples") {
        let (name, text) = (path.display().to_string(), fs::read_to_string(&path).unwrap());
        let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let source = Source {
            name: &name,
            text: &text,
            folder: Path::new("/etc"),
            env: &|_| None,
            read: &read,
            check_text,
        };
        if let Err(error) = load(source, |config: &mut Config, faults| check(config, faults)) {
            panic!("{error}");
        }
    }
}

/// Whoever upgrades keeps their file. Files in this folder are never changed; each release adds one.
#[test]
fn files_of_every_release_load() {
    for path in files("tests/configs/releases") {
        if let Err(error) = load_file(&path) {
            panic!("{}:\n{error}", path.display());
        }
    }
}

/// Beside `x.yaml` stands `x.txt` with every fault, one a line, in the words people read.
#[test]
fn bad_files_are_told_what_is_wrong() {
    let mut surprises = String::new();
    for path in files("tests/configs/bad") {
        let told = match load_file(&path) {
            Ok(_) => "it loads\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if told != expected {
            surprises += &told;
        }
    }
    assert!(surprises.is_empty(), "not what the .txt beside the file says:\n{surprises}");
}

#[test]
fn no_file_is_the_same_as_an_empty_one() {
    let written = serde_json::to_value(load_text("defaults", "").unwrap()).unwrap();
    assert_eq!(written, serde_json::to_value(Config::default()).unwrap());
}

/// Ten thousand faults are told as surely as one, and soon.
#[test]
fn a_file_of_nothing_but_faults_is_told() {
    let text: String = (0..10_000).map(|number| format!("k{number}: ${{UNSET}}\n")).collect();
    assert_eq!(load_text("c", &text).unwrap_err().problems.len(), 20_000);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// A good file with a piece of it replaced by anything: a verdict, never a panic.
    #[test]
    fn any_file_gets_a_verdict(from in 0_usize..1200, length in 0_usize..60, put in "[-a-z0-9 :{}\\[\\],$*&!#'\"\n]{0,30}") {
        let good = fs::read_to_string(here("tests/configs/good/design.yaml")).unwrap();
        let kept = |range: std::ops::Range<usize>| good.chars().skip(range.start).take(range.len()).collect::<String>();
        let _ = load_text("c", &format!("{}{put}{}", kept(0..from), kept(from + length..usize::MAX)));
    }
}

/// The validator is the published schema only as long as it understands all of it.
#[test]
fn the_schema_uses_only_what_the_validator_knows() {
    fn walk(schema: &Value, path: &str) {
        let Some(rules) = schema.as_object() else { return };
        for (keyword, inside) in rules {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{path}: {keyword}");
            match (keyword.as_str(), inside) {
                ("properties" | "$defs", Value::Object(named)) => {
                    named.iter().for_each(|(name, schema)| walk(schema, &format!("{path}/{name}")));
                }
                ("oneOf" | "anyOf" | "allOf", Value::Array(all)) => {
                    all.iter().enumerate().for_each(|(at, schema)| walk(schema, &format!("{path}/{at}")));
                }
                ("items" | "additionalProperties", schema) => walk(schema, &format!("{path}/*")),
                _ => {}
            }
        }
        let open =
            rules.contains_key("properties") && rules.get("additionalProperties") != Some(&false.into());
        assert!(!open, "{path} takes unknown keys");
        let named = rules.get("properties").and_then(Value::as_object);
        for (name, property) in named.into_iter().flatten() {
            let told =
                ["description", "$ref", "const", "anyOf"].iter().any(|key| property.get(key).is_some());
            assert!(told, "{path}/{name} has no description");
        }
    }
    walk(&schema::<Config>(), "");
}
