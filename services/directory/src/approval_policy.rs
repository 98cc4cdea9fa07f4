//! An approval policy: which acts need how many approvals and by whom, in the installation or in an organization.

use std::collections::HashSet;

use contracts::{
    ApprovalId, Code, OrganizationId, Problem, Timestamp, Violation,
    directory::{
        ApprovalKind, ApprovalPolicyDropped, ApprovalPolicyEvent, ApprovalPolicyProposed,
        ApprovalPolicyReplaced, KindRule,
    },
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

/// One approval policy; empty at first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApprovalPolicy {
    /// At most one of each kind.
    pub rules: Vec<KindRule>,
    /// What is going to be, once it is approved.
    pub proposed: Option<(ApprovalId, Vec<KindRule>)>,
}

/// What may be asked of an approval policy.
#[derive(Clone, Debug)]
pub enum PolicyCommand {
    /// Let these rules count.
    Replace {
        /// Whose policy it is; `None` = the installation's.
        organization: Option<OrganizationId>,
        /// The rules.
        rules: Vec<KindRule>,
    },
    /// Let these rules count once they are approved; what was proposed before is dropped.
    Propose {
        /// Whose policy it is; `None` = the installation's.
        organization: Option<OrganizationId>,
        /// The rules.
        rules: Vec<KindRule>,
        /// The approval.
        approval: ApprovalId,
    },
    /// Let the rules count that were proposed under this approval.
    Accept {
        /// Whose policy it is; `None` = the installation's.
        organization: Option<OrganizationId>,
        /// The approval.
        approval: ApprovalId,
    },
    /// Forget what was proposed under this approval.
    Drop(ApprovalId),
}

/// Why a policy is not saved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{} value(s) of the approval policy are not allowed", .0.len())]
pub struct PolicyRefusal(pub Vec<Violation>);

impl From<PolicyRefusal> for Problem {
    fn from(refusal: PolicyRefusal) -> Self {
        Self::new(Code::ValidationFailed, refusal.to_string()).with_errors(refusal.0)
    }
}

impl Aggregate for ApprovalPolicy {
    type Command = PolicyCommand;
    type Event = ApprovalPolicyEvent;
    type Refusal = PolicyRefusal;

    fn decide(
        &self,
        command: PolicyCommand,
        _now: Timestamp,
    ) -> Result<Vec<ApprovalPolicyEvent>, PolicyRefusal> {
        Ok(match command {
            PolicyCommand::Replace { rules, .. } if rules == self.rules => vec![],
            PolicyCommand::Replace { organization, rules } => {
                check(&rules)?;
                let replaced =
                    ApprovalPolicyReplaced { organization_id: organization, rules, approval_id: None };
                self.dropped().into_iter().chain([replaced.into()]).collect()
            }
            PolicyCommand::Propose { rules, .. } if rules == self.rules => vec![],
            PolicyCommand::Propose { organization, rules, approval } => {
                check(&rules)?;
                let proposed =
                    ApprovalPolicyProposed { organization_id: organization, rules, approval_id: approval };
                self.dropped().into_iter().chain([proposed.into()]).collect()
            }
            PolicyCommand::Accept { organization, approval } => match &self.proposed {
                Some((waiting, rules)) if *waiting == approval => vec![
                    ApprovalPolicyReplaced {
                        organization_id: organization,
                        rules: rules.clone(),
                        approval_id: Some(approval),
                    }
                    .into(),
                ],
                _ => vec![],
            },
            PolicyCommand::Drop(approval) => match &self.proposed {
                Some((waiting, _)) if *waiting == approval => {
                    vec![ApprovalPolicyDropped { approval_id: approval }.into()]
                }
                _ => vec![],
            },
        })
    }

    fn evolve(self, event: ApprovalPolicyEvent) -> Self {
        match event {
            ApprovalPolicyEvent::Replaced(replaced) => Self { rules: replaced.rules, proposed: None },
            ApprovalPolicyEvent::Proposed(proposed) => {
                Self { proposed: Some((proposed.approval_id, proposed.rules)), ..self }
            }
            ApprovalPolicyEvent::Dropped(_) => Self { proposed: None, ..self },
        }
    }

    fn describe(&self) -> Value {
        json!({"rules": self.rules})
    }
}

impl ApprovalPolicy {
    fn dropped(&self) -> Option<ApprovalPolicyEvent> {
        self.proposed.as_ref().map(|(approval, _)| ApprovalPolicyDropped { approval_id: *approval }.into())
    }
}

fn check(rules: &[KindRule]) -> Result<(), PolicyRefusal> {
    let mut seen = HashSet::new();
    let errors: Vec<Violation> =
        rules.iter().enumerate().flat_map(|(at, rule)| violations(at, rule, &mut seen)).collect();
    if errors.is_empty() { Ok(()) } else { Err(PolicyRefusal(errors)) }
}

fn violations(at: usize, rule: &KindRule, seen: &mut HashSet<ApprovalKind>) -> Vec<Violation> {
    let KindRule { kind, rule } = rule;
    let mut errors = vec![];
    if !seen.insert(*kind) {
        let detail = format!("there is a rule for '{}' already", kind.as_str());
        errors.push(Violation::at(format!("#/rules/{at}/kind"), "duplicate", detail));
    }
    errors.extend(rule.violations(&format!("#/rules/{at}/rule"), *kind));
    errors
}

#[cfg(test)]
mod tests {
    use contracts::directory::{ApprovalRule, AutomaticRule};
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));
    const FIRST: ApprovalId = ApprovalId(Uuid::from_u128(1));
    const SECOND: ApprovalId = ApprovalId(Uuid::from_u128(2));

    fn rules(required: u8) -> Vec<KindRule> {
        vec![KindRule { kind: ApprovalKind::CaCreation, rule: ApprovalRule::requiring(required) }]
    }

    fn replaced(required: u8, approval_id: Option<ApprovalId>) -> ApprovalPolicyEvent {
        ApprovalPolicyReplaced { organization_id: None, rules: rules(required), approval_id }.into()
    }

    fn proposed(required: u8, approval_id: ApprovalId) -> ApprovalPolicyEvent {
        ApprovalPolicyProposed { organization_id: None, rules: rules(required), approval_id }.into()
    }

    fn dropped(approval_id: ApprovalId) -> ApprovalPolicyEvent {
        ApprovalPolicyDropped { approval_id }.into()
    }

    fn propose(required: u8, approval: ApprovalId) -> PolicyCommand {
        PolicyCommand::Propose { organization: None, rules: rules(required), approval }
    }

    fn accept(approval: ApprovalId) -> PolicyCommand {
        PolicyCommand::Accept { organization: None, approval }
    }

    #[test]
    fn what_is_proposed_counts_once_it_is_approved() {
        given::<ApprovalPolicy>([]).when(propose(1, FIRST), NOON).then([proposed(1, FIRST)]);
        let waits = || given::<ApprovalPolicy>([proposed(1, FIRST)]);
        waits().when(accept(FIRST), NOON).then([replaced(1, Some(FIRST))]);
        waits().when(PolicyCommand::Drop(FIRST), NOON).then([dropped(FIRST)]);
        waits().when(accept(SECOND), NOON).changes_nothing();
        given::<ApprovalPolicy>([proposed(1, FIRST), replaced(1, Some(FIRST))])
            .when(accept(FIRST), NOON)
            .changes_nothing();
    }

    #[test]
    fn a_later_proposal_takes_the_place_of_an_earlier_one() {
        given::<ApprovalPolicy>([proposed(1, FIRST)])
            .when(propose(2, SECOND), NOON)
            .then([dropped(FIRST), proposed(2, SECOND)]);
        given::<ApprovalPolicy>([replaced(1, None)]).when(propose(1, FIRST), NOON).changes_nothing();
    }

    #[test]
    fn every_value_that_is_not_allowed_is_named() {
        let mut many = [rules(21), rules(1)].concat();
        many[0].rule.auto = vec![AutomaticRule { name: "r".into(), ..AutomaticRule::default() }];
        let replace = PolicyCommand::Replace { organization: None, rules: many };
        let Err(PolicyRefusal(errors)) = ApprovalPolicy::default().decide(replace, NOON) else {
            panic!("saved")
        };
        let places: Vec<_> = errors.iter().filter_map(|error| error.pointer.as_deref()).collect();
        assert_eq!(places, ["#/rules/0/rule/required", "#/rules/0/rule/auto", "#/rules/1/kind"]);
    }
}
