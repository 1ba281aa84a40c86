//! Making, changing and ending keys, by one process and by several that share a store.

use std::time::Duration;

use contract::ports::{KeySource, Keyring};
use contract::settings::SecretText;
use contract::words::{Pattern, Scope};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::config::{AuthConfig, KeyConfig};
use crate::fakes::{HandClock, MemoryStore, world};

fn process(store: &Arc<MemoryStore>, clock: &Arc<HandClock>, file: &[KeyConfig]) -> Keys {
    let clock: Arc<dyn Clock> = Arc::<HandClock>::clone(clock);
    let index = Arc::new(KeyIndex::new(&AuthConfig::default(), file, Arc::clone(&clock)));
    Keys::new(Arc::<MemoryStore>::clone(store), index, clock)
}

fn named(name: &str) -> KeySpec {
    KeySpec { name: name.into(), ..KeySpec::default() }
}

async fn who(keys: &Keys, secret: &str) -> Result<String, Code> {
    keys.index.identify(Some(secret)).await.map(|who| who.name.to_string()).map_err(|fault| fault.code())
}

#[tokio::test]
async fn a_key_works_from_the_moment_it_is_made_until_it_is_revoked() {
    let (store, clock) = world();
    let keys = process(&store, &clock, &[]);
    let spec = KeySpec { scopes: vec![Scope::AdminRead, Scope::Inference, Scope::AdminRead], ..named("ci") };
    let made = keys.create(spec).await.unwrap();
    let secret = made.secret.expose();
    assert_eq!(who(&keys, secret).await, Ok("ci".into()));
    assert_eq!(made.view.spec.scopes, [Scope::Inference, Scope::AdminRead]);
    assert_eq!(made.view.hint.as_deref(), Some(&secret[42..]));
    assert!(!store.everything().contains(secret), "the secret was stored");

    let gone = keys.revoke(made.view.id, None).await.unwrap();
    assert_eq!(gone.revoked, Some(clock.now()));
    assert_eq!(who(&keys, secret).await, Err(Code::InvalidKey));
    assert_eq!(keys.get(made.view.id).await.unwrap(), gone);
    assert_eq!(keys.revoke(made.view.id, None).await.unwrap(), gone, "revoking twice changes nothing");
    assert_eq!(keys.rotate(made.view.id, None).await.unwrap_err().code(), Code::Conflict);
}

#[tokio::test]
async fn rotating_replaces_the_secret_and_nothing_else() {
    let (store, clock) = world();
    let keys = process(&store, &clock, &[]);
    let made = keys.create(named("ci")).await.unwrap();
    let turned = keys.rotate(made.view.id, Some(made.view.version)).await.unwrap();
    assert_eq!(who(&keys, made.secret.expose()).await, Err(Code::InvalidKey));
    assert_eq!(who(&keys, turned.secret.expose()).await, Ok("ci".into()));
    assert_eq!(turned.view.id, made.view.id);
    assert_eq!(turned.view.version, made.view.version + 1);
    let stale = keys.rotate(made.view.id, Some(made.view.version)).await.unwrap_err();
    assert_eq!(stale.code(), Code::Conflict);
    assert_eq!(keys.revoke(made.view.id, Some(1)).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(who(&keys, turned.secret.expose()).await, Ok("ci".into()));
}

#[tokio::test]
async fn wrong_descriptions_are_refused_by_field() {
    let (store, clock) = world();
    let keys = process(&store, &clock, &[]);
    let at = |spec: KeySpec| {
        let keys = &keys;
        async move {
            let fault = keys.create(spec).await.unwrap_err();
            assert_eq!(fault.code(), Code::InvalidRequest);
            fault.param().unwrap().to_owned()
        }
    };
    assert_eq!(at(named("")).await, "name");
    assert_eq!(at(named("two words")).await, "name");
    assert_eq!(at(named("anonymous")).await, "name");
    assert_eq!(at(named(&"x".repeat(129))).await, "name");
    assert_eq!(at(KeySpec { team: Some(String::new()), ..named("a") }).await, "team");
    assert_eq!(at(KeySpec { models: vec![Pattern::new("a*b")], ..named("a") }).await, "models");
    assert_eq!(at(KeySpec { expires: Some(clock.now()), ..named("a") }).await, "expires");
}

#[tokio::test]
async fn of_many_that_want_one_name_at_once_one_gets_it() {
    let (store, clock) = world();
    let processes: Vec<_> = (0..4).map(|_| process(&store, &clock, &[])).collect();
    let tries = processes.iter().flat_map(|keys| (0..4).map(move |_| keys.create(named("ci"))));
    let results = join_all(tries).await;
    assert_eq!(results.iter().filter(|made| made.is_ok()).count(), 1);
    for lost in results.iter().filter_map(|made| made.as_ref().err()) {
        assert_eq!((lost.code(), lost.param()), (Code::Conflict, Some("name")));
    }
    let all = processes[0].list(PageRequest { cursor: None, limit: 100 }).await.unwrap();
    assert_eq!(all.items.len(), 1);
}

#[tokio::test]
async fn a_name_is_free_again_when_its_key_is_revoked_or_was_never_written() {
    let (store, clock) = world();
    let keys = process(&store, &clock, &[]);
    let made = keys.create(named("ci")).await.unwrap();
    keys.revoke(made.view.id, None).await.unwrap();
    assert!(keys.create(named("ci")).await.is_ok());

    store.dies_after(1);
    assert_eq!(keys.create(named("lost")).await.unwrap_err().code(), Code::StorageUnavailable);
    store.revive();
    assert_eq!(keys.create(named("lost")).await.unwrap_err().code(), Code::Conflict);
    clock.advance(Duration::from_secs(60));
    assert!(keys.create(named("lost")).await.is_ok());
}

#[tokio::test]
async fn keys_of_the_file_are_listed_first_and_cannot_be_changed() {
    let (store, clock) = world();
    let file: Vec<_> = ["a", "b", "c"]
        .map(|name| KeyConfig {
            name: name.into(),
            key: Some(SecretText::new(format!("the-secret-of-key-{name}"))),
            ..KeyConfig::default()
        })
        .into();
    let keys = process(&store, &clock, &file);
    assert_eq!(keys.create(named("b")).await.unwrap_err().code(), Code::Conflict);
    for name in ["d", "e", "f"] {
        keys.create(named(name)).await.unwrap();
    }
    let id = file[0].id();
    assert_eq!(keys.get(id).await.unwrap().source, KeySource::File);
    assert_eq!(keys.rotate(id, None).await.unwrap_err().code(), Code::ReadOnly);
    assert_eq!(keys.revoke(id, None).await.unwrap_err().code(), Code::ReadOnly);
    let nobody = Id::new(IdKind::Key);
    assert_eq!(keys.get(nobody).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(keys.revoke(nobody, None).await.unwrap_err().code(), Code::NotFound);

    for limit in 1..=7 {
        let mut names = String::new();
        let mut cursor = None;
        loop {
            let page = keys.list(PageRequest { cursor, limit }).await.unwrap();
            assert!(page.items.len() <= limit as usize && !page.items.is_empty());
            names.extend(page.items.iter().map(|key| key.spec.name.as_str()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(names, "abcdef", "pages of {limit}");
    }
    for cursor in ["", "file:x", "file:-1", "else:1"] {
        let page = PageRequest { cursor: Some(cursor.into()), limit: 10 };
        let fault = keys.list(page).await.unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some("cursor")), "{cursor}");
    }
}

#[tokio::test]
async fn changes_of_another_process_arrive_by_watching() {
    let (store, clock) = world();
    let (here, there) = (Arc::new(process(&store, &clock, &[])), process(&store, &clock, &[]));
    here.refresh().await.unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    here.watch(&tasks, stop.clone());
    let second = || async {
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(1));
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let made = there.create(named("ci")).await.unwrap();
    let secret = made.secret.expose();
    assert_eq!(who(&here, secret).await, Err(Code::InvalidKey));
    second().await;
    assert_eq!(who(&here, secret).await, Ok("ci".into()));

    store.dies_after(0);
    assert!(there.create(named("dead")).await.is_err());
    second().await;
    assert_eq!(who(&here, secret).await, Ok("ci".into()), "an outage refuses nobody");
    store.revive();

    there.revoke(made.view.id, None).await.unwrap();
    second().await;
    assert_eq!(who(&here, secret).await, Err(Code::InvalidKey));
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_stored_key_that_cannot_be_read_is_refused_and_harms_no_other() {
    let (store, clock) = world();
    let keys = process(&store, &clock, &[]);
    let made = keys.create(named("good")).await.unwrap();
    let body = serde_json::json!({ "from": "the future" });
    let id = Id::new(IdKind::Key).to_string();
    store.put(ResourceKind::Key, id, body, 0, clock.now()).await.unwrap();
    keys.refresh().await.unwrap();
    assert_eq!(who(&keys, made.secret.expose()).await, Ok("good".into()));
    assert_eq!(keys.list(PageRequest { cursor: None, limit: 10 }).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn an_old_database_is_read_for_ever() {
    // The document as release 0.1 wrote it. Never edit it: add a new sample beside it.
    let body = serde_json::json!({
        "spec": {
            "name": "ci", "team": "search", "scopes": ["inference"], "models": ["openai/*"],
            "limits": { "requests": "60/min" }, "expires": "2030-01-01T00:00:00.000000Z"
        },
        "hash": KeyHash::of("a-key-that-was-stored").to_string(),
        "hint": "ored",
        "revoked": null
    });
    let (store, clock) = world();
    let id = Id::new(IdKind::Key).to_string();
    store.put(ResourceKind::Key, id, body.clone(), 0, clock.now()).await.unwrap();
    let keys = process(&store, &clock, &[]);
    keys.refresh().await.unwrap();
    let caller = keys.index.identify(Some("a-key-that-was-stored")).await.unwrap();
    assert_eq!(caller.team.as_deref(), Some("search"));
    assert!(caller.may_use("openai/gpt-5") && !caller.may_use("claude/x"));
    let document: Document = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(serde_json::to_value(document).unwrap(), body, "what is written has changed");
}
