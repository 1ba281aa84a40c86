//! Responses behind several instances on one database, and behind one whose database is locked: what a client has is there.

use super::jobs::{beside, started, stopped, with_lease, working};
use super::*;

const BOTH: [(&str, bool); 4] = [(CLAUDE, false), (CLAUDE, true), (GPT, false), (GPT, true)];

async fn delete(client: &Client, id: &str) -> Answer {
    client.send(Method::DELETE, &format!("{PATH}/{id}"), "".into()).await
}

#[tokio::test]
async fn what_one_instance_answers_or_deletes_is_so_at_the_other_at_once() {
    let one = Bench::start().await;
    let other = beside(&one, "60s").await;
    for (nth, (model, stream)) in BOTH.into_iter().cycle().take(20).enumerate() {
        let reply = says(model, stream, &format!("resp_{nth}"), "ONE");
        let first = turn(&one, &ask(model, "one", None, stream), reply).await;
        assert_eq!(get(&other.openai(), id(&first)).await.json().await, first, "{model} {stream} {nth}");
        if model == GPT {
            one.upstream.then(Reply::json(200, &json!({ "deleted": true })));
        }
        assert_eq!(delete(&other.openai(), id(&first)).await.json().await["deleted"], true);
        assert_eq!(code(get(&one.openai(), id(&first)).await).await.0, 404);
        let answer = one.openai().post(PATH, &ask(model, "two", Some(id(&first)), false)).await;
        assert_eq!(code(answer).await, (400, "previous_response_not_found".to_owned()));
    }
}

#[tokio::test]
async fn what_a_client_has_outlives_the_process_that_answered() {
    let mut bench = Bench::start().await;
    for (model, stream) in BOTH {
        let first =
            turn(&bench, &ask(model, "one", None, stream), says(model, stream, "resp_1", "ONE")).await;
        bench = started(stopped(bench, true).await).await;
        assert_eq!(get(&bench.openai(), id(&first)).await.json().await, first, "{model} {stream}");
    }
}

#[tokio::test]
async fn a_locked_database_neither_fails_nor_hangs_a_client_and_loses_nothing() {
    let bench = Bench::start().await;
    let database = bench.gateway.dir().join("pathgate.db");
    let gate = Gate::new();
    bench.upstream.then(Reply::json(200, &openai::text("done", TOKENS)).head_gated(&gate));
    let begun = response(bench.openai().post(PATH, &background(HOUSE, "work")).await, false).await;
    bench.upstream.request(0).await;
    let mut lock = rusqlite::Connection::open(&database).unwrap();
    let lock = lock.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    gate.open();
    assert_eq!(over(&bench, id(&begun)).await["status"], "completed");
    let mut all = Vec::new();
    for (model, stream) in BOTH {
        let asked = tokio::time::Instant::now();
        let reply = says(model, stream, &format!("resp_{stream}"), "ONE");
        all.push(turn(&bench, &ask(model, "one", None, stream), reply).await);
        assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    }
    for made in &all {
        assert_eq!(get(&bench.openai(), id(made)).await.json().await, *made);
    }
    lock.rollback().unwrap();
    let rows = rusqlite::Connection::open(&database).unwrap();
    until("the database to have all of them", async || {
        let count = "SELECT count(*) FROM responses WHERE owner IS NULL";
        (rows.query_row(count, [], |row| row.get(0)) == Ok(5)).then_some(())
    })
    .await;
    let bench = started(stopped(bench, true).await).await;
    for made in &all {
        assert_eq!(get(&bench.openai(), id(made)).await.json().await, *made);
    }
    assert_eq!(get(&bench.openai(), id(&begun)).await.json().await["status"], "completed");
}

#[tokio::test]
async fn nobody_else_goes_on_from_what_has_come_to_its_end_here() {
    let upstream = testkit::upstream::Upstream::start().await;
    let yaml = Setup::new().key(&format!("{{ name: other, key: {OTHER} }}")).yaml(&upstream.url());
    let yaml = yaml.replace("/pathgate.db\" }", "/pathgate.db\", response_retention: 300ms }");
    let launch = testkit::gateway::Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml);
    let bench = Bench { gateway: launch.start().await, upstream };
    let first = turn(&bench, &ask(GPT, "one", None, false), says(GPT, false, "resp_1", "ONE")).await;
    until("its end", async || (get(&bench.openai(), id(&first)).await.status == 404).then_some(())).await;
    let other = bench.gateway.client().bearer(OTHER);
    let answer = other.post(PATH, &ask(GPT, "two", Some(id(&first)), false)).await;
    assert_eq!(code(answer).await, (400, "previous_response_not_found".to_owned()));
    assert_eq!(bench.upstream.seen().len(), 1, "the provider would have gone on from it");
}

#[tokio::test]
async fn tenants_whose_names_have_slashes_are_not_one() {
    let (one, two) = ("key-number-one-of-tests", "key-number-two-of-tests");
    let bench = Setup::new()
        .key(&format!("{{ name: one, key: {one}, org: acme, team: eu/sales }}"))
        .key(&format!("{{ name: two, key: {two}, org: acme/eu, team: sales }}"))
        .start()
        .await;
    bench.upstream.then(says(CLAUDE, false, "", "ONE"));
    let client = |key: &str| bench.gateway.client().bearer(key);
    let answer = client(one).post(PATH, &ask(CLAUDE, "one", None, false)).await;
    let first = response(answer, false).await;
    assert_eq!(get(&client(two), id(&first)).await.status, 404);
    assert_eq!(get(&client(one), id(&first)).await.status, 200);
}

#[tokio::test]
async fn what_a_busy_instance_owns_and_does_not_follow_is_taken_up_when_its_lease_is_over() {
    let bench = with_lease("500ms").await;
    bench.upstream.always_with(|asked| match asked.path.contains("resp_left") {
        true => Reply::json(200, &working("resp_left", "completed")),
        false => Reply::json(200, &working("resp_busy", "queued")),
    });
    response(bench.openai().post(PATH, &background(GPT, "work")).await, false).await;
    let rows = rusqlite::Connection::open(bench.gateway.dir().join("pathgate.db")).unwrap();
    // As one that was begun while there was no room.
    let left = "INSERT INTO responses SELECT tenant, 'resp_left', created_us, until_us, previous, deployment, native, input, \
        CAST(replace(CAST(body AS TEXT), 'resp_busy', 'resp_left') AS BLOB), owner, lease_us, entries FROM responses";
    rows.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    assert_eq!(rows.execute(left, []), Ok(1));
    until("somebody to follow it", async || {
        let over = "SELECT count(*) FROM responses WHERE owner IS NULL AND id = 'resp_left'";
        (rows.query_row(over, [], |row| row.get(0)) == Ok(1)).then_some(())
    })
    .await;
    let busy = "SELECT count(*) FROM responses WHERE owner IS NOT NULL AND id = 'resp_busy'";
    assert_eq!(rows.query_row(busy, [], |row| row.get(0)), Ok(1));
}
