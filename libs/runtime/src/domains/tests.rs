use contracts::{
    DepartmentId, OrganizationId,
    directory::{
        DomainCreated, DomainDeactivated, DomainDelegated, DomainDelegationApproved, DomainDelegationRefused,
        DomainDelegationRequested, DomainDelegationWithdrawn, DomainUpdated,
    },
    x509::CertificateType::{Client, CodeSigning, Server},
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const HQ: OrganizationId = OrganizationId(Uuid::from_u128(1));
const SHOP: OrganizationId = OrganizationId(Uuid::from_u128(2));
const WEB: Delegate = Delegate { organization_id: HQ, department_id: Some(DepartmentId(Uuid::from_u128(3))) };

/// A log of domains, in which each is known by its name.
#[derive(Default)]
struct Told(Domains);

impl Told {
    fn domain(mut self, name: &str, types: &[CertificateType]) -> Self {
        let id = DomainId(Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes()));
        let created = DomainCreated { id, name: name.into(), description: None, types: types.into() };
        self.0.take(id, created.into());
        self
    }

    fn then(mut self, name: &str, event: impl Into<DomainEvent>) -> Self {
        let id = self.0.by_name[name];
        self.0.take(id, event.into());
        self
    }

    fn delegated(self, name: &str, to: impl Into<Delegate>, types: &[CertificateType]) -> Self {
        self.then(name, DomainDelegated { delegate: to.into(), types: types.into() })
    }

    /// Which domain lets a name be certified, or the code of the refusal.
    fn asked(
        &self,
        to: impl Into<Delegate>,
        kind: CertificateType,
        name: &str,
    ) -> Result<&str, &'static str> {
        match self.0.may_name(to.into(), kind, name) {
            Ok(domain) => Ok(&domain.name),
            Err(refusal) => Err(refusal.code()),
        }
    }
}

fn example() -> Told {
    Told::default().domain("example.com", &[Server, Client]).delegated("example.com", HQ, &[Server, Client])
}

#[test]
fn each_refusal_has_its_code() {
    let told = example()
        .domain("off.example", &[Server])
        .delegated("off.example", HQ, &[Server])
        .then("off.example", DomainDeactivated::default())
        .domain("theirs.example", &[Server])
        .delegated("theirs.example", SHOP, &[Server]);
    for (organization, kind, name, expected) in [
        (HQ, Server, "example.com", Ok("example.com")),
        (HQ, Client, "a.b.example.com", Ok("example.com")),
        (HQ, Server, "*.example.com", Ok("example.com")),
        (HQ, Server, "WWW.Example.COM", Ok("example.com")),
        (HQ, Server, "www.example.com.", Ok("example.com")),
        (OrganizationId(Uuid::from_u128(9)), Server, "example.com", Err("organization_without_domain")),
        (HQ, Server, "www.off.example", Err("domain_inactive")),
        (HQ, Server, "www.theirs.example", Err("domain_not_delegated")),
        (HQ, Server, "badexample.com", Err("domain_not_delegated")),
        (HQ, Server, "example.com.attacker.test", Err("domain_not_delegated")),
        (HQ, Server, "com", Err("domain_not_delegated")),
        (HQ, Server, "*.com", Err("domain_not_delegated")),
        (HQ, Server, "", Err("domain_not_delegated")),
        (HQ, CodeSigning, "www.example.com", Err("certificate_type_not_allowed")),
        (SHOP, Server, "www.theirs.example", Ok("theirs.example")),
        (SHOP, Client, "www.theirs.example", Err("certificate_type_not_allowed")),
        (SHOP, Server, "www.off.example", Err("domain_not_delegated")),
    ] {
        assert_eq!(told.asked(organization, kind, name), expected, "{name} {kind:?}");
    }
}

#[test]
fn the_most_specific_domain_decides() {
    let told = Told::default()
        .domain(EVERY_NAME, &[Server])
        .delegated(EVERY_NAME, HQ, &[Server])
        .domain("example.com", &[Server])
        .delegated("example.com", SHOP, &[Server])
        .domain("hq.example.com", &[Server])
        .delegated("hq.example.com", HQ, &[Server]);
    assert_eq!(told.asked(HQ, Server, "anything.test"), Ok(EVERY_NAME));
    assert_eq!(told.asked(HQ, Server, "www.example.com"), Err("domain_not_delegated"));
    assert_eq!(told.asked(HQ, Server, "www.hq.example.com"), Ok("hq.example.com"));
    assert_eq!(told.asked(SHOP, Server, "www.example.com"), Ok("example.com"));
    assert_eq!(told.asked(SHOP, Server, "www.hq.example.com"), Err("domain_not_delegated"));
    // An escaped host is not taken for one that nobody thought of.
    assert_eq!(told.asked(HQ, Server, "www%2Eexample.com"), Err("domain_not_delegated"));
}

#[test]
fn a_wildcard_covers_no_domain_of_others() {
    let told = example().domain("bank.example.com", &[Server]);
    assert_eq!(told.asked(HQ, Server, "*.example.com"), Err("domain_not_delegated"));
    assert_eq!(told.asked(HQ, Server, "www.example.com"), Ok("example.com"));
    assert_eq!(told.asked(HQ, Server, "*.www.example.com"), Ok("example.com"));
    let told = told.delegated("bank.example.com", HQ, &[Server]);
    assert_eq!(told.asked(HQ, Server, "*.example.com"), Ok("example.com"));
    assert_eq!(told.asked(HQ, Client, "*.example.com"), Err("domain_not_delegated"), "it is for servers");
    let told = told.then("bank.example.com", DomainDeactivated::default());
    assert_eq!(told.asked(HQ, Server, "*.example.com"), Err("domain_not_delegated"));
}

#[test]
fn a_refusal_names_no_domain_of_others() {
    let told = example().domain("theirs.example", &[Server]).delegated("theirs.example", SHOP, &[Server]);
    let refused = |told: &Told| told.0.may_name(HQ.into(), Server, "www.theirs.example").unwrap_err();
    let not_delegated = |requested: Option<&str>| DomainRefusal::NotDelegated {
        name: "www.theirs.example".into(),
        requested: requested.map(Into::into),
        allowed: vec!["example.com".into()],
    };
    assert_eq!(refused(&told), not_delegated(None));
    let request = DomainDelegationRequested { delegate: HQ.into(), types: vec![Server] };
    assert_eq!(refused(&told.then("theirs.example", request)), not_delegated(Some("theirs.example")));
}

#[test]
fn what_is_asked_for_counts_once_it_is_approved() {
    let types = vec![Server];
    let (name, delegate) = ("example.org", Delegate::from(HQ));
    let told = example()
        .domain(name, &types)
        .then(name, DomainDelegationRequested { delegate, types: types.clone() });
    assert_eq!(told.asked(HQ, Server, name), Err("domain_not_delegated"));
    let told = told.then(name, DomainDelegationRefused { delegate, reason: "not ours".into() });
    assert_eq!(told.asked(HQ, Server, name), Err("domain_not_delegated"));
    let told = told.then(name, DomainDelegationApproved { delegate, types });
    assert_eq!(told.asked(HQ, Server, name), Ok(name));
    let told = told.then(name, DomainDelegationRequested { delegate, types: vec![Client] });
    assert_eq!(told.asked(HQ, Server, name), Ok(name), "asking for more takes nothing away");
}

#[test]
fn a_department_has_no_more_than_its_organization() {
    let told = example().delegated("example.com", WEB, &[Server]);
    assert_eq!(told.asked(WEB, Server, "example.com"), Ok("example.com"));
    assert_eq!(told.asked(WEB, Client, "example.com"), Err("certificate_type_not_allowed"));
    let narrowed = told.delegated("example.com", HQ, &[Client]);
    assert_eq!(narrowed.asked(WEB, Server, "example.com"), Err("certificate_type_not_allowed"));
    let withdrawn = DomainDelegationWithdrawn { delegate: HQ.into(), reason: None };
    let gone = narrowed.then("example.com", withdrawn).delegated("example.com", HQ, &[Server]);
    assert_eq!(gone.asked(WEB, Server, "example.com"), Err("organization_without_domain"));
}

#[test]
fn a_type_that_the_domain_loses_is_lost_to_all() {
    let told = example().then("example.com", DomainUpdated { description: None, types: vec![Client] });
    assert_eq!(told.asked(HQ, Server, "example.com"), Err("certificate_type_not_allowed"));
    assert_eq!(told.asked(HQ, Client, "example.com"), Ok("example.com"));
}

#[test]
fn whoever_loses_the_last_domain_has_none() {
    let withdrawn = DomainDelegationWithdrawn { delegate: HQ.into(), reason: None };
    let told = example().then("example.com", withdrawn);
    assert_eq!(told.asked(HQ, Server, "example.com"), Err("organization_without_domain"));
    assert_eq!(told.0.may_order(HQ.into()), Err(DomainRefusal::NoDomain));
}

proptest! {
    /// Against the definition: equal, or a subdomain on a label border; of several the longest.
    #[test]
    fn the_walk_finds_what_the_definition_says(
        domains in prop::collection::btree_set("[ab]{1,2}(\\.[ab]{1,2}){0,3}", 0..6),
        name in "(\\*\\.)?[abAB]{1,2}(\\.[abAB]{1,2}){0,4}",
    ) {
        let told = domains.iter().fold(Told::default(), |told, domain| told.domain(domain, &[Server]));
        let lower = name.to_ascii_lowercase();
        let lower = lower.strip_prefix("*.").unwrap_or(&lower);
        let under = |domain: &&String| lower == domain.as_str() || lower.ends_with(&format!(".{domain}"));
        let expected = domains.iter().filter(under).max_by_key(|domain| domain.len());
        prop_assert_eq!(told.0.most_specific(&name).map(|domain| &domain.name), expected);
    }

    /// Nothing that anybody sends is a panic.
    #[test]
    fn any_text_is_answered(name in ".{0,40}") {
        let told = example();
        _ = told.0.may_name(HQ.into(), Server, &name);
    }
}
