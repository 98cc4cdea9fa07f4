//! Primes that are known to divide the moduli of others: those below 65,536, and those that real keys were found to share.
//!
//! `shared2048.bin` and `shared4096.bin` are the products of such primes of 1,024 and 2,048 bits, big-endian: the data of
//! the program badkeys 0.0.21 (`keydata/primes*.dat`, MIT, © Hanno Böck), without the two bytes that gmpy2 puts before it
//! and in the other byte order. They are used as they are; nothing can be told of single primes.

use std::sync::LazyLock;

use num_bigint::BigUint;
use num_integer::Integer as _;

/// The product of all of them.
static PRODUCT: LazyLock<BigUint> = LazyLock::new(|| {
    let shared = BigUint::from_bytes_be(include_bytes!("shared2048.bin"));
    let longer = BigUint::from_bytes_be(include_bytes!("shared4096.bin"));
    shared * longer * product(&primes_below(65_536))
});

/// Whether one of them divides a modulus. Takes about half a millisecond for 2,048 bits.
pub(super) fn divide(modulus: &BigUint) -> bool {
    if modulus.bits() == 0 {
        return false;
    }
    let one = BigUint::from(1_u8);
    modulus.gcd(&(&*PRODUCT % modulus)) != one
}

/// Halves first, so that both factors are about as long.
fn product(factors: &[u32]) -> BigUint {
    match factors {
        [] => BigUint::from(1_u8),
        [only] => BigUint::from(*only),
        _ => {
            let (low, high) = factors.split_at(factors.len() / 2);
            product(low) * product(high)
        }
    }
}

fn primes_below(limit: usize) -> Vec<u32> {
    let mut composite = vec![false; limit];
    let mut primes = vec![];
    for candidate in 2..limit {
        if !composite[candidate] {
            primes.push(candidate as u32);
            (candidate * candidate..limit).step_by(candidate).for_each(|multiple| composite[multiple] = true);
        }
    }
    primes
}
