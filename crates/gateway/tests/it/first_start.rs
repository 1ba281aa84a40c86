//! The first start, as a stranger sees it: what is printed works when pasted, is printed once, and is nowhere else.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use bytes::Bytes;
use http::Method;
use testkit::client::{Answer, Client};
use testkit::gateway::{Gateway, Launch};

/// Everything that a log could show, so that what must not be in it would be.
const LOUD: &str = "server: { listen: \"{listen}\" }\ntelemetry: { log: { level: trace, requests: all } }\n";

fn binary() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_pathgate"))
}

/// The words of a shell command, with quotes, line continuations and one variable.
fn words(command: &str, variable: (&str, &str)) -> Vec<String> {
    let command = command.replace("\\\n", " ").replace(variable.0, variable.1);
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for character in command.chars() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, _) if character.is_whitespace() => words.extend(take(&mut word)),
            _ => word.push(character),
        }
    }
    assert!(quote.is_none(), "an open quote: {command}");
    words.extend(take(&mut word));
    words
}

fn take(word: &mut String) -> Option<String> {
    Some(std::mem::take(word)).filter(|word| !word.is_empty())
}

/// Does what a printed `curl` command says.
async fn curl(command: &str, key: &str) -> Answer {
    let words = words(command, ("$PATHGATE_KEY", key));
    let mut words = words.iter().map(String::as_str);
    assert_eq!(words.next(), Some("curl"), "{command}");
    let url: http::Uri = words.next().unwrap().parse().unwrap();
    let mut client = Client::new(url.authority().unwrap().as_str().parse().unwrap());
    let mut body = Bytes::new();
    while let Some(option) = words.next() {
        let value = words.next().unwrap();
        match (option, value.split_once(": ")) {
            ("-H", Some(("authorization", value))) => client = client.with("authorization", value),
            ("-H", Some(("content-type", value))) => client = client.with("content-type", value),
            ("-d", _) => body = value.to_owned().into(),
            _ => panic!("not expected of a first command: {option} {value}"),
        }
    }
    client.send(Method::POST, url.path(), body).await
}

/// The command of a banner.
fn command(banner: &str) -> &str {
    let command = &banner[banner.find("  curl ").expect("a curl command")..];
    command[..command.find("\n\n").unwrap()].trim()
}

/// The value that a banner gives under this label.
fn value<'b>(banner: &'b str, label: &str) -> &'b str {
    let line = banner.lines().find_map(|line| line.trim().strip_prefix(label));
    line.unwrap_or_else(|| panic!("no `{label}` in {banner}")).trim()
}

/// The keys that a text shows, in order.
fn keys(text: &str) -> Vec<&str> {
    text.match_indices("pgk_").map(|(at, _)| &text[at..at + 46]).collect()
}

async fn assert_echo(answer: Answer) {
    assert_eq!(answer.status, 200);
    let reply = answer.json().await;
    assert_eq!(reply["choices"][0]["message"]["content"], "Hello", "{reply}");
}

/// Do these keys open what the banner says they do?
async fn assert_work(gateway: &Gateway, first: &str, admin: &str) {
    assert_eq!(gateway.client().bearer(first).get("/v1/models").await.status, 200);
    assert_eq!(gateway.client().bearer(first).get("/admin/v1/keys").await.status, 403);
    assert_eq!(gateway.client().bearer(admin).get("/admin/v1/keys").await.status, 200);
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn the_first_start_prints_a_command_that_works_and_keys_that_are_nowhere_else() {
    let mut gateway = binary().config(LOUD).start().await;
    gateway.says("shown this once").await;
    let banner = gateway.stdout();
    let [first, admin] = keys(&banner)[..] else { panic!("not two keys: {banner}") };
    assert_eq!(value(&banner, "Admin key"), admin);
    assert_eq!(value(&banner, "Admin API"), format!("http://{}/admin/v1", gateway.address()));
    assert_echo(curl(command(&banner), "").await).await;
    assert_work(&gateway, first, admin).await;
    let query = format!("/v1/chat/completions?key={first}");
    let answer = gateway.client().send(Method::POST, &query, Bytes::from_static(b"{")).await;
    assert_eq!(answer.status, 400, "the key is right, the body is not");

    gateway.terminate();
    assert_eq!(gateway.exited().await.code(), Some(0));
    let log = gateway.stderr();
    assert!(log.contains("DEBUG") && log.contains("demo/echo"), "the log is as loud as it can be: {log}");
    for file in files(gateway.dir()).into_iter().filter(|file| !file.ends_with("stdout")) {
        let ours = !["stderr", "pathgate.yaml"].iter().any(|name| file.ends_with(name));
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert!(!ours || mode & 0o077 == 0, "others may read {}: {mode:o}", file.display());
        let bytes = std::fs::read(&file).unwrap();
        for key in [first, admin] {
            let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
            assert!(!found, "a key is in {}", file.display());
        }
    }
}

#[tokio::test]
async fn later_starts_print_the_same_command_with_a_variable() {
    let gateway = binary().arg("--listen={listen}").start().await;
    let before = gateway.stdout();
    let (first, admin) = (keys(&before)[0].to_owned(), keys(&before)[1].to_owned());
    let gateway = gateway.restart().await;
    let output = gateway.stdout();
    let banner = &output[before.len()..];
    assert_eq!(keys(banner), [""; 0], "{banner}");
    assert!(banner.contains("Bearer $PATHGATE_KEY\""), "{banner}");
    assert_echo(curl(command(banner), &first).await).await;
    assert_work(&gateway, &first, &admin).await;
}

#[tokio::test]
async fn with_an_admin_key_configured_nothing_is_made() {
    let yaml = "server: { listen: \"{listen}\" }\nauth: { admin_key: \"${ADMIN}\" }\n";
    let gateway = binary().config(yaml).env("ADMIN", "an-admin-key-by-hand").start().await;
    let banner = gateway.stdout();
    assert_eq!(keys(&banner), [""; 0], "{banner}");
    assert!(banner.contains("$PATHGATE_KEY") && !banner.contains("an-admin-key-by-hand"), "{banner}");
    let listed = gateway.client().bearer("an-admin-key-by-hand").get("/admin/v1/keys").await.json().await;
    assert_eq!(listed["items"], serde_json::json!([]));
}

#[tokio::test]
async fn anonymous_callers_get_a_command_without_a_key() {
    let yaml =
        "server: { listen: \"{listen}\" }\nauth: { anonymous: true, admin_key: an-admin-key-by-hand }\n";
    let gateway = binary().config(yaml).start().await;
    let banner = gateway.stdout();
    assert!(!banner.contains("authorization"), "{banner}");
    assert_echo(curl(command(&banner), "").await).await;
}

/// A start whose terminal takes nothing, in the way of a closed one.
async fn start_without_terminal(config: &Path) -> ExitStatus {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pathgate"));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    command.env_clear().arg("serve").arg("--config").arg(config).stdout(full).stderr(Stdio::null());
    testkit::soon("a start without a terminal", command.status()).await.unwrap()
}

#[tokio::test]
async fn keys_that_could_not_be_printed_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let config = |listen: &str| {
        let database = dir.path().join("pathgate.db");
        format!(
            "server: {{ listen: \"{listen}\" }}\nstorage: {{ database: \"sqlite://{}\" }}\n",
            database.display()
        )
    };
    let unseen = dir.path().join("unseen.yaml");
    std::fs::write(&unseen, config("127.0.0.1:0")).unwrap();
    for _ in 0..2 {
        assert_eq!(start_without_terminal(&unseen).await.code(), Some(1));
    }
    let gateway = binary().config(&config("{listen}")).start().await;
    let banner = gateway.stdout();
    let [first, admin] = keys(&banner)[..] else { panic!("not two keys: {banner}") };
    assert_work(&gateway, first, admin).await;
    let listed = gateway.client().bearer(admin).get("/admin/v1/keys").await.json().await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "the unseen keys were replaced: {listed}");
}

#[tokio::test]
async fn a_kill_right_after_the_print_never_leaves_anyone_without_keys() {
    for _ in 0..5 {
        let mut gateway = binary().arg("--listen={listen}").begin();
        gateway.says("Admin key").await;
        gateway.kill().await;
        let before = gateway.stdout();
        let gateway = gateway.restart().await;
        let output = gateway.stdout();
        // Either the first start got as far as to note that it printed them, or there are new ones.
        let banner = if keys(&output[before.len()..]).is_empty() { &before } else { &output[before.len()..] };
        let [first, admin] = keys(banner)[..] else { panic!("not two keys: {output}") };
        assert_work(&gateway, first, admin).await;
    }
}
