//! Sizes: files, functions, arguments, and the two files with a cap of their own.

use syn::spanned::Spanned;
use syn::visit::Visit;

use super::Breach;
use super::tree::Source;

/// Most lines of a file; inline tests count, files of tests and tables do not.
const FILE: usize = 600;
/// Most lines of a function, from its signature to its closing brace.
const FUNCTION: usize = 80;
/// Most arguments of a function besides `self`.
const ARGUMENTS: usize = 5;
/// Most lines of the request path.
const PIPELINE: (&str, usize) = ("crates/engine/src/pipeline.rs", 200);
/// Most lines of the vocabulary as a whole.
const CONTRACT: (&str, usize) = ("crates/contract/src/", 6000);

/// Checks all sources.
pub(super) fn check(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in sources {
        let mut breach = |line, says| breaches.push(Breach { path: source.path.clone(), line, says });
        let counted = (1..=source.lines.len()).filter(|line| !source.is_table_line(*line)).count();
        if counted > FILE && !source.is_test() {
            breach(0, format!("{counted} lines; a file has at most {FILE}"));
        }
        if source.path == PIPELINE.0 && source.lines.len() > PIPELINE.1 {
            breach(0, format!("{} lines; the request path has at most {}", source.lines.len(), PIPELINE.1));
        }
        let mut functions = Functions { source, found: Vec::new() };
        functions.visit_file(&source.syntax);
        for (line, says) in functions.found {
            breach(line, says);
        }
    }
    let contract: usize = sources
        .iter()
        .filter(|source| source.path.starts_with(CONTRACT.0))
        .map(|source| source.lines.len())
        .sum();
    if contract > CONTRACT.1 {
        breaches.push(Breach {
            path: CONTRACT.0.to_owned(),
            line: 0,
            says: format!("{contract} lines; the contract has at most {}", CONTRACT.1),
        });
    }
    breaches
}

struct Functions<'a> {
    source: &'a Source,
    found: Vec<(usize, String)>,
}

impl Functions<'_> {
    fn check(&mut self, signature: &syn::Signature, body: Option<&syn::Block>) {
        let start = signature.span().start().line;
        let name = &signature.ident;
        let arguments = signature.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_))).count();
        if arguments > ARGUMENTS {
            self.found.push((start, format!("`{name}` takes {arguments} arguments; at most {ARGUMENTS}")));
        }
        let Some(body) = body else { return };
        let lines = body.span().end().line + 1 - start;
        if lines > FUNCTION && !self.source.is_table_line(start) {
            self.found.push((start, format!("`{name}` has {lines} lines; at most {FUNCTION}")));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.check(&item.sig, Some(&item.block));
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.check(&item.sig, Some(&item.block));
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.check(&item.sig, item.default.as_ref());
        syn::visit::visit_trait_item_fn(self, item);
    }
}
