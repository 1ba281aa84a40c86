//! Names and marks: forbidden module names, missing module docs, `#[allow]`, loose ends that no plan knows.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::Visit;

use super::Breach;
use super::tree::{Source, Tree};

/// Names that promise nothing and become dumps.
const EMPTY_NAMES: [&str; 5] = ["core", "common", "utils", "types", "helpers"];

/// Words that mark a loose end; spelled in halves so that this file has none.
const LOOSE_ENDS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Checks all sources and the names of all crates.
pub(super) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for manifest in &tree.manifests {
        let folder = manifest.path.split('/').nth(1).unwrap_or_default();
        if EMPTY_NAMES.contains(&folder) {
            breaches.push(Breach {
                path: manifest.path.clone(),
                line: 0,
                says: format!("no crate is called `{folder}`"),
            });
        }
    }
    for source in &tree.sources {
        let mut breach = |line, says| breaches.push(Breach { path: source.path.clone(), line, says });
        check_docs(source, &mut breach);
        check_file_name(source, &mut breach);
        check_allow(source.syntax.to_token_stream(), &mut breach);
        check_loose_ends(source, &tree.roadmap, &mut breach);
        let mut modules = Modules { found: Vec::new() };
        modules.visit_file(&source.syntax);
        for (line, name) in modules.found {
            breach(line, format!("no module is called `{name}`"));
        }
    }
    breaches
}

fn check_docs(source: &Source, breach: &mut impl FnMut(usize, String)) {
    let first = source.syntax.attrs.first();
    let documented = first.is_some_and(|attribute| attribute.path().is_ident("doc"));
    if !documented {
        breach(1, "a file begins with `//!`: what it is, what it is not, where to look next".to_owned());
    }
}

fn check_file_name(source: &Source, breach: &mut impl FnMut(usize, String)) {
    let parts = source.path.trim_end_matches(".rs").split('/').skip(2);
    for part in parts.filter(|part| EMPTY_NAMES.contains(part)) {
        breach(0, format!("no module is called `{part}`"));
    }
}

/// Finds `#[allow(…)]` anywhere, inside macros too.
fn check_allow(tokens: TokenStream, breach: &mut impl FnMut(usize, String)) {
    let mut after_hash = false;
    for token in tokens {
        match &token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => after_hash = true,
            TokenTree::Punct(mark) if mark.as_char() == '!' => {}
            TokenTree::Group(group) => {
                let inside = group.stream();
                let is_attribute = after_hash && group.delimiter() == Delimiter::Bracket;
                if let Some(TokenTree::Ident(word)) = inside.clone().into_iter().next()
                    && is_attribute
                    && word == "allow"
                {
                    let says = "write `#[expect(lint, reason = \"…\")]`, never `#[allow]`";
                    breach(word.span().start().line, says.to_owned());
                }
                after_hash = false;
                check_allow(inside, breach);
            }
            _ => after_hash = false,
        }
    }
}

/// A loose end names its entry of the plan: the word, then the entry in parentheses.
fn check_loose_ends(source: &Source, roadmap: &str, breach: &mut impl FnMut(usize, String)) {
    for (index, line) in source.lines.iter().enumerate() {
        for word in LOOSE_ENDS {
            let Some(at) = line.comment.find(word) else { continue };
            let rest = &line.comment[at + word.len()..];
            if rest.starts_with(|c: char| c.is_alphanumeric()) {
                continue;
            }
            let entry =
                rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(entry, _)| entry.trim());
            if !entry.is_some_and(|entry| !entry.is_empty() && roadmap.contains(entry)) {
                breach(index + 1, format!("`{word}` must name an entry of ROADMAP.md: `{word}(entry)`"));
            }
        }
    }
}

struct Modules {
    found: Vec<(usize, String)>,
}

impl<'ast> Visit<'ast> for Modules {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let name = item.ident.to_string();
        // A module in a file of its own is found by the name of the file.
        if item.content.is_some() && EMPTY_NAMES.contains(&name.as_str()) {
            self.found.push((item.ident.span().start().line, name));
        }
        syn::visit::visit_item_mod(self, item);
    }
}
