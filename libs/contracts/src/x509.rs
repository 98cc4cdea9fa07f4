//! The X.509 vocabulary that commands, events and `libs/pki` share. Names follow RFC 5280.

mod algorithm;
mod name;
mod policy;
mod profile;
mod subject_sources;
mod usage;

pub use algorithm::{HashAlgorithm, KeyAlgorithm, KeyAlgorithmError, SignatureAlgorithm};
pub use name::{SanKind, Subject, SubjectAltName, SubjectAttribute};
pub use policy::{BasicConstraintsRule, PolicyRules, SanRule, SubjectRule, SubjectRules};
pub use profile::{CertificateType, LifetimeRule, ProfileIssuer, ProfileRules, Terms};
pub use subject_sources::{SubjectChange, SubjectSource, SubjectSources};
pub use usage::{ExtendedKeyUsage, KeyUsage};
