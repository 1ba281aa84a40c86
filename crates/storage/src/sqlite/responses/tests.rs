//! What a database that is locked or holds what cannot be read does to kept answers, and what is left of those that are over.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use testkit::clock::VirtualClock;

use super::behind::Behind as _;
use super::*;
use crate::sample;

fn response(id: &str, body: &'static str) -> StoredResponse {
    StoredResponse {
        id: id.into(),
        tenant: Tenant::kept("o/t"),
        created: Timestamp(5),
        until: Timestamp(100),
        previous: None,
        deployment: None,
        native: false,
        input: Bytes::from_static(b"[1]"),
        body: Bytes::from_static(body.as_bytes()),
        making: None,
    }
}

fn made_by(owner: &str, id: &str) -> StoredResponse {
    let entries = Arc::new(sample::entries(1));
    let making = Making { owner: owner.into(), lease: Timestamp(10), entries };
    StoredResponse { making: Some(making), ..response(id, "queued") }
}

/// A store whose database does not wait for locks.
struct Store {
    responses: Arc<Responses>,
    database: Sqlite,
    clock: VirtualClock,
    dir: tempfile::TempDir,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Store {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Sqlite::open(&dir.path().join("test.db")).await.unwrap();
        query("PRAGMA busy_timeout = 0").execute(&database.writer).await.unwrap();
        let clock = VirtualClock::at(Timestamp(0));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let responses = Responses::start(database.clone(), Arc::new(clock.clone()), &tasks, stop.clone());
        Self { responses, database, clock, dir, stop, tasks }
    }

    async fn other(&self) -> Sqlite {
        Sqlite::open(&self.dir.path().join("test.db")).await.unwrap()
    }

    async fn find(&self, id: &str, now: i64) -> Option<Bytes> {
        let found = self.responses.find(&Tenant::kept("o/t"), id, Timestamp(now)).await.unwrap();
        found.map(|found| found.body)
    }

    /// What the database has.
    async fn rows(&self) -> Vec<(String, Vec<u8>)> {
        let rows = query("SELECT id, body FROM responses ORDER BY id").fetch_all(&self.database.reader);
        rows.await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    async fn closed(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn ready<T: Unpin>(answer: &mut Answer<'_, T>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(std::pin::Pin::new(answer).poll(&mut context), Poll::Ready(_))
}

#[tokio::test]
async fn what_a_locked_database_does_not_take_is_written_once_it_can_be() {
    let store = Store::open().await;
    let responses = &store.responses;
    responses.entrust(made_by("a", "resp_1")).await.unwrap();
    let lock = store.other().await.writing().await.unwrap();
    let complete = response("resp_1", "complete");
    assert!(responses.entrust(complete).await.is_err(), "who waits learns that it is not durable yet");
    assert_eq!(store.find("resp_1", 9).await.unwrap(), "complete");
    responses.keep(response("resp_2", "first"));
    responses.keep(response("resp_2", "second"));
    let tenant = Tenant::kept("o/t");
    responses.keep(response("resp_3", "not wanted"));
    assert!(responses.remove(&tenant, "resp_3").await.is_err(), "nobody waits while it fails");
    assert_eq!(store.find("resp_3", 9).await, None);
    responses.secure(response("resp_4", "kept")).await;
    lock.rollback().await.unwrap();
    // The lease of what the database has is over, but this instance knows better.
    let claimed = responses.claim(&"b".into(), Timestamp(20), Timestamp(30)).await.unwrap();
    assert_eq!(claimed, Vec::new());
    assert_eq!(store.find("resp_1", 9).await.unwrap(), "complete");
    store.clock.sleepers(2).await;
    store.clock.advance(Duration::from_secs(1));
    testkit::soon("all of it to be written", async {
        while responses.waiting.bytes() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let row = |id: &str, body: &[u8]| (id.to_owned(), body.to_vec());
    let rows = [row("resp_1", b"complete"), row("resp_2", b"second"), row("resp_4", b"kept")];
    assert_eq!(store.rows().await, rows);
    store.closed().await;
}

#[tokio::test]
async fn nobody_waits_long_for_a_locked_database() {
    let store = Store::open().await;
    query("PRAGMA busy_timeout = 60000").execute(&store.database.writer).await.unwrap();
    let lock = store.other().await.writing().await.unwrap();
    let tenant = Tenant::kept("o/t");
    let mut kept = store.responses.secure(response("resp_1", "complete"));
    let mut found = store.responses.find(&tenant, "resp_1", Timestamp(9));
    assert!(!ready(&mut kept) && !ready(&mut found));
    store.clock.advance(PATIENCE);
    kept.await;
    assert_eq!(found.await.unwrap().unwrap().body, "complete");
    lock.rollback().await.unwrap();
    // What is not over is shown as it is.
    let mut making = store.responses.entrust(made_by("a", "resp_2"));
    assert!(ready(&mut store.responses.find(&tenant, "resp_2", Timestamp(9))) && !ready(&mut making));
    making.await.unwrap();
    store.responses.secure(response("resp_3", "complete")).await;
    assert_eq!(store.rows().await.len(), 3);
    store.closed().await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_costs_no_other() {
    let store = Store::open().await;
    for id in ["resp_1", "resp_2"] {
        store.responses.entrust(made_by("a", id)).await.unwrap();
    }
    let spoil = query("UPDATE responses SET entries = x'00' WHERE id = 'resp_1'");
    spoil.execute(&store.database.writer).await.unwrap();
    let claim = async |now: Timestamp| {
        let claimed = store.responses.claim(&"b".into(), now, now.plus(PATIENCE)).await.unwrap();
        claimed.iter().map(|response| response.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(claim(Timestamp(20)).await, ["resp_2"]);
    let lease = async || -> i64 {
        let lease = query_scalar("SELECT lease_us FROM responses WHERE id = 'resp_1'");
        lease.fetch_one(&store.database.reader).await.unwrap()
    };
    assert_eq!(lease().await, Timestamp(20).plus(UNREADABLE).0, "it is left alone for a while");
    assert_eq!(claim(Timestamp(lease().await)).await, ["resp_2"], "whose lease is over again");
    store.closed().await;
}

#[tokio::test]
async fn of_what_its_provider_keeps_too_the_name_stays_for_a_while() {
    let store = Store::open().await;
    let native = |id| StoredResponse { native: true, ..response(id, "complete") };
    for response in
        [native("resp_1"), native("resp_2"), response("resp_3", "complete"), made_by("a", "resp_4")]
    {
        store.responses.entrust(response).await.unwrap();
    }
    assert!(store.responses.remove(&Tenant::kept("o/t"), "resp_2").await.unwrap());
    assert!(!store.responses.remove(&Tenant::kept("o/t"), "resp_2").await.unwrap());
    let known = async |id: &str, now| store.responses.is_known(id, now).await.unwrap();
    let (now, last) = (Timestamp(100), Timestamp(99).plus(REMEMBERED));
    assert!(known("resp_1", now).await && known("resp_2", now).await && !known("resp_3", now).await);

    let waiting = Arc::clone(&store.responses.waiting);
    let clock = Arc::new(store.clock.clone());
    let mut behind = Behind { database: store.database.clone(), waiting, clock };
    behind.sweep(now).await;
    let row = |id: &str, body: &[u8]| (id.to_owned(), body.to_vec());
    let left = [row("resp_1", b""), row("resp_2", b""), row("resp_4", b"queued")];
    assert_eq!(store.rows().await, left, "what is not settled is whole");
    assert_eq!(store.find("resp_1", 100).await, None);
    assert!(known("resp_1", last).await && !known("resp_1", Timestamp(last.0 + 1)).await);
    behind.sweep(Timestamp(last.0 + 1)).await;
    assert_eq!(store.rows().await, []);
    store.closed().await;
}
