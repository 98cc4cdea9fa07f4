//! A strict DER reader and a DER writer, as small as X.509 needs: one-byte tags, minimal definite lengths.

/// Tags, as the identifier octet stands in the encoding.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const TELETEX_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]` around or instead of a primitive type.
    pub(crate) const fn primitive(number: u8) -> u8 {
        0x80 | number
    }
    /// `[number]` around or instead of a constructed type.
    pub(crate) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// Why bytes are not the DER that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerError {
    /// The bytes end inside an element.
    #[error("the DER ends early")]
    Truncated,
    /// A length that DER does not allow: indefinite, or longer than needed.
    #[error("a length is not in DER form")]
    Length,
    /// Another element than expected.
    #[error("found tag {found:#04x} where {expected:#04x} belongs")]
    Tag {
        /// The identifier octet that belongs there.
        expected: u8,
        /// The one that is there.
        found: u8,
    },
    /// Bytes after the end.
    #[error("there are bytes after the end of the DER")]
    Trailing,
    /// A value its type does not allow.
    #[error("a {0} has an impossible value")]
    Value(&'static str),
    /// Nested deeper than any real file.
    #[error("the DER is nested too deeply")]
    Depth,
}

/// One element: tag, contents, and both with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    pub(crate) der: &'a [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(der: &'a [u8]) -> Self {
        Self { rest: der }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn next_is(&self, tag: u8) -> bool {
        self.rest.first() == Some(&tag)
    }

    /// The next element, whatever it is.
    pub(crate) fn element(&mut self) -> Result<Element<'a>, DerError> {
        let (&tag, after_tag) = self.rest.split_first().ok_or(DerError::Truncated)?;
        if tag & 0x1f == 0x1f {
            return Err(DerError::Value("tag"));
        }
        let (length, contents) = split_length(after_tag)?;
        let (value, rest) = contents.split_at_checked(length).ok_or(DerError::Truncated)?;
        let (der, _) = self.rest.split_at(self.rest.len() - rest.len());
        self.rest = rest;
        Ok(Element { tag, value, der })
    }

    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, DerError> {
        match self.rest.first() {
            None => Err(DerError::Truncated),
            Some(&found) if found != tag => Err(DerError::Tag { expected: tag, found }),
            Some(_) => self.element(),
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, DerError> {
        if self.next_is(tag) { self.element().map(Some) } else { Ok(None) }
    }

    /// Goes inside the next element, which has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Self, DerError> {
        self.expect(tag).map(|element| Self::new(element.value))
    }

    pub(crate) fn sequence(&mut self) -> Result<Self, DerError> {
        self.enter(tag::SEQUENCE)
    }

    /// A whole number of 0 or more: its bytes without a leading zero (empty for 0).
    pub(crate) fn unsigned(&mut self) -> Result<&'a [u8], DerError> {
        match integer(self.expect(tag::INTEGER)?.value)? {
            [0, rest @ ..] => Ok(rest),
            [first, ..] if *first >= 0x80 => Err(DerError::Value("whole number")),
            value => Ok(value),
        }
    }

    /// A whole number that fits.
    pub(crate) fn small(&mut self) -> Result<u32, DerError> {
        let bytes = self.unsigned()?;
        if bytes.len() > 4 {
            return Err(DerError::Value("whole number"));
        }
        Ok(bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, DerError> {
        match self.expect(tag::BOOLEAN)?.value {
            [0] => Ok(false),
            [0xff] => Ok(true),
            _ => Err(DerError::Value("boolean")),
        }
    }

    /// A bit string of whole octets.
    pub(crate) fn octets_in_bits(&mut self) -> Result<&'a [u8], DerError> {
        match self.expect(tag::BIT_STRING)?.value {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(DerError::Value("bit string")),
        }
    }

    pub(crate) fn finish(self) -> Result<(), DerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DerError::Trailing) }
    }
}

/// The bytes of an INTEGER, checked to be minimal.
pub(crate) fn integer(value: &[u8]) -> Result<&[u8], DerError> {
    match value {
        [] => Err(DerError::Value("whole number")),
        [0, next, ..] if *next < 0x80 => Err(DerError::Value("whole number")),
        [0xff, next, ..] if *next >= 0x80 => Err(DerError::Value("whole number")),
        value => Ok(value),
    }
}

fn split_length(bytes: &[u8]) -> Result<(usize, &[u8]), DerError> {
    let (&first, rest) = bytes.split_first().ok_or(DerError::Truncated)?;
    let count = match first {
        0..=0x7f => return Ok((usize::from(first), rest)),
        0x81..=0x84 => usize::from(first & 0x7f),
        _ => return Err(DerError::Length),
    };
    let (octets, rest) = rest.split_at_checked(count).ok_or(DerError::Truncated)?;
    let length = octets.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
    if length < 0x80 || octets.first() == Some(&0) {
        return Err(DerError::Length);
    }
    Ok((length, rest))
}

/// The one element that `der` is, with nothing after it.
pub(crate) fn whole(der: &[u8], tag: u8) -> Result<Element<'_>, DerError> {
    let mut reader = Reader::new(der);
    let element = reader.expect(tag)?;
    reader.finish()?;
    Ok(element)
}

/// Checks that every nested element is DER: lengths, booleans, integers, order within sets.
pub(crate) fn check(der: &[u8], depth: usize) -> Result<(), DerError> {
    let depth = depth.checked_sub(1).ok_or(DerError::Depth)?;
    let mut reader = Reader::new(der);
    while !reader.is_empty() {
        let element = reader.element()?;
        match element.tag {
            tag::BOOLEAN if !matches!(element.value, [0] | [0xff]) => return Err(DerError::Value("boolean")),
            tag::INTEGER => {
                integer(element.value)?;
            }
            tag::SET => check_order(element.value)?,
            _ => {}
        }
        if element.tag & 0x20 != 0 {
            check(element.value, depth)?;
        }
    }
    Ok(())
}

fn check_order(set: &[u8]) -> Result<(), DerError> {
    let mut reader = Reader::new(set);
    let mut before: &[u8] = &[];
    while !reader.is_empty() {
        let element = reader.element()?;
        if element.der < before {
            return Err(DerError::Value("set"));
        }
        before = element.der;
    }
    Ok(())
}

/// Writes elements one after the other.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// Adds DER as it is.
    pub(crate) fn raw(&mut self, der: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(der);
        self
    }

    /// Adds an element with these contents.
    pub(crate) fn put(&mut self, tag: u8, value: &[u8]) -> &mut Self {
        self.nest(tag, |inner| {
            inner.raw(value);
        })
    }

    /// Adds an element whose contents `fill` writes.
    pub(crate) fn nest(&mut self, tag: u8, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.bytes.extend_from_slice(&[tag, 0]);
        let start = self.bytes.len();
        fill(self);
        let length = self.bytes.len() - start;
        if length < 0x80 {
            self.bytes[start - 1] = length as u8;
        } else {
            let octets = length.to_be_bytes();
            let skip = (length.leading_zeros() / 8) as usize;
            self.bytes[start - 1] = 0x80 | (octets.len() - skip) as u8;
            self.bytes.splice(start..start, octets[skip..].iter().copied());
        }
        self
    }

    pub(crate) fn sequence(&mut self, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.nest(tag::SEQUENCE, fill)
    }

    /// A whole number.
    pub(crate) fn unsigned(&mut self, number: u32) -> &mut Self {
        let octets = [&[0][..], &number.to_be_bytes()].concat();
        // The shortest form: no zero in front but the one that keeps the number positive.
        let zeros = octets.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
        self.put(tag::INTEGER, &octets[zeros..])
    }

    pub(crate) fn oid(&mut self, oid: const_oid::ObjectIdentifier) -> &mut Self {
        self.put(tag::OID, oid.as_bytes())
    }

    /// A bit string of whole octets.
    pub(crate) fn octets_in_bits(&mut self, octets: &[u8]) -> &mut Self {
        self.nest(tag::BIT_STRING, |bits| {
            bits.raw(&[0]).raw(octets);
        })
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for (length, header) in
            [(0, vec![4, 0]), (127, vec![4, 127]), (128, vec![4, 0x81, 128]), (65536, vec![4, 0x83, 1, 0, 0])]
        {
            let mut writer = Writer::default();
            writer.put(tag::OCTET_STRING, &vec![7; length]);
            let der = writer.finish();
            assert_eq!(der[..header.len()], header);
            assert_eq!(whole(&der, tag::OCTET_STRING).unwrap().value.len(), length);
        }
    }

    #[test]
    fn only_der_is_read() {
        let element = |bytes: &[u8]| Reader::new(bytes).element().map(|e| e.value.to_vec());
        assert_eq!(element(&[0x30, 0x80, 0, 0]), Err(DerError::Length), "indefinite");
        assert_eq!(element(&[0x04, 0x81, 0x01, 9]), Err(DerError::Length), "longer than needed");
        assert_eq!(element(&[0x04, 0x02, 1]), Err(DerError::Truncated));
        assert_eq!(element(&[]), Err(DerError::Truncated));
        assert_eq!(whole(&[0x05, 0, 0], tag::NULL), Err(DerError::Trailing));
        assert_eq!(check(&[0x30, 3, 1, 1, 1], 32), Err(DerError::Value("boolean")));
        assert_eq!(check(&[0x31, 6, 2, 1, 2, 2, 1, 1], 32), Err(DerError::Value("set")));
        let deep = (0..40).fold(vec![], |inner, _| {
            let mut writer = Writer::default();
            writer.put(tag::SEQUENCE, &inner);
            writer.finish()
        });
        assert_eq!(check(&deep, 32), Err(DerError::Depth));
    }
}
