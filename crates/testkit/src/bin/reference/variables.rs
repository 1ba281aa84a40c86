//! Which variables make an account of a kind when there is no configuration file, found out by setting them.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use providers::Environment;

use crate::accounts::PERSON;

/// The sets of variables of which each is enough, in words. Names that can stand for each other are one: `A` (`B`).
pub(crate) fn of(kind: &str) -> Vec<String> {
    let names = names();
    if !finds(kind, &names) {
        return Vec::new();
    }
    let mut sets = vec![least(kind, &names)];
    let mut at = 0;
    // Without one of a set, another may do.
    while let Some(set) = sets.get(at).cloned() {
        for name in &set {
            let others: Vec<&str> = names.iter().copied().filter(|it| it != name).collect();
            if finds(kind, &others) {
                let mut other = least(kind, &others);
                other.sort_by_key(|it| names.iter().position(|name| name == it));
                if !sets.contains(&other) {
                    sets.push(other);
                }
            }
        }
        at += 1;
    }
    let twin = |name: &str| names.iter().find(|it| **it == name || are_twins(&sets, it, name)).copied();
    let told = sets.iter().filter(|set| set.iter().all(|name| twin(name) == Some(name)));
    told.map(|set| {
        let texts = set.iter().map(|name| {
            let twins: Vec<_> = names.iter().filter(|it| *it != name && are_twins(&sets, it, name)).collect();
            let twins: String = twins.iter().map(|name| format!(" (`{name}`)")).collect();
            format!("`{name}`{twins}")
        });
        texts.collect::<Vec<_>>().join(" + ")
    })
    .collect()
}

/// Can one stand for the other in every set?
fn are_twins(sets: &[Vec<&'static str>], one: &str, other: &str) -> bool {
    let with = |name: &str| {
        let mut rests: Vec<Vec<&str>> = sets
            .iter()
            .filter(|set| set.contains(&name))
            .map(|set| set.iter().copied().filter(|it| *it != name).collect())
            .collect();
        rests.sort();
        rests
    };
    let (ones, others) = (with(one), with(other));
    !ones.is_empty() && ones == others
}

/// As few of these as are enough.
fn least(kind: &str, names: &[&'static str]) -> Vec<&'static str> {
    let mut left = names.to_vec();
    for name in names.iter().rev() {
        let without: Vec<&'static str> = left.iter().copied().filter(|it| it != name).collect();
        if finds(kind, &without) {
            left = without;
        }
    }
    left
}

/// Every variable that is asked for, whatever else is set or missing.
fn names() -> Vec<&'static str> {
    let asked: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let known = || asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let ask = |missing: Option<&str>| {
        let variable = |name: &str| {
            if !known().contains(&name) {
                // A few dozen names, once.
                asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned().leak());
            }
            (missing != Some(name)).then(|| "1".to_owned())
        };
        let file = |_: &Path| Some(PERSON.to_owned());
        let _found = providers::from_env(&Environment { variable: &variable, file: &file });
    };
    ask(None);
    let mut at = 0;
    while let Some(name) = known().get(at).copied() {
        ask(Some(name));
        at += 1;
    }
    known()
}

/// Is there an account of a kind when these variables are set?
fn finds(kind: &str, set: &[&str]) -> bool {
    let variable = |name: &str| set.contains(&name).then(|| "1".to_owned());
    let file = |_: &Path| Some(PERSON.to_owned());
    let found = providers::from_env(&Environment { variable: &variable, file: &file });
    kind != "demo" && found.iter().any(|(_, config)| config.kind() == kind)
}
