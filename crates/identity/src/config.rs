//! The settings `auth` and `keys`, and what must hold of them beyond their schema.
//!
//! The checks gather every fault instead of stopping at the first. Values are used elsewhere: see [`crate::KeyIndex`].

use std::collections::HashMap;

use contract::ports::{KeyLimits, KeySpec};
use contract::settings::{Faults, SecretText};
use contract::words::{Id, IdKind, Pattern, Scope, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::key::{self, KeyHash};

/// Who may call without a key of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// A key for the admin API and for models, of at least 16 characters. Without it, the first start makes one and
    /// prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_key: Option<SecretText>,
    /// Serve models to callers that send no key at all. A wrong key is still refused. Only allowed while every listener
    /// is on a loopback address.
    pub anonymous: bool,
}

/// One key of the file. Exactly one of `key_hash` and `key` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Its name, unique among keys; shown in logs and metrics.
    pub name: String,
    /// The SHA-256 of the key: `sha256:` and 64 hex digits, as `pathgate key hash` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^sha256:[0-9A-Fa-f]{64}$"))]
    pub key_hash: Option<String>,
    /// The key itself, of at least 16 characters; best as `${ENV}` or `file:PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretText>,
    /// The organisation that pays; `default` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// The team within the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The app within the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What it may be used for; `[inference]` when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<Scope>,
    /// Models it may name, exactly or by a prefix ending in `*`; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Pattern>,
    /// What it may consume; no limit when left out.
    #[serde(default)]
    pub limits: KeyLimits,
    /// From when on it is refused (RFC 3339); never when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires: Option<Timestamp>,
}

impl KeyConfig {
    /// What the key is to be, its secret aside.
    #[must_use]
    pub fn spec(&self) -> KeySpec {
        KeySpec {
            name: self.name.clone(),
            org: self.org.clone(),
            team: self.team.clone(),
            app: self.app.clone(),
            scopes: self.scopes.clone(),
            models: self.models.clone(),
            limits: self.limits.clone(),
            expires: self.expires,
        }
    }

    /// The hash it is found by; none when neither or both were given, or the hash is malformed: [`check_keys`] says so.
    #[must_use]
    pub fn hash(&self) -> Option<KeyHash> {
        match (&self.key_hash, &self.key) {
            (Some(text), None) => text.parse().ok(),
            (None, Some(key)) => Some(KeyHash::of(key.reveal().expose())),
            _ => None,
        }
    }

    /// Its id: made from the name, so that it stays the same over restarts and changes of the secret. The form is
    /// UUIDv8 (RFC 9562 §5.8).
    #[must_use]
    pub fn id(&self) -> Id {
        let mut bytes = KeyHash::of(&format!("pathgate key of the file\n{}", self.name)).half();
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Id::from_parts(IdKind::Key, bytes)
    }
}

/// Checks `auth`. `listens_on_loopback`: every listener that serves models is on a loopback address.
pub fn check(auth: &AuthConfig, listens_on_loopback: bool, faults: &mut Faults) {
    if let Some(key) = &auth.admin_key {
        check_chosen("auth.admin_key", key.reveal().expose(), faults);
    }
    if auth.anonymous && !listens_on_loopback {
        faults.add(
            "auth.anonymous",
            "anyone who reaches this address could use your providers: listen on a loopback address (127.0.0.1 or ::1), or set this to false and hand out keys",
        );
    }
}

/// Checks `keys`, each by itself and against the others.
pub fn check_keys(keys: &[KeyConfig], auth: &AuthConfig, faults: &mut Faults) {
    let mut names = HashMap::new();
    let mut hashes = HashMap::new();
    if let Some(admin) = &auth.admin_key {
        hashes.insert(KeyHash::of(admin.reveal().expose()), "auth.admin_key".to_owned());
    }
    for (at, key) in keys.iter().enumerate() {
        let path = format!("keys[{at}]");
        if let Err((field, message)) = check_spec(&key.spec()) {
            faults.add(format!("{path}.{field}"), message);
        }
        check_secret(&path, key, faults);
        if let Some(first) = names.insert(key.name.as_str(), at) {
            faults.add(format!("{path}.name"), format!("keys[{first}] has this name already"));
        }
        if let Some(first) = key.hash().and_then(|hash| hashes.insert(hash, path.clone())) {
            faults.add(path, format!("this is the same secret as {first}: every key needs its own"));
        }
    }
}

fn check_secret(path: &str, config: &KeyConfig, faults: &mut Faults) {
    match (&config.key_hash, &config.key) {
        (Some(_), Some(_)) => faults.add(path, "give either `key_hash` or `key`, not both"),
        (None, None) => faults.add(path, "give `key_hash` (what `pathgate key hash` prints) or `key`"),
        (Some(text), None) => {
            if let Err(error) = text.parse::<KeyHash>() {
                faults.add(format!("{path}.key_hash"), error.to_string());
            }
        }
        (None, Some(chosen)) => check_chosen(&format!("{path}.key"), chosen.reveal().expose(), faults),
    }
}

fn check_chosen(path: &str, text: &str, faults: &mut Faults) {
    let sendable = |byte: u8| byte.is_ascii_graphic();
    if text.len() < key::MIN_CHOSEN_LEN {
        faults.add(path, format!("too short to be safe: at least {} characters", key::MIN_CHOSEN_LEN));
    } else if text.len() > key::MAX_LEN {
        faults.add(path, format!("too long: at most {} characters", key::MAX_LEN));
    } else if !text.bytes().all(sendable) {
        faults.add(path, "only printable ASCII without spaces can be sent in a header");
    } else if !key::well_formed(text) {
        faults.add(path, "mistyped or incomplete: it begins with `pgk_` but its checksum does not match");
    }
}

/// The longest name, organisation, team, app or model pattern, in bytes.
const MAX_NAME: usize = 128;

/// Names of callers that have no key in the list; a key of that name would be mistaken for them in logs and metrics.
pub(crate) const ADMIN: &str = "admin";
pub(crate) const ANONYMOUS: &str = "anonymous";

/// What is wrong with a key's description: the field and what to do. Shared by the file and the admin API.
pub(crate) fn check_spec(spec: &KeySpec) -> Result<(), (&'static str, String)> {
    const FORM: &str =
        "must be 1 to 128 letters, digits or any of . _ - @ : / +, beginning with a letter or digit";
    if !is_name(&spec.name) {
        return Err(("name", FORM.to_owned()));
    }
    if spec.name == ADMIN || spec.name == ANONYMOUS {
        return Err(("name", format!("`{}` is taken by the gateway itself: choose another name", spec.name)));
    }
    for (field, value) in [("org", &spec.org), ("team", &spec.team), ("app", &spec.app)] {
        if value.as_deref().is_some_and(|value| !is_name(value)) {
            return Err((field, FORM.to_owned()));
        }
    }
    for pattern in &spec.models {
        let text = pattern.as_str();
        let stem = text.strip_suffix('*').unwrap_or(text);
        if text.is_empty() || text.len() > MAX_NAME || stem.contains('*') {
            return Err((
                "models",
                format!("`{text}` must be a model's name, or a prefix ending in its only `*`"),
            ));
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@:/+".contains(&byte);
    text.len() <= MAX_NAME
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(run: impl FnOnce(&mut Faults)) -> Vec<String> {
        let mut faults = Faults::default();
        run(&mut faults);
        faults.problems().iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
    }

    fn config(value: serde_json::Value) -> KeyConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn anonymous_is_refused_off_loopback() {
        let auth = AuthConfig { admin_key: None, anonymous: true };
        assert!(faults(|to| check(&auth, true, to)).is_empty());
        assert!(faults(|to| check(&auth, false, to))[0].starts_with("auth.anonymous: "));
    }

    #[test]
    fn admin_keys_must_be_long_whole_and_sendable() {
        let with = |text: &str| {
            let auth = AuthConfig { admin_key: Some(SecretText::new(text)), anonymous: false };
            faults(|to| check(&auth, false, to))
        };
        assert!(with("sixteen-letters!").is_empty());
        assert!(with("fifteen-letters")[0].contains("at least 16"));
        assert!(with("with a space in it")[0].contains("printable"));
        assert!(with("pgk_something-of-mine")[0].contains("checksum"));
        assert!(with(&"x".repeat(513))[0].contains("at most"));
        assert!(with("").len() == 1);
    }

    #[test]
    fn the_shape_of_the_design_is_read_and_anything_else_refused() {
        let hash = KeyHash::of("some key").to_string();
        let key = config(json!({
            "name": "ci", "key_hash": hash, "models": ["fast"], "limits": { "requests": "60/min" }
        }));
        assert_eq!(key.hash(), Some(KeyHash::of("some key")));
        assert_eq!(key.spec().limits.requests.unwrap().count, 60);
        assert!(faults(|to| check_keys(&[key], &AuthConfig::default(), to)).is_empty());
        for wrong in [json!({ "name": "ci", "keyhash": "x" }), json!({ "key_hash": "x" })] {
            assert!(serde_json::from_value::<KeyConfig>(wrong).is_err());
        }
    }

    #[test]
    fn the_schema_is_closed() {
        for schema in [schemars::schema_for!(KeyConfig), schemars::schema_for!(AuthConfig)] {
            assert_eq!(schema.get("additionalProperties"), Some(&json!(false)));
        }
    }

    #[test]
    fn a_key_of_the_file_can_say_whatever_a_key_can() {
        let whole = |schema: schemars::Schema| {
            let properties = schema.get("properties").unwrap().as_object().unwrap().clone();
            properties.into_iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>()
        };
        let mut file = whole(schemars::schema_for!(KeyConfig));
        assert!(file.remove("key_hash") && file.remove("key"));
        assert_eq!(file, whole(schemars::schema_for!(KeySpec)));
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let auth = AuthConfig { admin_key: Some(SecretText::new("the-admins-own-key")), anonymous: false };
        let keys = [
            config(json!({ "name": "a", "key": "first-key-of-the-list" })),
            config(json!({ "name": "a", "key": "first-key-of-the-list" })),
            config(json!({ "name": "b", "key_hash": "sha256:short" })),
            config(json!({ "name": "c" })),
            config(json!({ "name": "d", "key": "the-admins-own-key" })),
            config(json!({ "name": "admin", "key": "another-key-of-mine" })),
            config(json!({ "name": "no spaces", "key": "short", "key_hash": "x" })),
            config(json!({ "name": "e", "key": "yet-another-key-of-mine", "models": ["a*b"] })),
        ];
        let found = faults(|to| check_keys(&keys, &auth, to));
        let paths: Vec<_> = found.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
        assert_eq!(
            paths,
            [
                "keys[1].name",
                "keys[1]",
                "keys[2].key_hash",
                "keys[3]",
                "keys[4]",
                "keys[5].name",
                "keys[6].name",
                "keys[6]",
                "keys[7].models"
            ]
        );
        assert!(!found.join("\n").contains("first-key-of-the-list"), "a fault shows a secret");
    }

    #[test]
    fn ids_depend_on_the_name_alone() {
        let one = config(json!({ "name": "a", "key": "first-key-of-the-list" }));
        let two = config(json!({ "name": "a", "key": "a-different-secret-now" }));
        let other = config(json!({ "name": "b", "key": "first-key-of-the-list" }));
        assert_eq!(one.id(), two.id());
        assert_ne!(one.id(), other.id());
    }
}
