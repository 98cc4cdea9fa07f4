//! An act that waits for an approval: kept as it was asked for, then done, failed or dropped, once.

use contracts::{
    ApprovalId, Code, Problem, Timestamp,
    signer::{ActDone, ActDropped, ActFailed, ActHeld, GuardedActEvent},
};
use runtime::aggregate::Aggregate;

/// One act.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum GuardedAct {
    /// Nothing has happened yet.
    #[default]
    Unknown,
    /// It waits.
    Held(Box<ActHeld>),
    /// It is done, or never will be.
    Over,
}

/// What may be asked of an act.
#[derive(Clone, Debug)]
pub enum ActCommand {
    /// Keep it until it is approved.
    Hold(Box<ActHeld>),
    /// It was done; this came of it.
    Finish {
        /// What it made or changed.
        subject_id: String,
    },
    /// What holds now does not allow it.
    Fail(Box<Problem>),
    /// It was not approved.
    Drop,
}

/// Why an act refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the act waits for its approval already")]
pub struct HeldAlready;

impl From<HeldAlready> for Problem {
    fn from(refusal: HeldAlready) -> Self {
        Self::new(Code::AlreadyExists, refusal.to_string())
    }
}

impl Aggregate for GuardedAct {
    type Command = ActCommand;
    type Event = GuardedActEvent;
    type Refusal = HeldAlready;

    fn decide(&self, command: ActCommand, _now: Timestamp) -> Result<Vec<GuardedActEvent>, HeldAlready> {
        Ok(match (self, command) {
            (Self::Unknown, ActCommand::Hold(held)) => vec![GuardedActEvent::Held(*held)],
            (Self::Held(_) | Self::Over, ActCommand::Hold(_)) => return Err(HeldAlready),
            (Self::Held(held), ActCommand::Finish { subject_id }) => {
                vec![ActDone { approval_id: id(held), subject_id }.into()]
            }
            (Self::Held(held), ActCommand::Fail(problem)) => {
                vec![ActFailed { approval_id: id(held), problem: *problem }.into()]
            }
            (Self::Held(held), ActCommand::Drop) => vec![ActDropped { approval_id: id(held) }.into()],
            // An act ends once: whoever says it again, or too late, changes nothing.
            (
                Self::Unknown | Self::Over,
                ActCommand::Finish { .. } | ActCommand::Fail(_) | ActCommand::Drop,
            ) => vec![],
        })
    }

    fn evolve(self, event: GuardedActEvent) -> Self {
        match event {
            GuardedActEvent::Held(held) => Self::Held(Box::new(held)),
            GuardedActEvent::Done(_) | GuardedActEvent::Failed(_) | GuardedActEvent::Dropped(_) => Self::Over,
        }
    }
}

const fn id(held: &ActHeld) -> ApprovalId {
    held.approval.id
}

#[cfg(test)]
mod tests {
    use contracts::directory::{ApprovalKind, ApprovalMatter, ApprovalPlace, ApprovalRule, RequestApproval};
    use runtime::aggregate::test::given;
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
    const APPROVAL: ApprovalId = ApprovalId(Uuid::from_u128(1));

    fn held() -> ActHeld {
        let matter = ApprovalMatter {
            kind: ApprovalKind::CaCreation,
            subject_id: APPROVAL.to_string(),
            requested_by: None,
            place: ApprovalPlace::default(),
        };
        ActHeld {
            approval: RequestApproval {
                id: APPROVAL,
                matter,
                summary: "make a CA".into(),
                changes: vec![],
                rule: ApprovalRule::requiring(1),
                unmatched: vec![],
            },
            command: "create_ca".into(),
            body: serde_json::json!({"name": "root", "kind": "root"}),
            if_version: None,
        }
    }

    #[test]
    fn an_act_is_held_once_and_ends_once() {
        let hold = || ActCommand::Hold(Box::new(held()));
        let finish = || ActCommand::Finish { subject_id: "ca_1".into() };
        given::<GuardedAct>([]).when(hold(), NOON).then([held().into()]);
        given::<GuardedAct>([held().into()]).when(hold(), NOON).refused(HeldAlready);
        let done = || ActDone { approval_id: APPROVAL, subject_id: "ca_1".into() };
        given::<GuardedAct>([held().into()]).when(finish(), NOON).then([done().into()]);
        let problem = Problem::new(Code::InvalidState, "too late");
        for late in [finish(), ActCommand::Fail(Box::new(problem)), ActCommand::Drop] {
            given::<GuardedAct>([held().into(), done().into()]).when(late.clone(), NOON).changes_nothing();
            given::<GuardedAct>([]).when(late, NOON).changes_nothing();
        }
    }
}
