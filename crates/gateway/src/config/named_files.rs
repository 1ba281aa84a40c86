//! The local files a configuration names, certificates and prices, tried as they will be used: `serve` would refuse them
//! at start. Nothing is kept, nobody is called. Files with secrets are read where the schema finds them (`validate`).

use std::path::{Path, PathBuf};

use contract::settings::Faults;
use metering::PriceBook;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::Config;

/// Notes every file that cannot be read or does not hold what it should, at the setting that names it.
pub(super) fn check(config: &Config, faults: &mut Faults) {
    if let Some(tls) = &config.server.tls {
        check_pair("server.tls", ("cert", &tls.cert), ("key", &tls.key), faults);
    }
    if let Some(Err(error)) = config.prices.file.as_deref().map(PriceBook::load) {
        faults.add("prices.file", error.to_string());
    }
    for (at, file) in config.egress.ca_files.iter().enumerate() {
        check_roots(&format!("egress.ca_files[{at}]"), file, faults);
    }
    for (name, provider) in &config.providers {
        let (tls, path) = (provider.account().tls, format!("providers.{name}.tls"));
        if let Some(file) = &tls.ca_file {
            check_roots(&format!("{path}.ca_file"), file, faults);
        }
        // One without the other is told where the provider is built.
        if let (Some(cert), Some(key)) = (&tls.client_cert, &tls.client_key) {
            check_pair(&path, ("client_cert", cert), ("client_key", key), faults);
        }
    }
}

/// A chain and its key, each under its name within `path`.
fn check_pair(path: &str, cert: (&str, &PathBuf), key: (&str, &PathBuf), faults: &mut Faults) {
    let chain = certificates(cert.1).map_err(|message| faults.add(format!("{path}.{}", cert.0), message));
    let secret = PrivateKeyDer::from_pem_file(key.1).map_err(|error| {
        faults.add(format!("{path}.{}", key.0), format!("cannot read {}: {error}", key.1.display()));
    });
    let (Ok(chain), Ok(secret)) = (chain, secret) else { return };
    if let Err(error) = CertifiedKey::from_der(chain, secret, &aws_lc_rs::default_provider()) {
        faults.add(path, format!("cannot use the certificate: {error}"));
    }
}

fn check_roots(path: &str, file: &Path, faults: &mut Faults) {
    let added = certificates(file).map(|found| RootCertStore::empty().add_parsable_certificates(found).0);
    match added {
        Ok(0) => faults.add(path, format!("no usable certificate in {}", file.display())),
        Ok(_) => {}
        Err(message) => faults.add(path, message),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(format!("{} holds no certificate", file.display())),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("cannot read {}: {error}", file.display())),
    }
}
