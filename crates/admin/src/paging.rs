//! Lists: `{"items": […], "next": …}`, one page at a time.

use contract::ports::{Page, PageRequest, StoreError};
use contract::{Code, Fault};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::input::{FromParams, Params};

const DEFAULT: u32 = 100;
const MOST: u32 = 1000;

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// `next` of the page before; left out for the first page.
    cursor: Option<String>,
    /// Most entries on the page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: u32,
}

impl FromParams for PageQuery {
    fn read(params: &mut Params) -> Result<Self, Fault> {
        let cursor = params.text("cursor")?;
        let form = "a whole number from 1 to 1000";
        let limit = params
            .take("limit", form, |text| text.parse().ok().filter(|limit| (1..=MOST).contains(limit)))?;
        Ok(Self { cursor, limit: limit.unwrap_or(DEFAULT) })
    }
}

impl From<PageQuery> for PageRequest {
    fn from(page: PageQuery) -> Self {
        Self { cursor: page.cursor, limit: page.limit }
    }
}

impl PageQuery {
    /// The page of a list that is in memory, sorted by a name that is then the cursor: entries that come or go between
    /// two pages move no others.
    pub(crate) fn of<T>(self, mut items: Vec<T>, name: impl Fn(&T) -> &str) -> List<T> {
        items.sort_by(|a, b| name(a).cmp(name(b)));
        if let Some(cursor) = self.cursor {
            items.retain(|item| name(item) > cursor.as_str());
        }
        let limit = self.limit as usize;
        let next = items.get(limit).and(items.get(limit - 1)).map(|last| name(last).to_owned());
        items.truncate(limit);
        List { items, next }
    }
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The entries.
    items: Vec<T>,
    /// Send this as `cursor` to get the next page; null at the end.
    #[schema(required)]
    next: Option<String>,
}

impl<T> List<T> {
    /// A page of a store, as the API shows it.
    pub(crate) fn from_page<F: Into<T>>(page: Page<F>) -> Self {
        Self { items: page.items.into_iter().map(Into::into).collect(), next: page.next }
    }

    /// The same page of something else.
    pub(crate) fn map<U>(self, each: impl FnMut(T) -> U) -> List<U> {
        List { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}

/// A store's failure as the caller is told of it.
pub(crate) fn store_fault(error: StoreError) -> Fault {
    match error {
        StoreError::Cursor => {
            let text = "'cursor' is not valid: send back the 'next' of the page before, unchanged.";
            Fault::saying(Code::InvalidRequest, text).at("cursor")
        }
        StoreError::Conflict { .. } => Fault::new(Code::Conflict).because(error),
        StoreError::Unavailable(_) => Fault::new(Code::StorageUnavailable).because(error),
    }
}
