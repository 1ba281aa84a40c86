//! The first start, whole and torn at every write.

use std::sync::Arc;

use contract::Code;
use contract::ports::{Clock, KeyAdmin, Keyring, PageRequest};
use contract::settings::SecretText;

use super::*;
use crate::config::{AuthConfig, KeyConfig};
use crate::fakes::{HandClock, MemoryStore, world};
use crate::index::KeyIndex;

fn started(store: &Arc<MemoryStore>, clock: &Arc<HandClock>, auth: &AuthConfig, file: &[KeyConfig]) -> Keys {
    let clock: Arc<dyn Clock> = Arc::<HandClock>::clone(clock);
    let index = Arc::new(KeyIndex::new(auth, file, Arc::clone(&clock)));
    Keys::new(Arc::<MemoryStore>::clone(store), index, clock)
}

fn plain(store: &Arc<MemoryStore>, clock: &Arc<HandClock>) -> Keys {
    started(store, clock, &AuthConfig::default(), &[])
}

async fn scopes(keys: &Keys, minted: &MintedKey) -> Result<Vec<Scope>, Code> {
    let found = keys.index.identify(Some(minted.secret.expose())).await;
    found.map(|who| who.scopes.clone()).map_err(|fault| fault.code())
}

async fn names(keys: &Keys) -> Vec<String> {
    let page = keys.list(PageRequest { cursor: None, limit: 100 }).await.unwrap();
    page.items.into_iter().map(|key| key.spec.name).collect()
}

#[tokio::test]
async fn the_first_start_makes_two_keys_and_later_ones_none() {
    let (store, clock) = world();
    let keys = plain(&store, &clock);
    let first = keys.bootstrap().await.unwrap().unwrap();
    keys.confirm(&first).await.unwrap();
    assert_eq!(scopes(&keys, &first.admin).await.unwrap().len(), 3);
    assert_eq!(scopes(&keys, &first.first).await.unwrap(), [Scope::Inference]);
    assert!(!store.everything().contains(first.admin.secret.expose()), "the secret was stored");

    let later = plain(&store, &clock);
    later.refresh().await.unwrap();
    assert!(later.bootstrap().await.unwrap().is_none());
    assert!(scopes(&later, &first.admin).await.is_ok());
    assert_eq!(names(&later).await, ["first-admin", "first"]);
}

#[tokio::test]
async fn keys_stay_revoked_after_the_first_start() {
    let (store, clock) = world();
    let keys = plain(&store, &clock);
    let first = keys.bootstrap().await.unwrap().unwrap();
    keys.confirm(&first).await.unwrap();
    for key in [&first.admin, &first.first] {
        keys.revoke(key.view.id, None).await.unwrap();
    }
    assert!(plain(&store, &clock).bootstrap().await.unwrap().is_none());
}

#[tokio::test]
async fn a_crash_at_any_write_loses_nothing() {
    // Writes of a first start: record, claim, key, claim, key, record.
    for survived in 0..=6 {
        let (store, clock) = world();
        store.dies_after(survived);
        let dying = plain(&store, &clock);
        let printed = match dying.bootstrap().await {
            Ok(Some(keys)) => dying.confirm(&keys).await.ok().map(|()| keys),
            Ok(None) => panic!("nothing was set up yet"),
            Err(_) => None,
        };
        assert_eq!(printed.is_some(), survived == 6, "died after {survived} writes");
        store.revive();

        let keys = plain(&store, &clock);
        keys.refresh().await.unwrap();
        let again = keys.bootstrap().await.unwrap();
        let valid = match (printed, again) {
            (Some(keys), None) => keys,
            (None, Some(keys)) => keys,
            _ => panic!("died after {survived} writes: keys printed twice or never"),
        };
        assert_eq!(scopes(&keys, &valid.admin).await.unwrap().len(), 3);
        assert_eq!(scopes(&keys, &valid.first).await.unwrap(), [Scope::Inference]);
        assert_eq!(
            names(&keys).await.len(),
            2,
            "died after {survived} writes: a key that nobody knows is left"
        );
    }
}

#[tokio::test]
async fn a_crash_before_printing_gives_the_same_keys_new_secrets() {
    let (store, clock) = world();
    let lost = plain(&store, &clock).bootstrap().await.unwrap().unwrap();
    let keys = plain(&store, &clock);
    let found = keys.bootstrap().await.unwrap().unwrap();
    assert_eq!(found.admin.view.id, lost.admin.view.id);
    assert_eq!(scopes(&keys, &lost.admin).await, Err(Code::InvalidKey));
    assert!(scopes(&keys, &found.admin).await.is_ok());
    assert!(matches!(keys.confirm(&lost).await, Err(SetupError::Superseded)));
    keys.confirm(&found).await.unwrap();
}

#[tokio::test]
async fn two_processes_at_once_leave_one_pair_of_working_keys() {
    let (store, clock) = world();
    let (one, two) = (plain(&store, &clock), plain(&store, &clock));
    let (first, second) = tokio::join!(one.bootstrap(), two.bootstrap());
    let mut confirmed = Vec::new();
    for (keys, made) in [(&one, first), (&two, second)] {
        if let Ok(Some(made)) = made
            && keys.confirm(&made).await.is_ok()
        {
            confirmed.push(made);
        }
    }
    assert_eq!(confirmed.len(), 1);
    let later = plain(&store, &clock);
    later.refresh().await.unwrap();
    assert!(scopes(&later, &confirmed[0].admin).await.is_ok());
    assert_eq!(names(&later).await.len(), 2);
}

#[tokio::test]
async fn a_configured_admin_needs_no_first_keys() {
    let (store, clock) = world();
    let auth = AuthConfig { admin_key: Some(SecretText::new("the-admins-own-key")), anonymous: false };
    assert!(started(&store, &clock, &auth, &[]).bootstrap().await.unwrap().is_none());
    let file = KeyConfig {
        name: "ops".into(),
        key: Some(SecretText::new("the-key-of-operations")),
        scopes: vec![Scope::AdminRead, Scope::AdminWrite],
        ..KeyConfig::default()
    };
    assert!(started(&store, &clock, &AuthConfig::default(), &[file]).bootstrap().await.unwrap().is_none());
    assert_eq!(store.everything(), "[]");
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_suffix() {
    let (store, clock) = world();
    let file = KeyConfig {
        name: "first".into(),
        key: Some(SecretText::new("a-key-of-the-file")),
        ..KeyConfig::default()
    };
    let keys = started(&store, &clock, &AuthConfig::default(), &[file]);
    keys.create(KeySpec { name: "first-admin".into(), ..KeySpec::default() }).await.unwrap();
    let made = keys.bootstrap().await.unwrap().unwrap();
    assert!(made.first.view.spec.name.starts_with("first-"));
    assert!(made.admin.view.spec.name.starts_with("first-admin-"));
}
