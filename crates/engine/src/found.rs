//! Kept responses, each with how it stands: over, or who makes it.
//!
//! There is one way to learn that, because a response may end between two looks. Whether it is made here is asked before it is
//! read: what a job makes is kept before the job is over (see [`Jobs`]), so that what is no longer made here is read as it ended,
//! and is never taken for what another instance makes.

use std::sync::Arc;

use contract::ports::{ResponseStore, StoreError, StoredResponse, Tenant};
use contract::words::Timestamp;

use crate::background::is_pending;
use crate::jobs::Jobs;

/// A response as it is kept.
pub(crate) struct Found {
    pub(crate) response: StoredResponse,
    pub(crate) state: State,
}

/// How a response stood when it was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is as it will stay.
    Over,
    /// It is made or followed here. It may have ended since.
    Here,
    /// Another instance makes or follows it, one that lives.
    Elsewhere,
    /// Nobody makes it.
    Lost,
}

impl Jobs {
    /// A tenant's response, unless it has come to its end.
    pub(crate) async fn find(
        &self,
        store: &dyn ResponseStore,
        (tenant, id): (&Tenant, &str),
        now: Timestamp,
    ) -> Result<Option<Found>, StoreError> {
        let name = (tenant.clone(), Arc::from(id));
        let was_here = self.is_running(&name);
        let Some(response) = store.find(tenant, id, now).await? else { return Ok(None) };
        let state = if !is_pending(&response.body) {
            State::Over
        } else if was_here || self.is_running(&name) {
            State::Here
        } else if response.making.as_ref().is_some_and(|making| making.lease > now) {
            State::Elsewhere
        } else {
            State::Lost
        };
        Ok(Some(Found { response, state }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;
    use contract::ports::{Answer, Holder, Making};

    use super::*;
    use crate::jobs::Job;
    use crate::ticket::tests::after;

    const NOW: Timestamp = Timestamp(1_000);

    /// A store of one response, and of what is over once that was read.
    struct One(StoredResponse, Mutex<Option<Job>>);

    impl ResponseStore for One {
        fn find<'a>(
            &'a self,
            _: &'a Tenant,
            _: &'a str,
            _: Timestamp,
        ) -> Answer<'a, Result<Option<StoredResponse>, StoreError>> {
            Answer::Later(Box::pin(async {
                drop(self.1.lock().unwrap().take());
                Ok(Some(self.0.clone()))
            }))
        }

        fn keep(&self, _: StoredResponse) {
            unreachable!()
        }

        fn secure(&self, _: StoredResponse) -> Answer<'static, ()> {
            unreachable!()
        }

        fn entrust(&self, _: StoredResponse) -> Answer<'_, Result<(), StoreError>> {
            unreachable!()
        }

        fn renew<'a>(
            &'a self,
            _: &'a str,
            _: &'a [(Tenant, Arc<str>)],
            _: Timestamp,
        ) -> Answer<'a, Result<(), StoreError>> {
            unreachable!()
        }

        fn give_away<'a>(&'a self, _: &'a str, _: Timestamp) -> Answer<'a, Result<(), StoreError>> {
            unreachable!()
        }

        fn claim<'a>(
            &'a self,
            _: &'a Arc<str>,
            _: Timestamp,
            _: Timestamp,
        ) -> Answer<'a, Result<Vec<StoredResponse>, StoreError>> {
            unreachable!()
        }

        fn is_known<'a>(&'a self, _: &'a str, _: Timestamp) -> Answer<'a, Result<bool, StoreError>> {
            unreachable!()
        }

        fn holders<'a>(
            &'a self,
            _: &'a Tenant,
            _: &'a [String],
            _: Timestamp,
        ) -> Answer<'a, Result<Vec<Holder>, StoreError>> {
            unreachable!()
        }

        fn remove<'a>(&'a self, _: &'a Tenant, _: &'a str) -> Answer<'a, Result<bool, StoreError>> {
            unreachable!()
        }
    }

    /// What is found of a response with this status, whose lease ends then, while this job is under way.
    async fn found(jobs: &Jobs, status: &str, lease: i64, ends: Option<Job>) -> State {
        let making = |lease| Making {
            owner: "one".into(),
            lease: Timestamp(lease),
            entries: Arc::new(after(|_| ()).entries),
        };
        let response = StoredResponse {
            id: "resp_1".into(),
            tenant: Tenant::kept("o"),
            created: Timestamp(0),
            until: Timestamp(2_000),
            previous: None,
            deployment: None,
            native: false,
            input: Bytes::new(),
            body: format!(r#"{{"id":"resp_1","status":"{status}","output":[]}}"#).into(),
            making: (lease > 0).then(|| making(lease)),
        };
        let (tenant, store) = (response.tenant.clone(), One(response, Mutex::new(ends)));
        jobs.find(&store, (&tenant, "resp_1"), NOW).await.unwrap().unwrap().state
    }

    #[tokio::test]
    async fn a_response_is_over_or_somebody_makes_it_or_nobody_does() {
        let jobs = Jobs::default();
        let (before, after) = (NOW.0 - 1, NOW.0 + 1);
        assert_eq!(found(&jobs, "in_progress", after, None).await, State::Elsewhere);
        assert_eq!(found(&jobs, "in_progress", before, None).await, State::Lost);
        assert_eq!(found(&jobs, "queued", 0, None).await, State::Lost);
        let job = jobs.begin((Tenant::kept("o"), "resp_1".into()));
        assert_eq!(found(&jobs, "in_progress", after, None).await, State::Here);
        assert_eq!(found(&jobs, "completed", after, job).await, State::Over);
    }

    #[tokio::test]
    async fn what_ends_here_while_it_is_looked_for_is_not_taken_for_another_instances() {
        let jobs = Jobs::default();
        let job = jobs.begin((Tenant::kept("o"), "resp_1".into()));
        assert_eq!(found(&jobs, "in_progress", NOW.0 + 1, job).await, State::Here);
        assert!(jobs.running().is_empty());
    }
}
