//! The request log in memory.

use contract::ports::{BoxFuture, LogFilter, LogStore, Page, PageRequest, RequestEntry, StoreError};
use contract::words::Id;

use super::Memory;
use crate::cursor::{self, Position};

fn keeps(filter: &LogFilter, entry: &RequestEntry) -> bool {
    filter.since.is_none_or(|since| entry.at >= since)
        && filter.until.is_none_or(|until| entry.at < until)
        && filter.key.is_none_or(|key| entry.key == Some(key))
        && filter.model.as_deref().is_none_or(|model| entry.model.as_deref() == Some(model))
        && filter.status.is_none_or(|status| entry.status == status)
        && filter.outcome.as_deref().is_none_or(|outcome| entry.outcome.as_str() == outcome)
}

impl LogStore for Memory {
    fn request(&self, id: Id) -> BoxFuture<'_, Result<Option<RequestEntry>, StoreError>> {
        let found = self.state().log.lines.iter().find(|entry| entry.id == id).cloned();
        Box::pin(async move { Ok(found) })
    }

    fn requests(
        &self,
        filter: LogFilter,
        page: PageRequest,
    ) -> BoxFuture<'_, Result<Page<RequestEntry>, StoreError>> {
        let found = page.cursor.as_deref().map(Position::decode).transpose().map(|after| {
            self.state().log.page(after, cursor::page_size(page.limit), |entry| keeps(&filter, entry))
        });
        Box::pin(async move { found })
    }
}
