//! What users see of a domain validation: commands answer with it and the projection stores it, so both say the same.

use contracts::{Timestamp, directory::DomainValidationView};

use crate::domain_validation::{Record, challenge::challenge};

/// A domain validation.
pub fn validation(record: &Record, created_at: Timestamp, version: i32) -> DomainValidationView {
    DomainValidationView {
        id: record.id,
        domain_id: record.domain_id,
        domain_name: record.domain_name.clone(),
        organization_id: record.organization_id,
        method: record.method,
        status: record.status,
        challenge: challenge(record.method, &record.domain_name, &record.expected),
        covers_names_below: record.method.covers_names_below(),
        attempts: record.attempts,
        reason: record.reason.clone(),
        next_attempt_at: record.next_attempt_at,
        validated_at: record.validated_at,
        valid_until: record.valid_until,
        expires_at: record.expires_at,
        created_at,
        version,
    }
}
