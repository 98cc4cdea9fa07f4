//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf};

use super::keys;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing was given.
    Default,
    /// A line of a file, counted from 1.
    File(PathBuf, usize),
    /// A file as a whole.
    WholeFile(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::WholeFile(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub source: Source,
    /// Which key, if it got that far.
    pub key: Option<String>,
    /// What, and what is allowed instead.
    pub words: String,
}

impl Mistake {
    pub(super) fn about(source: &Source, key: &str, words: impl Into<String>) -> Self {
        Self { source: source.clone(), key: Some(key.into()), words: words.into() }
    }

    pub(super) fn unknown(source: &Source, path: &str) -> Self {
        let words = match keys::nearest(path) {
            Some(known) => format!("unknown key; did you mean '{known}'?"),
            None => "unknown key; `chancery config print` lists the known ones".into(),
        };
        Self::about(source, path, words)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.source, self.words),
            None => write!(f, "{}: {}", self.source, self.words),
        }
    }
}

/// The configuration cannot be used. Every mistake found is listed, one to a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<Mistake>);
