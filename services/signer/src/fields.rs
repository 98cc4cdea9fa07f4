//! Checks of single fields, each a violation that says what was found and what is allowed.

use contracts::{Code, Problem, Violation, id::is_name, labels::check_text};

/// Refuses what is not a name at `#/name`. Errors: `validation_failed`.
pub fn valid_name(value: &str) -> Result<(), Problem> {
    match name(value) {
        None => Ok(()),
        Some(violation) => {
            Err(Problem::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![violation]))
        }
    }
}

/// A unique name at `#/name`.
#[must_use]
pub fn name(value: &str) -> Option<Violation> {
    (!is_name(value)).then(|| {
        Violation::at(
            "#/name",
            "invalid_name",
            format!(
                "'{}' is not a name: 1 to 63 lower-case letters, digits, '-', '_' or '.', beginning with a letter or digit",
                shown(value)
            ),
        )
    })
}

/// A reason at `#/reason`: 1 to 1,000 characters.
#[must_use]
pub fn reason(value: &str) -> Option<Violation> {
    if value.trim().is_empty() {
        return Some(Violation::at(
            "#/reason",
            "missing_reason",
            "a reason is needed: 1 to 1,000 characters",
        ));
    }
    check_text("#/reason", value, 1_000)
}

/// A value as it may be repeated in an answer: short and without control characters (P-3).
#[must_use]
pub fn shown(value: &str) -> String {
    value.chars().take(64).flat_map(char::escape_debug).collect()
}
