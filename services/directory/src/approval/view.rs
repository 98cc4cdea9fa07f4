//! An approval as users see it.

use contracts::{
    OrganizationId, Timestamp,
    directory::{ApprovalRequested, ApprovalView, Approvers},
};

use super::Known;
use crate::handlers::INSTALLATION;

/// An approval as of one version.
#[must_use]
pub fn view(
    known: &Known,
    organization: OrganizationId,
    created_at: Timestamp,
    version: i32,
) -> ApprovalView {
    let ApprovalRequested {
        id, matter, summary, changes, required, four_eyes, expires_at, unmatched, ..
    } = known.requested.clone();
    let everybody = known.approvers().any(Approvers::is_everybody);
    let approvers = if everybody {
        Approvers::default()
    } else {
        Approvers {
            roles: known.approvers().flat_map(|one| one.roles.clone()).collect(),
            administrators: known.approvers().flat_map(|one| one.administrators.clone()).collect(),
        }
    };
    ApprovalView {
        id,
        organization_id: (organization != INSTALLATION).then_some(organization),
        kind: matter.kind,
        status: known.status,
        subject_id: matter.subject_id,
        summary,
        changes,
        requested_by: matter.requested_by,
        department_id: matter.place.department_id,
        certificate_type: matter.place.certificate_type,
        profile_id: matter.place.profile_id,
        required,
        remaining: known.remaining(),
        given: known.given.clone(),
        approvers,
        four_eyes,
        escalated: known.escalated.is_some(),
        unmatched,
        expires_at,
        ended_by: known.ended_by,
        reason: known.reason.clone(),
        created_at,
        version,
    }
}
