//! What somebody is to be told, before it is queued.

use contracts::{
    AdministratorId, EventId, NotificationId,
    notifier::{NotificationKind, NotificationQueued},
};
use eventlog::Recorded;
use uuid::Uuid;

use crate::messages::Message;

/// One mail to one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What about.
    pub kind: NotificationKind,
    /// The administrator it is for; none for an address that belongs to nobody known.
    pub recipient: Option<AdministratorId>,
    /// What is kept of it.
    pub message: Message,
}

impl Plan {
    /// The notification about an event: the same id however often it is planned.
    pub fn queued(&self, about: &Recorded) -> NotificationQueued {
        let to = match (self.recipient, &self.message.address) {
            (Some(administrator), _) => administrator.to_string(),
            (None, address) => address.clone().unwrap_or_default(),
        };
        let name = format!("{}/{to}", self.kind.as_str());
        NotificationQueued {
            id: NotificationId(Uuid::new_v5(&about.id, name.as_bytes())),
            kind: self.kind,
            about: EventId(about.id),
            subject: Some(about.stream),
            recipient: self.recipient,
        }
    }
}
