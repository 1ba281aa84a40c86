//! The way in: listeners, TLS, HTTP/1.1 and HTTP/2, the routing table, and every cap that protects what is behind it.
//!
//! A connection is a task that polls hyper directly; a request is routed by its path to a port of `contract` and refused
//! here when it is too large, too slow, malformed or one too many. What a model answers, and who may ask, is decided
//! behind the ports. Look next at [`Edge`] for the life of the process, `connection` for that of a connection and `entry`
//! for that of a request.

mod accept;
mod address;
mod client;
mod config;
mod connection;
mod cors;
mod credential;
mod edge;
mod entry;
mod head;
mod intake;
mod load;
mod operations;
mod outgoing;
mod pulse;
mod socket;
mod streams;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod watchdog;

pub use address::{AddressError, Listen, Network, Socket};
pub use config::{CorsConfig, ServerConfig, TimeoutConfig, TlsConfig, check};
pub use edge::{Edge, EdgeError, Services};
pub use tls::{Certificates, TlsError};
