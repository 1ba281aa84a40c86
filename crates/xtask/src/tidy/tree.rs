//! What the rules look at: manifests and sources of the workspace, read once.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::Visit;

use super::lexer::{self, Line};

/// The workspace.
#[derive(Default)]
pub(super) struct Tree {
    /// The crates' manifests.
    pub(super) manifests: Vec<Manifest>,
    /// The Rust files of all crates.
    pub(super) sources: Vec<Source>,
    /// What is planned.
    pub(super) roadmap: String,
}

/// A `Cargo.toml`.
pub(super) struct Manifest {
    /// Relative to the root.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
}

/// A Rust file.
pub(super) struct Source {
    /// Relative to the root: `crates/wire/src/sse.rs`.
    pub(super) path: String,
    /// Its lines, code told from comments and strings.
    pub(super) lines: Vec<Line>,
    /// Its syntax.
    pub(super) syntax: syn::File,
    /// Is the whole file behind a `#[cfg(test)] mod name;`?
    behind_test: bool,
    /// The files, without `.rs`, that `#[cfg(test)] mod name;` leads to.
    test_files: Vec<String>,
    /// Lines of `#[cfg(test)]` items.
    tests: Vec<RangeInclusive<usize>>,
    /// Lines of items marked `// tidy: table`.
    tables: Vec<RangeInclusive<usize>>,
}

impl Tree {
    /// Reads the workspace at `root`.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self {
            roadmap: fs::read_to_string(root.join("ROADMAP.md")).unwrap_or_default(),
            ..Self::default()
        };
        tree.read_folder(root, &root.join("crates"))?;
        tree.mark_test_files();
        Ok(tree)
    }

    /// Follows `#[cfg(test)] mod name;` to the files it leads to.
    pub(super) fn mark_test_files(&mut self) {
        let stems: Vec<String> =
            self.sources.iter_mut().flat_map(|source| std::mem::take(&mut source.test_files)).collect();
        for source in &mut self.sources {
            let is_below = |stem: &String| {
                source
                    .path
                    .strip_prefix(stem.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            source.behind_test = stems.iter().any(is_below);
        }
    }

    fn read_folder(&mut self, root: &Path, folder: &Path) -> Result<()> {
        let mut paths: Vec<_> =
            fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                self.read_folder(root, &path)?;
            } else if name.ends_with("/Cargo.toml") {
                self.manifests.push(Manifest { text: fs::read_to_string(&path)?, path: name });
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path)?;
                self.sources.push(Source::parse(name.clone(), &text).with_context(|| name)?);
            }
        }
        Ok(())
    }
}

impl Source {
    /// Reads one file.
    pub(super) fn parse(path: String, text: &str) -> Result<Self> {
        let syntax = syn::parse_file(text)?;
        let lines = lexer::lines(text);
        let mut finder =
            Finder { lines: &lines, tests: Vec::new(), tables: Vec::new(), test_modules: Vec::new() };
        finder.visit_file(&syntax);
        let Finder { tests, tables, test_modules, .. } = finder;
        let folder = module_folder(&path);
        let test_files = test_modules.iter().map(|name| format!("{folder}/{name}")).collect();
        Ok(Self { path, lines, syntax, behind_test: false, test_files, tests, tables })
    }

    /// The crate it belongs to.
    pub(super) fn krate(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// Is the whole file there for tests only?
    pub(super) fn is_test(&self) -> bool {
        self.behind_test
            || self.krate() == "testkit"
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.path.contains("/benches/")
            || self.path.contains("/examples/")
    }

    /// Is this line there for tests only?
    pub(super) fn is_test_line(&self, line: usize) -> bool {
        self.is_test() || self.tests.iter().any(|range| range.contains(&line))
    }

    /// Is this line part of a flat table, which may be long?
    pub(super) fn is_table_line(&self, line: usize) -> bool {
        self.tables.iter().any(|range| range.contains(&line))
    }
}

/// The folder that the modules of a file are in.
fn module_folder(path: &str) -> &str {
    let stem = path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or_default();
    if matches!(name, "lib" | "main" | "mod") { folder } else { stem }
}

/// Finds the items that rules treat differently.
struct Finder<'a> {
    test_modules: Vec<String>,
    lines: &'a [Line],
    tests: Vec<RangeInclusive<usize>>,
    tables: Vec<RangeInclusive<usize>>,
}

impl Finder<'_> {
    fn note(&mut self, item: &impl Spanned, attributes: &[syn::Attribute]) {
        let lines = item.span().start().line..=item.span().end().line;
        let before = lines.start().checked_sub(2).and_then(|index| self.lines.get(index));
        if before.is_some_and(|line| line.comment.trim() == "tidy: table") {
            self.tables.push(lines.clone());
        }
        if attributes.iter().any(is_cfg_test) {
            self.tests.push(lines);
        }
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => item.attrs.as_slice(),
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => &[],
        };
        self.note(item, attributes);
        if let syn::Item::Mod(module) = item
            && module.content.is_none()
            && attributes.iter().any(is_cfg_test)
        {
            self.test_modules.push(module.ident.to_string());
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Fn(item) => item.attrs.as_slice(),
            syn::ImplItem::Const(item) => &item.attrs,
            _ => &[],
        };
        self.note(item, attributes);
        syn::visit::visit_impl_item(self, item);
    }
}
