//! What waits for approval now, and which acts have to: in memory, following the log.

use std::{collections::HashMap, time::Duration};

use contracts::{
    ApprovalId, Event, Timestamp,
    directory::{ApprovalEvent, ApprovalKind, ApprovalPolicyEvent},
    event::EventError,
};
use eventlog::Recorded;
use opentelemetry::{KeyValue, metrics::Gauge};
use runtime::{
    approvals::ApprovalPolicies,
    fold::{Fold, Live},
    service::ServiceContext,
};

/// How often the figures are told.
const PERIOD: Duration = Duration::from_secs(5);

/// The approvals that wait, and the approval policies.
#[derive(Debug, Default)]
pub struct Waiting {
    open: HashMap<ApprovalId, Open>,
    policies: ApprovalPolicies,
}

#[derive(Debug)]
struct Open {
    kind: ApprovalKind,
    subject: String,
    since: Timestamp,
}

impl Fold for Waiting {
    const CATEGORIES: &'static [&'static str] = &["approval", "approval_policy"];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        if recorded.category == ApprovalPolicyEvent::CATEGORY {
            let event = Event::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
            self.policies.apply(event);
            return Ok(());
        }
        let id = ApprovalId(recorded.stream);
        match ApprovalEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
            ApprovalEvent::Requested(requested) => {
                let matter = requested.matter;
                let since = recorded.recorded_at;
                self.open.insert(id, Open { kind: matter.kind, subject: matter.subject_id, since });
            }
            ApprovalEvent::Given(_) | ApprovalEvent::Reminded(_) | ApprovalEvent::Escalated(_) => {}
            ApprovalEvent::Granted(_)
            | ApprovalEvent::Declined(_)
            | ApprovalEvent::Expired(_)
            | ApprovalEvent::Withdrawn(_) => _ = self.open.remove(&id),
        }
        Ok(())
    }
}

impl Waiting {
    /// The approvals that wait and are about this.
    #[must_use]
    pub fn about(&self, kind: ApprovalKind, subject: &str) -> Vec<ApprovalId> {
        let about = |open: &Open| open.kind == kind && open.subject == subject;
        let mut found: Vec<_> =
            self.open.iter().filter(|(_, open)| about(open)).map(|(id, open)| (open.since, *id)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Which acts need approval.
    #[must_use]
    pub const fn policies(&self) -> &ApprovalPolicies {
        &self.policies
    }

    /// How many wait, and since when the first of them does.
    fn figures(&self) -> (usize, Option<Timestamp>) {
        (self.open.len(), self.open.values().map(|open| open.since).min())
    }
}

/// Tells how many approvals wait and how old the oldest is, until shutdown.
pub fn tell(context: &ServiceContext, waiting: Live<Waiting>) {
    let meter = opentelemetry::global::meter("chancery-directory");
    let pending: Gauge<u64> = meter
        .u64_gauge("chancery_requests_pending")
        .with_description("Requests that wait, by what they wait for")
        .build();
    let oldest: Gauge<f64> = meter
        .f64_gauge("chancery_approval_oldest")
        .with_unit("s")
        .with_description("Age of the approval that has waited longest; 0 when none waits")
        .build();
    let clock = context.clock.clone();
    context.shutdown.spawn_droppable(async move {
        loop {
            let (count, since) = waiting.read(Waiting::figures);
            pending.record(count as u64, &[KeyValue::new("state", "pending_approval")]);
            let age = since.map_or(0.0, |since| (clock.now().0 - since.0).as_seconds_f64().max(0.0));
            oldest.record(age, &[]);
            tokio::time::sleep(PERIOD).await;
        }
    });
}
