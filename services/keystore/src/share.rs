//! Shares of the master key as people keep them, and those that were entered so far.

use std::time::Duration;

use contracts::AdministratorId;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{SecretBytes, shamir::Share, wrapping::KEY};

/// What a share begins with; `1` is the format's version.
const PREFIX: &str = "chancery-share-1:";
/// Bytes of the master key's name in a share: enough to tell sets apart.
const SET: usize = 8;
/// Bytes against mistyping.
const CHECK: usize = 4;

/// How long entered shares are kept.
pub const KEPT: Duration = Duration::from_secs(15 * 60);

/// Why a text is no share of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Mistyped, or something else.
    #[error("this is no share: it is mistyped, or something is missing of it")]
    Malformed,
    /// From before a rotation, or another installation.
    #[error("this share belongs to another master key")]
    OtherSet,
}

/// Writes a share: which set, which place, the value, a checksum.
#[must_use]
pub fn write(master_key: Uuid, share: &Share) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SET + 1 + KEY + CHECK));
    bytes.extend(&master_key.as_bytes()[..SET]);
    bytes.push(share.x);
    bytes.extend(share.y.expose());
    let check = checksum(&bytes);
    bytes.extend(check);
    let digits = Zeroizing::new(hex::encode(&*bytes));
    Zeroizing::new(format!("{PREFIX}{}", *digits))
}

/// Reads a share of the set of this master key.
pub fn read(text: &str, master_key: Uuid) -> Result<Share, ShareError> {
    let digits = text.trim().strip_prefix(PREFIX).ok_or(ShareError::Malformed)?;
    let mut bytes = Zeroizing::new([0; SET + 1 + KEY + CHECK]);
    hex::decode_to_slice(digits, &mut *bytes).map_err(|_| ShareError::Malformed)?;
    let (said, check) = bytes.split_at(SET + 1 + KEY);
    if checksum(said) != check || said[SET] == 0 {
        return Err(ShareError::Malformed);
    }
    if said[..SET] != master_key.as_bytes()[..SET] {
        return Err(ShareError::OtherSet);
    }
    Ok(Share { x: said[SET], y: SecretBytes::copy_of(&said[SET + 1..]) })
}

/// What stands in the log about a share, so that a wrong one is told at once: a hash of 256 random bits and its place.
#[must_use]
pub fn commitment(master_key: Uuid, share: &Share) -> String {
    let mut hash = Sha256::new();
    hash.update(b"chancery.keystore.share.1");
    hash.update(master_key.as_bytes());
    hash.update([share.x]);
    hash.update(share.y.expose());
    hex::encode(hash.finalize())
}

fn checksum(bytes: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(&Sha256::digest(bytes)[..CHECK]);
    check
}

/// Shares that were entered and are not enough yet. They are forgotten some time after the first of them.
#[derive(Debug, Default)]
pub struct Entered {
    /// Of which master key.
    of: Uuid,
    shares: Vec<(AdministratorId, Share)>,
    /// When they are forgotten, by the monotonic clock.
    until: Duration,
}

/// Why a share is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnterError {
    /// One custodian, one share.
    #[error("you entered a share already; the next is another custodian's")]
    SameCustodian,
    /// It counts once.
    #[error("this share was entered already")]
    SameShare,
}

impl Entered {
    /// Whether this share of a master key may be taken; those of another are forgotten.
    pub fn check(
        &mut self,
        of: Uuid,
        by: AdministratorId,
        share: &Share,
        now: Duration,
    ) -> Result<(), EnterError> {
        self.forget(now);
        if self.of != of {
            (self.of, self.shares) = (of, vec![]);
        }
        match self.shares.iter().find(|(custodian, known)| *custodian == by || known.x == share.x) {
            Some((custodian, _)) if *custodian == by => Err(EnterError::SameCustodian),
            Some(_) => Err(EnterError::SameShare),
            None => Ok(()),
        }
    }

    /// Takes it; so many there are now.
    pub fn take(&mut self, by: AdministratorId, share: Share, now: Duration) -> u8 {
        if self.shares.is_empty() {
            self.until = now + KEPT;
        }
        self.shares.push((by, share));
        self.count()
    }

    /// Forgets them if it is time. Whether any were.
    pub fn forget(&mut self, now: Duration) -> bool {
        let over = !self.shares.is_empty() && now >= self.until;
        if over {
            self.shares.clear();
        }
        over
    }

    /// So many there are.
    #[must_use]
    pub fn count(&self) -> u8 {
        u8::try_from(self.shares.len()).unwrap_or(u8::MAX)
    }

    /// All of them; none are kept.
    pub fn all(&mut self) -> Vec<Share> {
        self.shares.drain(..).map(|(_, share)| share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x5d0b_2f1e_7c3a_8f4e_9b6d_2a1c_0e9f_8d7b);

    fn share(x: u8) -> Share {
        Share { x, y: SecretBytes::new(vec![x; KEY]) }
    }

    #[test]
    fn a_share_is_read_as_it_was_written_and_in_its_set_only() {
        let text = write(ID, &share(3));
        assert_eq!(text.len(), 107);
        assert_eq!(read(&format!("{}\n", *text), ID), Ok(share(3)));
        assert_eq!(read(&text, Uuid::from_u128(1)), Err(ShareError::OtherSet));
    }

    #[test]
    fn a_mistyped_share_is_told_as_such() {
        let text = write(ID, &share(3));
        for at in PREFIX.len()..text.len() {
            let mut typed = text.as_bytes().to_vec();
            typed[at] = if typed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(read(std::str::from_utf8(&typed).unwrap(), ID), Err(ShareError::Malformed), "{at}");
        }
        for other in ["", "chancery-share-1:", &text[..text.len() - 2], &text[PREFIX.len()..]] {
            assert_eq!(read(other, ID), Err(ShareError::Malformed));
        }
    }

    #[test]
    fn a_commitment_is_of_one_share_in_one_place_of_one_set() {
        let of = |id, share| commitment(id, &share);
        let moved = Share { x: 4, y: SecretBytes::new(vec![3; KEY]) };
        let all = [of(ID, share(3)), of(ID, share(4)), of(ID, moved), of(Uuid::from_u128(1), share(3))];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn distinct_custodians_enter_distinct_shares_within_a_time() {
        let [ann, bob, cleo] = [1, 2, 3].map(|id| AdministratorId(Uuid::from_u128(id)));
        let (noon, later) = (Duration::from_secs(100), Duration::from_secs(100) + KEPT);
        let mut entered = Entered::default();
        assert_eq!(entered.check(ID, ann, &share(1), noon), Ok(()));
        assert_eq!(entered.take(ann, share(1), noon), 1);
        assert_eq!(entered.check(ID, ann, &share(2), noon), Err(EnterError::SameCustodian));
        assert_eq!(entered.check(ID, bob, &share(1), noon), Err(EnterError::SameShare));
        assert_eq!(entered.check(ID, bob, &share(2), later - Duration::from_secs(1)), Ok(()));
        assert_eq!(entered.take(bob, share(2), later - Duration::from_secs(1)), 2);
        // Counted from the first of them.
        assert_eq!(entered.check(ID, cleo, &share(3), later), Ok(()));
        assert_eq!(entered.count(), 0);
        entered.take(ann, share(1), later);
        assert_eq!(entered.check(Uuid::from_u128(1), ann, &share(1), later), Ok(()), "of another key");
        assert_eq!(entered.count(), 0);
    }
}
