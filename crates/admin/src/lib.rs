//! The admin API: keys, models, health of providers, request log, ledger and status under `/admin/v1`.
//!
//! Not here: what a key is (`identity`) or how entries are kept (`storage`); both are asked through ports. Look next at
//! `resources/` for the routes, one file each; `access.rs` for who may call; `refusal.rs` for how errors look;
//! `document.rs` for the OpenAPI document, which is made from the routes themselves.

mod access;
mod document;
mod input;
mod paging;
mod refusal;
mod resources;
mod service;
mod status;
mod words;

#[cfg(test)]
mod tests;

pub use document::openapi_json;
pub use service::{Admin, AdminPorts, CurrentRouter};
pub use status::{GatewayStatus, Reload, StatusSource};
