//! The kit that each crate's `config.rs` is written with: durations, sizes, rates, secrets, and the collector of faults.
//!
//! A setting is written as text and means a number. The types here parse, carry a JSON Schema with a `format` that the
//! loader checks before anything is deserialised, and print back as they were written.

mod faults;
mod secrets;
mod units;

pub use faults::{Faults, Problem};
pub use secrets::SecretText;
pub use units::{ByteSize, Rate, Span, UnitError, check_format};
