//! Extensions (RFC 5280 §4.2): the ones that are issued, read and written.

use const_oid::ObjectIdentifier;
use contracts::x509::{ExtendedKeyUsage, KeyUsage};

use crate::{
    asn1::{self, DerError, Element, Reader, Writer, tag},
    oid,
};

/// One extension as it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// Reads the contents of `Extensions`. Whether one occurs twice is for the caller to judge.
pub(crate) fn read_all(mut list: Reader<'_>) -> Result<Vec<Extension<'_>>, DerError> {
    let mut extensions = vec![];
    while !list.is_empty() {
        let mut fields = list.sequence()?;
        let oid = ObjectIdentifier::from_bytes(fields.expect(tag::OID)?.value)
            .map_err(|_| DerError::Value("object identifier"))?;
        let critical = fields.next_is(tag::BOOLEAN) && fields.boolean()?;
        let value = fields.expect(tag::OCTET_STRING)?.value;
        fields.finish()?;
        extensions.push(Extension { oid, critical, value });
    }
    Ok(extensions)
}

/// Writes one extension whose value `fill` writes.
pub(crate) fn write(
    writer: &mut Writer,
    oid: ObjectIdentifier,
    critical: bool,
    fill: impl FnOnce(&mut Writer),
) {
    writer.sequence(|extension| {
        extension.oid(oid);
        if critical {
            extension.put(tag::BOOLEAN, &[0xff]);
        }
        extension.nest(tag::OCTET_STRING, fill);
    });
}

const KEY_USAGES: [(KeyUsage, &str); 7] = [
    (KeyUsage::DigitalSignature, "digitalSignature"),
    (KeyUsage::NonRepudiation, "nonRepudiation"),
    (KeyUsage::KeyEncipherment, "keyEncipherment"),
    (KeyUsage::DataEncipherment, "dataEncipherment"),
    (KeyUsage::KeyAgreement, "keyAgreement"),
    (KeyUsage::KeyCertSign, "keyCertSign"),
    (KeyUsage::CrlSign, "cRLSign"),
];

/// The word of RFC 5280 for a key usage.
#[must_use]
pub fn key_usage_name(usage: KeyUsage) -> &'static str {
    KEY_USAGES.iter().find(|(known, _)| *known == usage).map_or("", |(_, name)| name)
}

/// What a key usage extension names. The two bits that are never issued, encipherOnly and decipherOnly, come apart.
pub(crate) fn read_key_usage(value: &[u8]) -> Result<(Vec<KeyUsage>, Vec<&'static str>), DerError> {
    let bits = named_bits(value)?;
    let is_set = |bit: usize| bits.get(bit / 8).is_some_and(|octet| octet & (0x80 >> (bit % 8)) != 0);
    let usages = KEY_USAGES.iter().enumerate().filter(|(bit, _)| is_set(*bit)).map(|(_, (usage, _))| *usage);
    let others = [(7, "encipherOnly"), (8, "decipherOnly")].into_iter().filter(|(bit, _)| is_set(*bit));
    Ok((usages.collect(), others.map(|(_, name)| name).collect()))
}

/// A BIT STRING of named bits: no zero bits at the end (X.690 §11.2.2).
fn named_bits(value: &[u8]) -> Result<&[u8], DerError> {
    match asn1::whole(value, tag::BIT_STRING)?.value {
        [0] => Ok(&[]),
        [unused @ 0..=7, bits @ ..]
            if bits.last().is_some_and(|last| last.trailing_zeros() == u32::from(*unused)) =>
        {
            Ok(bits)
        }
        _ => Err(DerError::Value("bit string")),
    }
}

pub(crate) fn write_key_usage(writer: &mut Writer, usages: &[KeyUsage]) {
    let octet = KEY_USAGES
        .iter()
        .enumerate()
        .filter(|(_, (usage, _))| usages.contains(usage))
        .fold(0_u8, |octet, (bit, _)| octet | 0x80 >> bit);
    if octet == 0 {
        writer.put(tag::BIT_STRING, &[0]);
    } else {
        writer.put(tag::BIT_STRING, &[octet.trailing_zeros() as u8, octet]);
    }
}

const EXTENDED_KEY_USAGES: [(ExtendedKeyUsage, ObjectIdentifier, &str); 5] = [
    (ExtendedKeyUsage::ServerAuth, oid::SERVER_AUTH, "serverAuth"),
    (ExtendedKeyUsage::ClientAuth, oid::CLIENT_AUTH, "clientAuth"),
    (ExtendedKeyUsage::CodeSigning, oid::CODE_SIGNING, "codeSigning"),
    (ExtendedKeyUsage::EmailProtection, oid::EMAIL_PROTECTION, "emailProtection"),
    (ExtendedKeyUsage::TimeStamping, oid::TIME_STAMPING, "timeStamping"),
];

/// The word of RFC 5280 for an extended key usage.
#[must_use]
pub fn extended_key_usage_name(usage: ExtendedKeyUsage) -> &'static str {
    EXTENDED_KEY_USAGES.iter().find(|(known, ..)| *known == usage).map_or("", |(.., name)| name)
}

/// What an extended key usage extension names: purposes that are issued, and the others by name or object identifier.
pub(crate) fn read_extended_key_usage(
    value: &[u8],
) -> Result<(Vec<ExtendedKeyUsage>, Vec<String>), DerError> {
    let mut list = Reader::new(asn1::whole(value, tag::SEQUENCE)?.value);
    let (mut usages, mut others) = (vec![], vec![]);
    while !list.is_empty() {
        let oid = ObjectIdentifier::from_bytes(list.expect(tag::OID)?.value)
            .map_err(|_| DerError::Value("object identifier"))?;
        match EXTENDED_KEY_USAGES.iter().find(|(_, known, _)| *known == oid) {
            Some((usage, ..)) => usages.push(*usage),
            None if oid == oid::OCSP_SIGNING => others.push("OCSPSigning".to_owned()),
            None if oid == oid::ANY_EXTENDED_KEY_USAGE => others.push("anyExtendedKeyUsage".to_owned()),
            None => others.push(oid.to_string()),
        }
    }
    Ok((usages, others))
}

pub(crate) fn write_extended_key_usage(writer: &mut Writer, usages: &[ExtendedKeyUsage]) {
    writer.sequence(|list| {
        for (usage, oid, _) in EXTENDED_KEY_USAGES {
            if usages.contains(&usage) {
                list.oid(oid);
            }
        }
    });
}

/// Basic constraints (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BasicConstraints {
    pub(crate) ca: bool,
    pub(crate) path_length: Option<u32>,
}

impl BasicConstraints {
    pub(crate) fn read(value: &[u8]) -> Result<Self, DerError> {
        let mut fields = Reader::new(asn1::whole(value, tag::SEQUENCE)?.value);
        let ca = fields.next_is(tag::BOOLEAN) && fields.boolean()?;
        let path_length = if fields.next_is(tag::INTEGER) { Some(fields.small()?) } else { None };
        fields.finish()?;
        Ok(Self { ca, path_length })
    }

    pub(crate) fn write(self, writer: &mut Writer) {
        writer.sequence(|fields| {
            if self.ca {
                fields.put(tag::BOOLEAN, &[0xff]);
            }
            if let Some(length) = self.path_length {
                let octets = length.to_be_bytes();
                let skip = octets.iter().take(3).take_while(|octet| **octet == 0).count();
                fields.nest(tag::INTEGER, |value| {
                    if octets[skip] >= 0x80 {
                        value.raw(&[0]);
                    }
                    value.raw(&octets[skip..]);
                });
            }
        });
    }
}

/// The key identifier in an authority key identifier extension (RFC 5280 §4.2.1.1).
pub(crate) fn read_authority_key_identifier(value: &[u8]) -> Result<Option<&[u8]>, DerError> {
    let mut fields = Reader::new(asn1::whole(value, tag::SEQUENCE)?.value);
    Ok(fields.optional(tag::primitive(0))?.map(|element| element.value))
}

/// The URIs of a CRL distribution points extension (RFC 5280 §4.2.1.13).
pub(crate) fn read_distribution_points(value: &[u8]) -> Result<Vec<String>, DerError> {
    let mut points = Reader::new(asn1::whole(value, tag::SEQUENCE)?.value);
    let mut uris = vec![];
    while !points.is_empty() {
        let Some(point) = points.sequence()?.optional(tag::constructed(0))? else { continue };
        let Some(full_name) = Reader::new(point.value).optional(tag::constructed(0))? else { continue };
        let mut names = Reader::new(full_name.value);
        while !names.is_empty() {
            uris.extend(uri(names.element()?));
        }
    }
    Ok(uris)
}

pub(crate) fn write_distribution_points(writer: &mut Writer, uris: &[String]) {
    writer.sequence(|points| {
        for uri in uris {
            points.sequence(|point| {
                point.nest(tag::constructed(0), |name| {
                    name.nest(tag::constructed(0), |full| {
                        full.put(tag::primitive(6), uri.as_bytes());
                    });
                });
            });
        }
    });
}

/// The URIs of an authority information access extension: OCSP, and CA issuers (RFC 5280 §4.2.2.1).
pub(crate) fn read_information_access(value: &[u8]) -> Result<(Vec<String>, Vec<String>), DerError> {
    let mut list = Reader::new(asn1::whole(value, tag::SEQUENCE)?.value);
    let (mut ocsp, mut ca_issuers) = (vec![], vec![]);
    while !list.is_empty() {
        let mut access = list.sequence()?;
        let method = access.expect(tag::OID)?.value;
        let location = access.element()?;
        if method == oid::OCSP.as_bytes() {
            ocsp.extend(uri(location));
        } else if method == oid::CA_ISSUERS.as_bytes() {
            ca_issuers.extend(uri(location));
        }
    }
    Ok((ocsp, ca_issuers))
}

pub(crate) fn write_information_access(writer: &mut Writer, ocsp: &[String], ca_issuers: &[String]) {
    let ocsp = ocsp.iter().map(|uri| (oid::OCSP, uri));
    let ca_issuers = ca_issuers.iter().map(|uri| (oid::CA_ISSUERS, uri));
    writer.sequence(|list| {
        for (method, uri) in ocsp.chain(ca_issuers) {
            list.sequence(|access| {
                access.oid(method).put(tag::primitive(6), uri.as_bytes());
            });
        }
    });
}

fn uri(name: Element<'_>) -> Option<String> {
    (name.tag == tag::primitive(6)).then(|| String::from_utf8_lossy(name.value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        fill(&mut writer);
        writer.finish()
    }

    #[test]
    fn usages_survive_der() {
        for usages in [
            vec![],
            vec![KeyUsage::DigitalSignature],
            vec![KeyUsage::KeyCertSign, KeyUsage::CrlSign],
            KEY_USAGES.map(|(usage, _)| usage).to_vec(),
        ] {
            let der = written(|w| write_key_usage(w, &usages));
            assert_eq!(read_key_usage(&der).unwrap(), (usages, vec![]));
        }
        // RFC 5280's certificate C.2 has keyCertSign and cRLSign: 03 02 01 06.
        assert_eq!(
            written(|w| write_key_usage(w, &[KeyUsage::CrlSign, KeyUsage::KeyCertSign])),
            [3, 2, 1, 6]
        );
        assert!(read_key_usage(&[3, 2, 0, 6]).is_err(), "zero bits at the end");
        assert_eq!(read_key_usage(&[3, 3, 7, 1, 0x80]).unwrap().1, ["encipherOnly", "decipherOnly"]);
        let all = EXTENDED_KEY_USAGES.map(|(usage, ..)| usage);
        let der = written(|w| write_extended_key_usage(w, &all));
        assert_eq!(read_extended_key_usage(&der).unwrap(), (all.to_vec(), vec![]));
    }

    #[test]
    fn basic_constraints_survive_der() {
        for (ca, path_length) in
            [(false, None), (true, None), (true, Some(0)), (true, Some(200)), (true, Some(70_000))]
        {
            let constraints = BasicConstraints { ca, path_length };
            assert_eq!(BasicConstraints::read(&written(|w| constraints.write(w))), Ok(constraints));
        }
    }

    #[test]
    fn addresses_survive_der() {
        let (a, b) = (vec!["http://a.example/".to_owned()], vec!["http://b.example/".to_owned()]);
        assert_eq!(read_distribution_points(&written(|w| write_distribution_points(w, &a))).unwrap(), a);
        assert_eq!(
            read_information_access(&written(|w| write_information_access(w, &a, &b))).unwrap(),
            (a, b)
        );
    }
}
