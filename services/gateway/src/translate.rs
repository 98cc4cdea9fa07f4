//! Log events into public ones. Pure: the publisher, SSE and `GET /events` all use this and nothing else, so that
//! every way out tells the same.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    Actor, CaId, CertificateId, CertificateRequestId, Event, EventError, EventId, KeyId, OperationId,
    OrganizationId, PolicyId, ProfileId, TokenId, ValidationId,
    directory::{
        AccessListEvent, AdministratorEvent, ApprovalEvent, ApprovalKind, ApprovalPolicyEvent, AuditEvent,
        DenialEvent, DepartmentEvent, DirectoryNameEvent, DomainEvent, DomainValidationEvent,
        IdentityProviderEvent, OrganizationEvent, PersonEvent, PersonImportEvent, RoleEvent, SessionEvent,
        SignInEvent, TokenEvent, ValidationMethod,
    },
    inventory::{
        CertificateEvent, CertificateImported, DocumentEvent, InventoryNameEvent, SavedViewEvent,
        TrustSetEvent,
    },
    keystore::{CompromisedKeyEvent, CredentialEvent, KeyEvent, MasterKeyEvent},
    notifier::{MailSettingsEvent, NotificationEvent},
    public::{self, CloudEvent, PublicEvent},
    signer::{
        ApprovalNeed, CaEvent, CertificateRequestEvent, GuardedActEvent, IssuanceEvent, PolicyEvent,
        ProfileEvent, SignerNameEvent,
    },
};
use eventlog::Recorded;

/// A public event and the id of what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Translated {
    /// Type and data.
    pub event: PublicEvent,
    /// `crt_…`, `ca_…`, ….
    pub subject: String,
}

/// What outsiders are told about a log event; `None` for what is ours alone. Errors: an event this build cannot read.
pub fn translate(recorded: &Recorded) -> Result<Option<Translated>, EventError> {
    use PublicEvent as P;
    let stream = recorded.stream;
    let told = |subject: String, event: P| Some(Translated { event, subject });
    Ok(match recorded.category.as_str() {
        OrganizationEvent::CATEGORY => match read(recorded)? {
            OrganizationEvent::Created(e) => told(
                e.id.to_string(),
                P::OrganizationCreated(public::OrganizationCreated { organization_id: e.id, name: e.name }),
            ),
            OrganizationEvent::Updated(_)
            | OrganizationEvent::Archived(_)
            | OrganizationEvent::Restored(_) => None,
        },
        DepartmentEvent::CATEGORY => match read(recorded)? {
            DepartmentEvent::Created(e) => told(
                e.id.to_string(),
                P::DepartmentCreated(public::DepartmentCreated { department_id: e.id, name: e.name }),
            ),
            DepartmentEvent::Updated(_) | DepartmentEvent::Archived(_) | DepartmentEvent::Restored(_) => None,
        },
        TokenEvent::CATEGORY => match read(recorded)? {
            TokenEvent::Issued(e) => told(
                e.id.to_string(),
                P::TokenIssued(public::TokenIssued {
                    token_id: e.id,
                    name: e.name,
                    expires_at: e.expires_at,
                }),
            ),
            TokenEvent::Superseded(_) => None,
            TokenEvent::Revoked(_) => {
                let token_id = TokenId(stream);
                told(token_id.to_string(), P::TokenRevoked(public::TokenRevoked { token_id }))
            }
        },
        DomainValidationEvent::CATEGORY => match read(recorded)? {
            DomainValidationEvent::Validated(e) => told(
                e.domain_id.to_string(),
                P::DomainValidated(public::DomainValidated {
                    domain_id: e.domain_id,
                    name: e.domain_name,
                    validation_id: ValidationId(stream),
                    method: match e.method {
                        ValidationMethod::DnsTxt | ValidationMethod::DnsCname => public::ProofKind::Dns,
                        ValidationMethod::Http => public::ProofKind::Http,
                        ValidationMethod::Email => public::ProofKind::Email,
                    },
                    valid_until: e.valid_until,
                }),
            ),
            DomainValidationEvent::Expiring(e) => told(
                e.domain_id.to_string(),
                P::DomainValidationExpiring(public::DomainValidationExpiring {
                    domain_id: e.domain_id,
                    name: e.domain_name,
                    validation_id: ValidationId(stream),
                    reason: e.reason,
                    valid_until: e.valid_until,
                }),
            ),
            DomainValidationEvent::Started(_)
            | DomainValidationEvent::MailWanted(_)
            | DomainValidationEvent::CodeDrawn(_)
            | DomainValidationEvent::Tried(_)
            | DomainValidationEvent::Failed(_)
            | DomainValidationEvent::Expired(_) => None,
        },
        KeyEvent::CATEGORY => match read(recorded)? {
            KeyEvent::Generated(e) => told(
                e.id.to_string(),
                P::KeyGenerated(public::KeyGenerated {
                    key_id: e.id,
                    algorithm: e.algorithm,
                    purpose: e.purpose,
                    spki_sha256: e.spki_sha256,
                }),
            ),
            KeyEvent::Imported(e) => told(
                e.key.id.to_string(),
                P::KeyImported(public::KeyImported {
                    key_id: e.key.id,
                    algorithm: e.key.algorithm,
                    spki_sha256: e.key.spki_sha256,
                    exportable: e.key.exportable,
                }),
            ),
            KeyEvent::Exported(e) => {
                let key_id = KeyId(stream);
                let exported = public::KeyExported { key_id, format: e.format, reason: e.reason };
                told(key_id.to_string(), P::KeyExported(exported))
            }
            KeyEvent::CsrSigned(_) => None,
            KeyEvent::Compromised(e) => {
                let key_id = KeyId(stream);
                let compromised =
                    public::KeyCompromised { key_id, spki_sha256: e.spki_sha256, reason: e.reason };
                told(key_id.to_string(), P::KeyCompromised(compromised))
            }
            KeyEvent::Destroyed(_) => {
                let key_id = KeyId(stream);
                told(key_id.to_string(), P::KeyDestroyed(public::KeyDestroyed { key_id }))
            }
        },
        CaEvent::CATEGORY => {
            let ca_id = CaId(stream);
            let changed = |reason| public::CaStateChanged { ca_id, reason };
            let event = match read(recorded)? {
                CaEvent::Intended(_) => return Ok(None),
                CaEvent::Created(e) => P::CaCreated(public::CaCreated {
                    ca_id,
                    common_name: e.common_name,
                    not_after: e.not_after,
                    fingerprint_sha256: e.fingerprint_sha256,
                }),
                CaEvent::Suspended(e) => P::CaSuspended(changed(Some(e.reason))),
                CaEvent::Resumed(e) => P::CaResumed(changed(e.reason)),
            };
            told(ca_id.to_string(), event)
        }
        PolicyEvent::CATEGORY => {
            let policy_id = PolicyId(stream);
            let changed = public::PolicyChanged { policy_id };
            let event = match read(recorded)? {
                PolicyEvent::Created(_) => P::PolicyCreated(changed),
                PolicyEvent::Updated(_) => P::PolicyUpdated(changed),
            };
            told(policy_id.to_string(), event)
        }
        ProfileEvent::CATEGORY => {
            let profile_id = ProfileId(stream);
            let changed = public::ProfileChanged { profile_id };
            let event = match read(recorded)? {
                ProfileEvent::Created(_) => P::ProfileCreated(changed),
                ProfileEvent::Updated(_) => P::ProfileUpdated(changed),
            };
            told(profile_id.to_string(), event)
        }
        CertificateRequestEvent::CATEGORY => {
            let request_id = CertificateRequestId(stream);
            let event = match read(recorded)? {
                CertificateRequestEvent::Submitted(e) => {
                    P::CertificateRequestSubmitted(public::CertificateRequestSubmitted {
                        request_id,
                        profile_id: e.profile_id,
                        source: e.source,
                        sans: e.sans.iter().map(ToString::to_string).collect(),
                        approvals_needed: match e.approval {
                            Some(ApprovalNeed::Needed { required, .. }) => required.into(),
                            Some(ApprovalNeed::Automatic { .. }) | None => 0,
                        },
                    })
                }
                // Each approval is told as it is given; that they are enough shows in the last one.
                CertificateRequestEvent::Approved(_)
                | CertificateRequestEvent::CsrIntended(_)
                | CertificateRequestEvent::CsrMade(_)
                | CertificateRequestEvent::CsrMailWanted(_)
                | CertificateRequestEvent::CertificateReceived(_) => return Ok(None),
                CertificateRequestEvent::Completed(e) => {
                    return Ok(told(
                        e.of.certificate_id.to_string(),
                        P::CertificateIssued(public::CertificateIssued {
                            common_name: e.common_name,
                            sans: e.sans.iter().map(ToString::to_string).collect(),
                            not_before: e.not_before,
                            not_after: e.not_after,
                            fingerprint_sha256: e.fingerprint_sha256,
                            ca_id: None,
                            profile_id: e.of.profile_id,
                            request_id,
                        }),
                    ));
                }
                CertificateRequestEvent::Rejected(e) => {
                    let ended = public::CertificateRequestEnded { by: e.by, reason: Some(e.reason) };
                    P::CertificateRequestRejected(ended)
                }
                CertificateRequestEvent::Cancelled(e) => {
                    let ended = public::CertificateRequestEnded { by: e.by, reason: e.reason };
                    P::CertificateRequestCancelled(ended)
                }
                CertificateRequestEvent::Failed(e) => {
                    P::CertificateRequestFailed(public::CertificateRequestFailed {
                        step: "policy".to_owned(),
                        problem: public::FailureReason {
                            code: e.problem.code.as_str().to_owned(),
                            detail: e.problem.detail,
                        },
                        is_final: true,
                    })
                }
            };
            told(request_id.to_string(), event)
        }
        ApprovalEvent::CATEGORY => match read(recorded)? {
            ApprovalEvent::Given(e) if e.matter.kind == ApprovalKind::CertificateRequest => told(
                e.matter.subject_id,
                P::CertificateRequestApproved(public::CertificateRequestApproved {
                    by: e.by,
                    remaining: e.remaining.into(),
                    note: e.message,
                }),
            ),
            ApprovalEvent::Requested(_)
            | ApprovalEvent::Given(_)
            | ApprovalEvent::Granted(_)
            | ApprovalEvent::Declined(_)
            | ApprovalEvent::Expired(_)
            | ApprovalEvent::Reminded(_)
            | ApprovalEvent::Escalated(_)
            | ApprovalEvent::Withdrawn(_) => None,
        },
        IssuanceEvent::CATEGORY => match read(recorded)? {
            IssuanceEvent::Intended(_) | IssuanceEvent::Withheld(_) => None,
            IssuanceEvent::Completed(e) => told(
                e.certificate_id.to_string(),
                P::CertificateIssued(public::CertificateIssued {
                    common_name: e.common_name,
                    sans: e.sans.iter().map(ToString::to_string).collect(),
                    not_before: e.not_before,
                    not_after: e.not_after,
                    fingerprint_sha256: e.fingerprint_sha256,
                    ca_id: e.ca_id,
                    profile_id: e.profile_id,
                    request_id: e.request_id,
                }),
            ),
        },
        CertificateEvent::CATEGORY => {
            let certificate_id = CertificateId(stream);
            let event = match read(recorded)? {
                CertificateEvent::Annotated(_) => {
                    Some(P::CertificateAnnotated(public::CertificateAnnotated { certificate_id }))
                }
                CertificateEvent::Imported(event) => {
                    imported(certificate_id, &event).map(P::CertificateImported)
                }
                CertificateEvent::Archived(_) | CertificateEvent::Restored(_) => None,
            };
            event.and_then(|event| told(certificate_id.to_string(), event))
        }
        AccessListEvent::CATEGORY
        | AdministratorEvent::CATEGORY
        | PersonEvent::CATEGORY
        | PersonImportEvent::CATEGORY
        | ApprovalPolicyEvent::CATEGORY
        | GuardedActEvent::CATEGORY
        | RoleEvent::CATEGORY
        | IdentityProviderEvent::CATEGORY
        | DenialEvent::CATEGORY
        | AuditEvent::CATEGORY
        | SessionEvent::CATEGORY
        | SignInEvent::CATEGORY
        | DirectoryNameEvent::CATEGORY
        | DomainEvent::CATEGORY
        | SignerNameEvent::CATEGORY
        | TrustSetEvent::CATEGORY
        | InventoryNameEvent::CATEGORY
        | CompromisedKeyEvent::CATEGORY
        | MasterKeyEvent::CATEGORY
        | DocumentEvent::CATEGORY
        | SavedViewEvent::CATEGORY
        | CredentialEvent::CATEGORY
        | MailSettingsEvent::CATEGORY
        | NotificationEvent::CATEGORY => None,
        _ => {
            let kind = recorded.kind.clone();
            return Err(EventError::UnknownType { category: "any", kind });
        }
    })
}

/// The envelope of a public event.
pub fn envelope(recorded: &Recorded, translated: Translated) -> Result<CloudEvent, serde_json::Error> {
    let Translated { event, subject } = translated;
    let kind = format!("{}.v{}", event.name(), event.version());
    Ok(CloudEvent {
        specversion: "1.0".into(),
        id: EventId(recorded.id).to_string(),
        kind: format!("chancery.{kind}"),
        source: format!("/chancery/{}", event.service()),
        subject,
        time: recorded.recorded_at,
        datacontenttype: "application/json".into(),
        dataschema: format!("urn:chancery:schema:{kind}"),
        position: recorded.position.to_string(),
        streamversion: recorded.version.to_string(),
        organization: OrganizationId(recorded.tenant),
        actor: principal(&recorded.actor),
        correlationid: OperationId(recorded.correlation).to_string(),
        causationid: cause(recorded),
        traceparent: recorded.traceparent.clone(),
        data: serde_json::to_value(&event)?,
    })
}

/// The subject on NATS.
#[must_use]
pub fn subject(recorded: &Recorded, event: &PublicEvent) -> String {
    format!("evt.{}.{}.{}", event.service(), event.name(), OrganizationId(recorded.tenant))
}

/// Who acted, as outsiders see it: without the token.
#[must_use]
pub fn principal(actor: &str) -> String {
    actor.parse::<Actor>().map_or_else(|_| actor.to_owned(), |actor| actor.principal())
}

/// The command or event that led to an event. A cause that is neither this command nor the one all began with is
/// another event.
fn cause(recorded: &Recorded) -> String {
    if [recorded.correlation, recorded.command_id].contains(&recorded.causation) {
        OperationId(recorded.causation).to_string()
    } else {
        EventId(recorded.causation).to_string()
    }
}

fn read<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}

/// What the public learns of a certificate that was brought in; it was read before it was recorded.
fn imported(
    certificate_id: CertificateId,
    event: &CertificateImported,
) -> Option<public::CertificateImported> {
    let der = STANDARD.decode(&event.certificate).ok()?;
    let certificate = pki::Certificate::read_der(&der).ok()?;
    Some(public::CertificateImported {
        certificate_id,
        common_name: pki::name::common_name(certificate.subject_der()),
        not_after: certificate.not_after(),
        fingerprint_sha256: certificate.sha256(),
    })
}
