//! One certificate as a row: what an event says of it, and what is read from its bytes.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{
    CaId, CertificateId, CertificateRequestId, Event as _, KeyId, OrganizationId, ProfileId, Timestamp,
    directory::Belonging,
    event::EventError,
    inventory::{
        CertificateImported, CertificateKeyView, CertificateStatus, CertificateView, Custody, Fingerprints,
        IssuerView, LogTimestamp, OperationMode, Origin, ScheduleState, StatusWord,
    },
    signer::{CertificateRequestCompleted, CertificateRequestEvent, IssuanceCompleted, IssuanceEvent},
    x509::SubjectAltName,
};
use eventlog::Recorded;
use pki::certificate::Certificate;
use serde::de::Error as _;

/// Stands between what never changes of the text that is searched, the note, and the owner.
const SEPARATOR: char = '\u{1f}';

/// A row of `inventory.certificate`.
pub struct Row {
    /// Stream of its issuance, if it was issued here.
    pub issuance: Option<uuid::Uuid>,
    /// Version of what inventory recorded.
    pub version: i32,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// Its bytes.
    pub der: Vec<u8>,
    /// What an issuer is looked for by: SHA-256 of its subject's Name.
    pub subject_sha256: [u8; 32],
    /// What the API shows; its PEM is added when it is read.
    pub view: CertificateView,
}

/// What an event says of a certificate beside its bytes; names that it does not say are read from these.
struct Told {
    id: CertificateId,
    origin: Origin,
    mode: Option<OperationMode>,
    belongs: Belonging,
    names: Option<(Option<String>, Vec<SubjectAltName>)>,
    ca_id: Option<CaId>,
    key_id: Option<KeyId>,
    profile_id: Option<ProfileId>,
    request_id: Option<CertificateRequestId>,
    labels: BTreeMap<String, String>,
    owner: Option<String>,
    note: Option<String>,
    version: i32,
}

impl Row {
    /// The row that an event brings; `None` for an event that brings none.
    pub fn from_event(recorded: &Recorded) -> Result<Option<Self>, EventError> {
        match IssuanceEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
            IssuanceEvent::Intended(_) | IssuanceEvent::Withheld(_) => Ok(None),
            IssuanceEvent::Completed(completed) => Self::issued(recorded, completed).map(Some),
        }
    }

    /// The row that an event of a request brings, when a CA outside issued the certificate.
    pub fn from_request(recorded: &Recorded) -> Result<Option<Self>, EventError> {
        if recorded.kind != "certificate_request.completed" {
            return Ok(None); // most requests say nothing else than their issuance
        }
        match CertificateRequestEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)? {
            CertificateRequestEvent::Completed(done) => Self::brought_back(recorded, done).map(Some),
            _ => Ok(None),
        }
    }

    fn brought_back(recorded: &Recorded, done: CertificateRequestCompleted) -> Result<Self, EventError> {
        let told = Told {
            id: done.of.certificate_id,
            origin: Origin::Manual,
            mode: None,
            belongs: done.of.belongs,
            names: Some((done.common_name, done.sans)),
            ca_id: None,
            key_id: done.key_id,
            profile_id: Some(done.of.profile_id),
            request_id: Some(recorded.stream.into()),
            labels: done.labels,
            owner: None,
            note: done.note,
            version: 0,
        };
        let row = Self::read(recorded, "certificate_request.completed", &done.certificate, told)?;
        Ok(Self { issuance: Some(recorded.stream), ..row })
    }

    fn issued(recorded: &Recorded, completed: IssuanceCompleted) -> Result<Self, EventError> {
        let told = Told {
            id: completed.certificate_id,
            origin: if completed.ca_id.is_some() { Origin::Issued } else { Origin::SelfSigned },
            mode: None,
            belongs: completed.belongs,
            names: Some((completed.common_name, completed.sans)),
            ca_id: completed.ca_id,
            key_id: completed.key_id,
            profile_id: Some(completed.profile_id),
            request_id: Some(completed.request_id),
            labels: completed.labels,
            owner: None,
            note: completed.note,
            version: 0,
        };
        let row = Self::read(recorded, "issuance.completed", &completed.certificate, told)?;
        Ok(Self { issuance: Some(recorded.stream), ..row })
    }

    /// The row of a certificate that was brought in.
    pub fn imported(recorded: &Recorded, imported: CertificateImported) -> Result<Self, EventError> {
        let told = Told {
            id: CertificateId(recorded.stream),
            origin: Origin::Imported,
            mode: Some(imported.mode),
            belongs: imported.belongs,
            names: None,
            ca_id: None,
            key_id: None,
            profile_id: None,
            request_id: None,
            labels: imported.labels,
            owner: imported.owner,
            note: imported.note,
            version: recorded.version,
        };
        Self::read(recorded, "certificate.imported", &imported.certificate, told)
    }

    fn read(
        recorded: &Recorded,
        kind: &'static str,
        certificate: &str,
        told: Told,
    ) -> Result<Self, EventError> {
        let unreadable = |why: String| EventError::Payload { kind, source: serde_json::Error::custom(why) };
        let der = BASE64_STANDARD.decode(certificate).map_err(|error| unreadable(error.to_string()))?;
        let certificate = Certificate::read_der(&der).map_err(|error| unreadable(error.to_string()))?;
        let (common_name, sans) = told
            .names
            .unwrap_or_else(|| (pki::name::common_name(certificate.subject_der()), certificate.sans()));
        let described = certificate.describe();
        let view = CertificateView {
            id: told.id,
            organization_id: OrganizationId(recorded.tenant),
            department_id: told.belongs.department_id,
            certificate_type: told.belongs.certificate_type,
            requested_by: told.belongs.requested_by,
            common_name,
            subject: described.subject,
            sans,
            serial_number: described.serial_number,
            fingerprints: Fingerprints { sha256: described.sha256, sha1: described.sha1 },
            issuer: IssuerView {
                ca_id: told.ca_id,
                common_name: pki::name::common_name(certificate.issuer_der()),
                distinguished_name: described.issuer,
            },
            not_before: described.not_before,
            not_after: described.not_after,
            status: CertificateStatus::Active,
            mode: told.mode,
            origin: told.origin,
            key: CertificateKeyView {
                id: told.key_id,
                algorithm: described.key_algorithm,
                custody: if told.key_id.is_some() { Custody::Managed } else { Custody::Subscriber },
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
            profile_id: told.profile_id,
            request_id: told.request_id,
            labels: told.labels,
            owner: told.owner,
            note: told.note,
            status_word: StatusWord::of_certificate(CertificateStatus::Active, told.origin),
            install_state: ScheduleState::NotScheduled,
            renewal_state: ScheduleState::NotScheduled,
            archived_at: None,
            certificate: String::new(),
            version: told.version,
        };
        let subject_sha256 = pki::path::name_sha256(certificate.subject_der());
        let (version, created_at) = (told.version, recorded.recorded_at);
        Ok(Self { issuance: None, version, created_at, der, subject_sha256, view })
    }

    /// What free text is looked for in, in lower case: names, serial number, fingerprint, issuer; behind a separator, which
    /// stands nowhere else, the note.
    pub fn search(&self) -> String {
        let view = &self.view;
        let mut parts =
            vec![view.subject.clone(), view.serial_number.clone(), view.fingerprints.sha256.clone()];
        // As they are: in a distinguished name some characters are escaped.
        parts.extend(view.common_name.clone());
        parts.extend(view.issuer.common_name.clone());
        parts.extend(view.sans.iter().map(ToString::to_string));
        parts.push(view.issuer.distinguished_name.clone());
        let never_changes = parts.join("\n").replace(SEPARATOR, " ");
        let (note, owner) =
            (view.note.as_deref().unwrap_or_default(), view.owner.as_deref().unwrap_or_default());
        format!("{never_changes}{SEPARATOR}{note}{SEPARATOR}{owner}")
    }
}
