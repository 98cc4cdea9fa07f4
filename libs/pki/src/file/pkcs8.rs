//! A private key on its own, locked with a passphrase: EncryptedPrivateKeyInfo (RFC 5958 §3).

use zeroize::Zeroizing;

use super::{
    Draw, PrivateKeyDer,
    encryption::{Password, Scheme},
    error::WriteError,
};

/// The label of its PEM.
pub const LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// Writes a key: PBES2 with AES-256 and PBKDF2 of HMAC-SHA-256, 600,000 iterations. DER; [`crate::pem::write`] with
/// [`LABEL`] makes PEM of it.
pub fn write(
    key: &PrivateKeyDer,
    passphrase: &str,
    draw: Draw<'_>,
) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    Scheme::Pbes2.lock(&Password::new(passphrase), key.pkcs8(), draw).map(Zeroizing::new)
}
