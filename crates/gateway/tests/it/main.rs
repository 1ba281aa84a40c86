//! The built gateway between scripted providers and a client: what is promised to those who run it, seen from outside.
//!
//! `setup` starts everything a test needs; each other module takes one side of the gateway. Nothing here reaches into a crate.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step of a test is a failed test"
)]

mod kinds;
mod openmetrics;
mod protocols;
mod setup;
mod speech;

mod clouds;
mod costs;
mod counting;
mod custom;
mod dialects;
mod embeddings;
mod estimates;
mod failures;
mod listing;
mod media;
mod natives;
mod ollama;
mod refusals;
mod rerank;
mod responses;
mod schemas;
mod spared;
mod streams;
mod sweep;

mod admin;
mod agents;
mod durability;
mod edge;
mod first_start;
mod keys;
mod metrics;
mod operations;
mod reload;
mod thoughts;
mod traces;
mod unable;
