//! Entries of `sample` as the drain of a spool sends them.

use std::sync::Arc;

use contract::ports::Batch;

use crate::sample::settled;

/// The entries of these numbers as the drain sends them.
pub(crate) fn batch(numbers: impl IntoIterator<Item = u32>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        let settled = settled(number);
        let request = Arc::new(settled.request.clone());
        batch.attempts.extend(settled.attempts.into_iter().map(|attempt| (Arc::clone(&request), attempt)));
        batch.requests.push(settled.request);
    }
    batch
}
