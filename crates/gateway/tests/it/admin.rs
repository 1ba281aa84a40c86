//! The admin API over what real requests left behind: lists with filters and pages, one request, health, the document.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::shapes::{Tokens, openai};
use testkit::upstream::Reply;

use crate::setup::{Bench, KEY, Setup, until};

fn ask(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] })
}

/// Every page of a list, with this many entries on each.
async fn pages(bench: &Bench, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let mark = if path.contains('?') { '&' } else { '?' };
        let page = bench.admin().get(&format!("{path}{mark}limit={limit}{cursor}")).await.json().await;
        let more = page["items"].as_array().expect("items");
        assert!(more.len() <= limit, "{path}: {} entries", more.len());
        items.extend(more.iter().cloned());
        match page["next"].as_str() {
            Some(next) => {
                assert_eq!(more.len(), limit, "{path}: only the last page is short");
                assert!(!next.contains(['+', '/', '=', '&', '%', ' ']), "a cursor needs no escaping: {next}");
                cursor = format!("&cursor={next}");
            }
            None => return items,
        }
    }
}

fn ids<'v>(items: &'v [Value], field: &str) -> Vec<&'v str> {
    items.iter().map(|item| item[field].as_str().expect("an id")).collect()
}

/// 140 requests of two keys: answered, failed after two attempts, refused.
async fn busy_bench() -> Bench {
    let bench = Setup::new()
        .key("{ name: other, key: key-of-the-other-team, team: other }")
        .section("models:\n  shaky: { route: { targets: [{ to: house/some }], retry: { base: 1ms } } }")
        .start()
        .await;
    bench.upstream.always(Reply::text(500, "text/plain", "out of order"));
    let other = bench.gateway.client().bearer("key-of-the-other-team");
    for round in 0..20 {
        for _ in 0..4 {
            assert_eq!(bench.openai().post("/v1/chat/completions", &ask("demo/echo")).await.status, 200);
        }
        assert_eq!(other.post("/v1/chat/completions", &ask("demo/echo")).await.status, 200);
        assert_eq!(other.post("/v1/chat/completions", &ask("shaky")).await.status, 500, "round {round}");
        assert_eq!(bench.openai().post("/v1/chat/completions", &ask("no/such")).await.status, 404);
    }
    bench.list("requests", 140).await;
    bench
}

/// A list with a filter, how many entries it has, and what holds for each.
type Filter<'a> = (&'a str, usize, fn(&Value) -> bool);

#[tokio::test]
async fn lists_are_paged_without_gaps_or_repeats_and_filtered() {
    let bench = busy_bench().await;
    let all = pages(&bench, "/admin/v1/requests", 1000).await;
    assert_eq!(all.len(), 140);
    let order = ids(&all, "id");
    assert!(
        order.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first: ids begin with the time of arrival"
    );
    assert!(all[0]["at"].as_str() > all[139]["at"].as_str());
    for limit in [1, 7, 70, 140] {
        assert_eq!(pages(&bench, "/admin/v1/requests", limit).await, all, "{limit} on each page");
    }

    let keys = bench.list("keys", 2).await;
    let other = keys.iter().find(|key| key["name"] == "other").unwrap()["id"].as_str().unwrap().to_owned();
    let middle = all[70]["at"].as_str().unwrap().to_owned();
    let by_other = format!("/admin/v1/requests?key={other}");
    let from = format!("/admin/v1/requests?since={middle}");
    let until = format!("/admin/v1/requests?until={middle}");
    let both = format!("/admin/v1/requests?key={other}&outcome=answered&status=200&model=demo/echo");
    let filters: [Filter<'_>; 7] = [
        ("/admin/v1/requests?outcome=answered", 100, |item| item["outcome"] == "answered"),
        ("/admin/v1/requests?outcome=failed", 20, |item| item["attempts"] == 2 && item["model"] == "shaky"),
        ("/admin/v1/requests?outcome=refused", 20, |item| item["error"] == "model_not_found"),
        ("/admin/v1/requests?status=500", 20, |item| item["status"] == 500),
        ("/admin/v1/requests?model=demo/echo", 100, |item| item["deployment"] == "demo/echo"),
        (&by_other, 40, |item| item["key_name"] == "other" && item["team"] == "other"),
        (&both, 20, |item| item["key_name"] == "other" && item["status"] == 200),
    ];
    for (path, count, holds) in filters {
        let found = pages(&bench, path, 9).await;
        assert_eq!(found.len(), count, "{path}");
        assert!(found.iter().all(holds), "{path}");
    }
    let (after, before) = (pages(&bench, &from, 9).await, pages(&bench, &until, 9).await);
    assert!(after.iter().all(|item| item["at"].as_str() >= Some(&middle)), "since is included");
    assert!(before.iter().all(|item| item["at"].as_str() < Some(&middle)), "until is not");
    let both: HashSet<_> = ids(&after, "id").into_iter().chain(ids(&before, "id")).collect();
    assert_eq!((both.len(), after.len() + before.len()), (140, 140));
}

#[tokio::test]
async fn keys_of_the_file_and_of_the_database_are_one_list() {
    let bench = Setup::new().key("{ name: second, key: the-second-key-of-file }").start().await;
    for number in 0..5 {
        let made = bench.admin().post("/admin/v1/keys", &json!({ "name": format!("stored-{number}") })).await;
        assert_eq!(made.status, 201);
    }
    let all = pages(&bench, "/admin/v1/keys", 1000).await;
    let names = ids(&all, "name");
    assert_eq!(names, ["tests", "second", "stored-0", "stored-1", "stored-2", "stored-3", "stored-4"]);
    for limit in [1, 2, 3, 7] {
        assert_eq!(pages(&bench, "/admin/v1/keys", limit).await, all, "{limit} on each page");
    }
}

#[tokio::test]
async fn the_ledger_has_each_attempt_once_and_its_own_filters() {
    let bench = busy_bench().await;
    let all = pages(&bench, "/admin/v1/ledger", 13).await;
    assert_eq!(all.len(), 140, "100 answered at once, 20 tried twice");
    assert_eq!(ids(&all, "id").into_iter().collect::<HashSet<_>>().len(), all.len());
    let house = pages(&bench, "/admin/v1/ledger?provider=house", 1000).await;
    assert_eq!(house, pages(&bench, "/admin/v1/ledger?deployment=house/some", 6).await);
    assert_eq!(house.len(), 40);
    for line in &house {
        assert_eq!(
            (&line["outcome"], &line["error"]),
            (&json!("failed"), &json!("upstream_error")),
            "{line}"
        );
        assert_eq!((&line["status"], &line["cost_kind"]), (&json!(500), &json!("nothing")), "{line}");
    }
    let request = house[0]["request"].as_str().unwrap();
    let of_one = pages(&bench, &format!("/admin/v1/ledger?request={request}"), 1000).await;
    let numbers: Vec<_> = of_one.iter().map(|line| line["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 1], "newest first");
    let detail = bench.admin().get(&format!("/admin/v1/requests/{request}")).await.json().await;
    assert_eq!(ids(detail["attempts"].as_array().unwrap(), "id"), [&of_one[1]["id"], &of_one[0]["id"]]);
}

#[tokio::test]
async fn entries_that_come_in_meanwhile_move_no_page() {
    let bench = Bench::start().await;
    for _ in 0..12 {
        assert_eq!(bench.openai().post("/v1/chat/completions", &ask("demo/echo")).await.status, 200);
    }
    let before = bench.list("requests", 12).await;
    let first = bench.admin().get("/admin/v1/requests?limit=6").await.json().await;
    for _ in 0..5 {
        assert_eq!(bench.openai().post("/v1/chat/completions", &ask("demo/echo")).await.status, 200);
    }
    bench.list("requests", 17).await;
    let next = first["next"].as_str().unwrap();
    let second = bench.admin().get(&format!("/admin/v1/requests?limit=6&cursor={next}")).await.json().await;
    let seen =
        [first["items"].as_array().unwrap().clone(), second["items"].as_array().unwrap().clone()].concat();
    assert_eq!(seen, before);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_and_say_why() {
    let bench = Bench::start().await;
    let admin = bench.admin();
    for (path, param) in [
        ("/admin/v1/requests?limit=0", "limit"),
        ("/admin/v1/requests?limit=1001", "limit"),
        ("/admin/v1/requests?cursor=nonsense", "cursor"),
        ("/admin/v1/requests?outcome=maybe", "outcome"),
        ("/admin/v1/requests?since=yesterday", "since"),
        ("/admin/v1/requests?colour=red", "colour"),
        ("/admin/v1/ledger?key=req_00000000000070008000000000000000", "key"),
    ] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        let id = answer.header("x-pathgate-request-id").to_owned();
        let body = answer.json().await;
        assert_eq!(body["error"]["param"], param, "{path}: {body}");
        assert_eq!(body["error"]["code"], "invalid_request", "{path}");
        assert_eq!(body["error"]["request_id"].as_str(), Some(&*id), "{path}");
    }
    let plain = admin.clone().with("content-type", "text/plain");
    for (answer, status) in [
        (admin.get("/admin/v1/nothing").await, 404),
        (admin.get("/admin/v1/requests/req_00000000000070008000000000000000").await, 404),
        (admin.send(Method::PUT, "/admin/v1/keys", Bytes::new()).await, 405),
        (plain.send(Method::POST, "/admin/v1/keys", "{}".into()).await, 415),
        (admin.post("/admin/v1/keys", &json!({ "nmae": "typo" })).await, 400),
        (admin.post("/admin/v1/keys", &json!({ "name": "x", "limits": { "requests": "many" } })).await, 400),
        (admin.send(Method::POST, "/admin/v1/keys", vec![b' '; 2 << 20].into()).await, 413),
    ] {
        let got = answer.status;
        assert_eq!(got, status, "{}", answer.text().await);
    }
    assert_eq!(bench.gateway.client().get("/admin/v1/requests").await.status, 401);
}

#[tokio::test]
async fn the_document_describes_what_is_served() {
    let bench = Bench::start().await;
    let client = bench.gateway.client();
    let answer = client.get("/admin/v1/openapi.json").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let served = answer.json().await;
    let printed = bench.gateway.run(&["schema", "openapi"]).await.stdout;
    assert_eq!(served, serde_json::from_slice::<Value>(&printed).unwrap(), "the same as the program prints");
    assert!(served["openapi"].as_str().unwrap().starts_with("3."));

    let paths = served["paths"].as_object().unwrap();
    assert!(paths.len() >= 9, "{:?}", paths.keys());
    for (path, operations) in paths {
        let path = path.replace("{id}", "key_00000000000070008000000000000000");
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = client.send(method.clone(), &path, Bytes::new()).await;
            let wanted = if path.ends_with("openapi.json") { 200 } else { 401 };
            assert_eq!(answer.status, wanted, "{method} {path} is served, and only with a key");
        }
    }
}

#[tokio::test]
async fn health_tells_how_each_deployment_has_been_doing() {
    let setup = Setup::new().section(
        "models:\n  shaky: { route: { targets: [{ to: house/some }], fallback: [openai/some], retry: { base: 1ms } } }",
    );
    let bench = setup.start().await;
    bench.upstream.always_with(|exchange| match exchange.path.starts_with("/house") {
        true => Reply::text(503, "text/plain", "too much to do"),
        false => Reply::json(200, &openai::text("Hello", Tokens::new(3, 2))),
    });
    let health = async || {
        let items = pages(&bench, "/admin/v1/providers", 1000).await;
        items
            .into_iter()
            .map(|item| (item["deployment"].as_str().unwrap().to_owned(), item))
            .collect::<BTreeMap<_, _>>()
    };
    for _ in 0..3 {
        assert_eq!(bench.openai().post("/v1/chat/completions", &ask("shaky")).await.status, 200);
    }
    let seen = health().await;
    let house = &seen["house/some"];
    assert_eq!(
        (&house["provider"], &house["attempts"], &house["failures"]),
        (&json!("house"), &json!(6), &json!(6))
    );
    assert_eq!(
        (&house["consecutive_failures"], &house["last_error"]),
        (&json!(6), &json!("upstream_overloaded"))
    );
    let well = &seen["openai/some"];
    assert_eq!(
        (&well["attempts"], &well["failures"], &well["consecutive_failures"]),
        (&json!(3), &json!(0), &json!(0))
    );
    assert!(well["first_byte_us"].as_u64().unwrap() > 0 && well["last_error"].is_null(), "{well}");

    bench.upstream.always(Reply::json(200, &openai::text("Hello", Tokens::new(3, 2))));
    assert_eq!(bench.openai().post("/v1/chat/completions", &ask("shaky")).await.status, 200);
    let house = &health().await["house/some"];
    assert_eq!(
        (&house["attempts"], &house["failures"], &house["consecutive_failures"]),
        (&json!(7), &json!(6), &json!(0))
    );
}

#[tokio::test]
async fn the_list_of_models_is_that_of_the_clients() {
    let bench = Setup::new()
        .section("models:\n  fast: { route: { targets: [{ to: claude/claude-haiku-4-5 }] } }")
        .start()
        .await;
    let shown = pages(&bench, "/admin/v1/models", 50).await;
    let listed = bench.openai().get("/v1/models").await.json().await;
    let mut listed: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    listed.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    assert_eq!(shown.iter().map(|model| model["name"].clone()).collect::<Vec<_>>(), listed);
    let fast = shown.iter().find(|model| model["name"] == "fast").unwrap();
    assert_eq!(fast["operations"], json!(["chat"]), "{fast}");
    assert!(fast["context_window"].as_u64() > Some(0) && fast["capabilities"]["tools"] == true, "{fast}");
}

#[tokio::test]
async fn bodies_are_kept_only_when_asked_for_and_only_so_much_of_them() {
    let secret = "what a user wrote";
    let body =
        json!({ "model": "demo/echo", "messages": [{ "role": "user", "content": secret.repeat(50) }] });
    let streamed = {
        let mut body = body.clone();
        body["stream"] = true.into();
        body
    };
    let detail = async |bench: &Bench, body: &Value| {
        let answer = bench.openai().post("/v1/chat/completions", body).await;
        let id = answer.header("x-pathgate-request-id").to_owned();
        assert!(answer.text().await.contains("what"));
        let path = format!("/admin/v1/requests/{id}");
        until("the entry", async || {
            let answer = bench.admin().get(&path).await;
            if answer.status == 200 { Some(answer.json().await) } else { None }
        })
        .await
    };

    let quiet = Bench::start().await;
    for body in [&body, &streamed] {
        let kept = detail(&quiet, body).await;
        assert_eq!((&kept["request_body"], &kept["response_body"]), (&Value::Null, &Value::Null));
    }
    for file in std::fs::read_dir(quiet.gateway.dir()).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "what a user wrote is in {}", file.display());
    }

    let bench = Setup::new().section("telemetry: { bodies: { log: true, max: 300B } }").start().await;
    for body in [&body, &streamed] {
        let kept = detail(&bench, body).await;
        let request = kept["request_body"].as_str().unwrap();
        assert_eq!(request, &body.to_string()[..300]);
        let response = kept["response_body"].as_str().unwrap();
        assert!(response.len() <= 300 && response.contains("chat.completion"), "{response}");
        assert!(!kept.to_string().contains(KEY));
    }
}
