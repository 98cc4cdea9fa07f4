//! An approval: what waits until enough administrators agree. One kind of thing for every kind of act; who may decide is
//! for the handler to say, who must not is said here.

mod view;

use contracts::{
    AdministratorId, Code, Problem, Timestamp,
    directory::{
        ApprovalDeclined, ApprovalEscalated, ApprovalEvent, ApprovalExpired, ApprovalGiven, ApprovalGranted,
        ApprovalMatter, ApprovalReminded, ApprovalRequested, ApprovalRule, ApprovalStatus, ApprovalWithdrawn,
        Approvers, EscalationDue, GivenView, RequestApproval,
    },
    labels::check_text,
};
use runtime::aggregate::Aggregate;
use serde::{Deserialize, Serialize};

pub use self::view::view;

/// The longest message or reason.
const LONGEST: usize = 1_000;

/// One approval; none until it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Approval(pub Option<Known>);

/// An approval that was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// What was asked.
    pub requested: ApprovalRequested,
    /// Who approved so far.
    pub given: Vec<GivenView>,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who joined those who may decide, once nobody did.
    pub escalated: Option<Approvers>,
    /// Who declined or withdrew it.
    pub ended_by: Option<AdministratorId>,
    /// Why.
    pub reason: Option<String>,
}

impl Known {
    /// How many approvals are still needed.
    #[must_use]
    pub fn remaining(&self) -> u8 {
        let given = u8::try_from(self.given.len()).unwrap_or(u8::MAX);
        self.requested.required.saturating_sub(given)
    }

    /// Who may decide, of those whose rights reach it: any of these.
    pub fn approvers(&self) -> impl Iterator<Item = &Approvers> {
        std::iter::once(&self.requested.approvers).chain(&self.escalated)
    }

    fn matter(&self) -> ApprovalMatter {
        self.requested.matter.clone()
    }

    fn decidable(&self, by: AdministratorId, now: Timestamp) -> Result<(), ApprovalRefusal> {
        match self.status {
            ApprovalStatus::Pending => {}
            ended => return Err(ApprovalRefusal::Over(ended)),
        }
        if now >= self.requested.expires_at {
            return Err(ApprovalRefusal::Over(ApprovalStatus::Expired));
        }
        if self.requested.four_eyes && self.requested.matter.requested_by == Some(by) {
            return Err(ApprovalRefusal::SeparationOfDuties);
        }
        Ok(())
    }
}

/// What may be asked of an approval.
#[derive(Clone, Debug)]
pub enum ApprovalCommand {
    /// Wait for it.
    Request(Box<RequestApproval>),
    /// Approve, by somebody who may.
    Give {
        /// Who.
        by: AdministratorId,
        /// What they say to it.
        message: Option<String>,
        /// Who approved earlier and may not decide any more.
        lapsed: Vec<AdministratorId>,
    },
    /// Say no, by somebody who may.
    Decline {
        /// Who.
        by: AdministratorId,
        /// Why.
        reason: String,
    },
    /// Ask for it no more.
    Withdraw {
        /// Who; `None`: the service that guards it.
        by: Option<AdministratorId>,
        /// Why.
        reason: Option<String>,
    },
    /// Its time is over, if it is.
    Expire,
    /// Remind those who may decide: it is time.
    Remind,
    /// Let others decide as well, if it is time.
    Escalate,
}

/// Why an approval refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ApprovalRefusal {
    /// There is none with this id.
    #[error("the approval does not exist")]
    NotRequested,
    /// It does not wait any more.
    #[error("the approval is {} and waits for nobody", .0.as_str())]
    Over(ApprovalStatus),
    /// By who asked.
    #[error("nobody decides on their own request; somebody else has to")]
    SeparationOfDuties,
    /// By who approved before.
    #[error("you approved it already; somebody else has to")]
    GivenAlready,
    /// By somebody else than who asked.
    #[error("only who asked for it may take it back; decline it instead")]
    NotYours,
    /// A text that is too long, or empty where one is needed.
    #[error("{}", .0.detail)]
    Text(Box<contracts::Violation>),
}

impl From<ApprovalRefusal> for Problem {
    fn from(refusal: ApprovalRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            ApprovalRefusal::NotRequested => Self::new(Code::NotFound, detail),
            ApprovalRefusal::Over(_) | ApprovalRefusal::GivenAlready => Self::new(Code::InvalidState, detail),
            ApprovalRefusal::SeparationOfDuties => Self::new(Code::SeparationOfDuties, detail),
            ApprovalRefusal::NotYours => Self::new(Code::Forbidden, detail),
            ApprovalRefusal::Text(violation) => {
                Self::new(Code::ValidationFailed, detail).with_errors(vec![*violation])
            }
        }
    }
}

impl Aggregate for Approval {
    type Command = ApprovalCommand;
    type Event = ApprovalEvent;
    type Refusal = ApprovalRefusal;

    fn decide(
        &self,
        command: ApprovalCommand,
        now: Timestamp,
    ) -> Result<Vec<ApprovalEvent>, ApprovalRefusal> {
        match (&self.0, command) {
            (None, ApprovalCommand::Request(request)) => Ok(vec![requested(*request, now).into()]),
            (Some(_), ApprovalCommand::Request(_)) => Ok(vec![]),
            (None, _) => Err(ApprovalRefusal::NotRequested),
            (Some(known), ApprovalCommand::Give { by, message, lapsed }) => {
                give(known, by, message, lapsed, now)
            }
            (Some(known), ApprovalCommand::Decline { by, reason }) => {
                known.decidable(by, now)?;
                text("#/reason", &reason)?;
                Ok(vec![ApprovalDeclined { matter: known.matter(), by, reason }.into()])
            }
            (Some(known), ApprovalCommand::Withdraw { by, reason }) => withdraw(known, by, reason),
            (Some(known), _) if known.status != ApprovalStatus::Pending => Ok(vec![]),
            (Some(known), ApprovalCommand::Expire) => {
                let is_time = now >= known.requested.expires_at;
                Ok(is_time.then(|| ApprovalExpired { matter: known.matter() }.into()).into_iter().collect())
            }
            (Some(known), ApprovalCommand::Remind) => Ok(vec![
                ApprovalReminded {
                    matter: known.matter(),
                    remaining: known.remaining(),
                    expires_at: known.requested.expires_at,
                    next: known.requested.remind_at.iter().copied().find(|at| *at > now),
                }
                .into(),
            ]),
            (Some(known), ApprovalCommand::Escalate) => Ok(match &known.requested.escalate {
                Some(due) if known.escalated.is_none() && now >= due.at => {
                    let approvers = due.approvers.clone();
                    vec![ApprovalEscalated { matter: known.matter(), approvers }.into()]
                }
                _ => vec![],
            }),
        }
    }

    fn evolve(self, event: ApprovalEvent) -> Self {
        let Some(known) = self.0 else {
            return match event {
                ApprovalEvent::Requested(requested) => Self(Some(Known {
                    requested,
                    given: vec![],
                    status: ApprovalStatus::Pending,
                    escalated: None,
                    ended_by: None,
                    reason: None,
                })),
                _ => Self(None), // a history begins with what was asked
            };
        };
        Self(Some(evolved(known, event)))
    }
}

fn evolved(mut known: Known, event: ApprovalEvent) -> Known {
    match event {
        ApprovalEvent::Requested(_) | ApprovalEvent::Reminded(_) => {}
        ApprovalEvent::Given(given) => {
            known.given.retain(|earlier| !given.lapsed.contains(&earlier.by));
            known.given.push(GivenView { by: given.by, message: given.message });
        }
        ApprovalEvent::Granted(_) => known.status = ApprovalStatus::Granted,
        ApprovalEvent::Declined(declined) => {
            known.status = ApprovalStatus::Declined;
            (known.ended_by, known.reason) = (Some(declined.by), Some(declined.reason));
        }
        ApprovalEvent::Expired(_) => known.status = ApprovalStatus::Expired,
        ApprovalEvent::Escalated(escalated) => known.escalated = Some(escalated.approvers),
        ApprovalEvent::Withdrawn(withdrawn) => {
            known.status = ApprovalStatus::Withdrawn;
            (known.ended_by, known.reason) = (withdrawn.by, withdrawn.reason);
        }
    }
    known
}

fn requested(request: RequestApproval, now: Timestamp) -> ApprovalRequested {
    let RequestApproval { id, matter, summary, changes, rule, unmatched } = request;
    let ApprovalRule { required, approvers, four_eyes, expires, remind, escalate, auto: _ } = rule;
    let expires_at = now.plus(expires.duration());
    let mut remind_at: Vec<_> = remind.iter().map(|after| now.plus(after.duration())).collect();
    remind_at.retain(|at| *at < expires_at);
    remind_at.sort_unstable();
    remind_at.dedup();
    let escalate = escalate
        .map(|rule| EscalationDue { at: now.plus(rule.after.duration()), approvers: rule.approvers })
        .filter(|due| due.at < expires_at);
    ApprovalRequested {
        id,
        matter,
        summary,
        changes,
        required: required.max(1),
        approvers,
        four_eyes,
        expires_at,
        remind_at,
        escalate,
        unmatched,
    }
}

fn give(
    known: &Known,
    by: AdministratorId,
    message: Option<String>,
    mut lapsed: Vec<AdministratorId>,
    now: Timestamp,
) -> Result<Vec<ApprovalEvent>, ApprovalRefusal> {
    known.decidable(by, now)?;
    if known.given.iter().any(|given| given.by == by) {
        return Err(ApprovalRefusal::GivenAlready);
    }
    if let Some(message) = &message {
        text("#/message", message)?;
    }
    let earlier: Vec<_> = known.given.iter().map(|given| given.by).collect();
    lapsed.retain(|who| earlier.contains(who));
    let by_all: Vec<_> = earlier.into_iter().filter(|who| !lapsed.contains(who)).chain([by]).collect();
    let given = u8::try_from(by_all.len()).unwrap_or(u8::MAX);
    let (matter, remaining) = (known.matter(), known.requested.required.saturating_sub(given));
    let given = ApprovalGiven { matter: matter.clone(), by, message: message.clone(), lapsed, remaining };
    let mut events = vec![given.into()];
    if remaining == 0 {
        let by = by_all;
        events.push(ApprovalGranted { matter, by, message }.into());
    }
    Ok(events)
}

fn withdraw(
    known: &Known,
    by: Option<AdministratorId>,
    reason: Option<String>,
) -> Result<Vec<ApprovalEvent>, ApprovalRefusal> {
    if by.is_some() && by != known.requested.matter.requested_by {
        return Err(ApprovalRefusal::NotYours);
    }
    match known.status {
        ApprovalStatus::Pending => {}
        ApprovalStatus::Withdrawn => return Ok(vec![]),
        ended => return Err(ApprovalRefusal::Over(ended)),
    }
    if let Some(reason) = &reason {
        text("#/reason", reason)?;
    }
    Ok(vec![ApprovalWithdrawn { matter: known.matter(), by, reason }.into()])
}

/// Words that people read: some, and not too many.
fn text(pointer: &str, words: &str) -> Result<(), ApprovalRefusal> {
    if words.trim().is_empty() {
        let violation = contracts::Violation::at(pointer, "empty_text", "say something");
        return Err(ApprovalRefusal::Text(violation.into()));
    }
    check_text(pointer, words, LONGEST)
        .map_or(Ok(()), |violation| Err(ApprovalRefusal::Text(violation.into())))
}

#[cfg(test)]
mod tests;
