//! TLS of the client: trust in the CA that the context names, else in the system's roots.

use std::{fs, path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::failure::Failure;

/// Where Debian and its kin keep the system's roots.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A configuration that trusts the CAs of a PEM file.
pub fn config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let file = ca_file.unwrap_or(Path::new(SYSTEM_ROOTS));
    let unreadable = |error: String| {
        Failure::Usage(format!("cannot read CA certificates from {}: {error}", file.display()))
    };
    let pem = fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        // One odd root among the system's is no reason to refuse all; an empty store is.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(unreadable("there are none in it".into()));
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
