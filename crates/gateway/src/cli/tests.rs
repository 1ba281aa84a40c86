//! Commands against a host with keys in memory: what is printed where, and the code they end with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::{CommandFactory, Parser};
use contract::ports::{
    BoxFuture, Clock, KeyAdmin, KeySource, KeySpec, KeyView, MintedKey, Page, PageRequest,
};
use contract::words::{Id, IdKind, Secret, Tick, Timestamp};
use contract::{Code, Fault};

use super::{Cli, Exit, Failure, Host, KeySession, Setup, Terminal, run};
use crate::config::Config;

#[derive(Default)]
struct FakeKeys(Mutex<Vec<KeyView>>);

impl FakeKeys {
    fn change(&self, id: Id, change: impl FnOnce(&mut KeyView)) -> Result<KeyView, Fault> {
        let mut views = self.0.lock().unwrap();
        let view = views.iter_mut().find(|view| view.id == id).ok_or(Code::NotFound)?;
        change(view);
        Ok(view.clone())
    }
}

impl KeyAdmin for FakeKeys {
    fn list(&self, page: PageRequest) -> BoxFuture<'_, Result<Page<KeyView>, Fault>> {
        // One a page, so that paging is part of every test.
        let views = self.0.lock().unwrap();
        let at = page.cursor.map_or(0, |cursor| cursor.parse::<usize>().unwrap());
        let next = (at + 1 < views.len()).then(|| (at + 1).to_string());
        let items = views.get(at).cloned().into_iter().collect();
        Box::pin(std::future::ready(Ok(Page { items, next })))
    }

    fn get(&self, id: Id) -> BoxFuture<'_, Result<KeyView, Fault>> {
        Box::pin(std::future::ready(self.change(id, |_| ())))
    }

    fn create(&self, spec: KeySpec) -> BoxFuture<'_, Result<MintedKey, Fault>> {
        let mut views = self.0.lock().unwrap();
        let view = KeyView {
            id: Id::new(IdKind::Key),
            hint: Some("wxyz".to_owned()),
            source: KeySource::Store,
            created: Some(Timestamp(0)),
            revoked: None,
            version: 1,
            spec,
        };
        let taken = views.iter().any(|other| other.spec.name == view.spec.name);
        if taken {
            let conflict = Fault::from(Code::Conflict).because("the name is taken");
            return Box::pin(std::future::ready(Err(conflict)));
        }
        views.push(view.clone());
        Box::pin(std::future::ready(Ok(MintedKey { view, secret: Secret::new("pgk_new") })))
    }

    fn rotate(&self, id: Id, _: Option<i64>) -> BoxFuture<'_, Result<MintedKey, Fault>> {
        let minted = |view| MintedKey { view, secret: Secret::new("pgk_rotated") };
        Box::pin(std::future::ready(self.change(id, |_| ()).map(minted)))
    }

    fn revoke(&self, id: Id, _: Option<i64>) -> BoxFuture<'_, Result<KeyView, Fault>> {
        Box::pin(std::future::ready(self.change(id, |view| view.revoked = Some(Timestamp(1_000_000)))))
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000)
    }

    fn tick(&self) -> Tick {
        Tick(0)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[derive(Default)]
struct FakeHost {
    keys: Arc<FakeKeys>,
    served: Mutex<Vec<Setup>>,
}

impl Host for FakeHost {
    fn serve(&self, setup: Setup) -> Result<(), Failure> {
        self.served.lock().unwrap().push(setup);
        Ok(())
    }

    fn open_keys(&self, _: &Config) -> Result<KeySession, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(KeySession { runtime, keys: Arc::clone(&self.keys) as _, clock: Arc::new(Noon) })
    }
}

/// The code, standard output and standard error of a command.
fn pathgate(host: &FakeHost, words: &[&str], input: &str) -> (Exit, String, String) {
    let cli = Cli::try_parse_from([&["pathgate"], words].concat()).unwrap();
    let (mut out, mut err, mut input) = (Vec::new(), Vec::new(), input.as_bytes());
    let exit = run(cli, host, &mut Terminal { out: &mut out, err: &mut err, input: &mut input });
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pathgate.yaml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
    for wrong in [&["serve", "--listen", "localhost"][..], &["key", "create"], &["start"], &[]] {
        assert!(Cli::try_parse_from([&["pathgate"], wrong].concat()).is_err(), "{wrong:?}");
    }
}

#[test]
fn serve_takes_the_command_line_above_the_file() {
    let (_folder, path) = file("server: { listen: 127.0.0.1:1 }\n");
    let host = FakeHost::default();
    let words = ["serve", "--config", path.to_str().unwrap(), "--listen", "127.0.0.1:2"];
    assert_eq!(pathgate(&host, &words, ""), (Exit::Ok, String::new(), String::new()));
    let served = host.served.lock().unwrap();
    assert_eq!(served[0].config.server.listen.0[0].to_string(), "127.0.0.1:2");
    assert_eq!(served[0].file.as_deref(), Some(path.as_path()));
}

#[test]
fn a_bad_file_is_told_in_full_and_nothing_is_served() {
    let (_folder, path) = file("sever: {}\nserver: { max_body: lots }\n");
    let path = path.to_str().unwrap();
    let host = FakeHost::default();
    for words in [&["check", path][..], &["serve", "--config", path], &["key", "-c", path, "list"]] {
        let (exit, out, err) = pathgate(&host, words, "");
        assert_eq!((exit, out.as_str()), (Exit::BadConfiguration, ""));
        assert_eq!(err.lines().count(), 2, "{err}");
        assert!(err.contains(":1:1: sever: unknown key"), "{err}");
        assert!(err.contains(":2:21: server.max_body: `lots` is not a size"), "{err}");
    }
    assert!(host.served.lock().unwrap().is_empty());
    let (exit, _, err) = pathgate(&host, &["check", "/nowhere/at/all.yaml"], "");
    assert_eq!(exit, Exit::BadConfiguration);
    assert!(err.contains("cannot read the configuration file /nowhere/at/all.yaml"), "{err}");
}

#[test]
fn check_says_what_it_saw() {
    let (_folder, path) = file("# nothing yet\n");
    let (exit, out, err) = pathgate(&FakeHost::default(), &["check", path.to_str().unwrap()], "");
    assert_eq!((exit, err.as_str()), (Exit::Ok, ""));
    assert!(out.ends_with("pathgate.yaml is valid: 0 providers, 0 models, 0 keys\n"), "{out}");
}

#[test]
fn a_key_lives_and_ends() {
    let (_folder, path) = file("");
    let path = path.to_str().unwrap();
    let host = FakeHost::default();
    let key = |words: &[&str]| pathgate(&host, &[&["key", "--config", path], words].concat(), "");

    assert!(key(&["list"]).2.starts_with("There are no keys."));
    let create = [
        "create",
        "ci",
        "--model",
        "fast",
        "--scope",
        "inference",
        "--requests",
        "60/min",
        "--expires",
        "1d",
    ];
    let (exit, out, err) = key(&create);
    assert_eq!((exit, out.as_str()), (Exit::Ok, "pgk_new\n"));
    assert!(err.starts_with("Key ci (key_"), "{err}");
    assert_eq!(key(&create).0, Exit::Failed);
    assert_eq!(key(&["create", "second"]).0, Exit::Ok);

    assert_eq!(key(&["rotate", "ci"]).1, "pgk_rotated\n");
    assert_eq!(key(&["revoke", "second"]).0, Exit::Ok);
    let (exit, _, err) = key(&["revoke", "third"]);
    assert_eq!((exit, err.starts_with("there is no key `third`")), (Exit::Failed, true));

    let list = key(&["list"]).1;
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().skip(1).collect()).collect();
    assert_eq!(rows[0], ["NAME", "KEY", "FROM", "LIMIT", "STATE"]);
    assert_eq!(
        rows[1],
        ["ci", "…wxyz", "database", "60/min", "active", "until", "2023-11-15T22:13:20.000000Z"]
    );
    assert_eq!(rows[2][3..], ["-", "revoked", "1970-01-01T00:00:01.000000Z"]);
    let json: serde_json::Value = serde_json::from_str(&key(&["list", "--json"]).1).unwrap();
    assert_eq!((&json[0]["name"], &json[0]["models"][0]), (&"ci".into(), &"fast".into()));
}

#[test]
fn a_hash_needs_no_database() {
    let host = FakeHost::default();
    let (exit, out, _) = pathgate(&host, &["key", "hash"], "abc\n");
    // FIPS 180-2, appendix B.1.
    let sum = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
    assert_eq!((exit, out.as_str()), (Exit::Ok, sum));
    let (_, out, _) = pathgate(&host, &["key", "hash", "--new"], "");
    let (key, hash) = out.trim().split_once('\n').unwrap();
    assert_eq!(pathgate(&host, &["key", "hash"], key).1.trim(), hash);
    assert_eq!(pathgate(&host, &["key", "hash"], "").0, Exit::BadConfiguration);
}

#[test]
fn references_are_complete() {
    let host = FakeHost::default();
    let errors = pathgate(&host, &["schema", "errors"], "").1;
    for code in Code::ALL {
        assert!(
            errors.contains(&format!("| `{}` | {} |", code.as_str(), code.status().as_u16())),
            "{code:?}"
        );
    }
    for what in ["config", "openapi"] {
        let text = pathgate(&host, &["schema", what], "").1;
        assert!(text.ends_with("}\n") && serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{what}");
    }
    assert!(pathgate(&host, &["schema", "metrics"], "").1.starts_with("# "));
    assert_eq!(pathgate(&host, &["version"], "").1, format!("pathgate {}\n", env!("CARGO_PKG_VERSION")));
}
