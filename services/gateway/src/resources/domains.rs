//! `/domains` and their delegations. Callers who reach every organization see every domain; others those that are
//! delegated to their organization, or that it asked for, and of the delegations their own.

use contracts::{
    Code, DomainId, Event, Permission, Problem, Service,
    directory::{
        ActivateDomain, ApproveDelegation, CreateDomain, DeactivateDomain, DelegateDomain, DelegateReference,
        DelegationStatus, DelegationView, DomainEvent, DomainStatus, DomainView, RejectDelegation,
        UpdateDomain, WithdrawDelegation,
    },
    id::Reference,
    x509::CertificateType,
};
use http::StatusCode;
use pki::hostname;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Page, Reason, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    position,
    read::{self, Found},
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// Domains.
pub static DOMAINS: View = View {
    service: Service::Directory,
    name: "domain",
    kind: "domain",
    prefix: "dom",
    fields: &[
        Field::text("name", "name"),
        Field::text("displayName", "display_name"),
        Field::word::<DomainStatus>("status", "status"),
        Field::organizations("organizationId", "organizations"),
    ],
    document: view::part_of::<DomainView>,
    rights: Rights::Shared,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// Delegations.
pub static DELEGATIONS: View = View {
    service: Service::Directory,
    name: "domain_delegation",
    kind: "delegation",
    prefix: "",
    fields: &[
        Field::word::<DelegationStatus>("status", "status"),
        Field::text("requestedTypes", "requested_types").optional(),
        Field::id("domainId", "domain", "dom"),
        Field::text("domainName", "domain_name"),
        Field::id("departmentId", "department", "dep").optional(),
    ],
    document: view::part_of::<DelegationView>,
    rights: Rights::Shared,
    named: false,
    labelled: false,
    search: None,
    sort: "createdAt",
};

/// What changes; a missing field stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DomainChanges {
    /// New description.
    #[serde(default)]
    description: Option<String>,
    /// New types of certificates that may carry names under it.
    #[serde(default)]
    types: Option<Vec<CertificateType>>,
}

/// A delegation to make, or to ask for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewDelegation {
    /// To whom: an organization by id or name, or a department by id; missing: the caller's organization.
    #[serde(default)]
    delegate_to: Option<DelegateReference>,
    /// For these types of certificates; missing: every one that is possible.
    #[serde(default)]
    types: Option<Vec<CertificateType>>,
}

/// Why a request is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RefusalReason {
    /// Why, for whoever asked.
    reason: String,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operations = of_domains().into_iter().chain(of_delegations());
    operations.map(|operation| operation.tagged("Domains")).collect()
}

fn of_domains() -> Vec<Operation> {
    let (all, one) = ("/api/v1/domains", "/api/v1/domains/{id}");
    vec![
        DOMAINS
            .lists(Operation::get(all, "listDomains", "List domains"))
            .needs(Permission::DomainRead)
            .answers::<Page<DomainView>>(StatusCode::OK, "A page of domains.", page(domain()))
            .handled_by(list),
        Operation::post(all, "createDomain", "Create a domain, and delegate it")
            .needs(Permission::DomainWrite)
            .sensitive()
            .takes::<CreateDomain>(
                json!({"name": "example.com", "types": ["server", "client"], "delegateTo": ["name:hq"]}),
            )
            .answers::<DomainView>(StatusCode::CREATED, "The domain.", domain())
            .problems(&[Code::AlreadyExists, Code::InvalidState])
            .handled_by(create),
        DOMAINS
            .shows(Operation::get(one, "getDomain", "Show a domain"))
            .needs(Permission::DomainRead)
            .answers::<DomainView>(StatusCode::OK, "The domain.", domain())
            .handled_by(show),
        Operation::patch(one, "updateDomain", "Change a domain")
            .needs(Permission::DomainWrite)
            .sensitive()
            .takes::<DomainChanges>(json!({"types": ["server"]}))
            .answers::<DomainView>(StatusCode::OK, "The domain as it is now.", domain())
            .handled_by(update),
        Operation::get(
            "/api/v1/domains/{id}/timeline",
            "getDomainTimeline",
            "Show what happened to a domain",
        )
        .needs(Permission::DomainRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("domain.created"),
        )
        .handled_by(show_timeline),
        Operation::post(
            "/api/v1/domains/{id}/activate",
            "activateDomain",
            "Let names under a domain be certified again",
        )
        .needs(Permission::DomainWrite)
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "the transfer is done"}))
        .answers::<DomainView>(StatusCode::OK, "The domain as it is now.", domain())
        .handled_by(activate),
        Operation::post(
            "/api/v1/domains/{id}/deactivate",
            "deactivateDomain",
            "Let no name under a domain be certified, within a second everywhere",
        )
        .needs(Permission::DomainWrite)
        .sensitive()
        .if_match()
        .may_take::<Reason>(json!({"reason": "sold"}))
        .answers::<DomainView>(StatusCode::OK, "The domain as it is now.", domain())
        .handled_by(deactivate),
    ]
}

fn of_delegations() -> Vec<Operation> {
    let all = "/api/v1/domains/{id}/delegations";
    vec![
        DELEGATIONS
            .lists(Operation::get(
                "/api/v1/delegations",
                "listDelegations",
                "List the delegations of all domains",
            ))
            .needs(Permission::DomainRead)
            .answers::<Page<DelegationView>>(StatusCode::OK, "A page of delegations.", page(delegation()))
            .handled_by(|call| read::list(call, &DELEGATIONS)),
        DELEGATIONS
            .lists(Operation::get(all, "listDomainDelegations", "List a domain's delegations"))
            .needs(Permission::DomainRead)
            .answers::<Page<DelegationView>>(StatusCode::OK, "A page of delegations.", page(delegation()))
            .handled_by(list_delegations),
        Operation::post(all, "delegateDomain", "Delegate a domain; for who is no master: ask for it")
            .needs(Permission::DomainRequest)
            .sensitive()
            .takes::<NewDelegation>(json!({"delegateTo": "name:hq", "types": ["server"]}))
            .answers::<DelegationView>(
                StatusCode::CREATED,
                "The delegation: `approved`, or `requested` until a master decides.",
                delegation(),
            )
            .problem(Code::InvalidState)
            .handled_by(delegate),
        Operation::delete(
            "/api/v1/domains/{id}/delegations/{delegateId}",
            "withdrawDelegation",
            "Take a delegation back, or a request for one, within a second everywhere",
        )
        .needs(Permission::DomainRequest)
        .sensitive()
        .may_take::<Reason>(json!({"reason": "contract ended"}))
        .answers::<DomainView>(StatusCode::OK, "The domain.", domain())
        .handled_by(withdraw),
        Operation::post(
            "/api/v1/domains/{id}/delegations/{delegateId}/approve",
            "approveDelegation",
            "Agree to a delegation that was asked for",
        )
        .needs(Permission::DomainDelegate)
        .step_up()
        .sensitive()
        .if_match()
        .answers::<DelegationView>(StatusCode::OK, "The delegation as it is now.", delegation())
        .problem(Code::InvalidState)
        .handled_by(approve),
        Operation::post(
            "/api/v1/domains/{id}/delegations/{delegateId}/reject",
            "rejectDelegation",
            "Refuse a delegation that was asked for",
        )
        .needs(Permission::DomainDelegate)
        .step_up()
        .sensitive()
        .if_match()
        .takes::<RefusalReason>(json!({"reason": "it belongs to another organization"}))
        .answers::<DelegationView>(StatusCode::OK, "The delegation as it is now.", delegation())
        .problem(Code::InvalidState)
        .handled_by(reject),
    ]
}

async fn create(call: Call) -> Result<Answer, Problem> {
    let command: CreateDomain = call.json()?;
    call.send(command, |made, _| {
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&format!("/api/v1/domains/{}", made.id)))
    })
    .await
}

async fn list(call: Call) -> Result<Answer, Problem> {
    let reach = call.reach(&DOMAINS)?;
    read::list_dressed(call, &DOMAINS, reach, as_seen).await
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let found = found(&call).await?;
    let document = as_seen(&call, found.document)?;
    read::answer(&call, Found { document, ..found })
}

/// A domain as the caller sees it: what it is for is a note of those who see every domain, and anybody may ask for one.
fn as_seen(call: &Call, document: String) -> Result<String, Problem> {
    if sees_all(call)? {
        return Ok(document);
    }
    let domain: DomainView = serde_json::from_str(&document).map_err(read::internal)?;
    serde_json::to_string(&DomainView { description: None, ..domain }).map_err(read::internal)
}

fn sees_all(call: &Call) -> Result<bool, Problem> {
    Ok(call.caller()?.parts(Permission::DomainRead).any(|part| part.organization.is_none()))
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let DomainChanges { description, types } = call.json()?;
    let command = UpdateDomain { domain: call.parse("id")?, description, types };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn activate(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = ActivateDomain { domain: call.parse("id")?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

async fn deactivate(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = DeactivateDomain { domain: call.parse("id")?, reason };
    call.send(command, |changed, _| Answer::json(StatusCode::OK, &changed)).await
}

/// The events of the domain; of its delegations those that the caller may see.
async fn show_timeline(call: Call) -> Result<Answer, Problem> {
    let found = found(&call).await?;
    let mut events = timeline::events_of(&call, &[found.id]).await?;
    let caller = call.caller()?;
    let mut unreadable = None;
    events.retain(|recorded| {
        match DomainEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload) {
            Ok(event) => event.delegate().is_none_or(|to| caller.reaches(to.organization_id)),
            Err(error) => {
                unreadable = Some(error);
                false
            }
        }
    });
    unreadable.map_or_else(|| timeline::of_events(&events), |error| Err(read::internal(error)))
}

async fn list_delegations(call: Call) -> Result<Answer, Problem> {
    let domain = found(&call).await?.id;
    let reach = call.reach(&DELEGATIONS)?.of_one("domain", domain);
    read::list_of(call, &DELEGATIONS, reach).await
}

async fn delegate(call: Call) -> Result<Answer, Problem> {
    let NewDelegation { delegate_to, types } = call.json()?;
    let own = call.caller()?.organization;
    let delegate_to = delegate_to.unwrap_or(DelegateReference::Organization(Reference::Id(own)));
    let command = DelegateDomain { domain: call.parse("id")?, delegate_to, types };
    call.send(command, |made, _| {
        let path = format!("/api/v1/domains/{}/delegations", made.domain_id);
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&path))
    })
    .await
}

async fn withdraw(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let (domain, delegate) = (call.parse("id")?, call.parse("delegateId")?);
    let command = WithdrawDelegation { domain, delegate, reason };
    let sees_all = sees_all(&call)?;
    call.send(command, |domain, _| {
        let description = domain.description.filter(|_| sees_all);
        Answer::json(StatusCode::OK, &DomainView { description, ..domain })
    })
    .await
}

async fn approve(call: Call) -> Result<Answer, Problem> {
    let command = ApproveDelegation { domain: call.parse("id")?, delegate: call.parse("delegateId")? };
    call.send(command, |delegation, _| Answer::json(StatusCode::OK, &delegation)).await
}

async fn reject(call: Call) -> Result<Answer, Problem> {
    let RefusalReason { reason } = call.json()?;
    let (domain, delegate) = (call.parse("id")?, call.parse("delegateId")?);
    let command = RejectDelegation { domain, delegate, reason };
    call.send(command, |delegation, _| Answer::json(StatusCode::OK, &delegation)).await
}

/// The domain in the path, if the caller sees it: by id, or by name in any script.
pub(super) async fn found(call: &Call) -> Result<Found, Problem> {
    let reference = match call.parse::<Reference<DomainId>>("id")? {
        Reference::Name(name) => format!("name:{}", hostname::to_a_labels(&name).unwrap_or(name)),
        Reference::Id(id) => id.to_string(),
    };
    position::wait(call, DOMAINS.service).await?;
    read::find(call, &DOMAINS, &reference, "id", call.reach(&DOMAINS)?).await
}

fn domain() -> Value {
    json!({"id": "dom_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "xn--bcher-kva.example", "displayName": "bücher.example",
        "description": "The book shop", "status": "active", "types": ["server", "client"],
        "createdAt": "2026-11-21T09:00:00Z", "version": 2})
}

fn delegation() -> Value {
    json!({"id": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "domainId": "dom_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "domainName": "example.com", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "departmentId": null, "status": "approved",
        "types": ["server"], "requestedTypes": [], "reason": null, "createdAt": "2026-11-21T09:00:00Z", "version": 2})
}
