//! How much work a file may ask for (P-2).

use super::FileError;

/// The most iterations one key derivation may ask for.
pub const MAX_ITERATIONS: u64 = 5_000_000;

/// What all key derivations of a file may take together: enough for a key store of hundreds of keys.
const MAX_ITERATIONS_OF_A_FILE: u64 = 20_000_000;

/// The iterations that are left to a file.
#[derive(Debug)]
pub struct Effort {
    left: u64,
}

impl Effort {
    /// What a file begins with.
    #[must_use]
    pub const fn for_a_file() -> Self {
        Self { left: MAX_ITERATIONS_OF_A_FILE }
    }

    /// Takes `iterations`, done `times` over, before they are done.
    pub(crate) fn spend(&mut self, what: &str, iterations: u64, times: u64) -> Result<(), FileError> {
        let refused =
            |found, limit| FileError::TooManyIterations { what: what.to_owned().into(), found, limit };
        if iterations > MAX_ITERATIONS {
            return Err(refused(iterations, MAX_ITERATIONS));
        }
        let all = iterations.saturating_mul(times);
        self.left = self.left.checked_sub(all).ok_or_else(|| refused(all, self.left))?;
        Ok(())
    }
}
