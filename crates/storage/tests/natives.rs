//! Blocks of messages: what both stores must do, and what outlives the process.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::sync::Arc;

use bytes::Bytes;
use contract::ports::{Anchor, Clock, KeptMessage, NativeBlocks, Tenant};
use contract::words::{Id, IdKind, Principal, Timestamp};
use sqlx::{Connection, SqliteConnection};
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
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::at(Timestamp(0)));
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

/// Keeps eight messages of 8 MiB for each of these tenants; gives what is there of each.
async fn large(store: &dyn NativeBlocks, tenants: &[Tenant]) -> Vec<Vec<Anchor>> {
    let body = Bytes::from(vec![b'x'; 8 << 20]);
    for tenant in tenants {
        for number in 0..8_u8 {
            let (tenant, anchors) = (tenant.clone(), vec![[number; 16], [number + 100; 16]]);
            store.keep(KeptMessage { tenant, anchors, body: body.clone(), until: Timestamp(9) });
        }
    }
    let all: Vec<Anchor> = (0..8_u8).map(|number| [number; 16]).collect();
    let mut there = Vec::new();
    for tenant in tenants {
        let held = store.find(tenant, &all, Timestamp(0)).await;
        there.push(held.into_iter().map(|(anchor, _)| anchor).collect());
    }
    there
}

#[tokio::test]
async fn memory_is_bounded_for_each_tenant_and_for_all() {
    let opened = opened(&Stores::memory());
    let tenants: Vec<Tenant> = (0..4).map(|key| tenant(None, key)).collect();
    let held = large(&*opened.natives, &tenants).await;
    let counts: Vec<usize> = held.iter().map(Vec::len).collect();
    // A message counts once, whatever it is found by; nobody has more than half.
    assert_eq!(counts, [0, 1, 3, 3], "{counts:?}");
    assert_eq!(held[3].last(), Some(&[7; 16]), "the newest is there");
    opened.closed().await;
}

#[tokio::test]
async fn one_look_reads_the_first_and_only_as_much_as_a_request_takes() {
    let dir = tempfile::tempdir().unwrap();
    let (tenant, body) = (tenant(None, 1), Bytes::from(vec![b'x'; 2 << 20]));
    let before = opened(&file(&dir).await);
    let anchors: Vec<Anchor> = (0..20_u8).map(|number| [number; 16]).collect();
    for anchor in &anchors {
        let (tenant, anchors) = (tenant.clone(), vec![*anchor, [anchor[0] + 100; 16]]);
        before.natives.keep(KeptMessage { tenant, anchors, body: body.clone(), until: Timestamp(9) });
    }
    before.closed().await;

    let after = opened(&file(&dir).await);
    let newest: Vec<Anchor> =
        anchors.iter().rev().flat_map(|anchor| [*anchor, [anchor[0] + 100; 16]]).collect();
    let found = after.natives.find(&tenant, &newest, Timestamp(0)).await;
    // Both ways to a message cost what one does.
    let found: Vec<Anchor> = found.into_iter().map(|(anchor, _)| anchor).collect();
    assert_eq!(found, newest[..8]);
    // More anchors than one statement takes.
    let many: Vec<Anchor> = (0..600_u16).map(|number| [(number % 200) as u8; 16]).collect();
    assert!(!after.natives.find(&tenant, &many, Timestamp(0)).await.is_empty());
    after.closed().await;
}

#[tokio::test]
async fn the_database_keeps_a_share_of_each_tenant() {
    let dir = tempfile::tempdir().unwrap();
    let stores = file(&dir).await;
    let (greedy, modest) = (tenant(None, 1), tenant(None, 2));
    let body = Bytes::from(vec![b'x'; 2 << 20]);
    let keep = |store: &dyn NativeBlocks, tenant: &Tenant, number: u8| {
        let (tenant, anchors) = (tenant.clone(), vec![[number; 16]]);
        store.keep(KeptMessage { tenant, anchors, body: body.clone(), until: Timestamp(9) });
    };
    // What waits is bounded too: each round is written before the next.
    for round in 0..7_u8 {
        let opened = opened(&stores);
        keep(&*opened.natives, &modest, 0);
        (0..20).for_each(|number| keep(&*opened.natives, &greedy, round * 20 + number));
        opened.closed().await;
    }
    let database = format!("sqlite://{}", dir.path().join("test.db").display());
    let mut connection = SqliteConnection::connect(&database).await.unwrap();
    let held: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT SUM(bytes) >> 20, COUNT(*) FROM native_messages GROUP BY tenant ORDER BY COUNT(*)",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    // Answered again, a turn is kept once.
    assert_eq!(held[0], (2, 1));
    assert!((100..=256).contains(&held[1].0), "{held:?}");
    let anchors: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM native_anchors").fetch_one(&mut connection).await.unwrap();
    assert_eq!(anchors, held[0].1 + held[1].1);
    let opened = opened(&stores);
    assert_eq!(opened.natives.find(&greedy, &[[0; 16]], Timestamp(0)).await, []);
    assert_eq!(opened.natives.find(&greedy, &[[139; 16]], Timestamp(0)).await.len(), 1);
    opened.closed().await;
}

#[tokio::test]
async fn what_has_come_to_its_end_is_deleted_though_nothing_new_comes() {
    let dir = tempfile::tempdir().unwrap();
    let stores = file(&dir).await;
    let before = opened(&stores);
    let hour = i64::from(60 * 60) * 1_000_000;
    for (anchor, until) in [(A, 9), (B, hour)] {
        before.natives.keep(message(&tenant(None, 1), &[anchor], "x", until));
    }
    before.closed().await;
    let database = format!("sqlite://{}", dir.path().join("test.db").display());
    let mut connection = SqliteConnection::connect(&database).await.unwrap();

    // Soon after the start, and from then on each hour.
    let clock = VirtualClock::at(Timestamp(10));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _natives = stores.natives(Arc::new(clock.clone()), &tasks, stop.clone());
    for (span, left) in [(60, 1), (60 * 60, 0)] {
        clock.sleepers(1).await;
        clock.advance(std::time::Duration::from_secs(span));
        clock.sleepers(1).await;
        for table in ["native_messages", "native_anchors"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            let there: i64 =
                sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut connection).await.unwrap();
            assert_eq!(there, left, "{table}");
        }
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
