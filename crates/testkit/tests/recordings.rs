//! The recordings, in the checks that need neither gateway nor SDKs. They are not part of this project: where
//! `../shared/fixtures/dev` is missing the test says so and passes.

use std::path::Path;
use std::process::Command;

#[test]
fn recordings_survive_canon() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/dev");
    if !folder.is_dir() {
        println!("SKIPPED: no recordings at {}", folder.display());
        return;
    }
    let run =
        Command::new(env!("CARGO_BIN_EXE_conformance")).arg("--fixtures").arg(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let line: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert!(line["passed"].as_u64() > Some(0) && line["failed"] == 0, "{said}");
}
