//! New ids and serial numbers, from the injected clock and randomness.

use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::{
    clock::Clock,
    entropy::{self, Entropy},
};

/// Makes ids; clones share clock and randomness.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Ids {
    /// Ids whose times come from `clock` and whose other bits come from `entropy`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// A UUIDv7: milliseconds since 1970, then 74 random bits (RFC 9562 §5.7).
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let milliseconds = self.clock.now().0.unix_timestamp_nanos() / 1_000_000;
        let random = entropy::bytes::<10>(&*self.entropy);
        // A clock before 1970 is as good as one that stands at it: uniqueness comes from the random bits.
        let milliseconds = u64::try_from(milliseconds).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }

    /// A new id of a kind: `let key: KeyId = ids.id();`.
    #[must_use]
    pub fn id<T: From<Uuid>>(&self) -> T {
        T::from(self.uuid())
    }

    /// Draws a serial number: one fixed byte and 17 random ones, so positive and within 20 octets (RFC 5280 §4.1.2.2),
    /// with 136 bits that nobody can foresee.
    ///
    /// Uniqueness per issuing CA is for the log to enforce: on conflict, draw again.
    #[must_use]
    pub fn serial_number(&self) -> [u8; 18] {
        let mut serial = entropy::bytes::<18>(&*self.entropy);
        serial[0] = 0x01;
        serial
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

#[cfg(test)]
mod tests {
    use contracts::{KeyId, Timestamp};

    use super::*;
    use crate::{
        clock::TestClock,
        entropy::{SeededEntropy, SystemEntropy},
    };

    fn ids() -> Ids {
        Ids::new(
            Arc::new(TestClock::at(Timestamp::from_unix(1_790_000_000))),
            Arc::new(SeededEntropy::new(1)),
        )
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7_that_carries_the_time() {
        let id = ids().uuid();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_790_000_000);
    }

    #[test]
    fn two_ids_of_one_instant_differ() {
        let ids = ids();
        assert_ne!(ids.id::<KeyId>(), ids.id::<KeyId>());
    }

    /// C-1. Six standard deviations: chance alone exceeds them once in some million runs.
    #[test]
    fn a_million_serial_numbers_differ_and_no_random_bit_leans() {
        const DRAWN: usize = 1_000_000;
        let ids = Ids::new(Arc::new(TestClock::at(Timestamp::from_unix(0))), Arc::new(SystemEntropy));
        let mut serials: Vec<_> = (0..DRAWN).map(|_| ids.serial_number()).collect();
        let mut seen = [[0_u32; 256]; 17];
        for serial in &serials {
            assert_eq!(serial[0], 0x01, "positive, and 18 octets long");
            for (counts, byte) in seen.iter_mut().zip(&serial[1..]) {
                counts[usize::from(*byte)] += 1;
            }
        }
        let deviation = (DRAWN as f64 / 4.0).sqrt();
        for (octet, counts) in seen.iter().enumerate() {
            for bit in 0..8 {
                let set: u32 =
                    (0..256).filter(|value| value >> bit & 1 == 1).map(|value| counts[value]).sum();
                let off = (f64::from(set) - DRAWN as f64 / 2.0).abs() / deviation;
                assert!(off < 6.0, "bit {bit} of random octet {octet} is set {set} times");
            }
        }
        serials.sort_unstable();
        serials.dedup();
        assert_eq!(serials.len(), DRAWN);
    }

    #[test]
    fn a_serial_number_is_positive_and_has_18_octets() {
        let ids = ids();
        assert_eq!(ids.serial_number()[0], 1);
        assert_ne!(ids.serial_number(), ids.serial_number());
    }
}
