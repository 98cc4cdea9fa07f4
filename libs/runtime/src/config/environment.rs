//! The process's environment, read once.

use std::collections::BTreeMap;

/// The environment variables of a process. Tests make their own.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads this process's environment. A variable that is not UTF-8 is left out.
    #[must_use]
    #[allow(clippy::disallowed_methods)] // the one place where the environment enters
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// The variable's value; none when it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Variables that set configuration: `CHANCERY_<SECTION>__<KEY>`, as (name, path, value).
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, String, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let (section, key) = name.strip_prefix("CHANCERY_")?.split_once("__")?;
            Some((name.as_str(), format!("{section}.{key}").to_ascii_lowercase(), value.as_str()))
        })
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish() // values may be secrets
    }
}
