//! Public keys that are refused because their private halves are known to others (C-6): from memory, as the log has them.

use std::collections::{HashMap, HashSet};

use contracts::{
    Event as _, OrganizationId,
    event::EventError,
    keystore::{CompromisedKeyEvent, CompromisedKeyListed},
};
use eventlog::Recorded;

use crate::fold::Fold;

/// The lists of all organizations.
#[derive(Debug, Default)]
pub struct BlockedKeys {
    everywhere: HashSet<SpkiHash>,
    by: HashMap<OrganizationId, HashSet<SpkiHash>>,
}

/// SHA-256 of a SubjectPublicKeyInfo.
type SpkiHash = [u8; 32];

impl BlockedKeys {
    /// Whether a public key, by the SHA-256 of its SubjectPublicKeyInfo, is refused in an organization.
    #[must_use]
    pub fn contains(&self, organization: OrganizationId, spki_sha256: &SpkiHash) -> bool {
        self.everywhere.contains(spki_sha256)
            || self.by.get(&organization).is_some_and(|listed| listed.contains(spki_sha256))
    }
}

impl Fold for BlockedKeys {
    const CATEGORIES: &'static [&'static str] = &[CompromisedKeyEvent::CATEGORY];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        let event = CompromisedKeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        let CompromisedKeyEvent::Listed(CompromisedKeyListed { spki_sha256, everywhere, .. }) = event;
        let mut hash = SpkiHash::default();
        if hex::decode_to_slice(&spki_sha256, &mut hash).is_err() {
            return Ok(()); // the command takes 64 digits and nothing else
        }
        let list = if everywhere {
            &mut self.everywhere
        } else {
            self.by.entry(OrganizationId(recorded.tenant)).or_default()
        };
        list.insert(hash);
        Ok(())
    }
}
