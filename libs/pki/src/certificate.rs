//! Reading certificates: ours and anybody's.
//!
//! The structure must be DER; what stands inside is taken as it is, because certificates found in the wild are to be
//! described, not judged. Judging is for [`crate::lint`] and [`crate::chain`].

use std::ops::Range;

use const_oid::ObjectIdentifier;
use contracts::{
    Timestamp,
    x509::{SignatureAlgorithm, SubjectAltName},
};

use crate::{
    algorithm::SignatureScheme,
    asn1::{self, DerError, Reader, tag},
    extension::{self, BasicConstraints, Extension},
    kind::Kind,
    name, oid,
    pem::{self, PemError},
    san, spki,
    time::read_time,
};

/// The most bytes a certificate may have.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;

/// Why bytes are not a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// More than [`MAX_CERTIFICATE_BYTES`].
    #[error("the certificate has {0} bytes; at most 65536 are accepted")]
    TooLarge(usize),
    /// No bytes in the text.
    #[error("the certificate cannot be read")]
    Pem(#[from] PemError),
    /// Another kind of file.
    #[error("this is not a certificate")]
    NotCertificate,
    /// Not the structure of a certificate.
    #[error("the certificate is not valid DER")]
    Der(#[from] DerError),
}

/// A certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Range<usize>,
    version: u32,
    serial: Range<usize>,
    inner_algorithm: Range<usize>,
    outer_algorithm: Range<usize>,
    issuer: Range<usize>,
    not_before: Timestamp,
    not_after: Timestamp,
    subject: Range<usize>,
    spki: Range<usize>,
    extensions: Vec<(ObjectIdentifier, bool, Range<usize>)>,
    signature: Range<usize>,
}

impl Certificate {
    /// Reads one certificate: PEM (the first block), base64, or DER.
    pub fn read(input: &[u8]) -> Result<Self, CertificateError> {
        Self::read_all(input)?.into_iter().next().ok_or(CertificateError::NotCertificate)
    }

    /// Reads every certificate of a PEM text, in order, or the one that stands there as DER; at least one.
    ///
    /// Errors: also when a block is something else, such as a private key.
    pub fn read_all(input: &[u8]) -> Result<Vec<Self>, CertificateError> {
        pem::read(input)?
            .into_iter()
            .map(|block| match &block.label {
                Some(label) if Kind::of_label(label) != Kind::Certificate => {
                    Err(CertificateError::NotCertificate)
                }
                _ => Self::read_der(&block.der),
            })
            .collect()
    }

    /// Reads the DER of a certificate.
    pub fn read_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge(der.len()));
        }
        Ok(Self::parse(der)?)
    }

    fn parse(der: &[u8]) -> Result<Self, DerError> {
        let mut outer = Reader::new(asn1::whole(der, tag::SEQUENCE)?.value);
        let tbs = outer.expect(tag::SEQUENCE)?;
        let outer_algorithm = outer.expect(tag::SEQUENCE)?.value;
        let signature = outer.octets_in_bits()?;
        outer.finish()?;

        let mut fields = Reader::new(tbs.value);
        let version = match fields.optional(tag::constructed(0))? {
            Some(explicit) => Reader::new(explicit.value).small()?,
            None => 0,
        };
        let serial = fields.expect(tag::INTEGER)?.value;
        let inner_algorithm = fields.expect(tag::SEQUENCE)?.value;
        let issuer = fields.expect(tag::SEQUENCE)?.der;
        let mut validity = fields.sequence()?;
        let not_before = read_time(validity.element()?)?;
        let not_after = read_time(validity.element()?)?;
        let subject = fields.expect(tag::SEQUENCE)?.der;
        let spki = fields.expect(tag::SEQUENCE)?.der;
        fields.optional(tag::primitive(1))?;
        fields.optional(tag::primitive(2))?;
        let extensions = match fields.optional(tag::constructed(3))? {
            Some(explicit) => extension::read_all(Reader::new(explicit.value).sequence()?)?,
            None => vec![],
        };
        fields.finish()?;

        let place = |part: &[u8]| {
            let start = part.as_ptr() as usize - der.as_ptr() as usize;
            start..start + part.len()
        };
        Ok(Self {
            der: der.to_vec(),
            tbs: place(tbs.der),
            version,
            serial: place(serial),
            inner_algorithm: place(inner_algorithm),
            outer_algorithm: place(outer_algorithm),
            issuer: place(issuer),
            not_before,
            not_after,
            subject: place(subject),
            spki: place(spki),
            extensions: extensions.iter().map(|e| (e.oid, e.critical, place(e.value))).collect(),
            signature: place(signature),
        })
    }

    /// The whole certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The whole certificate in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::certificate(&self.der)
    }

    /// The TBSCertificate: what is signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        &self.der[self.tbs.clone()]
    }

    /// 1, 2 or 3.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version.saturating_add(1)
    }

    /// The serial number's bytes as encoded: big-endian, signed.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.der[self.serial.clone()]
    }

    /// The serial number in hexadecimal, lower case, whole bytes; a minus before a negative one.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        match self.serial() {
            [0, rest @ ..] if !rest.is_empty() => hex::encode(rest),
            [first, ..] if *first >= 0x80 => format!("-{}", hex::encode(negated(self.serial()))),
            bytes => hex::encode(bytes),
        }
    }

    /// The issuer's Name.
    #[must_use]
    pub fn issuer_der(&self) -> &[u8] {
        &self.der[self.issuer.clone()]
    }

    /// The issuer (RFC 4514).
    #[must_use]
    pub fn issuer(&self) -> String {
        name::to_text(self.issuer_der())
    }

    /// The subject's Name.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.der[self.subject.clone()]
    }

    /// The subject (RFC 4514).
    #[must_use]
    pub fn subject(&self) -> String {
        name::to_text(self.subject_der())
    }

    /// The subject's common name.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        name::common_name(self.subject_der())
    }

    /// From when it is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last second in which it is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.der[self.spki.clone()]
    }

    /// The signature algorithm, where it is an accepted one.
    #[must_use]
    pub fn signature_algorithm(&self) -> Option<SignatureAlgorithm> {
        self.scheme().map(|scheme| scheme.algorithm)
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.der[self.signature.clone()]
    }

    /// The subject alternative names of the four kinds that are issued.
    #[must_use]
    pub fn sans(&self) -> Vec<SubjectAltName> {
        self.extension(oid::SUBJECT_ALT_NAME).map_or_else(Vec::new, |e| san::read_leniently(e.value).0)
    }

    /// The subject key identifier.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        let value = self.extension(oid::SUBJECT_KEY_IDENTIFIER)?.value;
        asn1::whole(value, tag::OCTET_STRING).ok().map(|element| element.value)
    }

    /// The key identifier of the authority key identifier.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&[u8]> {
        extension::read_authority_key_identifier(self.extension(oid::AUTHORITY_KEY_IDENTIFIER)?.value)
            .ok()
            .flatten()
    }

    /// Whether basic constraints say `CA:TRUE`.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.basic_constraints().is_some_and(|constraints| constraints.ca)
    }

    /// Whether subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject_der() == self.issuer_der()
    }

    /// Whether the signature verifies with the key in `issuer_spki`. False too for algorithms that are not accepted.
    #[must_use]
    pub fn is_signed_by(&self, issuer_spki: &[u8]) -> bool {
        self.scheme().is_some_and(|scheme| {
            spki::verify_with(issuer_spki, scheme, self.tbs(), self.signature()).is_ok()
        })
    }

    /// SHA-256 of the whole certificate, hexadecimal: what identifies a certificate.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.der))
    }

    /// SHA-1 of the whole certificate, hexadecimal.
    #[must_use]
    pub fn sha1(&self) -> String {
        hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der))
    }

    pub(crate) fn basic_constraints(&self) -> Option<BasicConstraints> {
        BasicConstraints::read(self.extension(oid::BASIC_CONSTRAINTS)?.value).ok()
    }

    pub(crate) fn inner_algorithm(&self) -> &[u8] {
        &self.der[self.inner_algorithm.clone()]
    }

    pub(crate) fn outer_algorithm(&self) -> &[u8] {
        &self.der[self.outer_algorithm.clone()]
    }

    pub(crate) fn extensions(&self) -> impl Iterator<Item = Extension<'_>> {
        self.extensions.iter().map(|(oid, critical, value)| Extension {
            oid: *oid,
            critical: *critical,
            value: &self.der[value.clone()],
        })
    }

    pub(crate) fn extension(&self, oid: ObjectIdentifier) -> Option<Extension<'_>> {
        self.extensions().find(|extension| extension.oid == oid)
    }

    fn scheme(&self) -> Option<SignatureScheme> {
        SignatureScheme::read(self.outer_algorithm()).ok()
    }
}

/// The absolute value of a negative number in two's complement.
fn negated(bytes: &[u8]) -> Vec<u8> {
    let mut carry = true;
    let mut result: Vec<u8> = bytes
        .iter()
        .rev()
        .map(|byte| {
            let (sum, overflow) = (!byte).overflowing_add(u8::from(carry));
            carry = overflow;
            sum
        })
        .collect();
    while result.len() > 1 && result.last() == Some(&0) {
        result.pop();
    }
    result.reverse();
    result
}
