//! The ledger in memory.

use contract::ports::{
    AttemptEntry, BoxFuture, LedgerFilter, LedgerLine, LedgerStore, Page, PageRequest, RequestEntry,
    StoreError,
};

use super::Memory;
use crate::cursor::{self, Position};

/// A ledger line of this request.
pub(super) fn line(request: &RequestEntry, attempt: AttemptEntry) -> LedgerLine {
    LedgerLine {
        request: request.id,
        key: request.key,
        key_name: request.key_name.clone(),
        org: request.org.clone(),
        team: request.team.clone(),
        app: request.app.clone(),
        model: request.model.clone(),
        attempt,
    }
}

fn keeps(filter: &LedgerFilter, line: &LedgerLine) -> bool {
    filter.since.is_none_or(|since| line.attempt.at >= since)
        && filter.until.is_none_or(|until| line.attempt.at < until)
        && filter.key.is_none_or(|key| line.key == Some(key))
        && filter.request.is_none_or(|request| line.request == request)
        && filter.provider.as_deref().is_none_or(|provider| *line.attempt.provider == *provider)
        && filter.deployment.as_deref().is_none_or(|deployment| *line.attempt.deployment == *deployment)
}

impl LedgerStore for Memory {
    fn attempts(
        &self,
        filter: LedgerFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<LedgerLine>, StoreError>> {
        let found = page.cursor.as_deref().map(Position::decode).transpose().map(|after| {
            self.state().ledger.page(after, cursor::page_size(page.limit), |line| keeps(&filter, line))
        });
        Box::pin(async move { found })
    }
}
