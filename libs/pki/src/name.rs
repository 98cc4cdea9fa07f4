//! Distinguished names: from [`Subject`] to DER and back, and as text (RFC 4514).

use std::fmt::Write as _;

use const_oid::ObjectIdentifier;
use contracts::x509::{Subject, SubjectAttribute};

use crate::{
    asn1::{self, DerError, Element, Reader, Writer, tag},
    oid,
};

/// Why a name cannot stand in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a Name in DER.
    #[error("the subject is not valid DER")]
    Der(#[from] DerError),
    /// An attribute that no policy can rule on, so it is never issued.
    #[error(
        "the subject attribute {0} is not issued; possible are common_name, organization, organizational_unit, country, state and locality"
    )]
    Attribute(String),
    /// A second value for an attribute that has one. Only `organizational_unit` may repeat.
    #[error("{} occurs more than once", .0.as_str())]
    Repeated(SubjectAttribute),
    /// Neither PrintableString nor UTF8String, or not in that type's characters; PrintableString alone for `country`.
    #[error("{} is not encoded as RFC 5280 asks: PrintableString or UTF8String, for country PrintableString", .0.as_str())]
    Encoding(SubjectAttribute),
    /// A control character, such as NUL, or one that turns the direction of writing.
    #[error("{} contains a control character", .0.as_str())]
    Control(SubjectAttribute),
    /// No value.
    #[error("{} is empty", .0.as_str())]
    Empty(SubjectAttribute),
    /// Longer than RFC 5280's upper bound.
    #[error("{} is longer than {max} characters", .attribute.as_str())]
    TooLong {
        /// Which.
        attribute: SubjectAttribute,
        /// How long it may be, in characters.
        max: usize,
    },
    /// Not two capital letters.
    #[error("country is not a code of two capital letters (ISO 3166-1), such as 'US'")]
    Country,
}

impl NameError {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Der(_) => "subject_malformed",
            Self::Attribute(_) => "subject_attribute_unsupported",
            Self::Repeated(_) => "subject_attribute_repeated",
            Self::Encoding(_) => "subject_encoding",
            Self::Control(_) => "subject_control_character",
            Self::Empty(_) => "subject_value_empty",
            Self::TooLong { .. } => "subject_value_too_long",
            Self::Country => "subject_country_invalid",
        }
    }
}

const ATTRIBUTES: [(SubjectAttribute, ObjectIdentifier, usize); 6] = [
    (SubjectAttribute::Country, oid::COUNTRY, 2),
    (SubjectAttribute::State, oid::STATE, 128),
    (SubjectAttribute::Locality, oid::LOCALITY, 128),
    (SubjectAttribute::Organization, oid::ORGANIZATION, 64),
    (SubjectAttribute::OrganizationalUnit, oid::ORGANIZATIONAL_UNIT, 64),
    (SubjectAttribute::CommonName, oid::COMMON_NAME, 64),
];

/// DER of the Name of a subject: C, ST, L, O, OU…, CN, each its own RDN; country as PrintableString, the rest as
/// UTF8String.
///
/// Errors: a value RFC 5280 does not allow. All absent gives the empty name.
pub fn subject_to_name(subject: &Subject) -> Result<Vec<u8>, NameError> {
    let mut writer = Writer::with_capacity(128);
    let mut fault = None;
    writer.sequence(|name| {
        for (attribute, oid, _) in ATTRIBUTES {
            for value in values(subject, attribute) {
                if let Err(error) = check_value(attribute, value) {
                    fault.get_or_insert(error);
                }
                let string = match attribute {
                    SubjectAttribute::Country => tag::PRINTABLE_STRING,
                    _ => tag::UTF8_STRING,
                };
                name.nest(tag::SET, |rdn| {
                    rdn.sequence(|pair| {
                        pair.oid(oid).put(string, value.as_bytes());
                    });
                });
            }
        }
    });
    fault.map_or_else(|| Ok(writer.finish()), Err)
}

/// Reads a Name that is to be certified: only the attributes of [`Subject`], as RFC 5280 writes them.
pub fn name_to_subject(name: &[u8]) -> Result<Subject, NameError> {
    let mut subject = Subject::default();
    for_each_attribute(name, |_, oid, value| {
        let Some((attribute, ..)) = ATTRIBUTES.iter().find(|(_, known, _)| *known == oid) else {
            return Err(NameError::Attribute(attribute_name(&oid)));
        };
        let text = strict_text(*attribute, value)?;
        check_value(*attribute, text)?;
        let place = match attribute {
            SubjectAttribute::OrganizationalUnit => {
                subject.organizational_unit.push(text.to_owned());
                return Ok(());
            }
            SubjectAttribute::CommonName => &mut subject.common_name,
            SubjectAttribute::Organization => &mut subject.organization,
            SubjectAttribute::Country => &mut subject.country,
            SubjectAttribute::State => &mut subject.state,
            SubjectAttribute::Locality => &mut subject.locality,
        };
        if place.replace(text.to_owned()).is_some() {
            return Err(NameError::Repeated(*attribute));
        }
        Ok(())
    })?;
    Ok(subject)
}

/// The values a subject has for an attribute, in order.
pub(crate) fn values(subject: &Subject, attribute: SubjectAttribute) -> &[String] {
    match attribute {
        SubjectAttribute::CommonName => subject.common_name.as_slice(),
        SubjectAttribute::Organization => subject.organization.as_slice(),
        SubjectAttribute::OrganizationalUnit => &subject.organizational_unit,
        SubjectAttribute::Country => subject.country.as_slice(),
        SubjectAttribute::State => subject.state.as_slice(),
        SubjectAttribute::Locality => subject.locality.as_slice(),
    }
}

/// The text of a Name (RFC 4514): last RDN first, and last value first within one, as
/// OpenSSL prints them. Values that are no text, and names that are no DER, appear as `#`
/// and hexadecimal.
#[must_use]
pub fn to_text(name: &[u8]) -> String {
    let mut rdns: Vec<String> = vec![];
    let read = for_each_attribute(name, |first_of_rdn, oid, value| {
        let pair = pair_text(&oid, value);
        match rdns.last_mut() {
            Some(rdn) if !first_of_rdn => *rdn = format!("{pair}+{rdn}"),
            _ => rdns.push(pair),
        }
        Ok(())
    });
    if read.is_err() {
        return format!("#{}", hex::encode(name));
    }
    rdns.reverse();
    rdns.join(",")
}

/// The common name in a Name, if there is one that is text.
#[must_use]
pub fn common_name(name: &[u8]) -> Option<String> {
    let mut found = None;
    for_each_attribute(name, |_, oid, value| {
        if oid == oid::COMMON_NAME && found.is_none() {
            found = lenient_text(value);
        }
        Ok(())
    })
    .ok()?;
    found
}

/// Whether a Name has no attributes.
pub(crate) fn is_empty(name: &[u8]) -> bool {
    name == [tag::SEQUENCE, 0]
}

fn for_each_attribute<'a>(
    name: &'a [u8],
    mut visit: impl FnMut(bool, ObjectIdentifier, Element<'a>) -> Result<(), NameError>,
) -> Result<(), NameError> {
    let mut rdns = Reader::new(asn1::whole(name, tag::SEQUENCE)?.value);
    while !rdns.is_empty() {
        let mut rdn = rdns.enter(tag::SET)?;
        let mut first = true;
        while first || !rdn.is_empty() {
            let mut pair = rdn.sequence()?;
            let oid = ObjectIdentifier::from_bytes(pair.expect(tag::OID)?.value)
                .map_err(|_| DerError::Value("object identifier"))?;
            let value = pair.element()?;
            pair.finish()?;
            visit(first, oid, value)?;
            first = false;
        }
    }
    Ok(())
}

fn strict_text(attribute: SubjectAttribute, value: Element<'_>) -> Result<&str, NameError> {
    let printable = |b: &u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(b);
    let allowed = match value.tag {
        // A NUL shows as what it is, not as a character that the type lacks.
        tag::PRINTABLE_STRING => value.value.iter().all(|b| printable(b) || b.is_ascii_control()),
        tag::UTF8_STRING => attribute != SubjectAttribute::Country,
        _ => false,
    };
    match std::str::from_utf8(value.value) {
        Ok(text) if allowed => Ok(text),
        _ => Err(NameError::Encoding(attribute)),
    }
}

fn check_value(attribute: SubjectAttribute, text: &str) -> Result<(), NameError> {
    let max = ATTRIBUTES.iter().find(|(known, ..)| *known == attribute).map_or(64, |(.., max)| *max);
    if text.is_empty() {
        return Err(NameError::Empty(attribute));
    }
    if text.chars().any(is_control) {
        return Err(NameError::Control(attribute));
    }
    if attribute == SubjectAttribute::Country {
        let code = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
        return if code { Ok(()) } else { Err(NameError::Country) };
    }
    if text.chars().count() > max { Err(NameError::TooLong { attribute, max }) } else { Ok(()) }
}

/// Control characters, and those that reorder text on a screen.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn lenient_text(value: Element<'_>) -> Option<String> {
    match value.tag {
        tag::UTF8_STRING => String::from_utf8(value.value.to_vec()).ok(),
        tag::PRINTABLE_STRING | tag::IA5_STRING | tag::TELETEX_STRING => {
            Some(value.value.iter().copied().map(char::from).collect())
        }
        tag::BMP_STRING => {
            let (units, []) = value.value.as_chunks::<2>() else { return None };
            char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)))
                .collect::<Result<_, _>>()
                .ok()
        }
        _ => None,
    }
}

fn pair_text(oid: &ObjectIdentifier, value: Element<'_>) -> String {
    let mut text = attribute_name(oid);
    text.push('=');
    let Some(value_text) = lenient_text(value) else {
        text.push('#');
        text.push_str(&hex::encode(value.der));
        return text;
    };
    let last = value_text.chars().count().saturating_sub(1);
    for (i, c) in value_text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', c]),
            '#' if i == 0 => text.push_str("\\#"),
            ' ' if i == 0 || i == last => text.push_str("\\ "),
            c if is_control(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(text, "\\{byte:02X}");
                }
            }
            c => text.push(c),
        }
    }
    text
}

fn attribute_name(oid: &ObjectIdentifier) -> String {
    let text = oid.to_string();
    let short = match text.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.15" => "businessCategory",
        "2.5.4.17" => "postalCode",
        "2.5.4.42" => "GN",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return text,
    };
    short.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Subject {
        Subject {
            common_name: Some("shop.example.com".into()),
            organization: Some("Bücher, \"Inc\"".into()),
            organizational_unit: vec!["Web".into(), "Ops".into()],
            country: Some("DE".into()),
            state: Some("Berlin".into()),
            locality: Some("Mitte".into()),
        }
    }

    #[test]
    fn a_subject_survives_der() {
        for subject in [full(), Subject::default()] {
            assert_eq!(name_to_subject(&subject_to_name(&subject).unwrap()).unwrap(), subject);
        }
        assert!(is_empty(&subject_to_name(&Subject::default()).unwrap()));
    }

    #[test]
    fn text_follows_rfc_4514() {
        let name = subject_to_name(&full()).unwrap();
        assert_eq!(
            to_text(&name),
            r#"CN=shop.example.com,OU=Ops,OU=Web,O=Bücher\, \"Inc\",L=Mitte,ST=Berlin,C=DE"#
        );
        assert_eq!(common_name(&name).as_deref(), Some("shop.example.com"));
        // A multi-valued RDN with an unknown attribute that is no text, after a value full of special characters.
        let mut writer = Writer::default();
        writer.sequence(|name| {
            name.nest(tag::SET, |rdn| {
                rdn.sequence(|pair| {
                    pair.oid(oid::COMMON_NAME).put(tag::UTF8_STRING, b"#a+b ");
                });
            });
            name.nest(tag::SET, |rdn| {
                rdn.sequence(|pair| {
                    pair.oid(oid::ORGANIZATION).put(tag::PRINTABLE_STRING, b" b");
                });
                rdn.sequence(|pair| {
                    pair.oid(oid::ED25519).put(tag::OCTET_STRING, &[1, 2]);
                });
            });
        });
        assert_eq!(to_text(&writer.finish()), r"1.3.101.112=#04020102+O=\ b,CN=\#a\+b\ ");
        assert_eq!(to_text(&[1, 2, 3]), "#010203");
    }

    #[test]
    fn values_keep_rfc_5280_bounds() {
        let with = |change: fn(&mut Subject)| {
            let mut subject = full();
            change(&mut subject);
            subject_to_name(&subject)
        };
        assert!(with(|s| s.common_name = Some("é".repeat(64))).is_ok());
        for (result, error) in [
            (with(|s| s.common_name = Some("a".repeat(65))), "subject_value_too_long"),
            (with(|s| s.locality = Some("a".repeat(129))), "subject_value_too_long"),
            (with(|s| s.country = Some("USA".into())), "subject_country_invalid"),
            (with(|s| s.country = Some("us".into())), "subject_country_invalid"),
            (with(|s| s.organization = Some(String::new())), "subject_value_empty"),
            (with(|s| s.organization = Some("a\0b".into())), "subject_control_character"),
            (with(|s| s.organization = Some("a\u{202e}b".into())), "subject_control_character"),
        ] {
            assert_eq!(result.unwrap_err().code(), error);
        }
    }
}
