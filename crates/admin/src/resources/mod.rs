//! The routes, one file for each resource. A handler's document stands on the handler.

pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod models;
mod price;
pub(crate) mod providers;
pub(crate) mod requests;
pub(crate) mod status;
