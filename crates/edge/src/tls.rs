//! The certificate, and its replacement without a restart.
//!
//! Whoever watches files calls [`Certificates::reload_if_changed`]; connections made from then on see the new certificate,
//! those that are open keep theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use contract::settings::Faults;
use rustls::ServerConfig as RustlsConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsConfig;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no certificate in the file.
    #[error("{0} holds no certificate")]
    Empty(PathBuf),
    /// Certificate and key do not fit together, or their kind is not supported.
    #[error("cannot use the certificate: {0}")]
    Unusable(#[from] rustls::Error),
}

type Changed = [Option<SystemTime>; 2];

/// The certificate in use.
pub struct Certificates {
    files: TlsConfig,
    current: ArcSwap<RustlsConfig>,
    changed: Mutex<Changed>,
}

impl Certificates {
    pub(crate) fn load(files: &TlsConfig) -> Result<Self, TlsError> {
        let changed = changed(files);
        Ok(Self {
            current: ArcSwap::from_pointee(read(files)?),
            files: files.clone(),
            changed: Mutex::new(changed),
        })
    }

    /// Reads both files again. On an error the old certificate stays in use.
    ///
    /// # Errors
    /// A file cannot be read, or certificate and key cannot be used together.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// Reads both files again if either was changed since the last time; says whether it did. A pair caught half replaced is
    /// refused and tried again with the next change.
    ///
    /// # Errors
    /// As [`Certificates::reload`].
    pub fn reload_if_changed(&self) -> Result<bool, TlsError> {
        let now = changed(&self.files);
        let mut last = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == now {
            return Ok(false);
        }
        *last = now;
        self.reload()?;
        Ok(true)
    }

    /// The files to watch.
    #[must_use]
    pub fn files(&self) -> [&Path; 2] {
        [&self.files.cert, &self.files.key]
    }

    pub(crate) fn current(&self) -> Arc<RustlsConfig> {
        self.current.load_full()
    }
}

fn changed(files: &TlsConfig) -> Changed {
    [&files.cert, &files.key].map(|path| fs::metadata(path).and_then(|data| data.modified()).ok())
}

/// Notes what [`Certificates`] would refuse, each at the setting it belongs to.
pub(crate) fn check(files: &TlsConfig, faults: &mut Faults) {
    let chain = chain(&files.cert).map_err(|error| faults.add("server.tls.cert", error.to_string()));
    let key = key(&files.key).map_err(|error| faults.add("server.tls.key", error.to_string()));
    if let (Ok(chain), Ok(key)) = (chain, key)
        && let Err(error) = settings(chain, key)
    {
        faults.add("server.tls", error.to_string());
    }
}

fn read(files: &TlsConfig) -> Result<RustlsConfig, TlsError> {
    settings(chain(&files.cert)?, key(&files.key)?)
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(chain) if chain.is_empty() => Err(TlsError::Empty(path.to_owned())),
        found => found.map_err(|error| unreadable(path, &error)),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rustls_pki_types::pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), reason: error.to_string() }
}

fn settings(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<RustlsConfig, TlsError> {
    let mut config = RustlsConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
