//! Virtual keys: where they come from, what they may do, how often, until when.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use testkit::client::{Answer, Client};
use testkit::gateway::{Gateway, Launch};

use crate::setup::{ADMIN_KEY, Bench, KEY, Setup, until};

/// A path with a dialect of its own, and a body for it.
type Door = (&'static str, fn() -> Value);

const DOORS: [Door; 3] =
    [("/v1/chat/completions", chat), ("/v1/messages", message), ("/v1/embeddings", embedding)];

fn chat() -> Value {
    json!({ "model": "demo/echo", "messages": [{ "role": "user", "content": "Hello" }] })
}

fn message() -> Value {
    json!({ "model": "demo/echo", "max_tokens": 50, "messages": [{ "role": "user", "content": "Hello" }] })
}

fn embedding() -> Value {
    json!({ "model": "demo/embed", "input": "Hello" })
}

/// Asserts that a refusal has the shape of the dialect that is spoken at this path, and the stable code.
async fn assert_refused(answer: Answer, path: &str, (status, kind, code): (u16, &str, &str)) {
    assert_eq!(answer.status, status, "{path}");
    assert_eq!(answer.header("x-pathgate-error"), code, "{path}");
    assert_eq!(answer.header("content-type"), "application/json");
    let id = answer.header("x-pathgate-request-id").to_owned();
    let (own, ids) = (answer.header("x-request-id").to_owned(), answer.header("request-id").to_owned());
    let body = answer.json().await;
    let error = &body["error"];
    assert_eq!(error["type"], kind, "{path}: {body}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{path}: {body}");
    if path.ends_with("/messages") {
        assert_eq!(
            (&body["type"], &body["request_id"], ids),
            (&json!("error"), &json!(id), id.clone()),
            "{body}"
        );
    } else {
        assert_eq!((&error["code"], own), (&json!(code), id), "{path}: {body}");
    }
}

async fn status(client: &Client) -> u16 {
    client.post("/v1/chat/completions", &chat()).await.status.as_u16()
}

/// Waits until a key is taken, or no more.
async fn becomes(gateway: &Gateway, key: &str, wanted: u16) {
    let client = gateway.client().bearer(key);
    until("a key to change", async || (status(&client).await == wanted).then_some(())).await;
}

/// Runs `pathgate key …` beside the running gateway, and gives what it prints to standard output.
async fn key_command(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = gateway.run(&[&["key"], arguments].concat()).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pathgate key {arguments:?}: {error}");
    assert!(!error.contains("pgk_"), "a secret goes to standard output alone: {error}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn keys_are_taken_from_wherever_an_sdk_puts_them() {
    let bench = Bench::start().await;
    let client = bench.gateway.client();
    let carriers = [
        ("authorization", format!("Bearer {KEY}")),
        ("authorization", format!("bearer {KEY}")),
        ("x-api-key", KEY.to_owned()),
        ("api-key", KEY.to_owned()),
        ("x-goog-api-key", KEY.to_owned()),
    ];
    for (path, body) in DOORS {
        for (header, value) in &carriers {
            assert_eq!(
                client.clone().with(header, value).post(path, &body()).await.status,
                200,
                "{path} {header}"
            );
        }
        let query = format!("{path}?alt=sse&key={KEY}");
        assert_eq!(client.post(&query, &body()).await.status, 200, "{query}");
    }
    assert_eq!(client.clone().with("x-api-key", ADMIN_KEY).get("/admin/v1/status").await.status, 200);
}

#[tokio::test]
async fn the_clients_key_never_goes_upstream() {
    let bench = Bench::start().await;
    bench.upstream.always(testkit::upstream::Reply::json(
        200,
        &testkit::shapes::openai::text("ok", testkit::shapes::Tokens::new(1, 1)),
    ));
    let path = format!("/v1/chat/completions?key={KEY}");
    let client = bench.openai().with("x-api-key", KEY).with("api-key", KEY).with("x-goog-api-key", KEY);
    let body = json!({ "model": "house/some", "messages": [{ "role": "user", "content": "Hello" }] });
    assert_eq!(client.post(&path, &body).await.status, 200);
    let seen = bench.upstream.request(0).await;
    let text = format!("{} {:?} {:?}", seen.path, seen.headers, seen.body);
    assert!(!text.contains(KEY), "{text}");
}

#[tokio::test]
async fn without_a_valid_key_each_dialect_says_401_in_its_own_words() {
    let bench = Bench::start().await;
    let client = bench.gateway.client();
    for (path, body) in DOORS {
        let missing = client.post(path, &body()).await;
        assert_refused(missing, path, (401, "authentication_error", "missing_key")).await;
        for key in ["unknown-key-of-nobody", "pgk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0TyBiX"] {
            let wrong = client.clone().bearer(key).post(path, &body()).await;
            assert_refused(wrong, path, (401, "authentication_error", "invalid_key")).await;
        }
    }
    let models = client.get("/v1/models").await;
    assert_refused(models, "/v1/models", (401, "authentication_error", "missing_key")).await;
    let anthropic = client.clone().with("anthropic-version", "2023-06-01").get("/v1/models").await;
    assert_refused(anthropic, "/messages", (401, "authentication_error", "missing_key")).await;
}

#[tokio::test]
async fn keys_of_the_file_are_given_as_hash_variable_or_file() {
    let secrets = tempfile::tempdir().unwrap();
    std::fs::write(secrets.path().join("ci"), "secret-of-a-small-file\n").unwrap();
    let printed = tokio::process::Command::new(env!("CARGO_BIN_EXE_pathgate"))
        .args(["key", "hash", "--new"])
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let [hashed, hash] = printed.lines().collect::<Vec<_>>()[..] else { panic!("{printed}") };
    let setup = Setup::new()
        .key(&format!("{{ name: by-hash, key_hash: \"{hash}\", team: search }}"))
        .key("{ name: by-variable, key: \"${CI_KEY}\" }")
        .key(&format!("{{ name: by-file, key: \"file:{}/ci\" }}", secrets.path().display()));
    let upstream = testkit::upstream::Upstream::start().await;
    let gateway = setup.launch(&upstream).env("CI_KEY", "secret-of-the-environment").start().await;
    let bench = Bench { gateway, upstream };
    let named = [
        ("by-hash", hashed),
        ("by-variable", "secret-of-the-environment"),
        ("by-file", "secret-of-a-small-file"),
    ];
    for (name, secret) in named {
        let answer = bench.gateway.client().bearer(secret).post("/v1/chat/completions", &chat()).await;
        assert_eq!(answer.status, 200, "{name}");
        let kept = bench.kept(&answer).await;
        assert_eq!(kept.request["key_name"], name);
        assert_eq!(kept.attempts[0]["key_name"], name);
    }

    let listed = bench.list("keys", 4).await;
    for key in &listed {
        assert_eq!(key["source"], "file");
        let (id, text) = (key["id"].as_str().unwrap(), key.to_string());
        assert!(named.iter().all(|(_, secret)| !text.contains(secret)) && !text.contains("sha256"), "{text}");
        let path = format!("/admin/v1/keys/{id}");
        for (method, path) in [(Method::DELETE, path.clone()), (Method::POST, format!("{path}/rotate"))] {
            let refused = bench.admin().send(method, &path, bytes::Bytes::new()).await;
            assert_eq!(refused.status, 409, "{path}");
            assert_eq!(refused.json().await["error"]["code"], "read_only");
        }
    }
}

#[tokio::test]
async fn the_command_line_changes_keys_of_a_running_gateway() {
    let bench = Bench::start().await;
    let gateway = &bench.gateway;
    let secret = key_command(
        gateway,
        &["create", "ci", "--team", "search", "--requests", "1000/min", "--expires", "30d"],
    )
    .await;
    assert!(secret.starts_with("pgk_") && secret.len() == 46, "alone on standard output: {secret}");
    becomes(gateway, &secret, 200).await;

    let listed: Value = serde_json::from_str(&key_command(gateway, &["list", "--json"]).await).unwrap();
    let sources = listed.as_array().unwrap().iter().map(|key| key["source"].as_str().unwrap());
    assert_eq!(sources.collect::<Vec<_>>(), ["file", "store"], "{listed}");
    assert!(key_command(gateway, &["list"]).await.lines().any(|line| line.contains(&secret[42..])));

    let rotated = key_command(gateway, &["rotate", "ci"]).await;
    becomes(gateway, &rotated, 200).await;
    assert_eq!(status(&gateway.client().bearer(&secret)).await, 401, "the old secret is refused");

    let id = bench.list("keys", 2).await[1]["id"].as_str().unwrap().to_owned();
    key_command(gateway, &["revoke", &id]).await;
    becomes(gateway, &rotated, 401).await;

    let again = gateway.run(&["key", "rotate", "ci"]).await;
    assert_eq!(again.status.code(), Some(1), "{}", String::from_utf8_lossy(&again.stderr));
    let nobody = gateway.run(&["key", "revoke", "nobody"]).await;
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("`nobody`"));
    let fresh = key_command(gateway, &["create", "ci"]).await;
    becomes(gateway, &fresh, 200).await;
}

#[tokio::test]
async fn another_process_on_the_same_database_learns_of_a_key_within_seconds() {
    let bench = Bench::start().await;
    let (dir, upstream) = (bench.gateway.dir().display().to_string(), bench.upstream.url());
    let yaml = Setup::new().yaml(&upstream).replace(
        "storage: { database: \"sqlite://{dir}/pathgate.db\" }",
        &format!(
            "storage: {{ database: \"sqlite://{dir}/pathgate.db\", spool: {{ dir: \"{{dir}}/own.spool\" }} }}"
        ),
    );
    let other = Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml).start().await;
    let made = bench.admin().post("/admin/v1/keys", &json!({ "name": "shared" })).await.json().await;
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(status(&bench.gateway.client().bearer(secret)).await, 200, "at once where it was made");
    becomes(&other, secret, 200).await;
    let path = format!("/admin/v1/keys/{}", made["key"]["id"].as_str().unwrap());
    assert_eq!(
        other.client().bearer(ADMIN_KEY).send(Method::DELETE, &path, bytes::Bytes::new()).await.status,
        200
    );
    becomes(&bench.gateway, secret, 401).await;
}

#[tokio::test]
async fn the_admin_api_makes_rotates_and_revokes_keys_at_once() {
    let bench = Bench::start().await;
    let (admin, gateway) = (bench.admin(), &bench.gateway);
    let made = admin.post("/admin/v1/keys", &json!({ "name": "app", "team": "search", "app": "web" })).await;
    assert_eq!(made.status, 201);
    let (path, etag) = (made.header("location").to_owned(), made.header("etag").to_owned());
    let secret = made.json().await["secret"].as_str().unwrap().to_owned();
    let answer = gateway.client().bearer(&secret).post("/v1/chat/completions", &chat()).await;
    assert_eq!(answer.status, 200);
    let kept = bench.kept(&answer).await;
    assert_eq!((&kept.request["team"], &kept.request["app"]), (&json!("search"), &json!("web")));
    assert_eq!(kept.request["key"].as_str(), path.rsplit('/').next());

    let taken = admin.post("/admin/v1/keys", &json!({ "name": "app" })).await;
    assert_eq!(taken.status, 409);
    let rotated = admin
        .clone()
        .with("if-match", &etag)
        .send(Method::POST, &format!("{path}/rotate"), bytes::Bytes::new())
        .await;
    assert_eq!(rotated.status, 200);
    let fresh = rotated.json().await["secret"].as_str().unwrap().to_owned();
    assert_eq!(status(&gateway.client().bearer(&secret)).await, 401);
    assert_eq!(status(&gateway.client().bearer(&fresh)).await, 200);

    let stale = admin.clone().with("if-match", &etag).send(Method::DELETE, &path, bytes::Bytes::new()).await;
    assert_eq!(stale.status, 412, "somebody has changed it since");
    assert_eq!(status(&gateway.client().bearer(&fresh)).await, 200);
    let revoked = admin.send(Method::DELETE, &path, bytes::Bytes::new()).await.json().await;
    assert!(revoked["revoked"].is_string(), "{revoked}");
    assert_eq!(status(&gateway.client().bearer(&fresh)).await, 401);
    let shown = admin.get(&path).await.json().await;
    assert_eq!(shown, revoked, "it stays listed, without a secret");
    assert_eq!(admin.get("/admin/v1/keys/key_00000000000070008000000000000000").await.status, 404);
}

#[tokio::test]
async fn stored_keys_outlive_a_restart_and_revoked_ones_stay_dead() {
    let bench = Bench::start().await;
    let make = async |name: &str| {
        let made = bench.admin().post("/admin/v1/keys", &json!({ "name": name })).await.json().await;
        (made["secret"].as_str().unwrap().to_owned(), made["key"]["id"].as_str().unwrap().to_owned())
    };
    let ((alive, _), (dead, id)) = (make("alive").await, make("dead").await);
    let path = format!("/admin/v1/keys/{id}");
    assert_eq!(bench.admin().send(Method::DELETE, &path, bytes::Bytes::new()).await.status, 200);
    let gateway = bench.gateway.restart().await;
    assert_eq!(status(&gateway.client().bearer(&alive)).await, 200);
    assert_eq!(status(&gateway.client().bearer(&dead)).await, 401);
}

#[tokio::test]
async fn a_key_is_refused_from_the_instant_it_expires() {
    let past = "{ name: past, key: key-of-the-past-century, expires: 1999-12-31T00:00:00Z }";
    let bench = Setup::new().key(past).start().await;
    let client = bench.gateway.client().bearer("key-of-the-past-century");
    for (path, body) in DOORS {
        let refused = client.post(path, &body()).await;
        assert_refused(refused, path, (401, "authentication_error", "expired_key")).await;
    }
    let secret = key_command(&bench.gateway, &["create", "brief", "--expires", "2s"]).await;
    becomes(&bench.gateway, &secret, 200).await;
    let client = bench.gateway.client().bearer(&secret);
    let code = until("the key to expire", async || {
        let answer = client.post("/v1/chat/completions", &chat()).await;
        (answer.status == 401).then(|| answer.header("x-pathgate-error").to_owned())
    });
    assert_eq!(code.await, "expired_key");
}

#[tokio::test]
async fn exactly_the_allowed_requests_pass_however_many_come_at_once() {
    let bench = Setup::new()
        .key("{ name: slow, key: key-of-the-slow-team, limits: { requests: 20/day } }")
        .start()
        .await;
    let client = bench.gateway.client().bearer("key-of-the-slow-team");
    let body = chat();
    let answers = join_all((0..60).map(|_| client.post("/v1/chat/completions", &body))).await;
    let mut left = BTreeSet::new();
    for answer in answers {
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "20");
        let reset = answer.header("x-ratelimit-reset-requests");
        assert!(
            reset.contains('h') && reset.contains('m') && reset.ends_with('s'),
            "not as OpenAI writes it: {reset}"
        );
        let remaining: u32 = answer.header("x-ratelimit-remaining-requests").parse().unwrap();
        if answer.status == 200 {
            assert!(left.insert(remaining), "{remaining} twice");
            continue;
        }
        let (seconds, millis): (u64, u64) =
            (answer.header("retry-after").parse().unwrap(), answer.header("retry-after-ms").parse().unwrap());
        // One of 20 a day comes back after 72 minutes.
        assert!((4_200..=4_320).contains(&seconds) && millis.div_ceil(1000) == seconds, "{seconds} {millis}");
        assert_eq!(remaining, 0);
        assert_refused(answer, "/v1/chat/completions", (429, "rate_limit_error", "rate_limited")).await;
    }
    assert_eq!(left, (0..20).collect(), "each of the allowed requests once");
    for (path, body) in DOORS {
        let refused = client.post(path, &body()).await;
        assert!(!refused.header("retry-after").is_empty());
        assert_refused(refused, path, (429, "rate_limit_error", "rate_limited")).await;
    }
    assert_eq!(status(&bench.openai()).await, 200, "other keys have limits of their own");
}

#[tokio::test]
async fn a_key_names_only_the_models_it_may() {
    let bench = Setup::new()
        .key("{ name: few, key: key-of-the-few-models, models: [fast, \"demo/*\"] }")
        .section("models:\n  fast: { route: { targets: [{ to: demo/echo }] } }\n  slow: { route: { targets: [{ to: demo/echo }] } }")
        .start()
        .await;
    let client = bench.gateway.client().bearer("key-of-the-few-models");
    let ask = |model: &str| json!({ "model": model, "max_tokens": 9, "messages": [{ "role": "user", "content": "x" }] });
    for path in ["/v1/chat/completions", "/v1/messages"] {
        for model in ["fast", "demo/echo"] {
            assert_eq!(client.post(path, &ask(model)).await.status, 200, "{path} {model}");
        }
        for model in ["slow", "house/some"] {
            let refused = client.post(path, &ask(model)).await;
            assert_refused(refused, path, (403, "permission_error", "model_forbidden")).await;
        }
    }
    assert_eq!(bench.upstream.seen().len(), 0);
    let models = client.get("/v1/models").await.json().await;
    let names: Vec<_> =
        models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(names.contains(&"fast") && names.contains(&"demo/echo"), "{names:?}");
    assert!(names.iter().all(|name| *name == "fast" || name.starts_with("demo/")), "{names:?}");
    assert_eq!(client.get("/v1/models/fast").await.status, 200);
    assert_eq!(client.get("/v1/models/slow").await.status, 404);
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_say() {
    let bench = Setup::new()
        .key("{ name: reader, key: key-of-the-reader-only, scopes: [admin_read] }")
        .key("{ name: writer, key: key-of-the-writer-only, scopes: [admin_write] }")
        .start()
        .await;
    let new = json!({ "name": "made" });
    for (key, read, write, infer) in [
        (KEY, 403, 403, 200),
        ("key-of-the-reader-only", 200, 403, 403),
        ("key-of-the-writer-only", 403, 201, 403),
        (ADMIN_KEY, 200, 409, 200),
    ] {
        let client = bench.gateway.client().bearer(key);
        assert_eq!(client.get("/admin/v1/requests").await.status, read, "{key}");
        assert_eq!(client.post("/admin/v1/keys", &new).await.status, write, "{key}");
        assert_eq!(status(&client).await, infer, "{key}");
    }
    let refused =
        bench.gateway.client().bearer("key-of-the-reader-only").post("/v1/messages", &message()).await;
    assert_refused(refused, "/v1/messages", (403, "permission_error", "insufficient_scope")).await;
}
