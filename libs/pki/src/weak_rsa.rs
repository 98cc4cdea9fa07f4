//! RSA moduli that can be factored without effort.

use num_bigint::BigUint;

/// How a modulus gives itself away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakModulus {
    /// A prime below 752 divides it.
    #[error("{0} divides the modulus")]
    SmallFactor(u32),
    /// The fingerprint of keys made by the flawed library of CVE-2017-15361.
    #[error("the modulus has the fingerprint of ROCA (CVE-2017-15361)")]
    Roca,
    /// Fermat's method finds the factors at once: they are too close to each other.
    #[error("the two factors of the modulus are too close to each other")]
    CloseFactors,
}

/// Checks a modulus, big-endian.
///
/// The three checks are those of the CA/Browser Forum's Baseline Requirements, 6.1.1.3 and 6.1.6: trial division up
/// to 752, ROCA, and at least 100 rounds of Fermat's method (110 here).
pub fn check(modulus: &[u8]) -> Result<(), WeakModulus> {
    if let Some(factor) = small_primes().find(|prime| remainder(modulus, *prime) == 0) {
        return Err(WeakModulus::SmallFactor(factor));
    }
    if is_roca(modulus) {
        return Err(WeakModulus::Roca);
    }
    if factors_are_close(modulus) { Err(WeakModulus::CloseFactors) } else { Ok(()) }
}

fn small_primes() -> impl Iterator<Item = u32> {
    (2_u32..752).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0))
}

fn remainder(modulus: &[u8], divisor: u32) -> u32 {
    let divisor = u64::from(divisor);
    let chunks = modulus.rchunks(4).rev();
    chunks.fold(0_u64, |r, chunk| {
        let value = chunk.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        ((r << (8 * chunk.len())) | value) % divisor
    }) as u32
}

/// Such moduli are powers of 65537 modulo every small prime. A sound modulus passes as one by chance with about
/// 2⁻²⁷ for these primes together.
fn is_roca(modulus: &[u8]) -> bool {
    const MARKERS: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    MARKERS.iter().all(|prime| {
        let residue = remainder(modulus, *prime);
        let generator = 65537 % prime;
        let mut power = 1;
        for _ in 0..*prime {
            if power == residue {
                return true;
            }
            power = power * generator % prime;
        }
        false
    })
}

fn factors_are_close(modulus: &[u8]) -> bool {
    let n = BigUint::from_bytes_be(modulus);
    let mut a = n.sqrt();
    if &a * &a < n {
        a += 1_u8;
    }
    let mut difference = &a * &a - &n;
    for _ in 0..110 {
        // A square ends in 0, 1, 4 or 9 in base 16: most candidates need no root.
        let low = difference.iter_u32_digits().next().unwrap_or(0) & 15;
        if matches!(low, 0 | 1 | 4 | 9) {
            let root = difference.sqrt();
            if &root * &root == difference {
                return true;
            }
        }
        difference += &a * 2_u8 + 1_u8;
        a += 1_u8;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> BigUint {
        BigUint::parse_bytes(text.as_bytes(), 10).unwrap()
    }

    #[test]
    fn a_modulus_with_a_small_factor_is_found() {
        let prime = (BigUint::from(1_u8) << 521_u32) - 1_u8; // a Mersenne prime
        for factor in [2_u32, 3, 743, 751] {
            let modulus = (&prime * factor).to_bytes_be();
            assert_eq!(check(&modulus), Err(WeakModulus::SmallFactor(factor)));
        }
        assert_eq!(small_primes().last(), Some(751));
        assert_eq!(small_primes().count(), 133);
    }

    #[test]
    fn close_factors_are_found_and_distant_ones_are_not() {
        // 2^89 − 1 and 2^107 − 1 are primes far apart; p and its neighbours are close.
        let distant = ((BigUint::from(1_u8) << 89_u32) - 1_u8) * ((BigUint::from(1_u8) << 107_u32) - 1_u8);
        assert_eq!(check(&distant.to_bytes_be()), Ok(()));
        let p = number("170141183460469231731687303715884105727"); // 2^127 − 1
        for gap in [0_u32, 2, 1000] {
            let modulus = &p * (&p + gap);
            assert!(factors_are_close(&modulus.to_bytes_be()), "{gap}");
        }
    }

    #[test]
    fn a_power_of_65537_has_the_roca_fingerprint() {
        // Of the form k·M + 65537^a mod M for the primorial M of the markers' primes, as the flawed library made them.
        let primorial = small_primes().take(39).fold(BigUint::from(1_u8), |m, p| m * p);
        let modulus = BigUint::from(65537_u32).modpow(&number("123456789"), &primorial)
            + &primorial * number("987654321");
        assert!(is_roca(&modulus.to_bytes_be()));
        assert!(!is_roca(&(modulus + 2_u8).to_bytes_be()));
    }
}
