//! Randomness comes in through here: the same seed gives the same run.

use aws_lc_rs::rand;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

/// A source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`, wholly.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator, through the one cryptography provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        #[allow(clippy::expect_used)]
        // AWS-LC aborts the process itself when it is out of entropy; it never returns an error
        rand::fill(bytes).expect("the system's random generator works");
    }
}

/// Bytes that follow from a seed (SHA-256 of seed and counter). For tests and replays; never for keys.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    counter: Mutex<u64>,
}

impl SeededEntropy {
    /// The sequence that belongs to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: Mutex::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut counter = self.counter.lock();
        for chunk in bytes.chunks_mut(32) {
            let block =
                Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(counter.to_be_bytes());
            chunk.copy_from_slice(&block.finalize()[..chunk.len()]);
            *counter += 1;
        }
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_never_the_same_block_twice() {
        let (a, b) = (SeededEntropy::new(7), SeededEntropy::new(7));
        let first: [u8; 40] = bytes(&a);
        assert_eq!(first, bytes::<40>(&b));
        assert_ne!(first, bytes::<40>(&a));
        assert_ne!(bytes::<32>(&SeededEntropy::new(7)), bytes::<32>(&SeededEntropy::new(8)));
    }

    #[test]
    fn the_system_fills_every_byte() {
        // 64 zero bytes in a row would be a generator that does nothing.
        assert_ne!(bytes::<64>(&SystemEntropy), [0; 64]);
    }
}
