//! The CertificationRequestInfo (RFC 2986 §4.1): what a subscriber's key signs, written byte for byte here and signed
//! elsewhere. With its signature ([`crate::builder::assemble`]) it is a CSR.

use contracts::x509::{ExtendedKeyUsage, KeyUsage, SubjectAltName};

use crate::{
    asn1::{self, DerError, Writer, tag},
    extension, name, oid,
    san::{self, SanError},
    spki::{self, KeyError},
};

/// The longest challenge password, in characters (RFC 2985 §5.4.1: `pkcs-9-ub-challengePassword`).
pub const MAX_CHALLENGE: usize = 255;

/// A CSR that is to be.
#[derive(Clone, Copy, Debug)]
pub struct RequestTemplate<'a> {
    /// Its subject, a Name in DER.
    pub subject: &'a [u8],
    /// The names it asks for; without any there is no such extension.
    pub sans: &'a [SubjectAltName],
    /// Its key, SubjectPublicKeyInfo in DER.
    pub spki: &'a [u8],
    /// Key usages it asks for.
    pub key_usages: &'a [KeyUsage],
    /// Extended key usages it asks for.
    pub extended_key_usages: &'a [ExtendedKeyUsage],
    /// A password that some CAs ask for; it stands in the CSR for everybody to read.
    pub challenge_password: Option<&'a str>,
}

/// Why a CSR cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The subject is not a Name in DER.
    #[error("the subject is not valid DER")]
    Subject(#[source] DerError),
    /// Neither a subject nor a name.
    #[error("a CSR needs a subject or a subject alternative name")]
    Nameless,
    /// A name that cannot be certified.
    #[error("a subject alternative name is not acceptable")]
    San(#[source] SanError),
    /// A key that is not accepted.
    #[error("the public key is not acceptable")]
    Key(#[source] KeyError),
    /// Empty, or longer than [`MAX_CHALLENGE`].
    #[error("a challenge password has 1 to 255 characters, none of them a control character")]
    Challenge,
}

/// The CertificationRequestInfo.
pub fn build(template: &RequestTemplate<'_>) -> Result<Vec<u8>, RequestError> {
    let RequestTemplate { subject, sans, spki, .. } = *template;
    asn1::whole(subject, tag::SEQUENCE).map_err(RequestError::Subject)?;
    let no_subject = name::is_empty(subject);
    if no_subject && sans.is_empty() {
        return Err(RequestError::Nameless);
    }
    san::check_all(sans).map_err(RequestError::San)?;
    spki::key_algorithm(spki).map_err(RequestError::Key)?;
    let challenge = template.challenge_password;
    if challenge
        .is_some_and(|text| !(1..=MAX_CHALLENGE).contains(&text.chars().count()) || has_controls(text))
    {
        return Err(RequestError::Challenge);
    }
    let mut writer = Writer::with_capacity(512);
    writer.sequence(|info| {
        info.put(tag::INTEGER, &[0]).raw(subject).raw(spki);
        info.nest(tag::constructed(0), |attributes| {
            // DER sorts a SET OF by the encodings of its members (X.690 §11.6).
            let mut set: Vec<Vec<u8>> = vec![];
            set.extend(challenge.map(challenge_attribute));
            set.extend(extensions(template, no_subject));
            set.sort_unstable();
            for attribute in &set {
                attributes.raw(attribute);
            }
        });
    });
    Ok(writer.finish())
}

fn has_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// A DirectoryString: PrintableString where it can be, as old readers want it, else UTF8String.
fn challenge_attribute(password: &str) -> Vec<u8> {
    let printable = password.bytes().all(|b| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b));
    let string = if printable { tag::PRINTABLE_STRING } else { tag::UTF8_STRING };
    let mut writer = Writer::default();
    writer.sequence(|attribute| {
        attribute.oid(oid::CHALLENGE_PASSWORD);
        attribute.nest(tag::SET, |values| {
            values.put(string, password.as_bytes());
        });
    });
    writer.finish()
}

/// The extensionRequest attribute (RFC 2985 §5.4.2), if anything is asked for.
fn extensions(template: &RequestTemplate<'_>, no_subject: bool) -> Option<Vec<u8>> {
    let RequestTemplate { sans, key_usages, extended_key_usages, .. } = *template;
    if sans.is_empty() && key_usages.is_empty() && extended_key_usages.is_empty() {
        return None;
    }
    let mut writer = Writer::default();
    writer.sequence(|attribute| {
        attribute.oid(oid::EXTENSION_REQUEST);
        attribute.nest(tag::SET, |values| {
            values.sequence(|list| {
                if !key_usages.is_empty() {
                    extension::write(list, oid::KEY_USAGE, true, |w| {
                        extension::write_key_usage(w, key_usages)
                    });
                }
                if !extended_key_usages.is_empty() {
                    extension::write(list, oid::EXTENDED_KEY_USAGE, false, |w| {
                        extension::write_extended_key_usage(w, extended_key_usages);
                    });
                }
                if !sans.is_empty() {
                    extension::write(list, oid::SUBJECT_ALT_NAME, no_subject, |w| san::write(w, sans));
                }
            });
        });
    });
    Some(writer.finish())
}
