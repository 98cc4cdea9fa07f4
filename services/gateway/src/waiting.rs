//! How far an approval is that an operation waits for.

use contracts::{
    ApprovalId, Code, Event, Problem,
    directory::{ApprovalEvent, ApprovalStatus},
};
use eventlog::Reader;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{events, read};

/// How far an operation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// So many are done.
    pub done: u32,
    /// Of so many.
    pub total: u32,
    /// What is counted.
    pub unit: &'static str,
    /// The same in words.
    pub message: String,
}

impl Progress {
    /// So many of so many.
    #[must_use]
    pub fn new(done: u32, total: u32, unit: &'static str) -> Self {
        Self { done, total, unit, message: format!("{done} of {total} {unit}") }
    }
}

/// Where an approval stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Whether it waits, and if not, how it ended.
    pub status: ApprovalStatus,
    /// How many approved, of whom each may decide still.
    pub given: u32,
    /// Why it was declined or taken back.
    pub reason: Option<String>,
}

impl Standing {
    /// So many of so many.
    #[must_use]
    pub fn progress(&self, required: u32) -> Progress {
        Progress::new(self.given, required, "approvals")
    }

    /// Why what waited for it will not be; `None` while it may.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        let why = self.reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
        let words = match self.status {
            ApprovalStatus::Pending | ApprovalStatus::Granted => return None,
            ApprovalStatus::Declined => format!("it was not approved{why}"),
            ApprovalStatus::Expired => "nobody decided in time; ask again".to_owned(),
            ApprovalStatus::Withdrawn => format!("it was taken back{why}"),
        };
        Some(Problem::new(Code::InvalidState, words))
    }
}

/// Where an approval stands now; pending while nobody has recorded it.
pub async fn standing(reader: &Reader, approval: ApprovalId) -> Result<Standing, Problem> {
    let history = reader.read_stream(approval.uuid(), 0).await.map_err(|error| events::unreadable(&error))?;
    let mut standing = Standing { status: ApprovalStatus::Pending, given: 0, reason: None };
    for recorded in &history {
        let event = ApprovalEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload);
        match event.map_err(read::internal)? {
            ApprovalEvent::Requested(_) | ApprovalEvent::Reminded(_) | ApprovalEvent::Escalated(_) => {}
            ApprovalEvent::Given(event) => {
                let lapsed = u32::try_from(event.lapsed.len()).unwrap_or(u32::MAX);
                standing.given = standing.given.saturating_sub(lapsed) + 1;
            }
            ApprovalEvent::Granted(_) => standing.status = ApprovalStatus::Granted,
            ApprovalEvent::Declined(event) => {
                standing.status = ApprovalStatus::Declined;
                standing.reason = Some(event.reason);
            }
            ApprovalEvent::Expired(_) => standing.status = ApprovalStatus::Expired,
            ApprovalEvent::Withdrawn(event) => {
                standing.status = ApprovalStatus::Withdrawn;
                standing.reason = event.reason;
            }
        }
    }
    Ok(standing)
}
