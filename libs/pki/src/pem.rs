//! PEM (RFC 7468): read as people paste it, written one way.
//!
//! Reading takes LF, CRLF, the two characters `\n`, text around the blocks, base64 without any armour, and plain
//! DER. Writing gives 64 columns, LF, and a newline at the end.

use base64::{Engine, engine::general_purpose::STANDARD};

/// One block: its label and the bytes inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Such as `CERTIFICATE`; `None` for bytes that came without armour.
    pub label: Option<String>,
    /// The bytes, usually DER.
    pub der: Vec<u8>,
}

/// Why a text has no bytes in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// Neither PEM nor base64 nor DER.
    #[error("the text is neither PEM, base64 nor DER")]
    NotPem,
    /// A block without its `-----END …-----`.
    #[error("the footer '-----END {label}-----' is missing")]
    NoFooter {
        /// The label of its header.
        label: String,
    },
    /// Base64 that stops in the middle of a group of four.
    #[error("the base64 is cut off")]
    Truncated,
    /// A character that base64 does not have.
    #[error("the base64 has a character that does not belong there")]
    Base64,
}

/// Every block of a text or DER file, in order; at least one.
///
/// Errors: see [`PemError`]; a single bad block makes the whole text bad.
pub fn read(input: &[u8]) -> Result<Vec<Block>, PemError> {
    if input.iter().all(u8::is_ascii_whitespace) {
        return Err(PemError::Empty);
    }
    if looks_like_der(input) {
        return Ok(vec![Block { label: None, der: input.to_vec() }]);
    }
    let text = std::str::from_utf8(input).map_err(|_| PemError::NotPem)?;
    let text = text.trim_start_matches('\u{feff}').replace("\\r", "").replace("\\n", "\n");
    if text.trim().is_empty() {
        return Err(PemError::Empty);
    }
    let blocks = armoured(&text)?;
    if !blocks.is_empty() {
        return Ok(blocks);
    }
    // A lone footer, or base64 without armour.
    if text.contains("-----") {
        return Err(PemError::NotPem);
    }
    match decode(&text) {
        Ok(der) if der.first() == Some(&crate::asn1::tag::SEQUENCE) => Ok(vec![Block { label: None, der }]),
        Err(PemError::Truncated) if text.trim_start().starts_with('M') => Err(PemError::Truncated),
        _ => Err(PemError::NotPem),
    }
}

/// PEM of `der` under `label`.
#[must_use]
pub fn write(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40);
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

/// PEM of a certificate.
#[must_use]
pub fn certificate(der: &[u8]) -> String {
    write("CERTIFICATE", der)
}

/// A SEQUENCE's header; no text that is PEM or base64 of DER begins so.
fn looks_like_der(input: &[u8]) -> bool {
    matches!(input, [0x30, length, ..] if *length >= 0x80 || usize::from(*length) + 2 == input.len())
}

fn armoured(text: &str) -> Result<Vec<Block>, PemError> {
    const BEGIN: &str = "-----BEGIN ";
    let mut blocks = vec![];
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let Some((label, body)) = after.split_once("-----") else { return Err(PemError::NotPem) };
        if label.len() > 64 || label.contains('\n') {
            return Err(PemError::NotPem);
        }
        let footer = format!("-----END {label}-----");
        let Some((body, after)) = body.split_once(&footer) else {
            return Err(PemError::NoFooter { label: label.to_owned() });
        };
        if body.contains(BEGIN) {
            return Err(PemError::NoFooter { label: label.to_owned() });
        }
        blocks.push(Block { label: Some(label.to_owned()), der: decode(body)? });
        rest = after;
    }
    Ok(blocks)
}

fn decode(body: &str) -> Result<Vec<u8>, PemError> {
    let compact: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    if !compact.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
        return Err(PemError::Base64);
    }
    if compact.is_empty() || !compact.len().is_multiple_of(4) {
        return Err(PemError::Truncated);
    }
    STANDARD.decode(compact).map_err(|_| PemError::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DER: &[u8] = &[0x30, 3, 2, 1, 5];
    const PEM: &str = "-----BEGIN THING-----\nMAMCAQU=\n-----END THING-----\n";

    fn one(input: &str) -> Vec<u8> {
        let blocks = read(input.as_bytes()).unwrap();
        assert_eq!(blocks.len(), 1);
        blocks[0].der.clone()
    }

    #[test]
    fn writing_and_reading_agree() {
        assert_eq!(write("THING", DER), PEM);
        let long: Vec<u8> = (0..=255).collect();
        let text = write("THING", &long);
        assert!(text.lines().all(|line| line.len() <= 64) && text.ends_with("-----\n"));
        assert_eq!(one(&text), long);
    }

    #[test]
    fn every_way_people_paste_is_read() {
        assert_eq!(one(&PEM.replace('\n', "\r\n")), DER);
        assert_eq!(one(&PEM.replace('\n', "\\n")), DER);
        assert_eq!(one(&PEM.replace('\n', "\\r\\n")), DER);
        assert_eq!(one(&format!("Certificate Request:\n    Data:\n{PEM}thanks, Alice")), DER);
        assert_eq!(one(&PEM.replace("MAMC", "  MAMC\n")), DER);
        assert_eq!(one("MAMCAQU="), DER);
        assert_eq!(one("MAMC\r\nAQU=\r\n"), DER);
        assert_eq!(read(DER).unwrap(), vec![Block { label: None, der: DER.to_vec() }]);
        assert_eq!(read(PEM.repeat(2).as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn each_fault_has_its_name() {
        for (input, error) in [
            ("", PemError::Empty),
            (" \r\n\t", PemError::Empty),
            ("\\n\\n", PemError::Empty),
            ("hello", PemError::NotPem),
            ("MAMCAQ", PemError::Truncated),
            ("-----BEGIN THING-----\nMAMCAQU=\n", PemError::NoFooter { label: "THING".into() }),
            (
                "-----BEGIN THING-----\nMAMCAQU=\n-----END OTHER-----",
                PemError::NoFooter { label: "THING".into() },
            ),
            ("-----BEGIN THING-----\nMAMCAQ\n-----END THING-----", PemError::Truncated),
            ("-----BEGIN THING-----\nMAM!AQU=\n-----END THING-----", PemError::Base64),
            ("-----END THING-----", PemError::NotPem),
        ] {
            assert_eq!(read(input.as_bytes()), Err(error), "{input:?}");
        }
        assert_eq!(read(&[0xff, 0xfe, 0x00]), Err(PemError::NotPem));
    }
}
