//! Which keys sign for a CA: such a key is not destroyed until its CA is suspended.

use std::collections::HashMap;

use contracts::{CaId, Event as _, KeyId, event::EventError, signer::CaEvent};
use eventlog::Recorded;
use runtime::fold::Fold;

/// CAs, with their keys.
#[derive(Debug, Default)]
pub struct CaKeys {
    cas: HashMap<CaId, Signs>,
}

#[derive(Debug)]
struct Signs {
    with: KeyId,
    suspended: bool,
}

impl CaKeys {
    /// Whether a CA that is not suspended signs, or is about to sign, with this key.
    #[must_use]
    pub fn in_use(&self, key: KeyId) -> bool {
        self.cas.values().any(|ca| ca.with == key && !ca.suspended)
    }
}

impl Fold for CaKeys {
    const CATEGORIES: &'static [&'static str] = &[CaEvent::CATEGORY];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        let id = CaId(recorded.stream);
        match CaEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
            CaEvent::Intended(ca) => {
                self.cas.insert(id, Signs { with: ca.key_id, suspended: false });
            }
            CaEvent::Created(_) => {}
            CaEvent::Suspended(_) => self.suspend(id, true),
            CaEvent::Resumed(_) => self.suspend(id, false),
        }
        Ok(())
    }
}

impl CaKeys {
    fn suspend(&mut self, id: CaId, suspended: bool) {
        if let Some(ca) = self.cas.get_mut(&id) {
            ca.suspended = suspended;
        }
    }
}
