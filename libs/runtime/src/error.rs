//! Errors in words.

use std::error::Error;

/// An error and its causes, joined by `: `; what an operator reads.
#[must_use]
pub fn words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors print their cause themselves.
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}
