//! K-3: any so many shares give the secret, fewer do not; arithmetic and shares agree with other implementations.

use proptest::prelude::*;
use runtime::entropy::SystemEntropy;

use super::*;

/// Shares at 1, 2, … of one secret.
struct Vector {
    needed: usize,
    secret: &'static str,
    shares: &'static [&'static str],
}

/// From the reference implementation of SLIP-0039 (PyPI `shamir-mnemonic` 0.3.0), which works over the same field by tables
/// of logarithms: `_interpolate` of random values at 1 to `needed` gives the secret at 0 and the further shares.
const VECTORS: &[Vector] = &[
    Vector {
        needed: 3,
        secret: "0b73b7d3352fa9d6716a461946c5091a0fc9d806fbfb8225d2c2c72fe37a73c4",
        shares: &[
            "79c4121fc60857dffefc74b999cc85f190ac46c8bcdf728e70fe6cce861e33e6",
            "b0ea5f5d98c9875e41d96fe62aada4d044eab9bcd408cc6cde52478ed730903e",
            "c25dfa916bee7957ce4f5d46f5a4283bdb8f2772932c3cc77c6eec6fb254d01c",
            "01c7aee02f6efc83c5313b5a97e6c6893a06199d17dcfca79d74c58d5ed039e5",
            "73700b2cdc49028a4aa709fa48ef4a62a563875350f80c0c3f486e6c3bb479c7",
        ],
    },
    Vector {
        needed: 2,
        secret: "cc2a666fb792d75738a194e2f205d136d4d92c7cdfd158c2a713cfb233a0e926",
        shares: &[
            "75f7a023d9da8d08f07da87ce8096ad579cf13c4470e0d981a1ad4301e669703",
            "a58bf1f76b0263e9b302ecc5c61dbceb95f55217f474f276c601f9ad6937156c",
        ],
    },
    Vector {
        needed: 5,
        secret: "e41b8880ea8995fddffcaea08b68d85255e347a7686191e08041e2c8f5b639ff",
        shares: &[
            "3390a3a2e6929aa1cda489f838bf3c05adda7277262f4dd76f73e4830b3bee15",
            "083a3f387fb31f6268a3f486e548945a670acf27b0e90c7605d74344c39bc88c",
            "09ff175a7d3fe8e1a08d5f6bf8eb7b1bab0189b29a934855456d4977deed8394",
            "e18e0162b5cf592a8e4724fd97f9dbd474222b44e25aefb5da2153b366b252c9",
            "f4ba20db9d8b708276300636ed0d05f734b72f11efac4efafa0e7df3e413e039",
            "e7e9aeec50215217b3857204fe54cf6cfd4016da3769de83509b92d209062f6b",
            "24938c1576f283609184dc7a2ad41a5989e761ca5eabe7d8df3cb0ea685c0169",
        ],
    },
];

fn bytes(digits: &str) -> SecretBytes {
    SecretBytes::new(hex::decode(digits).unwrap())
}

#[test]
fn shares_of_another_implementation_give_its_secret() {
    for Vector { needed, secret, shares } in VECTORS {
        let shares: Vec<Share> = (1..).zip(*shares).map(|(x, y)| Share { x, y: bytes(y) }).collect();
        for window in shares.windows(*needed) {
            let window: Vec<&Share> = window.iter().rev().collect();
            assert_eq!(combine(&window), Some(bytes(secret)));
            assert_ne!(combine(&window[1..]), Some(bytes(secret)));
        }
    }
}

/// FIPS 197, section 4.2: {57} • {83} = {c1}, and {57} by powers of {02} up to {57} • {13} = {fe}.
#[test]
fn products_are_those_of_the_standard() {
    for (a, b, product) in [
        (0x57, 0x83, 0xc1),
        (0x57, 0x02, 0xae),
        (0x57, 0x04, 0x47),
        (0x57, 0x08, 0x8e),
        (0x57, 0x10, 0x07),
        (0x57, 0x13, 0xfe),
    ] {
        assert_eq!((multiply(a, b), multiply(b, a)), (product, product));
    }
}

#[test]
fn every_number_but_zero_has_its_inverse() {
    assert_eq!(invert(0), 0);
    for a in 1..=255 {
        assert_eq!(multiply(a, invert(a)), 1, "{a}");
    }
}

proptest! {
    #[test]
    fn any_so_many_shares_give_the_secret(secret in any::<[u8; KEY]>(), needed in 1..6_u8, more in 0..5_u8, seed in any::<u64>()) {
        let shares = split(&secret, needed, needed + more, &SystemEntropy);
        // Some order of them, out of the seed.
        let mut chosen: Vec<&Share> = shares.iter().collect();
        chosen.sort_by_key(|share| (u64::from(share.x) + 1).wrapping_mul(seed | 1));
        chosen.truncate(needed.into());
        prop_assert_eq!(combine(&chosen), Some(SecretBytes::copy_of(&secret)));
        if needed > 1 {
            prop_assert_ne!(combine(&chosen[1..]), Some(SecretBytes::copy_of(&secret)));
            prop_assert_eq!(combine(&[chosen[0], chosen[0]]), None);
        }
    }
}
