//! Labels whose values people make up. Each value is a series of its own, so there has to be an end to them.

use std::collections::BTreeSet;

use parking_lot::RwLock;

/// How many names one label shows.
pub const MOST_NAMES: usize = 100;
/// What stands for all further ones.
pub const OTHER: &str = "other";

/// The values of one label: the first ones that come are shown by name, all later ones as [`OTHER`].
#[derive(Debug)]
pub struct Capped {
    most: usize,
    shown: RwLock<BTreeSet<String>>,
}

impl Capped {
    /// Shows so many values.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { most, shown: RwLock::new(BTreeSet::new()) }
    }

    /// What a name is shown as, from now until the process ends.
    #[must_use]
    pub fn label(&self, name: &str) -> String {
        if self.shown.read().contains(name) {
            return name.to_owned();
        }
        let mut shown = self.shown.write();
        if shown.contains(name) || shown.len() < self.most {
            shown.insert(name.to_owned());
            return name.to_owned();
        }
        OTHER.to_owned()
    }
}

impl Default for Capped {
    fn default() -> Self {
        Self::new(MOST_NAMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_are_shown_and_all_later_ones_are_other() {
        let label = Capped::new(2);
        let shown = ["b", "a", "c", "a", "d", "b"].map(|name| label.label(name));
        assert_eq!(shown, ["b", "a", "other", "a", "other", "b"]);
    }
}
