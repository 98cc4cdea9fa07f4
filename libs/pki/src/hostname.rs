//! DNS names as certificates may carry them (RFC 5280 §4.2.1.6, RFC 5890).

/// Why a text is not a DNS name for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostnameError {
    /// Nothing, or a dot too many.
    #[error("it has an empty label")]
    EmptyLabel,
    /// More than 253 characters, or a label of more than 63.
    #[error("it is longer than 253 characters, or a label longer than 63")]
    TooLong,
    /// A character other than letters, digits and hyphens, or a hyphen at an end.
    #[error("a label has something other than letters, digits and inner hyphens")]
    NotLdh,
    /// A label that starts `xn--` and is no A-label, has `--` at the same place, or has no A-label (RFC 5891).
    #[error("a label is no valid A-label, or cannot be written as one")]
    NotALabel,
    /// A `*` that is not the whole leftmost label, or stands alone.
    #[error("a wildcard stands only for the whole leftmost label, as in '*.example.com'")]
    Wildcard,
    /// An IP address.
    #[error("it is an IP address")]
    Address,
}

/// Checks a DNS name: LDH labels or A-labels, at most 253 characters, a wildcard only as leftmost label.
pub fn check(name: &str) -> Result<(), HostnameError> {
    if name.len() > 253 {
        return Err(HostnameError::TooLong);
    }
    let base = match name.strip_prefix("*.") {
        Some(base) => base,
        None if name == "*" => return Err(HostnameError::Wildcard),
        None => name,
    };
    for label in base.split('.') {
        check_label(label)?;
    }
    match base.rsplit('.').next() {
        Some(top) if top.bytes().all(|b| b.is_ascii_digit()) => Err(HostnameError::Address),
        _ => Ok(()),
    }
}

/// Whether a common name is meant as a host name: a DNS name with a dot, or `localhost`. A single word may be a
/// person's or a device's name as well.
#[must_use]
pub fn is_host(name: &str) -> bool {
    (name.contains('.') || name.eq_ignore_ascii_case("localhost")) && check(name).is_ok()
}

/// A DNS name in A-labels and lower case, as certificates carry it, from the way that people write it (UTS 46).
pub fn to_a_labels(name: &str) -> Result<String, HostnameError> {
    if name.contains('*') {
        return Err(HostnameError::Wildcard);
    }
    // What has no other script is checked as it is, for the sake of the cause.
    let ascii = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii_strict(name).map_err(|_| HostnameError::NotALabel)?
    };
    check(&ascii).map(|()| ascii)
}

/// A DNS name as people write it, from A-labels. What does not decode stays as it is.
#[must_use]
pub fn to_u_labels(name: &str) -> String {
    idna::domain_to_unicode(name).0
}

fn check_label(label: &str) -> Result<(), HostnameError> {
    let bytes = label.as_bytes();
    match bytes {
        [] => return Err(HostnameError::EmptyLabel),
        [b'-', ..] | [.., b'-'] => return Err(HostnameError::NotLdh),
        _ if bytes.contains(&b'*') => return Err(HostnameError::Wildcard),
        _ if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') => {
            return Err(HostnameError::NotLdh);
        }
        _ if bytes.len() > 63 => return Err(HostnameError::TooLong),
        _ => {}
    }
    let reserved = bytes.get(2..4) == Some(b"--");
    if reserved && !is_a_label(label) { Err(HostnameError::NotALabel) } else { Ok(()) }
}

/// `xn--` and Punycode that decodes to a U-label, which encodes to the same again.
fn is_a_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    let (unicode, decoded) = idna::domain_to_unicode(&lower);
    lower.starts_with("xn--")
        && decoded.is_ok()
        && idna::domain_to_ascii_strict(&unicode).is_ok_and(|again| again == lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts_are_accepted() {
        let long = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
        for name in [
            "example.com",
            "*.example.com",
            "a-b.c1",
            "WWW.Example.com",
            "localhost",
            "xn--bcher-kva.example",
            &long,
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        assert_eq!(long.len(), 253);
    }

    #[test]
    fn other_texts_are_refused_with_their_cause() {
        for (name, error) in [
            ("", HostnameError::EmptyLabel),
            ("example.com.", HostnameError::EmptyLabel),
            ("a..b", HostnameError::EmptyLabel),
            (".a", HostnameError::EmptyLabel),
            ("*.", HostnameError::EmptyLabel),
            ("*", HostnameError::Wildcard),
            ("a.*.b", HostnameError::Wildcard),
            ("w*.b", HostnameError::Wildcard),
            ("*.*.b", HostnameError::Wildcard),
            ("-a.b", HostnameError::NotLdh),
            ("a-.b", HostnameError::NotLdh),
            ("a_b.c", HostnameError::NotLdh),
            ("bücher.example", HostnameError::NotLdh),
            ("a b.c", HostnameError::NotLdh),
            ("a\0.c", HostnameError::NotLdh),
            ("xn--a.example", HostnameError::NotALabel),
            ("xn--abc-.example", HostnameError::NotLdh),
            ("ab--cd.example", HostnameError::NotALabel),
            ("10.0.0.1", HostnameError::Address),
            ("a.123", HostnameError::Address),
        ] {
            assert_eq!(check(name), Err(error), "{name:?}");
        }
        assert_eq!(check(&format!("{}.com", "a".repeat(64))), Err(HostnameError::TooLong));
        assert_eq!(check(&format!("{}com", "a.".repeat(126))), Err(HostnameError::TooLong));
    }

    #[test]
    fn names_of_every_script_have_one_form_in_certificates() {
        for (written, certified, shown) in [
            ("Example.COM", "example.com", "example.com"),
            ("bücher.example", "xn--bcher-kva.example", "bücher.example"),
            ("BÜCHER.Example", "xn--bcher-kva.example", "bücher.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example", "bücher.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", "bücher.example"),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example", "bücher.example"),
            ("faß.de", "xn--fa-hia.de", "faß.de"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"),
        ] {
            assert_eq!(to_a_labels(written).as_deref(), Ok(certified), "{written}");
            assert_eq!(to_u_labels(certified), shown);
        }
        for name in
            ["", "*.example.com", "a_b.example", "ex ample.com", "10.0.0.1", "a..b", "\u{200b}", "a\u{0}ü.de"]
        {
            assert!(to_a_labels(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_single_word_is_not_taken_for_a_host() {
        assert!(is_host("shop.example.com") && is_host("*.example.com") && is_host("localhost"));
        assert!(!is_host("alice") && !is_host("Acme Server 1.0") && !is_host("10.0.0.1"));
    }
}
