//! Whether a CA may be made: where a rule asks for an approval, one was granted for it, and for nothing else (K-9).

use contracts::{
    OrganizationId,
    directory::{ApprovalEvent, ApprovalKind, ApprovalRequested, ApprovalRule},
    signer::CaIntended,
};
use serde_json::json;

use super::Refusal;

/// Refuses the CA of an organization that a rule asks approvals for, unless the approval that it names was granted for it.
/// `approval`: what happened to that approval, and whose each event is.
pub fn approved(
    intended: &CaIntended,
    organization: OrganizationId,
    rule: Option<&ApprovalRule>,
    approval: &[(OrganizationId, ApprovalEvent)],
) -> Result<(), Refusal> {
    if rule.is_none() {
        return Ok(());
    }
    let ours = approval.iter().all(|(whose, _)| *whose == organization);
    let events = || approval.iter().map(|(_, event)| event);
    let asked = events().any(|event| match event {
        ApprovalEvent::Requested(requested) => is_for(requested, intended),
        _ => false,
    });
    let granted = events().any(|event| matches!(event, ApprovalEvent::Granted(_)));
    if ours && asked && granted { Ok(()) } else { Err(Refusal::NotApproved) }
}

/// Whether what was shown to those who decided is this CA. Names of CAs are given once in an organization, so one
/// approval is for one CA.
fn is_for(requested: &ApprovalRequested, intended: &CaIntended) -> bool {
    let shown = |pointer: &str| {
        requested.changes.iter().find(|change| change.pointer == pointer).map(|change| &change.to)
    };
    requested.matter.kind == ApprovalKind::CaCreation
        && intended.approval_id == Some(requested.id)
        && shown("/name") == Some(&json!(intended.name))
        && shown("/kind") == Some(&json!(intended.kind))
        && shown("/parentId").cloned().unwrap_or_default() == json!(intended.parent_id)
        && shown("/keyAlgorithm") == Some(&json!(intended.key_algorithm))
        && shown("/maxTtl").cloned().unwrap_or_default() == json!(intended.max_ttl)
}

#[cfg(test)]
mod tests {
    use contracts::{
        ApprovalId, CaId, KeyId, Timestamp,
        command::Change,
        directory::{ApprovalGranted, ApprovalMatter, ApprovalPlace, Approvers},
        signer::CaKind,
        x509::{KeyAlgorithm, SignatureAlgorithm},
    };
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;

    const OURS: OrganizationId = OrganizationId(Uuid::from_u128(1));
    const THEIRS: OrganizationId = OrganizationId(Uuid::from_u128(2));
    const APPROVAL: ApprovalId = ApprovalId(Uuid::from_u128(3));

    fn intended(name: &str, approval_id: Option<ApprovalId>) -> CaIntended {
        CaIntended {
            approval_id,
            id: CaId(Uuid::from_u128(4)),
            name: name.into(),
            kind: CaKind::Root,
            key_id: KeyId(Uuid::from_u128(5)),
            key_algorithm: KeyAlgorithm::EcdsaP256,
            parent_id: None,
            signing_key_id: KeyId(Uuid::from_u128(5)),
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            tbs: String::new(),
            max_ttl: None,
        }
    }

    fn requested(kind: ApprovalKind, name: &str) -> ApprovalEvent {
        let change = |pointer: &str, to: Value| Change { pointer: pointer.into(), from: Value::Null, to };
        let place = ApprovalPlace::default();
        ApprovalRequested {
            id: APPROVAL,
            matter: ApprovalMatter { kind, subject_id: APPROVAL.to_string(), requested_by: None, place },
            summary: "make a CA".into(),
            changes: vec![
                change("/name", json!(name)),
                change("/kind", json!(CaKind::Root)),
                change("/keyAlgorithm", json!(KeyAlgorithm::EcdsaP256)),
            ],
            required: 1,
            approvers: Approvers::default(),
            four_eyes: true,
            expires_at: Timestamp::from_unix(0),
            remind_at: vec![],
            escalate: None,
            unmatched: vec![],
        }
        .into()
    }

    fn granted(kind: ApprovalKind) -> ApprovalEvent {
        let place = ApprovalPlace::default();
        let matter = ApprovalMatter { kind, subject_id: APPROVAL.to_string(), requested_by: None, place };
        ApprovalGranted { matter, by: vec![], message: None }.into()
    }

    #[test]
    fn where_a_rule_asks_for_it_a_ca_has_an_approval_of_its_own() {
        use ApprovalKind::{CaCreation, PolicyChange};
        let rule = ApprovalRule::requiring(1);
        let whole = |whose, kind, name: &str| vec![(whose, requested(kind, name)), (whose, granted(kind))];
        let root = intended("root", Some(APPROVAL));
        let history = whole(OURS, CaCreation, "root");
        assert_eq!(approved(&root, OURS, Some(&rule), &history), Ok(()));
        assert_eq!(approved(&intended("root", None), OURS, None, &[]), Ok(()), "nobody asks for one");
        for (what, ca, history) in [
            ("none is named", intended("root", None), history.clone()),
            ("none is there", root.clone(), vec![]),
            ("it is not granted yet", root.clone(), history[..1].to_vec()),
            ("it is for another CA", intended("other", Some(APPROVAL)), history.clone()),
            (
                "it is for one with another key",
                CaIntended { key_algorithm: KeyAlgorithm::Rsa2048, ..root.clone() },
                history.clone(),
            ),
            (
                "it is for one by itself",
                CaIntended { parent_id: Some(CaId(Uuid::from_u128(9))), ..root.clone() },
                history.clone(),
            ),
            ("it is for another act", root.clone(), whole(OURS, PolicyChange, "root")),
            ("it is another organization's", root.clone(), whole(THEIRS, CaCreation, "root")),
        ] {
            assert_eq!(approved(&ca, OURS, Some(&rule), &history), Err(Refusal::NotApproved), "{what}");
        }
    }
}
