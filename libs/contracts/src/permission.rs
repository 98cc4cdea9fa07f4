//! Permissions: what one may be allowed to do. Every operation and command declares the one it needs (Z-1).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! permissions {
    ($($variant:ident = $text:literal, $doc:literal;)*) => {
        /// A permission.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Permission { $( #[doc = $doc] #[serde(rename = $text)] $variant, )* }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Its text.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }
        }
    };
}

permissions! {
    OrganizationRead = "organization.read", "Read organizations and departments.";
    OrganizationWrite = "organization.write", "Create and change organizations and departments.";
    TokenRead = "token.read", "List API tokens.";
    TokenWrite = "token.write", "Issue and revoke API tokens.";
    KeyRead = "key.read", "Read keys' descriptions and public halves.";
    KeyCreate = "key.create", "Generate keys.";
    KeyDestroy = "key.destroy", "Destroy keys.";
    CaRead = "ca.read", "Read certification authorities.";
    CaCreate = "ca.create", "Create certification authorities.";
    CaWrite = "ca.write", "Suspend and resume certification authorities.";
    ProfileRead = "profile.read", "Read certificate profiles and policies.";
    ProfileWrite = "profile.write", "Create and change certificate profiles and policies.";
    RequestCreate = "certificate_request.create", "Request certificates.";
    RequestRead = "certificate_request.read", "Read certificate requests.";
    CertificateRead = "certificate.read", "Read certificates.";
    CertificateWrite = "certificate.write", "Label, own and annotate certificates.";
    EventRead = "event.read", "Read and follow events.";
    AuditRead = "audit.read", "Read denials and the log's verification.";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a permission's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a permission")]
pub struct PermissionError(String);

impl FromStr for Permission {
    type Err = PermissionError;
    fn from_str(text: &str) -> Result<Self, PermissionError> {
        Self::ALL
            .iter()
            .copied()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| PermissionError(text.chars().take(64).collect()))
    }
}
