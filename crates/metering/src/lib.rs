//! What a call costs and what a caller may still do: the price book and the limits.
//! What an account may spend comes with budgets; look next at [`Limits`] and [`PriceBook`].

mod config;
mod limits;
mod prices;

pub use config::PricesConfig;
pub use limits::Limits;
pub use prices::{PriceBook, PriceError};
