//! What every back end must do, run against each of them.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod batches;
mod sample;

use batches::{append, some};
use contract::ports::{LedgerFilter, LogFilter, PageRequest, Resource, ResourceKind, StoreError};
use contract::words::{IdKind, Timestamp, Usage};
use sample::{at, entries, id};
use serde_json::json;
use storage::{StorageConfig, Stores};

/// Runs a case against every back end.
macro_rules! conforms {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(storage::Stores::memory()).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                let dir = tempfile::tempdir().unwrap();
                super::$case(super::open(&dir).await).await;
            })*
        }
    };
}

async fn open(dir: &tempfile::TempDir) -> Stores {
    let database = format!("sqlite://{}", dir.path().join("test.db").display());
    storage::open(&StorageConfig { database, ..StorageConfig::default() }).await.unwrap()
}

conforms! {
    entries_come_back_as_they_were
    entries_sent_again_are_left_alone
    plain_entries_come_back_too
    pages_are_newest_first_and_stable_under_inserts
    lines_that_come_late_take_their_place
    attempts_are_found_by_their_own_time
    pages_of_one_key_go_on_over_hours
    the_log_is_filtered
    the_ledger_is_filtered
    foreign_cursors_are_refused
    resources_are_versioned
    resources_are_listed_in_order
    revisions_change_with_every_change
}

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { cursor, limit }
}

async fn logged(stores: &Stores, filter: LogFilter) -> Vec<u32> {
    let found = stores.log.requests(filter, page(1_000, None)).await.unwrap();
    found.items.iter().map(|entry| number_of(entry.at)).collect()
}

async fn billed(stores: &Stores, filter: LedgerFilter) -> Vec<(u32, u32)> {
    let found = stores.ledger.attempts(filter, page(1_000, None)).await.unwrap();
    found.items.iter().map(|line| (number_of(line.attempt.at), line.attempt.number)).collect()
}

fn number_of(time: Timestamp) -> u32 {
    u32::try_from((time.0 - at(0).0) / 1_000_000).unwrap()
}

async fn entries_come_back_as_they_were(stores: Stores) {
    append(&stores, some([3])).await;
    let expected = entries(3);
    assert_eq!(stores.log.request(expected.request.id).await.unwrap(), Some(expected.request.clone()));
    assert_eq!(stores.log.request(id(IdKind::Request, 99)).await.unwrap(), None);

    let found = stores.ledger.attempts(LedgerFilter::default(), page(10, None)).await.unwrap();
    assert_eq!(found.next, None);
    let lines: Vec<_> = found.items.iter().rev().map(|line| line.attempt.clone()).collect();
    assert_eq!(lines, expected.attempts);
    for line in found.items {
        assert_eq!(line.request, expected.request.id);
        assert_eq!((line.key, &line.key_name), (expected.request.key, &expected.request.key_name));
        assert_eq!(
            (&line.org, &line.team, &line.app),
            (&expected.request.org, &expected.request.team, &expected.request.app)
        );
        assert_eq!(line.model, expected.request.model);
    }
}

async fn entries_sent_again_are_left_alone(stores: Stores) {
    append(&stores, some(0..60)).await;
    append(&stores, some(30..90)).await;
    let expected: Vec<u32> = (0..90).rev().collect();
    assert_eq!(logged(&stores, LogFilter::default()).await, expected);
    assert_eq!(billed(&stores, LedgerFilter::default()).await.len(), 180);
}

async fn pages_are_newest_first_and_stable_under_inserts(stores: Stores) {
    append(&stores, some(0..10)).await;
    let (mut seen, mut lines, mut cursor, mut line_cursor) = (Vec::new(), Vec::new(), None, None);
    for round in 0..4 {
        let found = stores.log.requests(LogFilter::default(), page(3, cursor)).await.unwrap();
        seen.extend(found.items.iter().map(|entry| number_of(entry.at)));
        cursor = found.next;
        let found = stores.ledger.attempts(LedgerFilter::default(), page(6, line_cursor)).await.unwrap();
        lines.extend(found.items.iter().map(|line| (number_of(line.attempt.at), line.attempt.number)));
        line_cursor = found.next;
        // Newer entries that arrive between two pages shift nothing.
        append(&stores, some([100 + round])).await;
    }
    assert_eq!((cursor, line_cursor), (None, None));
    assert_eq!(seen, (0..10).rev().collect::<Vec<_>>());
    assert_eq!(lines, (0..10).rev().flat_map(|number| [(number, 2), (number, 1)]).collect::<Vec<_>>());
}

async fn plain_entries_come_back_too(stores: Stores) {
    let mut batch = some([3]);
    let entry = &mut batch[0].request;
    entry.usage = Usage { input: 7, output: 2, ..Usage::default() };
    entry.client = "2001:db8::7".parse().unwrap();
    (entry.user, entry.detail, entry.trace_id, entry.request_body) = (None, None, None, None);
    (entry.tags, entry.dropped) = (Vec::new(), Vec::new());
    (entry.bytes_in, entry.bytes_out, entry.snapshot, entry.stream) = (0, 0, 0, false);
    let expected = entry.clone();
    append(&stores, batch).await;
    assert_eq!(stores.log.request(expected.id).await.unwrap(), Some(expected));
}

async fn lines_that_come_late_take_their_place(stores: Stores) {
    append(&stores, some([0, 2, 4])).await;
    let first = stores.log.requests(LogFilter::default(), page(2, None)).await.unwrap();
    assert_eq!(first.items.iter().map(|entry| number_of(entry.at)).collect::<Vec<_>>(), [4, 2]);
    append(&stores, some([3, 1])).await;
    let rest = stores.log.requests(LogFilter::default(), page(9, first.next)).await.unwrap();
    assert_eq!(rest.items.iter().map(|entry| number_of(entry.at)).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(logged(&stores, LogFilter::default()).await, [4, 3, 2, 1, 0]);
}

async fn attempts_are_found_by_their_own_time(stores: Stores) {
    let mut late = some([0, 1]);
    late[0].attempts[1].at = at(50);
    append(&stores, late).await;
    let all = LedgerFilter::default;
    assert_eq!(billed(&stores, LedgerFilter { since: Some(at(50)), ..all() }).await, [(50, 2)]);
    assert_eq!(
        billed(&stores, LedgerFilter { until: Some(at(50)), ..all() }).await,
        [(1, 2), (1, 1), (0, 1)]
    );
}

async fn pages_of_one_key_go_on_over_hours(stores: Stores) {
    // One second apart; two keys of three call all the time, the third in some minutes only.
    let numbers = (0..4_500).filter(|number| number % 3 != 1 || number / 60 % 20 == 7);
    let numbers: Vec<u32> = numbers.collect();
    append(&stores, some(numbers.iter().copied())).await;
    let (key, mut seen, mut lines) = (Some(id(IdKind::Key, 1)), Vec::new(), Vec::new());
    let (mut cursor, mut line_cursor) = (None, None);
    loop {
        let filter = LogFilter { key, since: Some(at(500)), ..LogFilter::default() };
        let found = stores.log.requests(filter, page(7, cursor)).await.unwrap();
        seen.extend(found.items.iter().map(|entry| number_of(entry.at)));
        cursor = found.next;
        let filter = LedgerFilter { key, since: Some(at(500)), ..LedgerFilter::default() };
        let found = stores.ledger.attempts(filter, page(14, line_cursor)).await.unwrap();
        lines.extend(found.items.iter().map(|line| (number_of(line.attempt.at), line.attempt.number)));
        line_cursor = found.next;
        assert_eq!(cursor.is_some(), line_cursor.is_some());
        if cursor.is_none() {
            break;
        }
    }
    let mut expected: Vec<u32> =
        numbers.into_iter().filter(|number| *number >= 500 && number % 3 == 1).collect();
    expected.reverse();
    assert!(expected.len() > 50);
    assert_eq!(seen, expected);
    assert_eq!(lines, expected.iter().flat_map(|number| [(*number, 2), (*number, 1)]).collect::<Vec<_>>());
}

async fn the_log_is_filtered(stores: Stores) {
    append(&stores, some(0..12)).await;
    let all = LogFilter::default;
    assert_eq!(logged(&stores, LogFilter { since: Some(at(10)), ..all() }).await, [11, 10]);
    assert_eq!(logged(&stores, LogFilter { until: Some(at(2)), ..all() }).await, [1, 0]);
    assert_eq!(logged(&stores, LogFilter { key: Some(id(IdKind::Key, 1)), ..all() }).await, [10, 7, 4, 1]);
    assert_eq!(logged(&stores, LogFilter { key: Some(id(IdKind::Key, 9)), ..all() }).await, [0_u32; 0]);
    assert_eq!(
        logged(&stores, LogFilter { model: Some("slow".into()), since: Some(at(8)), ..all() }).await,
        [11, 9]
    );
    assert_eq!(logged(&stores, LogFilter { status: Some(429), ..all() }).await, [10, 5, 0]);
    assert_eq!(logged(&stores, LogFilter { outcome: Some("refused".into()), ..all() }).await, [10, 5, 0]);
    assert_eq!(logged(&stores, LogFilter { outcome: Some("no word".into()), ..all() }).await, [0_u32; 0]);
}

async fn the_ledger_is_filtered(stores: Stores) {
    append(&stores, some(0..6)).await;
    let all = LedgerFilter::default;
    assert_eq!(billed(&stores, LedgerFilter { since: Some(at(5)), ..all() }).await, [(5, 2), (5, 1)]);
    assert_eq!(billed(&stores, LedgerFilter { until: Some(at(1)), ..all() }).await, [(0, 2), (0, 1)]);
    let key = Some(id(IdKind::Key, 2));
    assert_eq!(billed(&stores, LedgerFilter { key, ..all() }).await, [(5, 2), (5, 1), (2, 2), (2, 1)]);
    let request = Some(id(IdKind::Request, 4));
    assert_eq!(billed(&stores, LedgerFilter { request, ..all() }).await, [(4, 2), (4, 1)]);
    let provider = Some("house".into());
    assert_eq!(
        billed(&stores, LedgerFilter { provider, since: Some(at(4)), ..all() }).await,
        [(5, 1), (4, 1)]
    );
    let deployment = Some("openai/gpt-5-mini".into());
    assert_eq!(
        billed(&stores, LedgerFilter { deployment, until: Some(at(2)), ..all() }).await,
        [(1, 2), (0, 2)]
    );
}

async fn foreign_cursors_are_refused(stores: Stores) {
    for text in ["", "t", "n1", "x", "t000", "ключ"] {
        let cursor = || page(5, Some(text.to_owned()));
        let log = stores.log.requests(LogFilter::default(), cursor()).await;
        let ledger = stores.ledger.attempts(LedgerFilter::default(), cursor()).await;
        let resources = stores.resources.list(ResourceKind::Key, cursor()).await;
        assert!(matches!(log, Err(StoreError::Cursor)), "{text}");
        assert!(matches!(ledger, Err(StoreError::Cursor)), "{text}");
        assert!(matches!(resources, Err(StoreError::Cursor)), "{text}");
    }
}

async fn resources_are_versioned(stores: Stores) {
    let put = |body: &str, expected, now| {
        stores.resources.put(ResourceKind::Key, "key_a".into(), json!({ "name": body }), expected, at(now))
    };
    let made = put("one", 0, 1).await.unwrap();
    assert_eq!((made.version, made.created, made.updated), (1, at(1), at(1)));
    assert!(matches!(put("two", 0, 2).await, Err(StoreError::Conflict { stored: 1 })));
    assert!(matches!(put("two", 5, 2).await, Err(StoreError::Conflict { stored: 1 })));
    let changed = put("two", 1, 2).await.unwrap();
    assert_eq!((changed.version, changed.created, changed.updated), (2, at(1), at(2)));
    let stored = stores.resources.get(ResourceKind::Key, "key_a".into()).await.unwrap();
    assert_eq!(stored, Some(Resource { body: json!({ "name": "two" }), ..changed }));
    // Kinds do not share ids.
    assert_eq!(stores.resources.get(ResourceKind::Installation, "key_a".into()).await.unwrap(), None);

    let delete = |id: &str, expected| stores.resources.delete(ResourceKind::Key, id.into(), expected);
    assert!(matches!(delete("key_a", 1).await, Err(StoreError::Conflict { stored: 2 })));
    assert!(matches!(delete("key_b", 0).await, Err(StoreError::Conflict { stored: 0 })));
    delete("key_a", 2).await.unwrap();
    assert_eq!(stores.resources.get(ResourceKind::Key, "key_a".into()).await.unwrap(), None);
    assert_eq!(put("three", 0, 3).await.unwrap().version, 1);
}

async fn resources_are_listed_in_order(stores: Stores) {
    for name in ["d", "a", "c", "b", "e"] {
        stores.resources.put(ResourceKind::Key, name.into(), json!({}), 0, at(0)).await.unwrap();
    }
    stores.resources.put(ResourceKind::Installation, "aa".into(), json!({}), 0, at(0)).await.unwrap();
    let first = stores.resources.list(ResourceKind::Key, page(3, None)).await.unwrap();
    stores.resources.put(ResourceKind::Key, "aaa".into(), json!({}), 0, at(0)).await.unwrap();
    let second = stores.resources.list(ResourceKind::Key, page(3, first.next)).await.unwrap();
    assert_eq!(second.next, None);
    let names: Vec<String> = first.items.into_iter().chain(second.items).map(|found| found.id).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
}

async fn revisions_change_with_every_change(stores: Stores) {
    let mut seen = vec![stores.resources.revision().await.unwrap()];
    stores.resources.put(ResourceKind::Key, "a".into(), json!({}), 0, at(0)).await.unwrap();
    seen.push(stores.resources.revision().await.unwrap());
    stores.resources.put(ResourceKind::Key, "a".into(), json!({}), 1, at(0)).await.unwrap();
    seen.push(stores.resources.revision().await.unwrap());
    stores.resources.put(ResourceKind::Key, "a".into(), json!({}), 1, at(0)).await.unwrap_err();
    assert_eq!(stores.resources.revision().await.unwrap(), seen[2], "nothing was changed");
    stores.resources.delete(ResourceKind::Key, "a".into(), 2).await.unwrap();
    seen.push(stores.resources.revision().await.unwrap());
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
}
