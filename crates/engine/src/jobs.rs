//! Answers that are made while nobody waits for them: which there are, how to stop one, how to end them all.
//!
//! How one ended is kept before its job is dropped: whoever finds no job reads it as it ended (see `found`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use contract::ports::{StoredResponse, Tenant};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

/// The most that are under way at once.
const MOST: usize = 1_000;
/// The most of them that are one tenant's.
const SHARE: usize = MOST / 2;

/// Different tenants may have answers of the same id.
pub(crate) type Name = (Tenant, Arc<str>);

pub(crate) fn name(response: &StoredResponse) -> Name {
    (response.tenant.clone(), Arc::clone(&response.id))
}

/// Those of this process.
#[derive(Clone, Default)]
pub(crate) struct Jobs {
    tracker: TaskTracker,
    closing: CancellationToken,
    running: Arc<Mutex<HashMap<Name, Signals>>>,
}

#[derive(Clone)]
struct Signals {
    stop: CancellationToken,
    ended: CancellationToken,
    told: Arc<Told>,
}

/// What somebody else has heard of an answer that is followed.
#[derive(Default)]
struct Told {
    body: Mutex<Option<Bytes>>,
    news: Notify,
}

/// One that is under way, until it is dropped.
pub(crate) struct Job {
    name: Name,
    signals: Signals,
    running: Arc<Mutex<HashMap<Name, Signals>>>,
}

impl Jobs {
    /// Begins one. None: there are too many, all in all or of this tenant, or the process stops.
    pub(crate) fn begin(&self, name: Name) -> Option<Job> {
        let mut running = held(&self.running);
        let theirs = || running.keys().filter(|(other, _)| *other == name.0).count();
        if running.len() >= MOST || theirs() >= SHARE || self.closing.is_cancelled() {
            return None;
        }
        let (stop, ended) = (self.closing.child_token(), CancellationToken::new());
        let signals = Signals { stop, ended, told: Arc::default() };
        running.insert(name.clone(), signals.clone());
        Some(Job { name, signals, running: Arc::clone(&self.running) })
    }

    /// Runs one.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    pub(crate) fn is_running(&self, name: &Name) -> bool {
        held(&self.running).contains_key(name)
    }

    fn signals(&self, name: &Name) -> Option<Signals> {
        held(&self.running).get(name).cloned()
    }

    /// Tells whoever follows an answer how it is now; gives whether anybody does.
    pub(crate) fn tell(&self, name: &Name, body: &Bytes) -> bool {
        let Some(Signals { told, .. }) = self.signals(name) else { return false };
        *held(&told.body) = Some(body.clone());
        told.news.notify_one();
        true
    }

    /// Stops one and waits until it has ended.
    pub(crate) async fn stop(&self, name: &Name) {
        if let Some(signals) = self.signals(name) {
            signals.stop.cancel();
            signals.ended.cancelled().await;
        }
    }

    /// Stops all of them and waits until they have ended.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Those that are under way.
    pub(crate) fn running(&self) -> Vec<Name> {
        held(&self.running).keys().cloned().collect()
    }

    /// Does the process stop?
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }
}

impl Job {
    /// Ends when it has to stop.
    pub(crate) async fn stopped(&self) {
        self.signals.stop.cancelled().await;
    }

    /// Has it to stop?
    pub(crate) fn is_stopped(&self) -> bool {
        self.signals.stop.is_cancelled()
    }

    /// As [`stopped`](Self::stopped), on its own.
    pub(crate) fn stop(&self) -> WaitForCancellationFutureOwned {
        self.signals.stop.clone().cancelled_owned()
    }

    /// Ends when somebody has heard how the answer is.
    pub(crate) async fn told(&self) -> Bytes {
        let Told { body, news } = &*self.signals.told;
        loop {
            if let Some(body) = held(body).take() {
                return body;
            }
            news.notified().await;
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        held(&self.running).remove(&self.name);
        self.signals.ended.cancel();
    }
}

fn held<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use contract::words::Principal;

    use super::*;

    fn tenant(team: &str) -> Tenant {
        Tenant::of(&Principal {
            key: None,
            name: "k".into(),
            org: "o".into(),
            team: Some(team.into()),
            app: None,
            scopes: Vec::new(),
            models: Vec::new(),
            requests: None,
            expires: None,
        })
    }

    #[test]
    fn a_tenant_leaves_room_for_others() {
        let jobs = Jobs::default();
        let begin = |team: &str, nth: usize| jobs.begin((tenant(team), nth.to_string().into()));
        let theirs: Vec<Job> = (0..SHARE).map(|nth| begin("a", nth).unwrap()).collect();
        assert!(begin("a", SHARE).is_none());
        let other = begin("b", 0);
        assert!(other.is_some());
        drop(theirs);
        assert!(begin("a", 0).is_some());
    }
}
