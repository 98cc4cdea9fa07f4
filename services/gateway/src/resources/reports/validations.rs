//! Domain validation (P13): every domain with whoever may use it, how control was proved and how long that counts.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{
    DomainId, OrganizationId, Permission, Problem, Timestamp,
    directory::{
        DelegationStatus, DelegationView, DomainStatus, DomainValidationStatus, DomainValidationView,
        DomainView, ValidationMethod,
    },
    x509::CertificateType,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{every, reports_on, word};
use crate::{
    answer::Answer,
    call::Call,
    position,
    report::{self, Row},
    resources::{
        domains::{DELEGATIONS, DOMAINS},
        validations::VALIDATIONS,
    },
};

/// A domain, for an organization, by one method.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validated {
    /// The domain.
    domain_id: DomainId,
    /// Its name as people write it.
    domain: String,
    /// Whether names under it may be certified.
    domain_status: DomainStatus,
    /// Whose; `null`: delegated to nobody.
    organization_id: Option<OrganizationId>,
    /// Whether it is delegated to the organization or its departments; `null`: nobody asked for it.
    delegation: Option<DelegationStatus>,
    /// The types of certificates that it is delegated for; where it is not, those that were asked for.
    types: Vec<CertificateType>,
    /// How control is proved; `null`: it was never begun.
    method: Option<ValidationMethod>,
    /// Where that stands; `null`: it was never begun.
    status: Option<DomainValidationStatus>,
    /// Whether it counts for names below the domain and wildcards, too.
    covers_names_below: bool,
    /// When control was last proved.
    validated_at: Option<Timestamp>,
    /// How long that may be relied on.
    valid_until: Option<Timestamp>,
    /// When the proof is looked for next.
    next_attempt_at: Option<Timestamp>,
    /// Why it was not found last.
    reason: Option<String>,
}

impl Row for Validated {
    fn columns() -> Vec<&'static str> {
        vec![
            "domainId",
            "domain",
            "domainStatus",
            "organizationId",
            "delegation",
            "types",
            "method",
            "status",
            "coversNamesBelow",
            "validatedAt",
            "validUntil",
            "nextAttemptAt",
            "reason",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let types: Vec<&str> = self.types.iter().map(|kind| kind.as_str()).collect();
        vec![
            self.domain_id.to_string(),
            self.domain.clone(),
            word(&self.domain_status),
            self.organization_id.map(|id| id.to_string()).unwrap_or_default(),
            self.delegation.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            types.join(" "),
            self.method.as_ref().map(word).unwrap_or_default(),
            self.status.as_ref().map(word).unwrap_or_default(),
            self.covers_names_below.to_string(),
            time(self.validated_at),
            time(self.valid_until),
            time(self.next_attempt_at),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

/// Answers with the report.
pub async fn run(call: Call) -> Result<Answer, Problem> {
    let only = super::organization(&call)?;
    position::wait(&call, DOMAINS.service).await?;
    let caller = call.caller()?;
    let domains: Vec<DomainView> = every(&call, &DOMAINS, Permission::DomainRead, "name, id").await?;
    let mut delegations: Vec<DelegationView> =
        every(&call, &DELEGATIONS, Permission::DomainRead, "created_at, id").await?;
    let mut validations: Vec<DomainValidationView> =
        every(&call, &VALIDATIONS, Permission::DomainRead, "created_at, id").await?;
    let shown = |organization| reports_on(caller, Some(organization));
    delegations.retain(|delegation| shown(delegation.organization_id));
    validations.retain(|validation| shown(validation.organization_id));
    let everybodys = only.is_none() && reports_on(caller, None);
    let rows = domains.into_iter().flat_map(|domain| rows(&domain, &delegations, &validations, everybodys));
    report::answer(&call, "domain-validation", rows.collect(), None)
}

/// The rows of a domain: for each organization the last validation by each method, or that there is none.
fn rows(
    domain: &DomainView,
    delegations: &[DelegationView],
    validations: &[DomainValidationView],
    undelegated: bool,
) -> Vec<Validated> {
    let mut types: BTreeMap<OrganizationId, Delegated> = BTreeMap::new();
    for delegation in delegations.iter().filter(|delegation| delegation.domain_id == domain.id) {
        types.entry(delegation.organization_id).or_default().add(delegation);
    }
    let mut last: BTreeMap<OrganizationId, BTreeMap<String, &DomainValidationView>> = BTreeMap::new();
    for validation in validations.iter().filter(|validation| validation.domain_id == domain.id) {
        types.entry(validation.organization_id).or_default();
        last.entry(validation.organization_id).or_default().insert(word(&validation.method), validation);
    }
    let empty = Validated {
        domain_id: domain.id,
        domain: domain.display_name.clone(),
        domain_status: domain.status,
        organization_id: None,
        delegation: None,
        types: vec![],
        method: None,
        status: None,
        covers_names_below: false,
        validated_at: None,
        valid_until: None,
        next_attempt_at: None,
        reason: None,
    };
    if types.is_empty() {
        return if undelegated { vec![empty] } else { vec![] };
    }
    let of_organization = |(organization, delegated): (OrganizationId, Delegated)| {
        let row = Validated {
            organization_id: Some(organization),
            delegation: delegated.status,
            types: delegated.types.into_iter().collect(),
            ..empty.clone()
        };
        match last.get(&organization) {
            None => vec![row],
            Some(methods) => methods.values().map(|validation| with(row.clone(), validation)).collect(),
        }
    };
    types.into_iter().flat_map(of_organization).collect()
}

/// What an organization's delegations of a domain come to: one that counts outdoes those that wait, and these the refused.
#[derive(Default)]
struct Delegated {
    status: Option<DelegationStatus>,
    types: BTreeSet<CertificateType>,
}

impl Delegated {
    fn add(&mut self, delegation: &DelegationView) {
        let rank = |status| match status {
            None => 0,
            Some(DelegationStatus::Refused) => 1,
            Some(DelegationStatus::Requested) => 2,
            Some(DelegationStatus::Approved) => 3,
        };
        let its = Some(delegation.status);
        if rank(its) > rank(self.status) {
            (self.status, self.types) = (its, BTreeSet::new());
        }
        if its == self.status {
            self.types.extend(delegation.types.iter().copied());
        }
    }
}

fn with(row: Validated, validation: &DomainValidationView) -> Validated {
    Validated {
        method: Some(validation.method),
        status: Some(validation.status),
        covers_names_below: validation.covers_names_below,
        validated_at: validation.validated_at,
        valid_until: validation.valid_until,
        next_attempt_at: validation.next_attempt_at,
        reason: validation.reason.clone(),
        ..row
    }
}

/// An example of a row.
pub fn example() -> Value {
    json!({"domainId": "dom_01jdp4q2x8f7mb3v5kz6n9w0ae", "domain": "example.com", "domainStatus": "active",
        "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "delegation": "approved", "types": ["server"], "method": "dns_txt",
        "status": "validated", "coversNamesBelow": true, "validatedAt": "2026-11-21T09:00:00Z",
        "validUntil": "2027-06-09T09:00:00Z", "nextAttemptAt": "2027-05-10T09:00:00Z", "reason": null})
}
