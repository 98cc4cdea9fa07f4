//! What the log says of a CA, as far as keystore needs it before it signs in its name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::signer::{CaEvent, CaIntended};
use uuid::Uuid;

use crate::tbs;

/// A CA.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ca {
    /// Its intent, with the intent's event id; missing when there is no such CA.
    pub intended: Option<(Uuid, Box<CaIntended>)>,
    /// The subject of its certificate, DER; missing until the certificate exists.
    pub subject: Option<Vec<u8>>,
    /// Whether it must not sign.
    pub suspended: bool,
}

impl Ca {
    /// The state after an event, given the event's id.
    #[must_use]
    pub fn evolve(mut self, id: Uuid, event: CaEvent) -> Self {
        match event {
            CaEvent::Intended(intended) => self.intended = Some((id, Box::new(intended))),
            CaEvent::Created(created) => {
                // A certificate that cannot be read leaves the CA without a subject: it cannot issue.
                let der = STANDARD.decode(&created.certificate).ok();
                self.subject = der.and_then(|der| tbs::subject_of(&der).ok());
            }
            CaEvent::Suspended(_) => self.suspended = true,
            CaEvent::Resumed(_) => self.suspended = false,
        }
        self
    }

    /// Its intent.
    #[must_use]
    pub fn intent(&self) -> Option<&CaIntended> {
        self.intended.as_ref().map(|(_, intended)| &**intended)
    }
}
