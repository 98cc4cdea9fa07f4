//! Where a PKCS #11 token is: a name of our own, and a URI that says which one is meant (RFC 7512).

use std::{fmt, path::PathBuf, str::FromStr};

/// A token as the configuration names it: `hsm=pkcs11:token=ca;serial=4711?module-path=/usr/lib/module.so`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAddress {
    /// What keys and people call it.
    pub name: String,
    /// The library that speaks with it.
    pub module: PathBuf,
    /// How it is told from others that the library shows.
    pub marks: TokenMarks,
    /// The file that holds its PIN, where it is not the usual one.
    pub pin_file: Option<PathBuf>,
    /// As it was written.
    text: String,
}

/// What a token says of itself; what is not given does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenMarks {
    /// Its label (`token`).
    pub label: Option<String>,
    /// Its serial number (`serial`).
    pub serial: Option<String>,
    /// Its model (`model`).
    pub model: Option<String>,
    /// Its maker (`manufacturer`).
    pub manufacturer: Option<String>,
    /// The number of its slot (`slot-id`).
    pub slot: Option<u64>,
}

/// Why a token is not where somebody says. None repeats the text: it may hold what must not be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenAddressError {
    /// No name in front of the URI.
    #[error("expected a name and a URI such as 'hsm=pkcs11:token=ca?module-path=/usr/lib/module.so'")]
    Form,
    /// A name that is none.
    #[error("a token's name has 1 to 40 small letters, digits and hyphens")]
    Name,
    /// The PIN itself.
    #[error(
        "the PIN of token '{0}' does not belong here, where others see it; put it into a file and name that: pin-source=file:/…"
    )]
    Pin(String),
    /// Something that says nothing about a token.
    #[error(
        "token '{0}': '{1}' is not known; known are token, serial, model, manufacturer and slot-id, and after the question mark module-path and pin-source"
    )]
    Attribute(String, String),
    /// Twice the same.
    #[error("token '{0}': '{1}' stands there twice")]
    Twice(String, String),
    /// A value that cannot be.
    #[error("token '{0}': '{1}' is not {2}")]
    Value(String, String, &'static str),
    /// No library.
    #[error("token '{0}' needs a module-path: the library that speaks with it")]
    Module(String),
    /// Any token would do.
    #[error("token '{0}' needs its label (token=), its serial number (serial=) or its slot (slot-id=)")]
    Unmarked(String),
}

impl FromStr for TokenAddress {
    type Err = TokenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use TokenAddressError as E;
        let (name, uri) = text.split_once('=').ok_or(E::Form)?;
        let uri = uri.strip_prefix("pkcs11:").ok_or(E::Form)?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=40).contains(&name.len()) || !name.chars().all(fits) {
            return Err(E::Name);
        }
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let attributes =
            path.split(';').map(|part| (false, part)).chain(query.split('&').map(|part| (true, part)));
        let (mut marks, mut module, mut pin_file) = (TokenMarks::default(), None, None);
        for (queried, part) in attributes.filter(|(_, part)| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let unknown = || E::Attribute(name.into(), key.chars().take(40).collect());
            let wrong = |expected| E::Value(name.into(), key.into(), expected);
            if key == "pin-value" {
                return Err(E::Pin(name.into()));
            }
            let value = decoded(value).ok_or_else(|| wrong("text in percent-encoded UTF-8"))?;
            let absolute = |path: &str| path.starts_with('/').then(|| PathBuf::from(path));
            let before = match (queried, key) {
                (false, "token") => marks.label.replace(value).is_some(),
                (false, "serial") => marks.serial.replace(value).is_some(),
                (false, "model") => marks.model.replace(value).is_some(),
                (false, "manufacturer") => marks.manufacturer.replace(value).is_some(),
                (false, "slot-id") => {
                    let slot = value.parse().map_err(|_| wrong("a number"))?;
                    marks.slot.replace(slot).is_some()
                }
                (true, "module-path") => {
                    let path = absolute(&value).ok_or_else(|| wrong("a whole path, from '/' on"))?;
                    module.replace(path).is_some()
                }
                (true, "pin-source") => {
                    let path = value.strip_prefix("file:").unwrap_or(&value);
                    let path = absolute(path.strip_prefix("//").unwrap_or(path));
                    pin_file
                        .replace(path.ok_or_else(|| wrong("a file such as file:/etc/chancery/hsm.pin"))?)
                        .is_some()
                }
                _ => return Err(unknown()),
            };
            if before {
                return Err(E::Twice(name.into(), key.into()));
            }
        }
        if marks.label.is_none() && marks.serial.is_none() && marks.slot.is_none() {
            return Err(E::Unmarked(name.into()));
        }
        let module = module.ok_or_else(|| E::Module(name.into()))?;
        Ok(Self { name: name.into(), module, marks, pin_file, text: text.into() })
    }
}

impl fmt::Display for TokenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `%20` and its like undone.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_by_what_it_says_of_itself() {
        let text = "hsm=pkcs11:token=CA%20keys;serial=b367;slot-id=7?module-path=/usr/lib/m.so&pin-source=file:/etc/hsm.pin";
        let token: TokenAddress = text.parse().unwrap();
        assert_eq!((&*token.name, &*token.module), ("hsm", std::path::Path::new("/usr/lib/m.so")));
        let marks = TokenMarks {
            label: Some("CA keys".into()),
            serial: Some("b367".into()),
            slot: Some(7),
            ..TokenMarks::default()
        };
        assert_eq!(token.marks, marks);
        assert_eq!(token.pin_file.as_deref(), Some(std::path::Path::new("/etc/hsm.pin")));
        assert_eq!(token.to_string(), text);
        let short: TokenAddress = "a=pkcs11:serial=1?module-path=/m.so".parse().unwrap();
        assert_eq!(short.pin_file, None);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_text() {
        for (text, words) in [
            ("pkcs11:token=a", "expected a name and a URI"),
            ("hsm=/usr/lib/m.so", "expected a name and a URI"),
            ("HSM=pkcs11:token=a?module-path=/m.so", "a token's name has"),
            ("hsm=pkcs11:token=a?module-path=/m.so&pin-value=geheim", "does not belong here"),
            ("hsm=pkcs11:token=a;pin-value=geheim?module-path=/m.so", "does not belong here"),
            ("hsm=pkcs11:token=a?module-path=m.so", "'module-path' is not a whole path"),
            ("hsm=pkcs11:token=a?module-path=/m.so&pin-source=%7Ccat", "'pin-source' is not a file"),
            ("hsm=pkcs11:token=a", "needs a module-path"),
            ("hsm=pkcs11:?module-path=/m.so", "needs its label"),
            ("hsm=pkcs11:token=a;token=b?module-path=/m.so", "'token' stands there twice"),
            ("hsm=pkcs11:token=%zz?module-path=/m.so", "is not text in percent-encoded UTF-8"),
            ("hsm=pkcs11:object=key;token=a?module-path=/m.so", "'object' is not known"),
            ("hsm=pkcs11:slot-id=x?module-path=/m.so", "'slot-id' is not a number"),
        ] {
            let error = text.parse::<TokenAddress>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("geheim"));
        }
    }
}
