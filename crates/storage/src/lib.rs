//! What outlives the process: resources, request log and ledger, and the spool in front of the last two.
//!
//! One folder per back end, one file per store port of `contract::ports`. Nothing here is read on the path of a request;
//! the only call on it is [`Spool`]'s `record`. Look next at [`spool`] for what survives which death, at
//! [`sqlite`] for the database and at [`memory`] for the one that keeps nothing.

mod batch;
mod brief;
pub mod config;
mod cursor;
mod json;
pub mod memory;
mod open;
mod record;
#[cfg(test)]
#[path = "../tests/sample/mod.rs"]
mod sample;
pub mod spool;
pub mod sqlite;
mod words;

pub use batch::{Batch, Sink};
pub use config::{Database, SpoolConfig, StorageConfig};
pub use open::{StorageError, Stores, WayIn, open};
pub use spool::{Depth, Spool, SpoolError};
