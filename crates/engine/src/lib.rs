//! The LLM request, stage by stage. [`pipeline`] is the file to read; each stage it calls has a file in `stages/`.
//!
//! The engine knows no feature and no provider: it calls ports of `contract` and translates with `wire`. Everything a
//! finished request leaves behind goes through [`settle`], once, on every exit.

mod background;
mod bill;
mod collect;
mod counting;
mod estimate;
mod found;
mod head;
mod jobs;
mod keeper;
mod kept;
mod leftover;
mod looks;
mod models;
mod pipeline;
mod settle;
mod shelf;
mod shelving;
mod silence;
mod snapshot;
mod stages;
mod stream;
mod ticket;
mod unable;
mod verdict;

pub use pipeline::Pipeline;
pub use settle::{SettleTask, Tail, TailPorts};
pub use snapshot::{BodyLog, Handles, Instance, Snapshot};
