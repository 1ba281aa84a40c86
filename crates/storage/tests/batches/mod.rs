//! Entries of `sample` put into stores as the gateway does it.

use contract::ports::Entries;
use storage::{Batch, Stores, WayIn};

use crate::sample::entries;

/// The entries of these numbers.
pub(crate) fn some(numbers: impl IntoIterator<Item = u32>) -> Vec<Entries> {
    numbers.into_iter().map(entries).collect()
}

/// Appends them.
#[expect(clippy::expect_used, reason = "a failed step of a test is a failed test")]
pub(crate) async fn append(stores: &Stores, entries: Vec<Entries>) {
    match stores.way_in() {
        WayIn::Direct(recorder) => entries.iter().for_each(|one| recorder.record(one).expect("recorded")),
        WayIn::Spooled(sink) => sink.append(Batch::of(&entries)).await.expect("appended"),
    }
}
