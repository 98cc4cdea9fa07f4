//! Labels and notes on certificates: the same limits wherever they are given.

use std::collections::BTreeMap;

use crate::Violation;

/// Labels: at most 32; keys 1 to 63 letters, digits, `.`, `_`, `-` or `/`, values at most 63 characters without
/// control characters.
#[must_use]
pub fn check_labels(pointer: &str, labels: &BTreeMap<String, String>) -> Vec<Violation> {
    let mut errors = Vec::new();
    if labels.len() > 32 {
        errors.push(Violation::at(
            pointer,
            "too_many_labels",
            format!("{} labels; at most 32", labels.len()),
        ));
    }
    for (key, value) in labels.iter().take(32) {
        let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        let key_is_fine = (1..=63).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'));
        if !key_is_fine {
            errors.push(Violation::at(
                &place,
                "label_key_not_allowed",
                "a label's key is 1 to 63 letters, digits, '.', '_', '-' or '/'",
            ));
        }
        if value.chars().count() > 63 || value.chars().any(char::is_control) {
            errors.push(Violation::at(
                &place,
                "label_value_not_allowed",
                "a label's value is at most 63 characters without control characters",
            ));
        }
    }
    errors
}

/// A text such as a note: at most `longest` characters; line breaks and tabs are its only control characters.
#[must_use]
pub fn check_text(pointer: &str, text: &str, longest: usize) -> Option<Violation> {
    let length = text.chars().count();
    (length > longest || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'))).then(|| {
        Violation::at(
            pointer,
            "invalid_text",
            format!("{length} characters; at most {longest}, without control characters except line breaks and tabs"),
        )
    })
}
