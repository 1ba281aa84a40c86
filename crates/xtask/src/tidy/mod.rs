//! The house rules as code: crate arrows, sizes, names. Each file holds one family of rules; all of them look at a
//! [`Tree`], so that tests can hand in a small one.

mod arrows;
mod lexer;
mod names;
mod sizes;
mod tree;
mod vendors;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};

use tree::Tree;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Breach {
    path: String,
    /// 0 when it is about the whole file.
    line: usize,
    says: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.says),
            line => write!(f, "{}:{line}: {}", self.path, self.says),
        }
    }
}

/// Prints every breach in the repository; fails if there is one.
pub(crate) fn run(root: &Path, out: &mut dyn Write) -> Result<()> {
    let tree = Tree::read(root)?;
    let breaches = check(&tree)?;
    for breach in &breaches {
        writeln!(out, "{breach}")?;
    }
    if !breaches.is_empty() {
        bail!("tidy: {} breaches of the house rules (STYLE is in CONTRIBUTING.md)", breaches.len());
    }
    Ok(writeln!(out, "tidy: {} files in order", tree.sources.len())?)
}

/// All rules on a whole tree.
fn check(tree: &Tree) -> Result<Vec<Breach>> {
    let mut breaches = arrows::check(&tree.manifests)?;
    breaches.extend(names::check(tree));
    breaches.extend(vendors::check(&tree.sources));
    breaches.extend(sizes::check(&tree.sources));
    breaches.sort();
    Ok(breaches)
}
