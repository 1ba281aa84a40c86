//! Lists of models: pages in each dialect's own words, and what is said of models that write nothing.

use serde_json::{Value, json};
use testkit::client::Client;

use crate::setup::{Bench, KEY, Setup};

async fn bench() -> Bench {
    let section = "models:\n  one: { route: { targets: [{ to: house/some }] } }\n  \
         vectors: { route: { targets: [{ to: openai/text-embedding-3-small }] } }";
    Setup::new().section(section).start().await
}

fn google(bench: &Bench) -> Client {
    bench.gateway.client().with("x-goog-api-key", KEY)
}

fn names(list: &Value) -> Vec<String> {
    let entries = list.get("data").unwrap_or(&list["models"]).as_array().unwrap();
    entries.iter().map(|it| it.get("id").unwrap_or(&it["name"]).as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_of_models_has_pages() {
    let bench = bench().await;
    let all = names(&bench.anthropic().get("/v1/models").await.json().await);
    assert!(all.len() > 5, "{all:?}");
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = bench.anthropic().get(&format!("/v1/models?limit=2{after}")).await.json().await;
        seen.extend(names(&page));
        if page["has_more"] != true {
            break;
        }
        after = format!("&after_id={}", page["last_id"].as_str().unwrap().replace('/', "%2F"));
    }
    assert_eq!(seen, all);
    let (mut seen, mut token) = (0, String::new());
    loop {
        let page = google(&bench).get(&format!("/v1beta/models?pageSize=2{token}")).await.json().await;
        seen += names(&page).len();
        let Some(next) = page["nextPageToken"].as_str() else { break };
        token = format!("&pageToken={next}");
    }
    assert_eq!(seen, all.len());
    assert_eq!(names(&bench.openai().get("/v1/models?limit=2").await.json().await).len(), all.len());
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_in_the_words_of_the_dialect() {
    let bench = bench().await;
    let answer = bench.anthropic().get("/v1/models?limit=0").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json().await["error"]["type"], "invalid_request_error");
    let answer = google(&bench).get("/v1beta/models?pageSize=-1").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json().await["error"]["status"], "INVALID_ARGUMENT");
}

#[tokio::test]
async fn a_model_that_makes_vectors_writes_nothing() {
    let bench = bench().await;
    let model = bench.openai().get("/v1/models/vectors").await.json().await;
    assert_eq!((&model["operations"], model.get("max_output")), (&json!(["embeddings"]), None), "{model}");
    assert!(model["context_window"].as_u64().is_some(), "{model}");
}
