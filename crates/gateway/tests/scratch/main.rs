//! Temporary: compiles a part of `it` alone.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed step of a test is a failed test")]
#![allow(dead_code, clippy::allow_attributes, reason = "temporary")]
#[path = "../it/setup.rs"]
mod setup;
#[path = "../it/first_start.rs"]
mod first_start;
#[path = "../it/keys.rs"]
mod keys;
#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/durability.rs"]
mod durability;
#[path = "../it/protocols.rs"]
mod protocols;
#[path = "../it/reload.rs"]
mod reload;
#[path = "../it/edge.rs"]
mod edge;
