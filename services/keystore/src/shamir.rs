//! Shamir's secret sharing (Communications of the ACM 22, 1979), byte by byte over GF(2^8): so many shares give the secret, and
//! fewer tell nothing about it.
//!
//! The field is that of AES (x^8 + x^4 + x^3 + x + 1). Its arithmetic has no tables and no branch on a secret, so that neither
//! caches nor time tell one (K-3). Where a share stands, its `x`, is public.

use std::hint::black_box;

use runtime::entropy::Entropy;
use zeroize::Zeroizing;

use crate::{SecretBytes, wrapping::KEY};

/// A share: the polynomials of all bytes at one place.
#[derive(Debug, PartialEq, Eq)]
pub struct Share {
    /// The place: 1 to 255.
    pub x: u8,
    /// The values there, as many as the secret has bytes.
    pub y: SecretBytes,
}

/// Splits a secret into `of` shares of which `needed` give it back; 1 ≤ `needed` ≤ `of`.
pub fn split(secret: &[u8; KEY], needed: u8, of: u8, entropy: &dyn Entropy) -> Vec<Share> {
    // The secret, then what is drawn: the coefficients of x^0, x^1, …, a row for all bytes each.
    let mut coefficients = vec![Zeroizing::new(*secret)];
    for _ in 1..needed {
        let mut row = Zeroizing::new([0; KEY]);
        entropy.fill(&mut *row);
        coefficients.push(row);
    }
    let share = |x| {
        let mut y = Zeroizing::new([0; KEY]);
        for row in coefficients.iter().rev() {
            y.iter_mut().zip(row.iter()).for_each(|(y, coefficient)| *y = multiply(*y, x) ^ coefficient);
        }
        Share { x, y: SecretBytes::copy_of(&*y) }
    };
    (1..=of).map(share).collect()
}

/// The secret that these shares give: what the polynomials are at zero. With too few shares, or with shares of different
/// secrets, it is another one; `None` where two stand at one place, or are no shares.
#[must_use]
pub fn combine(shares: &[&Share]) -> Option<SecretBytes> {
    let mut secret = Zeroizing::new([0; KEY]);
    for (at, share) in shares.iter().enumerate() {
        let others =
            || shares.iter().enumerate().filter(move |(other, _)| *other != at).map(|(_, other)| other.x);
        if share.x == 0 || share.y.expose().len() != KEY || others().any(|x| x == share.x) {
            return None;
        }
        // Lagrange at zero: the product of x' / (x' - x), where subtraction is exclusive or.
        let weight = others().fold(1, |weight, x| multiply(weight, multiply(x, invert(x ^ share.x))));
        let values = share.y.expose().iter();
        secret.iter_mut().zip(values).for_each(|(secret, y)| *secret ^= multiply(weight, *y));
    }
    Some(SecretBytes::copy_of(&*secret))
}

/// The product: for each bit of `b` what `a` is by then, all of them taken, masked.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= a & black_box(0_u8.wrapping_sub(b & 1));
        let overflow = black_box(0_u8.wrapping_sub(a >> 7));
        a = (a << 1) ^ (0x1b & overflow);
        b >>= 1;
    }
    product
}

/// The inverse, a^254; of zero, zero.
fn invert(a: u8) -> u8 {
    let (mut power, mut inverse) = (a, 1);
    for _ in 0..7 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    inverse
}

#[cfg(test)]
mod tests;
