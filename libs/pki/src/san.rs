//! Subject alternative names (RFC 5280 §4.2.1.6).

use std::net::IpAddr;

use contracts::x509::SubjectAltName;

use crate::{
    asn1::{DerError, Element, Reader, Writer, tag},
    hostname::{self, HostnameError},
};

/// The most names one certificate may carry.
pub const MAX_NAMES: usize = 100;

/// Why names cannot stand in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SanError {
    /// Not GeneralNames in DER.
    #[error("the subject alternative names are not valid DER")]
    Der(#[from] DerError),
    /// An extension without a name in it.
    #[error("the subject alternative name extension is empty")]
    Empty,
    /// More than [`MAX_NAMES`].
    #[error("there are {0} subject alternative names; at most 100 are accepted")]
    TooMany(usize),
    /// A kind that is not issued, such as otherName.
    #[error(
        "a subject alternative name of kind {0} is not issued; possible are dns_name, ip_address, email and uri"
    )]
    Kind(&'static str),
    /// Not ASCII, or with a control character.
    #[error("a subject alternative name has a character other than printable ASCII")]
    Characters,
    /// Not a DNS name.
    #[error("'{name}' is not a DNS name for a certificate: {cause}")]
    Dns {
        /// As requested.
        name: String,
        /// What is wrong with it.
        cause: HostnameError,
    },
    /// Neither 4 nor 16 bytes.
    #[error("an ip_address has neither 4 nor 16 bytes")]
    Address,
    /// Not `local@domain`.
    #[error("'{0}' is not a mailbox")]
    Email(String),
    /// Not an absolute URI.
    #[error("'{0}' is not an absolute URI")]
    Uri(String),
}

impl SanError {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Der(_) => "san_malformed",
            Self::Empty => "san_empty",
            Self::TooMany(_) => "san_too_many",
            Self::Kind(_) => "san_kind_unsupported",
            Self::Characters => "san_control_character",
            Self::Dns { .. } => "dns_name_invalid",
            Self::Address => "ip_address_invalid",
            Self::Email(_) => "email_invalid",
            Self::Uri(_) => "uri_invalid",
        }
    }
}

/// Reads the extension's value, strictly.
pub(crate) fn read(value: &[u8]) -> Result<Vec<SubjectAltName>, SanError> {
    let mut names = vec![];
    let mut reader = Reader::new(crate::asn1::whole(value, tag::SEQUENCE)?.value);
    while !reader.is_empty() {
        names.push(one(reader.element()?)?);
    }
    check_all(&names)?;
    if names.is_empty() { Err(SanError::Empty) } else { Ok(names) }
}

/// Reads what can be read of the names of a certificate that others made; the kinds of the rest.
pub(crate) fn read_leniently(value: &[u8]) -> (Vec<SubjectAltName>, Vec<String>) {
    let (mut names, mut others) = (vec![], vec![]);
    let Ok(mut reader) = Reader::new(value).sequence() else { return (names, others) };
    while let Ok(element) = reader.element() {
        match one(element) {
            Ok(name) => names.push(name),
            Err(SanError::Kind(kind)) => others.push(kind.to_owned()),
            Err(_) => others.push(format!("#{}", hex::encode(element.der))),
        }
    }
    (names, others)
}

/// Checks the number and the syntax of names, wherever they come from.
pub fn check_all(names: &[SubjectAltName]) -> Result<(), SanError> {
    if names.len() > MAX_NAMES {
        return Err(SanError::TooMany(names.len()));
    }
    names.iter().try_for_each(check)
}

/// Everything that is wrong with names, each with its place among them; too many are one fault of them all.
#[must_use]
pub fn faults(names: &[SubjectAltName]) -> Vec<(Option<usize>, SanError)> {
    if names.len() > MAX_NAMES {
        return vec![(None, SanError::TooMany(names.len()))];
    }
    names.iter().enumerate().filter_map(|(at, name)| Some((Some(at), check(name).err()?))).collect()
}

/// Writes the extension's value.
pub(crate) fn write(writer: &mut Writer, names: &[SubjectAltName]) {
    writer.sequence(|list| {
        for name in names {
            match name {
                SubjectAltName::Email(text) => list.put(tag::primitive(1), text.as_bytes()),
                SubjectAltName::Dns(text) => list.put(tag::primitive(2), text.as_bytes()),
                SubjectAltName::Uri(text) => list.put(tag::primitive(6), text.as_bytes()),
                SubjectAltName::Ip(IpAddr::V4(address)) => list.put(tag::primitive(7), &address.octets()),
                SubjectAltName::Ip(IpAddr::V6(address)) => list.put(tag::primitive(7), &address.octets()),
            };
        }
    });
}

/// The DNS name that a name lies under: itself, a mailbox's host, a URI's host. `None` for addresses, and for URIs
/// without a host.
#[must_use]
pub fn host(name: &SubjectAltName) -> Option<&str> {
    match name {
        SubjectAltName::Dns(name) => Some(name),
        SubjectAltName::Ip(_) => None,
        SubjectAltName::Email(mailbox) => host_of_mailbox(mailbox),
        SubjectAltName::Uri(uri) => host_of_uri(uri),
    }
}

/// The host of a mailbox.
#[must_use]
pub fn host_of_mailbox(text: &str) -> Option<&str> {
    is_mailbox(text).then(|| text.rsplit_once('@').map(|(_, host)| host)).flatten()
}

/// Also where it stands without `//`, as in `sip:` and `mailto:`; only names of these schemes are about no host.
fn host_of_uri(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    if ["urn", "tag"].iter().any(|placeless| scheme.eq_ignore_ascii_case(placeless)) {
        return None;
    }
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next()?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    if place.starts_with('[') {
        return None; // an IPv6 address
    }
    let host = place.split([':', ';']).next()?;
    (!host.is_empty() && host.parse::<IpAddr>().is_err()).then_some(host)
}

fn one(element: Element<'_>) -> Result<SubjectAltName, SanError> {
    let text = || match std::str::from_utf8(element.value) {
        Ok(text) if text.bytes().all(|b| (0x20..0x7f).contains(&b)) => Ok(text.to_owned()),
        _ => Err(SanError::Characters),
    };
    Ok(match element.tag {
        0x81 => SubjectAltName::Email(text()?),
        0x82 => SubjectAltName::Dns(text()?),
        0x86 => SubjectAltName::Uri(text()?),
        0x87 => SubjectAltName::Ip(address(element.value).ok_or(SanError::Address)?),
        0xa0 => return Err(SanError::Kind("otherName")),
        0xa3 => return Err(SanError::Kind("x400Address")),
        0xa4 => return Err(SanError::Kind("directoryName")),
        0xa5 => return Err(SanError::Kind("ediPartyName")),
        0x88 => return Err(SanError::Kind("registeredID")),
        _ => return Err(SanError::Der(DerError::Value("general name"))),
    })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}

fn check(name: &SubjectAltName) -> Result<(), SanError> {
    match name {
        SubjectAltName::Dns(name) => {
            hostname::check(name).map_err(|cause| SanError::Dns { name: name.clone(), cause })
        }
        SubjectAltName::Ip(_) => Ok(()),
        SubjectAltName::Email(mailbox) if is_mailbox(mailbox) => Ok(()),
        SubjectAltName::Email(mailbox) => Err(SanError::Email(mailbox.clone())),
        SubjectAltName::Uri(uri) if is_absolute_uri(uri) => Ok(()),
        SubjectAltName::Uri(uri) => Err(SanError::Uri(uri.clone())),
    }
}

/// `local@domain`, the local part a dot-atom (RFC 5321 §4.1.2); quoted local parts are not issued.
fn is_mailbox(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    local.len() <= 64
        && local.split('.').all(atom)
        && !domain.starts_with('*')
        && hostname::check(domain).is_ok()
}

/// A scheme and what follows, in the characters of RFC 3986; a host where there is an authority.
fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_is_right = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let characters =
        rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b));
    let host_is_there = match rest.strip_prefix("//") {
        Some(authority) => !authority.is_empty() && !authority.starts_with(['/', '?', '#']),
        None => !rest.is_empty(),
    };
    scheme_is_right && characters && host_is_there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_der() {
        let names = vec![
            SubjectAltName::Dns("*.example.com".into()),
            SubjectAltName::Ip("192.0.2.1".parse().unwrap()),
            SubjectAltName::Ip("2001:db8::1".parse().unwrap()),
            SubjectAltName::Email("a.b+c@example.com".into()),
            SubjectAltName::Uri("spiffe://example.com/web".into()),
            SubjectAltName::Uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into()),
        ];
        let mut writer = Writer::default();
        write(&mut writer, &names);
        assert_eq!(read(&writer.finish()).unwrap(), names);
    }

    #[test]
    fn each_kind_of_name_has_its_host() {
        let uri = |uri: &str| SubjectAltName::Uri(uri.into());
        for (name, expected) in [
            (SubjectAltName::Dns("*.example.com".into()), Some("*.example.com")),
            (SubjectAltName::Email("a@b@mail.example.com".into()), None),
            (SubjectAltName::Email("ada@mail.example.com".into()), Some("mail.example.com")),
            (SubjectAltName::Ip("192.0.2.1".parse().unwrap()), None),
            (uri("spiffe://example.com/web"), Some("example.com")),
            (uri("https://ada:secret@example.com:8443/?a=@b.test"), Some("example.com")),
            (uri("https://example.com@attacker.test/"), Some("attacker.test")),
            (uri("https://attacker.test#@example.com"), Some("attacker.test")),
            (uri("https://192.0.2.1/"), None),
            (uri("https://[2001:db8::1]:443/"), None),
            (uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), None),
            (uri("mailto:ada@example.com"), Some("example.com")),
            (uri("sip:bank.example;transport=tls"), Some("bank.example")),
            (uri("https:/bank.example/"), Some("bank.example")),
            (uri("https://a;b@bank.example:443/"), Some("bank.example")),
        ] {
            assert_eq!(host(&name), expected, "{name}");
        }
    }

    #[test]
    fn wrong_names_are_refused() {
        let code = |name: SubjectAltName| check_all(&[name]).unwrap_err().code();
        for dns in ["a_b.example", "", "10.0.0.1", "*"] {
            assert_eq!(code(SubjectAltName::Dns(dns.into())), "dns_name_invalid");
        }
        for email in
            ["example.com", "@example.com", "a b@example.com", "a@*.example.com", "a..b@example.com", "a@"]
        {
            assert_eq!(code(SubjectAltName::Email(email.into())), "email_invalid");
        }
        for uri in ["example.com", "/path", "http:", "http:///path", "ht tp://a", "http://a b", "1a:b"] {
            assert_eq!(code(SubjectAltName::Uri(uri.into())), "uri_invalid", "{uri}");
        }
        let many = vec![SubjectAltName::Dns("a.example".into()); 101];
        assert_eq!(check_all(&many).unwrap_err().code(), "san_too_many");
        assert!(check_all(&many[1..]).is_ok());
        assert_eq!(read(&[0x30, 0]).unwrap_err(), SanError::Empty);
        assert_eq!(read(&[0x30, 3, 0x88, 1, 5]).unwrap_err(), SanError::Kind("registeredID"));
        assert_eq!(read(&[0x30, 5, 0x87, 3, 1, 2, 3]).unwrap_err(), SanError::Address);
        assert_eq!(read(&[0x30, 4, 0x82, 2, b'a', 0]).unwrap_err(), SanError::Characters);
    }
}
