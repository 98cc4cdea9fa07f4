//! Checks of single fields, each a violation that says what was found and what is allowed.

use contracts::{Violation, id::is_name};

/// A unique name.
pub fn name(pointer: &str, value: &str) -> Option<Violation> {
    (!is_name(value)).then(|| {
        Violation::at(
            pointer,
            "invalid_name",
            format!(
                "'{}' is not a name: 1 to 63 lower-case letters, digits, '-', '_' or '.', beginning with a letter or digit",
                shown(value)
            ),
        )
    })
}

/// Text for people: 1 to 200 characters, none of them a control character.
pub fn text(pointer: &str, value: &str) -> Option<Violation> {
    let length = value.chars().count();
    (length == 0 || length > 200 || value.chars().any(char::is_control)).then(|| {
        Violation::at(
            pointer,
            "invalid_text",
            format!("'{}' is not allowed: 1 to 200 characters without control characters", shown(value)),
        )
    })
}

/// A country: two capital letters (ISO 3166-1 alpha-2).
pub fn country(pointer: &str, value: &str) -> Option<Violation> {
    (value.len() != 2 || !value.bytes().all(|b| b.is_ascii_uppercase())).then(|| {
        Violation::at(
            pointer,
            "invalid_country",
            format!("'{}' is not a country: two capital letters (ISO 3166-1), such as 'CA'", shown(value)),
        )
    })
}

/// A value as it may be repeated in an answer: short and without control characters (P-3).
fn shown(value: &str) -> String {
    value.chars().take(64).flat_map(char::escape_debug).collect()
}
