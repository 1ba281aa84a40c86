//! Lists, filters and single entries.

use contract::ports::{KeySource, LedgerFilter, LogFilter, PageRequest};
use contract::words::{IdKind, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::Reload;
use crate::tests::fakes::{NOW, entry, key, line};

#[tokio::test]
async fn lists_come_in_pages() {
    let api = api();
    let names: Vec<_> = (0..5).map(|at| format!("k{at}")).collect();
    api.fakes.keys.lock().unwrap().extend(names.iter().map(|name| key(name, KeySource::Store)));
    for (path, field, expected) in [
        ("/admin/v1/keys", "name", names.iter().map(String::as_str).collect::<Vec<_>>()),
        ("/admin/v1/models", "name", vec!["claude/haiku", "demo/echo", "fast", "openai/gpt-5"]),
        ("/admin/v1/providers", "deployment", vec!["house/org/model", "openai/gpt-5"]),
    ] {
        for limit in [1, 2, 3, 1000] {
            let (mut seen, mut query) = (Vec::new(), format!("limit={limit}"));
            loop {
                let page = api.get(&format!("{path}?{query}")).await;
                let items = page.body["items"].as_array().unwrap();
                assert!(items.len() <= limit, "{path}");
                seen.extend(items.iter().map(|item| item[field].as_str().unwrap().to_owned()));
                let Some(next) = page.body["next"].as_str() else { break };
                query = format!("limit={limit}&cursor={}", next.replace('/', "%2F"));
            }
            assert_eq!(seen, expected, "{path} in pages of {limit}");
        }
    }
    let bad = api.get("/admin/v1/keys?cursor=made-up").await;
    assert_eq!((bad.status.as_u16(), bad.param()), (400, Some("cursor")));
}

#[tokio::test]
async fn filters_reach_the_log() {
    let api = api();
    let id = Id::new(IdKind::Key);
    let path = format!(
        "/admin/v1/requests?since=2023-11-14T22:13:20Z&until=2023-11-14T23:13:20.5%2B01:00&key={id}\
         &model=openai%2Fgpt%205&status=429&outcome=client_gone&cursor=0&limit=7"
    );
    assert_eq!(api.get(&path).await.status, 200);
    let (filter, page) = api.fakes.log_asked.lock().unwrap().take().unwrap();
    assert_eq!(
        filter,
        LogFilter {
            since: Some(NOW),
            until: Some(Timestamp(NOW.0 + 500_000)),
            key: Some(id),
            model: Some("openai/gpt 5".into()),
            status: Some(429),
            outcome: Some("client_gone".into()),
        }
    );
    assert_eq!(page, PageRequest { cursor: Some("0".into()), limit: 7 });

    assert_eq!(api.get("/admin/v1/requests").await.status, 200);
    let (filter, page) = api.fakes.log_asked.lock().unwrap().take().unwrap();
    assert_eq!((filter, page), (LogFilter::default(), PageRequest { cursor: None, limit: 100 }));
}

#[tokio::test]
async fn filters_reach_the_ledger() {
    let api = api();
    let (key, request) = (Id::new(IdKind::Key), Id::new(IdKind::Request));
    let path = format!(
        "/admin/v1/ledger?since=2023-11-14T22:13:20Z&until=2023-11-14T22:13:20Z&key={key}&request={request}\
         &provider=openai&deployment=openai/gpt-5"
    );
    assert_eq!(api.get(&path).await.status, 200);
    let (filter, _) = api.fakes.ledger_asked.lock().unwrap().take().unwrap();
    assert_eq!(
        filter,
        LedgerFilter {
            since: Some(NOW),
            until: Some(NOW),
            key: Some(key),
            request: Some(request),
            provider: Some("openai".into()),
            deployment: Some("openai/gpt-5".into()),
        }
    );
}

#[tokio::test]
async fn wrong_parameters_are_named_with_the_form_wanted() {
    let api = api();
    for (query, param, says) in [
        ("requests?since=yesterday", "since", "RFC 3339"),
        ("requests?until=2023-11-14", "until", "RFC 3339"),
        ("requests?key=ci", "key", "key_"),
        ("requests?key=req_0190a5d27c8b7f3e9a4b5c6d7e8f9a0b", "key", "key_"),
        ("requests?status=99", "status", "100 to 599"),
        ("requests?status=ok", "status", "100 to 599"),
        ("requests?outcome=bad", "outcome", "client_gone"),
        ("requests?model=", "model", "not empty"),
        ("requests?limit=0", "limit", "1 to 1000"),
        ("requests?limit=1001", "limit", "1 to 1000"),
        ("requests?limit=-1", "limit", "1 to 1000"),
        ("requests?limit=1&limit=2", "limit", "more than once"),
        ("requests?modle=fast", "modle", "since, until, key, model, status, outcome, cursor, limit"),
        ("ledger?request=x", "request", "req_"),
        ("ledger?outcome=answered", "outcome", "provider"),
        ("keys?name=x", "name", "cursor, limit"),
    ] {
        let refused = api.get(&format!("/admin/v1/{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.param()), (400, Some(param)), "{query}");
        assert!(refused.message().contains(says), "{query}: {}", refused.message());
    }
}

#[tokio::test]
async fn one_request_comes_with_its_attempts_and_bodies() {
    let api = api();
    let (mine, other) = (entry("fast"), entry("slow"));
    let path = format!("/admin/v1/requests/{}", mine.id);
    let lines = [line(mine.id, 2, Some(125_000)), line(other.id, 1, None), line(mine.id, 1, None)];
    api.fakes.lines.lock().unwrap().extend(lines);
    api.fakes.requests.lock().unwrap().extend([mine, other]);
    let found = api.get(&path).await;
    assert_eq!(found.body["request"]["cost_usd"], "0.000125");
    assert_eq!(found.body["request"]["tags"], json!([{ "name": "env", "value": "prod" }]));
    assert_eq!(found.body["request_body"], "{\"asked\":1}");
    let numbers: Vec<_> =
        found.body["attempts"].as_array().unwrap().iter().map(|line| &line["number"]).collect();
    assert_eq!(numbers, [1, 2]);

    let list = api.get("/admin/v1/requests").await;
    assert_eq!(list.body["items"][0], found.body["request"]);
    assert!(!list.body.to_string().contains("asked"), "a list shows no bodies");
    for id in [Id::new(IdKind::Request).to_string(), "req_1".into()] {
        assert_eq!(api.get(&format!("/admin/v1/requests/{id}")).await.status, 404);
    }
}

#[tokio::test]
async fn an_unknown_price_is_null_and_says_so() {
    let api = api();
    let request = Id::new(IdKind::Request);
    let lines = [line(request, 1, None), line(request, 2, Some(0)), line(request, 3, Some(1_500_000_000))];
    api.fakes.lines.lock().unwrap().extend(lines);
    let list = api.get("/admin/v1/ledger").await;
    let costs: Vec<_> = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!([item["cost_nano_usd"], item["cost_usd"], item["cost_kind"]]))
        .collect();
    assert_eq!(
        costs,
        [
            json!([null, null, "unknown_price"]),
            json!([0, "0", "exact"]),
            json!([1_500_000_000, "1.5", "exact"])
        ]
    );
}

#[tokio::test]
async fn models_health_and_status_are_shown() {
    let api = api();
    let models = api.get("/admin/v1/models").await;
    assert_eq!(models.body["items"][0]["operations"], json!(["chat"]));
    assert_eq!(models.body["items"][0]["capabilities"]["tools"], true);
    let price = &models.body["items"][0]["price"];
    assert_eq!((&price["version"], &price["base"]["input"]), (&json!("2026-06-30"), &json!("1.25")));
    assert_eq!((&price["base"]["cached"], &price["base"]["search"]), (&json!("0.125"), &Value::Null));
    assert_eq!(price["above"][0]["input_tokens"], 272_000);
    assert_eq!(
        (&price["tiers"][0]["name"], &price["tiers"][0]["base"]["input"]),
        (&json!("flex"), &json!("0.625"))
    );
    assert!(models.body["items"][2]["price"].is_null());
    let health = api.get("/admin/v1/providers").await;
    assert_eq!(health.body["items"][0]["provider"], "house");
    assert_eq!(health.body["items"][1]["last_error"], "upstream_timeout");

    assert!(api.get("/admin/v1/status").await.body["reload"].is_null());
    *api.fakes.reload.lock().unwrap() = Some(Reload { at: NOW, error: Some("keys[0]: no".into()) });
    let status = api.get("/admin/v1/status").await;
    assert_eq!(status.body["snapshot"], 3);
    assert_eq!(status.body["reload"]["taken"], false);
}
