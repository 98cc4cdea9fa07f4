//! X.509: reading what others send, judging it, and writing what our CAs sign. Pure code: no I/O, no clock, no
//! randomness; every function that reads foreign bytes is total.
//!
//! From a CSR to a certificate, in the order things happen:
//!
//! ```text
//! csr::CertificationRequest::read(bytes)         PEM/base64/DER → checked CSR, or CsrError{code(), violation()}
//!     .subject_der() .subject() .effective_sans() .spki() .key_algorithm() .signature_algorithm() .requested()
//! policy::Proposed::from_csr(&csr, ttl)          policy::evaluate(&rules, &proposed) → Vec<Violation>, all at once
//! serial::Serial::new([u8; 18])                  Display/FromStr: hexadecimal
//! builder::Issuer::from_certificate(&ca)         what is copied from the CA's certificate
//! builder::build_tbs(&LeafTemplate, &Issuer, SignatureAlgorithm) → TBSCertificate bytes
//!     build_self_signed_tbs  build_root_tbs(&CaTemplate, ..)  build_subordinate_tbs(&CaTemplate, &Issuer, ..)
//! builder::assemble(&tbs, SignatureAlgorithm, &signature) → certificate DER (ECDSA signatures in DER form)
//! lint::lint(&certificate_der, Role) → Vec<LintFinding>; lint::blocks(&findings)
//! release::release_check(&tbs, &certificate_der, &issuer_certificate, &spki) → Certificate
//!     release::self_signed_release_check(&tbs, &certificate_der, &spki)     subordinate_release_check(.., &issuer, ..)
//! ```
//!
//! Beside that path:
//!
//! ```text
//! certificate::Certificate::read / read_all / read_der, accessors, .describe() → description::Description
//! chain::order(&leaf, &pool)   chain::issued(&issuer, &subject)   chain::verify(leaf, intermediates, anchors, at, usage)
//! path::paths(&leaf, &known, &anchors, at) → every way up, each link with its faults
//! spki::PublicKey::read (C-6)  spki::key_algorithm  spki::spki_sha256  spki::key_identifier  spki::verify_with
//! token_key::ecdsa_spki / rsa_spki / to_be_signed / ecdsa_signature: what PKCS #11 tokens take and give
//! name::subject_to_name  name::name_to_subject  name::to_text (RFC 4514)  name::common_name
//! pem::read / write / certificate     pkcs7::write     san::faults        hostname::check
//! file::read(bytes, &Passphrases) → Contents     file::pkcs12::write     file::pkcs8::write
//! ```

mod algorithm;
mod asn1;
pub mod builder;
pub mod certificate;
pub mod chain;
pub mod csr;
pub mod description;
mod extension;
pub mod file;
mod glob;
pub mod hostname;
mod kind;
pub mod lint;
pub mod name;
mod oid;
pub mod path;
pub mod pem;
pub mod pkcs7;
pub mod policy;
pub mod release;
pub mod request;
pub mod san;
pub mod serial;
pub mod spki;
mod time;
pub mod token_key;
mod weak_rsa;

pub use algorithm::{SignatureScheme, UnsupportedSignature};
pub use asn1::DerError;
pub use certificate::Certificate;
pub use csr::{CertificationRequest, CsrError};
pub use extension::{extended_key_usage_name, key_usage_name};
pub use serial::Serial;
pub use weak_rsa::WeakModulus;
