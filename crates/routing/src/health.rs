//! How each deployment has been doing on this instance. Survives a change of snapshot.
//!
//! A record is kept for every target of an alias, and for what has answered once: clients can make up any number of names
//! that never do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use contract::Code;
use contract::fault::Blame;
use contract::ports::Health;

/// Most deployments that are remembered, besides those of the configuration: some upstreams answer to any name.
const MOST: usize = 4_096;

/// The memory of all deployments.
#[derive(Debug, Default)]
pub struct Healths {
    deployments: RwLock<HashMap<Arc<str>, Arc<Record>>>,
}

#[derive(Debug)]
struct Record {
    attempts: AtomicU64,
    failures: AtomicU64,
    consecutive: AtomicU64,
    /// Index into `Code::ALL` plus one; 0 is none.
    last_error: AtomicU64,
    /// Moving average in microseconds plus one; 0 is none.
    first_byte: AtomicU64,
}

impl Record {
    const fn new() -> Self {
        Self {
            attempts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            consecutive: AtomicU64::new(0),
            last_error: AtomicU64::new(0),
            first_byte: AtomicU64::new(0),
        }
    }

    fn note(&self, outcome: Result<Duration, Code>) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(first_byte) => {
                self.consecutive.store(0, Ordering::Relaxed);
                self.average(u64::try_from(first_byte.as_micros()).unwrap_or(u64::MAX));
            }
            Err(code) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.consecutive.fetch_add(1, Ordering::Relaxed);
                let index = Code::ALL.iter().position(|known| *known == code).map_or(0, |at| at as u64 + 1);
                self.last_error.store(index, Ordering::Relaxed);
            }
        }
    }

    /// An exponential moving average with weight 1/8. Races lose a sample at worst.
    fn average(&self, sample: u64) {
        let before = self.first_byte.load(Ordering::Relaxed);
        let after = if before == 0 { sample } else { before - 1 - (before - 1) / 8 + sample / 8 };
        self.first_byte.store(after.saturating_add(1), Ordering::Relaxed);
    }

    fn view(&self, deployment: &str) -> Health {
        let last = usize::try_from(self.last_error.load(Ordering::Relaxed)).unwrap_or(0);
        Health {
            deployment: deployment.to_owned(),
            attempts: self.attempts.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            last_error: last
                .checked_sub(1)
                .and_then(|at| Code::ALL.get(at))
                .map(|code| code.as_str().to_owned()),
            consecutive_failures: self.consecutive.load(Ordering::Relaxed),
            first_byte_us: self.first_byte.load(Ordering::Relaxed).checked_sub(1),
        }
    }
}

impl Healths {
    /// Keeps a record of these from now on, whether they ever answer or not.
    pub fn expect<'a>(&self, deployments: impl IntoIterator<Item = &'a Arc<str>>) {
        let mut known = self.deployments.write().unwrap_or_else(PoisonError::into_inner);
        for deployment in deployments {
            known.entry(Arc::clone(deployment)).or_insert_with(|| Arc::new(Record::new()));
        }
    }

    /// Notes how an attempt went. What says nothing about the deployment, such as a request that it had reason to refuse, is
    /// passed over, as are failures of a deployment that nobody knows.
    pub fn note(&self, deployment: &Arc<str>, outcome: Result<Duration, Code>) {
        if outcome.is_err_and(|code| code.blame() != Blame::Upstream || code == Code::UpstreamRejected) {
            return;
        }
        let deployments = self.deployments.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = deployments.get(deployment) {
            record.note(outcome);
        } else if outcome.is_ok() {
            drop(deployments);
            self.first(deployment, outcome);
        }
    }

    fn first(&self, deployment: &Arc<str>, outcome: Result<Duration, Code>) {
        let mut deployments = self.deployments.write().unwrap_or_else(PoisonError::into_inner);
        if deployments.len() < MOST || deployments.contains_key(deployment) {
            let record = deployments.entry(Arc::clone(deployment)).or_insert_with(|| Arc::new(Record::new()));
            record.note(outcome);
        }
    }

    /// How every deployment that was tried has been doing, by name.
    #[must_use]
    pub fn view(&self) -> Vec<Health> {
        let deployments = self.deployments.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Health> = deployments
            .iter()
            .map(|(name, record)| record.view(name))
            .filter(|health| health.attempts > 0)
            .collect();
        drop(deployments);
        all.sort_by(|left, right| left.deployment.cmp(&right.deployment));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_until_a_success() {
        let healths = Healths::default();
        let name: Arc<str> = "house/x".into();
        healths.expect([&name]);
        assert!(healths.view().is_empty(), "not tried yet");
        healths.note(&name, Err(Code::UpstreamTimeout));
        healths.note(&name, Err(Code::UpstreamError));
        let view = &healths.view()[0];
        assert_eq!((view.attempts, view.failures, view.consecutive_failures), (2, 2, 2));
        assert_eq!(view.last_error.as_deref(), Some("upstream_error"));
        assert_eq!(view.first_byte_us, None);

        healths.note(&name, Ok(Duration::from_micros(800)));
        let view = &healths.view()[0];
        assert_eq!((view.consecutive_failures, view.first_byte_us), (0, Some(800)));
    }

    #[test]
    fn names_made_up_by_clients_do_not_grow_the_memory() {
        let healths = Healths::default();
        for number in 0..MOST + 10 {
            healths.note(&format!("house/{number}").into(), Err(Code::UpstreamError));
        }
        assert!(healths.view().is_empty());
        let real: Arc<str> = "house/real".into();
        healths.note(&real, Ok(Duration::from_micros(800)));
        healths.note(&real, Err(Code::UpstreamError));
        let view = healths.view();
        assert_eq!((view.len(), view[0].attempts, view[0].failures), (1, 2, 1));
    }

    #[test]
    fn names_that_answer_are_remembered_up_to_a_cap() {
        let healths = Healths::default();
        for number in 0..MOST + 10 {
            healths.note(&format!("house/{number}").into(), Ok(Duration::ZERO));
        }
        assert_eq!(healths.view().len(), MOST);
    }

    #[test]
    fn a_refused_request_says_nothing_about_the_deployment() {
        let healths = Healths::default();
        let name: Arc<str> = "house/x".into();
        healths.note(&name, Ok(Duration::from_micros(800)));
        for code in [Code::UpstreamRejected, Code::BodyTooLarge, Code::ClientGone] {
            healths.note(&name, Err(code));
        }
        let view = &healths.view()[0];
        assert_eq!((view.attempts, view.failures, view.consecutive_failures), (1, 0, 0));
        assert_eq!(view.last_error, None);
    }
}
