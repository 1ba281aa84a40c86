//! TLS as a client: whom to trust, whom to be. Verification cannot be switched off.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use contract::settings::Faults;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{EgressConfig, ProviderTls};
use crate::error::EgressError;

/// The TLS settings of all providers.
pub(crate) struct TlsSet {
    usual: Arc<ClientConfig>,
    special: HashMap<String, Arc<ClientConfig>>,
}

impl TlsSet {
    pub(crate) fn new(
        config: &EgressConfig,
        providers: &HashMap<String, ProviderTls>,
    ) -> Result<Self, EgressError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let maker = Maker { provider, http2: config.http2 };
        let roots = Arc::new(roots(config)?);
        let mut special = HashMap::new();
        for (name, tls) in providers {
            if *tls != ProviderTls::default() {
                special.insert(name.clone(), maker.special(name, tls, &roots)?);
            }
        }
        if roots.is_empty() && special.is_empty() {
            return Err(EgressError::NoRoots);
        }
        Ok(Self { usual: maker.make("egress", roots, None)?, special })
    }

    /// The settings for calls on a provider's behalf.
    pub(crate) fn of(&self, provider: Option<&str>) -> Arc<ClientConfig> {
        provider.and_then(|name| self.special.get(name)).unwrap_or(&self.usual).clone()
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

struct Maker {
    provider: Arc<CryptoProvider>,
    http2: bool,
}

impl Maker {
    fn special(
        &self,
        name: &str,
        tls: &ProviderTls,
        roots: &Arc<RootCertStore>,
    ) -> Result<Arc<ClientConfig>, EgressError> {
        let roots = match &tls.ca_file {
            Some(path) => {
                let mut own = RootCertStore::empty();
                add_file(&mut own, path)?;
                Arc::new(own)
            }
            None => roots.clone(),
        };
        let identity = match (&tls.client_cert, &tls.client_key) {
            (Some(cert), Some(key)) => Some((certificates(cert)?, private_key(key)?)),
            (None, None) => None,
            _ => return Err(EgressError::HalfIdentity { provider: name.to_owned() }),
        };
        self.make(name, roots, identity)
    }

    fn make(
        &self,
        whose: &str,
        roots: Arc<RootCertStore>,
        identity: Option<Identity>,
    ) -> Result<Arc<ClientConfig>, EgressError> {
        let wrong =
            |error: rustls::Error| EgressError::Tls { whose: whose.to_owned(), reason: error.to_string() };
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_root_certificates(roots);
        let mut config = match identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(wrong)?,
            None => builder.with_no_client_auth(),
        };
        if self.http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Arc::new(config))
    }
}

/// Tries every file that is named, as it will be used, and notes what is wrong at the setting that names it.
pub(crate) fn check(config: &EgressConfig, providers: &HashMap<String, ProviderTls>, faults: &mut Faults) {
    let maker = Maker { provider: Arc::new(aws_lc_rs::default_provider()), http2: config.http2 };
    let trusted = |path: &Path| add_file(&mut RootCertStore::empty(), path);
    for (at, path) in config.ca_files.iter().enumerate() {
        if let Err(error) = trusted(path) {
            faults.add(format!("egress.ca_files[{at}]"), error.to_string());
        }
    }
    for (name, tls) in providers {
        let at = |setting: &str| format!("providers.{name}.tls{setting}");
        if let Some(Err(error)) = tls.ca_file.as_deref().map(trusted) {
            faults.add(at(".ca_file"), error.to_string());
        }
        // One without the other is told where the provider is built.
        let (Some(cert), Some(key)) = (&tls.client_cert, &tls.client_key) else { continue };
        let cert = certificates(cert).map_err(|error| faults.add(at(".client_cert"), error.to_string()));
        let key = private_key(key).map_err(|error| faults.add(at(".client_key"), error.to_string()));
        if let (Ok(cert), Ok(key)) = (cert, key)
            && let Err(error) = maker.make(name, Arc::new(RootCertStore::empty()), Some((cert, key)))
        {
            faults.add(at(""), error.to_string());
        }
    }
}

fn roots(config: &EgressConfig) -> Result<RootCertStore, EgressError> {
    let mut roots = RootCertStore::empty();
    if config.public_roots {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if config.native_roots {
        let native = rustls_native_certs::load_native_certs();
        for error in &native.errors {
            tracing::warn!(%error, "a certificate of the operating system cannot be read");
        }
        roots.add_parsable_certificates(native.certs);
    }
    for path in &config.ca_files {
        add_file(&mut roots, path)?;
    }
    Ok(roots)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), EgressError> {
    let (added, _) = roots.add_parsable_certificates(certificates(path)?);
    if added == 0 { Err(EgressError::NoCertificate { path: path.to_owned() }) } else { Ok(()) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, EgressError> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| unreadable(path, &error))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, EgressError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rustls_pki_types::pem::Error) -> EgressError {
    EgressError::Pem { path: path.to_owned(), reason: error.to_string() }
}
