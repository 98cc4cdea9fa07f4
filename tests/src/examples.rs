//! One example of each event, as the kept files under `schemas/` were first written.

mod approvals;
mod inventory;
mod manual;
mod master_key;

use std::collections::BTreeMap;

use contracts::{
    AdministratorId, CaId, CertificateId, CertificateRequestId, CredentialId, DepartmentId, DomainId, Event,
    EventId, IdentityProviderId, KeyId, Lifetime, NotificationId, OrganizationId, Permission, PersonId,
    PolicyId, ProfileId, RoleId, SessionId, Timestamp, TokenId, ValidationId, directory as d, inventory as i,
    keystore as k, notifier as n, public as p,
    public::PublicEvent,
    signer as s,
    thumbprint::Hash,
    x509::{
        CertificateType, KeyAlgorithm, LifetimeRule, PolicyRules, ProfileIssuer, ProfileRules, SanKind,
        SanRule, SignatureAlgorithm, SubjectAltName, SubjectRule, SubjectRules, SubjectSources,
    },
};
use serde_json::Value;
use uuid::Uuid;

/// What happens to the mail settings and to a notification.
fn mail(all: &mut Vec<(&'static str, i16, Value)>) {
    push(
        all,
        n::MailSettingsEvent::from(n::MailSettingsReplaced {
            server: "mail.example.com".into(),
            port: 587,
            tls: n::MailTls::Starttls,
            user: Some("pki".into()),
            credential: Some(CredentialId(uuid(15))),
            from_address: "pki@example.com".into(),
            from_name: Some("Chancery".into()),
            ca_bundle: None,
        }),
    );
    let (step, code) = (Some(n::MailStep::Recipient), Some(450));
    let events: [n::NotificationEvent; 6] = [
        n::NotificationQueued {
            id: NotificationId(uuid(16)),
            kind: n::NotificationKind::SetPassword,
            about: EventId(uuid(17)),
            subject: Some(uuid(2)),
            recipient: Some(AdministratorId(uuid(2))),
        }
        .into(),
        n::NotificationAttempted { attempt: 1 }.into(),
        n::NotificationSent { attempt: 1 }.into(),
        n::NotificationDeferred { attempt: 1, step, code, next_at: time() }.into(),
        n::NotificationGivenUp { reason: n::GiveUpReason::AddressRefused, step, code: Some(550) }.into(),
        n::NotificationRequeued { round: 1 }.into(),
    ];
    for event in events {
        push(all, event);
    }
}

/// What happens to a session.
fn sessions(organization: OrganizationId) -> [d::SessionEvent; 4] {
    [
        d::SessionStarted {
            id: SessionId(uuid(14)),
            administrator_id: AdministratorId(uuid(3)),
            organization_id: organization,
            method: d::SignInMethod::Password,
            second_factor: true,
            address: Some("192.0.2.7".into()),
            certificate: None,
            hash: "00".repeat(32),
            expires_at: time(),
            stepped_up_until: None,
        }
        .into(),
        d::SessionSteppedUp { hash: "11".repeat(32), until: time() }.into(),
        d::SessionRenewed { hash: "22".repeat(32) }.into(),
        d::SessionEnded { reason: d::SessionEnd::SignedOut }.into(),
    ]
}

/// What happens to an identity provider.
fn identity_providers(organization: OrganizationId) -> [d::IdentityProviderEvent; 3] {
    let grant = d::Grant {
        organization_id: Some(organization),
        ..d::Grant::installation(d::Role::BuiltIn(d::BuiltInRole::OrganizationOfficer))
    };
    let setup = d::ProviderSetup {
        display_name: Some("Staff account".into()),
        issuer: "https://login.example.com/realms/staff".into(),
        client_id: "chancery".into(),
        credential: CredentialId(uuid(15)),
        scopes: vec!["profile".into(), "email".into(), "groups".into()],
        groups_claim: "groups".into(),
        groups: vec![d::GroupGrant { group: "pki-officers".into(), grant }],
        active: true,
    };
    let off = d::ProviderSetup { display_name: None, groups: vec![], active: false, ..setup.clone() };
    [
        d::IdentityProviderCreated {
            id: IdentityProviderId(uuid(18)),
            organization_id: Some(organization),
            name: "staff".into(),
            setup,
        }
        .into(),
        d::IdentityProviderUpdated { setup: off }.into(),
        d::IdentityProviderArchived {}.into(),
    ]
}

/// What happens to a proof of control.
fn validations(organization: OrganizationId) -> [d::DomainValidationEvent; 8] {
    let domain_name = || String::from("xn--bcher-kva.example");
    [
        d::DomainValidationStarted {
            id: ValidationId(uuid(17)),
            domain_id: DomainId(uuid(13)),
            domain_name: domain_name(),
            organization_id: organization,
            method: d::ValidationMethod::DnsTxt,
            expected: Some("0a".repeat(20)),
            next_attempt_at: Some(time()),
            expires_at: time(),
        }
        .into(),
        d::DomainValidationMailWanted {
            domain_name: domain_name(),
            recipients: vec!["postmaster@xn--bcher-kva.example".into()],
        }
        .into(),
        d::DomainValidationCodeDrawn {
            recipient: Some("postmaster@xn--bcher-kva.example".into()),
            hash: "33".repeat(32),
            valid_until: time(),
        }
        .into(),
        d::DomainValidationTried {
            reason: "there is no TXT record at '_chancery-challenge.xn--bcher-kva.example'".into(),
            by_hand: false,
            next_attempt_at: Some(time()),
        }
        .into(),
        d::DomainValidated {
            domain_id: DomainId(uuid(13)),
            domain_name: domain_name(),
            method: d::ValidationMethod::DnsTxt,
            evidence: "TXT record of _chancery-challenge.xn--bcher-kva.example".into(),
            validated_at: time(),
            valid_until: time(),
            renew_at: time(),
        }
        .into(),
        d::DomainValidationFailed { reason: "nobody confirmed in time".into() }.into(),
        d::DomainValidationExpiring {
            domain_id: DomainId(uuid(13)),
            domain_name: domain_name(),
            reason: "there is no TXT record at '_chancery-challenge.xn--bcher-kva.example'".into(),
            valid_until: time(),
        }
        .into(),
        d::DomainValidationExpired {}.into(),
    ]
}

/// Kind, schema version and payload of each log event.
pub fn log_events() -> Vec<(&'static str, i16, Value)> {
    let mut all = Vec::new();
    let organization = OrganizationId(uuid(1));
    push(
        &mut all,
        d::OrganizationEvent::from(d::OrganizationCreated::new(
            organization,
            "default".into(),
            d::Details {
                display_name: Some("Example Ltd".into()),
                country: Some("CA".into()),
                support_url: Some("mailto:help@example.com".into()),
                ..address()
            },
        )),
    );
    push(
        &mut all,
        d::OrganizationEvent::from(d::OrganizationUpdated::new(
            "default".into(),
            d::Details { display_name: Some("Example Inc".into()), ..d::Details::default() },
        )),
    );
    push(&mut all, d::OrganizationEvent::from(d::OrganizationArchived { reason: Some("sold".into()) }));
    push(
        &mut all,
        d::OrganizationEvent::from(d::OrganizationRestored { reason: Some("bought back".into()) }),
    );
    push(
        &mut all,
        d::DepartmentEvent::from(d::DepartmentCreated::new(
            DepartmentId(uuid(2)),
            organization,
            "web".into(),
            d::Details { display_name: Some("Web team".into()), ..d::Details::default() },
        )),
    );
    push(&mut all, d::DepartmentEvent::from(d::DepartmentUpdated::new("web".into(), address())));
    push(&mut all, d::DepartmentEvent::from(d::DepartmentArchived { reason: Some("merged".into()) }));
    push(&mut all, d::DepartmentEvent::from(d::DepartmentRestored { reason: None }));
    let grants = vec![
        d::Grant::installation(d::Role::BuiltIn(d::BuiltInRole::Auditor)),
        d::Grant {
            role: d::Role::Custom(RoleId(uuid(12))),
            organization_id: Some(organization),
            department_id: Some(DepartmentId(uuid(2))),
            certificate_types: Some(vec![CertificateType::Server, CertificateType::CodeSigning]),
            identity_provider_id: None,
        },
    ];
    let first = d::AdministratorAppointedV1 {
        id: AdministratorId(uuid(3)),
        name: "master".into(),
        role: d::RoleV1::Master,
    };
    all.push(("administrator.appointed", 1, serde_json::to_value(first).unwrap_or_default()));
    let hq = d::Delegate { organization_id: organization, department_id: None };
    let web = d::Delegate { organization_id: organization, department_id: Some(DepartmentId(uuid(2))) };
    let types = || vec![CertificateType::Server, CertificateType::Client];
    for event in [
        d::DomainEvent::from(d::DomainCreated {
            id: DomainId(uuid(13)),
            name: "xn--bcher-kva.example".into(),
            description: Some("The book shop".into()),
            types: types(),
        }),
        d::DomainUpdated { description: None, types: vec![CertificateType::Server] }.into(),
        d::DomainActivated { reason: Some("the transfer is done".into()) }.into(),
        d::DomainDeactivated { reason: None }.into(),
        d::DomainDelegated { delegate: hq, types: types() }.into(),
        d::DomainDelegationRequested { delegate: web, types: types() }.into(),
        d::DomainDelegationApproved { delegate: web, types: types() }.into(),
        d::DomainDelegationRefused { delegate: web, reason: "it is another department's".into() }.into(),
        d::DomainDelegationWithdrawn { delegate: hq, reason: Some("contract ended".into()) }.into(),
    ] {
        push(&mut all, event);
    }
    for event in validations(organization) {
        push(&mut all, event);
    }
    push(
        &mut all,
        d::AdministratorEvent::from(d::AdministratorAppointed {
            id: AdministratorId(uuid(3)),
            name: "alice".into(),
            kind: d::AdministratorKind::Person,
            grants: grants.clone(),
            identity_provider_id: None,
        }),
    );
    push(&mut all, d::AdministratorEvent::from(d::AdministratorGrantsChanged { grants }));
    let fields = vec!["displayName".into(), "email".into()];
    push(&mut all, d::AdministratorEvent::from(d::AdministratorDescribed { fields }));
    push(
        &mut all,
        d::AdministratorEvent::from(d::AdministratorLinkWanted {
            purpose: d::LinkPurpose::SetPassword,
            requested_by: Some(AdministratorId(uuid(3))),
            until: Some(time()),
        }),
    );
    push(
        &mut all,
        d::AdministratorEvent::from(d::AdministratorLinkDrawn {
            purpose: d::LinkPurpose::SetPassword,
            hash: "00".repeat(32),
            valid_until: time(),
        }),
    );
    push(
        &mut all,
        d::AdministratorEvent::from(d::AdministratorPasswordSet {
            by: d::PasswordOrigin::Link,
            kept_session: None,
        }),
    );
    let credential = CredentialId(uuid(15));
    for event in [
        d::AdministratorEvent::from(d::AdministratorSecondFactorEnrolled { credential }),
        d::AdministratorSecondFactorConfirmed { credential }.into(),
        d::AdministratorSecondFactorRemoved { reason: Some("lost the phone".into()) }.into(),
        d::AdministratorRecoveryCodeUsed { left: 9 }.into(),
    ] {
        push(&mut all, event);
    }
    for event in sessions(organization) {
        push(&mut all, event);
    }
    for event in identity_providers(organization) {
        push(&mut all, event);
    }
    push(
        &mut all,
        d::SignInEvent::from(d::SignInFailed {
            method: d::SignInMethod::Password,
            reason: d::SignInFailure::WrongPassword,
            administrator_id: Some(AdministratorId(uuid(3))),
            address: Some("192.0.2.7".into()),
        }),
    );
    let reason = || Some("on leave".to_owned());
    push(&mut all, d::AdministratorEvent::from(d::AdministratorDisabled { reason: reason() }));
    push(&mut all, d::AdministratorEvent::from(d::AdministratorEnabled { reason: None }));
    push(&mut all, d::AdministratorEvent::from(d::AdministratorRemoved { reason: reason() }));
    let (sha256, sha1) = (Hash([0x5f; 32]), Hash([0xc2; 20]));
    for event in [
        d::AdministratorCertificateBound { sha256: Some(sha256), sha1: Some(sha1), not_after: Some(time()) }
            .into(),
        d::AdministratorCertificateUnbound {
            certificate: d::CertificateMark::Sha256(sha256),
            reason: Some("the card was lost".into()),
        }
        .into(),
    ] {
        push::<d::AdministratorEvent>(&mut all, event);
    }
    let read = d::AuditRead { query: "limit=50".into(), entries: 50, address: Some("192.0.2.7".into()) };
    push(&mut all, d::AuditEvent::from(read));
    let department_id = Some(DepartmentId(uuid(2)));
    let validation_type = d::ValidationType::Standard;
    for event in [
        d::PersonEvent::from(d::PersonAdded { id: PersonId(uuid(14)), department_id, validation_type }),
        d::PersonUpdated { department_id, validation_type, fields: vec!["lastName".into()] }.into(),
        d::PersonArchived { reason: Some("left".into()) }.into(),
        d::PersonRestored { reason: None }.into(),
        d::PersonErased {}.into(),
    ] {
        push(&mut all, event);
    }
    let lines = d::PersonImportStarted { lines: 993, unreadable: 7 };
    push(&mut all, d::PersonImportEvent::from(lines));
    let worked_off = d::PersonImportCompleted { added: 990, existing: 2, refused: 8 };
    push(&mut all, d::PersonImportEvent::from(worked_off));
    push(
        &mut all,
        d::RoleEvent::from(d::RoleCreated {
            id: RoleId(uuid(12)),
            organization_id: Some(organization),
            name: "helpdesk".into(),
            description: Some("Answers the telephone".into()),
            permissions: vec![Permission::RequestRead, Permission::CertificateRead],
            own_only: false,
        }),
    );
    push(
        &mut all,
        d::RoleEvent::from(d::RoleUpdated {
            description: None,
            permissions: vec![Permission::CertificateRead],
            own_only: true,
        }),
    );
    push(&mut all, d::RoleEvent::from(d::RoleArchived {}));
    push(
        &mut all,
        d::AccessListEvent::from(d::AccessListReplaced {
            organization_id: Some(organization),
            text: "# the office\n192.168.0.0/16\n#0.0.0.0/0\n".into(),
            networks: "192.168.0.0/16".parse().into_iter().collect(),
            forced: false,
        }),
    );
    push(
        &mut all,
        d::TokenEvent::from(d::TokenIssued {
            id: TokenId(uuid(4)),
            name: "ci".into(),
            administrator_id: AdministratorId(uuid(3)),
            organization_id: organization,
            all_organizations: false,
            hash: "00".repeat(32),
            scope: d::TokenScope {
                permissions: Some(vec![Permission::RequestCreate]),
                roles: None,
                department: None,
                profiles: Some(vec![ProfileId(uuid(8))]),
                certificates: None,
            },
            within: None,
            expires_at: time(),
        }),
    );
    push(&mut all, d::TokenEvent::from(d::TokenSuperseded { by: TokenId(uuid(13)), expires_at: time() }));
    push(&mut all, d::TokenEvent::from(d::TokenRevoked { reason: Some("rotated".into()) }));
    push(
        &mut all,
        d::DenialEvent::from(d::DenialRecorded {
            operation: "createCa".into(),
            permission: Some(Permission::CaCreate),
            target: None,
            code: "forbidden".into(),
            address: Some("192.0.2.7".into()),
        }),
    );
    push(&mut all, d::DirectoryNameEvent::from(name("organization", "default", uuid(1))));
    push(
        &mut all,
        k::KeyEvent::from(k::KeyGenerated {
            id: KeyId(uuid(5)),
            algorithm: KeyAlgorithm::EcdsaP256,
            purpose: k::KeyPurpose::Ca,
            exportable: false,
            label: Some("Micro CA".into()),
            token: Some("hsm".into()),
            spki: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE".into(),
            spki_sha256: "11".repeat(32),
        }),
    );
    push(
        &mut all,
        k::KeyEvent::from(k::KeyImported {
            key: k::KeyGenerated {
                id: KeyId(uuid(18)),
                algorithm: KeyAlgorithm::Rsa2048,
                purpose: k::KeyPurpose::EndEntity,
                exportable: true,
                label: Some("old web server".into()),
                token: None,
                spki: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE".into(),
                spki_sha256: "12".repeat(32),
            },
        }),
    );
    let reason = "moved to another server";
    push(&mut all, k::KeyEvent::from(k::KeyExported { format: k::KeyFormat::Pkcs12, reason: reason.into() }));
    let subject = "CN=shop.example.com".to_owned();
    push(&mut all, k::KeyEvent::from(k::KeyCsrSigned { subject, sans: sans(), with_challenge: true }));
    let reason = "found in a public repository";
    push(
        &mut all,
        k::KeyEvent::from(k::KeyCompromised { spki_sha256: "11".repeat(32), reason: reason.into() }),
    );
    push(&mut all, k::KeyEvent::from(k::KeyDestroyed { reason: Some("no longer needed".into()) }));
    push(
        &mut all,
        k::CompromisedKeyEvent::from(k::CompromisedKeyListed {
            spki_sha256: "11".repeat(32),
            everywhere: true,
            reason: reason.into(),
        }),
    );
    let purpose = k::CredentialPurpose::Smtp;
    push(&mut all, k::CredentialEvent::from(k::CredentialKept { id: CredentialId(uuid(15)), purpose }));
    push(&mut all, k::CredentialEvent::from(k::CredentialUsed { purpose }));
    push(&mut all, k::CredentialEvent::from(k::CredentialDestroyed {}));
    master_key::master_key(&mut all);
    mail(&mut all);
    push(
        &mut all,
        s::CaEvent::from(s::CaIntended {
            id: CaId(uuid(6)),
            name: "micro".into(),
            kind: s::CaKind::Micro,
            parent_id: None,
            key_id: KeyId(uuid(5)),
            signing_key_id: KeyId(uuid(5)),
            key_algorithm: KeyAlgorithm::EcdsaP256,
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            tbs: "MIIBYKADAgEC".into(),
            max_ttl: None,
            approval_id: None,
        }),
    );
    push(
        &mut all,
        s::CaEvent::from(s::CaCreated {
            certificate: "MIIBsDCCAVagAwIBAgI".into(),
            fingerprint_sha256: "22".repeat(32),
            common_name: "Chancery Micro CA 2026-11-21T09:00:00Z".into(),
            not_before: time(),
            not_after: time().plus(Lifetime::days(3650).duration()),
        }),
    );
    push(&mut all, s::CaEvent::from(s::CaSuspended { reason: "signature did not verify".into() }));
    push(&mut all, s::CaEvent::from(s::CaResumed { reason: Some("cause found".into()) }));
    push(
        &mut all,
        s::PolicyEvent::from(s::PolicyCreated {
            id: PolicyId(uuid(7)),
            name: "public-web".into(),
            rules: rules(),
        }),
    );
    push(&mut all, s::PolicyEvent::from(s::PolicyUpdated { rules: rules() }));
    let profile = ProfileRules {
        certificate_type: CertificateType::Server,
        issuer: ProfileIssuer::Ca(CaId(uuid(6))),
        policy: PolicyId(uuid(7)),
        ttl: LifetimeRule { default: Lifetime::days(90), max: Lifetime::days(398) },
        key_usages: None,
        extended_key_usages: None,
        exportable: false,
        subject: SubjectSources::default(),
        approval: None,
        terms: None,
    };
    push(
        &mut all,
        s::ProfileEvent::from(s::ProfileCreated {
            id: ProfileId(uuid(8)),
            name: "internal-web".into(),
            rules: profile.clone(),
        }),
    );
    push(&mut all, s::ProfileEvent::from(s::ProfileUpdated { rules: profile }));
    push(
        &mut all,
        s::CertificateRequestEvent::from(s::CertificateRequestSubmitted {
            id: CertificateRequestId(uuid(9)),
            source: s::RequestSource::Csr,
            csr: Some("MIHcMIGDAgEAMCExHzAdBgNVBAMM".into()),
            key_id: None,
            profile_id: ProfileId(uuid(8)),
            rules_sha256: "33".repeat(32),
            common_name: Some("shop.example.com".into()),
            subject_changes: vec![],
            sans: sans(),
            key_algorithm: KeyAlgorithm::EcdsaP256,
            ttl: Lifetime::days(90),
            issuance: Some(uuid(10)),
            certificate_id: CertificateId(uuid(11)),
            belongs: belongs(),
            labels: labels(),
            note: Some("CHG-1042".into()),
            approval: None,
            manual: false,
            accepted_terms: None,
        }),
    );
    manual::log_events(&mut all);
    push(
        &mut all,
        s::IssuanceEvent::from(s::IssuanceIntended {
            ca_id: Some(CaId(uuid(6))),
            signing_key_id: KeyId(uuid(5)),
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            serial: "3a7f09c1".into(),
            tbs: "MIIBYKADAgEC".into(),
            spki_sha256: "44".repeat(32),
            request_id: CertificateRequestId(uuid(9)),
            certificate_id: CertificateId(uuid(11)),
            profile_id: ProfileId(uuid(8)),
            approval_id: None,
            rules_sha256: None,
            subject_changes: vec![],
            key_id: None,
            belongs: belongs(),
            labels: labels(),
            note: Some("CHG-1042".into()),
        }),
    );
    push(
        &mut all,
        s::IssuanceEvent::from(s::IssuanceCompleted {
            certificate: "MIIBsDCCAVagAwIBAgI".into(),
            fingerprint_sha256: "55".repeat(32),
            certificate_id: CertificateId(uuid(11)),
            request_id: CertificateRequestId(uuid(9)),
            ca_id: Some(CaId(uuid(6))),
            profile_id: ProfileId(uuid(8)),
            key_id: None,
            common_name: Some("shop.example.com".into()),
            sans: sans(),
            not_before: time(),
            not_after: time().plus(Lifetime::days(90).duration()),
            belongs: belongs(),
            labels: labels(),
            note: Some("CHG-1042".into()),
        }),
    );
    push(
        &mut all,
        s::IssuanceEvent::from(s::IssuanceWithheld {
            certificate_id: CertificateId(uuid(11)),
            request_id: CertificateRequestId(uuid(9)),
            reason: "the signature does not fit".into(),
        }),
    );
    push(&mut all, s::SignerNameEvent::from(name("profile", "internal-web", uuid(8))));
    inventory::log_events(&mut all);
    approvals::log_events(&mut all);
    all
}

/// Name, version and data of each public event.
pub fn public_events() -> Vec<(&'static str, u8, Value)> {
    let ca_state = p::CaStateChanged { ca_id: CaId(uuid(6)), reason: Some("cause found".into()) };
    [
        PublicEvent::OrganizationCreated(p::OrganizationCreated {
            organization_id: OrganizationId(uuid(1)),
            name: "default".into(),
        }),
        PublicEvent::DepartmentCreated(p::DepartmentCreated {
            department_id: DepartmentId(uuid(2)),
            name: "web".into(),
        }),
        PublicEvent::DomainValidated(p::DomainValidated {
            domain_id: DomainId(uuid(13)),
            name: "xn--bcher-kva.example".into(),
            validation_id: ValidationId(uuid(17)),
            method: p::ProofKind::Dns,
            valid_until: time(),
        }),
        PublicEvent::DomainValidationExpiring(p::DomainValidationExpiring {
            domain_id: DomainId(uuid(13)),
            name: "xn--bcher-kva.example".into(),
            validation_id: ValidationId(uuid(17)),
            reason: "there is no TXT record at '_chancery-challenge.xn--bcher-kva.example'".into(),
            valid_until: time(),
        }),
        PublicEvent::TokenIssued(p::TokenIssued {
            token_id: TokenId(uuid(4)),
            name: "ci".into(),
            expires_at: time(),
        }),
        PublicEvent::TokenRevoked(p::TokenRevoked { token_id: TokenId(uuid(4)) }),
        PublicEvent::KeyGenerated(p::KeyGenerated {
            key_id: KeyId(uuid(5)),
            algorithm: KeyAlgorithm::EcdsaP256,
            purpose: k::KeyPurpose::Ca,
            spki_sha256: "11".repeat(32),
        }),
        PublicEvent::KeyImported(p::KeyImported {
            key_id: KeyId(uuid(18)),
            algorithm: KeyAlgorithm::Rsa2048,
            spki_sha256: "12".repeat(32),
            exportable: true,
        }),
        PublicEvent::KeyExported(p::KeyExported {
            key_id: KeyId(uuid(18)),
            format: k::KeyFormat::Pkcs12,
            reason: "moved to another server".into(),
        }),
        PublicEvent::KeyCompromised(p::KeyCompromised {
            key_id: KeyId(uuid(5)),
            spki_sha256: "11".repeat(32),
            reason: "found in a public repository".into(),
        }),
        PublicEvent::KeyDestroyed(p::KeyDestroyed { key_id: KeyId(uuid(5)) }),
        PublicEvent::CaCreated(p::CaCreated {
            ca_id: CaId(uuid(6)),
            common_name: "Chancery Micro CA 2026-11-21T09:00:00Z".into(),
            not_after: time().plus(Lifetime::days(3650).duration()),
            fingerprint_sha256: "22".repeat(32),
        }),
        PublicEvent::CaSuspended(ca_state.clone()),
        PublicEvent::CaResumed(ca_state),
        PublicEvent::PolicyCreated(p::PolicyChanged { policy_id: PolicyId(uuid(7)) }),
        PublicEvent::PolicyUpdated(p::PolicyChanged { policy_id: PolicyId(uuid(7)) }),
        PublicEvent::ProfileCreated(p::ProfileChanged { profile_id: ProfileId(uuid(8)) }),
        PublicEvent::ProfileUpdated(p::ProfileChanged { profile_id: ProfileId(uuid(8)) }),
        PublicEvent::CertificateRequestSubmitted(p::CertificateRequestSubmitted {
            request_id: CertificateRequestId(uuid(9)),
            profile_id: ProfileId(uuid(8)),
            source: s::RequestSource::Csr,
            sans: vec!["shop.example.com".into()],
            approvals_needed: 0,
        }),
        PublicEvent::CertificateIssued(p::CertificateIssued {
            common_name: Some("shop.example.com".into()),
            sans: vec!["shop.example.com".into()],
            not_before: time(),
            not_after: time().plus(Lifetime::days(90).duration()),
            fingerprint_sha256: "55".repeat(32),
            ca_id: Some(CaId(uuid(6))),
            profile_id: ProfileId(uuid(8)),
            request_id: CertificateRequestId(uuid(9)),
        }),
        PublicEvent::CertificateAnnotated(p::CertificateAnnotated {
            certificate_id: CertificateId(uuid(11)),
        }),
        PublicEvent::CertificateImported(p::CertificateImported {
            certificate_id: CertificateId(uuid(11)),
            common_name: Some("shop.example.com".into()),
            not_after: time().plus(Lifetime::days(90).duration()),
            fingerprint_sha256: "55".repeat(32),
        }),
    ]
    .into_iter()
    .chain(approvals::public_events())
    .map(|event| (event.name(), event.version(), serde_json::to_value(&event).unwrap_or_default()))
    .collect()
}

fn push<E: Event>(all: &mut Vec<(&'static str, i16, Value)>, event: E) {
    let payload = event.to_payload().unwrap_or_default();
    all.push((event.kind(), event.schema_version(), serde_json::from_str(&payload).unwrap_or_default()));
}

fn address() -> d::Details {
    d::Details {
        address_lines: Some(vec!["1 Main Street".into()]),
        city: Some("Kanata".into()),
        state: Some("Ontario".into()),
        postal_code: Some("K2K 1A1".into()),
        ..d::Details::default()
    }
}

fn belongs() -> d::Belonging {
    d::Belonging {
        department_id: Some(DepartmentId(uuid(2))),
        certificate_type: Some(CertificateType::Server),
        requested_by: Some(AdministratorId(uuid(3))),
    }
}

fn name(kind: &str, name: &str, owner: Uuid) -> d::NameReserved {
    d::NameReserved { kind: kind.into(), name: name.into(), owner }
}

/// A UUIDv7 of 2026-11-21T09:00:00Z with a number at its end.
fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x019a_a5b8_9280_7000_8000_0000_0000_0000 + number)
}

fn time() -> Timestamp {
    Timestamp::from_unix(1_795_251_600)
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("env".to_owned(), "prod".to_owned())])
}

fn sans() -> Vec<SubjectAltName> {
    vec![
        SubjectAltName::Dns("shop.example.com".into()),
        SubjectAltName::Ip(std::net::Ipv4Addr::new(192, 0, 2, 10).into()),
    ]
}

fn rules() -> PolicyRules {
    PolicyRules {
        subject: SubjectRules {
            organization: Some(SubjectRule { equals: Some("Example".into()), ..SubjectRule::default() }),
            ..SubjectRules::default()
        },
        sans: Some(vec![SanRule {
            kind: SanKind::Dns,
            patterns: vec!["*.example.com".into()],
            required: true,
            max: Some(50),
        }]),
        key_algorithms: Some(vec![KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256]),
        ..PolicyRules::default()
    }
}
