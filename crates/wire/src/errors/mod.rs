//! Errors: what a provider complains of, wherever it says so, and how a client is told.
//!
//! What is peculiar to one dialect is in its own `error.rs`.

pub(crate) mod complaint;
pub(crate) mod first;
pub(crate) mod fruitless;
pub(crate) mod instead;
pub(crate) mod login;
pub mod render;
