//! The built gateway between scripted providers and a client: what is promised to those who run it, seen from outside.
//!
//! `setup` starts everything a test needs; each other module takes one side of the gateway. Nothing here reaches into a crate.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod kinds;
mod setup;
mod speech;

mod dialects;
mod embeddings;
mod failures;
mod refusals;
mod streams;
