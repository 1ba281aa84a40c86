//! How each deployment has been doing on this instance. Survives a change of snapshot.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use contract::Code;
use contract::ports::Health;

/// Most deployments that are remembered: clients can name any upstream model of a provider.
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
    /// Notes how an attempt went.
    pub fn note(&self, deployment: &Arc<str>, outcome: Result<Duration, Code>) {
        let known = {
            let deployments = self.deployments.read().unwrap_or_else(PoisonError::into_inner);
            deployments.get(deployment).map(Arc::clone)
        };
        match known {
            Some(record) => record.note(outcome),
            None => self.first(deployment, outcome),
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
        let mut all: Vec<Health> = deployments.iter().map(|(name, record)| record.view(name)).collect();
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
            healths.note(&format!("house/{number}").into(), Err(Code::UpstreamRejected));
        }
        assert_eq!(healths.view().len(), MOST);
    }
}
