//! Single values: what each kind looks like, and how one is told when it does not.

use std::{fmt, net::SocketAddr, str::FromStr};

use contracts::{Lifetime, Network};
use zeroize::Zeroizing;

use super::token::TokenAddress;

/// The kinds of values.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// `https://host[:port]`.
    Url,
    /// `address:port`.
    Address,
    /// A path; empty where the default is derived.
    Path,
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A length of time such as `"30s"`.
    Lifetime,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of networks; where there are no lists, separated by commas.
    Networks,
    /// A list of PKCS #11 tokens, each `name=` and a URI; where there are no lists, separated by spaces.
    Tokens,
    /// Text that is never shown; also given as `<key>_file`.
    Secret,
}

/// A value that passed its kind's check.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, word, URL, address or path.
    Text(String),
    /// Whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// Length of time.
    Lifetime(Lifetime),
    /// Networks.
    Networks(Vec<Network>),
    /// Tokens.
    Tokens(Vec<TokenAddress>),
    /// Never shown.
    Secret(Secret),
}

/// Text that must not be shown, logged or copied about: zeroed when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// As written in a file (typed) or elsewhere (text).
#[derive(Clone, Debug)]
pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<String>),
    Other(&'static str),
}

impl Raw {
    /// What was found, for a message. Text is quoted, except a secret's.
    fn found(&self, kind: Kind) -> String {
        match self {
            _ if matches!(kind, Kind::Secret | Kind::Tokens) => "a value of another type".into(),
            Self::Text(text) => format!("'{}'", text.chars().take(64).collect::<String>()),
            Self::Integer(number) => format!("the number {number}"),
            Self::Boolean(yes) => format!("{yes}"),
            Self::List(items) => {
                format!("the list '{}'", items.join(", ").chars().take(64).collect::<String>())
            }
            Self::Other(kind) => format!("a value of type {kind}"),
        }
    }
}

impl Kind {
    /// What a value of this kind looks like.
    fn expected(self) -> String {
        match self {
            Self::Text | Self::Secret => "text".into(),
            Self::Url => "an address such as 'https://pki.example.com:8443'".into(),
            Self::Address => "an IP address and port such as '127.0.0.1:8443' or '[::]:8443'".into(),
            Self::Path => "a path".into(),
            Self::Boolean => "true or false".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Lifetime => "a length of time such as '30s'".into(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Networks => "addresses and networks such as '192.0.2.10' and '10.0.0.0/8'".into(),
            Self::Tokens => "tokens such as 'hsm=pkcs11:token=ca?module-path=/usr/lib/module.so'".into(),
        }
    }

    /// Checks a value. `lenient`: numbers and booleans may stand as text, as in an environment variable.
    pub(super) fn check(self, raw: &Raw, lenient: bool) -> Result<Value, String> {
        let value = match (self, raw) {
            (Self::Text | Self::Path, Raw::Text(text)) => Some(Value::Text(text.clone())),
            (Self::Secret, Raw::Text(text)) => Some(Value::Secret(Secret::new(text.clone()))),
            (Self::Url, Raw::Text(text)) => {
                is_https_url(text).then(|| Value::Text(text.trim_end_matches('/').into()))
            }
            (Self::Address, Raw::Text(text)) => {
                SocketAddr::from_str(text).ok().map(|_| Value::Text(text.clone()))
            }
            (Self::Lifetime, Raw::Text(text)) => text.parse().ok().map(Value::Lifetime),
            (Self::OneOf(words), Raw::Text(text)) => {
                words.contains(&text.as_str()).then(|| Value::Text(text.clone()))
            }
            (Self::Networks, Raw::List(items)) => networks(items.iter().map(String::as_str)),
            (Self::Networks, Raw::Text(text)) if lenient => networks(text.split(',')),
            (Self::Tokens, Raw::List(items)) => Some(tokens(items.iter().map(String::as_str))?),
            (Self::Tokens, Raw::Text(text)) if lenient => Some(tokens(text.split_whitespace())?),
            (Self::Boolean, Raw::Boolean(yes)) => Some(Value::Boolean(*yes)),
            (Self::Boolean, Raw::Text(text)) if lenient => text.parse().ok().map(Value::Boolean),
            (Self::Integer { min, max }, Raw::Integer(number)) => {
                (min..=max).contains(number).then_some(Value::Integer(*number))
            }
            (Self::Integer { min, max }, Raw::Text(text)) if lenient => {
                text.parse().ok().filter(|number| (min..=max).contains(number)).map(Value::Integer)
            }
            _ => None,
        };
        value.ok_or_else(|| format!("expected {}, found {}", self.expected(), raw.found(self)))
    }
}

/// The networks of a list, unless one of them is none. An empty text is an empty list.
fn networks<'a>(items: impl Iterator<Item = &'a str>) -> Option<Value> {
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse().ok()).collect::<Option<_>>().map(Value::Networks)
}

/// The tokens of a list. What is wrong with one is told without its text: that may hold what must not be shown.
fn tokens<'a>(items: impl Iterator<Item = &'a str>) -> Result<Value, String> {
    items
        .map(|item| item.parse::<TokenAddress>().map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()
        .map(Value::Tokens)
}

/// `https://host[:port]` and nothing after it but a slash.
fn is_https_url(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        uri.scheme_str() == Some("https")
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
    })
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", toml::Value::String(text.clone())),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Boolean(yes) => write!(f, "{yes}"),
            Self::Lifetime(length) => write!(f, "\"{length}\""),
            Self::Networks(networks) => {
                let items: Vec<String> = networks.iter().map(|network| format!("\"{network}\"")).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Tokens(tokens) => {
                let items: Vec<String> = tokens.iter().map(|token| format!("\"{token}\"")).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Secret(_) => f.write_str("\"[redacted]\""),
        }
    }
}
