//! Bytes that must not be seen: the only form in which key material exists here (K-4).

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Key material in memory: wiped when dropped, compared in constant time, printed as `[redacted]`.
///
/// It cannot be copied or written anywhere by accident:
/// ```compile_fail
/// fn clone(secret: &chancery_keystore::SecretBytes) -> chancery_keystore::SecretBytes { secret.clone() }
/// ```
/// ```compile_fail
/// fn show(secret: &chancery_keystore::SecretBytes) -> String { secret.to_string() }
/// ```
/// ```compile_fail
/// fn write(secret: &chancery_keystore::SecretBytes) -> String { serde_json::to_string(secret).unwrap() }
/// ```
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Copies bytes from where something else wipes them.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The bytes. Whoever takes them answers for each copy.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
impl Eq for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_redacted_and_compare_by_value() {
        let secret = SecretBytes::copy_of(b"hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
        assert_eq!(secret, SecretBytes::new(b"hunter2".to_vec()));
        assert_ne!(secret, SecretBytes::copy_of(b"hunter3"));
        assert_ne!(secret, SecretBytes::copy_of(b"hunter"));
    }
}
