//! Checks of single fields, each a violation that says what was found and what is allowed.

use contracts::{Violation, directory::Details, id::is_name};
use runtime::config::is_support_address;
use unicode_normalization::UnicodeNormalization as _;

use crate::country::is_country;

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

/// Text for people: 1 to `most` characters, none of them a control character.
pub fn text(pointer: &str, value: &str, most: usize) -> Option<Violation> {
    let length = value.chars().count();
    (length == 0 || length > most || value.chars().any(char::is_control)).then(|| {
        Violation::at(
            pointer,
            "invalid_text",
            format!("'{}' is not allowed: 1 to {most} characters without control characters", shown(value)),
        )
    })
}

/// Description and address of an organization or a department.
pub fn details(details: &Details) -> impl Iterator<Item = Violation> {
    let single = [
        ("#/displayName", &details.display_name, 200),
        ("#/description", &details.description, 1_000),
        ("#/city", &details.city, 128),
        ("#/state", &details.state, 128),
        ("#/postalCode", &details.postal_code, 40),
    ];
    let single =
        single.map(|(pointer, value, most)| value.as_deref().and_then(|value| text(pointer, value, most)));
    let lines = details.address_lines.as_deref().unwrap_or_default();
    let many = (lines.len() > LINES).then(|| {
        let words = format!("{} lines: at most {LINES}", lines.len());
        Violation::at("#/addressLines", "too_many_lines", words)
    });
    let lines: Vec<_> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| text(&format!("#/addressLines/{at}"), line, 128))
        .collect();
    let country = details.country.as_deref().and_then(|value| country("#/country", value));
    let support = details.support_url.as_deref().and_then(support);
    single.into_iter().flatten().chain(many).chain(lines).chain(country).chain(support)
}

fn support(value: &str) -> Option<Violation> {
    (!is_support_address(value)).then(|| {
        let words = format!(
            "'{}' is not allowed: an address such as 'https://help.example.com' or 'mailto:help@example.com'",
            shown(value)
        );
        Violation::at("#/supportUrl", "invalid_url", words)
    })
}

/// Most lines of an address.
const LINES: usize = 4;

/// A country of ISO 3166-1, by its two capital letters.
pub fn country(pointer: &str, value: &str) -> Option<Violation> {
    (!is_country(value)).then(|| {
        Violation::at(
            pointer,
            "invalid_country",
            format!("'{}' is not a country: two capital letters of ISO 3166-1, such as 'CA'", shown(value)),
        )
    })
}

/// A sign-in name as it is kept and compared: NFKC, case-folded, trimmed.
pub fn sign_in_name(text: &str) -> String {
    let compatible: String = text.trim().nfkc().collect();
    // Folding may leave what is not in normal form, such as a dot above an i.
    caseless::default_case_fold_str(&compatible).nfkc().collect::<String>().trim().to_owned()
}

/// A sign-in name, in the form of [`sign_in_name`].
pub fn valid_sign_in_name(pointer: &str, value: &str) -> Option<Violation> {
    let length = value.chars().count();
    let strange = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+'));
    (!(1..=128).contains(&length) || value.chars().any(strange)).then(|| {
        Violation::at(
            pointer,
            "invalid_sign_in_name",
            format!(
                "'{}' is not a sign-in name: 1 to 128 letters, digits, '.', '-', '_', '@' or '+'",
                shown(value)
            ),
        )
    })
}

/// An e-mail address, roughly: something, `@`, a domain.
pub fn email(pointer: &str, value: &str) -> Option<Violation> {
    let fits = value.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
    });
    let strange = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"');
    let refused = !fits || value.len() > 254 || value.matches('@').count() != 1 || value.chars().any(strange);
    refused.then(|| {
        let words = format!("'{}' is not an e-mail address such as 'alice@example.com'", shown(value));
        Violation::at(pointer, "invalid_email", words)
    })
}

/// A value as it may be repeated in an answer: short and without control characters (P-3).
pub fn shown(value: &str) -> String {
    value.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case folding: Unicode Standard 3.13, R4; the compatible forms are those of UAX #15.
    #[test]
    fn sign_in_names_that_look_the_same_are_the_same() {
        for (written, kept) in [
            ("  Alice ", "alice"),
            ("ＡＬＩＣＥ", "alice"),
            ("STRASSE", "strasse"),
            ("straße", "strasse"),
            ("ﬁn@example.com", "fin@example.com"),
            ("Σίσυφος", "σίσυφοσ"),
        ] {
            assert_eq!(sign_in_name(written), kept);
            assert_eq!(sign_in_name(kept), kept);
            assert_eq!(valid_sign_in_name("#/name", kept), None, "{kept}");
        }
        for refused in ["", "a b", "a\u{202e}b", "a/b", &"x".repeat(129)] {
            assert!(valid_sign_in_name("#/name", &sign_in_name(refused)).is_some(), "{refused}");
        }
    }

    #[test]
    fn an_address_is_told_apart_from_what_is_none() {
        assert_eq!(email("#/email", "alice+ca@mail.example.com"), None);
        for refused in
            ["alice", "@example.com", "a@b", "a@b@example.com", "a b@example.com", "<a@example.com>"]
        {
            assert!(email("#/email", refused).is_some(), "{refused}");
        }
    }

    #[test]
    fn every_wrong_line_of_an_address_is_named() {
        let wrong = Details {
            address_lines: Some(vec!["1 Main St".into(), "\u{7}".into(), "".into(), "a".into(), "b".into()]),
            country: Some("UK".into()),
            ..Details::default()
        };
        let pointers: Vec<_> = details(&wrong).map(|violation| violation.pointer.unwrap()).collect();
        assert_eq!(pointers, ["#/addressLines", "#/addressLines/1", "#/addressLines/2", "#/country"]);
    }
}
