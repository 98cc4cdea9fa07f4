//! An issuing CA as the hot path needs it: read once when its certificate enters the log, shared from then on.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    CaId, KeyId, Lifetime, Timestamp,
    signer::{CaCreated, CaIntended, CaKind, CaStatus},
    x509::{KeyAlgorithm, SignatureAlgorithm},
};
use pki::{
    builder::{self, BuildError},
    certificate::{Certificate, CertificateError},
};

/// A CA with its certificate.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Which.
    pub id: CaId,
    /// Its unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Whether it signs.
    pub status: CaStatus,
    /// Its key.
    pub key_id: KeyId,
    /// Kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// The algorithm it signs with.
    pub signature_algorithm: SignatureAlgorithm,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// The last second in which it is valid.
    pub not_after: Timestamp,
    /// Longest lifetime it gives.
    pub max_ttl: Option<Lifetime>,
    /// What its certificates take over from it.
    pub template: builder::Issuer,
    /// Its own certificate.
    pub certificate: Certificate,
    /// Its certificate and those above it up to the root, nearest first, DER in base64: as answers carry them.
    pub chain: Vec<String>,
}

/// Why a CA's certificate is of no use. It stands in the log, so it was checked before.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Not base64.
    #[error("the CA's certificate is not base64")]
    Base64(#[from] base64::DecodeError),
    /// Not a certificate.
    #[error("the CA's certificate cannot be read")]
    Certificate(#[from] CertificateError),
    /// Not a CA's.
    #[error("the CA's certificate cannot issue")]
    Build(#[from] BuildError),
}

impl Issuer {
    /// Reads a CA's certificate; `parent` signed it, `None` for a self-signed one.
    pub fn read(
        intent: &CaIntended,
        created: &CaCreated,
        parent: Option<&Self>,
    ) -> Result<Self, IssuerError> {
        let certificate = Certificate::read_der(&BASE64_STANDARD.decode(&created.certificate)?)?;
        let above = parent.map_or(&[][..], |parent| &parent.chain);
        Ok(Self {
            id: intent.id,
            name: intent.name.clone(),
            kind: intent.kind,
            status: CaStatus::Active,
            key_id: intent.key_id,
            key_algorithm: intent.key_algorithm,
            signature_algorithm: intent.key_algorithm.default_signature(),
            not_before: created.not_before,
            not_after: created.not_after,
            max_ttl: intent.max_ttl,
            template: builder::Issuer::from_certificate(&certificate)?,
            certificate,
            chain: std::iter::once(&created.certificate).chain(above).cloned().collect(),
        })
    }

    /// The same CA in another state.
    #[must_use]
    pub fn with_status(&self, status: CaStatus) -> Self {
        Self { status, ..self.clone() }
    }
}

/// CAs for tests, signed by throwaway keys.
#[cfg(test)]
pub mod test {
    use contracts::{CaId, KeyId, Lifetime, Timestamp, signer::CaKind, x509::Subject};
    use pki::{name, serial::Serial};
    use uuid::Uuid;

    use super::*;
    use crate::{ca_plan::CaPlan, create_ca, throwaway::ThrowawayKey};

    /// A self-signed CA.
    pub fn issuer(name: &str, kind: CaKind, not_before: Timestamp, ttl: Lifetime) -> Issuer {
        let subject = Subject { common_name: Some(name.into()), ..Subject::default() };
        let plan = CaPlan {
            id: CaId(Uuid::from_u128(0xca)),
            name: name.into(),
            kind,
            parent: None,
            key_algorithm: KeyAlgorithm::EcdsaP256,
            key_token: None,
            subject: name::subject_to_name(&subject).unwrap(),
            ttl,
            max_ttl: None,
            approval_id: None,
            serial: Serial::new([7; 18]),
            not_before,
        };
        let key = ThrowawayKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let intent = plan.intent(KeyId(Uuid::from_u128(0xce)), key.spki(), &key).unwrap();
        let signature = key.sign(&BASE64_STANDARD.decode(&intent.tbs).unwrap()).unwrap();
        let created = create_ca::certified(&intent, None, &BASE64_STANDARD.encode(signature)).unwrap();
        Issuer::read(&intent, &created, None).unwrap()
    }
}
