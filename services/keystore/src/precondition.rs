//! What must stand in the log before anything is signed (K-9). Pure: given what was read, may this be signed?
//!
//! A [`Permitted`] comes from these functions alone, and nothing else is ever given to a CA's or an end entity's key.
//! Until lifecycle exists the intent alone is checked, not the certificate request it names. A CA has the approval that
//! a rule asks for ([`approved`]).

mod approved;

pub use approved::approved;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    Code, KeyId, OrganizationId, Problem,
    keystore::{KeyGenerated, KeyPurpose},
    signer::{CaIntended, CaKind, CsrIntended, IssuanceIntended, issuance_stream},
    x509::SignatureAlgorithm,
};
use uuid::Uuid;

use crate::{
    ca::Ca,
    key::Key,
    signing_key::fits,
    tbs::{self, Tbs},
};

/// An intent to issue, as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// The event's id.
    pub event: Uuid,
    /// Its stream.
    pub stream: Uuid,
    /// Whose it is.
    pub organization: OrganizationId,
    /// What it says.
    pub intended: IssuanceIntended,
}

/// What a stream says, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned<T> {
    /// Whose; nil when there is no such stream.
    pub organization: OrganizationId,
    /// What its events led to; the default when there is none.
    pub state: T,
}

impl<T: Default> Default for Owned<T> {
    fn default() -> Self {
        Self { organization: OrganizationId::INSTALLATION, state: T::default() }
    }
}

/// Something that may be signed: whole, and by which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted {
    intent: Uuid,
    key: KeyId,
    algorithm: SignatureAlgorithm,
    message: Vec<u8>,
}

impl Permitted {
    /// The event that permits it: one signature per intent (C-3).
    #[must_use]
    pub const fn intent(&self) -> Uuid {
        self.intent
    }
    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }
    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
    /// The whole TBSCertificate.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }
}

/// Why nothing is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The log has no such intent.
    #[error("the log holds no such intent")]
    NoIntent,
    /// Another organization's.
    #[error("the intent, the CA and the key belong to different organizations")]
    OtherOrganization,
    /// Its stream does not follow from issuer and serial number.
    #[error("the intent stands in another stream than its issuer and serial number give")]
    WrongStream,
    /// The command is for the other kind of intent.
    #[error("the intent is of another kind than this operation signs")]
    WrongOperation,
    /// The CA has no certificate yet.
    #[error("the issuing CA has no certificate")]
    NoCa,
    /// The CA is suspended.
    #[error("the issuing CA is suspended")]
    Suspended,
    /// The CA does not issue such certificates.
    #[error("a CA of this kind does not issue such certificates")]
    WrongKind,
    /// There is no such key.
    #[error("there is no such key")]
    NoKey,
    /// Others know the key.
    #[error("the key is compromised")]
    KeyCompromised,
    /// The key is gone.
    #[error("the key is destroyed")]
    KeyDestroyed,
    /// The key is not the issuer's, or its purpose is another one.
    #[error("the key is not for this")]
    WrongKey,
    /// A rule asks for an approval, and there is none that was granted for this CA.
    #[error("making this CA needs approval, and the log holds none that was granted for it")]
    NotApproved,
    /// The TBSCertificate or the CSR cannot be read.
    #[error("what is to be signed cannot be read")]
    Unreadable,
    /// The TBSCertificate or the CSR says something else than the intent.
    #[error("what is to be signed differs from its intent: {0}")]
    Differs(&'static str),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::NoIntent | Refusal::OtherOrganization | Refusal::NoKey => Code::NotFound,
            Refusal::NoCa
            | Refusal::Suspended
            | Refusal::KeyCompromised
            | Refusal::KeyDestroyed
            | Refusal::NotApproved => Code::InvalidState,
            Refusal::WrongKey => Code::KeyMismatch,
            Refusal::WrongStream
            | Refusal::WrongOperation
            | Refusal::WrongKind
            | Refusal::Unreadable
            | Refusal::Differs(_) => Code::LintFailed,
        };
        Self::new(code, format!("nothing was signed: {refusal}"))
    }
}

/// A certificate that a CA issues: issuing CA, serial number and key equal to the intent's; the CA is not suspended;
/// the key is that CA's; and it is no CA certificate.
pub fn certificate(intent: &Intent, ca: &Owned<Ca>, key: &Owned<Key>) -> Result<Permitted, Refusal> {
    let intended = &intent.intended;
    let ca_id = intended.ca_id.ok_or(Refusal::WrongOperation)?;
    let issuer = issuing(ca, intent.organization)?;
    if issuer.intent.id != ca_id || issuer.intent.key_id != intended.signing_key_id {
        return Err(Refusal::WrongKey);
    }
    if issuer.intent.kind == CaKind::Root {
        return Err(Refusal::WrongKind);
    }
    in_its_stream(intent, ca_id.uuid())?;
    let (signature, of) = (intended.signature_algorithm, intent.organization);
    let key = usable(key, intended.signing_key_id, Use { purpose: KeyPurpose::Ca, signature, of })?;
    let (tbs, message) = end_entity(intended)?;
    if tbs.issuer != issuer.subject {
        return Err(Refusal::Differs("issuer"));
    }
    Ok(Permitted { intent: intent.event, key: key.id, algorithm: intended.signature_algorithm, message })
}

/// A self-signed end-entity certificate: it carries the very key that signs it.
pub fn self_signed(intent: &Intent, key: &Owned<Key>) -> Result<Permitted, Refusal> {
    let intended = &intent.intended;
    if intended.ca_id.is_some() || intended.key_id != Some(intended.signing_key_id) {
        return Err(Refusal::WrongOperation);
    }
    in_its_stream(intent, intended.signing_key_id.uuid())?;
    let (signature, of) = (intended.signature_algorithm, intent.organization);
    let key = usable(key, intended.signing_key_id, Use { purpose: KeyPurpose::EndEntity, signature, of })?;
    let (tbs, message) = end_entity(intended)?;
    if tbs.spki_sha256 != key.spki_sha256 {
        return Err(Refusal::Differs("subjectPublicKeyInfo"));
    }
    if tbs.issuer != tbs.subject {
        return Err(Refusal::Differs("issuer"));
    }
    Ok(Permitted { intent: intent.event, key: key.id, algorithm: intended.signature_algorithm, message })
}

/// A CSR: it carries the very managed key that signs it, which is the organization's.
pub fn csr(
    event: Uuid,
    intended: &Owned<Option<CsrIntended>>,
    key: &Owned<Key>,
) -> Result<Permitted, Refusal> {
    let (of, intended) = (intended.organization, intended.state.as_ref().ok_or(Refusal::NoIntent)?);
    let signature = intended.signature_algorithm;
    let key = usable(key, intended.key_id, Use { purpose: KeyPurpose::EndEntity, signature, of })?;
    let message = STANDARD.decode(&intended.info).map_err(|_| Refusal::Unreadable)?;
    if tbs::spki_of_request(&message).map_err(|_| Refusal::Unreadable)? != key.spki_sha256 {
        return Err(Refusal::Differs("subjectPublicKeyInfo"));
    }
    Ok(Permitted { intent: event, key: key.id, algorithm: signature, message })
}

/// A CSR that no certificate request asked for: it carries the very key that signs it, which is an end entity's. `command`
/// asked for it.
pub fn built_csr(command: Uuid, message: Vec<u8>, id: KeyId, key: &Owned<Key>) -> Result<Permitted, Refusal> {
    let description = key.state.description().ok_or(Refusal::NoKey)?;
    let signature = description.algorithm.default_signature();
    let wanted = Use { purpose: KeyPurpose::EndEntity, signature, of: key.organization };
    let key = usable(key, id, wanted)?;
    if tbs::spki_of_request(&message).map_err(|_| Refusal::Unreadable)? != key.spki_sha256 {
        return Err(Refusal::Differs("subjectPublicKeyInfo"));
    }
    Ok(Permitted { intent: command, key: key.id, algorithm: signature, message })
}

/// What signs a CA's certificate.
#[derive(Clone, Copy, Debug)]
pub enum Above<'a> {
    /// Itself.
    Itself,
    /// Its parent, with the parent's key.
    Parent(&'a Owned<Ca>, &'a Owned<Key>),
}

/// A CA's own certificate: it carries the CA's key, and is signed by that key or by the parent's.
pub fn ca_certificate(ca: &Owned<Ca>, key: &Owned<Key>, above: Above<'_>) -> Result<Permitted, Refusal> {
    let (event, intended) = ca.state.intended.as_ref().ok_or(Refusal::NoIntent)?;
    let for_ca = |signature| Use { purpose: KeyPurpose::Ca, signature, of: ca.organization };
    let own = usable(key, intended.key_id, for_ca(intended.key_algorithm.default_signature()))?;
    let message = STANDARD.decode(&intended.tbs).map_err(|_| Refusal::Unreadable)?;
    let tbs = read(&message, intended.signature_algorithm)?;
    if tbs.spki_sha256 != own.spki_sha256 {
        return Err(Refusal::Differs("subjectPublicKeyInfo"));
    }
    if !tbs.is_ca {
        return Err(Refusal::Differs("basicConstraints"));
    }
    let issuer = match (above, intended.parent_id) {
        (Above::Itself, None) if intended.kind != CaKind::Issuing => {
            if intended.signing_key_id != intended.key_id
                || !fits(own.algorithm, intended.signature_algorithm)
            {
                return Err(Refusal::WrongKey);
            }
            tbs.subject.clone()
        }
        (Above::Parent(parent, parent_key), Some(parent_id)) if intended.kind == CaKind::Issuing => {
            let parent = issuing(parent, ca.organization)?;
            if parent.intent.id != parent_id || parent.intent.key_id != intended.signing_key_id {
                return Err(Refusal::WrongKey);
            }
            if parent.intent.kind != CaKind::Root {
                return Err(Refusal::WrongKind);
            }
            usable(parent_key, intended.signing_key_id, for_ca(intended.signature_algorithm))?;
            parent.subject.to_vec()
        }
        _ => return Err(Refusal::WrongOperation),
    };
    if tbs.issuer != issuer {
        return Err(Refusal::Differs("issuer"));
    }
    let (intent, key, algorithm) = (*event, intended.signing_key_id, intended.signature_algorithm);
    Ok(Permitted { intent, key, algorithm, message })
}

/// A CA that may sign.
struct Issuing<'a> {
    intent: &'a CaIntended,
    subject: &'a [u8],
}

fn issuing(ca: &Owned<Ca>, organization: OrganizationId) -> Result<Issuing<'_>, Refusal> {
    let intent = ca.state.intent().ok_or(Refusal::NoCa)?;
    let subject = ca.state.subject.as_deref().ok_or(Refusal::NoCa)?;
    if ca.organization != organization {
        return Err(Refusal::OtherOrganization);
    }
    if ca.state.suspended { Err(Refusal::Suspended) } else { Ok(Issuing { intent, subject }) }
}

/// A serial number is used once: its stream begins once, and follows from issuer and serial number (C-1).
fn in_its_stream(intent: &Intent, issuer: Uuid) -> Result<(), Refusal> {
    if issuance_stream(issuer, &intent.intended.serial) == intent.stream {
        Ok(())
    } else {
        Err(Refusal::WrongStream)
    }
}

/// What a key is wanted for.
#[derive(Clone, Copy)]
struct Use {
    purpose: KeyPurpose,
    signature: SignatureAlgorithm,
    of: OrganizationId,
}

/// The key is there, is the one named, and is for this.
fn usable(key: &Owned<Key>, id: KeyId, wanted: Use) -> Result<&KeyGenerated, Refusal> {
    let description = match &key.state {
        Key::Absent => return Err(Refusal::NoKey),
        Key::Compromised(_) => return Err(Refusal::KeyCompromised),
        Key::Destroyed(_) => return Err(Refusal::KeyDestroyed),
        Key::Active(description) => description,
    };
    if key.organization != wanted.of {
        return Err(Refusal::OtherOrganization);
    }
    let right = description.id == id
        && description.purpose == wanted.purpose
        && fits(description.algorithm, wanted.signature);
    if right { Ok(description) } else { Err(Refusal::WrongKey) }
}

/// The TBSCertificate of an issuance: serial number and key as intended, and no CA certificate.
fn end_entity(intended: &IssuanceIntended) -> Result<(Tbs, Vec<u8>), Refusal> {
    let message = STANDARD.decode(&intended.tbs).map_err(|_| Refusal::Unreadable)?;
    let tbs = read(&message, intended.signature_algorithm)?;
    if tbs.serial != tbs::serial(&intended.serial) {
        return Err(Refusal::Differs("serialNumber"));
    }
    if tbs.spki_sha256 != intended.spki_sha256 {
        return Err(Refusal::Differs("subjectPublicKeyInfo"));
    }
    if tbs.is_ca {
        return Err(Refusal::Differs("basicConstraints"));
    }
    Ok((tbs, message))
}

fn read(message: &[u8], signature: SignatureAlgorithm) -> Result<Tbs, Refusal> {
    let tbs = Tbs::parse(message).map_err(|_| Refusal::Unreadable)?;
    if tbs.signature == Some(signature) { Ok(tbs) } else { Err(Refusal::Differs("signature")) }
}

#[cfg(test)]
mod tests;
