//! Entries of `sample` as the drain of a spool sends them.

use std::sync::Arc;

use contract::ports::Entries;

use crate::sample::entries;

/// The entries of these numbers as the drain sends them.
pub(crate) fn batch(numbers: impl IntoIterator<Item = u32>) -> Vec<Arc<Entries>> {
    numbers.into_iter().map(|number| Arc::new(entries(number))).collect()
}
