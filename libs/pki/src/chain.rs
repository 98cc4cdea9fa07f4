//! Chains: which certificate signed which, and whether a relying party would believe the whole (rustls-webpki).

use contracts::{Timestamp, x509::ExtendedKeyUsage};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, anchor_from_trusted_cert};

use crate::certificate::Certificate;

/// The longest chain that is put in order.
const MAX_LENGTH: usize = 16;

/// What a chain is believed for. An extended key usage counts only where a certificate has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage(ExtendedKeyUsage);

impl Usage {
    /// For this purpose.
    #[must_use]
    pub const fn new(usage: ExtendedKeyUsage) -> Self {
        Self(usage)
    }

    const fn for_webpki(self) -> webpki::KeyUsage {
        // The contents of the object identifiers 1.3.6.1.5.5.7.3.n.
        match self.0 {
            ExtendedKeyUsage::ServerAuth => webpki::KeyUsage::server_auth(),
            ExtendedKeyUsage::ClientAuth => webpki::KeyUsage::client_auth(),
            ExtendedKeyUsage::CodeSigning => {
                webpki::KeyUsage::required_if_present(&[43, 6, 1, 5, 5, 7, 3, 3])
            }
            ExtendedKeyUsage::EmailProtection => {
                webpki::KeyUsage::required_if_present(&[43, 6, 1, 5, 5, 7, 3, 4])
            }
            ExtendedKeyUsage::TimeStamping => {
                webpki::KeyUsage::required_if_present(&[43, 6, 1, 5, 5, 7, 3, 8])
            }
        }
    }
}

/// Why a chain is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A signature does not verify, or its algorithm is not accepted.
    #[error("a signature of the chain does not verify")]
    Signature,
    /// No path to a trust anchor.
    #[error("no trust anchor issued the chain")]
    UnknownIssuer,
    /// Over, or not yet begun.
    #[error("a certificate of the chain is expired or not yet valid")]
    Time,
    /// Not for this purpose.
    #[error("a certificate of the chain is not for this purpose")]
    Usage,
    /// A CA's certificate where an end entity's belongs, or the reverse.
    #[error("a CA's certificate stands where an end entity's belongs, or the reverse")]
    Role,
    /// Anything else that rustls-webpki refuses.
    #[error("the chain is not valid: {0}")]
    Invalid(String),
}

impl From<webpki::Error> for ChainError {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error as E;
        match error {
            E::InvalidSignatureForPublicKey
            | E::UnsupportedSignatureAlgorithmContext(_)
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::Signature,
            E::UnknownIssuer => Self::UnknownIssuer,
            E::CertExpired { .. } | E::CertNotValidYet { .. } => Self::Time,
            E::RequiredEkuNotFoundContext(_) => Self::Usage,
            E::CaUsedAsEndEntity | E::EndEntityUsedAsCa => Self::Role,
            other => Self::Invalid(format!("{other:?}")),
        }
    }
}

/// The chain of `leaf`, leaf first, as far as `pool` has its issuers: by name, key identifier and signature. A
/// self-signed certificate ends it.
#[must_use]
pub fn order<'a>(leaf: &'a Certificate, pool: &'a [Certificate]) -> Vec<&'a Certificate> {
    let mut chain = vec![leaf];
    while let Some(last) = chain.last().filter(|last| !last.is_self_issued() && chain.len() < MAX_LENGTH) {
        let Some(issuer) =
            pool.iter().find(|candidate| !chain.contains(candidate) && issued(candidate, last))
        else {
            break;
        };
        chain.push(issuer);
    }
    chain
}

/// Whether `issuer` issued `subject`: same name, same key identifier where both have one, and the signature verifies.
#[must_use]
pub fn issued(issuer: &Certificate, subject: &Certificate) -> bool {
    is_named(issuer, subject) && subject.is_signed_by(issuer.spki())
}

/// Whether `subject` names `issuer` as who issued it: same name, and same key identifier where both have one.
#[must_use]
pub fn is_named(issuer: &Certificate, subject: &Certificate) -> bool {
    let identifiers = (issuer.subject_key_identifier(), subject.authority_key_identifier());
    issuer.subject_der() == subject.issuer_der()
        && !matches!(identifiers, (Some(own), Some(wanted)) if own != wanted)
}

/// Whether a relying party that trusts `anchors` believes `leaf` at this time for this purpose, helped by
/// `intermediates` in any order.
///
/// As rustls-webpki judges: it never takes a leaf for its own anchor, so a self-signed leaf is never believed; and it
/// does not look at the anchors' dates or constraints other than name constraints.
pub fn verify(
    leaf: &Certificate,
    intermediates: &[&Certificate],
    anchors: &[&Certificate],
    at: Timestamp,
    usage: Usage,
) -> Result<(), ChainError> {
    let anchors: Vec<_> = anchors.iter().map(|anchor| CertificateDer::from(anchor.der())).collect();
    let anchors: Vec<TrustAnchor<'_>> =
        anchors.iter().map(anchor_from_trusted_cert).collect::<Result<_, _>>()?;
    let intermediates: Vec<_> = intermediates.iter().map(|one| CertificateDer::from(one.der())).collect();
    let leaf = CertificateDer::from(leaf.der());
    let seconds = u64::try_from(at.unix()).unwrap_or(0);
    EndEntityCert::try_from(&leaf)?.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &intermediates,
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
        usage.for_webpki(),
        None,
        None,
    )?;
    Ok(())
}
