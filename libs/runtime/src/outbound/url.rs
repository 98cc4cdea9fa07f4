//! Which addresses of the web may be asked for: `http` or `https` to a name, written as a name is written.
//!
//! A host that only becomes one when it is decoded (`%31`, `0x7f.1`, `2130706433`, `①.example`) is refused, and so is a
//! numeric one: there is one way to write a host, and nothing is guessed.

use url::{Host, Url};

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not an absolute address of the web.
    #[error("expected an address such as 'https://www.example.com/path'")]
    Malformed,
    /// `ftp`, `file`, `gopher` …
    #[error("only http and https are followed")]
    Scheme,
    /// HTTPS was asked for.
    #[error("only https is followed here")]
    Insecure,
    /// A user or a password.
    #[error("it names a user or password")]
    Credentials,
    /// An address in place of a name, in any notation.
    #[error("its host is an address; a name is needed")]
    Numeric,
    /// It has to be decoded first.
    #[error("its host is encoded; write the name in ASCII, without '%'")]
    Encoded,
    /// Not a name of DNS.
    #[error("its host is not a DNS name")]
    Host,
    /// A port that this is not for.
    #[error("only port 80 of http and port 443 of https are followed here")]
    Port,
}

/// The address that a text names.
pub fn parse(text: &str) -> Result<Url, UrlError> {
    let written = host_as_written(text)?.ok_or(UrlError::Malformed)?;
    checked(Url::parse(text).map_err(|error| malformed(&error))?, Some(written))
}

/// Where a redirect goes: its `Location` may leave out what stays the same.
pub fn join(from: &Url, location: &str) -> Result<Url, UrlError> {
    let written = host_as_written(location)?;
    checked(from.join(location).map_err(|error| malformed(&error))?, written)
}

fn malformed(error: &url::ParseError) -> UrlError {
    match error {
        url::ParseError::InvalidIpv4Address | url::ParseError::InvalidIpv6Address => UrlError::Numeric,
        url::ParseError::InvalidDomainCharacter | url::ParseError::IdnaError => UrlError::Host,
        _ => UrlError::Malformed,
    }
}

/// The host in a text, if it names one.
fn host_as_written(text: &str) -> Result<Option<&str>, UrlError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let relative = match text.split_once(':') {
        Some((scheme, rest))
            if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
        {
            if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
                return Err(UrlError::Scheme);
            }
            rest.strip_prefix("//").ok_or(UrlError::Malformed)?
        }
        _ => match text.strip_prefix("//") {
            Some(rest) => rest,
            None if is_plain => return Ok(None),
            None => return Err(UrlError::Malformed),
        },
    };
    let authority = relative.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    if authority.contains('%') || !authority.is_ascii() {
        return Err(UrlError::Encoded);
    }
    if !is_plain {
        return Err(UrlError::Malformed);
    }
    if authority.starts_with('[') {
        return Err(UrlError::Numeric);
    }
    Ok(Some(authority.split(':').next().unwrap_or_default()))
}

fn checked(url: Url, written: Option<&str>) -> Result<Url, UrlError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    let name = match url.host() {
        Some(Host::Domain(name)) => name,
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => return Err(UrlError::Numeric),
        None => return Err(UrlError::Host),
    };
    if written.is_some_and(|written| !written.eq_ignore_ascii_case(name)) {
        return Err(UrlError::Encoded);
    }
    if is_host_name(name) { Ok(url) } else { Err(UrlError::Host) }
}

/// Letters, digits and hyphens (RFC 1123 section 2.1), the last label not a number, no dot at the end.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
