//! Chores of this repository: `cargo xtask <tidy|schema|catalog|loop-time>`. Never shipped.

mod catalog;
mod loop_time;
mod schema;
mod tidy;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  tidy             check the house rules: crate arrows, sizes, names
  schema           write schema/ and docs/reference/ anew from the program
  schema --check   fail if they are not what the program says
  catalog FOLDER   write the catalogue of models anew from the facts in FOLDER
  loop-time        print how long `cargo check` takes after a change in each crate
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = root();
    let out = &mut std::io::stdout().lock();
    let result = match words.as_slice() {
        ["tidy"] => tidy::run(&root, out),
        ["schema"] => schema::write(&root, out),
        ["schema", "--check"] => schema::check(&root, out),
        ["catalog", folder] => catalog::run(Path::new(folder), &root, out),
        ["loop-time"] => loop_time::run(&root, out),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When even this cannot be written, the code still tells.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository this was built in.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
