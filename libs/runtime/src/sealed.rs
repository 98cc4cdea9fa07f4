//! Secrets on the bus: keystore seals what it gives out to a one-time public key in the command that asked for it (HPKE,
//! RFC 9180), so that only the process that asked can read the answer, once.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{CredentialId, OrganizationId, SecretText, keystore::SealedSecret};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P384_HKDF_SHA384_AES_256 as SUITE,
    hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey},
};
use uuid::Uuid;
use zeroize::Zeroizing;

/// What a message is for; part of what is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A credential on its way out.
    Credential,
    /// A private key on its way in.
    Upload,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Credential => b"chancery.credential.1",
            Self::Upload => b"chancery.upload.1",
        }
    }
}

/// Why a secret was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a public key.
    #[error("what the answer is to be sealed to is no public key on P-384")]
    Key,
    /// Sealed to another key or for another credential, or changed on the way: nothing tells which.
    #[error("the sealed secret does not open")]
    DoesNotOpen,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to seal")]
    Failed,
}

/// A key pair for one answer.
pub struct OneTimeKey {
    private: HpkePrivateKey,
    public: HpkePublicKey,
}

impl OneTimeKey {
    /// Draws one.
    pub fn draw() -> Result<Self, SealError> {
        let (public, private) = SUITE.generate_key_pair().map_err(|_| SealError::Failed)?;
        Ok(Self { private, public })
    }

    /// The public half, base64, as a command carries it.
    #[must_use]
    pub fn public(&self) -> String {
        STANDARD.encode(&self.public.0)
    }

    /// The private half, for the one who keeps it wrapped.
    #[must_use]
    pub fn private_half(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.private.secret_bytes().to_vec())
    }

    /// A key of which the private half was kept. It opens; its public half is not known any more.
    #[must_use]
    pub fn from_private_half(private: &[u8]) -> Self {
        Self { private: HpkePrivateKey::from(private.to_vec()), public: HpkePublicKey(vec![]) }
    }

    /// Opens the answer. The key is used up.
    pub fn open(
        self,
        organization: OrganizationId,
        credential: CredentialId,
        sealed: &SealedSecret,
    ) -> Result<SecretText, SealError> {
        let opened = self.open_for(Purpose::Credential, organization, credential.uuid(), sealed)?;
        let text = std::str::from_utf8(&opened).map_err(|_| SealError::DoesNotOpen)?;
        Ok(SecretText::new(text.to_owned()))
    }

    /// Opens what was sealed for this. The key is used up.
    pub fn open_for(
        self,
        purpose: Purpose,
        organization: OrganizationId,
        about: Uuid,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| SealError::DoesNotOpen);
        let encapsulated = EncapsulatedSecret(decode(&sealed.encapsulated)?);
        let (aad, ciphertext) = (bound_to(organization, about), decode(&sealed.ciphertext)?);
        let opened = SUITE.open(&encapsulated, purpose.info(), &aad, &ciphertext, &self.private);
        opened.map(Zeroizing::new).map_err(|_| SealError::DoesNotOpen)
    }
}

impl std::fmt::Debug for OneTimeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTimeKey([redacted])")
    }
}

/// Seals a secret to a public key of [`OneTimeKey::public`].
pub fn seal(
    public: &str,
    organization: OrganizationId,
    credential: CredentialId,
    secret: &[u8],
) -> Result<SealedSecret, SealError> {
    seal_for(Purpose::Credential, public, organization, credential.uuid(), secret)
}

/// Seals bytes for this to a public key of [`OneTimeKey::public`].
pub fn seal_for(
    purpose: Purpose,
    public: &str,
    organization: OrganizationId,
    about: Uuid,
    secret: &[u8],
) -> Result<SealedSecret, SealError> {
    let public = STANDARD.decode(public).map_err(|_| SealError::Key)?;
    let aad = bound_to(organization, about);
    let (encapsulated, ciphertext) =
        SUITE.seal(purpose.info(), &aad, secret, &HpkePublicKey(public)).map_err(|_| SealError::Key)?;
    Ok(SealedSecret {
        encapsulated: STANDARD.encode(encapsulated.0),
        ciphertext: STANDARD.encode(ciphertext),
    })
}

/// Both ids have 16 bytes, so one after the other is unambiguous.
fn bound_to(organization: OrganizationId, about: Uuid) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(organization.uuid().as_bytes());
    bytes[16..].copy_from_slice(about.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: OrganizationId = OrganizationId(Uuid::from_u128(1));
    const ID: CredentialId = CredentialId(Uuid::from_u128(2));

    #[test]
    fn only_the_key_that_was_asked_with_opens_the_answer() {
        let [asked, other] = [(); 2].map(|()| OneTimeKey::draw().unwrap());
        let sealed = seal(&asked.public(), OURS, ID, b"correct horse").unwrap();
        assert_eq!(other.open(OURS, ID, &sealed).unwrap_err(), SealError::DoesNotOpen);
        assert_eq!(asked.open(OURS, ID, &sealed).unwrap().reveal(), "correct horse");
    }

    #[test]
    fn an_answer_for_another_credential_does_not_open() {
        let other_organization = OrganizationId(Uuid::from_u128(3));
        let other_id = CredentialId(Uuid::from_u128(3));
        for (organization, id) in [(other_organization, ID), (OURS, other_id)] {
            let key = OneTimeKey::draw().unwrap();
            let sealed = seal(&key.public(), OURS, ID, b"correct horse").unwrap();
            assert_eq!(key.open(organization, id, &sealed).unwrap_err(), SealError::DoesNotOpen);
        }
    }

    #[test]
    fn a_changed_answer_does_not_open_and_no_key_is_refused() {
        let key = OneTimeKey::draw().unwrap();
        let mut sealed = seal(&key.public(), OURS, ID, b"correct horse").unwrap();
        let flipped = if sealed.ciphertext.starts_with('A') { "B" } else { "A" };
        sealed.ciphertext.replace_range(0..1, flipped);
        assert_eq!(key.open(OURS, ID, &sealed).unwrap_err(), SealError::DoesNotOpen);
        for no_key in ["", "????", "AAAA"] {
            assert_eq!(seal(no_key, OURS, ID, b"x").unwrap_err(), SealError::Key);
        }
    }
}
