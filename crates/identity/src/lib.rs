//! Who calls: virtual keys from the file and the database, the admin key, anonymous callers.
//!
//! Not here: what a caller may consume (`metering`) and how a key travels over HTTP (`edge`, `admin`). Look next at
//! [`key`] for the form of a key, [`KeyIndex`] for the lookup each request makes, [`Keys`] for making and ending keys,
//! and [`FirstKeys`] for the first start.

pub mod key;

mod bootstrap;
mod claims;
mod config;
mod index;
mod keys;
mod stored;
mod watch;

#[cfg(test)]
mod fakes;

pub use bootstrap::{FirstKeys, SetupError};
pub use config::{AuthConfig, KeyConfig, check, check_keys};
pub use index::KeyIndex;
pub use keys::Keys;
