//! Kinds of keys and signatures.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of key and its size or curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyAlgorithm {
    /// RSA, 2048 bits.
    #[serde(rename = "rsa_2048")]
    Rsa2048,
    /// RSA, 3072 bits.
    #[serde(rename = "rsa_3072")]
    Rsa3072,
    /// RSA, 4096 bits.
    #[serde(rename = "rsa_4096")]
    Rsa4096,
    /// ECDSA on NIST P-256.
    #[serde(rename = "ecdsa_p256")]
    EcdsaP256,
    /// ECDSA on NIST P-384.
    #[serde(rename = "ecdsa_p384")]
    EcdsaP384,
    /// ECDSA on NIST P-521.
    #[serde(rename = "ecdsa_p521")]
    EcdsaP521,
    /// Ed25519 (RFC 8410).
    Ed25519,
}

impl KeyAlgorithm {
    /// Every accepted kind.
    pub const ALL: &'static [Self] = &[
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::Ed25519,
    ];

    /// Its text, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa2048 => "rsa_2048",
            Self::Rsa3072 => "rsa_3072",
            Self::Rsa4096 => "rsa_4096",
            Self::EcdsaP256 => "ecdsa_p256",
            Self::EcdsaP384 => "ecdsa_p384",
            Self::EcdsaP521 => "ecdsa_p521",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Whether this is an RSA key.
    #[must_use]
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// The signature a key of this kind makes when nothing else is asked: SHA-256 for RSA and P-256, SHA-384 for
    /// P-384, SHA-512 for P-521.
    #[must_use]
    pub const fn default_signature(self) -> SignatureAlgorithm {
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => SignatureAlgorithm::RsaSha256,
            Self::EcdsaP256 => SignatureAlgorithm::EcdsaSha256,
            Self::EcdsaP384 => SignatureAlgorithm::EcdsaSha384,
            Self::EcdsaP521 => SignatureAlgorithm::EcdsaSha512,
            Self::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    }
}
impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a key algorithm's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a key algorithm: expected rsa_2048, rsa_3072, rsa_4096, ecdsa_p256, ecdsa_p384, ecdsa_p521 or ed25519"
)]
pub struct KeyAlgorithmError(String);
impl FromStr for KeyAlgorithm {
    type Err = KeyAlgorithmError;
    fn from_str(text: &str) -> Result<Self, KeyAlgorithmError> {
        Self::ALL
            .iter()
            .copied()
            .find(|a| a.as_str() == text)
            .ok_or_else(|| KeyAlgorithmError(text.chars().take(64).collect()))
    }
}

/// A signature algorithm that is accepted on CSRs and used on certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "rsa_sha256")]
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "rsa_sha384")]
    RsaSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "rsa_sha512")]
    RsaSha512,
    /// RSASSA-PSS with SHA-256 (CSRs only).
    #[serde(rename = "rsa_pss_sha256")]
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384 (CSRs only).
    #[serde(rename = "rsa_pss_sha384")]
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512 (CSRs only).
    #[serde(rename = "rsa_pss_sha512")]
    RsaPssSha512,
    /// ECDSA with SHA-256.
    #[serde(rename = "ecdsa_sha256")]
    EcdsaSha256,
    /// ECDSA with SHA-384.
    #[serde(rename = "ecdsa_sha384")]
    EcdsaSha384,
    /// ECDSA with SHA-512.
    #[serde(rename = "ecdsa_sha512")]
    EcdsaSha512,
    /// Ed25519.
    Ed25519,
}

impl SignatureAlgorithm {
    /// Its text, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa_sha256",
            Self::RsaSha384 => "rsa_sha384",
            Self::RsaSha512 => "rsa_sha512",
            Self::RsaPssSha256 => "rsa_pss_sha256",
            Self::RsaPssSha384 => "rsa_pss_sha384",
            Self::RsaPssSha512 => "rsa_pss_sha512",
            Self::EcdsaSha256 => "ecdsa_sha256",
            Self::EcdsaSha384 => "ecdsa_sha384",
            Self::EcdsaSha512 => "ecdsa_sha512",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The hash it uses; `None` for Ed25519, which brings its own.
    #[must_use]
    pub const fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::RsaSha256 | Self::RsaPssSha256 | Self::EcdsaSha256 => Some(HashAlgorithm::Sha256),
            Self::RsaSha384 | Self::RsaPssSha384 | Self::EcdsaSha384 => Some(HashAlgorithm::Sha384),
            Self::RsaSha512 | Self::RsaPssSha512 | Self::EcdsaSha512 => Some(HashAlgorithm::Sha512),
            Self::Ed25519 => None,
        }
    }
}
impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A hash of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}
