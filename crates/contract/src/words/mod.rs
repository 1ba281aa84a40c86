//! The vocabulary of DESIGN §2 as types. One word, one type, one spelling.

mod ids;
mod money;
mod names;
mod principal;
mod secret;
mod time;
mod usage;

pub use ids::{Id, IdError, IdKind};
pub use money::{NanoUsd, PicoUsd};
pub use names::{Dialect, Operation, Pattern};
pub use principal::{Principal, Scope};
pub use secret::Secret;
pub use time::{Tick, Timestamp};
pub use usage::{Usage, UsageSource};
