//! One structure of DER or BER, told by its first elements.

use super::{
    Contents, FileError, Format, Note, PrivateKeyDer, Reading, ber, pkcs12, private_key, signed_data,
};
use crate::{
    asn1::{DerError, Reader, tag},
    kind::Kind,
    oid,
};

/// What a structure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    Certificate,
    Request,
    Crl,
    PrivateKey,
    EncryptedPrivateKey,
    PublicKey,
    SignedData,
    Pkcs12,
    /// ContentInfo with something else, such as EnvelopedData.
    OtherContent,
    Unknown,
}

/// Reads a file that is one structure.
pub(super) fn read(bytes: &[u8], reading: &mut Reading<'_>) -> Result<Contents, FileError> {
    let converted = ber::to_der(bytes).map_err(|error| FileError::damaged("the file", error))?;
    let structure = Structure::of(&converted);
    let mut contents = Contents::new(match structure {
        Structure::Certificate => Format::Der,
        Structure::Request => Format::Csr,
        Structure::SignedData => Format::Pkcs7,
        Structure::Pkcs12 => Format::Pkcs12,
        Structure::PrivateKey | Structure::EncryptedPrivateKey => Format::PrivateKey,
        Structure::Crl | Structure::PublicKey | Structure::OtherContent => Format::Der,
        Structure::Unknown => return Err(FileError::Unrecognized),
    });
    add(&converted, structure, &mut contents, reading)?;
    if converted != bytes {
        contents.note(Note::ConvertedFromBer);
    }
    Ok(contents)
}

/// Reads one structure into what was found so far.
pub(super) fn add(
    der: &[u8],
    structure: Structure,
    contents: &mut Contents,
    reading: &mut Reading<'_>,
) -> Result<(), FileError> {
    match structure {
        Structure::Certificate => contents.add_certificate(der, None, false),
        Structure::Request => contents.add_request(der),
        Structure::Crl => {
            contents.add_crl();
            Ok(())
        }
        Structure::PrivateKey => contents.add_key(PrivateKeyDer::read(der)?, None, None),
        Structure::EncryptedPrivateKey => {
            contents.add_key(private_key::open_pkcs8(der, reading)?, None, None)
        }
        Structure::PublicKey => {
            contents.note(Note::Ignored { what: "a public key on its own".to_owned() });
            Ok(())
        }
        Structure::SignedData => signed_data::read(der, contents),
        Structure::Pkcs12 => pkcs12::read(der, contents, reading),
        Structure::OtherContent => {
            Err(FileError::unsupported("the file", "a kind of CMS that holds no certificates"))
        }
        Structure::Unknown => Err(FileError::Unrecognized),
    }
}

impl Structure {
    pub(super) fn of(der: &[u8]) -> Self {
        Self::sniff(der).unwrap_or(Self::Unknown)
    }

    fn sniff(der: &[u8]) -> Result<Self, DerError> {
        let mut outer = Reader::new(der).sequence()?;
        if let Some(kind) = outer.optional(tag::OID)? {
            let is_signed = kind.value == oid::SIGNED_DATA.as_bytes();
            return Ok(if is_signed { Self::SignedData } else { Self::OtherContent });
        }
        if pkcs12::is_pfx(der) {
            return Ok(Self::Pkcs12);
        }
        if outer.next_is(tag::INTEGER) {
            outer.element()?;
            let known =
                [tag::SEQUENCE, tag::INTEGER, tag::OCTET_STRING].iter().any(|tag| outer.next_is(*tag));
            return Ok(if known { Self::PrivateKey } else { Self::Unknown });
        }
        let first = outer.expect(tag::SEQUENCE)?;
        let inner = Reader::new(first.value);
        if inner.next_is(tag::OID) {
            return Ok(match () {
                () if outer.next_is(tag::OCTET_STRING) => Self::EncryptedPrivateKey,
                () if outer.next_is(tag::BIT_STRING) => Self::PublicKey,
                () => Self::Unknown,
            });
        }
        match Kind::of_der(der) {
            Kind::Certificate if is_crl(first.value) => Ok(Self::Crl),
            Kind::Certificate => Ok(Self::Certificate),
            Kind::CertificationRequest => Ok(Self::Request),
            _ if is_crl(first.value) => Ok(Self::Crl),
            _ => Ok(Self::Unknown),
        }
    }
}

/// TBSCertList: an optional version, an algorithm, a name, a time (RFC 5280 §5.1).
fn is_crl(tbs: &[u8]) -> bool {
    let mut reader = Reader::new(tbs);
    let mut parts = || {
        reader.optional(tag::INTEGER)?;
        reader.expect(tag::SEQUENCE)?;
        reader.expect(tag::SEQUENCE)?;
        Ok::<_, DerError>(reader.next_is(tag::UTC_TIME) || reader.next_is(tag::GENERALIZED_TIME))
    };
    parts().unwrap_or(false)
}
