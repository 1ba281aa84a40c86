//! A changed configuration comes into force without a restart, as a whole or not at all.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use bytes::Bytes;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use serde_json::{Value, json};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::{Gate, Reply, Upstream};

use crate::protocols::{certify, connect_tls, tls_settings};
use crate::setup::{Bench, KEY, Setup, until};

const FAST: &str = "models:\n  fast: { route: { targets: [{ to: demo/echo }] } }";

fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] })
}

async fn status_of(bench: &Bench, key: &str, model: &str) -> u16 {
    bench.gateway.client().bearer(key).post("/v1/chat/completions", &ask(model)).await.status.as_u16()
}

/// Waits for a state of the instance.
async fn instance(bench: &Bench, wanted: impl Fn(&Value) -> bool) -> Value {
    until("a state of the instance", async || {
        let status = bench.admin().get("/admin/v1/status").await.json().await;
        wanted(&status).then_some(status)
    })
    .await
}

fn rewrite(bench: &Bench, setup: &Setup) {
    bench.gateway.rewrite_config(&setup.yaml(&bench.upstream.url()));
}

#[tokio::test]
async fn a_changed_file_comes_into_force_by_itself() {
    let bench = Bench::start().await;
    let before = bench.admin().get("/admin/v1/status").await.json().await;
    assert_eq!((&before["snapshot"], &before["reload"]), (&json!(1), &Value::Null));
    assert_eq!(status_of(&bench, KEY, "fast").await, 404);

    rewrite(&bench, &Setup::new().section(FAST));
    let after = instance(&bench, |status| status["snapshot"] == 2 && !status["reload"].is_null()).await;
    assert_eq!((&after["reload"]["taken"], &after["reload"]["error"]), (&json!(true), &Value::Null));
    let answer = bench.openai().post("/v1/chat/completions", &ask("fast")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(bench.kept(&answer).await.request["snapshot"], 2);
    let listed = bench.openai().get("/v1/models").await.json().await;
    assert!(listed["data"].as_array().unwrap().iter().any(|model| model["id"] == "fast"));

    rewrite(&bench, &Setup::new());
    instance(&bench, |status| status["snapshot"] == 3).await;
    assert_eq!(status_of(&bench, KEY, "fast").await, 404, "and goes again");
}

#[tokio::test]
async fn a_change_while_it_starts_is_not_lost() {
    let secrets = tempfile::tempdir().unwrap();
    let pipe = secrets.path().join("key");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let vault = format!(
        "vault: {{ kind: openai-compatible, base_url: \"{{upstream}}/v1\", models: [some], api_key: \"file:{}\" }}",
        pipe.display()
    );
    let upstream = Upstream::start().await;
    let mut gateway = Setup::new().provider(&vault).launch(&upstream).begin();
    // It can be opened like this once somebody reads it, and the configuration is read before the secrets it names.
    let open = || File::options().write(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&pipe);
    let mut secret = until("the secret to be read", async || open().ok()).await;
    gateway.rewrite_config(&Setup::new().section(FAST).yaml(&upstream.url()));
    secret.write_all(b"a-secret").unwrap();
    drop(secret);

    gateway.ready().await;
    let bench = Bench { gateway, upstream };
    instance(&bench, |status| status["snapshot"] == 2).await;
    assert_eq!(status_of(&bench, KEY, "fast").await, 200);
}

#[tokio::test]
async fn sighup_reads_the_file_again_even_if_it_looks_the_same() {
    let bench = Bench::start().await;
    bench.gateway.reload();
    let status = instance(&bench, |status| status["snapshot"] == 2 && !status["reload"].is_null()).await;
    assert_eq!(status["reload"]["taken"], true);
    assert_eq!(status_of(&bench, KEY, "demo/echo").await, 200);
}

#[tokio::test]
async fn a_bad_file_is_refused_as_a_whole_and_the_old_one_serves_on() {
    let setup = Setup::new().section(FAST);
    let bench = setup.clone().start().await;
    let good = setup.yaml(&bench.upstream.url());
    let bad = good.replace("to: demo/echo", "to: mars/echo").replace("name: tests", "name: tests, limit: 5");
    bench.gateway.rewrite_config(&bad);
    let status = instance(&bench, |status| status["reload"]["taken"] == false).await;
    let error = status["reload"]["error"].as_str().unwrap();
    for part in ["pathgate.yaml:5:", "no provider `mars`", "pathgate.yaml:7:", "unknown key `limit`"] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
    assert!(!error.contains(KEY), "{error}");
    assert_eq!(status["snapshot"], 1);
    assert_eq!(status_of(&bench, KEY, "fast").await, 200);
    assert!(bench.gateway.stderr().contains("no provider `mars`"), "the log says it too");

    std::fs::remove_file(bench.gateway.dir().join("pathgate.yaml")).unwrap();
    instance(&bench, |status| {
        status["reload"]["error"].as_str().is_some_and(|error| error.contains("cannot read"))
    })
    .await;
    assert_eq!(status_of(&bench, KEY, "fast").await, 200, "no file is no reason to forget everything");

    bench.gateway.rewrite_config(&good);
    let status = instance(&bench, |status| status["reload"]["taken"] == true).await;
    assert_eq!(status["snapshot"], 2);
    let metrics = bench.gateway.client().get("/metrics").await.text().await;
    for line in [
        "pathgate_config_reloads_total{result=\"applied\"} 1",
        "pathgate_config_reloads_total{result=\"refused\"} 2",
        "pathgate_config_snapshot 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn keys_of_the_file_come_and_go_with_it() {
    let with = |yaml: &str| Setup::new().key(yaml);
    let bench = with("{ name: one, key: the-first-key-of-the-file }").start().await;
    assert_eq!(status_of(&bench, "the-first-key-of-the-file", "demo/echo").await, 200);
    let made = bench.admin().post("/admin/v1/keys", &json!({ "name": "stored" })).await.json().await;

    rewrite(&bench, &with("{ name: two, key: the-second-key-of-file, models: [none] }"));
    instance(&bench, |status| status["snapshot"] == 2).await;
    assert_eq!(status_of(&bench, "the-first-key-of-the-file", "demo/echo").await, 401);
    assert_eq!(status_of(&bench, "the-second-key-of-file", "demo/echo").await, 403);
    assert_eq!(
        status_of(&bench, made["secret"].as_str().unwrap(), "demo/echo").await,
        200,
        "stored keys stay"
    );

    rewrite(&bench, &with("{ name: two, key: the-second-key-of-file, limits: { requests: 2/day } }"));
    instance(&bench, |status| status["snapshot"] == 3).await;
    for wanted in [200, 200, 429] {
        assert_eq!(status_of(&bench, "the-second-key-of-file", "demo/echo").await, wanted);
    }
}

#[tokio::test]
async fn requests_under_way_end_as_they_began() {
    let bench = Bench::start().await;
    let gate = Gate::new();
    let stream = openai::text_stream(&["one", "two"], Some(Tokens::new(3, 2)));
    bench.upstream.then(Reply::sse(stream).gated(&gate));
    let mut body = ask("house/some");
    body["stream"] = true.into();
    gate.release();
    let mut answer = bench.openai().post("/v1/chat/completions", &body).await;
    gate.release();
    assert!(answer.event().await.is_some());

    let other = Upstream::start().await;
    other.always(Reply::json(200, &openai::text("from elsewhere", Tokens::new(3, 2))));
    bench.gateway.rewrite_config(&Setup::new().yaml(&other.url()));
    instance(&bench, |status| status["snapshot"] == 2).await;
    let fresh = bench.openai().post("/v1/chat/completions", &ask("house/some")).await.text().await;
    assert!(fresh.contains("from elsewhere"), "{fresh}");

    let id = answer.header("x-pathgate-request-id").to_owned();
    gate.open();
    assert_eq!(answer.try_events().await.unwrap().last().unwrap(), "data: [DONE]");
    let kept = bench.kept_of(&id).await;
    assert_eq!((&kept.request["snapshot"], &kept.request["outcome"]), (&json!(1), &json!("answered")));
}

#[tokio::test]
async fn a_secret_in_a_file_of_its_own_is_followed() {
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("key");
    std::fs::write(&file, "the-old-secret\n").unwrap();
    let provider = format!(
        "vault: {{ kind: openai-compatible, base_url: \"{{upstream}}/vault/v1\", models: [some], api_key: \"file:{}\" }}",
        file.display()
    );
    let bench = Setup::new().provider(&provider).start().await;
    bench.upstream.always(Reply::json(200, &openai::text("Hello", Tokens::new(3, 2))));
    assert_eq!(status_of(&bench, KEY, "vault/some").await, 200);
    assert_eq!(bench.upstream.request(0).await.header("authorization"), "Bearer the-old-secret");

    // As Kubernetes does it: another file takes the name.
    let fresh = secrets.path().join("fresh");
    std::fs::write(&fresh, "the-new-secret\n").unwrap();
    std::fs::rename(&fresh, &file).unwrap();
    instance(&bench, |status| status["snapshot"] == 2).await;
    assert_eq!(status_of(&bench, KEY, "vault/some").await, 200);
    assert_eq!(bench.upstream.request(1).await.header("authorization"), "Bearer the-new-secret");
}

#[tokio::test]
async fn models_that_a_provider_listed_stay_over_a_reload() {
    let vault = "vault: { kind: openai-compatible, base_url: \"{upstream}/vault/v1\" }";
    let bench = Setup::new().provider(vault).start().await;
    let listed = async |name: &str| {
        let list = bench.openai().get("/v1/models").await.json().await;
        list["data"].as_array().unwrap().iter().any(|model| model["id"] == name)
    };
    let models = Reply::json(200, &openai::models(&["found"]));
    bench.upstream.always(models);
    // The first question may have come before the answer was scripted.
    bench.gateway.reload();
    until("the models", async || listed("vault/found").await.then_some(())).await;

    bench.upstream.always_with(|exchange| match exchange.path.ends_with("/models") {
        true => Reply::silent(testkit::upstream::Break::Hang),
        false => Reply::json(200, &openai::text("Hello", Tokens::new(3, 2))),
    });
    rewrite(&bench, &Setup::new().provider(vault).section(FAST));
    until("the alias", async || listed("fast").await.then_some(())).await;
    assert!(listed("vault/found").await);
    assert_eq!(status_of(&bench, KEY, "found").await, 200, "by its bare name too");

    rewrite(&bench, &Setup::new().section(FAST));
    until("the provider to go", async || (!listed("vault/found").await).then_some(())).await;
}

#[tokio::test]
async fn what_needs_a_restart_is_said_and_the_rest_is_taken() {
    let mut bench = Bench::start().await;
    rewrite(&bench, &Setup::new().server("max_body: 1KiB").section(FAST));
    instance(&bench, |status| status["snapshot"] == 2).await;
    assert_eq!(status_of(&bench, KEY, "fast").await, 200);
    bench.gateway.says("a change of `server` takes effect at the next start").await;
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let old = certify(dir.path());
    let upstream = Upstream::start().await;
    let mut gateway = Setup::new().server(&tls_settings(dir.path())).launch(&upstream).begin();
    gateway.says("listening").await;
    let address = gateway.address();
    let shown = async |trusted| connect_tls(address, trusted, &["http/1.1"]).await.map(drop);
    shown(&old).await.expect("the first certificate");

    let new = certify(dir.path());
    until("the new certificate", async || shown(&new).await.ok()).await;
    assert!(shown(&old).await.is_err());

    std::fs::write(dir.path().join("cert.pem"), Bytes::from_static(b"rubbish")).unwrap();
    gateway.says("the new configuration is refused and the old one stays").await;
    shown(&new).await.expect("the one before stays");
}
