//! Addresses of mail: as strict as a `MAIL FROM` line needs, so that an address never says more than an address.

use std::{fmt, str::FromStr};

/// An address: an ASCII local part of RFC 5321's dot-strings, and a domain, which is kept as A-labels.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailAddress(String);

/// Not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a mail address that can be written to: expected name@domain", crate::shown::line(.0))]
pub struct AddressError(String);

impl MailAddress {
    /// As it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl FromStr for MailAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refuse = || AddressError(text.chars().take(100).collect());
        let (local, domain) = text.rsplit_once('@').ok_or_else(refuse)?;
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| refuse())?;
        // RFC 5321 §4.5.3.1: 64 and 255 octets; 254 for the whole, so that it fits a path.
        let fits = (1..=64).contains(&local.len()) && local.len() + 1 + domain.len() <= 254;
        let is_domain = domain.split('.').all(|label| !label.is_empty()) && domain.len() <= 253;
        if fits && is_domain && local.split('.').all(is_atom) {
            return Ok(Self(format!("{local}@{domain}")));
        }
        Err(refuse())
    }
}

/// RFC 5322 §3.2.3.
fn is_atom(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Addresses are personal data: logs do not show them.
impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[address]@{}", self.domain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, kept) in [
            ("ann@example.com", "ann@example.com"),
            ("Ann.O'Hara+pki@Example.COM", "Ann.O'Hara+pki@example.com"),
            ("admin@bücher.example", "admin@xn--bcher-kva.example"),
            ("root@localhost", "root@localhost"),
        ] {
            assert_eq!(text.parse::<MailAddress>().unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_could_say_more_than_an_address_is_refused() {
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@example.com\r\nRCPT TO:<eve@example.com>",
            "ann\n@example.com",
            "<ann@example.com>",
            "ann@example.com> SIZE=1",
            "\"ann smith\"@example.com",
            "ann..b@example.com",
            ".ann@example.com",
            "änn@example.com",
            "ann@exa mple.com",
            "ann@example..com",
            "ann@[192.0.2.1]",
            "ann\0@example.com",
            "ann,eve@example.com",
        ] {
            assert!(text.parse::<MailAddress>().is_err(), "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        assert!(long.parse::<MailAddress>().is_err());
    }
}
