//! BER to DER, as far as files need it: indefinite and overlong lengths, octet strings in pieces (X.690 §8).
//!
//! What is DER comes back as it is, byte for byte, so that signatures go on to verify.

use std::borrow::Cow;

use crate::asn1::DerError;

/// Nested deeper than any real file.
const MAX_DEPTH: usize = 32;

const OCTET_STRING: u8 = 0x04;
const OCTET_STRING_IN_PIECES: u8 = 0x24;

/// The first structure of `bytes` in DER; what follows it is left out.
///
/// Errors: when it is no BER, ends early, or is nested too deeply.
pub(super) fn to_der(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DerError> {
    let is_der = !has_ber(&mut Cursor(bytes), MAX_DEPTH)?;
    if is_der {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut out = Vec::with_capacity(bytes.len());
    convert(&mut Cursor(bytes), &mut out, MAX_DEPTH)?;
    Ok(Cow::Owned(out))
}

struct Cursor<'a>(&'a [u8]);

struct Header<'a> {
    /// The identifier octets.
    tag: &'a [u8],
    /// `None`: up to the end-of-contents octets.
    length: Option<usize>,
    /// Whether the length stands in its shortest form.
    is_shortest: bool,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], DerError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(DerError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn header(&mut self) -> Result<Header<'a>, DerError> {
        let start = self.0;
        let mut tag_length = 1;
        if self.take(1)?[0] & 0x1f == 0x1f {
            loop {
                tag_length += 1;
                if self.take(1)?[0] < 0x80 {
                    break;
                }
                if tag_length > 5 {
                    return Err(DerError::Value("tag"));
                }
            }
        }
        let tag = &start[..tag_length];
        let first = self.take(1)?[0];
        let (length, is_shortest) = match first {
            0x80 => (None, true),
            0..=0x7f => (Some(usize::from(first)), true),
            0x81..=0x88 => {
                let octets = self.take(usize::from(first & 0x7f))?;
                let length = octets
                    .iter()
                    .try_fold(0_usize, |n, byte| n.checked_mul(256)?.checked_add(usize::from(*byte)));
                let length = length.ok_or(DerError::Truncated)?;
                (Some(length), length >= 0x80 && octets[0] != 0)
            }
            _ => return Err(DerError::Length),
        };
        Ok(Header { tag, length, is_shortest })
    }

    fn at_end_of_contents(&mut self) -> bool {
        match self.0.strip_prefix(&[0, 0]) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }
}

impl Header<'_> {
    const fn is_constructed(&self) -> bool {
        self.tag[0] & 0x20 != 0
    }

    fn is_pieces(&self) -> bool {
        self.tag == [OCTET_STRING_IN_PIECES]
    }
}

/// Whether the first element has anything that DER has not.
fn has_ber(cursor: &mut Cursor<'_>, depth: usize) -> Result<bool, DerError> {
    let depth = depth.checked_sub(1).ok_or(DerError::Depth)?;
    let header = cursor.header()?;
    let Some(length) = header.length else { return Ok(true) };
    let mut inner = Cursor(cursor.take(length)?);
    if !header.is_shortest || header.is_pieces() {
        return Ok(true);
    }
    if header.is_constructed() {
        while !inner.0.is_empty() {
            if has_ber(&mut inner, depth)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Writes the first element as DER.
fn convert(cursor: &mut Cursor<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), DerError> {
    let depth = depth.checked_sub(1).ok_or(DerError::Depth)?;
    let header = cursor.header()?;
    if header.is_pieces() {
        let mut octets = vec![];
        each(cursor, &header, &mut |inner| pieces(inner, &mut octets, depth))?;
        return put(out, &[OCTET_STRING], &octets);
    }
    if !header.is_constructed() {
        let length = header.length.ok_or(DerError::Length)?;
        return put(out, header.tag, cursor.take(length)?);
    }
    let mut contents = vec![];
    each(cursor, &header, &mut |inner| convert(inner, &mut contents, depth))?;
    put(out, header.tag, &contents)
}

/// Joins the pieces of an octet string, which may be in pieces themselves.
fn pieces(cursor: &mut Cursor<'_>, octets: &mut Vec<u8>, depth: usize) -> Result<(), DerError> {
    let depth = depth.checked_sub(1).ok_or(DerError::Depth)?;
    let header = cursor.header()?;
    if header.is_pieces() {
        return each(cursor, &header, &mut |inner| pieces(inner, octets, depth));
    }
    match (header.tag, header.length) {
        ([OCTET_STRING], Some(length)) => octets.extend_from_slice(cursor.take(length)?),
        (tag, _) => return Err(DerError::Tag { expected: OCTET_STRING, found: tag[0] }),
    }
    Ok(())
}

/// Does `act` to each element within.
fn each<'a>(
    cursor: &mut Cursor<'a>,
    header: &Header<'a>,
    act: &mut dyn FnMut(&mut Cursor<'a>) -> Result<(), DerError>,
) -> Result<(), DerError> {
    match header.length {
        Some(length) => {
            let mut inner = Cursor(cursor.take(length)?);
            while !inner.0.is_empty() {
                act(&mut inner)?;
            }
        }
        None => {
            while !cursor.at_end_of_contents() {
                act(cursor)?;
            }
        }
    }
    Ok(())
}

fn put(out: &mut Vec<u8>, tag: &[u8], contents: &[u8]) -> Result<(), DerError> {
    out.extend_from_slice(tag);
    match contents.len() {
        length @ 0..=0x7f => out.push(length as u8),
        length => {
            let octets = length.to_be_bytes();
            let skip = (length.leading_zeros() / 8) as usize;
            out.push(0x80 | (octets.len() - skip) as u8);
            out.extend_from_slice(&octets[skip..]);
        }
    }
    out.extend_from_slice(contents);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_stays_as_it_is() {
        let der = [0x30, 6, 2, 1, 5, 4, 1, 9];
        assert!(matches!(to_der(&der), Ok(Cow::Borrowed(same)) if same == der));
    }

    #[test]
    fn lengths_and_pieces_become_der() {
        let indefinite = [0x30, 0x80, 0x24, 0x80, 4, 1, 1, 4, 2, 2, 3, 0, 0, 2, 0x81, 1, 5, 0, 0];
        assert_eq!(to_der(&indefinite).unwrap(), &[0x30, 8, 4, 3, 1, 2, 3, 2, 1, 5][..]);
    }

    #[test]
    fn what_is_no_ber_is_refused() {
        assert_eq!(to_der(&[0x30, 0x80, 2, 1, 5]), Err(DerError::Truncated));
        assert_eq!(to_der(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), Err(DerError::Truncated));
        assert_eq!(
            to_der(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
            Err(DerError::Truncated)
        );
        assert_eq!(to_der(&[0x30, 0xff, 1]), Err(DerError::Length));
        let deep: Vec<u8> = [0x30, 0x80].repeat(100);
        assert_eq!(to_der(&deep), Err(DerError::Depth));
    }
}
