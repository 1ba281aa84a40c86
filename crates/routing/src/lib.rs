//! How a model name becomes an ordered plan of deployments, and how those have been doing.
//!
//! [`Table`] is compiled from the configuration and shared by all requests of a snapshot; it implements the `Router` port.
//! It makes no call itself: the engine walks the plan. Look next at [`table`] for name resolution and [`pick`] for weights.

mod config;
mod health;
mod pick;
mod table;

pub use config::{ModelConfig, RetryConfig, RouteConfig, Strategy, Target, check};
pub use health::Healths;
pub use table::{Listed, MakeDeployment, Table, TableParts};
