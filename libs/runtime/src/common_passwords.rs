//! Passwords that are tried first, wherever somebody chooses one.

/// They are long enough for every rule; a line each, in lower case.
pub const LIST: &str = include_str!("common_passwords/list.txt");

/// Least different characters.
const DIFFERENT: usize = 5;

/// Whether a text is one of those, twice the same, or of very few characters.
#[must_use]
pub fn is_easy(text: &str) -> bool {
    let folded = text.to_lowercase();
    let mut different: Vec<char> = folded.chars().collect();
    different.sort_unstable();
    different.dedup();
    let half = folded.get(..folded.len() / 2).filter(|half| half.repeat(2) == folded);
    different.len() < DIFFERENT || half.is_some() || LIST.lines().any(|common| common == folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_easy() {
        for text in ["Password1234", "0123456789012", "abababababababab", "correctcorrect"] {
            assert!(is_easy(text), "{text}");
        }
        assert!(!is_easy("four unrelated words here"));
    }
}
