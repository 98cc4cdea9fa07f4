//! Certification requests (PKCS #10, RFC 2986): what a subscriber sends.
//!
//! Every reason for refusal has its own code, and nothing that was not understood is carried on.

use const_oid::ObjectIdentifier;
use contracts::{
    Violation,
    x509::{ExtendedKeyUsage, KeyAlgorithm, KeyUsage, SignatureAlgorithm, Subject, SubjectAltName},
};

use crate::{
    algorithm::{SignatureScheme, UnsupportedSignature},
    asn1::{self, DerError, Reader, tag},
    extension::{self, BasicConstraints, Extension},
    hostname,
    kind::Kind,
    name::{self, NameError},
    oid,
    pem::{self, PemError},
    san::{self, SanError},
    spki::{KeyError, PublicKey},
};

/// The most bytes a CSR may have, as it was sent.
pub const MAX_CSR_BYTES: usize = 32 * 1024;

/// Nothing longer is looked into: base64 of the largest, in lines.
const MAX_TEXT_BYTES: usize = MAX_CSR_BYTES / 2 * 3;

/// Why a CSR is refused. The text is for the subscriber, [`CsrError::code`] for programs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrError {
    /// Nothing, or white space only.
    #[error("CSR cannot be empty")]
    Empty,
    /// More than [`MAX_CSR_BYTES`].
    #[error("CSR has {0} bytes; at most 32768 are accepted")]
    TooLarge(usize),
    /// Neither PEM, base64 nor DER.
    #[error("CSR is neither PEM nor base64 nor DER")]
    NotPem,
    /// A header without its footer.
    #[error("CSR has no footer: '-----END {0}-----' is missing")]
    NoFooter(String),
    /// The base64 stops early.
    #[error("the base64 of the CSR is cut off")]
    TruncatedBase64,
    /// A character that is not base64.
    #[error("the base64 of the CSR has a character that does not belong there")]
    InvalidBase64,
    /// A certificate.
    #[error("this is a certificate, not a CSR")]
    Certificate,
    /// A private key. It should be treated as disclosed.
    #[error(
        "this contains a private key; send the CSR alone, and make a new key, because this one has been disclosed"
    )]
    PrivateKey,
    /// Some other PEM block.
    #[error("this is '{0}', not a CSR")]
    OtherBlock(String),
    /// More than one.
    #[error("there are {0} CSRs; send one")]
    Several(usize),
    /// The DER ends early.
    #[error("the DER of the CSR is cut off")]
    TruncatedDer,
    /// Bytes after the CSR.
    #[error("there are bytes after the end of the CSR")]
    TrailingBytes,
    /// Not a CSR's structure.
    #[error("CSR is not valid DER: {0}")]
    Der(DerError),
    /// Not version 1, the only one there is.
    #[error("CSR is not of version 1")]
    Version,
    /// The signature algorithm is not accepted.
    #[error("{0}; accepted are RSA (PKCS #1 or PSS) and ECDSA with SHA-256, SHA-384 or SHA-512, and Ed25519")]
    SignatureAlgorithm(UnsupportedSignature),
    /// The key is not accepted.
    #[error("{}{}", .0, cause_of(.0))]
    Key(KeyError),
    /// The signature was not made with the key.
    #[error("the signature of the CSR does not verify with its public key")]
    Signature,
    /// The subject.
    #[error("{0}")]
    Subject(NameError),
    /// The subject alternative names.
    #[error("{0}")]
    San(SanError),
    /// More than one extension request, or one extension twice.
    #[error("CSR has more than one {0}")]
    Repeated(&'static str),
    /// An extension that cannot be read.
    #[error("the {0} extension of the CSR is not valid DER")]
    Extension(&'static str),
}

fn cause_of(error: &KeyError) -> String {
    std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"))
}

impl CsrError {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "csr_empty",
            Self::TooLarge(_) => "csr_too_large",
            Self::NotPem => "csr_not_pem",
            Self::NoFooter(_) => "csr_no_footer",
            Self::TruncatedBase64 => "csr_base64_truncated",
            Self::InvalidBase64 => "csr_base64_invalid",
            Self::Certificate => "csr_is_certificate",
            Self::PrivateKey => "csr_is_private_key",
            Self::OtherBlock(_) => "csr_is_other",
            Self::Several(_) => "csr_several",
            Self::TruncatedDer => "csr_der_truncated",
            Self::TrailingBytes => "csr_trailing_bytes",
            Self::Der(_) => "csr_der_invalid",
            Self::Version => "csr_version",
            Self::SignatureAlgorithm(_) => "signature_algorithm_unsupported",
            Self::Key(error) => error.code(),
            Self::Signature => "csr_signature_invalid",
            Self::Subject(error) => error.code(),
            Self::San(error) => error.code(),
            Self::Repeated(_) => "csr_extension_repeated",
            Self::Extension(_) => "csr_extension_malformed",
        }
    }

    /// As one violation at `#/csr`.
    #[must_use]
    pub fn violation(&self) -> Violation {
        Violation::at("#/csr", self.code(), self.to_string())
    }
}

impl From<PemError> for CsrError {
    fn from(error: PemError) -> Self {
        match error {
            PemError::Empty => Self::Empty,
            PemError::NotPem => Self::NotPem,
            PemError::NoFooter { label } => Self::NoFooter(label),
            PemError::Truncated => Self::TruncatedBase64,
            PemError::Base64 => Self::InvalidBase64,
        }
    }
}
impl From<DerError> for CsrError {
    fn from(error: DerError) -> Self {
        Self::Der(error)
    }
}

/// A CSR whose signature, key and names have been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificationRequest {
    der: Vec<u8>,
    subject_der: Vec<u8>,
    subject: Subject,
    spki: Vec<u8>,
    key_algorithm: KeyAlgorithm,
    signature_algorithm: SignatureAlgorithm,
    sans: Option<Vec<SubjectAltName>>,
    requested: RequestedExtensions,
}

/// What a CSR asks for beside names. Certificates follow their profile; policies may refuse what is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedExtensions {
    /// Key usages.
    pub key_usages: Vec<KeyUsage>,
    /// Extended key usages.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// Usages of both kinds that are never issued, by name or object identifier.
    pub other_usages: Vec<String>,
    /// Basic constraints with `CA:TRUE`.
    pub is_ca: bool,
    /// Whether there is a challenge password (RFC 2985 §5.4.1). Which one is not read.
    pub challenge_password: bool,
}

impl CertificationRequest {
    /// Reads a CSR as it was sent: PEM in any of the ways of [`pem::read`], base64, or DER.
    pub fn read(input: &[u8]) -> Result<Self, CsrError> {
        let within =
            |bytes: usize, most: usize| if bytes > most { Err(CsrError::TooLarge(bytes)) } else { Ok(()) };
        within(input.len(), MAX_TEXT_BYTES)?;
        let blocks = pem::read(input)?;
        let is_armoured = blocks.iter().any(|block| block.label.is_some());
        let der = the_one_csr(blocks)?;
        // Bare base64 is how DER travels in a text: the bytes it stands for count.
        within(if is_armoured { input.len() } else { der.len() }, MAX_CSR_BYTES)?;
        Self::read_der(&der)
    }

    /// Reads the DER of a CSR.
    pub fn read_der(der: &[u8]) -> Result<Self, CsrError> {
        match Self::parse(der) {
            Err(CsrError::Der(error)) => Err(match (Kind::of_der(der), error) {
                (Kind::Certificate, _) => CsrError::Certificate,
                (Kind::PrivateKey, _) => CsrError::PrivateKey,
                (_, DerError::Truncated) if is_cut_off(der) => CsrError::TruncatedDer,
                (_, DerError::Trailing) if has_trailing(der) => CsrError::TrailingBytes,
                (_, error) => CsrError::Der(error),
            }),
            result => result,
        }
    }

    fn parse(der: &[u8]) -> Result<Self, CsrError> {
        let mut outer = Reader::new(asn1::whole(der, tag::SEQUENCE)?.value);
        let info_element = outer.expect(tag::SEQUENCE)?;
        let scheme = outer.expect(tag::SEQUENCE)?.value;
        let signature = outer.octets_in_bits()?;
        outer.finish()?;

        let mut info = Reader::new(info_element.value);
        let version = info.small()?;
        let subject_der = info.expect(tag::SEQUENCE)?.der;
        let spki = info.expect(tag::SEQUENCE)?.der;
        let attributes = info.optional(tag::constructed(0))?;
        info.finish()?;
        if version != 0 {
            return Err(CsrError::Version);
        }
        asn1::check(info_element.der, 32)?;

        let key = PublicKey::read(spki).map_err(CsrError::Key)?;
        let scheme = SignatureScheme::read(scheme).map_err(CsrError::SignatureAlgorithm)?;
        key.verify(scheme, info_element.der, signature).map_err(|_| CsrError::Signature)?;

        let subject = name::name_to_subject(subject_der).map_err(CsrError::Subject)?;
        let (sans, requested) = requested_extensions(attributes.map_or(&[], |a| a.value))?;
        Ok(Self {
            der: der.to_vec(),
            subject_der: subject_der.to_vec(),
            subject,
            spki: spki.to_vec(),
            key_algorithm: key.algorithm(),
            signature_algorithm: scheme.algorithm,
            sans,
            requested,
        })
    }

    /// The whole CSR.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The whole CSR in PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write("CERTIFICATE REQUEST", &self.der)
    }

    /// The subject's Name, byte for byte; it goes into the certificate like this.
    #[must_use]
    pub fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    /// The subject, as policies see it.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The SubjectPublicKeyInfo, byte for byte.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Kind and size of the key.
    #[must_use]
    pub const fn key_algorithm(&self) -> KeyAlgorithm {
        self.key_algorithm
    }

    /// What the CSR is signed with.
    #[must_use]
    pub const fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature_algorithm
    }

    /// The requested subject alternative names, in order.
    #[must_use]
    pub fn sans(&self) -> &[SubjectAltName] {
        self.sans.as_deref().unwrap_or_default()
    }

    /// The names to certify: the requested ones; if none were requested and the common name is a host's, that one.
    #[must_use]
    pub fn effective_sans(&self) -> Vec<SubjectAltName> {
        match (&self.sans, &self.subject.common_name) {
            (Some(sans), _) => sans.clone(),
            (None, Some(name)) if hostname::is_host(name) => vec![SubjectAltName::Dns(name.clone())],
            (None, _) => vec![],
        }
    }

    /// What else it asks for.
    #[must_use]
    pub const fn requested(&self) -> &RequestedExtensions {
        &self.requested
    }
}

/// The CSR among the blocks of a text. A private key anywhere is refused, so that its owner learns of it.
fn the_one_csr(blocks: Vec<pem::Block>) -> Result<Vec<u8>, CsrError> {
    let kind = |block: &pem::Block| match &block.label {
        Some(label) => Kind::of_label(label),
        None => Kind::CertificationRequest, // its structure will tell
    };
    if blocks.iter().any(|block| kind(block) == Kind::PrivateKey) {
        return Err(CsrError::PrivateKey);
    }
    let first_other = blocks.first().map(|block| (kind(block), block.label.clone().unwrap_or_default()));
    let mut csrs: Vec<_> =
        blocks.into_iter().filter(|block| kind(block) == Kind::CertificationRequest).collect();
    match (csrs.len(), csrs.pop(), first_other) {
        (1, Some(csr), _) => Ok(csr.der),
        (0, _, Some((Kind::Certificate, _))) => Err(CsrError::Certificate),
        (0, _, other) => Err(CsrError::OtherBlock(other.map_or_else(String::new, |(_, label)| label))),
        (count, ..) => Err(CsrError::Several(count)),
    }
}

fn is_cut_off(der: &[u8]) -> bool {
    Reader::new(der).element() == Err(DerError::Truncated)
}

fn has_trailing(der: &[u8]) -> bool {
    let mut reader = Reader::new(der);
    reader.element().is_ok() && !reader.is_empty()
}

type Requested = (Option<Vec<SubjectAltName>>, RequestedExtensions);

fn requested_extensions(attributes: &[u8]) -> Result<Requested, CsrError> {
    let mut attributes = Reader::new(attributes);
    let (mut request, mut challenge_password) = (None, false);
    while !attributes.is_empty() {
        let mut attribute = attributes.sequence()?;
        let kind = attribute.expect(tag::OID)?.value;
        let is_request = kind == oid::EXTENSION_REQUEST.as_bytes();
        challenge_password |= kind == oid::CHALLENGE_PASSWORD.as_bytes();
        let mut values = attribute.enter(tag::SET)?;
        attribute.finish()?;
        if is_request {
            let value = values.sequence()?;
            if !values.is_empty() || request.replace(value).is_some() {
                return Err(CsrError::Repeated("extension request"));
            }
        }
    }
    let extensions = request.map_or(Ok(vec![]), extension::read_all)?;
    let san = only(&extensions, oid::SUBJECT_ALT_NAME, "subject alternative name extension")?;
    let key_usage = only(&extensions, oid::KEY_USAGE, "key usage extension")?;
    let extended_key_usage = only(&extensions, oid::EXTENDED_KEY_USAGE, "extended key usage extension")?;
    let basic_constraints = only(&extensions, oid::BASIC_CONSTRAINTS, "basic constraints extension")?;

    let sans = san.map(san::read).transpose().map_err(CsrError::San)?;
    let mut requested = RequestedExtensions { challenge_password, ..RequestedExtensions::default() };
    if let Some(value) = key_usage {
        let (usages, others) =
            extension::read_key_usage(value).map_err(|_| CsrError::Extension("key usage"))?;
        requested.key_usages = usages;
        requested.other_usages.extend(others.into_iter().map(str::to_owned));
    }
    if let Some(value) = extended_key_usage {
        let (usages, others) = extension::read_extended_key_usage(value)
            .map_err(|_| CsrError::Extension("extended key usage"))?;
        requested.extended_key_usages = usages;
        requested.other_usages.extend(others);
    }
    if let Some(value) = basic_constraints {
        requested.is_ca =
            BasicConstraints::read(value).map_err(|_| CsrError::Extension("basic constraints"))?.ca;
    }
    Ok((sans, requested))
}

/// The value of an extension that may occur once.
fn only<'a>(
    extensions: &[Extension<'a>],
    oid: ObjectIdentifier,
    name: &'static str,
) -> Result<Option<&'a [u8]>, CsrError> {
    let mut found = extensions.iter().filter(|extension| extension.oid == oid);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(CsrError::Repeated(name)),
        (first, None) => Ok(first.map(|extension| extension.value)),
    }
}
