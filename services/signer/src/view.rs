//! What users see of CAs, profiles, policies and certificate requests, event by event. The catalog answers commands
//! with these and the projection stores them, so both say the same.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    CertificateRequestId, OrganizationId, Timestamp,
    signer::{
        CaCreated, CaEvent, CaIntended, CaStatus, CaView, CertificateRequestSubmitted,
        CertificateRequestView, PolicyCreated, PolicyEvent, PolicyUpdated, PolicyView, ProfileCreated,
        ProfileEvent, ProfileUpdated, ProfileView, RequestStatus,
    },
};
use eventlog::Recorded;
use pki::pem;

/// A CA after an event; `None` when its history does not begin with an intent.
#[must_use]
pub fn ca(before: Option<CaView>, event: CaEvent, recorded: &Recorded) -> Option<CaView> {
    let version = recorded.version;
    match (before, event) {
        (
            _,
            CaEvent::Intended(CaIntended {
                id, name, kind, parent_id, key_id, key_algorithm, max_ttl, ..
            }),
        ) => Some(CaView {
            id,
            organization_id: OrganizationId(recorded.tenant),
            name,
            kind,
            status: CaStatus::Pending,
            parent_id,
            key_id,
            key_algorithm,
            common_name: None,
            certificate: None,
            fingerprint_sha256: None,
            not_before: None,
            not_after: None,
            max_ttl,
            created_at: recorded.recorded_at,
            version,
        }),
        (Some(ca), CaEvent::Created(created)) => Some(certified(ca, created, version)),
        (Some(ca), CaEvent::Suspended(_)) => Some(CaView { status: CaStatus::Suspended, version, ..ca }),
        (Some(ca), CaEvent::Resumed(_)) => Some(CaView { status: CaStatus::Active, version, ..ca }),
        (None, CaEvent::Created(_) | CaEvent::Suspended(_) | CaEvent::Resumed(_)) => None,
    }
}

fn certified(ca: CaView, created: CaCreated, version: i32) -> CaView {
    CaView {
        status: CaStatus::Active,
        common_name: Some(created.common_name),
        certificate: BASE64_STANDARD.decode(&created.certificate).ok().map(|der| pem::certificate(&der)),
        fingerprint_sha256: Some(created.fingerprint_sha256),
        not_before: Some(created.not_before),
        not_after: Some(created.not_after),
        version,
        ..ca
    }
}

/// A policy after an event; `None` when its history does not begin with its creation.
#[must_use]
pub fn policy(before: Option<PolicyView>, event: PolicyEvent, recorded: &Recorded) -> Option<PolicyView> {
    let version = recorded.version;
    match (before, event) {
        (_, PolicyEvent::Created(PolicyCreated { id, name, rules })) => Some(PolicyView {
            id,
            organization_id: OrganizationId(recorded.tenant),
            name,
            rules,
            created_at: recorded.recorded_at,
            version,
        }),
        (Some(policy), PolicyEvent::Updated(PolicyUpdated { rules })) => {
            Some(PolicyView { rules, version, ..policy })
        }
        (None, PolicyEvent::Updated(_)) => None,
    }
}

/// A profile after an event; `None` when its history does not begin with its creation.
#[must_use]
pub fn profile(before: Option<ProfileView>, event: ProfileEvent, recorded: &Recorded) -> Option<ProfileView> {
    let version = recorded.version;
    match (before, event) {
        (_, ProfileEvent::Created(ProfileCreated { id, name, rules })) => Some(ProfileView {
            id,
            organization_id: OrganizationId(recorded.tenant),
            name,
            rules,
            created_at: recorded.recorded_at,
            version,
        }),
        (Some(profile), ProfileEvent::Updated(ProfileUpdated { rules })) => {
            Some(ProfileView { rules, version, ..profile })
        }
        (None, ProfileEvent::Updated(_)) => None,
    }
}

/// A certificate request. Its stream has one event; where it stands is for its issuance to say.
#[must_use]
pub fn certificate_request(
    submitted: CertificateRequestSubmitted,
    organization_id: OrganizationId,
    requested_by: String,
    status: RequestStatus,
) -> CertificateRequestView {
    CertificateRequestView {
        created_at: opened_at(submitted.id),
        id: submitted.id,
        organization_id,
        department_id: submitted.belongs.department_id,
        certificate_type: submitted.belongs.certificate_type,
        status,
        source: submitted.source,
        key_id: submitted.key_id,
        profile_id: submitted.profile_id,
        certificate_id: submitted.certificate_id,
        common_name: submitted.common_name,
        subject_changes: submitted.subject_changes,
        sans: submitted.sans,
        key_algorithm: submitted.key_algorithm,
        ttl: submitted.ttl,
        labels: submitted.labels,
        note: submitted.note,
        approval: submitted.approval,
        reason: None,
        problem: None,
        manual: submitted.manual,
        accepted_terms: submitted.accepted_terms,
        missing: None,
        requested_by,
        version: 1,
    }
}

/// When a request was opened: the time in its id (UUIDv7). The first answer is given before the log's time of it is
/// known, and a repeat must say the same.
#[must_use]
pub fn opened_at(id: CertificateRequestId) -> Timestamp {
    let (seconds, nanoseconds) = id.uuid().get_timestamp().map_or((0, 0), |time| time.to_unix());
    let whole = Timestamp::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX));
    whole.plus(time::Duration::nanoseconds(i64::from(nanoseconds)))
}

/// Who asked, as outsiders see it: an actor without its token.
#[must_use]
pub fn principal(actor: &str) -> &str {
    actor.split_once('/').map_or(actor, |(principal, _token)| principal)
}
