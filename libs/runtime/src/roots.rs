//! Whom this process trusts on the far end of TLS: the CAs of one PEM file, or the system's.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject as _},
};

/// Where Debian and its kin keep the system's roots.
const SYSTEM: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A file that nothing can be trusted by.
#[derive(Debug, thiserror::Error)]
#[error("cannot read CA certificates from {}", file.display())]
pub struct RootsError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    #[source]
    pub cause: RootsFault,
}

/// What is wrong with a file of CA certificates.
#[derive(Debug, thiserror::Error)]
pub enum RootsFault {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not PEM.
    #[error("not PEM: {0:?}")]
    Pem(pem::Error),
    /// There is no certificate of use in it.
    #[error("there are none in it")]
    Empty,
}

/// TLS of a client that trusts the CAs of a PEM file; without one the system's.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, RootsError> {
    let file = ca_file.unwrap_or(Path::new(SYSTEM));
    let roots = read(file).map_err(|cause| RootsError { file: file.to_owned(), cause })?;
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// TLS of a client that trusts the system's CAs, where there are any, and beside them those of a PEM file.
pub fn client_config_adding(ca_file: Option<&Path>) -> Result<ClientConfig, RootsError> {
    let mut roots = read(Path::new(SYSTEM)).unwrap_or_else(|cause| {
        tracing::warn!(path = SYSTEM, error = crate::error::words(&cause), "no CA of the system is trusted");
        RootCertStore::empty()
    });
    if let Some(file) = ca_file {
        let more = read(file).map_err(|cause| RootsError { file: file.to_owned(), cause })?;
        roots.extend(more.roots.iter().cloned());
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// TLS of a client that trusts the system's CAs and those of a PEM text. A system without any is no reason to refuse.
pub fn client_config_adding_text(pem: Option<&str>) -> Result<ClientConfig, RootsFault> {
    let mut roots = read(Path::new(SYSTEM)).unwrap_or_else(|_| RootCertStore::empty());
    if let Some(pem) = pem {
        roots.roots.extend(parse(pem.as_bytes())?.roots);
    }
    if roots.is_empty() {
        return Err(RootsFault::Empty);
    }
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn read(file: &Path) -> Result<RootCertStore, RootsFault> {
    parse(&fs::read(file)?)
}

fn parse(pem: &[u8]) -> Result<RootCertStore, RootsFault> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        // One odd root among the system's is no reason to refuse all; an empty store is.
        _ = roots.add(certificate.map_err(RootsFault::Pem)?);
    }
    if roots.is_empty() { Err(RootsFault::Empty) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_ca_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let refused = || crate::error::words(&client_config(Some(&file)).unwrap_err());
        let named = format!("cannot read CA certificates from {}: ", file.display());
        assert!(refused().starts_with(&named), "{}", refused());
        fs::write(&file, "no PEM").unwrap();
        assert_eq!(refused(), named.clone() + "there are none in it");
        fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert_eq!(refused(), named + "there are none in it", "what is no certificate is not trusted");
    }

    #[test]
    fn a_certificate_in_the_file_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let ca = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        fs::write(&file, ca.cert.pem()).unwrap();
        client_config(Some(&file)).unwrap();
    }
}
