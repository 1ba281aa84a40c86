//! Keeps `schema/` and `docs/reference/` equal to what the program says of itself and does. The texts come from binaries
//! (`pathgate schema …`; `reference …` of `testkit`), so that nothing needs to depend on them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Who is asked: the package, the binary, and what stands before the name.
const PATHGATE: [&str; 3] = ["gateway", "pathgate", "schema"];
const REFERENCE: [&str; 3] = ["testkit", "reference", "page"];

/// Who is asked for what, and where the answer is kept.
const FILES: [([&str; 3], &str, &str); 6] = [
    (PATHGATE, "config", "schema/config.schema.json"),
    (PATHGATE, "openapi", "schema/openapi.json"),
    (PATHGATE, "errors", "schema/errors.md"),
    (PATHGATE, "metrics", "schema/metrics.md"),
    (REFERENCE, "translation", "docs/reference/translation.md"),
    (REFERENCE, "providers", "docs/reference/providers.md"),
];

/// Writes every file that is not up to date.
pub(crate) fn write(root: &Path, out: &mut dyn Write) -> Result<()> {
    for folder in ["schema", "docs/reference"] {
        fs::create_dir_all(root.join(folder))?;
    }
    for (path, text) in stale(root)? {
        fs::write(root.join(path), text)?;
        writeln!(out, "wrote {path}")?;
    }
    Ok(())
}

/// Fails when a file is not up to date.
pub(crate) fn check(root: &Path, out: &mut dyn Write) -> Result<()> {
    let stale = stale(root)?;
    for (path, _) in &stale {
        writeln!(out, "{path} is not what the program says")?;
    }
    if !stale.is_empty() {
        bail!("run `cargo xtask schema` and commit the result");
    }
    Ok(())
}

/// The files that differ from what the program says, with what they should hold.
fn stale(root: &Path) -> Result<Vec<(&'static str, String)>> {
    let mut stale = Vec::new();
    for (whom, what, path) in FILES {
        let text = ask(root, whom, what).with_context(|| format!("asking for the {what} reference"))?;
        if fs::read_to_string(root.join(path)).ok().as_deref() != Some(text.as_str()) {
            stale.push((path, text));
        }
    }
    Ok(stale)
}

fn ask(root: &Path, [package, binary, before]: [&str; 3], what: &str) -> Result<String> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--package", package, "--bin", binary, "--", before, what])
        .current_dir(root)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
