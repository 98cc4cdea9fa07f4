//! How many approvals an act needs: one pure function over the rules that are about it.

use std::collections::HashMap;

use contracts::{
    Code, OrganizationId, Problem,
    directory::{ApprovalKind, ApprovalPolicyEvent, ApprovalRule, KindRule},
};
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

/// Whether a rule can be met: rules that can each be met may together name fewer than they ask for. Errors:
/// `invalid_state`.
pub fn can_be_met(rule: &ApprovalRule) -> Result<(), Problem> {
    let Some(named) = rule.too_few() else { return Ok(()) };
    let words = format!(
        "the approval rules about this ask together for {} approvals, and name {named} administrator(s) who may approve: \
         one of the rules has to change first",
        rule.required
    );
    Err(Problem::new(Code::InvalidState, words))
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

impl ApprovalPolicies {
    /// Follows an event.
    pub fn apply(&mut self, event: ApprovalPolicyEvent) {
        match event {
            ApprovalPolicyEvent::Replaced(replaced) => {
                self.0
                    .insert(replaced.organization_id.unwrap_or(OrganizationId::INSTALLATION), replaced.rules);
            }
            ApprovalPolicyEvent::Proposed(_) | ApprovalPolicyEvent::Dropped(_) => {}
        }
    }

    /// That of an organization.
    #[must_use]
    pub fn of(&self, organization: OrganizationId) -> &[KindRule] {
        self.0.get(&organization).map_or(&[], Vec::as_slice)
    }

    /// Whether rules can be met beside the policies of others: an organization's beside the installation's, those of the
    /// installation beside each organization's. Errors: `invalid_state`.
    pub fn can_be_met_with(&self, owner: OrganizationId, rules: &[KindRule]) -> Result<(), Problem> {
        let installation = OrganizationId::INSTALLATION;
        let beside = self.0.iter().filter(|(other, _)| (**other == installation) != (owner == installation));
        for (kind, others) in
            ApprovalKind::ALL.iter().flat_map(|kind| beside.clone().map(move |(_, one)| (kind, one)))
        {
            let (organization, installation) =
                if owner == installation { (others.as_slice(), rules) } else { (rules, others.as_slice()) };
            let both = rule(*kind, Rules { organization, installation, ..Rules::default() });
            both.as_ref().map_or(Ok(()), can_be_met)?;
        }
        Ok(())
    }

    /// That of the installation.
    #[must_use]
    pub fn installation(&self) -> &[KindRule] {
        self.of(OrganizationId::INSTALLATION)
    }
}

#[cfg(test)]
mod tests {
    use contracts::{
        AdministratorId, Lifetime,
        directory::{Approvers, AutomaticRule, BuiltInRole, Role},
    };

    use super::*;
    use uuid::Uuid;

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
    fn rules_that_name_too_few_together_are_told() {
        let maud = AdministratorId(Uuid::from_u128(1));
        let named = Approvers { administrators: vec![maud], ..Approvers::default() };
        let by_maud = ApprovalRule { approvers: named, ..ApprovalRule::requiring(1) };
        assert_eq!(can_be_met(&by_maud), Ok(()));
        assert_eq!(can_be_met(&ApprovalRule::requiring(3)), Ok(()));
        let both = together(vec![ApprovalRule::requiring(3), by_maud]).unwrap();
        let refused = can_be_met(&both).unwrap_err();
        assert_eq!(refused.code, Code::InvalidState);
        assert!(refused.detail.contains("3 approvals, and name 1 "), "{refused}");
    }

    #[test]
    fn a_policy_about_other_kinds_says_nothing() {
        let other = [KindRule { kind: ApprovalKind::Delegation, rule: ApprovalRule::requiring(5) }];
        let rules = Rules { organization: &other, ..Rules::default() };
        assert_eq!(rule(ApprovalKind::CaCreation, rules), None);
    }
}
