//! Flag > environment > file > default: every key with its value and where that came from.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    Environment,
    error::{ConfigError, Mistake, Source},
    keys::{self, KEYS, Key},
    value::{Raw, Value},
};

/// Where values may come from, the weakest last.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Flags: (the flag as typed, path, value).
    pub flags: Vec<(String, String, String)>,
    /// Environment variables.
    pub environment: Environment,
    /// The file; it must be readable when given.
    pub file: Option<PathBuf>,
}

/// Every key with its value (none for a secret that was not given) and its source.
#[derive(Clone, Debug)]
pub struct Settings(BTreeMap<&'static str, (Option<Value>, Source)>);

impl Settings {
    /// Reads all sources. Errors: every unknown key, wrong type and unreadable file at once.
    pub fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reading = Reading { settings: defaults(), mistakes: Vec::new() };
        if let Some(path) = &sources.file {
            reading.file(path);
        }
        for (name, path, value) in sources.environment.settings() {
            reading.set(Source::Environment(name.into()), &path, &Raw::Text(value.into()), true);
        }
        for (flag, path, value) in &sources.flags {
            reading.flag(flag, path, value);
        }
        if reading.mistakes.is_empty() {
            Ok(Self(reading.settings))
        } else {
            Err(ConfigError(reading.mistakes))
        }
    }

    pub(super) fn value(&self, path: &str) -> Option<&Value> {
        self.0.get(path).and_then(|(value, _)| value.as_ref())
    }

    pub(super) fn source(&self, path: &str) -> Source {
        self.0.get(path).map_or(Source::Default, |(_, source)| source.clone())
    }

    /// Puts in what a default is derived to, so that it is printed.
    pub(super) fn derive(&mut self, path: &'static str, text: String) {
        if let Some((value, _)) = self.0.get_mut(path) {
            *value = Some(Value::Text(text));
        }
    }
}

fn defaults() -> BTreeMap<&'static str, (Option<Value>, Source)> {
    KEYS.iter().map(|key| (key.path, (default_of(key), Source::Default))).collect()
}

fn default_of(key: &Key) -> Option<Value> {
    let text = format!("x = {}", key.default);
    let table = DeTable::parse(&text).ok()?.into_inner();
    let (_, value) = table.iter().next()?;
    // A path's default is empty: derived later.
    key.kind.check(&raw(value.get_ref()), false).ok()
}

struct Reading {
    settings: BTreeMap<&'static str, (Option<Value>, Source)>,
    mistakes: Vec<Mistake>,
}

impl Reading {
    fn file(&mut self, path: &Path) {
        let mistake = |words: String| Mistake { source: Source::WholeFile(path.into()), key: None, words };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.mistakes.push(mistake(format!("cannot be read: {error}"))),
        };
        let line = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
        let document = match DeTable::parse(&text) {
            Ok(document) => document.into_inner(),
            Err(error) => {
                let source = Source::File(path.into(), error.span().map_or(1, |span| line(span.start)));
                return self.mistakes.push(Mistake { source, key: None, words: error.message().to_owned() });
            }
        };
        for (section, value) in &document {
            let at = Source::File(path.into(), line(section.span().start));
            let name = section.get_ref();
            match value.get_ref() {
                DeValue::Table(entries) if KEYS.iter().any(|key| key.parts().0 == &**name) => {
                    for (key, value) in entries {
                        let at = Source::File(path.into(), line(key.span().start));
                        self.set(at, &format!("{name}.{}", key.get_ref()), &raw(value.get_ref()), false);
                    }
                }
                _ => self.mistakes.push(Mistake::unknown(&at, name)),
            }
        }
    }

    fn flag(&mut self, flag: &str, path: &str, value: &str) {
        let source = Source::Flag(flag.into());
        if keys::find(path).is_some_and(Key::is_secret) {
            // Other users see the arguments of a process (K-5).
            let words = format!("a secret cannot be a flag; give {path}_file");
            return self.mistakes.push(Mistake::about(&source, path, words));
        }
        self.set(source, path, &Raw::Text(value.into()), true);
    }

    fn set(&mut self, source: Source, path: &str, raw: &Raw, lenient: bool) {
        if let Some(key) = keys::find(path) {
            return match key.kind.check(raw, lenient) {
                Ok(value) => drop(self.settings.insert(key.path, (Some(value), source))),
                Err(words) => self.mistakes.push(Mistake::about(&source, path, words)),
            };
        }
        let secret = path.strip_suffix("_file").and_then(keys::find).filter(|key| key.is_secret());
        match (secret, raw) {
            (Some(_), Raw::Text(file)) if file.is_empty() => {}
            (Some(key), Raw::Text(file)) => match fs::read_to_string(file) {
                Ok(text) => {
                    let secret = super::Secret::new(text.trim_end_matches(['\r', '\n']).into());
                    self.settings.insert(key.path, (Some(Value::Secret(secret)), source));
                }
                Err(error) => self.mistakes.push(Mistake::about(
                    &source,
                    path,
                    format!("{file} cannot be read: {error}"),
                )),
            },
            (Some(_), _) => self.mistakes.push(Mistake::about(&source, path, "expected a path")),
            (None, _) => self.mistakes.push(Mistake::unknown(&source, path)),
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Raw::Other("integer"), Raw::Integer)
        }
        DeValue::Boolean(yes) => Raw::Boolean(*yes),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map_or(Raw::Other("array"), Raw::List)
        }
        other => Raw::Other(other.type_str()),
    }
}

/// One line per key: `section.key = value  # source`. Secrets are masked.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in KEYS {
            let Some((value, source)) = self.0.get(key.path) else { continue };
            let value = value.as_ref().map_or_else(|| "\"\"".to_owned(), ToString::to_string);
            writeln!(f, "{:<56} # {source}", format!("{} = {value}", key.path))?;
        }
        Ok(())
    }
}
