//! The TBSCertificate: what a CA's key signs, written byte for byte here and signed elsewhere.
//!
//! The same template gives the same bytes. Names and keys are copied as they stand in the CSR and in the CA's
//! certificate; everything else comes from the template.

use contracts::{
    Lifetime, Timestamp,
    x509::{CertificateType, ExtendedKeyUsage, KeyAlgorithm, KeyUsage, SignatureAlgorithm, SubjectAltName},
};

use crate::{
    algorithm,
    asn1::{self, DerError, Writer, tag},
    certificate::Certificate,
    extension::{self, BasicConstraints},
    name, oid,
    san::{self, SanError},
    serial::Serial,
    spki::{self, KeyError},
    time::write_time,
};

/// A certificate for an end entity.
#[derive(Clone, Copy, Debug)]
pub struct LeafTemplate<'a> {
    /// Its serial number.
    pub serial: Serial,
    /// Its subject, a Name in DER.
    pub subject: &'a [u8],
    /// Its names; the extension is critical when the subject is empty.
    pub sans: &'a [SubjectAltName],
    /// Its key, SubjectPublicKeyInfo in DER.
    pub spki: &'a [u8],
    /// From when it is valid; a fraction of a second is cut off.
    pub not_before: Timestamp,
    /// How long, counting both ends: `notAfter` is one second less after `notBefore`.
    pub ttl: Lifetime,
    /// What it is for.
    pub certificate_type: CertificateType,
    /// Key usages; `None`: those that fit type and key.
    pub key_usages: Option<&'a [KeyUsage]>,
    /// Extended key usages; `None`: those of the type.
    pub extended_key_usages: Option<&'a [ExtendedKeyUsage]>,
    /// Where its issuer's services are.
    pub addresses: &'a Addresses,
}

/// A certificate for a CA.
#[derive(Clone, Copy, Debug)]
pub struct CaTemplate<'a> {
    /// Its serial number.
    pub serial: Serial,
    /// Its subject, a Name in DER, not empty.
    pub subject: &'a [u8],
    /// Its key, SubjectPublicKeyInfo in DER.
    pub spki: &'a [u8],
    /// As in [`LeafTemplate`].
    pub not_before: Timestamp,
    /// As in [`LeafTemplate`].
    pub ttl: Lifetime,
    /// How many CAs may follow below it; `None`: any number.
    pub path_length: Option<u32>,
    /// Whether its key signs other things than certificates and CRLs, such as OCSP answers.
    pub digital_signature: bool,
    /// Where its issuer's services are.
    pub addresses: &'a Addresses,
}

/// URIs of an issuer's services; nothing is written for an empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// CRLs.
    pub crl_distribution_points: Vec<String>,
    /// OCSP responders.
    pub ocsp: Vec<String>,
    /// The issuer's certificate.
    pub ca_issuers: Vec<String>,
}

/// What an issued certificate takes over from its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    name: Vec<u8>,
    key_identifier: Vec<u8>,
    not_after: Timestamp,
}

impl Issuer {
    /// From the CA's certificate: its subject and its subject key identifier as they stand there.
    ///
    /// Errors: it is no CA's certificate, or has no subject key identifier.
    pub fn from_certificate(certificate: &Certificate) -> Result<Self, BuildError> {
        let key_identifier = certificate.subject_key_identifier().filter(|_| certificate.is_ca());
        Ok(Self {
            name: certificate.subject_der().to_vec(),
            key_identifier: key_identifier.ok_or(BuildError::NotCa)?.to_vec(),
            not_after: certificate.not_after(),
        })
    }

    /// Its Name, DER.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its subject key identifier.
    #[must_use]
    pub fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }

    /// Until when its certificate is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// Why a certificate cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The issuer's certificate is no CA's.
    #[error("the issuer's certificate is not a CA's, or has no subject key identifier")]
    NotCa,
    /// The subject is not a Name in DER.
    #[error("the subject is not valid DER")]
    Subject(#[source] DerError),
    /// A CA without a name.
    #[error("a CA needs a subject")]
    EmptySubject,
    /// A leaf without any name.
    #[error("a certificate needs a subject or a subject alternative name")]
    Nameless,
    /// A name that cannot be certified.
    #[error("a subject alternative name is not acceptable")]
    San(#[source] SanError),
    /// A key that is not accepted.
    #[error("the public key is not acceptable")]
    Key(#[source] KeyError),
    /// Before 1950 or after 9999.
    #[error("the validity lies outside of the years 1950 to 9999")]
    Validity,
    /// Valid for longer than the issuer.
    #[error("the certificate would be valid until {wanted}, but its issuer only until {issuer}")]
    OutlivesIssuer {
        /// Its own end.
        wanted: Timestamp,
        /// The issuer's.
        issuer: Timestamp,
    },
    /// An address that is not printable ASCII.
    #[error("'{0}' is not a URI")]
    Address(String),
}

/// The TBSCertificate of a leaf that `issuer` signs with `signature`.
pub fn build_tbs(
    template: &LeafTemplate<'_>,
    issuer: &Issuer,
    signature: SignatureAlgorithm,
) -> Result<Vec<u8>, BuildError> {
    let not_after = within(issuer, template.not_before, template.ttl)?;
    leaf(template, &issuer.name, &issuer.key_identifier, not_after, signature)
}

/// The TBSCertificate of a leaf that its own key signs.
pub fn build_self_signed_tbs(
    template: &LeafTemplate<'_>,
    signature: SignatureAlgorithm,
) -> Result<Vec<u8>, BuildError> {
    if name::is_empty(template.subject) {
        return Err(BuildError::EmptySubject); // it is the issuer too, and that may not be empty
    }
    let own = spki::key_identifier(template.spki).map_err(BuildError::Key)?;
    leaf(template, template.subject, &own, not_after(template.not_before, template.ttl)?, signature)
}

/// The TBSCertificate of a root: a CA that its own key signs.
pub fn build_root_tbs(
    template: &CaTemplate<'_>,
    signature: SignatureAlgorithm,
) -> Result<Vec<u8>, BuildError> {
    let own = spki::key_identifier(template.spki).map_err(BuildError::Key)?;
    ca(template, template.subject, &own, not_after(template.not_before, template.ttl)?, signature)
}

/// The TBSCertificate of a CA that `issuer` signs.
pub fn build_subordinate_tbs(
    template: &CaTemplate<'_>,
    issuer: &Issuer,
    signature: SignatureAlgorithm,
) -> Result<Vec<u8>, BuildError> {
    let not_after = within(issuer, template.not_before, template.ttl)?;
    ca(template, &issuer.name, &issuer.key_identifier, not_after, signature)
}

/// The certificate: a TBSCertificate with its signature.
#[must_use]
pub fn assemble(tbs: &[u8], algorithm: SignatureAlgorithm, signature: &[u8]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(tbs.len() + signature.len() + 32);
    writer.sequence(|certificate| {
        certificate.raw(tbs);
        algorithm::write(certificate, algorithm);
        certificate.octets_in_bits(signature);
    });
    writer.finish()
}

/// The last second of a lifetime that begins at `not_before`: both ends count (C-8).
pub fn not_after(not_before: Timestamp, ttl: Lifetime) -> Result<Timestamp, BuildError> {
    let start = not_before.whole_second();
    let end = start.plus(ttl.duration()).plus(::time::Duration::seconds(-1));
    let whole = end.unix().checked_sub(start.unix()) == ttl.as_seconds().checked_sub(1);
    if start.0.year() < 1950 || ttl.as_seconds() < 1 || !whole { Err(BuildError::Validity) } else { Ok(end) }
}

/// Key usages that fit a leaf's type and key.
#[must_use]
pub fn default_key_usages(kind: CertificateType, key: KeyAlgorithm) -> &'static [KeyUsage] {
    match kind {
        CertificateType::Server | CertificateType::Device if key.is_rsa() => {
            &[KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment]
        }
        _ => &[KeyUsage::DigitalSignature],
    }
}

/// Extended key usages of a leaf's type.
#[must_use]
pub const fn default_extended_key_usages(kind: CertificateType) -> &'static [ExtendedKeyUsage] {
    match kind {
        CertificateType::Server => &[ExtendedKeyUsage::ServerAuth],
        CertificateType::Client => &[ExtendedKeyUsage::ClientAuth],
        CertificateType::CodeSigning => &[ExtendedKeyUsage::CodeSigning],
        CertificateType::Device => &[ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth],
    }
}

fn within(issuer: &Issuer, not_before: Timestamp, ttl: Lifetime) -> Result<Timestamp, BuildError> {
    let wanted = not_after(not_before, ttl)?;
    if wanted > issuer.not_after {
        return Err(BuildError::OutlivesIssuer { wanted, issuer: issuer.not_after });
    }
    Ok(wanted)
}

fn leaf(
    template: &LeafTemplate<'_>,
    issuer_name: &[u8],
    issuer_key: &[u8],
    not_after: Timestamp,
    signature: SignatureAlgorithm,
) -> Result<Vec<u8>, BuildError> {
    let no_subject = name::is_empty(template.subject);
    if no_subject && template.sans.is_empty() {
        return Err(BuildError::Nameless);
    }
    san::check_all(template.sans).map_err(BuildError::San)?;
    let key = spki::key_algorithm(template.spki).map_err(BuildError::Key)?;
    let key_usages =
        template.key_usages.unwrap_or_else(|| default_key_usages(template.certificate_type, key));
    let extended_key_usages = template
        .extended_key_usages
        .unwrap_or_else(|| default_extended_key_usages(template.certificate_type));
    let head = Head {
        serial: template.serial,
        signature,
        issuer_name,
        issuer_key,
        not_before: template.not_before,
        not_after,
        subject: template.subject,
        spki: template.spki,
        addresses: template.addresses,
    };
    head.write(|list| {
        extension::write(list, oid::BASIC_CONSTRAINTS, true, |w| BasicConstraints::default().write(w));
        if !key_usages.is_empty() {
            extension::write(list, oid::KEY_USAGE, true, |w| extension::write_key_usage(w, key_usages));
        }
        if !extended_key_usages.is_empty() {
            extension::write(list, oid::EXTENDED_KEY_USAGE, false, |w| {
                extension::write_extended_key_usage(w, extended_key_usages);
            });
        }
        if !template.sans.is_empty() {
            extension::write(list, oid::SUBJECT_ALT_NAME, no_subject, |w| san::write(w, template.sans));
        }
    })
}

fn ca(
    template: &CaTemplate<'_>,
    issuer_name: &[u8],
    issuer_key: &[u8],
    not_after: Timestamp,
    signature: SignatureAlgorithm,
) -> Result<Vec<u8>, BuildError> {
    if name::is_empty(template.subject) {
        return Err(BuildError::EmptySubject);
    }
    let head = Head {
        serial: template.serial,
        signature,
        issuer_name,
        issuer_key,
        not_before: template.not_before,
        not_after,
        subject: template.subject,
        spki: template.spki,
        addresses: template.addresses,
    };
    let usages = [KeyUsage::KeyCertSign, KeyUsage::CrlSign, KeyUsage::DigitalSignature];
    let usages = if template.digital_signature { &usages[..] } else { &usages[..2] };
    head.write(|list| {
        let constraints = BasicConstraints { ca: true, path_length: template.path_length };
        extension::write(list, oid::BASIC_CONSTRAINTS, true, |w| constraints.write(w));
        extension::write(list, oid::KEY_USAGE, true, |w| extension::write_key_usage(w, usages));
    })
}

/// What leaves and CAs have in common.
struct Head<'a> {
    serial: Serial,
    signature: SignatureAlgorithm,
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    not_before: Timestamp,
    not_after: Timestamp,
    subject: &'a [u8],
    spki: &'a [u8],
    addresses: &'a Addresses,
}

impl Head<'_> {
    fn write(&self, more_extensions: impl FnOnce(&mut Writer)) -> Result<Vec<u8>, BuildError> {
        asn1::whole(self.subject, tag::SEQUENCE).map_err(BuildError::Subject)?;
        let own_key = spki::key_identifier(self.spki).map_err(BuildError::Key)?;
        self.addresses.check()?;
        let mut writer = Writer::with_capacity(1024);
        writer.sequence(|tbs| {
            tbs.nest(tag::constructed(0), |version| {
                version.put(tag::INTEGER, &[2]);
            });
            tbs.put(tag::INTEGER, self.serial.as_bytes());
            algorithm::write(tbs, self.signature);
            tbs.raw(self.issuer_name);
            tbs.sequence(|validity| {
                write_time(validity, self.not_before.whole_second());
                write_time(validity, self.not_after);
            });
            tbs.raw(self.subject).raw(self.spki);
            tbs.nest(tag::constructed(3), |explicit| {
                explicit.sequence(|list| {
                    more_extensions(list);
                    extension::write(list, oid::SUBJECT_KEY_IDENTIFIER, false, |w| {
                        w.put(tag::OCTET_STRING, &own_key);
                    });
                    extension::write(list, oid::AUTHORITY_KEY_IDENTIFIER, false, |w| {
                        w.sequence(|fields| {
                            fields.put(tag::primitive(0), self.issuer_key);
                        });
                    });
                    self.addresses.write(list);
                });
            });
        });
        Ok(writer.finish())
    }
}

impl Addresses {
    fn check(&self) -> Result<(), BuildError> {
        let mut all = self.crl_distribution_points.iter().chain(&self.ocsp).chain(&self.ca_issuers);
        match all.find(|uri| uri.is_empty() || !uri.bytes().all(|b| b.is_ascii_graphic())) {
            Some(wrong) => Err(BuildError::Address(wrong.clone())),
            None => Ok(()),
        }
    }

    fn write(&self, list: &mut Writer) {
        if !self.crl_distribution_points.is_empty() {
            extension::write(list, oid::CRL_DISTRIBUTION_POINTS, false, |w| {
                extension::write_distribution_points(w, &self.crl_distribution_points);
            });
        }
        if !self.ocsp.is_empty() || !self.ca_issuers.is_empty() {
            extension::write(list, oid::AUTHORITY_INFORMATION_ACCESS, false, |w| {
                extension::write_information_access(w, &self.ocsp, &self.ca_issuers);
            });
        }
    }
}
