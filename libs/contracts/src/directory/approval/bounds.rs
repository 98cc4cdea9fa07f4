//! What a rule about approvals may say.

use std::collections::HashSet;

use super::{ApprovalKind, ApprovalRule};
use crate::{Lifetime, Violation, labels::check_text};

/// Most approvals that anything can need.
const MOST: usize = 20;
/// The longest that an approval can take.
const LONGEST: Lifetime = Lifetime::days(365);
/// Most reminders.
const MOST_REMINDERS: usize = 10;
/// Most administrators, roles or automatic rules, and most values of one of those.
const MOST_NAMED: usize = 100;
/// Longest name of an automatic rule, and longest reason.
const LONGEST_NAME: usize = 100;
const LONGEST_REASON: usize = 1_000;

impl ApprovalRule {
    /// What of it is not allowed for acts of a kind; `pointer` is the rule's place, such as `#/approval`.
    #[must_use]
    pub fn violations(&self, pointer: &str, kind: ApprovalKind) -> Vec<Violation> {
        let at = |field: &str, code: &str, detail: String| {
            Violation::at(format!("{pointer}/{field}"), code, detail)
        };
        let mut errors = vec![];
        if usize::from(self.required) > MOST {
            let detail = format!("{} approvals; at most {MOST} are allowed", self.required);
            errors.push(at("required", "too_many", detail));
        }
        if let Some(named) = self.too_few() {
            let detail = format!("{} approvals, and the rule names {named} administrator(s)", self.required);
            errors.push(at("required", "too_few_approvers", detail));
        }
        if self.expires > LONGEST {
            let detail = format!("{} is too long; at most {LONGEST} is allowed", self.expires);
            errors.push(at("expires", "too_long", detail));
        }
        let escalated = self.escalate.as_ref().map(|later| &later.approvers);
        for (field, count, most) in [
            ("remind", self.remind.len(), MOST_REMINDERS),
            ("approvers/roles", self.approvers.roles.len(), MOST_NAMED),
            ("approvers/administrators", self.approvers.administrators.len(), MOST_NAMED),
            ("escalate/approvers/roles", escalated.map_or(0, |them| them.roles.len()), MOST_NAMED),
            (
                "escalate/approvers/administrators",
                escalated.map_or(0, |them| them.administrators.len()),
                MOST_NAMED,
            ),
            ("auto", self.auto.len(), MOST_NAMED),
        ] {
            if count > most {
                errors.push(at(field, "too_many", format!("{count} values; at most {most} are allowed")));
            }
        }
        if !self.auto.is_empty() && kind != ApprovalKind::CertificateRequest {
            let detail = "automatic rules are for certificate requests only";
            errors.push(at("auto", "not_applicable", detail.to_owned()));
        }
        errors.extend(self.automatic_violations(pointer));
        errors
    }

    /// How many administrators it names, where they are too few for the approvals that it asks for.
    #[must_use]
    pub fn too_few(&self) -> Option<usize> {
        self.most_approvals().filter(|named| usize::from(self.required) > *named)
    }

    fn automatic_violations(&self, pointer: &str) -> Vec<Violation> {
        let mut errors = vec![];
        for (index, rule) in self.auto.iter().enumerate() {
            let place = |field: &str| format!("{pointer}/auto/{index}/{field}");
            if rule.name.trim().is_empty() {
                errors.push(Violation::at(place("name"), "empty_text", "name the rule"));
            }
            errors.extend(check_text(&place("name"), &rule.name, LONGEST_NAME));
            let reason = rule.reason.as_deref().unwrap_or_default();
            errors.extend(check_text(&place("reason"), reason, LONGEST_REASON));
            for (field, count) in [
                ("profiles", rule.profiles.len()),
                ("names", rule.names.len()),
                ("requesters", rule.requesters.len()),
                ("roles", rule.roles.len()),
            ] {
                if count > MOST_NAMED {
                    let detail = format!("{count} values; at most {MOST_NAMED} are allowed");
                    errors.push(Violation::at(place(field), "too_many", detail));
                }
            }
        }
        errors
    }

    /// How many can approve at most; `None` where it does not name each of them.
    fn most_approvals(&self) -> Option<usize> {
        let later = self.escalate.as_ref().map(|later| &later.approvers);
        let all = || std::iter::once(&self.approvers).chain(later);
        let closed = all().all(|one| one.roles.is_empty() && !one.is_everybody());
        closed.then(|| all().flat_map(|one| &one.administrators).collect::<HashSet<_>>().len())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        AdministratorId,
        directory::{Approvers, AutomaticRule, Escalation},
    };

    const ANN: AdministratorId = AdministratorId(Uuid::from_u128(1));
    const BEN: AdministratorId = AdministratorId(Uuid::from_u128(2));

    fn by(administrators: &[AdministratorId]) -> Approvers {
        Approvers { administrators: administrators.to_vec(), ..Approvers::default() }
    }

    fn places(rule: &ApprovalRule, kind: ApprovalKind) -> Vec<(String, String)> {
        let errors = rule.violations("#/approval", kind).into_iter();
        errors.map(|error| (error.pointer.unwrap_or_default(), error.code)).collect()
    }

    #[test]
    fn a_rule_that_names_too_few_is_never_met() {
        let kind = ApprovalKind::CertificateRequest;
        let rule = |approvers, escalate| ApprovalRule { approvers, escalate, ..ApprovalRule::requiring(2) };
        let later = |approvers| Some(Escalation { after: Lifetime::days(1), approvers });
        let few = vec![("#/approval/required".to_owned(), "too_few_approvers".to_owned())];
        assert_eq!(places(&rule(by(&[ANN, ANN]), None), kind), few, "the same twice is one");
        assert_eq!(places(&rule(by(&[ANN]), later(by(&[ANN]))), kind), few);
        for enough in [
            rule(by(&[ANN, BEN]), None),
            rule(by(&[ANN]), later(by(&[BEN]))),
            rule(by(&[ANN]), later(Approvers::default())),
            rule(Approvers::default(), None),
            rule(Approvers { roles: vec!["master".parse().unwrap()], ..by(&[ANN]) }, None),
        ] {
            assert_eq!(places(&enough, kind), [], "{enough:?}");
        }
    }

    #[test]
    fn every_value_that_is_not_allowed_is_named() {
        let rule = ApprovalRule {
            expires: Lifetime::days(366),
            remind: vec![Lifetime::days(1); 11],
            auto: vec![AutomaticRule { names: vec!["*".into(); 101], ..AutomaticRule::default() }],
            ..ApprovalRule::requiring(21)
        };
        let found = places(&rule, ApprovalKind::Delegation);
        let expected = [
            ("required", "too_many"),
            ("expires", "too_long"),
            ("remind", "too_many"),
            ("auto", "not_applicable"),
            ("auto/0/name", "empty_text"),
            ("auto/0/names", "too_many"),
        ];
        assert_eq!(found, expected.map(|(field, code)| (format!("#/approval/{field}"), code.to_owned())));
    }
}
