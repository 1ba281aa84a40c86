//! What operators rely on: exit codes, messages, logs, metrics, and what is found without a configuration.

use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use testkit::gateway::{Gateway, Launch};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::{Exchange, Reply, Upstream};

use crate::setup::{KEY, Setup, request_id, until};

fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] })
}

fn binary() -> Launch {
    Launch::new(env!("CARGO_BIN_EXE_pathgate"))
}

/// A configuration whose database lies at this path.
fn with_database(path: &Path) -> String {
    format!(
        "server: {{ listen: \"{{listen}}\" }}\nstorage: {{ database: \"sqlite://{}\" }}\n",
        path.display()
    )
}

/// Starts a gateway that must not start, and gives its exit code and what it says.
async fn refused(launch: Launch) -> (i32, String) {
    let (status, output) = launch.run_to_end().await;
    (status.code().expect("an exit code"), output)
}

#[tokio::test]
async fn a_bad_configuration_is_code_2_with_all_faults_and_their_lines() {
    let yaml = "server: { listen: \"{listen}\", max_bdy: 1MiB }\nauth:\n  admin_key: short\nmodels:\n  \
                fast: { route: { targets: [{ to: mars/x }] } }\nkeys:\n  - { name: a, limits: { requests: often } }\n";
    let (code, output) = refused(binary().config(yaml)).await;
    assert_eq!(code, 2, "{output}");
    for fault in [
        "server.max_bdy: unknown key `max_bdy`, did you mean `max_body`?",
        "pathgate.yaml:3:14: auth.admin_key: too short",
        "pathgate.yaml:5:36: models.fast.route.targets[0].to: no provider `mars` is configured",
        "pathgate.yaml:7:5: keys[0]: give `key_hash`",
        "pathgate.yaml:7:36: keys[0].limits.requests: `often` is not a rate",
    ] {
        assert!(output.contains(fault), "`{fault}` is missing:\n{output}");
    }
    assert!(!output.contains("is ready"), "{output}");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("checked.yaml");
    std::fs::write(&file, yaml.replace("{listen}", "127.0.0.1:0")).unwrap();
    let check = |file: &Path| {
        tokio::process::Command::new(env!("CARGO_BIN_EXE_pathgate"))
            .arg("check")
            .arg(file)
            .env_clear()
            .output()
    };
    let checked = check(&file).await.unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let told = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(told.matches("checked.yaml:").count(), output.matches("pathgate.yaml:").count(), "{told}");
    std::fs::write(&file, "server: { listen: 127.0.0.1:0 }\n").unwrap();
    assert_eq!(check(&file).await.unwrap().status.code(), Some(0));
    assert_eq!(check(&dir.path().join("none.yaml")).await.unwrap().status.code(), Some(2));

    let (code, _) = refused(binary().arg("--no-such-flag")).await;
    assert_eq!(code, 2);
}

#[tokio::test]
async fn a_port_in_use_is_code_3() {
    let first = binary().arg("--listen={listen}").start().await;
    let (code, output) = refused(binary().arg(&format!("--listen={}", first.address()))).await;
    assert_eq!(code, 3, "{output}");
    assert!(output.contains(&format!("cannot listen on {}", first.address())), "{output}");
    assert!(!output.contains("pgk_"), "no keys are given out by a start that fails: {output}");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_code_4_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let newer = dir.path().join("newer.db");
    let mut gateway = binary().config(&with_database(&newer)).start().await;
    gateway.terminate();
    assert_eq!(gateway.exited().await.code(), Some(0));
    Connection::open(&newer)
        .unwrap()
        .execute_batch(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (99991231235959, 'of the future', 1, x'00', 0)",
        )
        .unwrap();
    let (code, output) = refused(binary().config(&with_database(&newer))).await;
    assert_eq!(code, 4, "{output}");
    assert!(output.contains("written by a later release") && output.contains("newer.db"), "{output}");

    let rubbish = dir.path().join("rubbish.db");
    std::fs::write(&rubbish, "this is no database\n".repeat(100)).unwrap();
    let (code, output) = refused(binary().config(&with_database(&rubbish))).await;
    assert_eq!(code, 4, "{output}");
    assert!(output.contains("rubbish.db"), "{output}");
    assert!(std::fs::read_to_string(&rubbish).unwrap().starts_with("this is no database"));

    let nowhere = dir.path().join("missing/pathgate.db");
    assert_eq!(refused(binary().config(&with_database(&nowhere))).await.0, 4);
    std::fs::write(dir.path().join("taken.spool"), "").unwrap();
    let (code, output) = refused(binary().config(&with_database(&dir.path().join("taken.db")))).await;
    assert_eq!(code, 4, "the folder of the spool cannot be made: {output}");
}

#[tokio::test]
async fn log_lines_are_json_with_the_request_id_and_without_secrets_or_content() {
    let bench = Setup::new().section("telemetry: { log: { format: json, requests: all } }").start().await;
    bench
        .upstream
        .always(Reply::json(401, &json!({ "error": { "message": "Incorrect API key", "type": "x" } })));
    let body = json!({ "model": "demo/echo", "user": "a-certain-user", "messages": [{ "role": "user", "content": "xyzzy" }] });
    let answer = bench.openai().post(&format!("/v1/chat/completions?key={KEY}"), &body).await;
    let (first, second) =
        (request_id(&answer), bench.openai().post("/v1/chat/completions", &ask("house/some")).await);
    assert_eq!(second.status, 502);
    let second = request_id(&second);
    let lines = until("both lines", async || {
        let log = bench.gateway.stderr();
        (log.contains(&first) && log.contains(&second) && log.ends_with('\n')).then_some(log)
    });
    let log = lines.await;
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let of = |id: &str| lines.iter().find(|line| line["request"] == id).expect("a line with this id");
    let line = of(&first);
    assert_eq!(
        (&line["status"], &line["outcome"], &line["key"]),
        (&json!(200), &json!("answered"), &json!("tests"))
    );
    assert_eq!((&line["deployment"], &line["level"]), (&json!("demo/echo"), &json!("INFO")));
    let line = of(&second);
    assert_eq!((&line["error"], &line["status"]), (&json!("upstream_auth"), &json!(502)));
    assert!(line["detail"].as_str().unwrap().contains("Incorrect API key"), "the operator sees why: {line}");
    for secret in [KEY, "xyzzy", "a-certain-user", crate::setup::SECRET] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

/// The first key that a gateway without a configuration printed.
fn printed_key(gateway: &Gateway) -> String {
    let banner = gateway.stdout();
    let at = banner.find("Bearer pgk_").unwrap_or_else(|| panic!("no key in {banner}")) + 7;
    banner[at..at + 46].to_owned()
}

/// Waits until these models are listed.
async fn listed(gateway: &Gateway, key: &str, names: &[&str]) {
    until("models to be listed", async || {
        let list = gateway.client().bearer(key).get("/v1/models").await.json().await;
        let ids: Vec<_> = list["data"].as_array()?.iter().filter_map(|model| model["id"].as_str()).collect();
        names.iter().all(|name| ids.contains(name)).then_some(())
    })
    .await;
}

/// A service that looks like OpenAI's and like Ollama.
fn play(exchange: &Exchange) -> Reply {
    match exchange.path.as_str() {
        "/v1/models" => Reply::json(200, &openai::models(&["gpt-test", "text-embedding-test"])),
        "/api/tags" => {
            Reply::json(200, &json!({ "models": [{ "name": "qwen-test:1b", "model": "qwen-test:1b" }] }))
        }
        "/v1/embeddings" => Reply::json(200, &openai::embeddings(1, 2)),
        "/v1/chat/completions" => Reply::json(200, &openai::text("from the environment", Tokens::new(3, 2))),
        _ => Reply::text(404, "text/plain", "no such path"),
    }
}

#[tokio::test]
async fn without_a_file_providers_come_from_the_environment() {
    let upstream = Upstream::start().await;
    upstream.always_with(play);
    let gateway = binary()
        .arg("--listen={listen}")
        .env("OPENAI_API_KEY", "sk-of-the-environment")
        .env("OPENAI_BASE_URL", &format!("{}/v1", upstream.url()))
        .env("ANTHROPIC_API_KEY", "")
        .start()
        .await;
    let key = printed_key(&gateway);
    listed(&gateway, &key, &["openai/gpt-test", "openai/text-embedding-test", "demo/echo"]).await;
    let client = gateway.client().bearer(&key);
    for model in ["openai/gpt-test", "gpt-test"] {
        let answer = client.post("/v1/chat/completions", &ask(model)).await;
        assert_eq!(answer.header("x-pathgate-model"), "openai/gpt-test");
        assert!(answer.text().await.contains("from the environment"));
    }
    let body =
        json!({ "model": "gpt-test", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hello" }] });
    let answer = client.post("/v1/messages", &body).await.json().await;
    assert_eq!(answer["content"][0]["text"], "from the environment", "in the other dialect too: {answer}");
    let body = json!({ "model": "openai/text-embedding-test", "input": "Hello" });
    assert_eq!(client.post("/v1/embeddings", &body).await.status, 200);
    let asked = upstream.seen();
    assert!(asked.iter().all(|one| one.header("authorization") == "Bearer sk-of-the-environment"));
    let list = client.get("/v1/models").await.text().await;
    assert!(!list.contains("claude"), "an empty variable is none: {list}");
}

#[tokio::test]
async fn an_ollama_is_found_by_its_variable() {
    let upstream = Upstream::start().await;
    upstream.always_with(play);
    let host = upstream.address().to_string();
    let gateway = binary().arg("--listen={listen}").env("OLLAMA_HOST", &host).start().await;
    let key = printed_key(&gateway);
    listed(&gateway, &key, &["ollama/qwen-test:1b"]).await;
    let answer =
        gateway.client().bearer(&key).post("/v1/chat/completions", &ask("ollama/qwen-test:1b")).await;
    assert!(answer.text().await.contains("from the environment"));
}

#[tokio::test]
async fn providers_that_do_not_answer_delay_nothing() {
    let silent = Upstream::start().await;
    silent.always(Reply::silent(testkit::upstream::Break::Hang));
    let gateway = binary()
        .arg("--listen={listen}")
        .env("OPENAI_API_KEY", "sk-x")
        .env("OPENAI_BASE_URL", &format!("{}/v1", silent.url()))
        .env("OLLAMA_HOST", &Upstream::nobody().await.to_string())
        .start()
        .await;
    silent.request(0).await;
    let key = printed_key(&gateway);
    let client = gateway.client().bearer(&key);
    assert_eq!(client.post("/v1/chat/completions", &ask("demo/echo")).await.status, 200);
    assert_eq!(gateway.client().get("/readyz").await.status, 200, "readiness is our own state");
    let models = client.get("/v1/models").await.text().await;
    assert!(models.contains("demo/echo"), "{models}");
}
