//! What can be wrong with the client's settings. Failures of calls are [`contract::ports::UpstreamFailure`].

use std::path::PathBuf;

/// The client cannot be built as configured.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// A PEM file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A CA file holds no certificate that can be used.
    #[error("no usable certificate in {path}")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Neither built-in, native nor configured roots: no TLS connection could ever succeed.
    #[error("no root certificates: set egress.public_roots, egress.native_roots or egress.ca_files")]
    NoRoots,
    /// A client certificate without its key, or the other way round.
    #[error("provider {provider}: client_cert and client_key go together")]
    HalfIdentity {
        /// The provider.
        provider: String,
    },
    /// A certificate and key that do not fit, or that TLS does not take.
    #[error("tls of {whose}: {reason}")]
    Tls {
        /// `egress`, or the provider.
        whose: String,
        /// What TLS says.
        reason: String,
    },
    /// A proxy address that cannot be used. The text does not repeat the address: it may hold a password.
    #[error("egress.proxy.{field}: {reason}")]
    Proxy {
        /// `http`, `https` or `no_proxy`.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}
