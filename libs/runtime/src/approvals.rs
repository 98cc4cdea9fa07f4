//! How many approvals an act needs: one pure function over the rules that are about it.

use std::collections::HashMap;

use contracts::{
    OrganizationId,
    directory::{ApprovalKind, ApprovalPolicyEvent, ApprovalRule, KindRule},
};
use uuid::Uuid;

/// The rules that may be about an act, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// That of the certificate profile.
    pub profile: Option<&'a ApprovalRule>,
    /// The approval policy of the organization.
    pub organization: &'a [KindRule],
    /// The approval policy of the installation.
    pub installation: &'a [KindRule],
    /// Whether two persons are needed where nobody says otherwise (`server.production`).
    pub production: bool,
}

/// The rule by which an act needs approval; `None`: it needs none.
///
/// Every rule that is about it counts: a narrower one may ask for more than a wider one, never for less, and excuses
/// nothing that a wider one asks for. In production, CAs and policies need one approval when nobody asks for more.
#[must_use]
pub fn rule(kind: ApprovalKind, rules: Rules<'_>) -> Option<ApprovalRule> {
    together(asking(kind, rules))
}

/// The rules that ask for approvals of an act, from the narrowest to the widest.
#[must_use]
pub fn asking(kind: ApprovalKind, rules: Rules<'_>) -> Vec<ApprovalRule> {
    let of = |rules: &[KindRule]| rules.iter().find(|one| one.kind == kind).map(|one| one.rule.clone());
    let profile = rules.profile.filter(|_| kind == ApprovalKind::CertificateRequest).cloned();
    let two_persons = matches!(kind, ApprovalKind::CaCreation | ApprovalKind::PolicyChange);
    let strict = (rules.production && two_persons).then(|| ApprovalRule::requiring(1));
    [profile, of(rules.organization), of(rules.installation), strict]
        .into_iter()
        .flatten()
        .filter(|rule| rule.required > 0)
        .collect()
}

/// What rules ask for together, from the narrowest to the widest. Of several none approves anything at once: each has
/// automatic rules of its own.
#[must_use]
pub fn together(asking: Vec<ApprovalRule>) -> Option<ApprovalRule> {
    asking.into_iter().reduce(both)
}

/// What a narrower and a wider rule ask for together: as many as the one that asks for more, somebody else than who asks
/// if either says so, by the earlier end; and by whom the wider one names, or else the narrower one.
fn both(narrow: ApprovalRule, wide: ApprovalRule) -> ApprovalRule {
    let (approvers, escalate) = if wide.approvers.is_everybody() {
        (narrow.approvers, narrow.escalate)
    } else {
        (wide.approvers, wide.escalate)
    };
    ApprovalRule {
        required: narrow.required.max(wide.required),
        approvers,
        four_eyes: narrow.four_eyes || wide.four_eyes,
        expires: narrow.expires.min(wide.expires),
        remind: narrow.remind,
        escalate,
        auto: vec![],
    }
}

/// The approval policies of the installation and of organizations.
#[derive(Debug, Default)]
pub struct ApprovalPolicies(HashMap<OrganizationId, Vec<KindRule>>);

/// What belongs to the installation rather than to an organization.
pub const INSTALLATION: OrganizationId = OrganizationId(Uuid::nil());

impl ApprovalPolicies {
    /// Follows an event.
    pub fn apply(&mut self, event: ApprovalPolicyEvent) {
        match event {
            ApprovalPolicyEvent::Replaced(replaced) => {
                self.0.insert(replaced.organization_id.unwrap_or(INSTALLATION), replaced.rules);
            }
            ApprovalPolicyEvent::Proposed(_) | ApprovalPolicyEvent::Dropped(_) => {}
        }
    }

    /// That of an organization.
    #[must_use]
    pub fn of(&self, organization: OrganizationId) -> &[KindRule] {
        self.0.get(&organization).map_or(&[], Vec::as_slice)
    }

    /// That of the installation.
    #[must_use]
    pub fn installation(&self) -> &[KindRule] {
        self.of(INSTALLATION)
    }
}

#[cfg(test)]
mod tests {
    use contracts::{
        Lifetime,
        directory::{Approvers, AutomaticRule, BuiltInRole, Role},
    };

    use super::*;

    #[test]
    fn the_rule_that_asks_for_most_counts() {
        use ApprovalKind as K;
        let policy = |kind, required| vec![KindRule { kind, rule: ApprovalRule::requiring(required) }];
        let asks = |required| Some(ApprovalRule::requiring(required));
        // kind, profile, organization, installation, production → required
        let table = [
            (K::CertificateRequest, None, None, None, true, 0),
            (K::CertificateRequest, Some(2), None, None, false, 2),
            (K::CertificateRequest, Some(0), None, None, false, 0),
            (K::CertificateRequest, Some(0), Some(1), None, false, 1),
            (K::CertificateRequest, Some(1), None, Some(3), false, 3),
            (K::CertificateRequest, Some(3), Some(2), Some(1), false, 3),
            (K::CaCreation, Some(9), None, None, false, 0),
            (K::CaCreation, None, None, None, true, 1),
            (K::CaCreation, None, Some(2), None, true, 2),
            (K::CaCreation, None, Some(0), None, true, 1),
            (K::PolicyChange, None, None, None, true, 1),
            (K::PolicyChange, None, None, None, false, 0),
            (K::Delegation, None, None, None, true, 0),
            (K::Delegation, None, None, Some(2), false, 2),
            (K::Delegation, None, Some(1), Some(2), false, 2),
        ];
        for (kind, profile, organization, installation, production, required) in table {
            let profile = profile.and_then(asks);
            let organization = organization.map_or(vec![], |required| policy(kind, required));
            let installation = installation.map_or(vec![], |required| policy(kind, required));
            let rules = Rules {
                profile: profile.as_ref(),
                organization: &organization,
                installation: &installation,
                production,
            };
            let found = rule(kind, rules).map_or(0, |rule| rule.required);
            assert_eq!(found, required, "{kind:?} {rules:?}");
        }
    }

    #[test]
    fn a_narrower_rule_excuses_nothing_that_a_wider_one_asks_for() {
        let named = |role| Approvers { roles: vec![Role::BuiltIn(role)], administrators: vec![] };
        let passes = |name: &str| AutomaticRule { name: name.into(), ..AutomaticRule::default() };
        let narrow = ApprovalRule {
            four_eyes: false,
            approvers: named(BuiltInRole::Requester),
            expires: Lifetime::days(30),
            auto: vec![passes("all")],
            ..ApprovalRule::requiring(2)
        };
        let wide = ApprovalRule {
            approvers: named(BuiltInRole::Master),
            auto: vec![passes("internal names")],
            ..ApprovalRule::requiring(1)
        };
        let kind = ApprovalKind::CertificateRequest;
        let installation = [KindRule { kind, rule: wide.clone() }];
        let rules = Rules { profile: Some(&narrow), installation: &installation, ..Rules::default() };
        assert_eq!(rule(kind, rules), Some(ApprovalRule { required: 2, auto: vec![], ..wide.clone() }));
        // Where the wider one names nobody, the narrower one says by whom.
        let installation = [KindRule { kind, rule: ApprovalRule::requiring(1) }];
        let found = rule(kind, Rules { installation: &installation, ..rules });
        let expected = ApprovalRule { approvers: narrow.approvers.clone(), ..ApprovalRule::requiring(2) };
        assert_eq!(found, Some(expected));
        // Where it asks for nothing, the narrower one counts as it is.
        let installation = [KindRule { kind, rule: ApprovalRule::requiring(0) }];
        assert_eq!(rule(kind, Rules { installation: &installation, ..rules }), Some(narrow.clone()));
    }

    #[test]
    fn a_policy_about_other_kinds_says_nothing() {
        let other = [KindRule { kind: ApprovalKind::Delegation, rule: ApprovalRule::requiring(5) }];
        let rules = Rules { organization: &other, ..Rules::default() };
        assert_eq!(rule(ApprovalKind::CaCreation, rules), None);
    }
}
