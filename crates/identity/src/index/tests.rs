//! Which keys are accepted, by source and over time.

use std::time::Duration;

use contract::settings::SecretText;
use contract::words::Timestamp;

use super::*;
use crate::fakes::HandClock;

const ADMIN_KEY: &str = "the-admins-own-key";

fn file_key(name: &str, secret: &str) -> KeyConfig {
    KeyConfig { name: name.into(), key: Some(SecretText::new(secret)), ..KeyConfig::default() }
}

fn auth(admin: Option<&str>, anonymous: bool) -> AuthConfig {
    AuthConfig { admin_key: admin.map(SecretText::new), anonymous }
}

fn code(index: &KeyIndex, presented: Option<&str>) -> Result<String, Code> {
    index.find(presented).map(|who| who.name.to_string()).map_err(|fault| fault.code())
}

#[test]
fn each_source_of_keys_is_found_and_anything_else_is_not() {
    let index = KeyIndex::new(
        &auth(Some(ADMIN_KEY), false),
        &[file_key("ci", "a-key-of-the-file")],
        Arc::new(HandClock::default()),
    );
    let id = Id::new(contract::words::IdKind::Key);
    let secret = key::mint().unwrap();
    let spec = KeySpec { name: "stored".into(), ..KeySpec::default() };
    index.keep(id, KeyHash::of(secret.expose()), Arc::new(principal(Some(id), &spec)));

    assert_eq!(code(&index, Some("a-key-of-the-file")), Ok("ci".into()));
    assert_eq!(code(&index, Some(secret.expose())), Ok("stored".into()));
    assert_eq!(code(&index, Some("a-key-of-the-file ")), Err(Code::InvalidKey));
    assert_eq!(code(&index, Some("")), Err(Code::InvalidKey));
    assert_eq!(code(&index, None), Err(Code::MissingKey));

    let admin = index.find(Some(ADMIN_KEY)).unwrap();
    assert_eq!((&*admin.name, admin.key), (ADMIN, None));
    assert!([Scope::Inference, Scope::AdminRead, Scope::AdminWrite].iter().all(|scope| admin.has(*scope)));
    assert!(!index.find(Some(secret.expose())).unwrap().has(Scope::AdminRead));

    index.forget(id);
    assert_eq!(code(&index, Some(secret.expose())), Err(Code::InvalidKey));
}

#[test]
fn a_mistyped_key_is_told_apart_from_an_unknown_one() {
    let index = KeyIndex::new(&AuthConfig::default(), &[], Arc::new(HandClock::default()));
    let secret = key::mint().unwrap();
    let unknown = index.find(Some(secret.expose())).unwrap_err();
    let mistyped = index.find(Some(&secret.expose()[..45])).unwrap_err();
    assert_eq!((unknown.code(), mistyped.code()), (Code::InvalidKey, Code::InvalidKey));
    assert!(mistyped.message().contains("mistyped"));
    assert!(!unknown.message().contains("mistyped"));
}

#[test]
fn anonymous_callers_get_inference_only_and_wrong_keys_stay_refused() {
    let index = KeyIndex::new(&auth(None, true), &[], Arc::new(HandClock::default()));
    let who = index.find(None).unwrap();
    assert_eq!((&*who.name, &who.scopes[..]), (ANONYMOUS, &[Scope::Inference][..]));
    assert_eq!(code(&index, Some("some-wrong-key-here")), Err(Code::InvalidKey));
}

#[test]
fn a_key_expires_at_its_instant() {
    let clock = Arc::new(HandClock::default());
    let mut config = file_key("ci", "a-key-of-the-file");
    config.expires = Some(Timestamp(clock.now().0 + 10_000_000));
    let index = KeyIndex::new(&AuthConfig::default(), &[config], Arc::<HandClock>::clone(&clock));
    clock.advance(Duration::from_micros(9_999_999));
    assert_eq!(code(&index, Some("a-key-of-the-file")), Ok("ci".into()));
    clock.advance(Duration::from_micros(1));
    assert_eq!(code(&index, Some("a-key-of-the-file")), Err(Code::ExpiredKey));
}

#[test]
fn a_reload_replaces_the_keys_of_the_file_and_leaves_stored_ones() {
    let index = KeyIndex::new(
        &auth(Some(ADMIN_KEY), true),
        &[file_key("old", "the-old-key-of-the-file")],
        Arc::new(HandClock::default()),
    );
    let id = Id::new(contract::words::IdKind::Key);
    let spec = KeySpec { name: "stored".into(), ..KeySpec::default() };
    index.keep(id, KeyHash::of("a-stored-key-here"), Arc::new(principal(Some(id), &spec)));

    index.replace_file_keys(&AuthConfig::default(), &[file_key("new", "the-new-key-of-the-file")]);
    assert_eq!(code(&index, Some("the-old-key-of-the-file")), Err(Code::InvalidKey));
    assert_eq!(code(&index, Some(ADMIN_KEY)), Err(Code::InvalidKey));
    assert_eq!(code(&index, None), Err(Code::MissingKey));
    assert_eq!(code(&index, Some("the-new-key-of-the-file")), Ok("new".into()));
    assert_eq!(code(&index, Some("a-stored-key-here")), Ok("stored".into()));
}

#[test]
fn the_file_wins_over_a_stored_key_with_the_same_secret() {
    let index = KeyIndex::new(
        &AuthConfig::default(),
        &[file_key("file", "the-same-secret-twice")],
        Arc::new(HandClock::default()),
    );
    let id = Id::new(contract::words::IdKind::Key);
    let spec = KeySpec { name: "stored".into(), scopes: vec![Scope::AdminWrite], ..KeySpec::default() };
    index.keep(id, KeyHash::of("the-same-secret-twice"), Arc::new(principal(Some(id), &spec)));
    assert_eq!(code(&index, Some("the-same-secret-twice")), Ok("file".into()));
}
