//! What goes through as it is: the one cheap pass over a request and its named edits, usage and errors of an answer read in
//! passing, signs of life and the end of a stream that breaks off.
//!
//! What is translated is not here: see the dialects and [`crate::hub`].

pub(crate) mod ending;
pub mod envelope;
pub(crate) mod follow;
pub(crate) mod multipart;
pub(crate) mod refused;
pub(crate) mod said;
pub(crate) mod seen;
pub(crate) mod splice;
pub(crate) mod thoughts;
pub(crate) mod watch;
