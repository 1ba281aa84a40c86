//! Blocks of messages: what both stores must do, and what outlives the process.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::sync::Arc;

use bytes::Bytes;
use contract::ports::{Anchor, Clock, KeptMessage, NativeBlocks, Tenant};
use contract::words::{Id, IdKind, Principal, Timestamp};
use storage::{StorageConfig, Stores};
use testkit::clock::VirtualClock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

fn tenant(team: Option<&str>, key: u8) -> Tenant {
    Tenant::of(&Principal {
        key: Some(Id::from_parts(IdKind::Key, [key; 16])),
        name: "ci".into(),
        org: "default".into(),
        team: team.map(Into::into),
        app: None,
        scopes: Vec::new(),
        models: Vec::new(),
        requests: None,
        expires: None,
    })
}

const A: Anchor = [1; 16];
const B: Anchor = [2; 16];

fn message(tenant: &Tenant, anchors: &[Anchor], body: &'static str, until: i64) -> KeptMessage {
    let body = Bytes::from_static(body.as_bytes());
    KeptMessage { tenant: tenant.clone(), anchors: anchors.to_vec(), body, until: Timestamp(until) }
}

async fn found(store: &dyn NativeBlocks, tenant: &Tenant, now: i64) -> Vec<(Anchor, Bytes)> {
    store.find(tenant, &[A, B], Timestamp(now)).await
}

struct Opened {
    natives: Arc<dyn NativeBlocks>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

fn opened(stores: &Stores) -> Opened {
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    Opened { natives: stores.natives(clock, &tasks, stop.clone()), tasks, stop }
}

impl Opened {
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

async fn keeps_apart_and_forgets(natives: &dyn NativeBlocks) {
    let (one, other) = (tenant(None, 1), tenant(None, 2));
    natives.keep(message(&one, &[A], "first", 100));
    assert_eq!(found(natives, &one, 99).await, [(A, Bytes::from("first"))]);
    assert_eq!(found(natives, &other, 99).await, []);
    assert_eq!(found(natives, &one, 100).await, [], "it has come to its end");
    natives.keep(message(&one, &[A, B], "second", 200));
    let both = [(A, Bytes::from("second")), (B, Bytes::from("second"))];
    assert_eq!(found(natives, &one, 150).await, both);
    let (team, mate) = (tenant(Some("red"), 3), tenant(Some("red"), 4));
    natives.keep(message(&team, &[B], "of the team", 200));
    assert_eq!(found(natives, &mate, 150).await, [(B, Bytes::from("of the team"))]);
}

#[tokio::test]
async fn memory_keeps_tenants_apart_and_forgets() {
    let opened = opened(&Stores::memory());
    keeps_apart_and_forgets(&*opened.natives).await;
    opened.closed().await;
}

#[tokio::test]
async fn sqlite_keeps_tenants_apart_forgets_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let before = opened(&file(&dir).await);
    keeps_apart_and_forgets(&*before.natives).await;
    before.closed().await;

    let after = opened(&file(&dir).await);
    let both = [(A, Bytes::from("second")), (B, Bytes::from("second"))];
    assert_eq!(found(&*after.natives, &tenant(None, 1), 150).await, both);
    assert_eq!(found(&*after.natives, &tenant(None, 2), 150).await, []);
    assert_eq!(found(&*after.natives, &tenant(None, 1), 200).await, []);
    after.closed().await;
}

#[tokio::test]
async fn memory_is_bounded() {
    let opened = opened(&Stores::memory());
    let tenant = tenant(None, 1);
    let large = Bytes::from(vec![b'x'; 8 << 20]);
    for number in 0..20_u8 {
        let anchors = vec![[number; 16]];
        opened.natives.keep(KeptMessage {
            tenant: tenant.clone(),
            anchors,
            body: large.clone(),
            until: Timestamp(9),
        });
    }
    let all: Vec<Anchor> = (0..20_u8).map(|number| [number; 16]).collect();
    let held = opened.natives.find(&tenant, &all, Timestamp(0)).await;
    assert!((5..9).contains(&held.len()), "{}", held.len());
    assert_eq!(held.last().unwrap().0, [19; 16], "the newest is there");
    opened.closed().await;
}
