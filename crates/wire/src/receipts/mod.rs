//! What a translation loses: in the client's words, for whole answers and for streams.
//!
//! What a writer itself leaves out it notes itself, in [`contract::canon::Receipt`].

pub(crate) mod places;
mod schemas;
pub(crate) mod unsaid;
pub(crate) mod untold;
