//! One folder per provider kind: where a call goes, what it carries, what differs from the dialect's inventor.
//!
//! A kind that speaks HTTP is data, a `Profile`; one piece of code, `remote`, makes the calls of all of them. `demo` answers
//! in process. What goes over the wire inside a body is `wire`'s business, how it gets there `egress`'s.

mod anthropic;
mod config;
mod demo;
mod environment;
mod gemini;
mod listing;
mod ollama;
mod openai;
mod openai_compatible;
mod profile;
mod registry;
mod remote;

pub use config::{Kind, ProviderConfig, TimeoutsConfig, TlsConfig};
pub use environment::from_environment;
pub use registry::{build, demo};
