//! Patterns of certificate policies: `*` stands for any run of characters, none too; the match is over the whole text.

use std::net::IpAddr;

/// Whether `text` matches `pattern`. Takes time in proportion to the product of the lengths at worst.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((after, taken)) = star {
            p = after + 1;
            t = taken + 1;
            star = Some((after, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// Whether a DNS name matches `pattern`, whatever the case.
///
/// As everywhere `*` takes any characters, dots too: `*.example.com` allows `a.example.com`, `a.b.example.com` and the
/// wildcard name `*.example.com`, but not `example.com`, nor `badexample.com`.
#[must_use]
pub fn matches_dns(pattern: &str, name: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase())
}

/// Whether an address lies in the CIDR block `pattern`, or matches it as text.
#[must_use]
pub fn matches_address(pattern: &str, address: IpAddr) -> bool {
    match pattern.split_once('/') {
        Some((network, length)) => in_block(network, length, address).unwrap_or(false),
        None => match pattern.parse::<IpAddr>() {
            Ok(single) => single == address,
            Err(_) => matches(&pattern.to_ascii_lowercase(), &address.to_string()),
        },
    }
}

fn in_block(network: &str, length: &str, address: IpAddr) -> Option<bool> {
    let length: u32 = length.parse().ok()?;
    match (network.parse().ok()?, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            Some((u32::from(network) ^ u32::from(address)) & mask == 0)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Some((u128::from(network) ^ u128::from(address)) & mask == 0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_any_run_over_the_whole_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("*ab", "aab", true),
            ("a**b", "ab", true),
            ("A", "a", false),
            ("*ü*", "für", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        let slow = format!("{}b", "a*".repeat(200));
        assert!(!matches(&slow, &"a".repeat(5000)));
    }

    #[test]
    fn a_domain_pattern_covers_what_is_below_it() {
        for (name, expected) in [
            ("a.example.com", true),
            ("A.B.EXAMPLE.COM", true),
            ("*.example.com", true),
            ("example.com", false),
            ("badexample.com", false),
            ("a.example.com.evil.org", false),
        ] {
            assert_eq!(matches_dns("*.Example.com", name), expected, "{name}");
        }
    }

    #[test]
    fn addresses_match_blocks() {
        for (pattern, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("2001:DB8::0:1", "2001:db8::1", true),
            ("192.0.2.*", "192.0.2.77", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("nonsense/8", "10.0.0.0", false),
        ] {
            assert_eq!(matches_address(pattern, address.parse().unwrap()), expected, "{pattern} {address}");
        }
    }
}
