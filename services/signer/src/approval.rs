//! What a certificate request needs before it is signed: nothing, the word of an automatic rule, or approvals.

use bus::Context;
use contracts::{
    AdministratorId, OrganizationId, ProfileId,
    directory::{ApprovalKind, ApprovalRule, AutomaticRule, Role, UnmatchedRule},
    x509::SubjectAltName,
};
use pki::policy::san_matches;
use runtime::{approvals, authority::Target};

use crate::{catalog::Catalog, certificate_request::Submit, signer::Signer};

/// What an act needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Nothing more: a rule approves it.
    Automatic {
        /// The rule's name.
        rule: String,
        /// Why that is safe.
        reason: Option<String>,
    },
    /// The word of so many administrators.
    Approvals {
        /// How many, and whose.
        rule: ApprovalRule,
        /// Why no automatic rule approves it.
        unmatched: Vec<UnmatchedRule>,
    },
}

/// What automatic rules look at.
pub struct Asked<'a> {
    /// The profile.
    pub profile: ProfileId,
    /// Every name that the certificate will carry.
    pub names: &'a [SubjectAltName],
    /// Who asks.
    pub requester: Option<AdministratorId>,
    /// Whether who asks holds one of these roles where it is asked.
    pub holds: &'a dyn Fn(&[Role]) -> bool,
}

/// What a request needs by the rules that ask for approvals of it. It is approved at once if each of them has an automatic
/// rule that says so: none excuses what another one asks for.
#[must_use]
pub fn need(asking: Vec<ApprovalRule>, asked: &Asked<'_>) -> Need {
    let (mut passed, mut unmatched) = (vec![], vec![]);
    for rule in &asking {
        for automatic in &rule.auto {
            match misfit(automatic, asked) {
                None => {
                    passed.push(automatic.clone());
                    break;
                }
                Some(why) => unmatched.push(UnmatchedRule { rule: automatic.name.clone(), why }),
            }
        }
    }
    let every_one = passed.len() == asking.len();
    match approvals::together(asking) {
        None => Need::Nothing,
        Some(_) if every_one => {
            let names: Vec<&str> = passed.iter().map(|rule| rule.name.as_str()).collect();
            let reason = passed.iter().find_map(|rule| rule.reason.clone());
            Need::Automatic { rule: names.join(", "), reason }
        }
        Some(rule) => Need::Approvals { rule, unmatched },
    }
}

/// What of an automatic rule does not hold. A rule that names nothing holds for nobody.
fn misfit(rule: &AutomaticRule, asked: &Asked<'_>) -> Option<String> {
    let AutomaticRule { profiles, names, requesters, roles, .. } = rule;
    if profiles.is_empty() && names.is_empty() && requesters.is_empty() && roles.is_empty() {
        return Some("it names no condition".to_owned());
    }
    if !profiles.is_empty() && !profiles.contains(&asked.profile) {
        return Some("it is for other certificate profiles".to_owned());
    }
    if !names.is_empty() {
        if asked.names.is_empty() {
            return Some("the request has no names".to_owned());
        }
        let fits = |name: &SubjectAltName| names.iter().any(|pattern| fits(pattern, name));
        if let Some(name) = asked.names.iter().find(|name| !fits(name)) {
            return Some(format!("'{name}' fits none of its patterns"));
        }
    }
    if !requesters.is_empty() && !asked.requester.is_some_and(|who| requesters.contains(&who)) {
        return Some("somebody else asks".to_owned());
    }
    if !roles.is_empty() && !(asked.holds)(roles) {
        return Some("who asks holds none of its roles here".to_owned());
    }
    None
}

/// Whether a name fits a pattern. A pattern for hosts says nothing of mailboxes and URIs that end like it.
fn fits(pattern: &str, name: &SubjectAltName) -> bool {
    let of_its_kind = match name {
        SubjectAltName::Dns(_) | SubjectAltName::Ip(_) => true,
        SubjectAltName::Email(_) => pattern.contains('@'),
        SubjectAltName::Uri(_) => pattern.contains("://"),
    };
    of_its_kind && san_matches(pattern, name)
}

impl Signer {
    /// What a certificate request needs.
    pub(crate) fn need(&self, context: &Context, submit: &Submit) -> Need {
        let profile = submit.rules.profile.approval.as_ref();
        let asking = self.asking(context.tenant, ApprovalKind::CertificateRequest, profile);
        if asking.is_empty() {
            return Need::Nothing;
        }
        let requester = submit.belongs.requested_by;
        let target =
            Target::certificate(context.tenant, &submit.belongs, Some(submit.rules.profile_id), None);
        let holds =
            |roles: &[Role]| requester.is_some_and(|who| self.authority.holds_any(who, roles, &target));
        let names = submit.applicant.every_name();
        let asked = Asked { profile: submit.rules.profile_id, names: &names, requester, holds: &holds };
        need(asking, &asked)
    }

    /// The rule by which an act of an organization needs approval.
    pub(crate) fn approval_rule(
        &self,
        organization: OrganizationId,
        kind: ApprovalKind,
    ) -> Option<ApprovalRule> {
        approvals::together(self.asking(organization, kind, None))
    }

    /// The rules that ask for approvals of an act of an organization.
    fn asking(
        &self,
        organization: OrganizationId,
        kind: ApprovalKind,
        profile: Option<&ApprovalRule>,
    ) -> Vec<ApprovalRule> {
        self.catalog.read(|catalog: &Catalog| {
            let policies = catalog.approval_policies();
            let rules = approvals::Rules {
                profile,
                organization: policies.of(organization),
                installation: policies.installation(),
                production: self.production,
            };
            approvals::asking(kind, rules)
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const ALICE: AdministratorId = AdministratorId(Uuid::from_u128(1));
    const WEB: ProfileId = ProfileId(Uuid::from_u128(2));

    fn dns(name: &str) -> SubjectAltName {
        SubjectAltName::Dns(name.into())
    }

    fn automatic(change: impl FnOnce(&mut AutomaticRule)) -> AutomaticRule {
        let mut rule = AutomaticRule { name: "internal".into(), ..AutomaticRule::default() };
        change(&mut rule);
        rule
    }

    /// The words of what does not hold; empty when the rule approves.
    fn verdict(rule: AutomaticRule, names: &[SubjectAltName], requester: Option<AdministratorId>) -> String {
        let holds = |roles: &[Role]| roles.iter().any(|role| role.to_string() == "requester");
        let asked = Asked { profile: WEB, names, requester, holds: &holds };
        match need(vec![ApprovalRule { auto: vec![rule], ..ApprovalRule::requiring(1) }], &asked) {
            Need::Automatic { rule, .. } => {
                assert_eq!(rule, "internal");
                String::new()
            }
            Need::Approvals { unmatched, .. } => unmatched[0].why.clone(),
            Need::Nothing => panic!("a rule was given"),
        }
    }

    #[test]
    fn an_automatic_rule_approves_when_all_that_it_names_holds() {
        let names = [dns("a.corp.example"), dns("b.corp.example")];
        let outside = [dns("a.corp.example"), dns("a.example")];
        let mailbox = [SubjectAltName::Email("eve@x.corp.example".into())];
        let patterns = |rule: &mut AutomaticRule| rule.names = vec!["*.corp.example".into()];
        let other = ProfileId(Uuid::from_u128(9));
        let role = |word: &str| vec![word.parse::<Role>().unwrap()];
        let table: Vec<(AutomaticRule, &[SubjectAltName], Option<AdministratorId>, &str)> = vec![
            (automatic(|_| ()), &names, Some(ALICE), "it names no condition"),
            (automatic(patterns), &names, None, ""),
            (automatic(patterns), &outside, None, "'a.example' fits none of its patterns"),
            (automatic(patterns), &[], None, "the request has no names"),
            (automatic(patterns), &mailbox, None, "'eve@x.corp.example' fits none of its patterns"),
            (automatic(|r| r.profiles = vec![WEB]), &outside, None, ""),
            (automatic(|r| r.profiles = vec![other]), &names, None, "it is for other certificate profiles"),
            (automatic(|r| r.requesters = vec![ALICE]), &names, Some(ALICE), ""),
            (automatic(|r| r.requesters = vec![ALICE]), &names, None, "somebody else asks"),
            (automatic(|r| r.roles = role("requester")), &names, Some(ALICE), ""),
            (
                automatic(|r| r.roles = role("master")),
                &names,
                Some(ALICE),
                "who asks holds none of its roles here",
            ),
            (
                automatic(|r| {
                    patterns(r);
                    r.requesters = vec![ALICE];
                }),
                &names,
                None,
                "somebody else asks",
            ),
        ];
        for (rule, names, requester, expected) in table {
            assert_eq!(verdict(rule.clone(), names, requester), expected, "{rule:?}");
        }
    }

    #[test]
    fn each_rule_that_asks_has_to_let_it_pass() {
        let names = [dns("a.corp.example")];
        let asked = Asked { profile: WEB, names: &names, requester: None, holds: &|_| false };
        let passes = |name: &str| ApprovalRule {
            auto: vec![automatic(|rule| {
                rule.name = name.to_owned();
                rule.profiles = vec![WEB];
            })],
            ..ApprovalRule::requiring(1)
        };
        let strict = ApprovalRule::requiring(2);
        for asking in [vec![strict.clone(), passes("wide")], vec![passes("narrow"), strict.clone()]] {
            let expected = Need::Approvals { rule: strict.clone(), unmatched: vec![] };
            assert_eq!(need(asking, &asked), expected);
        }
        let both = need(vec![passes("narrow"), passes("wide")], &asked);
        assert_eq!(both, Need::Automatic { rule: "narrow, wide".into(), reason: None });
    }

    #[test]
    fn without_a_rule_nothing_is_needed() {
        let asked = Asked { profile: WEB, names: &[], requester: None, holds: &|_| false };
        assert_eq!(need(vec![], &asked), Need::Nothing);
    }
}
