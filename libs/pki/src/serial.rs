//! Serial numbers (C-1).

use std::{fmt, str::FromStr};

/// The serial number of a certificate that we issue: 18 bytes, positive, 136 of its bits random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial([u8; 18]);

impl Serial {
    /// From one byte that is the issuing CA's choice and 17 random ones. The first is forced into 0x01–0x7f, so that
    /// the number is positive and always 18 bytes long (RFC 5280 §4.1.2.2).
    ///
    /// Uniqueness per issuing CA is for the log to enforce: on conflict, draw again.
    #[must_use]
    pub const fn new(mut fixed_and_random: [u8; 18]) -> Self {
        fixed_and_random[0] &= 0x7f;
        if fixed_and_random[0] == 0 {
            fixed_and_random[0] = 1;
        }
        Self(fixed_and_random)
    }

    /// Big-endian.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 18] {
        &self.0
    }
}

impl fmt::Display for Serial {
    /// Hexadecimal, lower case, 36 digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Not the text of a serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a serial number is 36 hexadecimal digits, the first two from 01 to 7f")]
pub struct SerialError;
impl FromStr for Serial {
    type Err = SerialError;
    fn from_str(text: &str) -> Result<Self, SerialError> {
        let mut bytes = [0; 18];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SerialError)?;
        if Self::new(bytes).0 == bytes { Ok(Self(bytes)) } else { Err(SerialError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_is_positive_and_never_zero() {
        for first in 0..=255_u8 {
            let serial = Serial::new([first; 18]);
            assert!((0x01..=0x7f).contains(&serial.as_bytes()[0]));
            assert_eq!(serial.as_bytes()[1..], [first; 17], "random bytes stay as they are");
            assert_eq!(serial.to_string().parse(), Ok(serial));
        }
        assert_eq!("80".repeat(18).parse::<Serial>(), Err(SerialError));
        assert_eq!("01".repeat(17).parse::<Serial>(), Err(SerialError));
    }
}
