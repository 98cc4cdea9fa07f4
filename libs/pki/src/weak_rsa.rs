//! RSA moduli that can be factored without effort.

mod known_factors;

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
    /// A prime that other keys share, or one below 65,536, divides it.
    #[error("the modulus shares a factor with other keys, or has a small one")]
    SharedFactor,
    /// Fermat's method finds the factors at once: they are too close to each other.
    #[error("the two factors of the modulus are too close to each other")]
    CloseFactors,
}

/// Checks a modulus, big-endian.
///
/// Three of the checks are those of the CA/Browser Forum's Baseline Requirements, 6.1.1.3 and 6.1.6: trial division up
/// to 752, ROCA, and at least 100 rounds of Fermat's method (110 here). The fourth looks for factors that are known from
/// other keys.
pub fn check(modulus: &[u8]) -> Result<(), WeakModulus> {
    let residues = residues(modulus);
    if let Some((prime, _)) = residues.iter().find(|(_, residue)| *residue == 0) {
        return Err(WeakModulus::SmallFactor(*prime));
    }
    if is_roca(&residues) {
        return Err(WeakModulus::Roca);
    }
    let n = BigUint::from_bytes_be(modulus);
    if known_factors::divide(&n) {
        return Err(WeakModulus::SharedFactor);
    }
    if factors_are_close(&n) { Err(WeakModulus::CloseFactors) } else { Ok(()) }
}

/// The primes below 752.
const PRIMES: [u32; 133] = {
    let mut primes = [0; 133];
    let (mut found, mut candidate) = (0, 2);
    while found < primes.len() {
        let (mut i, mut prime) = (0, true);
        while i < found && primes[i] * primes[i] <= candidate {
            prime = prime && candidate % primes[i] != 0;
            i += 1;
        }
        if prime {
            primes[found] = candidate;
            found += 1;
        }
        candidate += 1;
    }
    primes
};

/// Each prime with what it leaves of the modulus. The modulus is divided by products of primes, as many as fit into
/// 32 bits, since it is what is long.
fn residues(modulus: &[u8]) -> Vec<(u32, u32)> {
    let mut residues = Vec::with_capacity(PRIMES.len());
    let mut rest = &PRIMES[..];
    while !rest.is_empty() {
        let (mut product, mut count) = (1_u32, 0);
        while let Some(larger) = rest.get(count).and_then(|prime| product.checked_mul(*prime)) {
            product = larger;
            count += 1;
        }
        let left = remainder(modulus, product);
        let (group, after) = rest.split_at(count);
        residues.extend(group.iter().map(|prime| (*prime, left % prime)));
        rest = after;
    }
    residues
}

fn remainder(modulus: &[u8], divisor: u32) -> u32 {
    let divisor = u64::from(divisor);
    let first = modulus.len() % 4;
    let (head, words) = modulus.split_at(first);
    let start = head.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    let (words, _) = words.as_chunks::<4>();
    words
        .iter()
        .fold(start % divisor, |left, word| (left << 32 | u64::from(u32::from_be_bytes(*word))) % divisor)
        as u32
}

/// Such moduli are powers of 65537 modulo every small prime. A sound modulus passes for one by chance with about
/// 2⁻²⁷ for these primes together.
fn is_roca(residues: &[(u32, u32)]) -> bool {
    const MARKERS: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    residues.iter().filter(|(prime, _)| MARKERS.contains(prime)).all(|(prime, residue)| {
        let powers = std::iter::successors(Some(1), |power| Some(power * (65537 % prime) % prime));
        powers.take(*prime as usize).any(|power| power == *residue)
    })
}

fn factors_are_close(n: &BigUint) -> bool {
    let mut a = n.sqrt();
    if &a * &a < *n {
        a += 1_u8;
    }
    let mut difference = &a * &a - n;
    for _ in 0..110 {
        if may_be_square(&difference) {
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

/// Whether a number is a square modulo 64, 63, 65 and 11, which spares 99 of 100 others the long root.
fn may_be_square(n: &BigUint) -> bool {
    let is_residue = |n: u32, modulus: u32| (0..modulus).any(|root| root * root % modulus == n % modulus);
    let first_digit = |n: &BigUint| n.iter_u32_digits().next().unwrap_or(0);
    is_residue(first_digit(n), 64) && {
        let rest = first_digit(&(n % (63_u32 * 65 * 11)));
        [63, 65, 11].iter().all(|modulus| is_residue(rest, *modulus))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> BigUint {
        BigUint::parse_bytes(text.as_bytes(), 10).unwrap()
    }

    #[test]
    fn residues_are_those_of_big_number_division() {
        for length in [1, 2, 3, 4, 5, 255, 256] {
            let modulus: Vec<u8> = (0..length).map(|i| (i * 37 + 211) as u8).collect();
            let n = BigUint::from_bytes_be(&modulus);
            for (prime, residue) in residues(&modulus) {
                assert_eq!(BigUint::from(residue), &n % prime);
            }
        }
    }

    #[test]
    fn a_modulus_with_a_small_factor_is_found() {
        let prime = (BigUint::from(1_u8) << 521_u32) - 1_u8; // a Mersenne prime
        for factor in [2_u32, 3, 743, 751] {
            let modulus = (&prime * factor).to_bytes_be();
            assert_eq!(check(&modulus), Err(WeakModulus::SmallFactor(factor)));
        }
        assert_eq!((PRIMES[0], PRIMES[1], PRIMES[132]), (2, 3, 751));
    }

    #[test]
    fn every_square_may_be_one_and_few_others() {
        assert!((0..2000_u32).all(|root| may_be_square(&(BigUint::from(root) * root))));
        assert!((0..100_000_u32).filter(|n| may_be_square(&BigUint::from(*n))).count() < 1_500);
    }

    #[test]
    fn close_factors_are_found_and_distant_ones_are_not() {
        // 2^89 − 1 and 2^107 − 1 are primes far apart; p and its neighbours are close.
        let distant = ((BigUint::from(1_u8) << 89_u32) - 1_u8) * ((BigUint::from(1_u8) << 107_u32) - 1_u8);
        assert_eq!(check(&distant.to_bytes_be()), Ok(()));
        let p = number("170141183460469231731687303715884105727"); // 2^127 − 1
        for gap in [0_u32, 2, 1000] {
            let modulus = &p * (&p + gap);
            assert!(factors_are_close(&modulus), "{gap}");
        }
    }

    #[test]
    fn a_factor_that_is_known_is_found() {
        let prime = (BigUint::from(1_u8) << 521_u32) - 1_u8;
        for factor in [757_u32, 65_521] {
            assert_eq!(check(&(&prime * factor).to_bytes_be()), Err(WeakModulus::SharedFactor), "{factor}");
        }
        // The next prime after 65,536.
        assert_eq!(check(&(&prime * 65_537_u32).to_bytes_be()), Ok(()));
    }

    #[test]
    fn a_power_of_65537_has_the_roca_fingerprint() {
        // Of the form k·M + 65537^a mod M for the primorial M of the markers' primes, as the flawed library made them.
        let primorial = PRIMES[..39].iter().fold(BigUint::from(1_u8), |m, p| m * *p);
        let modulus = BigUint::from(65537_u32).modpow(&number("123456789"), &primorial)
            + &primorial * number("987654321");
        assert!(is_roca(&residues(&modulus.to_bytes_be())));
        assert!(!is_roca(&residues(&(modulus + 2_u8).to_bytes_be())));
    }
}
