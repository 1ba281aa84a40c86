//! Keeps `schema/` equal to what the program says of itself. The texts come from the binary (`pathgate schema …`), so that
//! nothing needs to depend on it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// What `pathgate schema` is asked for, and where the answer is kept.
const FILES: [(&str, &str); 4] = [
    ("config", "schema/config.schema.json"),
    ("openapi", "schema/openapi.json"),
    ("errors", "schema/errors.md"),
    ("metrics", "schema/metrics.md"),
];

/// Writes every file that is not up to date.
pub(crate) fn write(root: &Path, out: &mut dyn Write) -> Result<()> {
    fs::create_dir_all(root.join("schema"))?;
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
    for (what, path) in FILES {
        let text = ask(root, what).with_context(|| format!("asking pathgate for its {what} reference"))?;
        if fs::read_to_string(root.join(path)).ok().as_deref() != Some(text.as_str()) {
            stale.push((path, text));
        }
    }
    Ok(stale)
}

fn ask(root: &Path, what: &str) -> Result<String> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--package", "gateway", "--bin", "pathgate", "--", "schema", what])
        .current_dir(root)
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
