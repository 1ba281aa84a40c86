//! How long a developer waits after changing one file of a crate: the number that the shape of the workspace decides.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};

/// Touches the root file of each crate in turn and prints the seconds of `cargo check --workspace` as a table.
pub(crate) fn run(root: &Path, out: &mut dyn Write) -> Result<()> {
    cargo_check(root)?;
    writeln!(out, "| crate | seconds |\n|---|---|")?;
    let mut folders: Vec<_> = fs::read_dir(root.join("crates"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.sort();
    for folder in folders {
        let files = ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file));
        let Some(file) = files.iter().find(|file| file.is_file()) else { continue };
        touch(file).with_context(|| format!("touching {}", file.display()))?;
        let took = cargo_check(root)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        writeln!(out, "| {name} | {:.1} |", took.as_secs_f64())?;
        out.flush()?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a tool that measures real time has no clock port")]
fn touch(file: &Path) -> Result<()> {
    Ok(File::options().append(true).open(file)?.set_modified(SystemTime::now())?)
}

#[expect(clippy::disallowed_methods, reason = "a tool that measures real time has no clock port")]
fn cargo_check(root: &Path) -> Result<Duration> {
    let start = Instant::now();
    let status =
        Command::new("cargo").args(["check", "--workspace", "--quiet"]).current_dir(root).status()?;
    ensure!(status.success(), "cargo check failed");
    Ok(start.elapsed())
}
