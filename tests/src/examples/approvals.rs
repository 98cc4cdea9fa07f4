//! Examples of approvals, and of what waits for them.

use contracts::{ApprovalId, Code, Problem, Violation, command::Change, directory::ApprovalEvent as Event};

use super::*;

/// Kind, schema version and payload of each event.
pub(super) fn log_events(all: &mut Vec<(&'static str, i16, Value)>) {
    let by = AdministratorId(uuid(3));
    push(all, Event::from(requested()));
    let message = Some("checked with the owner".to_owned());
    push(
        all,
        Event::from(d::ApprovalGiven {
            matter: matter(),
            by,
            message: message.clone(),
            lapsed: vec![],
            remaining: 1,
        }),
    );
    push(
        all,
        Event::from(d::ApprovalGranted {
            matter: matter(),
            by: vec![by, AdministratorId(uuid(15))],
            message,
        }),
    );
    push(all, Event::from(d::ApprovalDeclined { matter: matter(), by, reason: "not our name".into() }));
    push(all, Event::from(d::ApprovalExpired { matter: matter() }));
    push(
        all,
        Event::from(d::ApprovalReminded {
            matter: matter(),
            remaining: 2,
            expires_at: in_days(14),
            next: Some(in_days(7)),
        }),
    );
    push(all, Event::from(d::ApprovalEscalated { matter: matter(), approvers: masters() }));
    push(
        all,
        Event::from(d::ApprovalWithdrawn {
            matter: matter(),
            by: Some(by),
            reason: Some("no longer needed".into()),
        }),
    );
    approval_policy(all);
    acts(all);
    requests(all, by);
}

fn approval_policy(all: &mut Vec<(&'static str, i16, Value)>) {
    let rules = vec![d::KindRule { kind: d::ApprovalKind::CaCreation, rule: d::ApprovalRule::requiring(1) }];
    let organization_id = Some(OrganizationId(uuid(1)));
    let approval_id = ApprovalId(uuid(16));
    push(
        all,
        d::ApprovalPolicyEvent::from(d::ApprovalPolicyReplaced {
            organization_id,
            rules: rules.clone(),
            approval_id: Some(approval_id),
        }),
    );
    push(
        all,
        d::ApprovalPolicyEvent::from(d::ApprovalPolicyProposed { organization_id, rules, approval_id }),
    );
    push(all, d::ApprovalPolicyEvent::from(d::ApprovalPolicyDropped { approval_id }));
}

fn acts(all: &mut Vec<(&'static str, i16, Value)>) {
    let approval_id = ApprovalId(uuid(14));
    let d::ApprovalRequested { id, matter, summary, changes, unmatched, .. } = requested();
    let rule = d::ApprovalRule {
        approvers: masters(),
        escalate: Some(d::Escalation { after: Lifetime::days(5), approvers: d::Approvers::default() }),
        auto: vec![d::AutomaticRule {
            name: "internal-names".into(),
            reason: Some("nobody outside can reach them".into()),
            names: vec!["*.corp.example".into()],
            ..d::AutomaticRule::default()
        }],
        ..d::ApprovalRule::requiring(2)
    };
    push(
        all,
        s::GuardedActEvent::from(s::ActHeld {
            approval: d::RequestApproval { id, matter, summary, changes, rule, unmatched },
            command: "submit_certificate_request".into(),
            body: serde_json::json!({"profile": "name:internal-web", "sans": [{"type": "dns", "value": "shop.example.com"}]}),
            if_version: None,
        }),
    );
    let subject_id = CertificateRequestId(uuid(9)).to_string();
    push(all, s::GuardedActEvent::from(s::ActDone { approval_id, subject_id }));
    push(all, s::GuardedActEvent::from(s::ActFailed { approval_id, problem: problem() }));
    push(all, s::GuardedActEvent::from(s::ActDropped { approval_id }));
}

fn requests(all: &mut Vec<(&'static str, i16, Value)>, by: AdministratorId) {
    let approval_id = ApprovalId(uuid(14));
    let of = s::RequestIdentity {
        profile_id: ProfileId(uuid(8)),
        certificate_id: CertificateId(uuid(11)),
        belongs: belongs(),
    };
    push(
        all,
        s::CertificateRequestEvent::from(s::CertificateRequestApproved {
            of,
            approval_id,
            by: vec![by, AdministratorId(uuid(15))],
        }),
    );
    push(
        all,
        s::CertificateRequestEvent::from(s::CertificateRequestRejected {
            of,
            approval_id,
            by: Some(by),
            reason: "not our name".into(),
        }),
    );
    push(
        all,
        s::CertificateRequestEvent::from(s::CertificateRequestCancelled {
            of,
            approval_id,
            by: Some(by),
            reason: Some("no longer needed".into()),
        }),
    );
    push(
        all,
        s::CertificateRequestEvent::from(s::CertificateRequestFailed {
            of,
            problem: problem(),
            policy_version: Some(4),
        }),
    );
}

/// Public events.
pub(super) fn public_events() -> Vec<PublicEvent> {
    let by = AdministratorId(uuid(3));
    vec![
        PublicEvent::CertificateRequestApproved(p::CertificateRequestApproved {
            by,
            remaining: 1,
            note: Some("checked with the owner".into()),
        }),
        PublicEvent::CertificateRequestRejected(p::CertificateRequestEnded {
            by: Some(by),
            reason: Some("not our name".into()),
        }),
        PublicEvent::CertificateRequestCancelled(p::CertificateRequestEnded {
            by: Some(by),
            reason: Some("no longer needed".into()),
        }),
        PublicEvent::CertificateRequestFailed(p::CertificateRequestFailed {
            step: "policy".into(),
            problem: p::FailureReason {
                code: Code::PolicyViolation.as_str().into(),
                detail: problem().detail,
            },
            is_final: true,
        }),
    ]
}

fn requested() -> d::ApprovalRequested {
    d::ApprovalRequested {
        id: ApprovalId(uuid(14)),
        matter: matter(),
        summary: "certificate for shop.example.com by the profile 'internal-web'".into(),
        changes: vec![Change {
            pointer: "/commonName".into(),
            from: Value::Null,
            to: "shop.example.com".into(),
        }],
        required: 2,
        approvers: masters(),
        four_eyes: true,
        expires_at: in_days(14),
        remind_at: vec![in_days(3), in_days(7)],
        escalate: Some(d::EscalationDue { at: in_days(5), approvers: d::Approvers::default() }),
        unmatched: vec![d::UnmatchedRule {
            rule: "internal-names".into(),
            why: "'shop.example.com' fits none of its patterns".into(),
        }],
    }
}

fn matter() -> d::ApprovalMatter {
    d::ApprovalMatter {
        kind: d::ApprovalKind::CertificateRequest,
        subject_id: CertificateRequestId(uuid(9)).to_string(),
        requested_by: Some(AdministratorId(uuid(17))),
        place: d::ApprovalPlace {
            department_id: Some(DepartmentId(uuid(2))),
            certificate_type: Some(CertificateType::Server),
            profile_id: Some(ProfileId(uuid(8))),
            installation: false,
        },
    }
}

fn masters() -> d::Approvers {
    d::Approvers {
        roles: vec![d::Role::BuiltIn(d::BuiltInRole::Master)],
        administrators: vec![AdministratorId(uuid(3))],
    }
}

fn in_days(days: i64) -> Timestamp {
    time().plus(Lifetime::days(days).duration())
}

fn problem() -> Problem {
    let detail = "it was approved, but what holds now refuses it: RSA 2048; at least 3072";
    let violation =
        Violation::at("#/csr", "key_too_small", "RSA 2048; at least 3072").by_rule("keyAlgorithms");
    Problem::new(Code::PolicyViolation, detail).with_errors(vec![violation])
}
