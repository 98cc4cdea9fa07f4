//! Which client certificates are valid: a pure function of the chosen CAs, their CRLs, the chain and the time.

use std::{fmt, sync::Arc};

use contracts::{Timestamp, directory::ShownCertificate};
use pki::Certificate;
use rustls::{
    DistinguishedName, RootCertStore,
    crypto::aws_lc_rs,
    server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, UnixTime,
    pem::{self, PemObject as _},
};

use super::connection::PeerChain;

/// What a certificate must be for, by the name of RFC 5280.
const USAGE: &str = "clientAuth";

/// The chosen CAs and what they revoked.
#[derive(Clone)]
pub struct Trust {
    verifier: Arc<dyn ClientCertVerifier>,
    names: Vec<DistinguishedName>,
}

/// Why nothing can be trusted by these files.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file is not PEM.
    #[error("not PEM: {0:?}")]
    Pem(pem::Error),
    /// What stands in it is no certificate of a CA.
    #[error("a certificate in it cannot be read")]
    Certificate(#[source] rustls::Error),
    /// There is nothing of use in it.
    #[error("there is none in it")]
    Empty,
    /// A CRL cannot be used.
    #[error("a CRL in it cannot be used")]
    Crl(#[source] VerifierBuilderError),
}

/// Why a certificate does not count: for the log alone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// None was shown, or none was asked for.
    #[error("no client certificate was shown")]
    None,
    /// The files of CAs and CRLs cannot be read.
    #[error("there is nothing to judge a client certificate by: {0}")]
    Untrusted(String),
    /// It does not lead to a chosen CA, is not valid at this time, or was revoked; or that is not known.
    #[error("the client certificate is not valid")]
    Invalid(#[source] rustls::Error),
    /// It cannot be read.
    #[error("the client certificate cannot be read")]
    Unreadable,
    /// It does not say that it is for clients of TLS.
    #[error("the client certificate does not say '{USAGE}'")]
    Usage,
}

impl Trust {
    /// The CAs of a PEM text.
    pub fn read_authorities(authorities: &[u8]) -> Result<RootCertStore, TrustError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            roots.add(certificate.map_err(TrustError::Pem)?).map_err(TrustError::Certificate)?;
        }
        if roots.is_empty() { Err(TrustError::Empty) } else { Ok(roots) }
    }

    /// The CRLs of a PEM text.
    pub fn read_crls(crls: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TrustError> {
        let crls: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(crls).collect();
        let crls = crls.map_err(TrustError::Pem)?;
        if crls.is_empty() { Err(TrustError::Empty) } else { Ok(crls) }
    }

    /// Trust in these CAs. With CRLs, each CA of a chain needs one that is still current; `None`: revocation is not
    /// looked at.
    pub fn new(
        roots: RootCertStore,
        crls: Option<Vec<CertificateRevocationListDer<'static>>>,
    ) -> Result<Self, TrustError> {
        let names = roots.subjects();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        if let Some(crls) = crls {
            builder = builder.with_crls(crls).enforce_revocation_expiration();
        }
        Ok(Self { verifier: builder.build().map_err(TrustError::Crl)?, names })
    }

    /// The names of the CAs, for browsers to choose by.
    #[must_use]
    pub fn names(&self) -> &[DistinguishedName] {
        &self.names
    }

    /// Whether the certificate at the head of a chain counts at this time: it leads to a chosen CA, is not over, not
    /// revoked, and says that it is for clients.
    pub fn judge(&self, chain: &PeerChain, now: Timestamp) -> Result<ShownCertificate, Refused> {
        let (leaf, others) = chain.parts();
        let seconds = u64::try_from(now.unix()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        self.verifier.verify_client_cert(leaf, others, at).map_err(Refused::Invalid)?;
        let certificate = Certificate::read_der(leaf).map_err(|_| Refused::Unreadable)?;
        let described = certificate.describe();
        // Elsewhere a certificate that names no purpose is for all of them; whoever signs in has one made for it.
        if !described.extended_key_usages.iter().any(|usage| usage == USAGE) {
            return Err(Refused::Usage);
        }
        Ok(ShownCertificate {
            sha256: described.sha256.parse().map_err(|_| Refused::Unreadable)?,
            sha1: described.sha1.parse().map_err(|_| Refused::Unreadable)?,
            not_after: described.not_after,
        })
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} CAs)", self.names.len())
    }
}

#[cfg(test)]
mod tests;
