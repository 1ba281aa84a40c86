//! The lookup each request makes: from the text of a key to the caller behind it, in memory.
//!
//! A key is found by its SHA-256 in a hash map that is swapped whole when keys change, so a lookup takes no lock. No
//! constant-time comparison is needed: what is compared are hashes. How long that takes can tell at most how far the
//! hash of a guess agrees with a stored hash, and no one can choose a text by its SHA-256.
//!
//! Nothing here reads the database; [`crate::Keys`] does and hands the result in.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use contract::ports::{Answer, Clock, KeySource, KeySpec, KeyView, Keyring};
use contract::words::{Id, Principal, Scope};
use contract::{Code, Fault};

use crate::config::{ADMIN, ANONYMOUS, AuthConfig, KeyConfig};
use crate::key::{self, KeyHash};

/// The organisation of keys that name none.
const DEFAULT_ORG: &str = "default";

/// All keys that are accepted now. Its parts come from the file and from the database; the admin key wins over both, and
/// a key of the file over a stored one.
pub struct KeyIndex {
    live: ArcSwap<Live>,
    parts: Mutex<Parts>,
    clock: Arc<dyn Clock>,
}

type Callers = HashMap<KeyHash, Arc<Principal>, BuildHasherDefault<Prehashed>>;

struct Live {
    callers: Callers,
    anonymous: Option<Arc<Principal>>,
}

struct Parts {
    admin: Option<KeyHash>,
    anonymous: bool,
    file: Arc<[FileKey]>,
    stored: HashMap<Id, (KeyHash, Arc<Principal>)>,
}

/// A key of the file.
pub(crate) struct FileKey {
    hash: KeyHash,
    principal: Arc<Principal>,
    /// As it is listed.
    pub(crate) view: KeyView,
}

impl KeyIndex {
    /// An index of the admin key and the keys of the file.
    pub fn new(auth: &AuthConfig, keys: &[KeyConfig], clock: Arc<dyn Clock>) -> Self {
        let parts = Parts {
            admin: admin_hash(auth),
            anonymous: auth.anonymous,
            file: file_keys(keys),
            stored: HashMap::new(),
        };
        Self { live: ArcSwap::from_pointee(parts.assemble()), parts: Mutex::new(parts), clock }
    }

    /// Puts the keys of a reloaded file in place of those before; stored keys stay.
    pub fn replace_file_keys(&self, auth: &AuthConfig, keys: &[KeyConfig]) {
        let (admin, file) = (admin_hash(auth), file_keys(keys));
        self.change(|parts| {
            parts.admin = admin;
            parts.anonymous = auth.anonymous;
            parts.file = file;
        });
    }

    /// Puts these stored keys in place of those before.
    pub(crate) fn replace_stored(&self, stored: HashMap<Id, (KeyHash, Arc<Principal>)>) {
        self.change(|parts| parts.stored = stored);
    }

    /// Accepts a stored key from now on, with this secret only.
    pub(crate) fn keep(&self, id: Id, hash: KeyHash, principal: Arc<Principal>) {
        self.change(|parts| {
            parts.stored.insert(id, (hash, principal));
        });
    }

    /// Refuses a stored key from now on.
    pub(crate) fn forget(&self, id: Id) {
        self.change(|parts| {
            parts.stored.remove(&id);
        });
    }

    /// The keys of the file, in its order.
    pub(crate) fn file_keys(&self) -> Arc<[FileKey]> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&parts.file)
    }

    /// Does the configuration itself let anyone in to the admin API?
    pub(crate) fn has_configured_admin(&self) -> bool {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.admin.is_some() || parts.file.iter().any(|key| key.principal.has(Scope::AdminWrite))
    }

    fn change(&self, edit: impl FnOnce(&mut Parts)) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        edit(&mut parts);
        // Stored while the lock is held, so that of two changes the later one is what stays.
        self.live.store(Arc::new(parts.assemble()));
    }

    fn find(&self, presented: Option<&str>) -> Result<Arc<Principal>, Fault> {
        let live = self.live.load();
        let Some(text) = presented else {
            return live.anonymous.clone().ok_or_else(|| Fault::new(Code::MissingKey));
        };
        if !key::well_formed(text) {
            return Err(Fault::saying(
                Code::InvalidKey,
                "The API key is incomplete or mistyped: its checksum does not match. Copy it again in full.",
            ));
        }
        let who = live.callers.get(&KeyHash::of(text)).ok_or(Code::InvalidKey)?;
        match who.expires {
            Some(end) if self.clock.now() >= end => Err(Fault::new(Code::ExpiredKey)),
            _ => Ok(Arc::clone(who)),
        }
    }
}

impl Keyring for KeyIndex {
    fn identify<'a>(&'a self, presented: Option<&'a str>) -> Answer<'a, Result<Arc<Principal>, Fault>> {
        Answer::now(self.find(presented))
    }
}

impl Parts {
    fn assemble(&self) -> Live {
        let mut callers = Callers::default();
        callers.reserve(self.stored.len() + self.file.len() + 1);
        callers.extend(self.stored.values().map(|(hash, who)| (*hash, Arc::clone(who))));
        callers.extend(self.file.iter().map(|key| (key.hash, Arc::clone(&key.principal))));
        if let Some(hash) = self.admin {
            callers.insert(
                hash,
                Arc::new(keyless(ADMIN, &[Scope::Inference, Scope::AdminRead, Scope::AdminWrite])),
            );
        }
        let anonymous = self.anonymous.then(|| Arc::new(keyless(ANONYMOUS, &[Scope::Inference])));
        Live { callers, anonymous }
    }
}

fn keyless(name: &str, scopes: &[Scope]) -> Principal {
    principal(None, &KeySpec { name: name.to_owned(), scopes: scopes.to_vec(), ..KeySpec::default() })
}

/// The caller that a key stands for.
pub(crate) fn principal(key: Option<Id>, spec: &KeySpec) -> Principal {
    let shared = |text: &Option<String>| text.as_deref().map(Arc::from);
    Principal {
        key,
        name: spec.name.as_str().into(),
        org: spec.org.as_deref().unwrap_or(DEFAULT_ORG).into(),
        team: shared(&spec.team),
        app: shared(&spec.app),
        scopes: if spec.scopes.is_empty() { vec![Scope::Inference] } else { spec.scopes.clone() },
        models: spec.models.clone(),
        requests: spec.limits.requests,
        expires: spec.expires,
    }
}

fn admin_hash(auth: &AuthConfig) -> Option<KeyHash> {
    auth.admin_key.as_ref().map(|key| KeyHash::of(key.reveal().expose()))
}

fn file_keys(keys: &[KeyConfig]) -> Arc<[FileKey]> {
    keys.iter()
        .filter_map(|config| {
            let (hash, id, spec) = (config.hash()?, config.id(), config.spec());
            let principal = Arc::new(principal(Some(id), &spec));
            let hint = config.key.as_ref().and_then(|key| key::hint(key.reveal().expose()));
            let view =
                KeyView { id, spec, hint, source: KeySource::File, created: None, revoked: None, version: 0 };
            Some(FileKey { hash, principal, view })
        })
        .collect()
}

/// Takes the eight bytes that [`KeyHash`] offers as they are: hashing a SHA-256 again would only cost time. Nobody can
/// fill one bucket on purpose, because only secrets made here or by the operator are inserted.
#[derive(Default)]
struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
