//! Telling what a DER file is, to say so when it is the wrong one.

use crate::asn1::{Reader, tag};

/// What a file looks like from its first elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CertificationRequest,
    Certificate,
    PrivateKey,
    Other,
}

impl Kind {
    /// From the label of a PEM block.
    pub(crate) fn of_label(label: &str) -> Self {
        match label {
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Self::CertificationRequest,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Self::Certificate,
            label if label.ends_with("PRIVATE KEY") => Self::PrivateKey,
            _ => Self::Other,
        }
    }

    /// From the DER.
    pub(crate) fn of_der(der: &[u8]) -> Self {
        Self::sniff(der).unwrap_or(Self::Other)
    }

    fn sniff(der: &[u8]) -> Option<Self> {
        let mut outer = Reader::new(der).sequence().ok()?;
        if outer.next_is(tag::INTEGER) {
            // PKCS #8, PKCS #1 and SEC 1 begin with a version, and go on with an algorithm, a number, or octets.
            outer.element().ok()?;
            let private =
                [tag::SEQUENCE, tag::INTEGER, tag::OCTET_STRING].iter().any(|tag| outer.next_is(*tag));
            return private.then_some(Self::PrivateKey);
        }
        let mut inner = outer.sequence().ok()?;
        if inner.next_is(tag::OID) && outer.next_is(tag::OCTET_STRING) {
            return Some(Self::PrivateKey); // encrypted PKCS #8
        }
        if inner.next_is(tag::constructed(0)) {
            return Some(Self::Certificate);
        }
        inner.expect(tag::INTEGER).ok()?;
        let name_then = |next: &mut Reader<'_>| {
            next.expect(tag::SEQUENCE).ok()?;
            next.sequence().ok().map(|third| third.next_is(tag::SEQUENCE))
        };
        match name_then(&mut inner) {
            Some(true) => Some(Self::CertificationRequest),
            Some(false) => Some(Self::Certificate), // version 1: serial, algorithm, issuer
            None => None,
        }
    }
}
