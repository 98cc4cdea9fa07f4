//! Cursors: where a page ended. Opaque, and bound to the list, its filters and its order.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::{Code, Problem, Violation};
use sha2::{Digest, Sha256};

/// What a cursor belongs to: a hash of the list, its filters and its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding([u8; 8]);

impl Binding {
    /// The binding of a list with these parameters, whatever their order.
    #[must_use]
    pub fn of<'a>(list: &str, parameters: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut parameters: Vec<_> = parameters.collect();
        parameters.sort_unstable();
        let mut hash = Sha256::new();
        for text in
            std::iter::once(list).chain(parameters.into_iter().flat_map(|(name, value)| [name, value]))
        {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        let mut binding = [0; 8];
        binding.copy_from_slice(&hash.finalize()[..8]);
        Self(binding)
    }
}

/// Writes the cursor of the row whose sort values are `values`.
#[must_use]
pub fn write(binding: Binding, values: &[String]) -> String {
    let mut bytes = binding.0.to_vec();
    // A list of texts always is JSON.
    bytes.extend(serde_json::to_vec(values).unwrap_or_default());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor of this list with `count` sort values. Errors: `invalid_cursor`.
pub fn read(text: &str, binding: Binding, count: usize) -> Result<Vec<String>, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    let values = bytes.strip_prefix(&binding.0[..]).ok_or_else(refused)?;
    let values: Vec<String> = serde_json::from_slice(values).map_err(|_| refused())?;
    if values.len() == count { Ok(values) } else { Err(refused()) }
}

/// The problem of a cursor that is not one of this list.
#[must_use]
pub fn refused() -> Problem {
    Problem::new(
        Code::InvalidCursor,
        "the cursor does not belong to this list with these filters and this order",
    )
    .with_errors(vec![Violation::in_parameter(
        "cursor",
        "invalid_cursor",
        "take it from nextCursor of the page before, and keep the other parameters as they were",
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(status: &str, sort: &str) -> Binding {
        Binding::of("certificate", [("status", status), ("sort", sort)].into_iter())
    }

    #[test]
    fn a_cursor_reads_back_with_the_same_filter_and_sort_only() {
        let values = vec!["2027-01-01T00:00:00Z".to_owned(), "01890a5d".to_owned()];
        let cursor = write(binding("active", "-notAfter"), &values);
        assert_eq!(read(&cursor, binding("active", "-notAfter"), 2), Ok(values));
        for other in [binding("expired", "-notAfter"), binding("active", "notAfter")] {
            assert_eq!(read(&cursor, other, 2).unwrap_err().code, Code::InvalidCursor);
        }
        assert_eq!(read(&cursor, binding("active", "-notAfter"), 3).unwrap_err().code, Code::InvalidCursor);
    }

    #[test]
    fn the_order_of_parameters_does_not_matter_but_their_borders_do() {
        let swapped = Binding::of("certificate", [("sort", "-notAfter"), ("status", "active")].into_iter());
        assert_eq!(swapped, binding("active", "-notAfter"));
        let shifted = Binding::of("certificate", [("statusa", "ctive"), ("sort", "-notAfter")].into_iter());
        assert_ne!(shifted, binding("active", "-notAfter"));
    }

    #[test]
    fn nonsense_is_an_invalid_cursor() {
        for text in ["", "!", "AAAA", &"A".repeat(5_000), "\u{e9}"] {
            assert_eq!(read(text, binding("a", "b"), 2).unwrap_err().code, Code::InvalidCursor, "{text}");
        }
    }
}
