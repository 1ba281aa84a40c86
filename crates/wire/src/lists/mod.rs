//! Lists, page by page: of models in the shape of each dialect's clients, and what a client asks of a list.

pub(crate) mod models;
pub(crate) mod query;
