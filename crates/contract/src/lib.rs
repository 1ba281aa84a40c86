//! What every other crate agrees on: the words, the canon, the fault table and the ports.
//!
//! Nothing here does I/O, knows a runtime or names an implementation. A trait enters only when the
//! pipeline, the edge or the admin API calls it. Look next at [`canon`] for the hub of translation,
//! [`fault`] for errors and [`ports`] for what the pipeline asks of the features.

pub mod body;
pub mod canon;
pub mod fault;
pub mod ports;
pub mod settings;
pub mod words;

pub use body::Body;
pub use fault::{Code, Fault};
