//! Answers that clients may refer to: what both stores must do, and what outlives the process.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod sample;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::ports::{Clock, Making, ResponseStore, StoredResponse, Tenant};
use contract::words::{Id, IdKind, Principal, Timestamp};
use serde_json::json;
use storage::{StorageConfig, Stores};
use testkit::clock::VirtualClock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

fn tenant(key: u8) -> Tenant {
    Tenant::of(&Principal {
        key: Some(Id::from_parts(IdKind::Key, [key; 16])),
        name: "ci".into(),
        org: "default".into(),
        team: None,
        app: None,
        scopes: Vec::new(),
        models: Vec::new(),
        requests: None,
        expires: None,
    })
}

fn response(tenant: &Tenant, id: &str, body: &'static str) -> StoredResponse {
    StoredResponse {
        id: id.into(),
        tenant: tenant.clone(),
        created: Timestamp(5),
        until: Timestamp(100),
        previous: Some("resp_0".into()),
        deployment: Some("openai/gpt".into()),
        native: true,
        input: Bytes::from_static(b"[1]"),
        body: Bytes::from_static(body.as_bytes()),
        making: None,
    }
}

struct Opened {
    responses: Arc<dyn ResponseStore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

fn opened(stores: &Stores) -> Opened {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::at(Timestamp(0)));
    Opened { responses: stores.responses(clock, &tasks, stop.clone()), tasks, stop }
}

impl Opened {
    async fn find(&self, tenant: &Tenant, id: &str, now: i64) -> Option<StoredResponse> {
        self.responses.find(tenant, id, Timestamp(now)).await.unwrap()
    }

    async fn is_known(&self, id: &str, now: i64) -> bool {
        self.responses.is_known(id, Timestamp(now)).await.unwrap()
    }

    async fn remove(&self, tenant: &Tenant, id: &str) -> bool {
        self.responses.remove(tenant, id).await.unwrap()
    }

    async fn closed(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn file(dir: &tempfile::TempDir) -> Stores {
    let database = format!("sqlite://{}", dir.path().join("test.db").display());
    storage::open(&StorageConfig { database, ..StorageConfig::default() }).await.unwrap()
}

async fn keeps_apart_replaces_and_forgets(store: &Opened) {
    let (one, other) = (tenant(1), tenant(2));
    store.responses.keep(response(&one, "resp_1", "first"));
    assert_eq!(store.find(&one, "resp_1", 99).await, Some(response(&one, "resp_1", "first")));
    assert_eq!(store.find(&one, "resp_1", 100).await, None, "it has come to its end");
    assert_eq!(store.find(&other, "resp_1", 99).await, None);
    let last = Timestamp(99).plus(Duration::from_secs(60 * 24 * 3_600)).0;
    assert!(store.is_known("resp_1", 100).await && store.is_known("resp_1", last).await);
    assert!(!store.is_known("resp_1", last + 1).await && !store.is_known("resp_2", 99).await);

    store.responses.keep(response(&one, "resp_1", "second"));
    store.responses.keep(response(&other, "resp_1", "of another"));
    assert_eq!(store.find(&one, "resp_1", 99).await.unwrap().body, "second");
    assert_eq!(store.find(&other, "resp_1", 99).await.unwrap().body, "of another");

    assert!(store.remove(&one, "resp_1").await && !store.remove(&one, "resp_1").await);
    assert_eq!(store.find(&one, "resp_1", 99).await, None);
    assert_eq!(store.find(&other, "resp_1", 99).await.unwrap().body, "of another");
    let plain = StoredResponse { native: false, ..response(&one, "resp_2", "made here") };
    store.responses.secure(plain).await;
    assert!(store.is_known("resp_2", 99).await && !store.is_known("resp_2", 100).await);
    assert!(store.remove(&one, "resp_2").await && !store.is_known("resp_2", 99).await);
}

async fn tells_who_has_an_item(store: &Opened) {
    let (one, other) = (tenant(1), tenant(2));
    let ours = "msg_0198c0de00007000800000000000abcd_pg0";
    let with = |tenant: &Tenant, id: &str, items: &[&str]| StoredResponse {
        body: json!({ "output": items.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() })
            .to_string()
            .into(),
        ..response(tenant, id, "")
    };
    let holders = async |tenant: &Tenant, now| {
        let items = ["msg_1", "rs_1", "msg_2", ours].map(str::to_owned);
        let mut found = store.responses.holders(tenant, &items, Timestamp(now)).await.unwrap();
        found.sort();
        found.into_iter().map(|(item, id)| (item, id.map(|id| id.to_string()))).collect::<Vec<_>>()
    };
    let item = |id: &str, response: Option<&str>| (id.to_owned(), response.map(str::to_owned));
    for response in [
        with(&one, "resp_i1", &["rs_1", "msg_1"]),
        // Its own id tells whose it is.
        with(&one, "resp_0198c0de00007000800000000000abcd", &[ours]),
        with(&other, "resp_i2", &["msg_2"]),
        // An answer that is replaced is found by what it holds now.
        with(&one, "resp_i1", &["rs_1", "msg_1"]),
    ] {
        store.responses.entrust(response).await.unwrap();
    }
    let (mine, theirs) = (Some("resp_i1"), Some("resp_i2"));
    assert_eq!(holders(&one, 9).await, [item("msg_1", mine), item("msg_2", None), item("rs_1", mine)]);
    assert_eq!(holders(&other, 9).await, [item("msg_1", None), item("msg_2", theirs), item("rs_1", None)]);
    store.remove(&one, "resp_i1").await;
    // The name of what its provider keeps may be remembered, but nobody has it any more.
    assert!(holders(&one, 9).await.iter().all(|(_, response)| response.is_none()));
    assert!(holders(&other, 9).await.iter().all(|(item, response)| response.is_some() == (item == "msg_2")));
}

/// Made by this instance, which has it until then.
fn made_by(owner: &str, lease: i64, id: &str) -> StoredResponse {
    let making =
        Making { owner: owner.into(), lease: Timestamp(lease), entries: Arc::new(sample::entries(1)) };
    StoredResponse { making: Some(making), ..response(&tenant(1), id, "queued") }
}

async fn goes_from_who_is_gone_to_who_asks(store: &Opened) {
    let responses = &store.responses;
    for response in [made_by("a", 10, "resp_1"), made_by("b", 10, "resp_2"), made_by("b", 90, "resp_3")] {
        responses.entrust(response).await.unwrap();
    }
    let name = |id: &str| (tenant(1), Arc::<str>::from(id));
    // What somebody else makes, and what is not named, has the lease it had.
    responses.renew("a", &[name("resp_1"), name("resp_2")], Timestamp(50)).await.unwrap();
    responses.renew("b", &[name("resp_3")], Timestamp(90)).await.unwrap();
    let claim = async |who: &str, now| {
        let claimed = responses.claim(&who.into(), Timestamp(now), Timestamp(now + 9)).await.unwrap();
        claimed.iter().map(|response| response.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(claim("c", 9).await, Vec::<String>::new());
    assert_eq!(claim("c", 10).await, ["resp_2"]);
    assert_eq!(claim("d", 10).await, Vec::<String>::new(), "it is taken");
    let expected = made_by("c", 19, "resp_2");
    assert_eq!(store.find(&tenant(1), "resp_2", 9).await, Some(expected));
    // Whoever gives away what it makes has it no more, and what is over is nobody's.
    responses.give_away("c", Timestamp(0)).await.unwrap();
    assert_eq!(claim("d", 10).await, ["resp_2"]);
    responses.keep(StoredResponse { making: None, ..made_by("d", 0, "resp_2") });
    responses.give_away("b", Timestamp(0)).await.unwrap();
    assert_eq!(claim("d", 49).await, ["resp_3"]);
}

#[tokio::test]
async fn memory_gives_what_is_made_from_who_is_gone_to_who_asks() {
    goes_from_who_is_gone_to_who_asks(&opened(&Stores::memory())).await;
}

#[tokio::test]
async fn sqlite_does_so_too_and_others_find_it() {
    let dir = tempfile::tempdir().unwrap();
    let one = opened(&file(&dir).await);
    goes_from_who_is_gone_to_who_asks(&one).await;
    let other = opened(&file(&dir).await);
    assert_eq!(other.find(&tenant(1), "resp_1", 9).await, Some(made_by("a", 50, "resp_1")));
    assert_eq!(other.find(&tenant(1), "resp_3", 9).await, Some(made_by("d", 58, "resp_3")));
    let claimed = other.responses.claim(&"e".into(), Timestamp(200), Timestamp(300)).await.unwrap();
    assert_eq!(claimed.len(), 2, "those that have come to their end are settled all the same");
    one.closed().await;
    other.closed().await;
}

#[tokio::test]
async fn memory_keeps_tenants_apart_replaces_and_forgets() {
    let store = opened(&Stores::memory());
    keeps_apart_replaces_and_forgets(&store).await;
    tells_who_has_an_item(&store).await;
    store.closed().await;
}

#[tokio::test]
async fn sqlite_does_so_too_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let before = opened(&file(&dir).await);
    keeps_apart_replaces_and_forgets(&before).await;
    tells_who_has_an_item(&before).await;
    let plain = StoredResponse {
        previous: None,
        deployment: None,
        native: false,
        ..response(&tenant(3), "resp_3", "x")
    };
    before.responses.keep(plain.clone());
    before.closed().await;

    let after = opened(&file(&dir).await);
    assert_eq!(after.find(&tenant(1), "resp_1", 99).await, None, "what was removed stays so");
    let other = response(&tenant(2), "resp_1", "of another");
    assert_eq!(after.find(&tenant(2), "resp_1", 99).await, Some(other));
    assert_eq!(after.find(&tenant(2), "resp_1", 100).await, None);
    assert_eq!(after.find(&tenant(3), "resp_3", 99).await, Some(plain));
    let items = ["msg_2".to_owned()];
    let holders = after.responses.holders(&tenant(2), &items, Timestamp(9)).await.unwrap();
    assert_eq!(holders, [("msg_2".to_owned(), Some("resp_i2".into()))]);
    assert!(after.is_known("resp_1", 99).await && after.is_known("resp_3", 99).await);
    assert!(after.remove(&tenant(2), "resp_1").await && after.remove(&tenant(3), "resp_3").await);
    assert!(after.is_known("resp_1", 99).await, "its provider has it");
    assert!(!after.is_known("resp_3", 99).await);
    after.closed().await;
}

#[tokio::test]
async fn what_one_instance_changes_or_removes_is_so_at_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (opened(&file(&dir).await), opened(&file(&dir).await));
    let (tenant, id) = (tenant(1), "resp_1");
    one.responses.secure(response(&tenant, id, "first")).await;
    assert_eq!(other.find(&tenant, id, 9).await.unwrap().body, "first", "it is there once it is kept");
    other.responses.secure(response(&tenant, id, "second")).await;
    assert_eq!(one.find(&tenant, id, 9).await.unwrap().body, "second");
    assert!(other.remove(&tenant, id).await);
    assert_eq!(one.find(&tenant, id, 9).await, None);
    one.closed().await;
    other.closed().await;
}

#[tokio::test]
async fn memory_is_bounded() {
    let store = opened(&Stores::memory());
    let tenant = tenant(1);
    let large = Bytes::from(vec![b'x'; 8 << 20]);
    for number in 0..20 {
        let id = format!("resp_{number}");
        store.responses.keep(StoredResponse { body: large.clone(), ..response(&tenant, &id, "") });
        // One that is written again and again takes its place once.
        store.responses.keep(response(&tenant, "resp_again", "again"));
    }
    let mut held = Vec::new();
    for number in 0..20 {
        held.extend(store.find(&tenant, &format!("resp_{number}"), 9).await.map(|_| number));
    }
    assert_eq!(held, (13..20).collect::<Vec<_>>(), "the newest are there");
    assert!(store.find(&tenant, "resp_again", 9).await.is_some());
    store.closed().await;
}
