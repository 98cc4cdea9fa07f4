//! One certificate as a row: what its issuance said and what is read from its bytes.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{
    Event as _, OrganizationId, Timestamp,
    event::EventError,
    inventory::{
        CertificateKeyView, CertificateStatus, CertificateView, Custody, Fingerprints, IssuerView,
        LogTimestamp, Origin, ScheduleState, StatusWord,
    },
    signer::{IssuanceCompleted, IssuanceEvent},
};
use eventlog::Recorded;
use pki::certificate::Certificate;
use serde::de::Error as _;

/// Stands between what never changes of the text that is searched and the note.
const SEPARATOR: char = '\u{1f}';

/// A row of `inventory.certificate`.
pub struct Row {
    /// Stream of its issuance.
    pub issuance: uuid::Uuid,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// Its bytes.
    pub der: Vec<u8>,
    /// What an issuer is looked for by: SHA-256 of its subject's Name.
    pub subject_sha256: [u8; 32],
    /// What the API shows; its PEM is added when it is read.
    pub view: CertificateView,
}

impl Row {
    /// The row that an event brings; `None` for an event that brings none.
    pub fn from_event(recorded: &Recorded) -> Result<Option<Self>, EventError> {
        match IssuanceEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
            IssuanceEvent::Intended(_) | IssuanceEvent::Withheld(_) => Ok(None),
            IssuanceEvent::Completed(completed) => Self::new(recorded, completed).map(Some),
        }
    }

    fn new(recorded: &Recorded, completed: IssuanceCompleted) -> Result<Self, EventError> {
        let unreadable = |why: String| EventError::Payload {
            kind: "issuance.completed",
            source: serde_json::Error::custom(why),
        };
        let der =
            BASE64_STANDARD.decode(&completed.certificate).map_err(|error| unreadable(error.to_string()))?;
        let certificate = Certificate::read_der(&der).map_err(|error| unreadable(error.to_string()))?;
        let issuer_name = pki::name::common_name(certificate.issuer_der());
        let described = certificate.describe();
        let view = CertificateView {
            id: completed.certificate_id,
            organization_id: OrganizationId(recorded.tenant),
            department_id: completed.belongs.department_id,
            certificate_type: completed.belongs.certificate_type,
            requested_by: completed.belongs.requested_by,
            common_name: completed.common_name,
            subject: described.subject,
            sans: completed.sans,
            serial_number: described.serial_number,
            fingerprints: Fingerprints { sha256: described.sha256, sha1: described.sha1 },
            issuer: IssuerView {
                ca_id: completed.ca_id,
                common_name: issuer_name,
                distinguished_name: described.issuer,
            },
            not_before: described.not_before,
            not_after: described.not_after,
            status: CertificateStatus::Active,
            origin: if completed.ca_id.is_some() { Origin::Issued } else { Origin::SelfSigned },
            key: CertificateKeyView {
                id: completed.key_id,
                algorithm: described.key_algorithm,
                custody: if completed.key_id.is_some() { Custody::Managed } else { Custody::Subscriber },
                spki_sha256: described.spki_sha256,
            },
            signature_algorithm: described.signature_algorithm,
            key_usages: described.key_usages,
            extended_key_usages: described.extended_key_usages,
            x509_version: described.version,
            key_bits: described.key_bits,
            other_sans: described.other_sans,
            is_ca: described.is_ca,
            path_length: described.path_length,
            subject_key_identifier: described.subject_key_identifier,
            authority_key_identifier: described.authority_key_identifier,
            ocsp: described.ocsp,
            ca_issuers: described.ca_issuers,
            crl_distribution_points: described.crl_distribution_points,
            signed_certificate_timestamps: described
                .signed_certificate_timestamps
                .into_iter()
                .map(|promise| LogTimestamp { log_id: promise.log_id, at: promise.at })
                .collect(),
            profile_id: Some(completed.profile_id),
            request_id: Some(completed.request_id),
            labels: completed.labels,
            owner: None,
            note: completed.note,
            status_word: StatusWord::Issued,
            install_state: ScheduleState::NotScheduled,
            renewal_state: ScheduleState::NotScheduled,
            archived_at: None,
            certificate: String::new(),
            version: 0,
        };
        let subject_sha256 = pki::path::name_sha256(certificate.subject_der());
        Ok(Self { issuance: recorded.stream, created_at: recorded.recorded_at, der, subject_sha256, view })
    }

    /// What free text is looked for in, in lower case: names, serial number, fingerprint, issuer; behind a separator, which
    /// stands nowhere else, the note.
    pub fn search(&self) -> String {
        let view = &self.view;
        let mut parts =
            vec![view.subject.clone(), view.serial_number.clone(), view.fingerprints.sha256.clone()];
        parts.extend(view.sans.iter().map(ToString::to_string));
        parts.push(view.issuer.distinguished_name.clone());
        let never_changes = parts.join("\n").replace(SEPARATOR, " ");
        let note = view.note.as_deref().unwrap_or_default();
        format!("{never_changes}{SEPARATOR}{note}").to_lowercase()
    }
}
